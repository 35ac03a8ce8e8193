"""Cost of the curation of many clips, and kill-and-resume.

    python tests/benchmarks/curate_footage.py [--clips 24,240] [--seconds 37] [--jobs N] [--kills 10]

Encodes one clip, makes copies with different trailers, so that their content differs, and runs the verb `curate` on
them. Prints for each number of clips the frames per second, seconds per clip and peak resident memory of all
processes. With `--kills`, it then curates the largest number again, kills the run with SIGKILL at that many random
times, resumes it each time, and compares every file of the dataset and of the parts with the uninterrupted run. Prints
one JSON document. Goals: under 1.5 GB, the same cost per clip from 24 to 240 clips, the same bytes after any kill.
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
from contextlib import suppress
from pathlib import Path

import psutil
from read_footage import make_clip

ROOT = Path(__file__).resolve().parents[2]


def copy_clips(clip: Path, folder: Path, count: int) -> None:
    """Write files `<style>/<dancer>_<n>.mp4` that differ only in a trailing box that readers ignore."""
    data = clip.read_bytes()
    for number in range(count):
        path = folder / f"style{number % 12:02d}" / f"dancer{number // 12:02d}_{number}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data + (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))


def start(source: Path, out: Path, jobs: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "dance_tf", "curate", source, out, "--json"]
    command += ["--jobs", str(jobs)] if jobs else []
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def watch_memory(process: subprocess.Popen, peak: list[int]) -> None:
    """Record the peak resident memory of a process and its children, ten times a second, until it ends."""
    while process.poll() is None:
        with suppress(psutil.NoSuchProcess):  # one that ends meanwhile: measured again a moment later
            first = psutil.Process(process.pid)
            tree = [first, *first.children(recursive=True)]
            peak[0] = max(peak[0], sum(one.memory_info().rss for one in tree))
        time.sleep(0.1)


def children_cpu() -> float:
    """Return the CPU seconds of all processes that have ended."""
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def curate(source: Path, out: Path, jobs: int) -> dict[str, float]:
    began, peak, before = time.perf_counter(), [0], children_cpu()
    process = start(source, out, jobs)
    watcher = threading.Thread(target=watch_memory, args=(process, peak))
    watcher.start()
    output = process.stdout.read()
    if process.wait():
        raise SystemExit("curation failed")
    watcher.join()
    seconds, document = time.perf_counter() - began, json.loads(output)
    frames, clips = document["frames"]["seen"], document["clips"]
    return {
        "clips": clips,
        "frames": frames,
        "seconds": round(seconds, 1),
        "frames_per_second": round(frames / seconds, 1),
        "seconds_per_clip": round(seconds / clips, 3),
        "cpu_milliseconds_per_frame": round(1000 * (children_cpu() - before) / frames, 3),
        "peak_memory_megabytes": round(peak[0] / 1e6),
    }


def content_hash(out: Path) -> str:
    """Return the hash of all files of a dataset and its parts."""
    digest = hashlib.sha256()
    for folder in (out, out.with_name(f"{out.name}-parts")):
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")):
            with open(path, "rb") as file:
                digest.update(f"{path.relative_to(folder)} {hashlib.file_digest(file, 'sha256').hexdigest()}".encode())
    return digest.hexdigest()


def kill_and_resume(source: Path, out: Path, jobs: int, kills: int, whole_seconds: float) -> list[int]:
    """Kill a run at random times; return how many clips were done after each kill."""
    chance, left = random.Random(0), []
    for _ in range(kills):
        process = start(source, out, jobs)
        time.sleep(chance.uniform(0.3, 2 * whole_seconds / (kills + 1)))
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        process.wait()
        left.append(len(list(out.with_name(f"{out.name}-parts").glob("*.json"))))
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
            for used in ("in", "out", "out-parts"):
                shutil.rmtree(folder / used, ignore_errors=True)
            copy_clips(clip, folder / "in", count)
            report["runs"].append(curate(folder / "in", folder / "out", options.jobs))
        if options.kills:
            whole, expected = report["runs"][-1]["seconds"], content_hash(folder / "out")
            for used in ("out", "out-parts"):
                shutil.rmtree(folder / used)
            left = kill_and_resume(folder / "in", folder / "out", options.jobs, options.kills, whole)
            curate(folder / "in", folder / "out", options.jobs)
            report["kills"] = {"clips_done_after_each": left, "same_bytes": content_hash(folder / "out") == expected}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
