"""Table and sentences of the ladder and of the shortcut tests, on hand-made answers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from dance_tf.evaluation.predictions import Predictions
from dance_tf.evaluation.shortcuts import AS_IT_IS, BACKGROUND, MIRRORED, SHUFFLED
from dance_tf.experiments.spec import RunSpec
from dance_tf.model.settings import TrainingSettings, training_settings
from dance_tf.report import ladder

STYLES = ("Supalonely", "Say So", "Tak Mau Mau", "Diam Diam Menyukaiku", "Lottery")


@dataclass(frozen=True)
class HandMade:
    spec: RunSpec
    test: Predictions
    parameters: int = 1234
    training_seconds: float = 120.0
    history: pd.DataFrame | None = None
    validation: None = None


def hand_made(name, wrong=(), view="frame", dancers=4, **fields):
    """A run that gives every clip of the styles `wrong` the next style."""
    labels = np.tile(np.arange(5), dancers)
    given = np.where(np.isin(np.array(STYLES)[labels], wrong), (labels + 1) % 5, labels)
    ids = [f"clip{clip}" for clip in range(len(labels))]
    names = [f"dancer{clip // 5}" for clip in range(len(labels))]
    found = Predictions(STYLES, ids, names, labels, np.eye(5)[given], 3 * np.eye(5, dtype=int)[given])
    settings = training_settings(name) if name.startswith("skeleton") else TrainingSettings("cnn_ae_attention", view)
    return HandMade(RunSpec(settings, name=ladder.rung_name(settings.strategy, view), **fields), found)


@pytest.fixture
def runs():
    wrong = {"frame": STYLES[:4], "cutout": STYLES[2:4]}
    return [*(hand_made("cnn_ae_attention", each, view) for view, each in wrong.items()), hand_made("skeleton_tcn")]


@pytest.fixture
def references():
    asked = [(count, style, f"dancer{n}") for count in (1, 3) for style in STYLES for n in range(4)]
    asked += [(1, style, "another dancer") for style in STYLES]  # not tested by the runs
    table = pd.DataFrame(asked, columns=["references", "style", "dancer"])
    return table.assign(clip="", draw=0, right=(table["references"] == 3) | (table["style"] != "Lottery"))


@pytest.fixture
def templates():
    """Verdicts on clips of dancers whom the runs do not test."""
    return pd.DataFrame(
        [{"clip": style, "style": style, "dancer": "d9", "right": style != "Lottery"} for style in STYLES]
    )


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("cnn_ae_attention_cutout", "CNN + AE + Attention, dancer cut out"),
        ("logistic_regression_difference", "Logistic regression, background subtracted"),
        ("skeleton_tcn", "Skeleton TCN"),
        ("references_1", "Nearest of 1 reference a style, no training"),
        ("references_3", "Nearest of 3 references a style, no training"),
        ("templates", "Nearest template of other dancers"),
    ],
)
def test_rungs_have_titles(name, title):
    assert ladder.rung_title(name) == title


def test_the_ladder_has_accuracies_of_all_and_of_similar_styles(runs, references, templates):
    scores = ladder.ladder_scores(runs, references, templates, resamples=50)
    wide = scores.pivot(index="name", columns="measure", values="mean")
    expected = {
        "cnn_ae_attention_frame": (0.2, 0.2, 0, 0),
        "cnn_ae_attention_cutout": (0.6, 0.6, 1, 0),
        "skeleton_tcn": (1, 1, 1, 1),
        "references_1": (np.nan, 0.8, 1, 1),
        "references_3": (np.nan, 1, 1, 1),
        "templates": (np.nan, 0.8, 1, 1),
    }
    for name, values in expected.items():
        row = wide.loc[name, [ladder.FRAME, ladder.CLIP, ladder.SIMILAR, ladder.ORDER]].astype(float)
        np.testing.assert_allclose(row, values, err_msg=name)
    table = ladder.ladder_table(scores, runs)
    assert table["rung"].iloc[0] == "CNN + AE + Attention, with background"
    by_rung = table.set_index("rung")
    assert by_rung.loc["Skeleton TCN", ["weights", "training (min)"]].tolist() == ["1,234", "2.0"]
    assert by_rung.loc["Nearest of 1 reference a style, no training", "training (min)"] == "–"
    assert by_rung.loc["Skeleton TCN", ladder.ORDER] == "100.0 [100.0, 100.0]"
    rows = ladder.accuracy_rows(scores)
    assert rows["name"].tolist() == table["rung"].tolist() and rows["mean"].is_monotonic_increasing


def test_the_ladder_is_put_into_words(runs, references, templates):
    text = ladder.ladder_text(ladder.ladder_scores(runs, references, templates, resamples=50), "synthetic", 1 / 5)
    first = "Of all inputs, Skeleton TCN recognises the clips of 4 held-out dancers (synthetic) best: "
    assert text.startswith(f"{first}**100.0 [100.0, 100.0] %** (chance 20.0 %). ")
    assert "60.0 [60.0, 60.0] % where it sees the dancer cut out" in text and "+40.0 points" in text
    assert "Nearest of 1 reference a style, no training: 80.0" in text
    assert "Tak Mau Mau and Diam Diam Menyukaiku (the same poses in another order) it recognises 100.0" in text


def test_without_skeletons_there_are_the_rungs_of_frames(runs):
    scores = ladder.ladder_scores(runs[:1], pd.DataFrame(), pd.DataFrame(), resamples=50)
    assert set(scores["name"]) == {"cnn_ae_attention_frame"}
    assert "cut out" not in ladder.ladder_text(scores, "synthetic", 0.2)


def test_curves_of_dancers_have_networks_and_references(references):
    history = pd.DataFrame({"accuracy": [0.5]})
    learnt = [hand_made("skeleton_tcn", STYLES[:2], training_dancers=2), hand_made("skeleton_tcn")]
    learnt = [HandMade(run.spec, run.test, history=history) for run in learnt]
    rows = ladder.growing_with_dancers(learnt, 7, references, resamples=50)
    found = {(row["group"], row["dancers"]): row["mean"] for row in rows.to_dict("records")}
    nearest = "Nearest reference, no training"
    assert found == pytest.approx(
        {("Skeleton TCN", 2): 0.6, ("Skeleton TCN", 7): 1, (nearest, 1): 0.8, (nearest, 3): 1}
    )


def answered(shares):
    """Answers of 20 dancers to each style under each change, right in so many of 20."""
    most = {AS_IT_IS: 20, BACKGROUND: 4, MIRRORED: 20, SHUFFLED: 20}
    rows = [
        (change, style, f"dancer{n}", n < shares.get((change, style), most[change]))
        for change in most for style in STYLES for n in range(20)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["change", "style", "dancer", "right"]).assign(name="skeleton_tcn", clip="")


def test_shortcuts_are_put_into_words():
    shares = {(MIRRORED, "Lottery"): 1, (SHUFFLED, "Tak Mau Mau"): 10, (SHUFFLED, "Diam Diam Menyukaiku"): 10}
    scores = ladder.shortcut_scores(answered(shares), resamples=200)
    text = ladder.shortcut_text(scores, 0.2)
    assert "with the background alone 20.0" in text and "not different from chance" in text
    assert "not taken for the style in 95.0 %" in text
    assert "loses 20.0 points (50.0 for the two styles of the same poses)" in text
    table = ladder.shortcut_table(scores).set_index(["network", "styles"])
    assert table.loc[("Skeleton TCN", "asymmetric"), MIRRORED].startswith("5.0 ")
    assert "**above chance**" in ladder.shortcut_text(scores, 0.01)


def test_identities_and_joints_are_put_into_words():
    guessed = pd.DataFrame(
        {"name": ["skeleton_tcn"] * 4, "dancer": list("abab"), "right": [1, 0, 1, 1], "chance": 0.25}
    )
    scores = pd.DataFrame([{"name": "skeleton_tcn", "mean": 0.75, "low": 0.5, "high": 1.0}])
    assert "Skeleton TCN 75.0 [50.0, 100.0] % (chance 25.0 %)" in ladder.identity_text(guessed, scores)
    assert "one held-out dancer" in ladder.identity_text(guessed[:0], scores[:0])
    losses = pd.DataFrame({"joint": ["head", "left_wrist"] * 2, "loss": [0.1, 0.3, 0.0, 0.2]})
    table = ladder.needed_joints(losses)
    assert table["joint"].tolist() == ["left wrist", "head"]
    assert table["loss (points)"].tolist() == pytest.approx([25, 5])


def test_calibration_is_measured_for_each_rung_with_enough_dancers(runs):
    scores = ladder.calibration_scores(runs, repeats=5)
    assert scores["name"].tolist() == [run.spec.name for run in runs]
    table = ladder.calibration_table(scores).set_index("network")
    assert table.loc["Skeleton TCN", ["calibration error", "coverage (%)", "styles in a set"]].tolist() == [0, 100, 1]
    text = ladder.calibration_text(scores)
    assert "Skeleton TCN misses: error 0.000, coverage 100.0 %." in text and "CNN + AE + Attention, with" in text
    risks = ladder.risk_rows(runs).groupby("group", sort=False)["risk"].last()
    np.testing.assert_allclose(risks, [0.8, 0.4, 0])
    few = ladder.calibration_scores([hand_made("skeleton_tcn", dancers=3)], repeats=5)
    assert few.empty and ladder.calibration_text(few).startswith("Too few dancers")
    assert ladder.calibration_table(few).empty
