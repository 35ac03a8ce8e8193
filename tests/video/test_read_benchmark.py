"""How the benchmark of reading compares its times with the targets; nothing is timed here."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[1] / "benchmarks" / "read_footage.py"


RUNS = [(2.5, 5.0, []), (2.6, 5.2, ["ours over decode_only"]), (2.4, 4.4, ["opencv_loop over ours"])]


@pytest.mark.parametrize(("ours", "opencv", "missed"), RUNS)
@pytest.mark.parametrize("by", ["wall", "cpu"])
def test_missed_targets_set_the_exit_status(monkeypatch, capsys, dance_file, ours, opencv, missed, by):
    monkeypatch.setattr(sys, "path", [str(PATH.parent), *sys.path])  # as for a script; it adds the repository
    spec = importlib.util.spec_from_file_location("read_footage_benchmark", PATH)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    times = {
        name: {"seconds": spent, "cpu_seconds": 2 * spent, "frames_per_second": 1.0}
        for name, spent in (("decode_only", 2.0), ("ours", ours), ("opencv_loop", opencv))
    }
    monkeypatch.setattr(benchmark, "measure", lambda readers, repeats: times)
    monkeypatch.setattr(sys, "argv", ["read_footage.py", "--clip", str(dance_file), "--by", by])
    assert benchmark.main() == bool(missed)
    printed = capsys.readouterr()
    targets = json.loads(printed.out)["targets"]
    assert [name for name, target in targets.items() if not target["met"]] == missed
    assert printed.err.splitlines() == [f"missed by {by} time: {name}" for name in missed]
