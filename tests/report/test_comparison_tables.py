"""The comparison's tables: the paper's value and ours in the same row."""

import pandas as pd
import pytest
from dance_tf.experiments.strategies import Difference, RivalScores

from dance_tf.evaluation.intervals import Estimate, RunSummary, ScoreEstimates
from dance_tf.report.comparison_tables import (
    ablation_table,
    difference_table,
    strategy_measures,
    table_2,
    table_3,
    thinning_measures,
)


def estimates(mean):
    return ScoreEstimates(*(Estimate(mean + 0.01 * n, mean - 0.1, mean + 0.1, 2) for n in range(6)))


def scores(mean):
    """Validation by frame has the mean, by clip 0.05 more, held out 0.1 and 0.15 less."""
    return RivalScores(
        RunSummary(estimates(mean), estimates(mean + 0.05)), RunSummary(estimates(mean - 0.1), estimates(mean - 0.15))
    )


def test_table_2_has_the_paper_beside_ours_and_the_column_it_lacks():
    table = table_2(strategy_measures({(0, "resnet"): scores(0.5), (0, "cnn"): scores(0.4), (2, "cnn"): scores(0.3)}))
    assert list(table.columns[-3:]) == ["by clip", "held out", "held out by clip"]
    row = table.set_index(["experiment", "strategy", "metric"]).loc[(1, "ResNet", "accuracy")]
    assert (row["paper"], row["ours"], row["difference"], row["runs"]) == (93.44, 50.0, -43.44, 2)
    assert (row["interval"], row["by clip"]) == ("[40.0, 60.0]", "55.0 [45.0, 65.0]")
    assert (row["held out"], row["held out by clip"]) == ("40.0 [30.0, 50.0]", "35.0 [25.0, 45.0]")
    # the repeats that were run, and of those the strategies that the paper has and we were not given
    assert sorted(set(table["experiment"])) == [1, 3]
    mine = table[(table["strategy"] == "CNN") & (table["experiment"] == 3)]
    assert list(mine["metric"]) == ["precision", "sensitivity", "specificity", "accuracy", "f1", "kappa"]
    assert mine["paper"].isna().all()


def test_table_3_sets_the_paper_beside_the_full_size_only():
    thinned = {(size, every): scores(0.5 if size == 128 else 0.3) for size in (128, 64) for every in (1, 3)}
    table = table_3(thinning_measures(thinned)).set_index(["size", "one frame of every", "metric"])
    assert list(table.index[:3]) == [(128, 1, "accuracy"), (128, 1, "recall"), (128, 1, "kappa")]
    assert len(table) == 2 * 2 * 3
    assert table.loc[(128, 3, "kappa"), "paper"] == 81.08
    assert table.loc[(128, 3, "kappa"), "ours"] == pytest.approx(55.0)
    assert table.loc[(128, 3, "recall"), "paper"] == 96.22
    assert table.loc[(128, 3, "recall"), "ours"] == pytest.approx(52.0)
    assert table["paper"].notna().sum() == 3


def test_differences_and_ablations_are_in_points():
    found = Difference(Estimate(0.02, -0.01, 0.05, 3), Estimate(0.1, 0.05, 0.15, 3), Estimate(-0.1, -0.2, 0.0, 3), {})
    row = difference_table({"A less B": found}).iloc[0]
    assert list(row) == ["A less B", "2.0 [-1.0, 5.0]", "10.0 [5.0, 15.0]", "-10.0 [-20.0, 0.0]", 3]
    table = ablation_table({"a": "as proposed", "b": "changed"}, {"a": scores(0.5), "b": scores(0.6)}, {"b": found})
    assert list(table["network"]) == ["as proposed", "changed"]
    assert list(table.iloc[:, 4]) == ["–", "10.0 [5.0, 15.0]"]
    assert isinstance(table, pd.DataFrame)
