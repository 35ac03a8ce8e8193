"""Compare our effects with public implementations of the same operations.

albumentations is not a dependency: `make crosscheck` creates an environment with it and runs this file there.
imagecorruptions is compared too if it is installed.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

if not importlib.util.find_spec("albumentations"):
    pytest.skip("albumentations is not installed here; `make crosscheck` runs this", allow_module_level=True)
pytestmark = pytest.mark.filterwarnings("ignore")  # of these libraries


@pytest.fixture(scope="module")
def benchmark():
    path = Path(__file__).parents[1] / "benchmarks" / "degrade_against_albumentations.py"
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[path.stem] = module  # dataclasses need it there
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def table(benchmark):
    return benchmark.agreement(benchmark.sample_clip(40))


def test_psnr_within_one_decibel_at_matched_parameters(table):
    same = table[table.same_operation]
    assert set(same.operation) >= {
        "Gaussian noise, sigma 10",
        "Gaussian noise, sigma 30",
        "horizontal motion blur, 5 px",
        "horizontal motion blur, 9 px",
        "horizontal motion blur, 21 px",
        "brightness × 0.3",
        "short side 144 px",
    }
    assert (same.psnr_difference.abs() < 1).all(), same.to_string()


def test_mean_and_contrast_agree(table):
    same = table[table.same_operation]
    np.testing.assert_allclose(same.mean_ours, same.mean_theirs, atol=1)
    np.testing.assert_allclose(same.contrast_ours, same.contrast_theirs, atol=0.02)


def test_fog_brightens_in_both(table):
    fog = table[table.operation.isin(["mild_fog", "heavy_fog"])]
    assert (fog.mean_ours > 0).all() and (fog.mean_theirs > 0).all()
    assert (fog.contrast_ours < 1).all() and (fog.contrast_theirs < 1).all()
