"""What each network costs (Table 4): seconds for one clip by part, size on disk, parameters, training time, memory.

Each network is measured in a process of its own, one after the other, on one thread, so that none warms another's
caches and the peak of memory is its own. Measured once and kept: a second report from the same runs has the same
numbers.
"""

import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import keras
import numpy as np

from dance_tf.dataset.batches import load_frames, windows
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.workspace import Workspace
from dance_tf.footage.settings import ReadSettings
from dance_tf.footage.video import FootageReader
from dance_tf.model.strategies import STRATEGIES
from dance_tf.model.training import key_of
from dance_tf.paper.network_parts import cut_network
from dance_tf.paper.protocol import grown_folder, one_thread
from dance_tf.paper.runs import Result

BATCH = 64
CLIP_FRAMES = 1110  # 37 s at 30 frames a second, the clip that Table 4 times
BASELINE = "cnn"


@dataclass(frozen=True)
class Cost:
    """What one network costs; seconds are for a whole clip.

    Attributes:
        extraction_seconds: frames to feature maps.
        attention_seconds: weighing them; nan without attention.
        head_seconds: fused vector to probabilities.
        network_seconds: all of it in one go, measured by itself and not summed up.
        inference_seconds: the network and the decoding of the clip.
        size_mb: of `model.keras`, as it lies on the disk after training, in 10⁶ bytes.
        parameters: weights.
        training_seconds: of the classifier and, where it has one, of its autoencoder's growth; mean over its runs.
        peak_memory_mb: of a process that classifies the clip, 10⁶ bytes, with all its libraries.
    """

    extraction_seconds: float
    attention_seconds: float
    head_seconds: float
    network_seconds: float
    inference_seconds: float
    size_mb: float
    parameters: int
    training_seconds: float
    peak_memory_mb: float

    def relative_to(self, other: "Cost") -> dict[str, float]:
        """Each number divided by another network's; nan where either has none."""
        return {
            entry.name: getattr(self, entry.name) / getattr(other, entry.name) if getattr(other, entry.name) else np.nan
            for entry in fields(self)
        }


@dataclass(frozen=True)
class Costs:
    """Costs of several networks, measured together.

    Attributes:
        networks: by strategy.
        decode_seconds: reading one clip, the same for all.
        frames: of the clip.
        picture: its width and height in pixels.
        repeats: measurements behind each median.
        machine: name of the processor.
        idle_memory_mb: of the process before a network was in it.
    """

    networks: Mapping[str, Cost]
    decode_seconds: float
    frames: int
    picture: tuple[int, int]
    repeats: int
    machine: str
    idle_memory_mb: float


def measure_costs(
    rivals: Mapping[str, Sequence[Result]],
    dataset: Dataset,
    clips: Sequence[Path],
    work: Path,
    machine: str,
    frames: int = CLIP_FRAMES,
    repeats: int = 5,
) -> Costs:
    """Measure the first network of each rival, or read what was measured before.

    Args:
        rivals: runs by strategy.
        dataset: whose frames are classified; they are repeated where there are fewer than `frames`.
        clips: video files to decode, as many as it takes.
        work: where the measurement is kept.
        machine: name of the processor; another machine measures anew.
        frames: length of the clip.
        repeats: measurements of each part; the median counts.
    """
    key = key_of([[run.folder.name for run in runs] for runs in rivals.values()], machine, frames, repeats, BATCH)
    kept = Path(work) / "costs" / f"{key}.json"
    if not kept.is_file():
        costs = _measure(rivals, dataset, clips, work, machine, frames, repeats)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(costs)))
        partial.replace(kept)
    content = json.loads(kept.read_text())
    networks = {name: Cost(**cost) for name, cost in content.pop("networks").items()}
    return Costs(networks=networks, picture=tuple(content.pop("picture")), **content)


