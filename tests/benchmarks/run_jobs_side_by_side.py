"""How much faster two runs at once are than one after the other.

Run from the repository root: `PYTHONPATH=. python tests/benchmarks/run_jobs_side_by_side.py [--json FILE]`. The same
jobs go through `run_jobs` with one process and with two, in turns, each time into an empty folder; the ratio is that of
the medians, and is above 1 where two at once win. Both ways are gone once before, so that neither importing a backend
nor starting workers counts. Results must be the same either way.
"""

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from dance_tf.curation.filters import CuratedClip
from dance_tf.dataset.arrays import write_arrays
from dance_tf.experiments.cache import run_jobs
from dance_tf.experiments.spec import Job
from dance_tf.model.settings import Schedule, TrainingSettings
from dance_tf.video.catalog import Clip


def made_up_clip(style: int, dancer: int, frames: int) -> CuratedClip:
    """Noise: what a network learns of it is of no interest here, only how long it takes."""
    generator = np.random.default_rng([style, dancer])
    pictures = generator.integers(0, 256, (frames, 128, 128, 1), dtype=np.uint8)
    return CuratedClip(
        clip=Clip(Path(), f"style{style}", f"dancer{dancer}", f"style{style}/dancer{dancer}", "made up"),
        frames=pictures,
        timestamps=np.arange(frames) / 10,
        background=pictures[0],
        background_valid=True,
        seen=frames,
        dropped=(),
        seconds=frames / 10,
    )


def jobs_of(count: int, epochs: int, frames: int) -> list[Job]:
    """Runs of the CNN with different seeds, all equally long."""
    schedule = Schedule(epochs=epochs, learning_rate=0.01, patience=epochs)
    settings = TrainingSettings(strategy="cnn", schedule=schedule, batch_size=32, frames_per_clip=frames)
    return [replace(Job(settings, folds=2, score_frames=4), repeat=repeat) for repeat in range(count)]


def seconds_of(data: Path, jobs: list[Job], processes: int) -> tuple[float, list[np.ndarray]]:
    """How long the jobs take from an empty folder, and what they predict."""
    with tempfile.TemporaryDirectory() as work:
        started = time.perf_counter()
        results = run_jobs(data, jobs, Path(work), processes, progress=False)
        seconds = time.perf_counter() - started
        return seconds, [result.test.probabilities for result in results]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4, help="training runs each time")
    parser.add_argument("--repeats", type=int, default=3, help="times that each way is measured")
    parser.add_argument("--epochs", type=int, default=8, help="epochs of a run")
    parser.add_argument("--json", type=Path, help="also write the numbers here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = [made_up_clip(style, dancer, 24) for style in range(6) for dancer in range(10)]
        data = write_arrays(Path(folder) / "arrays", clips)
        jobs = jobs_of(options.runs, options.epochs, 16)
        for processes in (1, 2):
            seconds_of(data, jobs[:2], processes)
        taken: dict[int, list[float]] = {1: [], 2: []}
        said: dict[int, list[np.ndarray]] = {}
        for _ in range(options.repeats):
            for processes, times in taken.items():
                seconds, said[processes] = seconds_of(data, jobs, processes)
                times.append(seconds)
    same = all(np.array_equal(one, two) for one, two in zip(said[1], said[2], strict=True))
    alone, together = (statistics.median(times) for times in taken.values())
    found = {"runs": options.runs, "alone_seconds": alone, "two_at_once_seconds": together, "ratio": alone / together}
    print(f"{options.runs} runs of the CNN, medians of {options.repeats}: {alone:.1f} s one after the other,")
    print(f"{together:.1f} s two at once: {alone / together:.2f} times as fast; results the same: {same}")
    if options.json:
        options.json.write_text(json.dumps({**found, "same": same, "all_seconds": taken}, indent=1))


if __name__ == "__main__":
    main()
