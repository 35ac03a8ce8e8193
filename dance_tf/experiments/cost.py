"""Stopwatch and scales of Table 4: how long a clip takes from file to probabilities, and how much memory.

All is measured on one thread in processes made for it, so that nothing that ran before warms a cache or holds memory.
"""

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import cv2
import keras
import numpy as np

from dance_tf.curation.background import estimate_background
from dance_tf.dataset.backend import start_tensorflow
from dance_tf.dataset.batches import View, apply_view, load_frames, sample_evenly, windows
from dance_tf.dataset.dataset import Dataset
from dance_tf.experiments.cache import one_thread
from dance_tf.experiments.spec import Result, split_of
from dance_tf.model.layers import SpatialAttention, SqueezeExcitation
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize
from dance_tf.video.frames import FootageReader
from dance_tf.video.settings import ReadSettings

HEAD_STARTS = ("dropout_1", "dense_1", "logits")  # the first of these that a network has begins its head


@dataclass(frozen=True)
class NetworkParts:
    """Models that together do what the network does.

    Attributes:
        extraction: from frames to the feature maps before attention or, without attention, to the fused vector.
        attention: from those maps to weighted maps; None where the network has none.
        head: from the fused vector to probabilities. Laying maps out as a vector and normalising it costs nothing
            worth timing and is in none where there is attention.
    """

    extraction: keras.Model
    attention: keras.Model | None
    head: keras.Model


def cut_network(network: keras.Model) -> NetworkParts:
    """Cut one of `STRATEGIES`' networks, built or loaded, into its parts; they share its weights."""
    names = [layer.name for layer in network.layers]
    first = next(network.get_layer(name) for name in HEAD_STARTS if name in names)
    head = keras.Model(first.input, network.output, name="head")
    blocks = attention_blocks(network)
    if not blocks:
        return NetworkParts(keras.Model(network.inputs, first.input, name="extraction"), None, head)
    maps = [block[0].input for block in blocks]
    return NetworkParts(
        keras.Model(network.inputs, maps, name="extraction"),
        keras.Model(maps, [block[-1].output for block in blocks], name="attention"),
        head,
    )


def attention_blocks(network: keras.Model) -> list[list[keras.layers.Layer]]:
    """The attention layers of each path in the order they are passed: channel attention, then spatial attention."""
    blocks: list[list[keras.layers.Layer]] = []
    for layer in network.layers:
        if isinstance(layer, SqueezeExcitation):
            blocks.append([layer])
        elif isinstance(layer, SpatialAttention):
            next(block for block in blocks if block[-1].output is layer.input).append(layer)
    return blocks


def attention_inside(layer: SqueezeExcitation) -> keras.Model:
    """A channel attention block as a model of the very layers that it is made of: squeeze, reduce, expand, scale.

    Args:
        layer: of a built network.
    """
    maps = keras.Input(layer.input.shape[1:], name="feature_maps")
    weights = layer.expand(layer.reduce(layer.squeeze(maps)))
    return keras.Model(maps, keras.layers.Multiply(name="scale")([maps, weights]), name=layer.name)


def attention_weights(
    network: keras.Model, frames: np.ndarray, labels: np.ndarray, styles: int
) -> Iterator[tuple[str, np.ndarray]]:
    """How each path's channel attention weighs its channels for each style, mean over frames.

    Args:
        network: with channel attention.
        frames: uint8 [n, 128, 128, 1], what the network sees.
        labels: int64 [n], their styles.
        styles: number of styles.

    Yields:
        path ("cnn", "encoder") and weights float64 [styles, channels] in (0, 1); nan for a style without frames.
    """
    for block in attention_blocks(network):
        layer = block[0]
        probe = keras.Model(network.inputs, layer.weigh(layer.input))
        weights = probe.predict(frames, batch_size=128, verbose=0)[:, 0, 0].astype(np.float64)
        counts = np.bincount(labels, minlength=styles)[:, None]
        sums = np.zeros((styles, weights.shape[1]))
        np.add.at(sums, labels, weights)
        mean = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
        yield layer.name.removesuffix("_attention"), mean


def held_out_attention(dataset: Dataset, result: Result, frames_per_clip: int = 8) -> dict[str, np.ndarray]:
    """`attention_weights` of a run's network on frames of the part held out, by path.

    Args:
        dataset: frames.
        result: of a strategy with channel attention.
        frames_per_clip: frames of each clip that the mean is taken over.
    """
    chosen = sample_evenly(split_of(dataset, result.job).test, dataset.clip_index, frames_per_clip)
    frames = load_frames(dataset, chosen, result.job.settings.view)
    return dict(attention_weights(result.load_model(), frames, dataset.labels[chosen], len(dataset.styles)))


BATCH = 64
FRAME_RATE = 30.0  # the paper's


