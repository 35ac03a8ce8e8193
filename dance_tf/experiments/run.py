"""Train one model on a split and score it on the held-out part, or score it on another dataset."""

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from dance_tf.curation.parts import file_hashes
from dance_tf.dataset.batches import POSE_VIEWS, View
from dance_tf.dataset.dataset import Dataset, DatasetError
from dance_tf.dataset.splits import Split, missing_styles
from dance_tf.dataset.store import find_reading
from dance_tf.evaluation.calibration import fit_operating_points
from dance_tf.evaluation.intervals import UNITS, estimate_scores
from dance_tf.evaluation.metrics import scores_of_confusion
from dance_tf.evaluation.predictions import Predictions
from dance_tf.experiments.spec import PROPOSED
from dance_tf.experiments.training import key_of, pair_with_truth
from dance_tf.fidelity.score import build_standards, pack_standards
from dance_tf.model.bundle import ModelBundle, ModelDescription, save_bundle
from dance_tf.model.fit import DivergedError
from dance_tf.model.networks import strategy_of
from dance_tf.model.provenance import backend_versions, source_hash, strategy_hash
from dance_tf.model.settings import TrainingSettings
from dance_tf.model.train import grow_autoencoder, predict, train_classifier

SKELETON = "skeleton_tcn"  # of the networks of skeletons, the fastest to train; no other was found to be better
ENOUGH = 20  # clips of dancers that the network has not learnt from, to fit how sure it may be
TRUSTED = 0.5  # trust in a label below which a clip is no reference for its style
IMBALANCE = 3  # styles are drawn evenly if the largest has over so many times the training clips of the smallest
CONSEQUENCES = {
    "training": "it is not learnt, and its clips lower the scores",
    "validation": "the choice of the epoch ignores it",
    "test": "the scores do not measure it",
}


