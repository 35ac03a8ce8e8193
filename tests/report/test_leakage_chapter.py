"""What is said of leakage: tables, the sentence with its interval, and no leaf of metrics.json that is taken."""

from dataclasses import replace

import pytest

from dance_tf.evaluation.intervals import Estimate, RunSummary, ScoreEstimates
from dance_tf.evaluation.overlap import NearDuplicates, Wall
from dance_tf.experiments.leakage import Gap, Leakage, SplitScores
from dance_tf.report.leakage_chapter import (
    accuracy_rows,
    gap_rows,
    leakage_chapter,
    leakage_table,
    leakage_tables,
    score_table,
    wall_table,
)
from dance_tf.report.section import Section

ACCURACY = {"frame": 0.95, "clip": 0.7, "dancer": 0.4}
STRATEGIES = ("cnn", "cnn_ae_attention")


def estimate(mean, runs=3):
    return Estimate(mean, mean - 0.05, mean + 0.05, runs)


def summary(mean):
    frame, clip = (ScoreEstimates(*[estimate(value)] * 6) for value in (mean, mean + 0.02))
    return RunSummary(frame, clip)


@pytest.fixture
def leakage():
    scores = tuple(
        SplitScores(strategy, view, unit, summary(accuracy + 0.01), summary(accuracy - drop), 3)
        for strategy in STRATEGIES
        for view, drop in (("frame", 0.0), ("difference", 0.1))
        for unit, accuracy in ACCURACY.items()
    )
    gaps = tuple(
        Gap(strategy, view, estimate(gap), estimate(gap + 0.01), estimate(gap - 0.01))
        for strategy, more in zip(STRATEGIES, (0.0, 0.02), strict=True)
        for view, gap in (("frame", 0.55 + more), ("difference", 0.3 + more))
    )
    return Leakage(scores, gaps)


@pytest.fixture
def walls():
    shares = {"frame": 90, "clip": 10, "dancer": 0}
    return tuple(
        Wall(view, unit, NearDuplicates(count, 100, 4), 0.0 if unit == "dancer" else 1.0, float(unit == "frame"))
        for view in ("frame", "difference")
        for unit, count in shares.items()
    )


def test_table_has_a_row_for_each_room_strategy_and_count(leakage):
    table = leakage_table(leakage)
    assert len(table) == 8
    first, second = table.to_dict("records")[:2]
    assert (first["room"], first["strategy"], first["by"], first["runs"]) == ("kept", "CNN", "frame", 3)
    assert (first["split by frame"], first["split by dancer"]) == ("95.0 [90.0, 100.0]", "40.0 [35.0, 45.0]")
    assert (first["gap"], first["gap, same dancers"]) == ("55.0 [50.0, 60.0]", "54.0 [49.0, 59.0]")
    assert (second["split by frame"], second["gap"], second["gap, same dancers"]) == (
        "97.0 [92.0, 102.0]",
        "56.0 [51.0, 61.0]",
        "",
    )


def test_every_score_is_in_the_long_table_and_in_the_metrics(leakage, walls):
    table = score_table(leakage.scores)
    assert len(table) == 2 * 2 * 3 * 2 * 2
    assert list(table.columns[:5]) == ["strategy", "room", "split", "part", "by"]
    metrics = leakage_chapter(leakage, walls, "synthetic", 1 / 12).metrics
    for strategy in STRATEGIES:
        for unit, accuracy in ACCURACY.items():
            branch = metrics["strategies"][strategy][unit]
            assert set(branch) == {"frame", "clip", "held_out"}
            assert set(branch["clip"]) == {"accuracy", "precision", "sensitivity", "specificity", "f1", "kappa"}
            # room removed: 10 points less on the part held out
            assert branch["held_out"]["frame"]["accuracy"]["mean"] == pytest.approx(accuracy - 0.1)
            kept = metrics["leakage"]["splits"]["room_kept"][strategy][unit]
            assert kept["held_out"]["frame"]["kappa"]["mean"] == pytest.approx(accuracy)
    assert metrics["leakage"]["gaps"]["room_removed"]["cnn"]["clip"]["mean"] == pytest.approx(0.31)
    assert metrics["leakage"]["near_duplicates"]["room_kept"]["frame"]["share"] == 0.9


def test_the_sentence_has_the_gap_and_its_interval(leakage, walls):
    chapter = leakage_chapter(leakage, walls, "synthetic", 1 / 12)
    assert chapter.headline == (
        "Leakage (synthetic): cut by frame instead of by dancer, CNN + AE + Attention gets 95.0 % instead of 40.0 % of "
        "the frames right with the room kept, a gap of **57.0 points** [52.0, 62.0], and 85.0 % instead of 30.0 % of "
        "the frames right with the room removed, a gap of **32.0 points** [27.0, 37.0]."
    )
    assert "from 55.0 to 57.0 points with the room kept (2 strategies) and from 30.0 to 32.0 points" in chapter.text
    assert "90.0 % cut by frame, 10.0 % cut by clip, 0.0 % cut by dancer with the room kept" in chapter.text
    assert "\n" not in chapter.headline


