"""Skeletons against the true joints: `python tests/benchmarks/pose_against_truth.py [--dancers 5] [--motion FOLDER]`.

Synthesizes short clips, of made-up dances or of takes of motion capture, reads their skeletons from the files, and
compares the frames without faults with the joints of the generator. Prints one JSON document:

- found: share of these frames with a skeleton;
- pck: share of the 12 main joints nearer to the truth than 0.2 torso lengths (PCK@0.2), in all, and for each joint, for
  gray pictures, and for pictures in colour before and after smoothing;
- time: milliseconds a pose for tracking, and for the bare LiteRT invocations in it, on one thread.

With `--picture FILE.png` it draws some frames with their skeletons. Goals: PCK of 90 %, 1.25 × the bare invocations.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ai_edge_litert.interpreter import Interpreter

from dance_tf.experiments.poses import MAIN_JOINTS, compare_with_truth
from dance_tf.pose.blazepose import BlazePose
from dance_tf.pose.read import ONCE
from dance_tf.pose.skeleton import Skeletons, draw_skeleton
from dance_tf.pose.track import POSES_PER_SECOND, SMOOTHING, DancerTracker
from dance_tf.pose.weights import load_weights
from dance_tf.synthesis.motion_capture import read_motion
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import write_clip
from dance_tf.synthesis.take import CapturedClip, DrawnClip, RenderedClip, clip_id
from dance_tf.video.catalog import find_clips
from dance_tf.video.frames import open_footage
from dance_tf.video.settings import READ_DEFAULTS


class Pictures:
    """A `video.stills.Watcher` that keeps what it sees."""

    rate = POSES_PER_SECOND

    def restart(self) -> None:
        self.seen: list[tuple[float, np.ndarray]] = []

    def see(self, time: float, picture: np.ndarray) -> None:
        self.seen.append((time, picture))


def read(path: Path) -> list[tuple[float, np.ndarray]]:
    """Return the (seconds, picture) of a file that poses are searched in."""
    reader = open_footage(path, replace(READ_DEFAULTS, frames_per_second=ONCE))
    reader.watcher = Pictures()
    for _ in reader:
        pass
    return reader.watcher.seen


def track(frames: list[tuple[float, np.ndarray]], blazepose: BlazePose, smoothing: float = SMOOTHING) -> Skeletons:
    """Return the skeletons of the dancer in (seconds, picture) of one size."""
    tracker = DancerTracker(blazepose, smoothing=smoothing)
    for frame in frames:
        tracker.see(*frame)
    return tracker.finish()[0]


def draw_takes(folder: Path, count: int, settings: StudioSettings) -> dict[str, DrawnClip]:
    """Return clips of takes of motion capture, evenly chosen from a folder, by their names."""
    takes = find_clips(folder).clips
    chosen = [takes[n] for n in np.unique(np.linspace(0, len(takes) - 1, count).astype(int))]
    return {take.clip_id: CapturedClip(take, read_motion(take.path), settings) for take in chosen}


def time_tracking(clips: list[list[tuple[float, np.ndarray]]], blazepose: BlazePose) -> dict[str, float]:
    """Return the milliseconds a pose of tracking, and of the LiteRT invocations within it."""
    bare, original = [], Interpreter.invoke

    def invoke(interpreter: Interpreter) -> None:
        began = time.perf_counter()
        original(interpreter)
        bare.append(time.perf_counter() - began)

    Interpreter.invoke = invoke
    began = time.perf_counter()
    poses = sum(int(track(clip, blazepose).valid.sum()) for clip in clips)
    whole = time.perf_counter() - began
    Interpreter.invoke = original
    return {
        "milliseconds_a_pose": round(1000 * whole / poses, 2),
        "bare_milliseconds_a_pose": round(1000 * sum(bare) / poses, 2),
        "invocations_a_pose": round(len(bare) / poses, 3),
        "ratio": round(whole / sum(bare), 3),
    }


def write_picture(path: Path, clips: list[list[tuple[float, np.ndarray]]], tracked: list[Skeletons]) -> None:
    """Write one row of frames for each of the first four clips."""
    rows = []
    for clip, skeletons in list(zip(clips, tracked, strict=True))[:4]:
        chosen = np.linspace(0, len(clip) - 1, 7).astype(int)
        drawn = [
            draw_skeleton(clip[n][1], skeletons.landmarks[n]) if skeletons.valid[n] else clip[n][1] for n in chosen
        ]
        rows.append(np.hstack(drawn))
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--styles", type=int, default=4, help="each dancer dances that many")
    parser.add_argument("--dancers", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of a clip")
    parser.add_argument("--seed", type=int, default=7, help="of the generator")
    parser.add_argument("--motion", type=Path, help="folder of motion capture, instead of made-up dances")
    parser.add_argument("--takes", type=int, default=20, help="that many of the folder")
    parser.add_argument("--picture", type=Path, help="PNG file to write")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    settings = StudioSettings(options.styles, options.dancers, options.seconds, options.seed)
    blazepose = BlazePose(load_weights())
    with tempfile.TemporaryDirectory() as folder:
        if options.motion:
            drawn = draw_takes(options.motion, options.takes, settings)
        else:
            drawn = {clip_id(*pair): RenderedClip(*pair, settings) for pair in settings.clips()}
        for name, clip in drawn.items():
            write_clip(Path(folder), name, "", clip)
        clips, rendered = [read(Path(folder) / f"{name}.mp4") for name in drawn], list(drawn.values())
    report: dict[str, object] = {"clips": len(clips), "poses_per_second": POSES_PER_SECOND}
    gray = [
        [(time, np.repeat(cv2.cvtColor(one, cv2.COLOR_RGB2GRAY)[..., None], 3, 2)) for time, one in clip]
        for clip in clips
    ]
    for name, smoothing, seen in (("gray", SMOOTHING, gray), ("raw", 0.0, clips), ("smoothed", SMOOTHING, clips)):
        tracked = [track(clip, blazepose, smoothing) for clip in seen]
        parts = [compare_with_truth(*pair) for pair in zip(tracked, rendered, strict=True)]
        found, near = (np.concatenate(part) for part in zip(*parts, strict=True))
        joints = dict(zip(MAIN_JOINTS, near.mean(axis=0).round(4).tolist(), strict=True))
        report[name] = {"found": round(found.mean(), 4), "pck": round(near.mean(), 4), "joints": joints}
    if options.picture:
        write_picture(options.picture, clips, tracked)
    report["time"] = time_tracking(clips[:4], blazepose)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
