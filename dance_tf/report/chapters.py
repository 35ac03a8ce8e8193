"""What a report's chapters say: sentences and numbers made from measured values, so that nobody types a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from dance_tf.assessment.intervals import RunSummary
from dance_tf.dataset.dataset import Dataset
from dance_tf.paper.growth import ReconstructionErrors
from dance_tf.paper.runs import Result
from dance_tf.report.tables import long_form, metric_table, percent

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
    unknown = sum(not clip.room_known for clip in dataset.clips)
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
    """How many runs there were, and the size of the network."""
    first = results[0]
    folds = len({result.job.fold for result in results})
    repeats = len({result.job.repeat for result in results})
    return Chapter(
        f"{len(results)} runs: {folds} of {first.job.folds} dancer-disjoint folds, {repeats} repeat(s), "
        "two views of the frame. "
        f"The network has {first.parameters:,} parameters, {first.parameters * 4 / 1e6:.1f} MB in float32 (the paper "
        "prints 157.4 MB for the network it describes).",
        {"network": {"parameters": first.parameters}},
    )


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


@dataclass(frozen=True)
class Standing:
    """How a network and its plain rival stand on the same dancers, by what they see.

    Attributes:
        folds: the network on the folds that picked its epochs.
        held_out: the network on dancers put aside before anything began.
        linear: logistic regression on the latter.
        chance: one over the number of styles.
        runs: networks behind each mean.
    """

    folds: Mapping[str, RunSummary]
    held_out: Mapping[str, RunSummary]
    linear: Mapping[str, RunSummary]
    chance: float
    runs: int

    @property
    def better_view(self) -> str:
        """The view with which the network does better on validation dancers."""
        return max(self.folds, key=lambda view: self.folds[view].frame.accuracy.mean)

    def bars(self) -> pd.DataFrame:
        """Accuracies for `figures.accuracy_bars`."""
        rows = []
        for view in self.held_out:
            for model, summary in (("CNN + AE + Attention", self.held_out), ("logistic regression", self.linear)):
                for by, scores in (("by frame", summary[view].frame), ("by clip", summary[view].clip)):
                    found = scores.accuracy
                    name = f"{model}, {VIEW_NAMES[view]}"
                    rows.append({"name": name, "group": by, "mean": found.mean, "low": found.low, "high": found.high})
        return pd.DataFrame(rows)

    def table(self) -> pd.DataFrame:
        """All scores with their intervals."""
        nested = {"CNN + AE + Attention": {}, "logistic regression": {}}
        for view, name in VIEW_NAMES.items():
            both = {"validation folds": self.folds[view].to_json(), "held out": self.held_out[view].to_json()}
            nested["CNN + AE + Attention"][name] = both
            nested["logistic regression"][name] = {"held out": self.linear[view].to_json()}
        measures = long_form(nested, ("strategy", "network sees", "dancers", "by", "metric"))
        return metric_table(measures, ("strategy", "network sees", "dancers", "by"))


def evaluation_chapter(standing: Standing, source: str) -> Chapter:
    """What the network is worth on dancers it never saw, beside chance and a linear model."""
    better = standing.better_view
    found, plain = standing.held_out[better].clip.accuracy, standing.linear[better].clip.accuracy
    frame = standing.held_out[better].frame.accuracy.mean
    rival = max(summary.frame.accuracy.mean for summary in standing.linear.values())
    headline = (
        f"Clip accuracy on dancers never seen ({source}): **{percent(found.mean)} %** [{percent(found.low)}, "
        f"{percent(found.high)}]; chance is {percent(standing.chance)} %, a logistic regression gets "
        f"{percent(plain.mean)} %."
    )
    kept = standing.held_out["frame"].clip.accuracy.mean
    text = (
        f"{headline} The network sees the {VIEW_NAMES[better]}, the better of the two views on validation dancers. By "
        f"frame it is right {percent(frame)} % of the time, {percent(frame - rival)} points above the better of "
        f"the two linear models ({percent(rival)} %). Shown the frame as it is, as in the paper, the same network gets "
        f"{percent(kept)} % of the clips. Means of {standing.runs} run(s) each; intervals come from drawing dancers."
    )
    branch = {}
    for view in VIEW_NAMES:
        own = {**standing.folds[view].to_json(), "held_out": standing.held_out[view].to_json()}
        plain_branch = {"dancer": {"held_out": standing.linear[view].to_json()}}
        branch[view] = {"cnn_ae_attention": {"dancer": own}, "logistic_regression": plain_branch}
    metrics = {"strategies": branch["difference"], "leakage": {"room_kept": branch["frame"]}}
    return Chapter(text, metrics, headline)
