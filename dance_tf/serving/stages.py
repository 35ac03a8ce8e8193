"""Where the time of a verdict goes: the seconds of each stage, beside the least that this machine needs for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pandas as pd
from joblib import cpu_count

from dance_tf.curation.filters import curate_frames
from dance_tf.dataset.store import find_reading
from dance_tf.dataset.workspace import Workspace
from dance_tf.experiments.cache import Run
from dance_tf.experiments.cost import timed_clip
from dance_tf.experiments.speed import arithmetic_rate, count_operations, medians, memory_rate, timed
from dance_tf.fidelity.assess import assess
from dance_tf.fidelity.score import ScoreError
from dance_tf.model.bundle import ModelBundle
from dance_tf.model.litert import LiteNetwork, convert
from dance_tf.pose.read import load_blazepose
from dance_tf.pose.track import DancerTracker
from dance_tf.report.cost import WHOLE
from dance_tf.serving.plan import bundle_of
from dance_tf.serving.verdict import BATCH, classify_clip, clip_reading, curated_clip, network_inputs
from dance_tf.video.catalog import Clip
from dance_tf.video.frames import read_footage
from dance_tf.video.isolation import DecodingProcess
from dance_tf.video.stills import ReadError

if TYPE_CHECKING:
    import keras

    from dance_tf.fidelity.score import Standard


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
        return medians(
            _one_round(bundle, path, process, memory, operations / arithmetic, standards) for _ in range(rounds)
        )


def measure_run_stages(runs: Sequence[Run], workspace: Workspace, frames: int, rounds: int = 3) -> pd.DataFrame:
    """Measure the stages of verdicts by the networks of runs, as LiteRT files, on a clip of a given length.

    Args:
        runs: with their weights.
        workspace: of their clips, of which the first is taken if it is long enough (`timed_clip`).

    Returns:
        The columns of `measure_stages`, with name (of the run), frames, width and height in pixels.
    """
    clips = [workspace.clip_path(row) for row in workspace.rows() if row.part]
    clip, (width, height), _ = timed_clip(clips, frames, workspace.work)
    reading, tables = find_reading(workspace.dataset), []
    for run in runs:
        bundle = bundle_of(run, reading)
        fast = ModelBundle(LiteNetwork(convert(bundle.model, "float32"), cpu_count()), bundle.description)
        measured = measure_stages(fast, clip, rounds, bundle.model)
        tables.append(measured.assign(name=run.spec.name, frames=frames, width=width, height=height))
    return pd.concat(tables, ignore_index=True)


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
    decode, size = timed(lambda: _decode_only(path, read.threads))
    gray, footage = timed(lambda: read_footage(path, read))
    frames = footage.frames, footage.timestamps, footage.seconds
    rows = [("decode", decode, decode, "decoder"), ("shrink", max(gray - decode, 0.0), size / memory, "memory")]
    if poses:
        blazepose = load_blazepose(read.threads)
        tracker = _TimedTracker(blazepose, poses.poses_per_second, poses.smoothing)
        before = blazepose.seconds
        read_footage(path, read, watcher=tracker)
        rows.append(("poses", tracker.seconds, blazepose.seconds - before, "LiteRT"))
    rows.append(("curate", timed(lambda: curate_frames(Clip(Path(path)), *frames, curation))[0], np.nan, ""))
    with curated_clip(description, path, process, with_poses=posed) as curated:
        inputs = list(network_inputs(description, curated))
        network, answers = timed(lambda: [bundle.model.predict(part, batch_size=BATCH, verbose=0) for part in inputs])
        rows.append(("network", network, sum(map(len, answers)) * of_input, "arithmetic"))
        if standards is not None:
            style = description.styles[np.concatenate(answers).mean(axis=0).argmax()]
            standard = standards.get(style, next(iter(standards.values())))
            with suppress(ScoreError):  # the clip is too short
                spent, _ = timed(lambda: assess(curated.skeletons, standard, others=list(standards.values())))
                rows.append(("fidelity", spent, np.nan, ""))
    rows.append((WHOLE, timed(lambda: classify_clip(bundle, path, process))[0], np.nan, ""))
    return pd.DataFrame(rows, columns=["stage", "seconds", "least", "bound"])


class _TimedTracker(DancerTracker):
    """A tracker that adds up the seconds that it takes."""

    def restart(self) -> None:
        super().restart()
        self.seconds = 0.0

    def see(self, time: float, picture: np.ndarray) -> None:
        self.seconds += timed(lambda: super(_TimedTracker, self).see(time, picture))[0]


def _decode_only(path: Path, threads: int) -> int:
    """Decode a video with PyAV and nothing else; return the bytes of its gray planes."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
        return sum(frame.width * frame.height for frame in container.decode(stream))
