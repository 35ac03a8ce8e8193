"""A run's folder: sections in, REPORT.md, metrics.json and provenance.json out."""

import json

import pandas as pd
import pytest
from matplotlib.figure import Figure

from dance_tf.report.sections import Picture, Table
from dance_tf.report.writer import RunReport, png


def figure(title="Frames (synthetic footage)"):
    drawing = Figure(figsize=(2, 1))
    drawing.subplots().plot([1, 2], [3, 4])
    drawing.suptitle(title)
    return drawing


def table(name="t1_frames", rows=2):
    return Table(name, "Table 1", pd.DataFrame({"style": ["Tok"] * rows, "frames": [7] * rows}), "Two clips.")


def save(report, **changes):
    wanted = {
        "section": "curate_clips",
        "title": "What came in",
        "text": "Some prose.",
        "metrics": {"data": {"hash": "abc", "clips": 2}},
        "tables": [table()],
        "figures": [Picture("samples", figure(), "What it looks like.")],
        "order": 0,
        "headline": "Two clips were curated.",
    }
    report.save(**{**wanted, **changes})


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_section_is_files(tmp_path):
    save(RunReport(tmp_path))
    assert files(tmp_path) == [
        "figures/samples.png",
        "sections/00_curate_clips.json",
        "tables/t1_frames.csv",
        "tables/t1_frames.md",
    ]
    assert (tmp_path / "tables/t1_frames.csv").read_text() == "style,frames\nTok,7\nTok,7\n"
    assert json.loads((tmp_path / "sections/00_curate_clips.json").read_text())["metrics"]["data"]["clips"] == 2


def test_a_section_saved_again_leaves_nothing_of_the_old(tmp_path):
    report = RunReport(tmp_path)
    save(report)
    save(report, tables=[table("t2_other")], figures=[])
    assert files(tmp_path) == ["sections/00_curate_clips.json", "tables/t2_other.csv", "tables/t2_other.md"]


def test_the_report(tmp_path):
    report = RunReport(tmp_path)
    report.describe_run(profile="quick", parameters={"seed": 3, "clips": 2, "footage": "/somewhere/private/clips"})
    save(report, section="evaluate_classifier", title="Dancers never seen", order=30, headline="It learns.",
         metrics={"strategies": {"cnn": 1 / 3}}, tables=[table("t2_strategies", rows=50)], figures=[])  # fmt: skip
    save(report)
    page = report.write().read_text()
    assert page.startswith("# dance_tf, run `quick`\n")
    assert page.index("- Two clips were curated.") < page.index("- It learns.") < page.index("## Contents")
    assert page.index("## What came in") < page.index("## Dancers never seen")
    assert "[Dancers never seen](#dancers-never-seen)" in page
    assert "| Tok | 7 |\n| Tok | 7 |\n\n*Two clips.*" in page
    assert "50 rows, too long for this page: [t2_strategies.md](tables/t2_strategies.md)" in page
    assert "![Frames (synthetic footage)](figures/samples.png)\n\n*What it looks like.*" in page
    assert "**synthetic**" in page
    assert json.loads((tmp_path / "metrics.json").read_text()) == {
        "data": {"clips": 2, "hash": "abc"},
        "strategies": {"cnn": 0.333333},
    }
    facts = json.loads((tmp_path / "provenance.json").read_text())
    assert (facts["profile"], facts["seed"], facts["data_hash"], facts["source"]) == ("quick", 3, "abc", "synthetic")
    assert facts["parameters"] == {"clips": 2, "footage": "clips", "seed": 3}


def test_the_same_sections_give_the_same_bytes(tmp_path):
    pages = []
    for name in ("one", "other"):
        report = RunReport(tmp_path / name)
        save(report)
        report.write()
        pages.append({path: (tmp_path / name / path).read_bytes() for path in files(tmp_path / name)})
    assert pages[0] == pages[1]


def test_a_figure_on_synthetic_data_must_say_so(tmp_path):
    report = RunReport(tmp_path)
    with pytest.raises(ValueError, match="samples shows data but no title of it says 'synthetic'"):
        save(report, figures=[Picture("samples", figure("Frames"))])
    assert files(tmp_path) == []
    save(
        report,
        figures=[Picture("samples", figure("Frames, Synthetic")), Picture("net", figure("A net"), on_data=False)],
    )


def test_a_run_on_real_footage_remembers_its_name(tmp_path):
    RunReport(tmp_path, source="ballroom")
    later = RunReport(tmp_path)
    assert later.source == "ballroom"
    with pytest.raises(ValueError, match="'ballroom'"):
        save(later)
    save(later, figures=[Picture("samples", figure("Frames (ballroom footage)"))])
    assert "**synthetic**" not in later.write().read_text()


def test_names_that_fit_no_file_or_are_taken_are_refused(tmp_path):
    report = RunReport(tmp_path)
    with pytest.raises(ValueError, match="not fit for a file name"):
        save(report, section="../curate")
    with pytest.raises(ValueError, match="same name"):
        save(report, tables=[table(), table()])
    save(report)
    with pytest.raises(ValueError, match="t1_frames.csv already belongs to the section curate_clips"):
        save(report, section="other", figures=[], order=10)


def test_nothing_to_report_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="no section"):
        RunReport(tmp_path).write()


def test_png_has_no_version_or_date():
    first = png(figure())
    assert first == png(figure())
    assert b"matplotlib" not in first.lower()
