"""How the benchmark of reading judges what it measured; it times nothing here."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[1] / "benchmarks" / "read_footage.py"


@pytest.fixture
def benchmark(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))  # the script adds the repository
    spec = importlib.util.spec_from_file_location("read_footage_benchmark", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def measured(exact, skips, opencv):
    spent = {"decode_only": 2.0, "ours_exact": exact, "ours_skips": skips, "opencv_loop": opencv}
    return {name: {"seconds": seconds, "cpu_seconds": 2 * seconds} for name, seconds in spent.items()}


@pytest.mark.parametrize(
    ("times", "missed"),
    [
        (measured(2.5, 2.0, 5.0), []),
        (measured(2.6, 2.0, 5.2), ["ours_exact over decode_only"]),
        (measured(2.4, 2.1, 5.0), ["ours_skips over decode_only"]),
        (measured(2.4, 2.0, 4.4), ["opencv_loop over ours_exact"]),
    ],
)
@pytest.mark.parametrize("by", ["wall", "cpu"])
def test_targets(benchmark, times, missed, by):
    assert [name for name, target in benchmark.judge(times, by).items() if not target["met"]] == missed


@pytest.mark.parametrize(("times", "status"), [(measured(2.5, 2.0, 5.0), 0), (measured(2.5, 2.5, 4.0), 1)])
def test_a_missed_target_shows_in_the_exit_status(benchmark, monkeypatch, capsys, dance_file, times, status):
    for row in times.values():
        row |= {"fastest": row["seconds"], "frames_per_second": 1.0}
    monkeypatch.setattr(benchmark, "measure", lambda readers, repeats: times)
    monkeypatch.setattr(sys, "argv", ["read_footage.py", "--clip", str(dance_file)])
    assert benchmark.main() == status
    printed = capsys.readouterr()
    assert json.loads(printed.out)["targets"]["ours_skips over decode_only"]["met"] is (status == 0)
    assert ("missed by wall time" in printed.err) is (status == 1)
