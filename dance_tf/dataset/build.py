"""Footage in, dataset out: curation's parts gathered into a TFDS directory, or made-up dancers straight into arrays."""

import hashlib
import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from dance_tf.curation.filters import CURATION_DEFAULTS, CuratedClip, CurationSettings, curate_frames
from dance_tf.curation.parts import CurationRow, read_part, set_aside_table, write_rows
from dance_tf.curation.run import curate_footage, reading_to_json
from dance_tf.dataset.arrays import write_arrays
from dance_tf.dataset.dataset import DatasetError
from dance_tf.dataset.store import write_store
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import clip_key, render_arrays, truth_name, truth_text
from dance_tf.video.catalog import Catalog, Clip, find_clips
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings

TABLE_SECONDS = 10.0  # of work at most are missing from the table of a run that is killed
KNOWN_STYLES = tuple(style.name for style in STYLES)


@dataclass(frozen=True)
class Curated:
    """What became of a folder of footage.

    Attributes:
        dataset: the dataset directory.
        layout: how the folder was read, such as "manifest".
        rows: one a file.
        clips: what was found, before anything was read.
        set_aside: where a table of other columns lies now that was in the place of the parts' `curation.csv`.
    """

    dataset: Path
    layout: str
    rows: tuple[CurationRow, ...]
    clips: tuple[Clip, ...] = ()
    set_aside: Path | None = None

    def clip_path(self, row: CurationRow) -> Path:
        """The file of a row's clip, whose name need not be text as the row's is."""
        return next((clip.path.absolute() for clip in self.clips if clip.clip_id == row.clip_id), Path(row.path))


def parts_folder(out: Path) -> Path:
    """Where a dataset's curated clips lie one by one, so that a killed run, or one with more clips, costs little."""
    out = Path(out).resolve()
    return out.with_name(f"{out.name}-parts")


def curate_folder(
    footage: Path,
    out: Path,
    jobs: int | None = None,
    scheduler: str | None = None,
    read: ReadSettings = READ_DEFAULTS,
    curation: CurationSettings = CURATION_DEFAULTS,
    progress: Callable[[CurationRow], None] | None = None,
) -> Curated:
    """Curate a folder of footage into a TFDS dataset directory.

    Args:
        footage: a folder that `find_clips` understands.
        out: the dataset directory; replaced whole. The clips one by one are kept beside it, in `OUT-parts`.
        jobs: clips at a time; None for one a core.
        scheduler: address of a Dask scheduler.
        read: how clips are read.
        curation: the thresholds.
        progress: called with each row as it comes.

    Returns:
        what became of each file. `curation.csv` in `out` says the same; the one in the parts' folder also has the
        files that earlier runs were offered, and is kept up to date while the run goes on.

    Raises:
        CatalogError: the folder holds no footage.
        CurationError: the parts cannot be written.
        DatasetError: not one clip has a frame left.
    """
    out = Path(out).resolve()
    catalog = find_clips(Path(footage))
    parts = parts_folder(out)
    set_aside = set_aside_table(parts / "curation.csv")
    with _told(catalog, parts / "curation.csv", progress) as note:
        rows = curate_footage(catalog, parts, read, curation, jobs, scheduler, progress=note)
    write_rows(parts / "curation.csv", rows)
    kept = sorted((row for row in rows if row.kept), key=lambda row: row.clip_id)
    if not kept:
        raise DatasetError(f"no clip of {footage} has a frame left: {parts / 'curation.csv'} says why")
    names = [row.part for row in kept]  # each the hash of its clip, its labels and the settings
    key = hashlib.sha256("\n".join(names).encode()).hexdigest()
    reading = reading_to_json(read, curation)
    write_store(out, [parts / name for name in names], read_part, KNOWN_STYLES, jobs or 1, key=key, reading=reading)
    (out / "curation.csv").unlink(missing_ok=True)  # or rows of files offered earlier, elsewhere, would stay in it
    write_rows(out / "curation.csv", rows)
    return Curated(out, catalog.layout, rows, catalog.clips, set_aside)


@contextmanager
def _told(
    catalog: Catalog, table: Path, progress: Callable[[CurationRow], None] | None
) -> Iterator[Callable[[CurationRow], None]]:
    """Lend a note-taker that writes the table every few seconds, and when the run stops early for whatever reason.

    A killed run then leaves a table of the files that it got to, beside the parts of the clips that it finished.
    """
    refused = tuple(CurationRow(os.path.abspath(refusal.path), reason=refusal.reason) for refusal in catalog.refused)
    noted: list[CurationRow] = []
    written = -math.inf

    def note(row: CurationRow) -> None:
        nonlocal written
        noted.append(row)
        if time.monotonic() - written >= TABLE_SECONDS:
            write_rows(table, (*noted, *refused))
            written = time.monotonic()
        if progress:
            progress(row)

    try:
        yield note
    except BaseException:
        if noted:
            with suppress(OSError, ValueError):  # what stopped the run is what has to be told
                write_rows(table, (*noted, *refused))
        raise


def synthesize_arrays(out: Path, settings: StudioSettings, jobs: int = 1, progress: bool = False) -> Path:
    """Make dancers up, curate their frames and write them as arrays: no codec, no TensorFlow.

    Args:
        out: the dataset folder; replaced whole. The truth of each clip lies in `truth/`, as beside mp4 files.
        settings: of the clips.
        jobs: processes.
        progress: whether a bar goes to standard error.
    """
    truths: dict[str, str] = {}
    return write_arrays(Path(out), _curated_clips(settings, jobs, progress, truths), KNOWN_STYLES, truths)


def _curated_clips(
    settings: StudioSettings, jobs: int, progress: bool, truths: dict[str, str]
) -> Iterator[CuratedClip]:
    keys = (clip_key(settings, style, dancer) for style, dancer in settings.clips())
    for key, (clip, frames, timestamps, truth) in zip(keys, render_arrays(settings, jobs, progress), strict=True):
        truths[truth_name(clip.clip_id)] = truth_text(truth, key)
        yield curate_frames(clip, frames, timestamps, truth.frames / truth.frame_rate)
