import json
import os
import time

import pytest

from dance_tf.experiments.cache import Stopwatch


def checkpoint(unfinished, stage, after):
    """A checkpoint written `after` seconds after the attempt that is noted began."""
    state = unfinished / stage / "checkpoint" / "state.json"
    state.parent.mkdir(parents=True, exist_ok=True)
    state.touch()
    started = json.loads((unfinished / "stopwatch.json").read_text())["started"]
    os.utime(state, (started + after, started + after))


def test_one_attempt_counts_from_its_start(tmp_path):
    watch = Stopwatch(tmp_path / "unfinished")
    started = time.perf_counter()
    time.sleep(0.02)
    assert watch.earlier == 0
    assert 0.02 <= watch.seconds() <= time.perf_counter() - started + 0.02


def test_a_killed_attempt_counts_up_to_its_last_checkpoint(tmp_path):
    Stopwatch(tmp_path)
    checkpoint(tmp_path, "stage_1", 30)
    checkpoint(tmp_path, "stage_2", 100)
    second = Stopwatch(tmp_path)
    assert second.earlier == pytest.approx(100, abs=1e-3)
    assert second.seconds() == pytest.approx(100, abs=1)


def test_attempts_add_up_and_one_without_a_checkpoint_counts_nothing(tmp_path):
    Stopwatch(tmp_path)
    checkpoint(tmp_path, "stage_1", 100)
    Stopwatch(tmp_path)  # killed before it got to a checkpoint; the old one is older than its start
    checkpoint(tmp_path, "stage_1", -50)
    third = Stopwatch(tmp_path)
    assert third.earlier == pytest.approx(100, abs=1e-3)
    checkpoint(tmp_path, "stage_2", 7)
    assert Stopwatch(tmp_path).earlier == pytest.approx(107, abs=1e-3)