def _measure(rivals, dataset, clips, work, machine, frames, repeats) -> Costs:
    decode_seconds, picture = time_decoding(clips, frames, repeats)
    networks, idle = {}, []
    for name, runs in rivals.items():
        shown = load_frames(dataset, np.arange(min(frames, len(dataset.frames))), runs[0].job.settings.view)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            seconds, before, peak = process.submit(
                time_network, str(runs[0].folder / "model.keras"), np.resize(shown, (frames, *shown.shape[1:])), repeats
            ).result()
        idle.append(before)
        networks[name] = Cost(
            **{f"{part}_seconds": value for part, value in seconds.items()},
            inference_seconds=decode_seconds + seconds["network"],
            size_mb=(runs[0].folder / "model.keras").stat().st_size / 1e6,
            parameters=runs[0].parameters,
            training_seconds=float(np.mean([run.seconds + growth_seconds(dataset, run, work) for run in runs])),
            peak_memory_mb=peak,
        )
    return Costs(networks, decode_seconds, frames, picture, repeats, machine, float(np.median(idle)))


def clip_files(workspace: Workspace) -> list[Path]:
    """The files that a workspace's clips were read from."""
    return [workspace.clip_path(row) for row in workspace.rows() if row.part]


def time_decoding(clips: Sequence[Path], frames: int, repeats: int) -> tuple[float, tuple[int, int]]:
    """Median seconds to read `frames` frames of video files on one thread, and the picture's width and height.

    Raises:
        ValueError: no files, or files without frames.
    """

    def read() -> float:
        started, left = time.perf_counter(), frames
        while left > 0:
            before = left
            for clip in clips:
                for _ in FootageReader(clip, ReadSettings(threads=1)):
                    left -= 1
                    if not left:
                        return time.perf_counter() - started
            if left == before:
                raise ValueError("there are no frames to decode")
        return time.perf_counter() - started

    if not clips:
        raise ValueError("there are no clips to decode")
    seconds = float(np.median([read() for _ in range(repeats)]))
    reader = FootageReader(clips[0], ReadSettings(threads=1))
    next(iter(reader))
    return seconds, (reader.source.width, reader.source.height)


def time_network(path: str, frames: np.ndarray, repeats: int) -> tuple[dict[str, float], float, float]:
    """Median seconds of a saved network and of its parts on a clip; runs in a process of its own.

    A network that reads windows gets one for every frame, as it stands: each frame is read once a window.

    Args:
        path: of `model.keras`.
        frames: uint8 [n, 128, 128, 1], what the network sees.
        repeats: measurements of each part, taken in turns.

    Returns:
        seconds of extraction, attention (nan without), head and network; memory in 10⁶ bytes before the network was
        loaded, and at its peak while the whole network classified the clip.
    """
    one_thread()
    idle = peak_memory()
    network = keras.saving.load_model(path, compile=False)
    length = network.input_shape[1] if len(network.input_shape) == 5 else 1
    order = np.arange(len(frames))
    order = windows(order, np.zeros(len(frames), dtype=np.int64), length) if length > 1 else order
    batches = np.split(order, range(BATCH, len(order), BATCH))

    def read(model: keras.Model) -> Callable[[], list]:
        return lambda: [model.predict_on_batch(frames[batch]) for batch in batches]

    def run(model: keras.Model, given: Sequence) -> Callable[[], list]:
        return lambda: [model.predict_on_batch(batch) for batch in given]

    whole = read(network)
    whole()
    peak = peak_memory()
    parts = cut_network(network)
    work = {"network": whole, "extraction": read(parts.extraction)}
    maps = work["extraction"]()
    if parts.attention:
        work["attention"] = run(parts.attention, maps)
    size = parts.head.input_shape[-1]
    work["head"] = run(parts.head, [np.zeros((len(batch), size), np.float32) for batch in batches])
    for name in work.keys() - {"network", "extraction"}:
        work[name]()
    taken: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(repeats):
        for name, step in work.items():
            started = time.perf_counter()
            step()
            taken[name].append(time.perf_counter() - started)
    return {"attention": float("nan"), **{name: float(np.median(times)) for name, times in taken.items()}}, idle, peak


def peak_memory() -> float:
    """The most memory that this process has held, in 10⁶ bytes."""
    status = Path("/proc/self/status")
    if status.is_file():  # of this program alone; the call below also counts what started it
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    import resource  # Windows has none

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def growth_seconds(dataset: Dataset, run: Result, work: Path) -> float:
    """How long the autoencoder of a run took to grow; 0 for a strategy without one."""
    if not STRATEGIES[run.job.settings.strategy].grows_autoencoder:
        return 0.0
    return float(json.loads((grown_folder(dataset, run.job, work) / "growth.json").read_text())["seconds"])
