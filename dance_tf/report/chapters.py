"""What a report's chapters say: sentences and numbers made from measured values, so that nobody types a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from dance_tf.dataset.dataset import Dataset
from dance_tf.experiments.autoencoder import ReconstructionErrors
from dance_tf.experiments.spec import Result
from dance_tf.report.tables import percent

VIEW_NAMES = {"difference": "room taken away", "frame": "frame as it is"}


@dataclass(frozen=True)
class Chapter:
    """Words and numbers of a section.

    Attributes:
        text: Markdown.
        metrics: goes into metrics.json.
        headline: one sentence for the top of the report; empty for none.
    """

    text: str
    metrics: Mapping[str, object] = field(default_factory=dict)
    headline: str = ""


def curation_chapter(
    dataset: Dataset, source: str, table_1: pd.DataFrame, filters: pd.DataFrame, rooms: pd.DataFrame | None = None
) -> Chapter:
    """The clips, and what curation left out.

    Args:
        dataset: the clips as curated.
        source: "synthetic" or the footage's name.
        table_1: of `frames_by_style`. filters: of `filters_frame`. rooms: of `rooms_by_camera`, where it is known.
    """
    unknown = sum(not clip.background_valid for clip in dataset.clips)
    kept, seen = len(dataset.frames), sum(clip.seen for clip in dataset.clips)
    dancers = len(set(dataset.dancers))
    by_style = table_1[table_1["style"] != "all"].set_index("style").drop(columns=["abbreviation", "paper"])
    return Chapter(
        f"{len(dataset.clips)} clips of {dancers} dancers in {len(dataset.styles)} styles, {source}. "
        f"{kept:,} of {seen:,} frames were kept ({kept / seen:.1%}). {_rooms_unknown(unknown)}",
        {
            "data": {
                "hash": dataset.content_hash,
                "source": source,
                "clips": len(dataset.clips),
                "dancers": dancers,
                "styles": list(dataset.styles),
                "frames": kept,
                "rooms_unknown": unknown,
            },
            "curation": {
                "filters": {} if filters.empty else filters.set_index("reason").to_dict("index"),
                "styles": by_style.astype(int).to_dict("index"),
                "rooms": {} if rooms is None or rooms.empty else rooms.set_index("camera").to_dict("index"),
            },
        },
    )


def _rooms_unknown(clips: int) -> str:
    if clips == 0:
        return "The still room could be told in every clip."
    where = "one clip" if clips == 1 else f"{clips} clips"
    return f"In {where} the camera moves too much for the still room to be told."


def growth_chapter(errors: Mapping[str, ReconstructionErrors]) -> Chapter:
    """The autoencoder against its plain rivals, by what it sees."""
    sentences = []
    for view, found in errors.items():
        verdict = "smaller than" if found.autoencoder < found.pca else "not smaller than"
        sentences.append(
            f"With the {VIEW_NAMES[view]}, the grown autoencoder's mean squared error on dancers never seen is "
            f"{found.autoencoder:.5f} (gray levels from 0 to 1): {found.autoencoder / found.pca:.2f} times, and so "
            f"{verdict}, that of {found.components} principal components ({found.pca:.5f}), and "
            f"{found.autoencoder / found.low_resolution:.1f} times that of its own low-resolution input, enlarged "
            f"({found.low_resolution:.5f})."
        )
    return Chapter(" ".join(sentences), {"autoencoder": {view: found.row() for view, found in errors.items()}})


def growth_table(errors: Mapping[str, ReconstructionErrors]) -> pd.DataFrame:
    """A row a view: mean squared errors times 1000, and what stands behind them."""
    return pd.DataFrame(
        [
            {
                "network sees": VIEW_NAMES[view],
                "autoencoder (× 1000)": 1000 * found.autoencoder,
                "low-resolution input (× 1000)": 1000 * found.low_resolution,
                "principal components (× 1000)": 1000 * found.pca,
                "components": found.components,
                "test frames": found.frames,
            }
            for view, found in errors.items()
        ]
    )


def training_chapter(results: Sequence[Result]) -> Chapter:
    """How many runs there were, how well they fit the frames they learnt from, and the size of the network."""
    first = results[0]
    folds = len({result.job.fold for result in results})
    repeats = len({result.job.repeat for result in results})
    fitted = fit_by_view(results)
    told = ", ".join(f"{percent(accuracy)} % with the {VIEW_NAMES[view]}" for view, accuracy in fitted.items())
    return Chapter(
        f"{len(results)} runs: {folds} of {first.job.folds} dancer-disjoint folds, {repeats} repeat(s), "
        f"two views of the frame. Of the frames they learn from, the networks get {told} right in their last epoch. "
        f"The network has {first.parameters:,} parameters, {first.parameters * 4 / 1e6:.1f} MB in float32 (the paper "
        "prints 157.4 MB for the network it describes).",
        {"network": {"parameters": first.parameters, "training_accuracy": fitted}},
    )


def by_view(results: Sequence[Result]) -> dict[str, list[Result]]:
    """Runs by what their networks see."""
    views = dict.fromkeys(result.job.settings.view for result in results)
    return {view: [run for run in results if run.job.settings.view == view] for view in views}


def fit_by_view(results: Sequence[Result]) -> dict[str, float]:
    """Accuracy on the training frames in the last epoch, by view, mean over runs: whether a network learnt at all."""
    last = {view: [run.history["accuracy"].iloc[-1] for run in runs] for view, runs in by_view(results).items()}
    return {view: float(np.mean(accuracies)) for view, accuracies in last.items()}


def join_histories(runs: Mapping[str, Result]) -> pd.DataFrame:
    """Histories of several runs, epochs counted from 1, with their names in a column `run`."""
    named = [run.history.assign(run=name, epoch=run.history["epoch"] + 1) for name, run in runs.items()]
    return pd.concat(named, ignore_index=True)


def training_table(results: Sequence[Result]) -> pd.DataFrame:
    """A row a run: what it saw, how long it learnt, and its accuracy on the fold that picked its epoch."""
    return pd.DataFrame(
        [
            {
                "network sees": VIEW_NAMES[result.job.settings.view],
                "fold": result.job.fold + 1,
                "repeat": result.job.repeat + 1,
                "epochs": len(result.history),
                "kept epoch": result.best_epoch + 1,
                "stopped early": "yes" if result.stopped_early else "no",
                "validation accuracy (%)": 100 * result.history["val_accuracy"].iloc[result.best_epoch],
            }
            for result in results
        ]
    )
