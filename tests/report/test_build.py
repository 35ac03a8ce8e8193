"""REPORT.md, index.html, metrics.json and provenance.json from saved sections."""

import json
import platform
import re
import socket
import subprocess

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from dance_tf.report.build import commit_of, write_report
from dance_tf.report.section import Picture, RunReport, Table


def picture(name, **options):
    drawing = Figure(figsize=(2, 1))
    drawing.suptitle(f"{name} (synthetic footage)")
    return Picture(name, drawing, f"Shows {name}.", **options)


def table(name, rows=1, **options):
    frame = pd.DataFrame({"style": [f"{name}|<b>"] * rows, "frames": [7] * rows})
    return Table(name, f"Table {name}", frame, f"About {name}.", **options)


@pytest.fixture
def report(tmp_path):
    """Three sections of two notebooks, the later notebook saved first."""
    report = RunReport(tmp_path / "run")
    report.describe_run(profile="quick", parameters={"seed": 3, "footage": "/somewhere/private/clips"})
    report.save(
        "strategies", "Which strategy is best?", "They differ.", {"strategies": {"cnn": 1 / 3}},
        [table("few"), table("long", 16, main=True)], [picture("plain"), picture("bars", main=True)],
        order=40, headline="CNN: 33.3 % [20.0, 41.0].",
    )  # fmt: skip
    data = {"data": {"hash": "abc", "clips": 2, "dancers": 2, "styles": ["a", "b"], "frames": 1234}}
    report.save("clips", "The clips", "", data, [table("t1"), table("t2")], [picture("samples")], order=0)
    report.save("cost", "Cost", "", {}, [], [picture("cost", main=True), picture("third", main=True)], order=40, part=1)
    return report


def test_the_report_opens_with_findings_and_two_figures(report):
    page = write_report(report).read_text()
    assert page.startswith("# dance_tf report: quick\n")
    opening = page.partition("## Contents")[0]
    assert "2 clips of 2 dancers in 2 styles were curated; 1,234 frames were kept." in opening
    assert "1. CNN: 33.3 % [20.0, 41.0]." in opening
    assert re.findall(r"!\[.*?\]\((.*?)\)", opening) == ["figures/bars.png", "figures/cost.png"]
    assert page.count("**synthetic**") == page.count("## Contents") == 1


def test_a_section_prints_its_main_table_and_figure_and_links_the_rest(report):
    page = write_report(report).read_text()
    _, clips, strategies = re.split(r"^## (?:The clips|Which strategy is best\?)\n", page, flags=re.M)
    assert "| t1\\|<b> | 7 |\n\n*About t1.*" in clips and "| t2" not in clips
    assert "![samples (synthetic footage)](figures/samples.png)\n\n*Shows samples.*" in clips
    assert "More: [Table t2](tables/t2.csv) (1 row)." in clips
    assert "| long" not in strategies and "[Table long](tables/long.csv) (16 rows)" in strategies
    assert "![bars" not in strategies and "[plain (synthetic footage)](figures/plain.png)" in strategies
    assert "### Cost" in strategies and "![third" in strategies
    assert "- [Which strategy is best?](#which-strategy-is-best)" in page


def test_the_page_is_whole_and_loads_nothing(report):
    executed = report.folder / "executed"
    executed.mkdir()
    (executed / "00_a_b.ipynb").touch()
    write_report(report)
    page = (report.folder / "index.html").read_text()
    assert page.count("<table>") == 4 and page.count("<img ") == page.count('src="data:image/png;base64,') == 5
    assert not re.search(r"(?:src|href)=\"(?:https?:|//)|@import|url\(", page)
    assert "t1|&lt;b&gt;" in page and "<b>" not in page
    assert 'href="executed/00_a_b.ipynb"' in page and 'href="tables/long.csv"' in page
    assert {target for target in re.findall(r'href="#(.*?)"', page)} == set(re.findall(r'id="(.*?)"', page))


def test_metrics_and_provenance_lie_beside_the_report_and_name_no_host_or_path(report):
    write_report(report)
    metrics = json.loads((report.folder / "metrics.json").read_text())
    assert metrics["strategies"] == {"cnn": 0.333333} and metrics["data"]["clips"] == 2
    text = (report.folder / "provenance.json").read_text()
    facts = json.loads(text)
    assert (facts["profile"], facts["seed"], facts["data_hash"], facts["source"]) == ("quick", 3, "abc", "synthetic")
    assert facts["parameters"] == {"footage": "clips", "seed": 3}
    assert (facts["python"], facts["packages"]["numpy"]) == (platform.python_version(), np.__version__)
    assert set(facts["machine"]) == {"platform", "cpu", "cores", "device"}
    assert "/somewhere" not in text and socket.gethostname() not in text


def test_equal_sections_give_equal_bytes(report):
    names = ("REPORT.md", "index.html", "metrics.json", "provenance.json")
    write_report(report)
    before = [(report.folder / name).read_bytes() for name in names]
    write_report(report)
    assert [(report.folder / name).read_bytes() for name in names] == before


def test_a_report_from_records_keeps_the_origin_of_its_runs(report):
    write_report(report)
    stored = report.folder / "provenance.json"
    facts = json.loads(stored.read_text())
    write_report(report, from_records=True)
    assert json.loads(stored.read_text()) == facts
    stored.write_text(json.dumps({**facts, "commit": "0123456789abcdef", "python": "3.99"}))
    page = write_report(report, from_records=True).read_text()
    assert "- Commit: 0123456789. " in page.replace(" with uncommitted changes", "")
    assert "Tables and figures made from the stored runs at commit" in page
    assert json.loads(stored.read_text())["python"] == "3.99"


def test_the_origin_tells_of_runs_that_another_backend_trained(report, monkeypatch):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    for backend, count in {"tensorflow": 2, "another": 3}.items():
        for number in range(count):
            folder = report.folder / "runs" / f"{backend}{number}"
            folder.mkdir(parents=True)
            (folder / "run.json").write_text(json.dumps({"provenance": {"backend": backend}}))
    page = write_report(report).read_text()
    assert "\n- Runs trained elsewhere: 3 with the backend another\n" in page


def test_the_smoke_profile_warns_and_real_footage_does_not(report):
    report.describe_run(profile="smoke", source="ballroom")
    page = write_report(report).read_text()
    assert "Its numbers have no meaning" in page and "**synthetic**" not in page


def test_a_report_without_sections_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no section"):
        write_report(RunReport(tmp_path))


def test_commit_and_changes(tmp_path):
    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        done = subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True, text=True)
        return done.stdout

    assert commit_of(tmp_path) == (None, None)
    git("init", "-q")
    (tmp_path / "a.txt").write_text("a")
    git("add", "a.txt")
    git("commit", "-q", "-m", "a")
    commit = git("rev-parse", "HEAD").strip()
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "REPORT.md").write_text("written by the run itself")
    assert commit_of(tmp_path) == (commit, False)
    (tmp_path / "a.txt").write_text("b")
    assert commit_of(tmp_path) == (commit, True)