@dataclass(frozen=True)
class Evaluation:
    """Scores of one model on one part of a dataset."""

    predictions: Predictions  # of the scored clips
    note: str = ""  # a warning about the numbers; empty for none
    # where several networks were trained, the accuracy of each by clip on the validation part, the best first
    tried: tuple[tuple[str, float], ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return the scores by frame and by clip, and the numbers of frames, clips and dancers behind them."""
        found = self.predictions
        scores = {unit: estimate_scores([found], unit) for unit in UNITS}
        scored = {"frames": int(found.counts.sum()), "clips": len(found.labels), "dancers": sorted(set(found.dancers))}
        return {
            **{unit: {name: estimate.to_json() for name, estimate in each.items()} for unit, each in scores.items()},
            "scored": {**scored, "note": self.note},
            **({"validation": dict(self.tried)} if self.tried else {}),
        }


def check_styles(styles: Sequence[str]) -> None:
    """Check that there are at least two styles to learn.

    Raises:
        DatasetError: there are fewer.
    """
    if len(styles) < 2:
        found = f"only the style {styles[0]}" if styles else "no style"
        raise DatasetError(
            f"{found} is left to learn from, but at least two are needed: add clips of others or more dancers"
        )


def split_notes(dataset: Dataset, split: Split) -> tuple[str, ...]:
    """Return a sentence for each thing that the split could not do: its own note, and the styles that a part lacks."""
    missing = missing_styles(dataset, split)
    trust = dataset.trust[np.unique(dataset.clip_index[split.test])]
    doubted = f"labels of {(trust < 1).sum()} of {len(trust)} held-out clips are not fully trusted, but count as right"
    lacks = (
        f"no clip of the {part} part has the style {name}: {CONSEQUENCES[part]}"
        for part, names in missing.items()
        for name in names
    )
    return (*filter(None, [split.note, doubted if (trust < 1).any() else ""]), *lacks)


def imbalance(dataset: Dataset, split: Split) -> str:
    """Return the clips of the most and the least frequent style in training as a sentence if they differ too much."""
    labels, counts = np.unique(dataset.clip_labels[np.unique(dataset.clip_index[split.train])], return_counts=True)
    if counts.max() <= IMBALANCE * counts.min():
        return ""
    many, few = (f"{counts[place]} of {dataset.styles[labels[place]]}" for place in (counts.argmax(), counts.argmin()))
    return f"training clips: {many}, but {few}; styles are drawn evenly (--no-balance draws them as they are)"


def candidate_strategies(dataset: Dataset, view: View | None = None, augment: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the networks from which `train` chooses: the paper's and, where a clip has skeletons, one of skeletons.

    Args:
        view: input that is asked for; None for any.
        augment: corruptions to train with, which only networks of frames can.
    """
    if view == "skeleton":
        return (SKELETON,)
    skeletons = view is None and not augment and all(clip.poses for clip in dataset.clips)
    return (SKELETON, PROPOSED) if skeletons else (PROPOSED,)


def train_model(
    dataset: Dataset,
    split: Split,
    settings: TrainingSettings | Sequence[TrainingSettings],
    out: Path,
    seed: int = 0,
    folder: Path | None = None,
    scores: Mapping[str, float] | None = None,
) -> Evaluation:
    """Train on a split, write the model folder, and score the held-out part.

    Args:
        settings: of the run. Of several, the network with the highest accuracy by clip on the validation part is
            written; if several have it, the first of them.
        out: model folder. Checkpoints are stored beside it until it is complete; after a kill the same call resumes.
        folder: of the dataset. The model reads other clips as its clips were read, and knows their files again.
        scores: of a teacher, 0 to 100, by clip id (`dataset.feedback.teacher_scores`), to scale fidelity.

    Raises:
        DatasetError: the training part has fewer than two styles or no label that is trusted, or the view needs
            skeletons and a clip has none.
        DivergedError: training diverged; `out` is as it was.
    """
    candidates = [settings] if isinstance(settings, TrainingSettings) else list(settings)
    if any(each.view in POSE_VIEWS for each in candidates):
        dataset.check_poses()
    unlearnt = missing_styles(dataset, split)["training"]
    check_styles([style for style in dataset.styles if style not in unlearnt])
    if not dataset.trust[np.unique(dataset.clip_index[split.train])].any():
        raise DatasetError("no label of the training part is trusted: give some of its clips a trust above 0")
    out = Path(out).resolve()
    checkpoints = out.with_name(f".{out.name}.unfinished")
    trained = [_train(dataset, split, each, checkpoints, seed) for each in candidates]
    pairs = [(model, each) for each, (model, _) in zip(candidates, trained, strict=True)]
    tried = [_validation_accuracy(dataset, split, *pair) for pair in pairs] if len(pairs) > 1 else [0.0]
    best = int(np.argmax(tried))
    settings, (model, unfinished) = candidates[best], trained[best]
    names = np.array(dataset.dancers)[dataset.clip_index]
    held_out = tuple(sorted(set(names[split.test]) - set(names[split.train]) - set(names[split.validation])))
    learnt = np.unique(dataset.clip_index[np.concatenate([split.train, split.validation])])
    probabilities = predict(model, dataset, split.test, split.test, settings)
    predictions = pair_with_truth(dataset, split.test, probabilities)
    fresh = predictions.of_dancers(held_out)
    description = ModelDescription(
        styles=dataset.styles,
        strategy=settings.strategy,
        view=settings.view,
        sequence_length=settings.sequence_length,
        frame_size=settings.frame_size,
        data_hash=dataset.content_hash,
        held_out=held_out,
        learnt_clips=tuple(sorted({dataset.clip_hashes[clip] for clip in learnt})),
        learnt_dancers=tuple(sorted({dataset.dancers[clip] for clip in learnt})),
        unlearnt=unlearnt,
        settings=asdict(settings),
        reading=find_reading(folder) if folder else None,
        files=file_hashes(folder) if folder else (),
        thresholds=fit_operating_points(fresh) if len(fresh.labels) >= ENOUGH else None,
    )
    standards = None
    if dataset.has_poses:
        own = fresh.probabilities[np.arange(len(fresh.labels)), fresh.labels]
        probabilities = dict(zip(fresh.clip_ids, own.tolist(), strict=True))
        trusted = np.flatnonzero(dataset.trust >= TRUSTED)  # a wrong label would bend the template of its style
        standards = pack_standards(build_standards(dataset, probabilities, trusted, scores))
    save_bundle(out, ModelBundle(model, description), standards, fast=True)
    if (logs := unfinished / "classifier" / "tensorboard").is_dir():
        shutil.copytree(logs, out / "tensorboard", dirs_exist_ok=True)
    shutil.rmtree(checkpoints)
    order = sorted(range(len(tried)), key=lambda place: (-tried[place], place)) if len(tried) > 1 else ()
    return Evaluation(
        predictions,
        "; ".join(split_notes(dataset, split)),
        tuple((candidates[place].strategy, tried[place]) for place in order),
    )


def _train(
    dataset: Dataset, split: Split, settings: TrainingSettings, checkpoints: Path, seed: int
) -> tuple[keras.Model, Path]:
    """Return a trained network and the folder of its checkpoints, from which the same call resumes after a kill."""
    parts = [hashlib.sha256(part).hexdigest() for part in (split.train, split.validation)]
    code = [source_hash("corruption", "dataset", "model"), backend_versions(), strategy_hash(settings.strategy)]
    unfinished = checkpoints / key_of(dataset.content_hash, parts, asdict(settings), seed, code)
    encoder = None
    try:
        if strategy_of(settings.strategy).grows_autoencoder:
            encoder, _ = grow_autoencoder(dataset, split, settings, unfinished / "autoencoder", seed, progress=True)[-1]
        model, _ = train_classifier(dataset, split, settings, unfinished / "classifier", seed, encoder, progress=True)
    except DivergedError:
        shutil.rmtree(unfinished)
        with suppress(OSError):  # checkpoints of other settings stay
            checkpoints.rmdir()
        raise
    return model, unfinished


def _validation_accuracy(dataset: Dataset, split: Split, model: keras.Model, settings: TrainingSettings) -> float:
    """Return the accuracy by clip on the validation part."""
    probabilities = predict(model, dataset, split.validation, split.validation, settings)
    found = pair_with_truth(dataset, split.validation, probabilities)
    return float(scores_of_confusion(found.confusion_by_clip("clip").sum(axis=0))[0])


def evaluate_model(
    bundle: ModelBundle, dataset: Dataset, dancers: Sequence[str] = (), reading: Mapping[str, object] | None = None
) -> Evaluation:
    """Score a model on a dataset, or on some of its dancers.

    Args:
        dataset: its styles are among those of the model.
        dancers: to score; all by default.
        reading: how the dataset's clips were read (`find_reading`), to compare it with the model's clips.

    Raises:
        DatasetError: the dataset lacks a dancer, or the model was not trained on a style.
    """
    described = bundle.description
    if strange := sorted(set(dataset.styles) - set(described.styles)):
        raise DatasetError(f"the model was not trained on the style {', '.join(strange)}")
    known = sorted(set(dataset.dancers))
    if unknown := sorted(set(dancers) - set(known)):
        raise DatasetError(f"no dancer {', '.join(unknown)} in the dataset: it has {', '.join(known)}")
    indices = np.flatnonzero(np.isin(dataset.dancers, list(dancers) or known)[dataset.clip_index])
    probabilities = predict(bundle.model, dataset, indices, indices, described.inputs)
    predictions = pair_with_truth(dataset, indices, probabilities, described.styles)
    notes = (
        _overlap(described, dataset, np.unique(dataset.clip_index[indices])),
        _unlearnt(described, predictions),
        _read_otherwise(described.reading, reading),
    )
    return Evaluation(predictions, "; ".join(filter(None, notes)))


def _unlearnt(described: ModelDescription, predictions: Predictions) -> str:
    """Name the scored styles that the model did not learn."""
    scored = [described.styles[label] for label in predictions.labels]
    counts = [f"{name} ({scored.count(name)} of the scored clips)" for name in described.unlearnt if name in scored]
    return f"the model was not trained on the style {', '.join(counts)}, which lowers the scores" if counts else ""


def _read_otherwise(learnt: Mapping[str, object] | None, scored: Mapping[str, object] | None) -> str:
    """Describe how the reading of the scored clips differs from that of the training clips; empty if unknown."""
    rows = [
        (name.replace("_", " "), before[name], now[name])
        for before, now in [[(each or {}).get(part, {}) for each in (learnt, scored)] for part in ("read", "curation")]
        for name in before
        if name in now and before[name] != now[name]
    ]
    if not rows:
        return ""
    trained, here = (
        ", ".join(f"{row[0]} {'all' if row[side] is None else row[side]}" for row in rows) for side in (1, 2)
    )
    return f"the model was trained on clips read with {trained}, but these were read with {here}: curate them alike"


def _overlap(described: ModelDescription, dataset: Dataset, clips: np.ndarray) -> str:
    """Describe which of the scored clips and dancers the model was trained on; empty for none."""
    names = sorted({dataset.dancers[clip] for clip in clips})
    if not described.learnt_clips:  # older model.json files only have the hash of the whole dataset
        if described.data_hash != dataset.content_hash or set(names) <= set(described.held_out):
            return ""
        return f"the model was trained on clips of this dataset; {_measured_on('held-out', described.held_out)}"
    count = sum(dataset.clip_hashes[clip] in described.learnt_clips for clip in clips)
    trained = [name for name in names if name in described.learnt_dancers]
    overlap = [f"{count} of the {len(clips)} scored clips"] if count else []
    overlap += [f"dancers with the names {', '.join(trained)}"] if trained else []
    others = [name for name in names if name not in trained]
    return f"the model was trained on {' and on '.join(overlap)}; {_measured_on('other', others)}" if overlap else ""


def _measured_on(kind: str, dancers: Sequence[str]) -> str:
    return f"only the {kind} dancers ({', '.join(dancers) or 'none'}) measure how well it generalises"
