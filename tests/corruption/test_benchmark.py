"""How tests/benchmarks/degrade.py judges its numbers, and whether AGREEMENT.md is up to date."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dance_tf.corruption.codec import psnr
from dance_tf.corruption.conditions import degrade

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "benchmarks"
GOOD = {
    "condition": ["mild_noise", "low_light", "rain", "mild_compression"],
    "severity": [2.0, 3.0, 3.0, 3.0],
    "ours": [900.0, 5000.0, 210.0, 120.0],
    "twin": ["theirs", "theirs", "theirs", "x264 alone, no decoding"],
    "theirs": [600.0, 5000.0, 50.0, 160.0],
    "same_operation": [True, True, False, False],
    "ratio": [1.5, 1.0, 4.2, 0.75],
}


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


def pinned(name: str) -> dict[str, str]:
    """Return the version of each package in a requirements file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


def agreement_column(section: str, column: str) -> dict[str, float]:
    """Return a column of a table of AGREEMENT.md, by operation."""
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| ")]
    place = rows[0].index(f" {column} ")
    return {row[0].strip(): float(row[place]) for row in rows[2:]}


@pytest.mark.parametrize(
    ("column", "place", "value", "message"),
    [
        ("ours", 2, 199.0, "rain: 199 frames/s, not 200"),
        ("ours", 2, np.nan, "rain: nan frames/s, not 200"),
        ("ratio", 3, 0.59, "mild_compression: 0.59 of the speed of the encoder alone, not 0.6"),
        ("ratio", 1, 0.2, "median ratio to 2 public twins: 0.85, not 1.0"),
    ],
)
def test_each_requirement_that_is_not_met_is_reported(load, monkeypatch, capsys, column, place, value, message):
    benchmark, speeds = load("degrade"), pd.DataFrame(GOOD)
    monkeypatch.setattr(benchmark, "speed", lambda clip: speeds)
    monkeypatch.setattr(benchmark, "agreement", lambda clip: pd.DataFrame())
    monkeypatch.setattr(benchmark, "sample_clip", lambda: np.zeros((2, 16, 16), np.uint8))
    monkeypatch.setattr(benchmark.sys, "argv", ["degrade.py"])
    monkeypatch.setattr(benchmark.os, "sched_setaffinity", lambda *_: None, raising=False)
    assert benchmark.median_ratios(speeds) == {"the same operation": (1.25, 2), "all twins": (1.5, 3)}
    assert benchmark.misses(speeds) == [] and benchmark.main() == 0
    speeds.loc[place, column] = value
    assert benchmark.misses(speeds) == [message] and benchmark.main() == 1
    assert capsys.readouterr().err == f"not met: {message}\n"
    assert f"not met: {message}" in benchmark.speed_page(speeds)


def test_without_twins_only_speed_and_encoder_are_required(load):
    benchmark, alone = load("degrade"), pd.DataFrame(GOOD).assign(same_operation=False)
    alone.loc[:2, ["theirs", "ratio"]] = np.nan
    assert benchmark.misses(alone) == []
    page = benchmark.speed_page(alone)
    assert "none is installed" in page and "not met: none" in page and "| mild_noise |" in page


def test_the_committed_agreement_is_up_to_date(load):
    against, hint = load("degrade_against_albumentations"), "run make crosscheck, and commit AGREEMENT.md"
    page = (FOLDER / "AGREEMENT.md").read_text(encoding="utf-8")
    same, kin = page.split("## Similar operations")
    clip, ours = against.sample_clip(), against.our_operations()
    for operation, written in agreement_column(same, "PSNR, ours (dB)").items():
        assert psnr(clip, ours[operation](clip)) == pytest.approx(written, abs=0.02), hint
    for name, written in agreement_column(kin, "PSNR, ours (dB)").items():
        found = psnr(clip[::10], degrade(clip, name).frames[::10])
        assert found == pytest.approx(written, abs=0.05), f"{name}: {hint}"
    differences = agreement_column(same, "difference (dB)").values()
    assert len(differences) >= 7 and max(map(abs, differences)) < 1
    ours, theirs = pinned("requirements.txt"), pinned("requirements-crosscheck.txt")
    ours["opencv-python-headless"] = ours["opencv-python"]
    shared = {name: version for name, version in theirs.items() if name not in ("albumentations", "torch")}
    assert shared.items() <= ours.items()
    for name in ("albumentations", "opencv-python-headless", "numpy", "av"):
        assert f"{name} {theirs[name]}" in page, hint
