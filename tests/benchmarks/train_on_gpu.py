"""Train the main networks of a profile at their full budget for some minutes, on whatever device Keras finds.

    export KERAS_BACKEND=jax JAX_COMPILATION_CACHE_DIR=OUT/compiled
    python -m dance_tf synthesize DATASET --arrays --dancers 20 --seconds 8
    python tests/benchmarks/train_on_gpu.py DATASET OUT [--profile standard] [--minutes 8] [--precision mixed_bfloat16]

Needs no TensorFlow and no video library. The folds of the network of the paper are trained in turn, background
subtracted, then on plain frames, until the minutes are over. Finished runs stay in OUT, and a second call goes on with
the next. If DATASET is that of a report, the report takes the folders of OUT/float32/runs that are copied to its
`gathered`. Prints one JSON document: training steps a second of each run, accuracy on its held-out dancers, and how
long the device waits for frames: the rate with batches that are ready over the rate with batches that are read and
changed.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.store import open_dataset
from dance_tf.experiments.cache import load_run
from dance_tf.experiments.spec import RunSpec, fold_specs, training_split
from dance_tf.experiments.training import grown_folder, run_folder, train
from dance_tf.model.fit import FrameSequence
from dance_tf.model.networks import STRATEGIES
from dance_tf.model.settings import growth_settings
from dance_tf.report.profile import load_profile
from dance_tf.report.settings import main_settings


class ReadyBatches(keras.utils.PyDataset):
    """The first batch of an epoch in the place of each."""

    def __init__(self, frames: FrameSequence):
        super().__init__()
        self.count, self.batch = frames.num_batches, frames[0]

    @property
    def num_batches(self) -> int:
        return self.count

    def __getitem__(self, number: int):
        return self.batch


def rates(dataset: Dataset, spec: RunSpec, epochs: int = 3) -> dict[str, float]:
    """Return the training steps a second with batches that are read and changed, and with batches that are ready."""
    frames = FrameSequence(dataset, training_split(dataset, spec).train, spec.settings, seed=0)
    network = replace(spec.settings.network, classes=len(dataset.styles))
    found: dict[str, list[float]] = {"read": [], "ready": []}
    model = STRATEGIES[spec.settings.strategy].build(network)
    model.compile(spec.settings.schedule.build_optimizer(frames.num_batches), "sparse_categorical_crossentropy")
    model.fit(frames, verbose=0)  # compiles the step
    for _ in range(epochs):
        for name, batches in (("read", frames), ("ready", ReadyBatches(frames))):
            started = time.perf_counter()
            model.fit(batches, shuffle=False, verbose=0)
            found[name].append(frames.num_batches / (time.perf_counter() - started))
    return {name: float(np.median(each)) for name, each in found.items()}


def describe(dataset: Dataset, spec: RunSpec, work: Path) -> dict[str, object]:
    """Return what is known of a finished run."""
    run = load_run(run_folder(dataset, spec, work))
    growth = json.loads((grown_folder(dataset, spec, work) / "growth.json").read_text())
    train_part = training_split(dataset, spec).train
    steps = len(run.history) * FrameSequence(dataset, train_part, spec.settings, 0).num_batches
    each = FrameSequence(dataset, train_part, growth_settings(spec.settings), 0, reconstruct=True).num_batches
    return {
        "view": spec.settings.view,
        "fold": spec.fold + 1,
        "steps": steps,
        "steps_per_second": steps / run.seconds,
        "growth_steps": len(growth["rows"]) * each,
        "growth_steps_per_second": len(growth["rows"]) * each / run.growth_seconds,
        "accuracy_by_clip": float(np.mean(run.test.predicted == run.test.labels)),
        "clips": len(run.test.labels),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path, help="folder of the runs")
    parser.add_argument("--profile", default="standard", help="a name in notebooks/runs/, or a YAML file")
    parser.add_argument("--minutes", type=float, default=8.0, help="no second run is started that ends later")
    parser.add_argument("--precision", default="float32", choices=("float32", "mixed_bfloat16"))
    options = parser.parse_args()
    started = time.perf_counter()
    keras.config.set_dtype_policy(options.precision)
    named = options.profile.endswith((".yaml", ".yml"))
    profile = load_profile(Path(options.profile).absolute() if named else options.profile)
    dataset = open_dataset(options.dataset)
    fields = {"folds": profile.folds, "seed": profile.seed, "score_frames": profile.score_frames}
    views = [main_settings(profile, view) for view in ("difference", "frame")]
    specs = [spec for settings in views for spec in fold_specs(settings, profile.run_folds, **fields)]
    work = options.out.resolve() / options.precision
    waits, runs, times = rates(dataset, specs[0]), [], []
    for spec in specs:
        before = time.perf_counter()
        if not run_folder(dataset, spec, work).is_dir():
            if times and before - started + max(times) > 60 * options.minutes:
                break
            train(str(options.dataset.resolve()), spec, str(work))
            times.append(time.perf_counter() - before)
        runs.append(describe(dataset, spec, work))
    document = {
        "backend": keras.backend.backend(),
        "devices": keras.distribution.list_devices(),
        "precision": options.precision,
        "steps_per_second": waits,
        "ready over read": waits["ready"] / waits["read"],
        "runs": runs,
        "runs_left": len(specs) - len(runs),
        "seconds": time.perf_counter() - started,
    }
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main()
