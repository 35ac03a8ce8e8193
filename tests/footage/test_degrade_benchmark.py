"""What the benchmark makes of its numbers; the numbers themselves are nobody's test."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "benchmarks"


def pins(name: str) -> dict[str, str]:
    """Package to version, as a requirements file of the project pins them."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if "==" in line and not line.startswith("#"))


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    specification = importlib.util.spec_from_file_location("degrade_benchmark", FOLDER / "degrade.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_twins_that_do_something_else_have_a_median_of_their_own(benchmark):
    speeds = pd.DataFrame(
        {
            "condition": ["mild_noise", "low_light", "mild_motion_blur", "rain", "backlight", "mild_compression", "x"],
            "same_operation": [True, True, True, False, False, False, False],
            "ratio": [0.8, 1.0, 1.5, 20.0, 30.0, 0.5, np.nan],
        }
    )
    assert benchmark.median_ratios(speeds) == {"the same operation": (1.0, 3), "all twins": (1.5, 5)}


def test_the_crosscheck_has_our_own_versions():
    ours, theirs = pins("requirements.txt"), pins("requirements-crosscheck.txt")
    ours["opencv-python-headless"] = ours["opencv-python"]
    assert {name: version for name, version in theirs.items() if name != "albumentations"}.items() <= ours.items()


def test_the_committed_table_is_of_the_pinned_versions_and_within_one_decibel():
    written = (FOLDER / "AGREEMENT.md").read_text(encoding="utf-8")
    wanted = pins("requirements-crosscheck.txt")
    for name in ("albumentations", "opencv-python-headless", "numpy", "av"):
        assert f"{name} {wanted[name]}" in written, "run make crosscheck, and commit the table that it writes"
    same, _ = written.split("## Another procedure")
    rows = [line.split("|")[1:-1] for line in same.splitlines() if line.startswith("| ")]
    differences = [float(row[rows[0].index(" difference (dB) ")]) for row in rows[2:]]
    assert len(differences) >= 7 and max(map(abs, differences)) < 1
