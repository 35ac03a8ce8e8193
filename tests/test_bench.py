"""What `make bench` makes of the documents of the benchmarks; nothing is timed here."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from dance_tf.dataset.dataset import write_arrays

FOLDER = Path(__file__).resolve().parent / "benchmarks"


def load(name, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def bench(monkeypatch, tmp_path):
    module = load("bench", monkeypatch)
    monkeypatch.setattr(module, "README", tmp_path / "README.md")
    monkeypatch.setattr(module, "WRITTEN", tmp_path / "benchmarks.json")
    monkeypatch.setattr(sys, "argv", ["bench.py", "--torch", str(tmp_path / "absent")])
    (tmp_path / "README.md").write_text(f"above\n{module.START}old\n{module.END}\nbelow\n")
    return module


@pytest.mark.parametrize(("value", "status"), [(1.2, 0), (1.4, 1)])
def test_a_missed_target_sets_the_exit_status_and_all_are_written(bench, value, status, monkeypatch, capsys):
    found = {"value": value, "at_most": 1.25, "met": value <= 1.25}
    documents = {"read_footage": {"targets": {"ours over decode_only": found}}}
    monkeypatch.setattr(bench, "run", lambda name, arguments: documents.get(name, {"targets": {}}))
    assert bench.main() == status
    assert f"{value:.2f}" in capsys.readouterr().out
    text = bench.README.read_text()
    assert text.startswith("above\n") and text.endswith("below\n") and "old" not in text
    assert f"| {value:.2f} | ≤ 1.25 | {'yes' if not status else '**no**'} |" in text
    assert bench.main() == status and bench.README.read_text() == text
    written = json.loads(bench.WRITTEN.read_text())
    assert written["benchmarks"]["read_footage"] == documents["read_footage"] and written["machine"]["cores"]


def test_a_benchmark_that_fails_ends_the_run_with_its_error(bench):
    with pytest.raises(SystemExit, match="(?s)train_step failed:.*unrecognized arguments"):
        bench.run("train_step", ["--no-such-option"])


def test_targets_are_compared_and_have_a_meaning_for_the_readme(bench, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(FOLDER))
    import classify_clip
    import read_footage
    import targets
    import train_step

    named = [module.TARGETS for module in (classify_clip, read_footage, train_step)]
    assert {name for each in named for name in each} == set(bench.MEANINGS)
    wanted = {"a over b + c": ("at_most", 2.0), "a": ("at_least", 9.0), "a over absent": ("at_most", 1.0)}
    found = targets.judge({"a": 8.0, "b": 3.0, "c": 1.0}, wanted)
    assert found == {
        "a over b + c": {"value": 2.0, "at_most": 2.0, "met": True},
        "a": {"value": 8.0, "at_least": 9.0, "met": False},
    }
    assert targets.name_missed(found) == 1 and capsys.readouterr().err == "missed: a\n"


def test_cost_against_size_is_a_straight_line_from_which_a_million_clips_follow(monkeypatch):
    scale = load("scale", monkeypatch)
    sizes = [
        {
            "frames": 1000 * clips,
            "clips": clips,
            "gigabytes": {"clips": 0.002 * clips},
            "stages": {
                "make": {"seconds": 5.0 * more},
                "curate": {"seconds": 2.0 * more},
                "train": {"seconds": 9 + clips},
            },
        }
        for clips, more in ((10, 10), (20, 10), (40, 20))
    ]
    lines = scale.fit_lines(sizes, ["make", "curate", "train"])
    expected = {"make": (5.0, 0.0), "curate": (2.0, 0.0), "train": (1.0, 9.0)}  # ms a frame, seconds at the start
    for name, line in lines.items():
        assert (line["ms_per_frame"], line["start_seconds"]) == pytest.approx(expected[name], abs=1e-9)
        assert line["explained"] == pytest.approx(1)
    million = scale.a_million(sizes[-1], lines)
    assert million["make, hours"] == pytest.approx(5e6 / 3600) and million["clips, terabytes"] == pytest.approx(2)
    assert million["machines to make and curate in a week"] == 12  # 7 million seconds; a week has 604,800


def test_training_for_some_minutes_stops_after_a_run_and_goes_on_with_the_next(
    monkeypatch, tmp_path, blob_clips, capsys
):
    dataset = write_arrays(tmp_path / "arrays", blob_clips(styles=2, dancers=4, frames=3))
    profile = {"epochs": 2, "growth_epochs": 1, "growth_last_epochs": 1, "growth_frozen_epochs": 0}
    profile |= {"frames_per_clip": 2, "folds": 4, "run_folds": 2}
    (tmp_path / "tiny.yaml").write_text("".join(f"{name}: {value}\n" for name, value in profile.items()))
    script = load("train_on_gpu", monkeypatch)
    arguments = [dataset, tmp_path / "out", "--profile", tmp_path / "tiny.yaml", "--minutes", 0]
    monkeypatch.setattr(sys, "argv", ["train_on_gpu.py", *map(str, arguments)])

    script.main()
    found = json.loads(capsys.readouterr().out)
    assert found["devices"] and (found["precision"], found["runs_left"]) == ("float32", 3)
    assert found["ready over read"] == found["steps_per_second"]["ready"] / found["steps_per_second"]["read"] > 0
    (run,) = found["runs"]
    assert (run["view"], run["fold"], run["clips"]) == ("difference", 1, 2)
    assert (run["steps"], run["growth_steps"]) == (2, 5)  # the eight frames to learn from are one batch
    assert run["accuracy_by_clip"] in (0, 0.5, 1)

    def stop(data, spec, work):
        raise KeyboardInterrupt(f"{spec.settings.view}, fold {spec.fold + 1}")

    monkeypatch.setattr(script, "train", stop)
    with pytest.raises(KeyboardInterrupt, match="difference, fold 2"):
        script.main()
