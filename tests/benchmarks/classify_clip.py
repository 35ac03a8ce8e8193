"""Classify a clip beside its lower bounds and the usual ways: `python tests/benchmarks/classify_clip.py [--rounds 3]`.

A drawn clip of 37 s at 30 frames a second, 720×1280 pixels, H.264, on two networks with random weights. In each round,
all of these take their turn:

- decode: PyAV decodes every frame, nothing else;
- invocations: nothing but BlazePose's networks in LiteRT on all cores, as often as ten poses a second need them;
- frames: our verdict by the paper's network on every frame, background subtracted;
- skeletons: our verdict by the temporal convolutional network on skeletons, ten poses a second;
- opencv_loop: VideoCapture, resize, then `model.predict` of Keras on all frames, as in the video example of keras.io;
- mediapipe_loop, with `--mediapipe PYTHON` (an environment with mediapipe): its own loop on ten frames a second.

After the rounds, `dance_tf classify` runs on the clip for its peak memory, and three times on a clip of 5 s for the
time from the start of the process to the verdict. Prints one JSON document, with each target. The exit status is 1 if
one is missed; standard error names each.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from curate_footage import ROOT, watch_memory
from read_footage import decode_only
from targets import judge, name_missed

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from dance_tf.curation.filters import CURATION_DEFAULTS
from dance_tf.curation.run import reading_to_json
from dance_tf.dataset.backend import start_tensorflow
from dance_tf.pose.blazepose import DETECTOR_SIDE, LANDMARK_SIDE, BlazePose
from dance_tf.pose.read import PoseSettings
from dance_tf.pose.weights import load_weights
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize
from dance_tf.video.isolation import DecodingProcess
from dance_tf.video.settings import READ_DEFAULTS

SECONDS, SHORT = 37.0, 5.0
NETWORKS = {"frames": "cnn_ae_attention", "skeletons": "skeleton_tcn"}
MEDIAPIPE = """
import sys, cv2, mediapipe, time
with mediapipe.solutions.pose.Pose(model_complexity=1, enable_segmentation=True) as pose:
    for _ in sys.stdin:
        started, capture, number = time.perf_counter(), cv2.VideoCapture(sys.argv[1]), 0
        while True:
            found, picture = capture.read()
            if not found:
                break
            if number % 3 == 0:
                pose.process(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
            number += 1
        print(time.perf_counter() - started, flush=True)
"""
# name: seconds of one over those of others, added; at most or at least this ratio
TARGETS = {
    "frames over decode": ("at_most", 1.3),
    "skeletons over decode + invocations": ("at_most", 1.25),
    "opencv_loop over frames": ("at_least", 3.0),
    "mediapipe_loop over skeletons": ("at_least", 1.5),
    "megabytes": ("at_most", 900.0),
    "seconds to the first verdict": ("at_most", 6.0),
}


def draw_clip(folder: Path, seconds: float) -> Path:
    """Draw a clip of one dancer."""
    settings = StudioSettings(1, 1, seconds, frame_rate=30.0, faults=False, width=720, height=1280)
    synthesize(folder, settings)
    return next(folder.rglob("*.mp4"))


def write_models(folder: Path) -> dict[str, Path]:
    """Write a model folder for each network, with random weights."""
    start_tensorflow()
    from dance_tf.model.bundle import ModelBundle, ModelDescription, save_bundle
    from dance_tf.model.layers import initialize_weights
    from dance_tf.model.networks import strategy_of
    from dance_tf.model.settings import training_settings

    styles = tuple(f"style {number}" for number in range(12))
    reading = reading_to_json(READ_DEFAULTS, CURATION_DEFAULTS, PoseSettings())
    for name, strategy in NETWORKS.items():
        settings = training_settings(strategy)
        model = strategy_of(strategy).build(replace(settings.network, classes=len(styles)))
        initialize_weights(model, 0)
        description = ModelDescription(styles, strategy, settings.view, settings.sequence_length, reading=reading)
        save_bundle(folder / name, ModelBundle(model, description), fast=True)
    return {name: folder / name for name in NETWORKS}


def bare_invocations(threads: int) -> Callable[[], None]:
    """Return a call that runs the networks of BlazePose for ten poses, and one search, in each second of the clip."""
    blazepose = BlazePose(load_weights(), threads)
    pairs = (blazepose._landmarks, LANDMARK_SIDE, 10), (blazepose._detector, DETECTOR_SIDE, 1)
    for network, side, _ in pairs:
        network.run(np.zeros((side, side, 3), np.uint8), 1 / 255)

    def run() -> None:
        for network, _, rate in pairs:
            for _ in range(round(rate * SECONDS)):
                network._interpreter.invoke()

    return run


def opencv_loop(model: object, path: Path) -> None:
    capture, frames = cv2.VideoCapture(str(path)), []
    while True:
        found, picture = capture.read()
        if not found:
            break
        frames.append(cv2.cvtColor(cv2.resize(picture, (128, 128)), cv2.COLOR_BGR2GRAY))
    model.predict(np.array(frames)[..., None], verbose=0)


def run_verb(model: Path, clip: Path) -> tuple[float, float]:
    """Run `classify` as a user does; return its seconds and its peak memory in 10⁶ bytes."""
    peak, started = [0], time.perf_counter()
    command = [sys.executable, "-m", "dance_tf", "classify", str(model), str(clip)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        watch_memory(process, peak)
    if process.returncode:
        raise SystemExit(f"classify ended with status {process.returncode}")
    return time.perf_counter() - started, peak[0] / 1e6


def measure(folder: Path, rounds: int, mediapipe: str | None) -> dict[str, float]:
    """Return the median seconds of each way, and what the verb needs."""
    from dance_tf.model.bundle import load_bundle, load_classifier
    from dance_tf.serving.verdict import classify_clip

    clip, short = (draw_clip(folder / f"{seconds:g}", seconds) for seconds in (SECONDS, SHORT))
    models = write_models(folder)
    bundles = {name: load_classifier(path) for name, path in models.items()}
    keras_model = load_bundle(models["frames"]).model
    with DecodingProcess() as process:
        ways: dict[str, Callable] = {
            "decode": lambda: decode_only(clip),
            "invocations": bare_invocations(os.cpu_count() or 1),
            **{name: lambda bundle=bundle: classify_clip(bundle, clip, process) for name, bundle in bundles.items()},
            "opencv_loop": lambda: opencv_loop(keras_model, clip),
        }
        if mediapipe:
            theirs = subprocess.Popen(
                [mediapipe, "-c", MEDIAPIPE, str(clip)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )

            def mediapipe_loop() -> None:
                print(file=theirs.stdin, flush=True)
                if not theirs.stdout.readline():
                    raise SystemExit("the loop of MediaPipe ended early")

            ways["mediapipe_loop"] = mediapipe_loop
        taken = {name: [] for name in ways}
        for _ in range(rounds + 1):
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                taken[name].append(time.perf_counter() - started)
        if mediapipe:
            theirs.kill()
    measured = {name: statistics.median(seconds[1:]) for name, seconds in taken.items()}  # the first warms up
    measured["megabytes"] = max(run_verb(model, clip)[1] for model in models.values())
    starts = [run_verb(models["skeletons"], short)[0] for _ in range(3)]
    return measured | {"seconds to the first verdict": statistics.median(starts)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="the median counts")
    parser.add_argument("--mediapipe", help="Python that has mediapipe")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measured = measure(Path(folder), max(1, options.rounds), options.mediapipe)
    targets = judge(measured, TARGETS)
    print(json.dumps({"measured": {k: round(v, 2) for k, v in measured.items()}, "targets": targets}, indent=2))
    return name_missed(targets)


if __name__ == "__main__":
    sys.exit(main())
