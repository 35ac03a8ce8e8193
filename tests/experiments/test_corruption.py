"""Scores, losses and gains from tables of predictions, by hand and against the plain estimates."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dance_tf.evaluation.intervals import estimate_difference, estimate_scores
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments import corruption as module
from dance_tf.experiments.cache import Run
from dance_tf.experiments.conditions import CLEAN, Corruption
from dance_tf.experiments.corrupted_clips import CorruptedClip, FrameSampling, HeldOutClip
from dance_tf.experiments.corruption import (
    EVERYTHING,
    augmentation_transfer,
    condition_scores,
    corruption_means,
    gains,
    hardest_groups,
    judge_corrupted,
    losses,
    network_inputs,
    paper_levels,
    runs_of,
    severity_levels,
)
from dance_tf.experiments.spec import RunSpec
from dance_tf.model.networks import NetworkSettings
from dance_tf.model.settings import TrainingSettings, training_settings

STYLES = ("Tok", "TDS", "TMM")


def judged(
    hits, condition=CLEAN, severity=0.0, seed=0, name="network", run="r", changed=True, dancers=("Ada", "Bo", "Cy")
):
    """Return rows of `judge_corrupted`, three frames a clip.

    Args:
        hits: hits[dancer][style] says whether the clip is recognised.
    """
    styles = STYLES[: len(hits[0])]
    rows = [
        {
            "run": run, "name": name, "condition": condition, "severity": float(severity), "seed": seed,
            "clip": f"{dancer or 'unknown'}/{style}", "dancer": dancer, "style": style,
            "predicted": style if hit else styles[(place + 1) % len(styles)], "changed": changed,
        }
        for dancer, row in zip(dancers, hits, strict=True)
        for place, (style, hit) in enumerate(zip(styles, row, strict=True))
    ]  # fmt: skip
    table = pd.DataFrame(rows).astype({name: pd.CategoricalDtype(list(styles)) for name in ("style", "predicted")})
    counts = 3 * np.eye(len(styles), dtype=int)[table["predicted"].cat.codes]
    return table.assign(counts=[" ".join(map(str, row)) for row in counts])


FOUR = ("Ada", "Bo", "Cy", "")
ALL, THREE, HALF, NONE = [[1, 1], [1, 1]], [[1, 1], [1, 0]], [[1, 1], [0, 0]], [[0, 0], [0, 0]]


def two(hits, *args, **fields):
    return judged(hits, *args, dancers=("Ada", "Bo"), **fields)


def summary(*tables, **draws):
    found = corruption_means(pd.concat(tables), **draws)
    return found[found["metric"] == "accuracy"].set_index(["summary", "unit"])


def test_severities_are_averaged_before_conditions():
    found = summary(
        two(THREE),
        two(THREE, "mild_fog", 1),
        two(HALF, "mild_fog", 2),
        two(NONE, "mild_fog", 2, seed=1),  # 0.25 over two seeds
        two(ALL, "rain", 1),
    )
    assert found.loc[("mpc", "frame"), "mean"] == pytest.approx(((0.75 + 0.25) / 2 + 1) / 2)
    assert found.loc[("rpc", "frame"), "mean"] == pytest.approx(1)
    assert set(found["conditions"]) == {2} and set(found["runs"]) == {1}


def test_all_draws_by_hand():
    # a draw holds one dancer twice (1/4 each) or both (1/2); corrupted: Ada 1, Bo 0; clean: Ada 1, Bo 0.5
    found = summary(two(THREE), two(HALF, "rain", 3), resamples=400)
    assert tuple(found.loc[("mpc", "frame"), ["low", "high"]]) == (0, 1)
    assert found.loc[("rpc", "frame"), "mean"] == pytest.approx(0.5 / 0.75)
    assert tuple(found.loc[("rpc", "frame"), ["low", "high"]]) == (0, 1)  # 0/0.5, 0.5/0.75 or 1/1


def test_one_condition_at_one_level_gives_the_plain_estimate():
    random = np.random.default_rng(0)
    dancers = tuple(f"dancer {i}" for i in range(8))
    hits = [random.integers(0, 2, (8, 2)).tolist() for _ in range(3)]
    levels = [
        pd.concat([judged(own, condition, 1, run=f"r{i}", dancers=dancers) for i, own in enumerate(hits)])
        for condition in (CLEAN, "rain")
    ]
    found = corruption_means(pd.concat(levels))
    plain = estimate_scores(runs_of(levels[0]), "clip")
    for row in found[(found["unit"] == "clip") & (found["summary"] == "mpc")].itertuples():
        assert (row.mean, row.low, row.high) == pytest.approx(
            (plain[row.metric].mean, plain[row.metric].low, plain[row.metric].high)
        )
    relative = found[(found["summary"] == "rpc") & (found["metric"] == "accuracy") & (found["unit"] == "clip")].iloc[0]
    assert tuple(relative[["mean", "low", "high"]]) == pytest.approx((1, 1, 1))


def test_one_dancer_gives_no_interval_and_a_clean_score_of_zero_no_ratio():
    alone = dict(dancers=("Ada",))
    found = summary(judged([[1, 0]], **alone), judged([[1, 0]], "rain", 3, **alone))
    assert found["low"].isna().all() and found.loc[("mpc", "clip"), "mean"] == 0.5
    assert np.isnan(summary(two(NONE), two(HALF, "rain", 3)).loc[("rpc", "clip"), "mean"])


def test_a_condition_that_changed_no_clip_does_not_count():
    same = two(ALL, "low_resolution", 3, changed=False)
    assert summary(two(ALL), two(HALF, "rain", 3), same).loc[("mpc", "frame"), "mean"] == pytest.approx(0.5)
    assert summary(two(ALL), same)["mean"].isna().all()
    table = pd.concat([two(ALL), two(HALF, "rain", 3), same])
    assert set(losses(table)["condition"]) == {"rain"}
    rows = condition_scores(table, 20).drop_duplicates(["condition", "changed"])
    assert dict(zip(rows["condition"], rows["changed"], strict=True)) == {
        CLEAN: True,
        "rain": True,
        "low_resolution": False,
    }


CLEAN_ROWS = judged([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 1]], dancers=FOUR)
FOGGY = judged([[1, 1, 0], [1, 0, 0], [1, 1, 1], [1, 1, 1]], "mild_fog", 2, dancers=FOUR)
FOGGIER = judged([[1, 1, 0], [0, 0, 0], [1, 1, 1], [1, 1, 0]], "mild_fog", 2, seed=1, dancers=FOUR)


def test_the_worst_dancer_and_style_by_hand():
    found = hardest_groups(pd.concat([CLEAN_ROWS, FOGGY, FOGGIER])).set_index(["kind", "group"])
    dancer, style = found.loc[("worst", "dancer")], found.loc[("worst", "style")]
    assert (dancer["member"], dancer["accuracy"], dancer["clean"]) == ("Bo", pytest.approx(1 / 6), pytest.approx(2 / 3))
    assert (dancer["predictions"], dancer["clips"]) == (6, 3)
    assert (style["member"], style["accuracy"], style["clean"]) == ("TMM", pytest.approx(3 / 8), pytest.approx(3 / 4))


def test_the_worst_dancer_need_not_have_the_largest_loss():
    # Cy loses two of three clips and keeps one; Bo, who had one, has none left
    before = judged([[1, 1, 1], [1, 0, 0], [1, 1, 1], [1, 1, 1]], dancers=FOUR)
    after = judged([[1, 1, 1], [0, 0, 0], [1, 0, 0], [1, 1, 1]], "rain", 2, dancers=FOUR)
    found = hardest_groups(pd.concat([before, after])).set_index(["kind", "group"])["member"]
    assert found["worst", "dancer"] == "Bo" and found["losing", "dancer"] == "Cy" and found["losing", "style"] == "Tok"


def test_groups_that_were_not_tested_clean_have_no_loss():
    ada = CLEAN_ROWS[CLEAN_ROWS["dancer"] == "Ada"]
    found = hardest_groups(pd.concat([ada, FOGGIER[FOGGIER["dancer"] != "Ada"]])).set_index(["kind", "group"])
    assert ("losing", "dancer") not in found.index and np.isnan(found.loc[("worst", "dancer"), "clean"])
    lost = FOGGIER.assign(predicted=FOGGIER["style"].where(FOGGIER["clip"] != "unknown/TMM", "Tok"))
    found = hardest_groups(pd.concat([CLEAN_ROWS, lost])).set_index(["kind", "group"])
    assert found.loc[("worst", "dancer"), "member"] == "clip unknown/TMM"  # an unknown dancer is one clip


def test_scores_and_drops_equal_the_plain_estimates():
    found = condition_scores(pd.concat([CLEAN_ROWS, FOGGY, FOGGIER]), 200).set_index(["condition", "unit", "metric"])
    clean, fog = runs_of(CLEAN_ROWS), runs_of(pd.concat([FOGGY, FOGGIER]))
    for unit in ("frame", "clip"):
        for metric in ("accuracy", "f1"):
            row = found.loc[("mild_fog", unit, metric)]
            plain, drop = estimate_scores(fog, unit, 200)[metric], estimate_difference(clean, fog, unit, 200)[metric]
            assert tuple(row[["mean", "low", "high", "runs"]]) == (plain.mean, plain.low, plain.high, 2)
            assert tuple(row[["drop", "drop_low", "drop_high"]]) == (drop.mean, drop.low, drop.high)
    assert found.loc[("mild_fog", "clip", "accuracy"), "drop"] == pytest.approx(11 / 12 - (9 / 12 + 7 / 12) / 2)
    assert np.isnan(found.loc[(CLEAN, "clip", "accuracy"), "drop"])


MANY = tuple(f"d{i}" for i in range(10))


def many(right, condition=CLEAN, severity=0.0, name="network"):
    """Return one clip of each of ten dancers; the first `right` are recognised."""
    hits = [[int(i < right), 1] for i in range(10)]
    return judged(hits, condition, severity, name=name, dancers=MANY)


def test_losses_are_tested_over_dancers_and_corrected():
    found = losses(pd.concat([many(10), many(2, "rain", 3), many(9, "low_light", 3)])).set_index("condition")
    assert found.loc["rain", "mean"] == pytest.approx(0.4) and found.loc["low_light", "mean"] == pytest.approx(0.05)
    assert found.loc["rain", "p_holm"] == pytest.approx(2 * found.loc["rain", "p"])
    assert dict(found["result"]) == {"rain": "higher", "low_light": "not significant"}
    few = losses(pd.concat([CLEAN_ROWS, FOGGY]))
    assert list(few["result"]) == ["too few dancers"] and few["p"].notna().all()


def test_a_gain_beyond_clean_subtracts_the_clean_gain():
    first = pd.concat([many(10), many(8, "rain", 3), many(9, "low_light", 3)])
    second = pd.concat([many(9), many(2, "rain", 3), many(9, "low_light", 3)])
    found = gains(first, second).set_index(["condition", "kind"])
    assert found.loc[(CLEAN, "total"), "mean"] == pytest.approx(0.05)
    assert (CLEAN, "beyond clean") not in found.index
    rain = found.loc["rain"]
    assert rain.loc["total", "mean"] == pytest.approx(0.3) and rain.loc["beyond clean", "mean"] == pytest.approx(0.25)
    assert rain.loc["total", "p_holm"] == pytest.approx(2 * rain.loc["total", "p"])
    assert rain.loc["total", "result"] == "higher"
    assert gains(first, second[:0]).empty


def test_transfer_compares_trainings_by_family():
    right = {"none": (10, 4, 8), "all": (9, 8, 8), "all but noise": (9, 4, 8)}
    parts = [
        part
        for name, (clean, noise, rain) in right.items()
        for part in (
            many(clean, name=name),
            many(noise, "mild_noise", 2, name),
            many(noise, "severe_noise", 4, name),
            many(rain, "rain", 3, name),
            many(10, "low_resolution", 3, name).assign(changed=False),
            many(1, "dropped_frames", 3, name),  # no family of training
        )
    ]
    table = pd.concat(parts, ignore_index=True)
    accuracies, found = augmentation_transfer(table, 50)
    accuracy = accuracies.set_index(["family", "training"])["mean"]
    assert list(dict.fromkeys(accuracies["family"])) == [CLEAN, "noise", "weather", EVERYTHING]
    assert accuracy["noise", "none"] == pytest.approx(0.7) and accuracy["noise", "all but"] == pytest.approx(0.7)
    assert accuracy[EVERYTHING, "all"] == pytest.approx(0.9) and ("weather", "all but") not in accuracy.index
    gain = found.set_index(["training", "family", "kind"])
    assert gain.loc[("all", "noise", "total"), "mean"] == pytest.approx(0.2)
    assert gain.loc[("all", "noise", "beyond clean"), "mean"] == pytest.approx(0.25)
    assert gain.loc[("all", EVERYTHING, "total"), "mean"] == pytest.approx(0.4 / 3)
    assert gain.loc[("all but", "noise", "beyond clean"), "mean"] == pytest.approx(0.05)
    assert len(found) == 1 + 2 * 2 + 2 + 2


def test_levels_of_the_table_and_of_the_curves():
    levels = [
        (CLEAN, 0, 0),
        ("rain", 3, 0),
        ("rain", 3, 1),
        ("rain", 5, 0),
        ("low_resolution", 4, 0),
        ("heavy_fog", 4, 0),
    ]
    table = pd.concat([two(ALL, *level) for level in levels])
    found = paper_levels(table)[["condition", "severity", "seed"]].drop_duplicates()
    assert [tuple(row) for row in found.to_numpy()] == [levels[0], levels[1], levels[2], levels[5]]
    found = severity_levels(table, ["rain"])[["condition", "severity", "seed"]].drop_duplicates()
    assert [tuple(row) for row in found.to_numpy()] == [levels[0], levels[1], levels[3], levels[4]]


def test_network_inputs_are_frames_or_windows_in_a_view():
    frames = np.full((2, 3, 128, 128, 1), 90, np.uint8)
    clip = CorruptedClip(frames, np.full((128, 128, 1), 60, np.uint8), True)
    pair = replace(TrainingSettings("cnn_lstm", "frame"), network=NetworkSettings(sequence_length=2))
    assert network_inputs(clip, TrainingSettings("cnn", "frame")).shape == (2, 128, 128, 1)
    assert network_inputs(clip, pair).shape == (2, 2, 128, 128, 1) and (network_inputs(clip, pair) == 90).all()
    assert (network_inputs(clip, TrainingSettings("cnn", "difference")) != 90).all()


class StubModel:
    """A model that predicts the style whose index is the frames' gray level."""

    def predict_on_batch(self, inputs):
        return np.eye(2)[inputs[..., 0, 0, 0].reshape(len(inputs), -1)[:, -1]]


