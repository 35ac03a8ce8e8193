"""The planner: what cuts cost, and from which uplink on which is the fastest."""

from contextlib import contextmanager

import keras
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from dance_tf.cli import FAILED, app
from dance_tf.model.bundle import ModelBundle, ModelDescription
from dance_tf.model.networks import REGISTERED, NetworkSettings
from dance_tf.serving import plan
from dance_tf.serving.cuts import CutModel
from dance_tf.serving.plan import describe_plan, fastest_cuts, measure_cuts, parse_uplink, with_latency
from dance_tf.serving.wire import PACKINGS

# cut, packing, bytes, requests, seconds of edge and cloud, whether the verdict is the same
COSTS = [
    ("clip", "exact", 1_000_000, 1, 0.0, 1.0, True),
    ("150", "float32", 50_000, 2, 1.2, 0.1, True),
    ("150", "int8", 12_500, 2, 1.2, 0.1, False),
    ("verdict", "exact", 100, 1, 1.6, 0.0, True),
]


@pytest.fixture
def costs():
    columns = ["cut", "packing", "bytes", "requests", "edge_seconds", "cloud_seconds", "same"]
    table = pd.DataFrame(COSTS, columns=columns).assign(clip="a.mp4", seconds=10.0, cpu_seconds=0.5)
    return pd.concat([table, table.assign(clip="b.mp4")])


@pytest.mark.parametrize(
    ("text", "rate"),
    [("2Mbit/s", 2e6), ("500 kbit/s", 5e5), (" 1.5Gbit/s", 1.5e9), ("1e6bit/s", 1e6), ("7bit/s", 7.0)],
)
def test_uplinks(text, rate):
    assert parse_uplink(text) == rate


@pytest.mark.parametrize("text", ["", "2", "2MB/s", "0Mbit/s", "fast", "1.2.3Mbit/s", "-1Mbit/s"])
def test_other_texts_are_no_uplinks(text):
    with pytest.raises(ValueError, match="is no uplink: write it as 2Mbit/s"):
        parse_uplink(text)


def test_latency_is_the_sum_of_work_round_trips_and_transfer(costs):
    table = with_latency(costs, 1e6, 0.1).set_index(["cut", "packing"])
    assert table.loc[("clip", "exact"), "latency"] == pytest.approx(0 + 1 + 0.1 + 8)
    assert table.loc[("150", "float32"), "latency"] == pytest.approx(1.3 + 0.2 + 0.4)
    assert table.loc[("clip", "exact"), "bytes_per_second"] == 100_000
    assert table["pictures"].to_dict() == {**dict.fromkeys(table.index, False), ("clip", "exact"): True}
    assert table.index[0] == ("150", "int8") and table["latency"].is_monotonic_increasing


def test_each_range_of_uplinks_has_the_fastest_cut_with_the_right_verdict(costs):
    found = fastest_cuts(costs, 0.1)
    assert [cut for _, *cut in found] == [["verdict", "exact"], ["150", "float32"], ["clip", "exact"]]
    # 1.7 + 800 / u = 1.5 + 400,000 / u, and 1.5 + 400,000 / u = 1.1 + 8,000,000 / u
    np.testing.assert_allclose([start for start, *_ in found], [0, 399_200 / 0.2, 7.6e6 / 0.4])
    for start, cut, packing in found[1:]:
        for uplink, fastest in ((0.99 * start, False), (1.01 * start, True)):
            best = with_latency(costs, uplink, 0.1).query("same == 1").iloc[0]
            assert ((best["cut"], best["packing"]) == (cut, packing)) == fastest


def test_the_plan_names_the_fastest_cut_and_one_without_pictures(costs):
    text = describe_plan(with_latency(costs, 1e8, 0.1), fastest_cuts(costs, 0.1), 1e8)
    assert "Take clip: 1.18 s. If no picture may be sent: 150 float32, 1.50 s." in text
    assert "Fastest by uplink: verdict, 150 float32 from 2 Mbit/s on, clip from 19 Mbit/s on." in text
    assert "latency s at 100 Mbit/s" in text and "1,000.0" in text


@pytest.fixture
def measured(blob_clips, monkeypatch, tmp_path):
    """Costs of two rounds, and the model."""
    keras.utils.set_random_seed(1)
    network = REGISTERED["cnn_ae_attention"].build(NetworkSettings(classes=3))
    model = CutModel(ModelBundle(network, ModelDescription(("a", "b", "c"), "cnn_ae_attention", "difference", 1)))
    [clip] = blob_clips(styles=1, dancers=1, frames=36)
    rounds = []

    @contextmanager
    def curated(description, path, process):
        rounds.append(path)
        yield clip

    monkeypatch.setattr(plan, "curated_clip", curated)
    path = tmp_path / "clip.mp4"
    path.write_bytes(bytes(12345))
    table = measure_cuts(model, [path], rounds=2)
    assert len(rounds) == 3
    return table, model


def test_every_cut_and_packing_is_measured_and_gives_the_verdict_of_the_whole(measured):
    table, model = measured
    expected = [(cut, packing) for cut in model.cuts for packing in PACKINGS.get(cut, ("exact",))]
    assert list(zip(table["cut"], table["packing"], strict=True)) == expected
    rows = table.set_index(["cut", "packing"])
    assert rows.loc[("clip", "exact"), ["bytes", "requests", "edge_seconds"]].tolist() == [12345, 1, 0]
    assert rows["requests"].drop(index=[("clip", "exact"), ("verdict", "exact")]).eq(2).all()
    sizes = rows["bytes"]
    assert sizes["1536", "float32"] > 1.5 * sizes["1536", "float16"] > 2 * sizes["1536", "int8"]
    exact = rows[[packing in ("exact", "float32") for _, packing in rows.index]]
    assert exact["same"].all() and exact["confidence"].std() < 1e-5
    times = rows[["edge_seconds", "cpu_seconds", "cloud_seconds"]].drop(index=[("clip", "exact")])
    assert (times > 0).all(axis=None)


def test_a_wrong_uplink_is_said_before_anything_is_measured():
    failed = CliRunner().invoke(app, ["plan", "model", "clip.mp4", "--uplink", "fast"])
    assert failed.exit_code == FAILED
    assert failed.stderr.strip() == "dance_tf: 'fast' is no uplink: write it as 2Mbit/s or 500kbit/s"