def test_what_an_earlier_section_said_is_not_said_again(leakage, walls):
    earlier = Section(30, "evaluate", "", "", "", {"strategies": {"cnn_ae_attention": {"dancer": {}}}}, (), ())
    metrics = leakage_chapter(leakage, walls, "synthetic", 1 / 12, [earlier]).metrics
    assert set(metrics["strategies"]["cnn_ae_attention"]) == {"frame", "clip"}
    assert set(metrics["strategies"]["cnn"]) == {"frame", "clip", "dancer"}
    assert set(metrics["leakage"]["splits"]["room_removed"]["cnn_ae_attention"]) == {"frame", "clip", "dancer"}


def test_without_the_papers_network_the_first_one_stands_for_all(leakage, walls):
    alone = Leakage(leakage.scores[:6], leakage.gaps[:2])
    headline = leakage_chapter(alone, walls, "synthetic", 1 / 12).headline
    assert "CNN gets 95.0 % instead of 40.0 %" in headline and ", and 85.0 % instead of 30.0 %" in headline


def unlearnt(score):
    """A score whose kappa says that nothing was learnt."""
    kappa = replace(score.held_out.frame, kappa=estimate(0.02))
    return replace(score, held_out=replace(score.held_out, frame=kappa))


def test_of_a_network_that_learnt_nothing_no_gap_is_told(leakage, walls):
    idle = ("cnn_ae_attention", "frame", "frame")
    scores = tuple(
        unlearnt(score) if (score.strategy, score.view, score.unit) == idle else score for score in leakage.scores
    )
    found = replace(leakage, scores=scores)
    chapter = leakage_chapter(found, walls, "synthetic", 1 / 12)
    assert "CNN + AE + Attention learns nothing with the room kept in runs as short as these, and 85.0 %" in (
        chapter.headline
    )
    assert "from 55.0 to 55.0 points with the room kept (1 strategy)" in chapter.text
    assert "which have learnt nothing: CNN + AE + Attention (room kept)." in chapter.text
    assert ("CNN + AE + Attention", "frame") not in set(zip(*gap_rows(found)[["name", "view"]].T.values, strict=True))
    assert len(gap_rows(found)) == 3
    gaps = leakage_table(found).set_index(["room", "strategy", "by"])["gap"]
    assert gaps["kept", "CNN + AE + Attention", "frame"] == "not learnt"
    assert gaps["removed", "CNN + AE + Attention", "frame"] == "32.0 [27.0, 37.0]"


def test_the_split_by_clip_is_explained_by_who_is_met_in_training(leakage, walls):
    text = leakage_chapter(leakage, walls, "synthetic", 1 / 12).text
    assert "Cut by clip, CNN + AE + Attention gets 70.0 [65.0, 75.0] % of the frames right with the room kept." in text
    assert "100.0 % show a dancer who is in training, 0.0 % one who dances the same style there." in text
    assert "may fall below chance" in text
    met = tuple(replace(wall, met_in_style=1.0) for wall in walls)
    assert "may fall below chance" not in leakage_chapter(leakage, met, "synthetic", 1 / 12).text


def test_the_room_may_be_kept_for_some_strategies_alone(leakage, walls):
    some = Leakage(
        tuple(score for score in leakage.scores if (score.strategy, score.view) != ("cnn_ae_attention", "frame")),
        tuple(gap for gap in leakage.gaps if (gap.strategy, gap.view) != ("cnn_ae_attention", "frame")),
    )
    chapter = leakage_chapter(some, walls, "synthetic", 1 / 12)
    assert "CNN gets 95.0 % instead of 40.0 % of the frames right with the room kept" in chapter.headline
    assert "and CNN + AE + Attention gets 85.0 % instead of 30.0 %" in chapter.headline
    assert "with the room kept (1 strategy) and from 30.0 to 32.0 points" in chapter.text
    assert set(chapter.metrics["strategies"]["cnn_ae_attention"]) == {"frame", "clip", "dancer"}
    assert set(chapter.metrics["leakage"]["splits"]["room_kept"]) == {"cnn"}
    with pytest.raises(ValueError, match="background_strategies"):
        leakage_chapter(replace(some, gaps=some.gaps[1:]), walls, "synthetic", 1 / 12)


def test_rows_of_the_figure_and_the_captions(leakage, walls):
    rows, gaps = accuracy_rows(leakage), gap_rows(leakage)
    assert len(rows) == 12
    assert set(rows["view"]) == set(gaps["view"]) == {"frame", "difference"}
    assert rows.iloc[0].tolist() == ["CNN", "frame", "frame", 0.95, pytest.approx(0.9), 1.0]
    assert gaps.iloc[1].tolist() == ["CNN", "difference", 0.3, pytest.approx(0.25), 0.35]
    assert wall_table(walls)["share (%)"].tolist() == [90, 10, 0, 90, 10, 0]
    tables = leakage_tables(leakage, walls, "Three runs")
    assert [table.name for table in tables] == ["l1_leakage", "near_duplicates", "leakage_scores"]
    assert tables[0].caption.startswith("Three runs")