@pytest.fixture
def experiment(monkeypatch, tmp_path):
    """An experiment whose clips need no files; `measured` has what was computed."""
    clips = [
        HeldOutClip(name, f"of {name}", "TDS", None, "", (), (), 0, tmp_path, FrameSampling())
        for name in ("a", "b", "gone")
    ]
    monkeypatch.setattr(module, "find_held_out", lambda *_: clips)
    monkeypatch.setattr(module, "call_each", lambda step, tasks, *_, **__: [step(*task) for task in tasks])
    monkeypatch.setattr(Run, "load_model", lambda run: StubModel())

    def load(clip, corruption):
        level = int(corruption.condition == CLEAN or clip.clip_id == "a")
        shape = (2, corruption.window, 128, 128, 1)
        return CorruptedClip(np.full(shape, level, np.uint8), np.zeros(shape[2:], np.uint8), True)

    monkeypatch.setattr(HeldOutClip, "load", load)
    return SimpleNamespace(jobs=1, with_weights=lambda runs: None, measure=lambda name, compute, *key: compute())


def run_of(key, tmp_path, strategy="cnn", name="", held_out=("a", "b", "gone")):
    settings = training_settings(strategy, "frame")
    settings = replace(settings, network=replace(settings.network, sequence_length=4))
    run = Run(RunSpec(settings, name=name or f"name of {key}"), tmp_path / key, 0, 0, False, 0.0, 0.0)
    count = len(held_out)
    nothing = np.zeros((count, 2))
    run.__dict__["test"] = Predictions(STYLES[:2], held_out, [""] * count, [0] * count, nothing, nothing)
    return run


