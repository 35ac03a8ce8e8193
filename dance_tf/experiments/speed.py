"""Where the time of a training step and of making a clip goes, and what this machine can do at most."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import keras
import numpy as np
import pandas as pd
from keras import ops
from threadpoolctl import threadpool_limits

from dance_tf.dataset.store import open_dataset
from dance_tf.experiments.spec import RunSpec, training_split
from dance_tf.experiments.training import one_thread
from dance_tf.model.fit import FrameSequence
from dance_tf.model.networks import strategy_of
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import write_clip
from dance_tf.synthesis.take import RenderedClip

Result = TypeVar("Result")
COLUMNS = ["stage", "seconds", "least", "bound"]
STEPS = 8  # of training, in a round
MATRIX = 1024  # side of the matrices whose product tells how fast this machine calculates
COPIED = 64 << 20  # bytes that are copied to tell how fast this machine's memory is


def timed(call: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds of a call, and its result."""
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def medians(rounds: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the median seconds of each stage; each round has the columns stage, seconds, least and bound."""
    every = pd.concat(rounds, ignore_index=True)
    return every.groupby(["stage", "bound"], sort=False, as_index=False)[["seconds", "least"]].median()


def training_stages(data: Path, spec: RunSpec, rounds: int) -> pd.DataFrame:
    """Measure where a training step spends its time, on one thread, as training runs beside each other.

    Call it in a new process: TensorFlow's number of threads is fixed once it has started.

    Args:
        data: folder of a dataset.
        spec: of a run on it; its network starts from random weights.

    Returns:
        Columns stage, seconds (of `STEPS` steps, median of the rounds), least and bound as in
        `serving.stages.measure_stages`, and frames. Stages: frames (taken from the dataset and changed at random),
        forward, backward (gradients and update).
    """
    one_thread()
    settings, dataset = spec.settings, open_dataset(data)
    batches = FrameSequence(dataset, training_split(dataset, spec).train, settings, spec.training_seed)
    count = min(STEPS, max(1, len(batches.order) // settings.batch_size))
    network = replace(settings.network, classes=len(dataset.styles))
    model = strategy_of(settings.strategy).build(network)
    model.compile(settings.schedule.build_optimizer(count), "sparse_categorical_crossentropy")
    with threadpool_limits(1):
        memory, forward_least = memory_rate(), count_operations(model) / arithmetic_rate()
    model.train_on_batch(*batches[0])
    model.predict_on_batch(batches[0][0])  # both are compiled now

    def one_round() -> pd.DataFrame:
        loading, loaded = timed(lambda: [batches[number] for number in range(count)])
        forward, _ = timed(lambda: [model.predict_on_batch(inputs) for inputs, *_ in loaded])
        steps, _ = timed(lambda: [model.train_on_batch(*batch) for batch in loaded])
        inputs = [each for batch in loaded for each in keras.tree.flatten(batch[0])]
        least = forward_least * sum(map(len, inputs))
        rows = [("frames", loading, sum(each.nbytes for each in inputs) / memory, "memory")]
        rows.append(("forward", forward, least, "arithmetic"))
        # the gradients of the weights and those of the maps need as many operations each as the way forward
        rows.append(("backward", max(0.0, steps - forward), 2 * least, "arithmetic"))
        return pd.DataFrame(rows, columns=COLUMNS)

    return medians(one_round() for _ in range(rounds)).assign(frames=count * settings.batch_size)


def making_stages(settings: StudioSettings, rounds: int) -> pd.DataFrame:
    """Measure where the time of making a synthetic clip goes: the first clip of a set.

    Returns:
        As `training_stages`. Stages: dance (motion and room), draw (all frames), encode (H.264, with the sound).
    """
    memory = memory_rate()

    def one_round(folder: Path) -> pd.DataFrame:
        planning, clip = timed(lambda: RenderedClip(0, 0, settings))
        drawing, size = timed(lambda: sum(frame.nbytes for frame in clip.frames()))
        writing, _ = timed(lambda: write_clip(folder, "clip", "", clip))
        encoding = max(0.0, writing - drawing)  # frames are drawn again while they are encoded
        rows = [("dance", planning, np.nan, ""), ("draw", drawing, size / memory, "memory")]
        return pd.DataFrame([*rows, ("encode", encoding, encoding, "encoder")], columns=COLUMNS)

    with TemporaryDirectory() as folder:
        found = medians(one_round(Path(folder)) for _ in range(rounds))
    return found.assign(frames=round(settings.seconds * settings.frame_rate))


def memory_rate() -> float:
    """Return the bytes per second that this machine reads, in the fastest of ten copies."""
    source = np.ones(COPIED, np.uint8)
    target = source.copy()
    return COPIED / min(timed(lambda: np.copyto(target, source))[0] for _ in range(10))


def arithmetic_rate() -> float:
    """Return the operations (float32) per second of this machine, in the fastest of ten products of matrices."""
    matrix = np.ones((MATRIX, MATRIX), np.float32)
    return 2 * MATRIX**3 / min(timed(lambda: matrix @ matrix)[0] for _ in range(10))


def count_operations(model: keras.Model) -> float:
    """Return the operations of a network for one input, as TensorFlow counts them; nan with another backend.

    A multiplication and an addition count as two.
    """
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
