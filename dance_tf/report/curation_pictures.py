"""The pictures of the chapter on curation, from a run's data to figures."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from dance_tf.curation.parts import CurationRow, read_part
from dance_tf.dataset.batches import load_frames
from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.workspace import Workspace
from dance_tf.report.clip_strips import strip_frames
from dance_tf.report.figures.clips import background_views, clip_strip
from dance_tf.report.room_tables import pick_views, view_labels
from dance_tf.synthesis.truth import ClipTruth


def busiest_row(rows: tuple[CurationRow, ...]) -> CurationRow:
    """The clip that lost frames for the most reasons, and of those the one that lost the most.

    Raises:
        ValueError: no clip has a part to look at.
    """
    return max(
        (row for row in rows if row.part),
        key=lambda row: ((row.blank > 0) + (row.blurred > 0) + (row.no_dancing > 0), row.seen - row.kept),
    )


def strip_of_busiest(workspace: Workspace) -> Figure:
    """The film strip of the clip in which curation found most, with the truth beside it where the clip is made up."""
    row = busiest_row(workspace.rows())
    clip, truth = read_part(workspace.part(row)), workspace.truth(row.clip_id)
    frames, times = strip_frames(clip, workspace.clip_path(row))
    title = f"Clip {row.clip_id}: what was kept"
    reasons = truth.reasons() if truth else None
    return clip_strip(frames, times, clip.dropped, clip.timestamps, title, workspace.source, truth=reasons)


def views_without_room(dataset: Dataset, truths: Mapping[str, ClipTruth], source: str) -> Figure:
    """Frame, still room and what is left of clips of different dancers, one with a moving camera where there is one.

    Args:
        dataset: the clips as curated.
        truths: of `read_truths`; empty for real footage.
        source: "synthetic" or the footage's name.
    """
    shown = pick_views(dataset, truths)
    return background_views(
        load_frames(dataset, shown, "frame"),
        dataset.backgrounds[dataset.clip_index[shown]],
        load_frames(dataset, shown, "difference"),
        view_labels(dataset, shown, truths),
        source,
    )
