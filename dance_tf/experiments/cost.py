"""Cost of networks (Table 4): seconds for one clip by step, size on disk, parameters, training time, memory.

Everything is measured on one thread in new processes, so that neither caches nor memory of earlier work count.
"""

import multiprocessing
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import keras
import numpy as np
import pandas as pd

from dance_tf.curation.background import estimate_background
from dance_tf.dataset.backend import start_tensorflow
from dance_tf.dataset.batches import View, apply_view, windows
from dance_tf.experiments.attention import attention_blocks
from dance_tf.experiments.cache import Experiment, Run
from dance_tf.experiments.scores import group_runs
from dance_tf.experiments.training import one_thread
from dance_tf.model.networks import STRATEGIES, strategy_of
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize
from dance_tf.video.frames import open_footage
from dance_tf.video.settings import ReadSettings

HEAD_STARTS = ("dropout_1", "dense_1", "logits")  # the first of these layers that a network has starts its head
FRAME_RATE = 30.0  # the paper's
BATCH = 64
MEMORY_PROCESSES = 2  # memory is measured in this many processes at once
STEPS = ("extraction", "attention", "head", "network")
SHARED = "all"  # name of the rows that hold for every network


class NetworkFile(NamedTuple):
    """A stored network: its strategy, the path of `model.keras`, and its view."""

    strategy: str
    path: str
    view: View

    def load(self) -> keras.Model:
        """Load the network."""
        strategy_of(self.strategy)  # registers the layers of a user's own network
        return keras.saving.load_model(self.path, compile=False)


def cut_network(network: keras.Model) -> dict[str, keras.Model]:
    """Cut a network of one of `STRATEGIES` into parts that share its weights.

    Returns:
        "extraction": from frames to the feature maps before attention; without attention, to the fused vector.
        "attention": from those maps to weighted maps; absent without attention. "head": from the fused vector to
        probabilities. With attention, flattening between the two is in no part: its time is small.
    """
    names = [layer.name for layer in network.layers]
    first = next(network.get_layer(name) for name in HEAD_STARTS if name in names)
    blocks = attention_blocks(network)
    maps = [block[0].input for block in blocks] or first.input
    parts = {"extraction": (network.inputs, maps), "head": (first.input, network.output)}
    if blocks:
        parts["attention"] = (maps, [block[-1].output for block in blocks])
    return {name: keras.Model(inputs, outputs, name=name) for name, (inputs, outputs) in parts.items()}


def timed_clip(clips: Sequence[Path], frames: int, work: Path) -> tuple[Path, tuple[int, int], bool]:
    """Return one file of a given length: the first clip if it is long enough, else a synthetic one of the same size.

    Several short files would take longer than one long file: each has to be opened, and each starts with a key frame.

    Args:
        work: folder in which the synthetic clip is cached.

    Returns:
        The file, width and height of its frames in pixels, and whether it is synthetic.
    """
    reader = open_footage(clips[0], ReadSettings(threads=1))
    found = sum(1 for _ in islice(reader, frames))
    width, height = reader.width, reader.height
    if found == frames:
        return Path(clips[0]), (width, height), False
    size = {"width": max(32, width - width % 2), "height": max(32, height - height % 2)}
    settings = StudioSettings(1, 1, frames / FRAME_RATE, frame_rate=FRAME_RATE, faults=False, **size)
    folder = Path(work) / f"timed-{settings.width}x{settings.height}-{frames}"
    synthesize(folder, settings)
    return next(folder.rglob("*.mp4")), (settings.width, settings.height), True


def read_clip(path: Path | str, frames: int) -> np.ndarray:
    """Return the first frames of a clip, decoded on one thread: uint8 [frames, 128, 128, 1]."""
    found = [frame for _, frame in islice(open_footage(Path(path), ReadSettings(threads=1)), frames)]
    return np.stack(found)[..., None]


def subtract_background(frames: np.ndarray, view: View) -> np.ndarray:
    """Estimate the background of a clip, uint8 [n, 128, 128, 1], and return its frames in the view."""
    background = estimate_background(frames[..., 0]).picture
    return apply_view(frames, np.broadcast_to(background[..., None], frames.shape), view)


