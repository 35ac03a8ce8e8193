"""Tables and pictures' data of the chapter on curation."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dance_tf.audit.published import TABLE_1
from dance_tf.curation.filters import REASONS, ReasonScore
from dance_tf.dataset.dataset import Dataset
from dance_tf.report.section import Table
from dance_tf.report.tables import MISSING
from dance_tf.synthesis.choreography import STYLES


def abbreviate(styles: Sequence[str]) -> tuple[str, ...]:
    """The paper's abbreviations; a style that is not the paper's keeps its name."""
    known = {style.name: style.abbreviation for style in STYLES}
    return tuple(known.get(style, style) for style in styles)


def frames_by_style(dataset: Dataset) -> pd.DataFrame:
    """Table 1: clips and frames of each style, kept and dropped by reason, beside the paper's frames; a total last."""
    counts = dataset.counts()
    published = {row.abbreviation: row.frames for row in TABLE_1}
    rows = [
        {
            "style": style,
            "abbreviation": abbreviation,
            "clips": counts[style]["clips"],
            "seen": counts[style]["seen"],
            **{reason: counts[style].get(reason, 0) for reason in REASONS},
            "kept": counts[style]["kept"],
        }
        for style, abbreviation in zip(dataset.styles, abbreviate(dataset.styles), strict=True)
    ]
    frame = pd.DataFrame(rows)
    frame["paper"] = [published.get(abbreviation) for abbreviation in frame["abbreviation"]]
    total = frame.drop(columns=["style", "abbreviation"]).sum()
    frame.loc[len(frame)] = {"style": "all", "abbreviation": "", **total}
    for column in frame.columns[2:]:
        frame[column] = frame[column].astype("Int64")
    return frame


def beside_paper_frames(table_1: pd.DataFrame) -> pd.DataFrame:
    """Table 1 as the report prints it: after the counts the paper's, ours, the difference, the interval and the runs.

    A style that is not the paper's has neither paper nor difference. Frames are counted, once: there is no interval.

    Args:
        table_1: of `frames_by_style`.
    """
    table = table_1.rename(columns={"kept": "ours"})
    table = table[[*table.columns.drop(["paper", "ours"]), "paper", "ours"]]
    known = table["paper"].notna() & (table["style"] != "all")
    # the total stands beside the paper's only where all twelve styles do
    whole = set(table.loc[known, "paper"]) == {row.frames for row in TABLE_1} and known.sum() == len(table) - 1
    table["paper"] = table["paper"].where(known | (whole & (table["style"] == "all")))
    return table.assign(difference=table["ours"] - table["paper"], interval=MISSING, runs=1)


def frames_table(table_1: pd.DataFrame) -> Table:
    """Table 1 of the report, of what `frames_by_style` counted."""
    caption = "Frames seen, dropped by reason and kept (`ours`), beside the paper's. Counted: one run, no interval."
    return Table("table_1", "Frames per style (Table 1)", beside_paper_frames(table_1), caption)


def filters_frame(scores: Sequence[ReasonScore]) -> pd.DataFrame:
    """Precision and recall of each filter, a row each."""
    columns = ("reason", "planted", "dropped", "right", "precision", "recall")
    return pd.DataFrame([{name: getattr(score, name) for name in columns} for score in scores], columns=list(columns))


def pick_frames(dataset: Dataset, each: int) -> np.ndarray:
    """A few frames of every style, each of another clip where there are enough: int64 [styles, each], frame indices."""
    picked = []
    for style in range(len(dataset.styles)):
        clips = np.flatnonzero(dataset.clip_labels == style)
        chosen = clips[np.linspace(0, len(clips) - 1, each).round().astype(int)]
        row = []
        for place, clip in enumerate(chosen):
            members = np.flatnonzero(dataset.clip_index == clip)
            row.append(members[int((place + 1) / (each + 1) * len(members))])
        picked.append(row)
    return np.array(picked)
