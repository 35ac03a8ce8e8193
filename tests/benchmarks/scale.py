"""Cost against size, up to the paper's full set of 240 clips and 263,471 frames: made, curated, trained on.

    python tests/benchmarks/scale.py WORK [--dancers 3,5,10,20] [--seconds S] [--gigabytes 1] [--write]

For each number of dancers, 12 clips each, the clips that are not there yet are made, all are curated with ten
skeletons a second by the verb `curate`, and the network of the paper and the one of skeletons are trained for one epoch
by the verb `train`, with pictures memory-mapped past the given number of gigabytes. WORK is a folder for about 10 GB.
Prints one JSON document: seconds, peak memory of all processes and size on disk at each number of dancers, a straight
line for each stage, and what a million clips would take at these rates. `--write` stores it in `reports/scale.json`.
A run that is started again with finished clips measures too little: give it an empty folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
from bench import describe_machine
from curate_footage import watch_memory

ROOT = Path(__file__).resolve().parents[2]
WRITTEN = ROOT / "reports" / "scale.json"
FULL = 20  # dancers of the paper's set
NETWORKS = ("cnn_ae_attention", "skeleton_tcn")
MILLION, WEEK = 1e6, 7 * 24 * 3600


def make_clips(folder: Path, dancers: int, seconds: float) -> None:
    """Write the clips of the first dancers of the full set, with their manifest; finished clips are kept."""
    from dance_tf.audit.published import as_large_as_table_1
    from dance_tf.synthesis.settings import StudioSettings
    from dance_tf.synthesis.studio import synthesize

    full = StudioSettings(dancers=FULL, seconds=seconds) if seconds else as_large_as_table_1(StudioSettings())
    synthesize(folder, full, os.cpu_count(), wanted=[pair for pair in full.clips() if pair[1] < dancers])


def measure(command: list[str | Path], environment: dict[str, str]) -> dict[str, float]:
    """Run a command; return its seconds and the peak memory of it and its children in 10⁶ bytes."""
    started, peak = time.perf_counter(), [0]
    process = subprocess.Popen(
        [sys.executable, *map(str, command)], cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL
    )
    watcher = threading.Thread(target=watch_memory, args=(process, peak))
    watcher.start()
    if process.wait():
        raise SystemExit(f"failed: {' '.join(map(str, command))}")
    watcher.join()
    return {"seconds": round(time.perf_counter() - started, 1), "megabytes": round(peak[0] / 1e6)}


def size_of(folder: Path) -> float:
    """Return the bytes of all files of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def one_size(work: Path, dancers: int, options: argparse.Namespace) -> dict[str, object]:
    """Make, curate and train on the clips of some dancers."""
    clips, dataset = work / "clips", work / "dataset"
    limit = {"DANCE_TF_MEMORY": str(options.gigabytes)}
    stages = {"make": [__file__, work, "--make", dancers, "--seconds", options.seconds]}
    stages["curate"] = ["-m", "dance_tf", "curate", clips, dataset]
    for name in NETWORKS:
        out = work / f"{name}-{dancers}"
        options_of = ["--strategy", name, "--epochs", 1, "--growth-epochs", 1]
        stages[f"train {name}"] = ["-m", "dance_tf", "train", dataset, out, *options_of]
    found = {name: measure(command, limit) for name, command in stages.items()}
    summary = json.loads((dataset / "summary.json").read_text())
    return {
        "dancers": dancers,
        "clips": len(list(clips.rglob("*.mp4"))),
        "frames": summary["frames"],
        "stages": found,
        "gigabytes": {"clips": size_of(clips) / 1e9, "dataset": size_of(dataset) / 1e9},
    }


def fit_lines(sizes: list[dict], names: list[str]) -> dict[str, dict[str, float]]:
    """Fit a straight line to the seconds of each stage; making and curating go on where the last size ended."""
    frames, lines = np.array([size["frames"] for size in sizes], float), {}
    for name in names:
        seconds = np.array([size["stages"][name]["seconds"] for size in sizes])
        seconds = np.cumsum(seconds) if name in ("make", "curate") else seconds
        slope, start = np.polyfit(frames, seconds, 1)
        rest = seconds - np.polyval([slope, start], frames)
        share = 1 - np.sum(rest**2) / np.sum((seconds - seconds.mean()) ** 2)
        lines[name] = {"ms_per_frame": 1000 * slope, "start_seconds": start, "explained": share}
    return lines


def a_million(size: dict, lines: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return what a million clips as long as these take, at the measured rates."""
    frames = MILLION * size["frames"] / size["clips"]
    seconds = {name: line["ms_per_frame"] / 1000 * frames for name, line in lines.items()}
    once = seconds["make"] + seconds["curate"]
    return {
        **{f"{name}, hours": found / 3600 for name, found in seconds.items()},
        "machines to make and curate in a week": float(np.ceil(once / WEEK)),
        **{f"{name}, terabytes": MILLION * found / size["clips"] / 1e3 for name, found in size["gigabytes"].items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--dancers", default="3,5,10,20", help="numbers of dancers, separated by commas")
    parser.add_argument("--seconds", type=float, default=0.0, help="length of each clip; 0 for that of the full set")
    parser.add_argument("--gigabytes", type=float, default=1.0, help="of pictures in memory")
    parser.add_argument("--write", action="store_true", help="store the document in reports/scale.json")
    parser.add_argument("--make", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    work = options.work.resolve()
    if options.make:
        make_clips(work / "clips", options.make, options.seconds)
        return
    machine = describe_machine()
    sizes = [one_size(work, int(dancers), options) for dancers in options.dancers.split(",")]
    lines = fit_lines(sizes, list(sizes[0]["stages"]))
    million = a_million(sizes[-1], lines)
    document = {"machine": machine, "limit_gb": options.gigabytes, "sizes": sizes, "lines": lines, "million": million}
    text = json.dumps(document, indent=1) + "\n"
    if options.write:
        WRITTEN.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