def in_subprocess(function: Callable, *arguments: object) -> object:
    """Call a function in a new process, and return its result."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(function, *arguments).result()


def time_rounds(
    networks: Mapping[str, NetworkFile], clip: str, frames: int, repeats: int
) -> dict[str, dict[str, list[float]]]:
    """Time decoding, background subtraction and each step of each network, once a round.

    Each round measures everything, so that a machine which slows down affects all networks.

    Returns:
        By name, then step, the seconds of each round. Steps: those of `network_steps`; under `SHARED` "decode"
        (resizing to 128 × 128 included) and "background" (estimation and subtraction).
    """
    _limit_threads()
    decoded = read_clip(clip, frames)
    steps = {SHARED: {"decode": partial(read_clip, clip, frames)}}
    steps[SHARED]["background"] = partial(subtract_background, decoded, "difference")
    inputs = {network.view: subtract_background(decoded, network.view) for network in networks.values()}
    for name, network in networks.items():
        steps[name] = network_steps(network.load(), inputs[network.view], network.strategy in STRATEGIES)
    taken = {name: {step: [] for step in calls} for name, calls in steps.items()}
    for _ in range(repeats):
        for name, calls in steps.items():
            for step, call in calls.items():
                started = time.perf_counter()
                call()
                taken[name][step].append(time.perf_counter() - started)
    return taken


def _limit_threads() -> None:
    start_tensorflow()  # suppresses its warning that many networks were traced
    one_thread()
    cv2.setNumThreads(1)


def network_steps(network: keras.Model, frames: np.ndarray, cut: bool) -> dict[str, Callable[[], list]]:
    """Return calls that run a network, or a part of it, over a clip; each has run once, so that it is compiled.

    Args:
        network: reads frames, or windows of frames; it gets one window for each frame.
        frames: uint8 [n, 128, 128, 1], in the network's view.
        cut: whether the parts of `cut_network` are timed too; only networks of `STRATEGIES` can be cut.

    Returns:
        By step: "network" (all of it in one call), and "extraction", "attention" and "head", as far as there are any.
    """
    length = network.input_shape[1] if len(network.input_shape) == 5 else 1
    order = np.arange(len(frames))
    order = windows(order, order, np.zeros(len(frames), dtype=np.int64), length) if length > 1 else order
    batches = np.split(order, range(BATCH, len(order), BATCH))
    by_size = {len(batch): batch for batch in batches}
    parts = cut_network(network) if cut else {}
    reads: dict[str, Callable] = {"network": frames.__getitem__, "extraction": frames.__getitem__}
    if cut:
        maps = {size: parts["extraction"].predict_on_batch(frames[batch]) for size, batch in by_size.items()}
        zeros = {size: np.zeros((size, parts["head"].input_shape[-1]), np.float32) for size in by_size}
        reads |= {"attention": lambda batch: maps[len(batch)], "head": lambda batch: zeros[len(batch)]}

    def run(step: str, model: keras.Model, chosen: Iterable[np.ndarray]) -> list:
        return [model.predict_on_batch(reads[step](batch)) for batch in chosen]

    models = {"network": network, **parts}
    for step, model in models.items():
        run(step, model, by_size.values())  # the first call with each batch size compiles the model
    return {step: partial(run, step, model, batches) for step, model in models.items()}


def measure_memory(network: NetworkFile, frames: np.ndarray) -> tuple[float, float]:
    """Return the peak memory of this process in 10⁶ bytes, before it loads a network and after it classified a clip."""
    _limit_threads()
    before = peak_memory()
    network_steps(network.load(), frames, network.strategy in STRATEGIES)["network"]()
    return before, peak_memory()


def peak_memory() -> float:
    """Return the peak memory of this process in 10⁶ bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage, below, also counts the memory of the parent process
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource  # absent on Windows

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def measure_costs(runs: Sequence[Run], experiment: Experiment, machine: str, frames: int, repeats: int) -> pd.DataFrame:
    """Measure the first network of each name.

    Args:
        experiment: of the runs; its clips may be timed, see `timed_clip`.

    Returns:
        One row per network and cost, and rows named "all". Columns name, cost, median, min, max, count (of
        measurements), and of the measurement machine, frames, width, height, synthetic. Costs: extraction_seconds,
        attention_seconds, head_seconds, network_seconds, total_seconds (decoding, background subtraction if the network
        needs it, and the network, summed in each round), training_seconds (growth of the autoencoder included, over all
        runs of this backend), size_mb (of model.keras with the optimizer's state, 10⁶ bytes), parameters,
        peak_memory_mb (of a process that classifies the clip). Named "all": decode_seconds,
        background_seconds, idle_memory_mb.
    """
    groups = {key[0]: group for key, group in group_runs(runs, ("name",)).items()}
    workspace = experiment.workspace
    experiment.with_weights([first for first, *_ in groups.values()])
    clips = [workspace.clip_path(row) for row in workspace.rows() if row.part]
    clip, (width, height), synthetic = timed_clip(clips, frames, workspace.work)
    decoded = read_clip(clip, frames)
    networks = {
        name: NetworkFile(first.spec.settings.strategy, str(first.folder / "model.keras"), first.spec.settings.view)
        for name, (first, *_) in groups.items()
    }

    def memory(network: NetworkFile) -> tuple[float, float]:
        return in_subprocess(measure_memory, network, subtract_background(decoded, network.view))

    with ThreadPoolExecutor(MEMORY_PROCESSES) as pool:
        memories = dict(zip(networks, pool.map(memory, networks.values()), strict=True))
    taken = in_subprocess(time_rounds, networks, str(clip), frames, repeats)
    shared = taken.pop(SHARED)
    before = {"frame": [shared["decode"]], "difference": [shared["decode"], shared["background"]]}
    samples = {(SHARED, f"{step}_seconds"): seconds for step, seconds in shared.items()}
    samples[SHARED, "idle_memory_mb"] = [idle for idle, _ in memories.values()]
    for name, network in networks.items():
        samples |= {(name, f"{step}_seconds"): taken[name].get(step, [np.nan]) for step in STEPS}
        samples[name, "total_seconds"] = np.sum([taken[name]["network"], *before[network.view]], axis=0)
        samples[name, "training_seconds"] = [run.training_seconds for run in groups[name]]
        samples[name, "size_mb"] = [Path(network.path).stat().st_size / 1e6]
        samples[name, "parameters"] = [groups[name][0].parameters]
        samples[name, "peak_memory_mb"] = [memories[name][1]]
    described = {"machine": machine, "frames": frames, "width": width, "height": height, "synthetic": synthetic}
    return summarise_samples(samples).assign(**described)


def summarise_samples(samples: Mapping[tuple[str, str], Sequence[float]]) -> pd.DataFrame:
    """Return median, min, max and count of the measurements of each name and cost; nan is not counted."""
    values = [(*place, float(value)) for place, found in samples.items() for value in found]
    table = pd.DataFrame(values, columns=["name", "cost", "value"]).groupby(["name", "cost"], sort=False)["value"]
    return table.agg(["median", "min", "max", "count"]).reset_index()
