"""Run specifications and the grids made of them."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from dance_tf.dataset.store import open_dataset
from dance_tf.experiments.spec import (
    Ablation,
    RunSpec,
    augmentation_specs,
    dancer_specs,
    fold_specs,
    frame_interval_specs,
    leakage_specs,
    read_ablations,
    split_of,
    training_split,
)
from dance_tf.model.networks import STRATEGIES
from dance_tf.model.settings import TrainingSettings

ROWS = Path(__file__).resolve().parents[2] / "notebooks" / "ablations.yaml"


def test_json_restores_a_spec(tiny):
    spec = RunSpec(replace(tiny, augment=("noise",)), name="x", fold=2, interval=3)
    assert RunSpec.from_json(json.loads(json.dumps(asdict(spec)))) == spec
    assert (spec.title, RunSpec(tiny).name) == ("CNN + AE", "cnn_ae")


def test_each_fold_and_repeat_has_its_own_seed_the_same_for_every_strategy(tiny):
    specs = fold_specs(tiny, 3, 2)
    assert len({spec.training_seed for spec in specs}) == len(specs) == 6
    others = fold_specs(replace(tiny, strategy="cnn"), 3, 2)
    assert [spec.training_seed for spec in others] == [spec.training_seed for spec in specs]


def test_a_baseline_is_one_run_whatever_the_network(tiny):
    one, other = (RunSpec(replace(tiny, strategy=name), baseline=True) for name in ("cnn", "ae"))
    assert one.identity == other.identity != RunSpec(replace(tiny, view="frame"), baseline=True).identity


def test_an_interval_subsamples_training_and_validation_and_leaves_the_test_part(tiny, tiny_data):
    dataset, spec = open_dataset(tiny_data), RunSpec(tiny, folds=3, interval=2)
    whole, part = split_of(dataset, spec), training_split(dataset, spec)
    assert len(part.train) < len(whole.train) and set(part.train) <= set(whole.train)
    assert len(part.validation) < len(whole.validation)
    assert part.test.tolist() == whole.test.tolist()


def test_fewer_dancers_are_part_of_more_and_see_as_many_frames(tiny, tiny_data):
    dataset = open_dataset(tiny_data)
    specs = dancer_specs(replace(tiny, frames_per_clip=6), (1, 2, 3), 3, 1, folds=4)
    assert [(spec.training_dancers, spec.settings.frames_per_clip) for spec in specs] == [(1, 18), (2, 9), (3, 6)]
    parts = [training_split(dataset, spec) for spec in specs]
    owners = [set(np.array(dataset.dancers)[dataset.clip_index[part.train]]) for part in parts]
    whole = split_of(dataset, specs[0])
    there = set(np.array(dataset.dancers)[dataset.clip_index[whole.train]])
    assert owners[0] < owners[1] <= owners[2] <= there and len(owners[0]) == 1
    for part in parts:
        assert part.validation.tolist() == whole.validation.tolist() and part.test.tolist() == whole.test.tolist()


def test_smaller_frames_are_trained_at_the_first_and_last_interval(tiny):
    specs = frame_interval_specs(tiny, [10, 1, 3], [64, 128], 2, score_frames=6)
    found = {(spec.settings.frame_size, spec.interval) for spec in specs}
    assert found == {(128, 1), (128, 3), (128, 10), (64, 1), (64, 10)} and len(specs) == 10


def test_an_epoch_is_equally_long_under_every_split(tiny):
    specs = leakage_specs(replace(tiny, frames_per_clip=25, validation_frames=25), 1)
    frames = {spec.split: (spec.settings.frames_per_clip, spec.settings.validation_frames) for spec in specs}
    # by frame, every clip is in training and validation; otherwise 0.7 and 0.1 of them
    assert frames == {"frame": (18, 2), "clip": (25, 25), "dancer": (25, 25)}


def test_augmentation_leaves_out_one_family_at_a_time(tiny):
    specs = {spec.name: spec.settings.augment for spec in augmentation_specs([RunSpec(tiny)], ["noise"])}
    assert list(specs) == ["none", "all", "all but noise"] and specs["none"] == ()
    assert set(specs["all"]) - set(specs["all but noise"]) == {"noise"}


def test_ablations_change_training_and_network(tmp_path):
    changed = Ablation("x", "x", {"schedule.learning_rate": 0.01, "squeeze_ratio": 2}).apply(TrainingSettings())
    assert (changed.schedule.learning_rate, changed.network.squeeze_ratio) == (0.01, 2)
    assert changed.schedule.epochs == TrainingSettings().schedule.epochs


def test_the_published_rows_change_what_the_paper_suggests():
    rows = read_ablations(ROWS)
    changed = {setting for row in rows for setting in row.changes}
    assert {"strategy", "progressive", "freeze_encoder"} <= changed
    settings = [row.apply(TrainingSettings()) for row in rows]
    assert len(set(settings)) == len(rows) and all(each.strategy in STRATEGIES for each in settings)
    assert read_ablations(ROWS, 2) == rows[:2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- {name: a, title: b}", "row 1: needs name, title and changes"),
        ("- {name: a, title: b, changes: {squeeze: 2}}", r"row 1 \(a\): .*squeeze"),
        ("- {name: a, title: b, changes: {schedule: {epochs: 3}}}", r"row 1 \(a\)"),
        ("- &r {name: a, title: b, changes: {gated_logits: true}}\n- *r", "the name a occurs twice"),
    ],
)
def test_faulty_rows_are_refused(tmp_path, text, message):
    path = tmp_path / "rows.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_ablations(path)
