"""Tables and pictures' data of the chapter on curation."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dance_tf.dataset.dataset import Dataset
from dance_tf.footage.curation import REASONS
from dance_tf.footage.curation_score import ReasonScore
from dance_tf.paper.tables import TABLE_1
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