def test_networks_classify_the_clips_that_were_not_refused(experiment, tmp_path):
    rain = [Corruption("rain", 3), Corruption("rain", 3, 1)]
    clean = Corruption(CLEAN, window=4)
    clips = pd.DataFrame(
        [(clip, "", *level, 1, level[0] != CLEAN) for clip in "ab" for level in ((CLEAN, 0.0), ("rain", 3.0))]
        + [("gone", "it is gone", CLEAN, 0.0, None, None)],
        columns=["clip", "reason", "condition", "severity", "background_valid", "changed"],
    )
    main, sequence = run_of("main", tmp_path), run_of("sequence", tmp_path, "cnn_lstm")
    same = run_of("main", tmp_path, name="same")  # a comparison with the settings of the main run
    fold = run_of("fold", tmp_path, held_out=("b",))  # tests another part of the dancers
    plan = [([main, fold], [clean, *rain]), ([sequence, same], [clean, rain[0]])]
    table = judge_corrupted(experiment, plan, clips, FrameSampling())
    part, table = table[table["run"] == "fold"], table[table["run"] != "fold"]
    assert set(part["clip"]) == {"b"} and len(part) == 3
    table, twin = table[table["name"] != "same"], table[table["name"] == "same"]
    asked = table.groupby(["run", "condition", "seed"], sort=False).size()
    assert dict(asked) == {
        ("main", CLEAN, 0): 2, ("main", "rain", 0): 2, ("main", "rain", 1): 2, ("sequence", CLEAN, 0): 2
    }  # fmt: skip
    assert set(twin["run"]) == {"main"} and len(twin) == 4
    assert set(table["clip"]) == {"a", "b"} and set(table["name"]) == {"name of main", "name of sequence"}
    rainy = table[(table["condition"] == "rain") & (table["seed"] == 0)].set_index("clip")
    assert dict(rainy["predicted"]) == {"a": "TDS", "b": "Tok"} and list(rainy["counts"]) == ["0 2", "2 0"]
    assert table["changed"].all() and list(table["style"].cat.categories) == ["Tok", "TDS"]
    scores = runs_of(table[table["condition"] == "rain"])[0]
    assert list(scores.predicted) == [1, 0] and scores.dancers == ("of a", "of b")
