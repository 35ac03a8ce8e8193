"""How the benchmark of poses compares skeletons with the true joints; nothing is timed here."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from dance_tf.pose.skeleton import LANDMARK, Skeletons
from dance_tf.synthesis.body import JOINT
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.take import RenderedClip


@pytest.fixture
def benchmark(monkeypatch):
    pytest.importorskip("ai_edge_litert", reason="poses need ai-edge-litert: install requirements.txt")
    monkeypatch.setattr(sys, "path", list(sys.path))  # the script adds the repository
    path = Path(__file__).resolve().parents[1] / "benchmarks" / "pose_against_truth.py"
    specification = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("shift", "near"), [(0, 12), (0.19, 12), (0.21, 0)])
def test_a_joint_is_near_within_a_fifth_of_the_torso(benchmark, shift, near):
    rendered = RenderedClip(0, 0, StudioSettings(1, 1, 1.0, seed=7, faults=False))
    points = np.stack([one.points[:, :2] for one in rendered.snapshots[::3]])
    ends = [
        points[:, [JOINT[f"{side}_{part}"] for side in ("left", "right")]].mean(axis=1) for part in ("shoulder", "hip")
    ]
    points[..., 0] += shift * np.linalg.norm(ends[0] - ends[1], axis=1)[:, None]
    landmarks = np.zeros((10, 33, 4))
    for name in benchmark.MAIN:
        landmarks[:, LANDMARK[name], :2] = (points[:, JOINT[name]] - [216, 384]) / 768
    valid = np.arange(10) != 4
    found, correct = benchmark.compare(Skeletons(landmarks, landmarks, valid, np.arange(10) / 10), rendered)
    assert found.tolist() == valid.tolist()
    assert correct.shape == (9, 12)
    assert correct.sum(axis=1).tolist() == [near] * 9
