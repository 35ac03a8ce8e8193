"""What curation of many clips costs, and whether it survives being killed.

    python tests/benchmarks/curate_footage.py [--clips 24,240] [--seconds 37] [--jobs N] [--kills 10]

Encodes one clip and copies it with a different trailer each, so that every file has a content of its own. For each
number of clips it prints frames per second, seconds a clip and the peak resident memory of all processes together.
With `--kills` it then curates the largest number again into a new folder, kills the run with SIGKILL at that many
random points, resumes it each time, and compares the parts byte by byte with those of the uninterrupted run. One JSON
document. It should reach: under 1.5 GB, the same cost per clip from 24 to 240 clips, the same bytes after any kill.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from read_footage import make_clip

ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
from pathlib import Path
from dance_tf.footage.catalog import find_clips
from dance_tf.footage.curation_run import curate_footage, write_rows
if __name__ == "__main__":
    source, parts, jobs = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) or None
    rows = curate_footage(find_clips(source), parts, jobs=jobs, progress=lambda row: print(row.clip_id, flush=True))
    write_rows(parts / "curation.csv", rows)
    assert all(row.part for row in rows), [row.reason for row in rows if not row.part]
    print("frames", sum(row.seen for row in rows))
"""


def copy_clips(clip: Path, folder: Path, count: int) -> None:
    """Files `<style>/<dancer>_<n>.mp4` that differ in a trailing box no reader looks into."""
    data = clip.read_bytes()
    for number in range(count):
        path = folder / f"style{number % 12:02d}" / f"dancer{number // 12:02d}_{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data + (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))


def start(source: Path, parts: Path, jobs: int) -> subprocess.Popen:
    command = [sys.executable, "-c", RUN, str(source), str(parts), str(jobs)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def watch_memory(process: subprocess.Popen, peak: list[int]) -> None:
    """Note the largest resident memory of a process and its children, ten times a second, until it ends."""
    while process.poll() is None:
        total = 0
        try:
            tree = [psutil.Process(process.pid)]
            tree += tree[0].children(recursive=True)
        except psutil.NoSuchProcess:
            return
        for one in tree:
            try:
                total += one.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        peak[0] = max(peak[0], total)
        time.sleep(0.1)


def children_cpu() -> float:
    """CPU seconds of all processes that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def curate(source: Path, parts: Path, jobs: int) -> dict[str, float]:
    began, peak, before = time.perf_counter(), [0], children_cpu()
    process = start(source, parts, jobs)
    watcher = threading.Thread(target=watch_memory, args=(process, peak))
    watcher.start()
    said = process.stdout.read().split()
    if process.wait():
        raise SystemExit("curation failed")
    watcher.join()
    seconds, frames, clips = time.perf_counter() - began, int(said[-1]), len(list(parts.glob("*.npz")))
    return {
        "clips": clips,
        "frames": frames,
        "seconds": round(seconds, 1),
        "frames_per_second": round(frames / seconds, 1),
        "seconds_per_clip": round(seconds / clips, 3),
        "cpu_milliseconds_per_frame": round(1000 * (children_cpu() - before) / frames, 3),
        "peak_memory_megabytes": round(peak[0] / 1e6),
    }


def hashes(parts: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(parts.glob("*.npz"))}


def kill_and_resume(source: Path, parts: Path, jobs: int, kills: int, whole_seconds: float) -> list[int]:
    """Kill a run at random moments; returns how many parts each kill left."""
    chance, left = random.Random(0), []
    for _ in range(kills):
        process = start(source, parts, jobs)
        # spread the kills over the run: each attempt may last about one kill's share of the whole
        time.sleep(chance.uniform(0.3, 2 * whole_seconds / (kills + 1)))
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait()
        left.append(len(list(parts.glob("*.npz"))))
    return left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", default="24,240", help="numbers of clips, separated by commas")
    parser.add_argument("--seconds", type=float, default=37.0, help="length of each clip")
    parser.add_argument("--jobs", type=int, default=0, help="clips at a time; 0 is one a core")
    parser.add_argument("--kills", type=int, default=0, help="how often to kill and resume")
    parser.add_argument("--clip", type=Path, help="an existing clip to copy instead of making one")
    options = parser.parse_args()
    report: dict[str, object] = {"cores": os.cpu_count(), "load": os.getloadavg()[0], "runs": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = options.clip or folder / "clip.mp4"
        if options.clip is None:
            make_clip(clip, options.seconds)
        for count in map(int, options.clips.split(",")):
            for used in ("in", "parts"):
                shutil.rmtree(folder / used, ignore_errors=True)
            copy_clips(clip, folder / "in", count)
            report["runs"].append(curate(folder / "in", folder / "parts", options.jobs))
        if options.kills:
            whole = report["runs"][-1]["seconds"]
            left = kill_and_resume(folder / "in", folder / "again", options.jobs, options.kills, whole)
            curate(folder / "in", folder / "again", options.jobs)
            report["kills"] = {
                "parts_after_each": left,
                "same_bytes": hashes(folder / "again") == hashes(folder / "parts"),
            }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
