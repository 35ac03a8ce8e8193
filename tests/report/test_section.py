"""Sections: what notebooks save, and the values that reach JSON."""

import json

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dance_tf.report.section import Picture, RunReport, Table, json_text, merge_metrics, plain, png


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
        "title": "The clips",
        "metrics": {"data": {"hash": "abc", "clips": 2}},
        "tables": [table()],
        "figures": [Picture("samples", figure(), "Sample frames.")],
        "order": 0,
    }
    report.save(**{**wanted, **changes})


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_section_is_files_that_the_next_one_replaces(tmp_path):
    report = RunReport(tmp_path)
    save(report)
    expected = ["figures/samples.png", "sections/00_curate_clips.json", "tables/t1_frames.csv", "tables/t1_frames.md"]
    assert files(tmp_path) == expected
    assert (tmp_path / "tables/t1_frames.csv").read_text() == "style,frames\nTok,7\nTok,7\n"
    assert json.loads((tmp_path / "sections/00_curate_clips.json").read_text())["metrics"]["data"]["clips"] == 2
    save(report, tables=[table("t2_other")], figures=[])
    assert files(tmp_path) == ["sections/00_curate_clips.json", "tables/t2_other.csv", "tables/t2_other.md"]


def test_a_notebook_may_save_several_sections(tmp_path):
    report = RunReport(tmp_path)
    save(report, section="b_second", part=1, tables=[table("t2")], figures=[])
    save(report, section="c_first", tables=[], figures=[])
    save(report, section="a_later", order=10, tables=[], figures=[])
    save(report, section="c_first", title="Again", tables=[table("t3")], figures=[])
    assert [(one.name, one.title) for one in report.sections()] == [
        ("c_first", "Again"), ("b_second", "The clips"), ("a_later", "The clips"),
    ]  # fmt: skip
    assert (tmp_path / "tables/t2.csv").is_file()


def test_a_figure_on_synthetic_data_must_say_so(tmp_path):
    report = RunReport(tmp_path)
    with pytest.raises(ValueError, match="samples shows data, but none of its titles contains 'synthetic'"):
        save(report, figures=[Picture("samples", figure("Frames"))])
    assert files(tmp_path) == []
    parts = Figure()
    parts.subfigures(2, 1)[0].subplots().set_title("synthetic", loc="left")
    shown = [Picture("one", figure("Frames, Synthetic")), Picture("parts", parts)]
    save(report, figures=[*shown, Picture("net", figure("A net"), on_data=False)])
    report.describe_run(source="ballroom")
    later = RunReport(tmp_path)
    with pytest.raises(ValueError, match="'ballroom'"):
        save(later)
    save(later, figures=[Picture("samples", figure("Frames (ballroom footage)"))])


def test_names_that_fit_no_file_or_are_taken_are_refused(tmp_path):
    report = RunReport(tmp_path)
    with pytest.raises(ValueError, match="not a valid file name"):
        save(report, section="../curate")
    with pytest.raises(ValueError, match="same name"):
        save(report, tables=[table(), table()])
    save(report)
    with pytest.raises(ValueError, match="t1_frames.csv already belongs to the section curate_clips"):
        save(report, section="other", figures=[], order=10)


def test_a_relative_run_folder_lies_in_the_repository(tmp_path, monkeypatch):
    monkeypatch.setattr("dance_tf.report.section.ROOT", tmp_path / "root")
    monkeypatch.chdir(tmp_path)
    assert RunReport("reports/quick").folder == tmp_path / "root" / "reports" / "quick"
    assert RunReport(tmp_path / "run").folder == tmp_path / "run"


def test_png_has_no_version_or_date():
    assert png(figure()) == png(figure()) and b"matplotlib" not in png(figure()).lower()


def test_plain_values():
    assert plain(
        {"b": np.float32(0.5), "a": (np.int64(3), np.nan, float("inf")), 7: np.array([[True], [False]]), "none": None}
    ) == {"7": [[True], [False]], "a": [3, None, None], "b": 0.5, "none": None}
    with pytest.raises(TypeError, match="complex"):
        plain({"a": 1j})
    assert json_text({"b": 1, "a": float("nan")}) == '{\n "a": null,\n "b": 1\n}\n'
    assert plain([2 / 3, 123456.123456789, 0.0001234567891, -1e-9 / 3]) == [
        0.666667, 123456.123457, 0.000123457, -3.33333e-10,
    ]  # fmt: skip


def test_two_sections_fill_one_branch():
    one = {"strategies": {"cnn": {"dancer": {"mean": 0.5}}}, "data": {"clips": 3}}
    other = {"strategies": {"cnn": {"clip": {"mean": 0.7}}, "ae": 1}, "data": {"clips": 3}}
    assert merge_metrics([("evaluate", one), ("compare", other)]) == {
        "data": {"clips": 3},
        "strategies": {"ae": 1, "cnn": {"clip": {"mean": 0.7}, "dancer": {"mean": 0.5}}},
    }
    assert one["strategies"] == {"cnn": {"dancer": {"mean": 0.5}}}  # the arguments do not change


@pytest.mark.parametrize("other", [{"data": {"clips": 4}}, {"data": 4}, {"data": {"clips": {"train": 2}}}])
def test_sections_that_disagree_are_named(other):
    with pytest.raises(ValueError, match=r"compare gives another value for data"):
        merge_metrics([("evaluate", {"data": {"clips": 3}}), ("compare", other)])
