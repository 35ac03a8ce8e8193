"""How tests/benchmarks/degrade.py judges its numbers; the numbers themselves are not tested."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dance_tf.corruption.codec import psnr
from dance_tf.corruption.conditions import degrade

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "benchmarks"


def pins(name: str) -> dict[str, str]:
    """Return the version of each package in a requirements file."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    specification = importlib.util.spec_from_file_location("degrade_benchmark", FOLDER / "degrade.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_similar_operations_have_a_median_of_their_own(benchmark):
    speeds = pd.DataFrame(
        {
            "condition": ["mild_noise", "low_light", "mild_motion_blur", "rain", "backlight", "mild_compression", "x"],
            "same_operation": [True, True, True, False, False, False, False],
            "ratio": [0.8, 1.0, 1.5, 20.0, 30.0, 0.5, np.nan],
        }
    )
    assert benchmark.median_ratios(speeds) == {"the same operation": (1.0, 3), "all twins": (1.5, 5)}


GOOD = {
    "condition": ["mild_noise", "low_light", "rain", "mild_compression"],
    "severity": [2.0, 3.0, 3.0, 3.0],
    "ours": [900.0, 5000.0, 210.0, 120.0],
    "twin": ["theirs", "theirs", "theirs", "x264 alone, no decoding"],
    "theirs": [600.0, 5000.0, 50.0, 160.0],
    "same_operation": [True, True, False, False],
    "ratio": [1.5, 1.0, 4.2, 0.75],
}


@pytest.mark.parametrize(
    ("column", "place", "value", "message"),
    [
        ("ours", 2, 199.0, "rain: 199 frames/s, not 200"),
        ("ours", 2, np.nan, "rain: nan frames/s, not 200"),
        ("ratio", 3, 0.59, "mild_compression: 0.59 of the speed of the encoder alone, not 0.6"),
        ("ratio", 1, 0.2, "median ratio to 2 public twins: 0.85, not 1.0"),
    ],
)
def test_each_requirement_that_is_not_met_is_reported(benchmark, monkeypatch, capsys, column, place, value, message):
    speeds = pd.DataFrame(GOOD)
    monkeypatch.setattr(benchmark, "speed", lambda clip: speeds)
    monkeypatch.setattr(benchmark, "agreement", lambda clip: pd.DataFrame())
    monkeypatch.setattr(benchmark, "sample_clip", lambda: np.zeros((2, 16, 16), np.uint8))
    monkeypatch.setattr(benchmark.sys, "argv", ["degrade.py"])
    monkeypatch.setattr(benchmark.os, "sched_setaffinity", lambda *_: None, raising=False)
    assert benchmark.misses(speeds) == [] and benchmark.main() == 0
    speeds.loc[place, column] = value
    assert benchmark.misses(speeds) == [message] and benchmark.main() == 1
    assert capsys.readouterr().err == f"not met: {message}\n"
    assert f"not met: {message}" in benchmark.speed_page(speeds)


def test_without_twins_only_speed_and_encoder_are_required(benchmark):
    alone = pd.DataFrame(GOOD).assign(same_operation=False)
    alone.loc[:2, ["theirs", "ratio"]] = np.nan
    assert benchmark.misses(alone) == []
    page = benchmark.speed_page(alone)
    assert "none is installed" in page and "not met: none" in page and "| mild_noise |" in page


def written_psnr(section: str) -> dict[str, float]:
    """Operation to "PSNR, ours (dB)" of a section of AGREEMENT.md."""
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| ")]
    column = rows[0].index(" PSNR, ours (dB) ")
    return {row[0].strip(): float(row[column]) for row in rows[2:]}


def test_the_committed_table_is_up_to_date(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    import degrade_against_albumentations as against

    same, kin = (FOLDER / "AGREEMENT.md").read_text(encoding="utf-8").split("## Similar operations")
    clip, ours = against.sample_clip(), against.our_operations()
    stale = "run make crosscheck, and commit the table that it writes"
    for operation, written in written_psnr(same).items():
        assert psnr(clip, ours[operation](clip)) == pytest.approx(written, abs=0.02), stale
    for name, written in written_psnr(kin).items():
        found = psnr(clip[::10], degrade(clip, name).frames[::10])
        assert found == pytest.approx(written, abs=0.05), f"{name}: {stale}"


def test_the_crosscheck_has_our_versions():
    ours, theirs = pins("requirements.txt"), pins("requirements-crosscheck.txt")
    ours["opencv-python-headless"] = ours["opencv-python"]
    assert {name: version for name, version in theirs.items() if name != "albumentations"}.items() <= ours.items()


def test_the_committed_table_has_the_pinned_versions_and_less_than_one_decibel():
    written = (FOLDER / "AGREEMENT.md").read_text(encoding="utf-8")
    wanted = pins("requirements-crosscheck.txt")
    for name in ("albumentations", "opencv-python-headless", "numpy", "av"):
        assert f"{name} {wanted[name]}" in written, "run make crosscheck, and commit the table that it writes"
    same, _ = written.split("## Similar operations")
    rows = [line.split("|")[1:-1] for line in same.splitlines() if line.startswith("| ")]
    differences = [float(row[rows[0].index(" difference (dB) ")]) for row in rows[2:]]
    assert len(differences) >= 7 and max(map(abs, differences)) < 1
