"""Where the time of a verdict goes: the seconds of each stage, beside the least that this machine needs for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import av
import numpy as np
import pandas as pd
from joblib import cpu_count

from dance_tf.curation.filters import curate_frames
from dance_tf.fidelity.assess import assess
from dance_tf.fidelity.score import ScoreError
from dance_tf.pose.read import load_blazepose
from dance_tf.pose.track import DancerTracker
from dance_tf.serving.verdict import BATCH, classify_clip, clip_reading, curated_clip, network_inputs
from dance_tf.video.catalog import Clip
from dance_tf.video.frames import read_footage
from dance_tf.video.isolation import DecodingProcess
from dance_tf.video.stills import ReadError

if TYPE_CHECKING:
    import keras

    from dance_tf.fidelity.score import Standard
    from dance_tf.model.bundle import ModelBundle

Result = TypeVar("Result")
WHOLE = "verdict"  # name of the row of all stages together, in parallel as far as they can be
MATRIX = 1024  # side of the matrices whose product tells how fast this machine calculates
COPIED = 64 << 20  # bytes that are copied to tell how fast this machine's memory is


def measure_stages(
    bundle: ModelBundle,
    path: Path,
    rounds: int = 3,
    network: keras.Model | None = None,
    standards: Mapping[str, Standard] | None = None,
) -> pd.DataFrame:
    """Measure the stages of a verdict on a video file.

    Args:
        bundle: of `load_classifier`.
        network: of the same model, whose operations are counted; None to leave out the least time of the network.
        standards: of the model; None to leave out the stage "fidelity".

    Returns:
        A row for each stage, and one named `WHOLE`; medians over the rounds. Columns stage, seconds; least, the seconds
        of what cannot be left out, nan if not known; bound, what that is. Stages: decode; shrink (all frames to
        128 × 128); poses (beside decoding), if the model reads them; curate; network; fidelity.

    Raises:
        ReadError: the clip cannot be read, or it is no video file.
    """
    if not Path(path).is_file():
        raise ReadError(f"{path}: stages are measured on a video file")
    memory, arithmetic = memory_rate(), arithmetic_rate()
    operations = count_operations(network) if network is not None else np.nan
    with DecodingProcess() as process:
        classify_clip(bundle, path, process)  # opens files, loads libraries
        tables = [_one_round(bundle, path, process, memory, operations / arithmetic, standards) for _ in range(rounds)]
    every = pd.concat(tables, ignore_index=True)
    return every.groupby(["stage", "bound"], sort=False, as_index=False)[["seconds", "least"]].median()


def describe_stages(stages: pd.DataFrame) -> str:
    """Return the table of `measure_stages` as text for a terminal."""
    total = stages.loc[stages["stage"] != WHOLE, "seconds"].sum()
    lines = [f"{'stage':<10}{'seconds':>9}{'share':>7}{'at least':>10}  because of"]
    for row in stages.itertuples():
        least = "" if np.isnan(row.least) else f"{row.least:.2f}"
        share = "" if row.stage == WHOLE else f"{row.seconds / total:.0%}"
        lines.append(f"{row.stage:<10}{row.seconds:>9.2f}{share:>7}{least:>10}  {row.bound}".rstrip())
    return "\n".join(lines)


def _one_round(
    bundle: ModelBundle,
    path: Path,
    process: DecodingProcess,
    memory: float,
    of_input: float,
    standards: Mapping[str, Standard] | None,
) -> pd.DataFrame:
    """Measure each stage once, alone as far as possible.

    Args:
        memory: bytes per second.
        of_input: least seconds of the network for one input.
    """
    description = bundle.description
    posed = standards is not None
    read, curation, poses = clip_reading(description, posed)
    read = replace(read, threads=read.threads or cpu_count())
    decode, size = _timed(lambda: _decode_only(path, read.threads))
    gray, footage = _timed(lambda: read_footage(path, read))
    frames = footage.frames, footage.timestamps, footage.seconds
    rows = [("decode", decode, decode, "decoder"), ("shrink", max(gray - decode, 0.0), size / memory, "memory")]
    if poses:
        blazepose = load_blazepose(read.threads)
        tracker = _TimedTracker(blazepose, poses.poses_per_second, poses.smoothing)
        before = blazepose.seconds
        read_footage(path, read, watcher=tracker)
        rows.append(("poses", tracker.seconds, blazepose.seconds - before, "LiteRT"))
    rows.append(("curate", _timed(lambda: curate_frames(Clip(Path(path)), *frames, curation))[0], np.nan, ""))
    with curated_clip(description, path, process, with_poses=posed) as curated:
        inputs = list(network_inputs(description, curated))
        network, answers = _timed(lambda: [bundle.model.predict(part, batch_size=BATCH, verbose=0) for part in inputs])
        rows.append(("network", network, sum(map(len, answers)) * of_input, "arithmetic"))
        if standards is not None:
            style = description.styles[np.concatenate(answers).mean(axis=0).argmax()]
            standard = standards.get(style, next(iter(standards.values())))
            with suppress(ScoreError):  # the clip is too short
                spent, _ = _timed(lambda: assess(curated.skeletons, standard, others=list(standards.values())))
                rows.append(("fidelity", spent, np.nan, ""))
    rows.append((WHOLE, _timed(lambda: classify_clip(bundle, path, process))[0], np.nan, ""))
    return pd.DataFrame(rows, columns=["stage", "seconds", "least", "bound"])


class _TimedTracker(DancerTracker):
    """A tracker that adds up the seconds that it takes."""

    def restart(self) -> None:
        super().restart()
        self.seconds = 0.0

    def see(self, time: float, picture: np.ndarray) -> None:
        self.seconds += _timed(lambda: super(_TimedTracker, self).see(time, picture))[0]


def _timed(call: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds of a call, and its result."""
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def _decode_only(path: Path, threads: int) -> int:
    """Decode a video with PyAV and nothing else; return the bytes of its gray planes."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        return sum(frame.width * frame.height for frame in container.decode(stream))


def memory_rate() -> float:
    """Return the bytes per second that this machine reads, in the fastest of ten copies."""
    source = np.ones(COPIED, np.uint8)
    target = source.copy()
    return COPIED / min(_timed(lambda: np.copyto(target, source))[0] for _ in range(10))


def arithmetic_rate() -> float:
    """Return the operations (float32) per second of this machine, in the fastest of ten products of matrices."""
    matrix = np.ones((MATRIX, MATRIX), np.float32)
    return 2 * MATRIX**3 / min(_timed(lambda: matrix @ matrix)[0] for _ in range(10))


def count_operations(model: keras.Model) -> float:
    """Return the operations of a network for one input, as TensorFlow counts them; nan with another backend.

    A multiplication and an addition count as two.
    """
    import keras
    from keras import ops

    if keras.backend.backend() != "tensorflow":
        return np.nan
    import tensorflow as tf
    from tensorflow.compat.v1 import profiler
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    kinds = [tf.TensorSpec((1, *each.shape[1:]), each.dtype) for each in model.inputs]
    whole = tf.function(lambda *inputs: model(ops.convert_to_tensor(inputs[0]) if len(inputs) == 1 else list(inputs)))
    frozen = convert_variables_to_constants_v2(whole.get_concrete_function(*kinds))
    options = profiler.ProfileOptionBuilder(profiler.ProfileOptionBuilder.float_operation())
    counted = profiler.profile(frozen.graph, options=options.with_empty_output().build())
    return float(counted.total_float_ops)
