"""Measure reading speed: `python tests/benchmarks/read_footage.py [--seconds 37] [--repeats 5] [--clip FILE]`.

Writes one 720×1280 H.264 clip of a moving figure before a textured wall with sensor noise, and reads it in turn by:

- decode_only: PyAV decodes every frame, nothing else;
- ours: every frame to 128×128 luma;
- opencv_loop: VideoCapture, resize, cvtColor;
- torchcodec, if installed: decode all frames, resize.

All readers may use all cores. Prints one JSON document: median wall and CPU times, and their ratios to the targets. The
exit status is 1 if a target is missed; standard error names each.

Targets: ours at most 1.25 × decode_only, opencv_loop at least 2 × ours, by wall time, or by CPU time with `--by cpu` on
a machine that others use. The last target needs many cores: OpenCV decodes on as many threads as we do, but converts on
one. The ratio of opencv_loop to decode_only is the upper bound of that ratio.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from targets import judge, name_missed

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dance_tf.video.frames import read_footage

WIDTH, HEIGHT, RATE = 720, 1280, 30
MEASURES = {"wall": "seconds", "cpu": "cpu_seconds"}
TARGETS = {"ours over decode_only": ("at_most", 1.25), "opencv_loop over ours": ("at_least", 2.0)}


def make_clip(path: Path, seconds: float) -> None:
    """Write the clip as phones and apps do: H.264 High, about 3 Mbit/s."""
    rng = np.random.default_rng(0)
    wall = cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), (0, 0), 5)
    wall = cv2.normalize(wall, None, 30, 190, cv2.NORM_MINMAX)
    grain = [rng.integers(0, 9, wall.shape, np.uint8) for _ in range(5)]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate = 3_000_000
        stream.options = {"preset": "fast"}
        for number in range(round(seconds * RATE)):
            beat = number / RATE * 2 * np.pi
            picture = wall.copy()
            hip = np.array([WIDTH / 2 + 90 * np.sin(beat), HEIGHT * 0.6])
            neck = hip + [60 * np.sin(1.5 * beat), -300]
            limbs = [(hip, neck)]
            for side in (-1, 1):
                hand = neck + 260 * np.array([side * np.cos(beat * side), -np.sin(1.3 * beat + side)])
                foot = hip + [side * 110 + 70 * np.sin(beat + side), 400 - 80 * abs(np.sin(beat))]
                limbs += [(neck, hand), (hip, foot)]
            for start, end in limbs:
                cv2.line(picture, tuple(map(int, start)), tuple(map(int, end)), (60, 40, 200), 70, cv2.LINE_AA)
            cv2.circle(picture, (int(neck[0]), int(neck[1]) - 90), 70, (140, 170, 220), -1, cv2.LINE_AA)
            picture = cv2.add(picture, grain[number % 5])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())


def decode_only(path: Path) -> int:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        return sum(1 for _ in container.decode(stream))


def opencv_loop(path: Path) -> int:
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        found, picture = capture.read()
        if not found:
            return len(frames)
        small = cv2.resize(picture, (72, 128), interpolation=cv2.INTER_AREA)
        frames.append(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))


def torchcodec_loop(path: Path) -> int:
    import torch
    from torchcodec.decoders import VideoDecoder

    decoder, frames = VideoDecoder(str(path), num_ffmpeg_threads=0), []
    for frame in decoder:
        gray = frame.float().mean(0, keepdim=True)[None]
        frames.append(torch.nn.functional.interpolate(gray, (128, 72), mode="area"))
    return len(frames)


def measure(readers: dict[str, Callable[[], int]], repeats: int) -> dict[str, dict[str, float]]:
    """Time all readers in turn, so that other load on the machine affects them equally."""
    wall: dict[str, list[float]] = {name: [] for name in readers}
    cpu: dict[str, list[float]] = {name: [] for name in readers}
    counts = {name: reader() for name, reader in readers.items()}  # warm up
    if len(set(counts.values())) != 1:
        raise SystemExit(f"the readers return different numbers of frames: {counts}")
    for _ in range(repeats):
        for name, reader in readers.items():
            began, before = time.perf_counter(), time.process_time()
            reader()
            wall[name].append(time.perf_counter() - began)
            cpu[name].append(time.process_time() - before)
    return {
        name: {
            "seconds": round(statistics.median(wall[name]), 4),
            "cpu_seconds": round(statistics.median(cpu[name]), 4),
            "frames_per_second": round(counts[name] / statistics.median(wall[name]), 1),
        }
        for name in readers
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=37.0, help="length of the clip")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each reader; the median counts")
    parser.add_argument("--by", choices=sorted(MEASURES), default="wall", help="the measure that the targets use")
    parser.add_argument("--clip", type=Path, help="an existing clip to read instead")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.clip or Path(folder) / "clip.mp4"
        if options.clip is None:
            make_clip(path, options.seconds)
        readers = {
            "decode_only": lambda: decode_only(path),
            "ours": lambda: len(read_footage(path).frames),
            "opencv_loop": lambda: opencv_loop(path),
        }
        if importlib.util.find_spec("torchcodec"):
            readers["torchcodec"] = lambda: torchcodec_loop(path)
        times = measure(readers, max(1, options.repeats))
        megabytes = round(path.stat().st_size / 1e6, 2)
    targets = judge({name: found[MEASURES[options.by]] for name, found in times.items()}, TARGETS)
    report = {
        "clip": {"width": WIDTH, "height": HEIGHT, "megabytes": megabytes},
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "repeats": max(1, options.repeats),
        "by": options.by,
        "measured": times,
        "targets": targets,
    }
    print(json.dumps(report, indent=2))
    return name_missed(targets, f" by {options.by} time")


if __name__ == "__main__":
    sys.exit(main())
