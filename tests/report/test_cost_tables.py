"""Table 4 and its page: medians with their spread, ratios to the CNN, the paper beside them."""

import math

import numpy as np
import pytest
from dance_tf.experiments.strategies import PROPOSED
from dance_tf.report.pages import Draws
from sklearn.metrics import confusion_matrix

from dance_tf.evaluation.intervals import Estimate
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.cost_table import Cost, Costs, Span
from dance_tf.experiments.spec import Job, Result
from dance_tf.model.train import TrainingSettings
from dance_tf.report.cost_chapter import cost_page
from dance_tf.report.cost_tables import cost_against_paper, least_to_most, table_4
from dance_tf.report.section import plain

NOTHING = Span(math.nan, math.nan, math.nan, 0)


def span(median, count=3):
    return Span(median, 0.5 * median, 2 * median, count)


@pytest.fixture
def costs():
    cnn = Cost(span(2.0), NOTHING, span(0.5), span(2.5), span(4.5), span(60.0, 5), 2.0, 100, 500.0)
    proposed = Cost(span(4.0), span(0.25), span(0.5), span(5.0), span(7.0), span(180.0, 5), 3.0, 400, 600.0)
    networks = {"cnn": cnn, PROPOSED: proposed}
    return Costs(networks, span(1.0), span(1.0), 1110, (432, 768), True, "a machine", 400.0)


SIMILAR = {"cnn": Estimate(0.2, 0.1, 0.3, 1), PROPOSED: Estimate(0.1, 0.05, 0.2, 1)}


def test_table_4_has_room_spread_and_both_ratios(costs):
    table = table_4(costs, SIMILAR).set_index("strategy")
    row = table.loc["CNN + AE + Attention"]
    assert (row["attention (ms)"], row["room (ms)"], row["decoding (s)"]) == (250, 1000, 1.0)
    assert (row["network / CNN"], row["total / CNN"]) == pytest.approx((2.0, 7 / 4.5))
    assert (row["network, least–most (s)"], row["total, least–most (s)"]) == ("2.50–10.00", "3.50–14.00")
    assert (row["training (s)"], row["training runs"], row["training, least–most (s)"]) == (180, 5, "90.00–360.00")
    assert table.loc["CNN", "similar pairs confused (%)"] == "20.0 [10.0, 30.0]"
    assert math.isnan(table.loc["CNN", "attention (ms)"])


def test_each_number_beside_the_paper_says_on_how_many_runs_it_rests(costs):
    beside = cost_against_paper(costs, SIMILAR).set_index(["strategy", "measure"])
    row = beside.loc[("CNN + AE + Attention", "inference (s)")]
    assert (row["paper"], row["ours"], row["runs"], row["least–most"]) == (32.57, 7.0, 3, "3.50–14.00")
    assert (row["paper / CNN"], row["ours / CNN"]) == pytest.approx((32.57 / 18.24, 7 / 4.5))
    training = beside.loc[("CNN", "training (min)")]
    assert (training["paper"], training["ours"], training["difference"]) == (175, 1.0, -174.0)
    assert (training["runs"], training["least–most"]) == (5, "0.50–2.00")
    similar = beside.loc[("CNN", "similar styles confused (%)")]
    assert (similar["interval"], similar["runs"]) == ("[10.0, 30.0]", 1)
    assert ("CNN", "attention (s)") not in beside.index
    assert least_to_most(NOTHING) == "–"
    assert least_to_most(Span(0.0123, 0.0121, 0.0134, 3)) == "0.0121–0.0134"


@pytest.fixture
def rivals(tmp_path, costs):
    """Two runs of each network, verdicts drawn by chance."""
    styles, found = ("Supalonely", "Say So", "Tokyo"), {}
    labels = np.repeat(np.arange(12) % 3, 5)
    for seed, name in enumerate(costs.networks):
        found[name] = []
        for fold in range(2):
            folder = tmp_path / f"{name}-{fold}"
            folder.mkdir()
            for place, part in enumerate(("validation", "test")):
                shares = np.random.default_rng([seed, fold, place]).dirichlet(np.ones(3), len(labels))
                dancers, clips = [f"dancer{clip // 3}" for clip in range(12)], [f"clip{clip}" for clip in range(12)]
                Predictions(shares, labels, np.repeat(np.arange(12), 5), dancers, styles, clips).save(
                    folder / f"{part}.npz"
                )
            found[name].append(Result(Job(TrainingSettings(name), fold=fold), folder, 1, 0, False, 0.0))
    return found


def test_costs_are_told_with_their_ratio_and_machine(costs, rivals):
    page = cost_page(costs, rivals, "synthetic", Draws(50, 0))
    assert "needs 7.00 s for a clip of 1110 frames, 1.00 s of them to decode it and 1.00 s to take its room away" in (
        page.text
    )
    assert "2.00 times as long as the CNN alone (paper, features and attention: 1.72 times)" in page.text
    for table in page.tables:
        assert "One file of 1110 frames of 432 × 768 pixels, filmed at the size of the clips" in table.caption
        assert "one thread of a machine; medians of 3 rounds" in table.caption
        assert "median of 5 run(s)" in table.caption
    branch = plain(page.metrics)["cost"]
    assert branch[PROPOSED]["relative_to_cnn"]["network_seconds"] == 2.0
    assert branch[PROPOSED]["least_and_most"]["network_seconds"] == [2.5, 10.0]
    assert (branch["cnn"]["attention_seconds"], branch["cnn"]["training_runs"]) == (None, 5)
    # Supalonely and Say So are both there, so they can be confused
    taken = []
    for run in rivals["cnn"]:
        matrix = confusion_matrix(run.validation.labels, run.validation.predicted, labels=range(3))
        taken.append((matrix[0, 1] + matrix[1, 0]) / matrix[:2].sum())
    assert branch["cnn"]["similar_styles_confused"]["mean"] == pytest.approx(np.mean(taken), abs=1e-6)
