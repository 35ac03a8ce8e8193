"""What each network costs (Table 4): seconds for one clip by part, size on disk, parameters, training time, memory.

Measured once and kept: a second report from the same runs has the same numbers.
"""

import json
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.workspace import Workspace
from dance_tf.experiments.cache import grown_folder
from dance_tf.experiments.cost import (
    BATCH,
    apart,
    one_clip,
    peak_memory,
    read_clip,
    take_room_away,
    time_rounds,
    weigh_network,
)
from dance_tf.experiments.spec import Result
from dance_tf.model.networks import STRATEGIES
from dance_tf.model.train import key_of

__all__ = ["BASELINE", "CLIP_FRAMES", "Cost", "Costs", "Span", "clip_files", "measure_costs", "peak_memory"]

CLIP_FRAMES = 1110  # 37 s at 30 frames a second, the clip that Table 4 times
BASELINE = "cnn"
WEIGHED_AT_ONCE = 2  # processes whose memory is measured side by side
MEASURE = 2  # raised whenever the same runs would be measured otherwise: what was kept before is then not read


@dataclass(frozen=True)
class Span:
    """Several measurements of one thing.

    Attributes:
        median: the middle one; nan for none.
        least: the smallest.
        most: the largest.
        count: how many.
    """

    median: float
    least: float
    most: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Span":
        """The span of some values; all nan for none of them."""
        if not len(values):
            return cls(np.nan, np.nan, np.nan, 0)
        return cls(float(np.median(values)), float(np.min(values)), float(np.max(values)), len(values))


@dataclass(frozen=True)
class Cost:
    """What one network costs; spans of seconds are for a whole clip.

    Attributes:
        extraction: frames to feature maps.
        attention: weighing them; of nothing without attention.
        head: fused vector to probabilities.
        network: all of it in one go, measured by itself and not summed up.
        total: the clip's decoding, its room where the network sees the difference from it, and the network, summed
            round by round.
        training: of the classifier and, where it has one, of its autoencoder's growth; over its runs.
        size_mb: of `model.keras`, as it lies on the disk after training, in 10⁶ bytes.
        parameters: weights.
        peak_memory_mb: of a process that classifies the clip, 10⁶ bytes, with all its libraries.
    """

    extraction: Span
    attention: Span
    head: Span
    network: Span
    total: Span
    training: Span
    size_mb: float
    parameters: int
    peak_memory_mb: float

    def numbers(self) -> dict[str, float]:
        """Each cost by name, spans by their medians: extraction_seconds, …, size_mb, parameters, peak_memory_mb."""
        return {
            f"{name}_seconds" if isinstance(value, Span) else name: value.median if isinstance(value, Span) else value
            for name, value in vars(self).items()
        }

    def spans(self) -> dict[str, Span]:
        """The spans of seconds by the names of `numbers`."""
        return {f"{name}_seconds": value for name, value in vars(self).items() if isinstance(value, Span)}

    def relative_to(self, other: "Cost") -> dict[str, float]:
        """Each number divided by another network's; nan where either has none."""
        theirs = other.numbers()
        return {name: value / theirs[name] if theirs[name] else np.nan for name, value in self.numbers().items()}


@dataclass(frozen=True)
class Costs:
    """Costs of several networks, measured together.

    Attributes:
        networks: by strategy.
        decode: seconds to read one clip and shrink it to 128 × 128, the same for all.
        room: seconds to estimate its room and take it away, the same for all that see the difference.
        frames: of the clip.
        picture: its width and height in pixels.
        filmed: whether the clip was filmed to be timed; otherwise it is one of the footage's.
        machine: name of the processor.
        idle_memory_mb: of the process before a network was in it.
    """

    networks: Mapping[str, Cost]
    decode: Span
    room: Span
    frames: int
    picture: tuple[int, int]
    filmed: bool
    machine: str
    idle_memory_mb: float

    @property
    def repeats(self) -> int:
        """Rounds of measurements."""
        return self.decode.count


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
        dataset: that they learnt from.
        clips: its video files: the first is timed if it has so many frames, else one that is filmed at its size.
        work: where the measurement is kept, and the clip.
        machine: name of the processor; another machine measures anew.
        frames: length of the clip.
        repeats: rounds of measurements; medians count.
    """
    runs = [[run.folder.name for run in found] for found in rivals.values()]
    kept = Path(work) / "costs" / f"{key_of(runs, machine, frames, repeats, BATCH, MEASURE)}.json"
    if not kept.is_file():
        costs = _measure(rivals, dataset, clips, Path(work), machine, frames, repeats)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(costs)))
        partial.replace(kept)
    content = json.loads(kept.read_text())
    networks = {name: Cost(**_with_spans(cost)) for name, cost in content.pop("networks").items()}
    picture = tuple(content.pop("picture"))
    return Costs(networks=networks, picture=picture, **_with_spans(content))


def _with_spans(content: Mapping[str, object]) -> dict[str, object]:
    return {name: Span(**value) if isinstance(value, dict) else value for name, value in content.items()}


def _measure(
    rivals: Mapping[str, Sequence[Result]],
    dataset: Dataset,
    clips: Sequence[Path],
    work: Path,
    machine: str,
    frames: int,
    repeats: int,
) -> Costs:
    clip, picture, filmed = one_clip(clips, frames, work)
    views = {name: runs[0].job.settings.view for name, runs in rivals.items()}
    models = {name: runs[0].folder / "model.keras" for name, runs in rivals.items()}
    given = read_clip(clip, frames)

    def weigh(name: str) -> tuple[float, float]:
        return apart(weigh_network, str(models[name]), take_room_away(given, views[name]))

    with ThreadPoolExecutor(WEIGHED_AT_ONCE) as at_once:
        weighed = dict(zip(rivals, at_once.map(weigh, rivals), strict=True))
    asked = {name: (str(models[name]), views[name]) for name in rivals}
    taken, shared = apart(time_rounds, asked, str(clip), frames, repeats)
    before = {"frame": [shared["decode"]], "difference": [shared["decode"], shared["room"]]}
    networks = {
        name: Cost(
            **{part: Span.of(taken[name].get(part, ())) for part in ("extraction", "attention", "head", "network")},
            total=Span.of(np.sum([taken[name]["network"], *before[views[name]]], axis=0)),
            training=Span.of([run.seconds + growth_seconds(dataset, run, work) for run in runs]),
            size_mb=models[name].stat().st_size / 1e6,
            parameters=runs[0].parameters,
            peak_memory_mb=weighed[name][1],
        )
        for name, runs in rivals.items()
    }
    idle = float(np.median([empty for empty, _ in weighed.values()]))
    decode, room = Span.of(shared["decode"]), Span.of(shared["room"])
    return Costs(networks, decode, room, frames, picture, filmed, machine, idle)


def clip_files(workspace: Workspace) -> list[Path]:
    """The files that a workspace's clips were read from."""
    return [workspace.clip_path(row) for row in workspace.rows() if row.part]


def growth_seconds(dataset: Dataset, run: Result, work: Path) -> float:
    """How long the autoencoder of a run took to grow; 0 for a strategy without one."""
    if not STRATEGIES[run.job.settings.strategy].grows_autoencoder:
        return 0.0
    return float(json.loads((grown_folder(dataset, run.job, work) / "growth.json").read_text())["seconds"])
