"""Table 4, its sentences and its metrics, from hand-made measurements and predictions."""

import numpy as np
import pandas as pd
import pytest

from dance_tf.experiments.cost import SHARED, summarise_samples
from dance_tf.experiments.spec import PROPOSED
from dance_tf.report import cost


@pytest.fixture
def costs():
    names = ("extraction", "network", "total", "training", "head", "attention")
    seconds = {
        "cnn": ([2.0], [2.5], [4.0, 4.5, 5.0], [60.0], [0.5], [np.nan]),
        PROPOSED: ([4.0], [5.0], [7.0], [90.0, 180.0, 360.0], [0.5], [0.0123, 0.0121, 0.0134]),
        "own.py:build": ([np.nan], [1.0], [3.0], [1.0], [np.nan], [np.nan]),
    }
    samples = {(SHARED, "decode_seconds"): [1, 1, 2], (SHARED, "background_seconds"): [1.0]}
    samples |= {(SHARED, "idle_memory_mb"): [400.0]}
    for (name, found), parameters in zip(seconds.items(), (100, 400, 10), strict=True):
        samples |= {(name, f"{each}_seconds"): values for each, values in zip(names, found, strict=True)}
        sizes = {"size_mb": parameters / 100, "peak_memory_mb": 500.0, "parameters": parameters}
        samples |= {(name, each): [value] for each, value in sizes.items()}
    described = {"machine": "a machine", "frames": 1110, "width": 432, "height": 768, "synthetic": True}
    return summarise_samples(samples).assign(**described)


@pytest.fixture
def similar():
    shares = {"cnn": [0.2, 0.1, 0.3, 1], PROPOSED: [0.1, 0.05, 0.2, 1], "own.py:build": [0.5, 0.4, 0.6, 1]}
    rows = pd.DataFrame.from_dict(shares, orient="index", columns=["mean", "low", "high", "runs"])
    return rows.rename_axis("name").reset_index()


def test_table_4_has_a_row_a_network_with_the_papers_value_beside_ours(costs, similar):
    wide = cost.cost_table(costs, similar).set_index("strategy")
    row = wide.loc["CNN + AE + Attention"]
    assert (row["inference (s), paper"], row["inference (s)"], row["training runs"]) == (32.57, "7.00", 3)
    assert (row["training (min), paper"], row["training (min)"]) == (292, "3.00 (1.50–6.00)")
    assert row["attention (s)"] == "0.0123 (0.0121–0.0134)"
    assert (row["inference / CNN, paper"], row["inference / CNN"]) == pytest.approx((32.57 / 18.24, 7 / 4.5))
    assert row["network / CNN"] == 2.0 and row["similar styles confused (%)"] == "10.0 [5.0, 20.0]"
    assert wide.loc["CNN", ["attention (s)", "parameters"]].tolist() == ["–", 100]
    assert wide.at["own:build", "feature extraction (s)"] == "–" and np.isnan(wide.at["own:build", "size (MB), paper"])


def test_costs_in_words_and_in_metrics(costs, similar):
    metrics = cost.cost_metrics(costs, similar)
    size = {"frames": 1110, "width": 432, "height": 768, "synthetic": True}
    assert metrics["measured_on"] == {"machine": "a machine", "threads": 1, **size}
    branch, found = metrics[PROPOSED], {"median": 0.0123, "min": 0.0121, "max": 0.0134, "count": 3}
    assert branch["attention_seconds"] == {**found, "relative_to_cnn": pytest.approx(np.nan, nan_ok=True)}
    assert branch["network_seconds"]["relative_to_cnn"] == 2 and branch["training_seconds"]["count"] == 3
    assert metrics[SHARED]["decode_seconds"]["median"] == 1
    assert branch["similar_styles_confused"] == {"mean": 0.1, "interval": [0.05, 0.2], "runs": 1}
    text = cost.describe_costs(costs)
    assert "needs 7.00 s for a clip of 1110 frames: decoding takes 1.00 s" in text
    assert "2.00 times as long as the CNN (paper, features and attention: 1.72 times)" in text
    caption = cost.describe_measurement(costs)
    assert "Medians of 3 rounds" in caption and "1110 frames of 432 × 768 pixels (synthetic" in caption


def test_accuracies_have_the_cost_of_their_network(costs):
    rows = [(name, part, "frame", "accuracy", 0.5) for name in ("cnn", PROPOSED) for part in ("held out", "validation")]
    points = cost.accuracy_points(pd.DataFrame(rows, columns=["name", "part", "unit", "metric", "mean"]), costs)
    assert list(points["name"]) == ["CNN", "CNN + AE + Attention"]
    seconds = costs.query("cost == 'network_seconds'").set_index("name")["median"]
    assert list(points["cost"]) == [seconds["cnn"], seconds[PROPOSED]]


@pytest.fixture
def stages():
    rows = [
        ("skeleton_tcn", "decode", 3.0, 3.0, "decoder", 1000),
        ("skeleton_tcn", "poses", 1.0, 0.5, "LiteRT", 1000),
        ("skeleton_tcn", cost.WHOLE, 3.5, np.nan, "", 1000),
        ("training", "forward", 0.2, 0.1, "arithmetic", 100),
        ("training", "backward", 0.6, 0.2, "arithmetic", 100),
        ("making", "draw", 2.0, np.nan, "", 100),
    ]
    return pd.DataFrame(rows, columns=["name", "stage", "seconds", "least", "bound", "frames"])


def test_the_time_of_each_stage_a_frame(stages):
    table = cost.stage_table(stages)
    assert list(table["a frame (ms)"]) == [3.0, 1.0, 3.5, 2.0, 6.0, 20.0]
    assert list(table["share (%)"].dropna()) == [75.0, 25.0, 25.0, 75.0, 100.0]
    assert table["at least (ms)"][1] == 0.5 and table["because of"][3] == "arithmetic"
    assert table["stage"][2] == "all, side by side" and table["process"][5] == "making a synthetic clip"
    assert list(cost.stage_rows(stages)["ms"]) == [3.0, 1.0, 2.0, 6.0, 20.0]


def test_the_longest_stage_is_named(stages):
    verdict, training, making = cost.describe_stages(stages).split(". ")
    assert verdict.endswith(
        "3.50 ms a frame; the longest stage is decode, 75 % (at least 100 % of it is needed: decoder)"
    )
    assert training == (
        "training step, network of frames: 8.00 ms a frame; the longest stage is backward, 75 % "
        "(at least 33 % of it is needed: arithmetic)"
    )
    assert making == "making a synthetic clip: 20.00 ms a frame; the longest stage is draw, 100 %."