def one_clip(clips: Sequence[Path], frames: int, work: Path) -> tuple[Path, tuple[int, int], bool]:
    """A single file with so many frames: the first clip where it has them, else one filmed at that clip's size.

    Files of a few seconds opened one after the other would cost more than one clip does, and every file begins with a
    whole picture.

    Args:
        clips: video files of the run.
        frames: how many are needed.
        work: where a filmed clip is kept, for the next time.

    Returns:
        the file, width and height of its picture, and whether it was filmed for this.

    Raises:
        ValueError: no files, or a first file without frames.
    """
    if not clips:
        raise ValueError("there are no clips to decode")
    reader = FootageReader(clips[0], ReadSettings(threads=1))
    found = sum(1 for _ in islice(reader, frames))
    if not found:
        raise ValueError("there are no frames to decode")
    width, height = reader.source.width, reader.source.height
    if found == frames:
        return Path(clips[0]), (width, height), False
    size = {"width": max(32, width - width % 2), "height": max(32, height - height % 2)}
    settings = StudioSettings(1, 1, frames / FRAME_RATE, frame_rate=FRAME_RATE, faults=False, **size)
    folder = Path(work) / f"timed-{settings.width}x{settings.height}-{frames}"
    synthesize(folder, settings, progress=False)
    return next(folder.rglob("*.mp4")), (settings.width, settings.height), True


def read_clip(path: Path | str, frames: int) -> np.ndarray:
    """The first frames of a clip as the network is fed: uint8 [frames, 128, 128, 1], decoded on one thread."""
    found = [frame for _, frame in islice(FootageReader(Path(path), ReadSettings(threads=1)), frames)]
    return np.stack(found)[..., None]


def take_room_away(frames: np.ndarray, view: View) -> np.ndarray:
    """Estimate a clip's room and show its frames uint8 [n, 128, 128, 1] as the view has them."""
    room = estimate_background(frames[..., 0]).picture
    return apply_view(frames, np.broadcast_to(room[..., None], frames.shape), view)


def apart(function: Callable, *arguments: object) -> object:
    """Call a function in a process of its own, which ends with it."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def time_rounds(
    networks: Mapping[str, tuple[str, View]], clip: str, frames: int, repeats: int
) -> tuple[dict[str, dict[str, list[float]]], dict[str, list[float]]]:
    """Seconds of every part of every network, of decoding and of the room, each measured once a round.

    Rounds go through everything in turn, so that a machine that slows down meanwhile slows all of it.

    Args:
        networks: path of `model.keras` and view, by name.
        clip: one video file.
        frames: of it.
        repeats: rounds.

    Returns:
        by network: seconds of each round for network (in one go), extraction, head and, where it has one, attention;
        and seconds of each round for decode (with shrinking to 128 × 128) and room (estimated and taken away).
    """
    start_tensorflow()  # which says of every network after the fourth that it was traced
    one_thread()
    cv2.setNumThreads(1)
    given = read_clip(clip, frames)
    views = {view for _, view in networks.values()}
    seen = {view: take_room_away(given, view) for view in views}
    steps = {name: network_steps(keras.saving.load_model(path, compile=False), seen[view])
             for name, (path, view) in networks.items()}  # fmt: skip
    shared = {"decode": lambda: read_clip(clip, frames), "room": lambda: take_room_away(given, "difference")}
    taken = {name: {part: [] for part in parts} for name, parts in {**steps, "": shared}.items()}
    for _ in range(repeats):
        for name, parts in {"": shared, **steps}.items():
            for part, step in parts.items():
                started = time.perf_counter()
                step()
                taken[name][part].append(time.perf_counter() - started)
    return taken, taken.pop("")


def network_steps(network: keras.Model, frames: np.ndarray) -> dict[str, Callable[[], list]]:
    """What is timed of a network: calls that run it, or a part of it, over a clip; each has been tried once.

    A network that reads windows gets one for every frame, as it stands: each frame is read once a window.

    Args:
        network: one of `STRATEGIES`.
        frames: uint8 [n, 128, 128, 1], what it sees.
    """
    length = network.input_shape[1] if len(network.input_shape) == 5 else 1
    order = np.arange(len(frames))
    order = windows(order, order, np.zeros(len(frames), dtype=np.int64), length) if length > 1 else order
    batches = np.split(order, range(BATCH, len(order), BATCH))
    ends = {len(batch): batch for batch in batches}  # a batch of each size there is

    def read(model: keras.Model) -> Callable[[], list]:
        return lambda: [model.predict_on_batch(frames[batch]) for batch in batches]

    def run(model: keras.Model, inputs: Mapping[int, object]) -> Callable[[], list]:
        return lambda: [model.predict_on_batch(inputs[len(batch)]) for batch in batches]

    parts = cut_network(network)
    for batch in ends.values():  # the first call of a size compiles it
        network.predict_on_batch(frames[batch])
    maps = {size: parts.extraction.predict_on_batch(frames[batch]) for size, batch in ends.items()}
    vectors = {size: np.zeros((size, parts.head.input_shape[-1]), np.float32) for size in ends}
    steps = {"network": read(network), "extraction": read(parts.extraction), "head": run(parts.head, vectors)}
    if parts.attention:
        steps["attention"] = run(parts.attention, maps)
    for model, inputs in ((parts.attention, maps), (parts.head, vectors)):
        for size in ends if model else ():
            model.predict_on_batch(inputs[size])
    return steps


def weigh_network(path: str, frames: np.ndarray) -> tuple[float, float]:
    """Memory in 10⁶ bytes of this process before a network was loaded, and at its peak after it classified a clip."""
    start_tensorflow()
    one_thread()
    idle = peak_memory()
    network_steps(keras.saving.load_model(path, compile=False), frames)["network"]()
    return idle, peak_memory()


def peak_memory() -> float:
    """The most memory that this process has held, in 10⁶ bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # of this program alone; the call below also counts what started it
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
