"""Sentences of the report, on tables made by hand."""

from dataclasses import dataclass

import pandas as pd
import pytest

from dance_tf.evaluation.metrics import SCORES
from dance_tf.experiments.scores import HELD_OUT, VALIDATION
from dance_tf.experiments.spec import BASELINE, RunSpec
from dance_tf.model.settings import TrainingSettings
from dance_tf.report import sentences


def scored(values):
    """Return `estimates` by name and view: accuracy `values[name, view, part]`, all other scores 0.5."""
    rows = [
        {"name": name, "view": view, "part": part, "unit": unit, "metric": metric,
         "mean": accuracy if metric == "accuracy" else 0.5, "low": accuracy - 0.1, "high": accuracy + 0.1}
        for (name, view, part), accuracy in values.items() for unit in ("frame", "clip") for metric in SCORES
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(runs=2, dancers=4)


NET = "cnn_ae_attention"
TABLE = scored(
    {(NET, "difference", VALIDATION): 0.7, (NET, "difference", HELD_OUT): 0.6, (BASELINE, "difference", HELD_OUT): 0.3,
     (NET, "frame", VALIDATION): 0.5, (NET, "frame", HELD_OUT): 0.2, (BASELINE, "frame", HELD_OUT): 0.25}
)  # fmt: skip


def test_the_headline_has_the_better_view_its_interval_baseline_and_chance():
    assert sentences.better_view(TABLE) == "difference"
    text = sentences.evaluation_headline(TABLE, "Our network", "synthetic", 1 / 12)
    for part in ("Our network", "background subtracted", "60.0 [50.0, 70.0] %", "4 held-out dancers", "30.0", "8.3 %"):
        assert part in text
    assert "1 held-out dancer (" in sentences.evaluation_headline(
        TABLE.assign(dancers=1), "Our network", "synthetic", 0.1
    )


@pytest.mark.parametrize(("fitted", "conclusion"), [(0.95, "does not generalise"), (0.2, "no conclusion")])
def test_frames_with_background_are_judged_by_training_and_held_out_accuracy(fitted, conclusion):
    text = sentences.evaluation_text(TABLE, {"difference": 0.9, "frame": fitted}, 1 / 12)
    assert "60.0 %" in text and "30.0" in text and "20.0 % of the clips" in text and conclusion in text
    assert "too narrow" in text and "too narrow" not in sentences.evaluation_text(TABLE.assign(dancers=20), {}, 1 / 12)


def test_scores_have_titles_and_the_order_of_the_metrics():
    table = sentences.wide_scores(TABLE)
    assert list(table["metric"].unique()) == list(SCORES)
    assert set(table["name"]) == {"CNN + AE + Attention", "Logistic regression"}


@pytest.mark.parametrize(
    ("dancers", "clips", "said"),
    [(20, [9, 9], []), (4, [9, 9], ["4 dancers", "no difference is tested"]), (20, [9, 1], ["one clip: b"])],
)
def test_what_small_data_cannot_show_is_said(dancers, clips, said):
    data = {"clips": 18, "dancers": dancers, "styles": ["a", "b"], "source": "my clips", "rooms_unknown": 2}
    counts = pd.DataFrame({"style": ["a", "b"], "clips": clips, "kept": [60, 30], "seen": [70, 30]})
    text = sentences.data_text(data, counts)
    assert "90 of 100 frames (90.0%)" in text and "In 2 clips" in text and "my clips" in text
    assert all(part in text for part in said)
    assert ("no difference is tested" in text) == (dancers < 8) and ("one clip" in text) == (1 in clips)


def test_the_autoencoder_is_compared_with_its_baselines():
    errors = {"all stages at once": 0.008, "linear code": 0.005, "32 × 32 pixels": 0.002, "principal components": 0.001}
    rows = [("autoencoder", 0.001), ("autoencoder", 0.004), *errors.items()]
    text = sentences.reconstruction_text(pd.DataFrame(rows, columns=["method", "error"]).assign(view="difference"))
    assert "4.00 × 10⁻³ (gray levels from 0 to 1): 0.80 times that of a linear code of the same shape (5.00)" in text
    assert "2.00 times that of the frame shrunk to 32 × 32 pixels (2.00)" in text
    assert "0.50 times that of all five stages trained at once for as many steps (8.00)" in text


@dataclass(frozen=True)
class Trained:
    spec: RunSpec
    history: pd.DataFrame
    best_epoch: int = 1
    stopped_early: bool = False
    parameters: int = 726_036


def test_training_is_summarised_by_view():
    history = pd.DataFrame({"accuracy": [0.5, 0.8], "val_accuracy": [0.4, 0.6]})
    runs = [
        Trained(RunSpec(TrainingSettings(view=view), fold=fold), history + 0.1 * fold)
        for view in ("difference", "frame")
        for fold in (0, 1)
    ]
    assert sentences.training_accuracy(runs) == pytest.approx({"difference": 0.85, "frame": 0.85})
    table = sentences.training_table(runs)
    assert table["fold"].tolist() == [1, 2, 1, 2] and table["validation accuracy (%)"].tolist()[:2] == [60, 70]
    text = sentences.training_text(runs)
    assert "4 runs: 2 of 5 folds" in text and "85.0 %" in text and "726,036" in text and "2.9 MB" in text


def test_a_learning_curve_says_what_more_dancers_add():
    rows = pd.DataFrame(
        [(14, "held out, by clip", 0.7, 0.6, 0.8), (8, "held out, by clip", 0.5, 0.4, 0.6),
         (8, "training frames", 0.9, None, None), (14, "training frames", 0.8, None, None)],
        columns=["dancers", "group", "mean", "low", "high"],
    )  # fmt: skip
    text = sentences.learning_curve_text(rows)
    assert "50.0 [40.0, 60.0] % with 8, 70.0 [60.0, 80.0] % with 14. From 8 to 14 it rises by 20.0 points." in text
    assert text.endswith("recognises 80.0 % of its (changed) training frames in the last epoch.")
