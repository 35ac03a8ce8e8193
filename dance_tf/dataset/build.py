"""Build a dataset: from footage as a TFDS directory, or from made-up dancers as arrays."""

import hashlib
import math
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from dance_tf.curation.filters import CURATION_DEFAULTS, CuratedClip, curate_frames
from dance_tf.curation.parts import CurationRow, read_part, set_aside_table, write_rows
from dance_tf.curation.run import curate_footage, reading_to_json
from dance_tf.dataset.dataset import DatasetError, write_arrays
from dance_tf.dataset.store import write_store
from dance_tf.pose.read import PoseSettings
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import clip_key, render_arrays
from dance_tf.video.catalog import Catalog, Clip, find_clips
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings

TABLE_SECONDS = 10.0  # between two writes of curation.csv during a run
KNOWN_STYLES = tuple(style.name for style in STYLES)


@dataclass(frozen=True)
class Curated:
    """The result of `curate_folder`."""

    layout: str  # of the `Catalog` of the footage folder, like the clips
    rows: tuple[CurationRow, ...]  # one per file
    clips: tuple[Clip, ...]
    set_aside: Path | None  # new name of a `curation.csv` with other columns that was in the folder of parts

    def clip_path(self, row: CurationRow) -> Path:
        """Return the file of a row's clip, whose name need not be valid text as in the row."""
        return next((clip.path.absolute() for clip in self.clips if clip.clip_id == row.clip_id), Path(row.path))


def parts_folder(out: Path) -> Path:
    """Return the folder of a dataset's curated clips, one file each, from which a later run continues."""
    out = Path(out).resolve()
    return out.with_name(f"{out.name}-parts")


def curate_folder(
    footage: Path,
    out: Path,
    jobs: int | None = None,
    scheduler: str | None = None,
    read: ReadSettings = READ_DEFAULTS,
    progress: Callable[[CurationRow], None] | None = None,
    catalog: Catalog | None = None,
    poses: PoseSettings | None = None,
) -> Curated:
    """Curate a folder of footage into a TFDS dataset directory.

    `curation.csv` in `out` has the rows of this call. The one in `OUT-parts` has those of earlier calls too, and is
    updated during the run.

    Args:
        out: the dataset directory; replaced. The curated clips are also kept beside it, in `OUT-parts`.
        jobs, scheduler, read, progress, poses: as in `curate_footage`.
        catalog: of the footage; `find_clips` makes it by default.

    Raises:
        CatalogError: the folder holds no footage.
        CurationError: the parts cannot be written.
        DatasetError: no clip has a frame left.
        WeightsError: there are no weights to find skeletons with.
    """
    out = Path(out).resolve()
    catalog = catalog or find_clips(Path(footage))
    parts = parts_folder(out)
    table = parts / "curation.csv"
    set_aside = set_aside_table(table)
    refused = tuple(CurationRow(os.path.abspath(refusal.path), reason=refusal.reason) for refusal in catalog.refused)
    done: list[CurationRow] = []
    written = -math.inf

    def add_row(row: CurationRow) -> None:
        nonlocal written
        done.append(row)
        if time.monotonic() - written >= TABLE_SECONDS:
            write_rows(table, (*done, *refused))
            written = time.monotonic()
        if progress:
            progress(row)

    try:
        rows = curate_footage(catalog, parts, read, jobs, scheduler, progress=add_row, poses=poses)
    except BaseException:
        if done:
            with suppress(OSError, ValueError):  # the first error is the one to report
                write_rows(table, (*done, *refused))
        raise
    write_rows(table, rows)
    kept = sorted((row for row in rows if row.kept), key=lambda row: row.clip_id)
    if not kept:
        why = "; ".join(f"{reason} ({count} of {len(rows)} files)" for reason, count in commonest_reasons(rows))
        raise DatasetError(f"no clip of {footage} has a frame left: {why}; {table} lists all")
    names = [row.part for row in kept]  # each is the hash of its clip, its labels and the settings
    key = hashlib.sha256("\n".join(names).encode()).hexdigest()
    reading = reading_to_json(read, CURATION_DEFAULTS, poses)
    write_store(out, [parts / name for name in names], read_part, KNOWN_STYLES, jobs or 1, key=key, reading=reading)
    (out / "curation.csv").unlink(missing_ok=True)  # write_rows keeps the rows of other files
    write_rows(out / "curation.csv", rows)
    return Curated(catalog.layout, rows, catalog.clips, set_aside)


def commonest_reasons(rows: Sequence[CurationRow]) -> list[tuple[str, int]]:
    """Return the most frequent reasons of rows with their counts; reasons that differ only in numbers count as one."""
    kinds = [re.sub(r"\d[\d.,]*", "#", row.reason) for row in rows]
    examples = {kind: row.reason for kind, row in zip(reversed(kinds), reversed(rows), strict=True)}
    return [(examples[kind], number) for kind, number in Counter(kinds).most_common(3)]


def synthesize_arrays(out: Path, settings: StudioSettings, jobs: int = 1) -> Path:
    """Make clips of made-up dancers, curate their frames and write them as arrays, without codec and TensorFlow.

    Args:
        out: the dataset folder; replaced. The truth of each clip is in `truth/`, as for mp4 files.
    """
    truths: dict[str, str] = {}

    def curated_clips() -> Iterator[CuratedClip]:
        made = render_arrays(settings, jobs)
        for indices, (clip, frames, timestamps, truth) in zip(settings.clips(), made, strict=True):
            truths[f"truth/{clip.clip_id}.json"] = truth.to_json(clip_key(settings, *indices))
            yield curate_frames(clip, frames, timestamps, truth.frames / truth.frame_rate)

    return write_arrays(Path(out), curated_clips(), KNOWN_STYLES, truths)
