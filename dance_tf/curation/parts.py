"""Curated clips on disk, one part for each clip, and the table `curation.csv` with one row for each file.

A part is a cache entry of files that are named after the hash of their input (content and labels of the clip,
settings, and `PART_FORMAT`):

- `<hash>.npy`: uint8 [1 + n + m, 128, 128, 1], the background, the frames that were kept, and the cut-outs;
- `<hash>.npz`: the skeletons and the onsets of the sound, only if skeletons were looked for;
- `<hash>.json`: `row` (a `CurationRow`), `clip`, `seconds`, `timestamps`, `dropped` (index, timestamp, reason,
  measure), and the size and CRC-32 of the pictures. It is written last, so a part without it is not complete.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import io
import json
import math
import os
import time
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np

from dance_tf.curation.filters import CURATION_DEFAULTS, NO_ONSETS, CuratedClip, DroppedFrame
from dance_tf.pose.skeleton import NO_SKELETONS, Skeletons
from dance_tf.video.catalog import Clip
from dance_tf.video.files import is_shared_sequence, legible, sequence_images
from dance_tf.video.frames import BLOCK
from dance_tf.video.settings import ReadSettings

KEPT, PARTLY_KEPT, REFUSED = "kept", "partly kept", "refused"
PART_FORMAT = 4  # raise it if curation gives other frames for the same settings, or parts are stored differently
STALE_SECONDS = 3600.0
KNOWN_DIGITS = 16  # of a SHA-256, by which a model knows a file again
ADDED_COUNTS = ("poses", "poses_found")  # columns that earlier versions did not have
ADDED = ("group", "split", "take", "trust", "start", "end")  # fields of a clip that earlier versions did not have
LABELS = ("clip_id", "style", "dancer", "source", "consent", *ADDED[:-1])  # fields that clips and rows share


@dataclass(frozen=True)
class CurationRow:
    r"""The result for one file; the fields are the columns of `curation.csv`.

    Text is made valid UTF-8: the byte E9 of a file name that is not UTF-8 becomes `\xe9`.
    """

    path: str  # absolute path of the file
    clip_id: str = ""  # name in the catalog, with the clip's labels after it; all empty if it is not a clip
    style: str = ""
    dancer: str = ""
    source: str = ""
    consent: str = ""
    group: str = ""
    split: str = ""
    take: str = ""
    trust: str = ""
    start: float = 0.0  # seconds in the file where the clip starts, before `end`, 0 for the end of the file
    end: float = 0.0
    status: str = REFUSED  # "kept" (every frame), "partly kept" or "refused"
    reason: str = ""  # why not all of it was kept, in one line; empty for "kept"
    sha256: str = ""  # of its content; empty if it cannot be read
    seen: int = 0  # frames read; after it, those kept, and those dropped for each reason
    kept: int = 0
    blank: int = 0
    blurred: int = 0
    no_dancing: int = 0
    seconds: float = 0.0  # length
    width: int = 0  # of the picture as displayed, like height
    height: int = 0
    frame_rate: float = 0.0  # mean frames per second
    room_known: bool = False  # whether the background is valid
    part: str = ""  # file name of its part; empty for "refused"
    # pictures in which the dancer was looked for; after it, those with a skeleton, interpolated ones included
    poses: int = 0
    poses_found: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), str):
                object.__setattr__(self, field.name, legible(value))

    @classmethod
    def of(cls, clip: Clip, sha256: str) -> CurationRow:
        """Return the row of a clip that is not curated yet."""
        return cls(str(clip.path), **_labels(clip), end=clip.end or 0.0, sha256=sha256)

    @property
    def clip(self) -> Clip:
        """The clip of the row."""
        return Clip(Path(self.path), **_labels(self), end=self.end or None)


def _labels(source: CurationRow | Clip) -> dict[str, Any]:
    return {name: getattr(source, name) for name in LABELS}


def write_rows(path: Path, rows: tuple[CurationRow, ...]) -> None:
    """Write `curation.csv` atomically; earlier rows of the table about other files follow the new rows."""
    paths = {row.path for row in rows}
    earlier = [row for row in read_rows(path) if row.path not in paths] if path.is_file() else []
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(CurationRow)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in (*rows, *earlier))
    _replace(path, lambda file: file.write(text.getvalue().encode("utf-8")))


def read_rows(path: Path) -> tuple[CurationRow, ...]:
    """Read `curation.csv`; a table of an earlier version may lack the columns `ADDED` and `ADDED_COUNTS`.

    Raises:
        ValueError: it has other columns.
    """
    kinds = {field.name: type(getattr(CurationRow(""), field.name)) for field in fields(CurationRow)}
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        if columns != [name for name in kinds if name in columns or name not in (*ADDED, *ADDED_COUNTS)]:
            raise ValueError(f"{path}: not a table of curated clips")
        return tuple(
            CurationRow(
                **{name: value == "True" if kinds[name] is bool else kinds[name](value) for name, value in row.items()}
            )
            for row in reader
        )


def file_hashes(dataset: Path) -> tuple[str, ...]:
    """Return the start of the SHA-256 (`KNOWN_DIGITS`) of each file of a dataset; arrays have no files."""
    table = Path(dataset) / "curation.csv"
    rows = read_rows(table) if table.is_file() else ()
    return tuple(sorted({row.sha256[:KNOWN_DIGITS] for row in rows if row.sha256}))


def set_aside_table(path: Path) -> Path | None:
    """Rename a table with other columns, such as one of another version; return its new path, or None."""
    try:
        read_rows(path)
    except FileNotFoundError:
        return None
    except (ValueError, csv.Error):
        aside = path.with_name(f"{path.stem}-{uuid.uuid4().hex[:8]}.old{path.suffix}")
        return path.replace(aside)
    return None


class PartError(RuntimeError):
    """A part that cannot be written or read."""


def content_sha256(path: Path) -> str:
    """Hash the bytes of a file, or the names and bytes of the files of a folder, sorted by name.

    Raises:
        OSError: it cannot be read.
    """
    path = Path(path)
    if path.is_dir() or is_shared_sequence(path):
        files = path.iterdir() if path.is_dir() else sequence_images(path)
        digest = hashlib.sha256()
        for file in sorted(inner for inner in files if inner.is_file() and not inner.name.startswith(".")):
            digest.update(os.fsencode(file.name) + b"\0" + bytes.fromhex(content_sha256(file)))
        return digest.hexdigest()
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "neither a file nor a folder")  # opening a pipe could block
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def part_name(clip: Clip, sha256: str, read: ReadSettings, poses: Mapping[str, object] | None = None) -> str:
    """Return the file name of a part; threads and the limit on the length are ignored, as they change no frame.

    Args:
        poses: `PoseSettings.to_json`; None without skeletons.
    """
    labels = {name: value for name, value in asdict(clip).items() if value or name not in ADDED} | {"path": ""}
    limits = {"pixels": read.max_pixels, "seconds": math.inf, "decoded_bytes": 1 << 40, "broken_packets": 200}
    reading = {**read.to_json(), "threads": 0, "limits": limits}  # the names of existing parts depend on all of these
    thresholds = {name: value for name, value in asdict(CURATION_DEFAULTS).items() if poses or "nobody" not in name}
    what = [PART_FORMAT, sha256, labels, reading, thresholds, *([poses, "onsets"] if poses else [])]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:40] + ".npy"


def write_part(path: Path, curated: CuratedClip, row: CurationRow) -> None:
    """Write the files of a part, each atomically.

    Raises:
        PartError: they cannot be written, as to a full disk.
    """
    crc = 0

    def write_pictures(file: BinaryIO) -> None:
        nonlocal crc
        shape = (1 + len(curated.frames) + len(curated.cutouts), *curated.background.shape)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        pictures = curated.frames, curated.cutouts
        blocks = (some[first : first + BLOCK] for some in pictures for first in range(0, len(some), BLOCK))
        for block in chain([curated.background], blocks):
            data = np.ascontiguousarray(block, np.uint8).data
            file.write(data)
            crc = zlib.crc32(data, crc)

    try:
        _replace(path, write_pictures)
        if len(curated.skeletons.times):
            stored = {**vars(curated.skeletons), "onsets": curated.onsets}
            _replace(path.with_suffix(".npz"), lambda file: np.savez(file, **stored))
        about = {
            "row": asdict(row),
            "clip": {**asdict(curated.clip), "path": str(curated.clip.path)},
            "seconds": curated.seconds,
            "timestamps": curated.timestamps.tolist(),
            "dropped": curated.dropped,
            "bytes": path.stat().st_size,
            "crc32": crc,
            "poses": len(curated.skeletons.times),
        }
        _replace(path.with_suffix(".json"), lambda file: file.write(json.dumps(about, sort_keys=True).encode()))
    except OSError as error:
        raise PartError(f"{path}: cannot be written ({error.strerror})") from error


def read_row(path: Path) -> CurationRow:
    """Read the row of a part; of the pictures only the size is checked.

    Raises:
        PartError: the part is missing or damaged.
    """
    return _read_about(path)[0]


def read_part(path: Path) -> CuratedClip:
    """Read a part; its frames are memory-mapped.

    Raises:
        PartError: it is missing or damaged.
    """
    row, about = _read_about(path)
    try:
        pictures = np.asarray(np.load(path, mmap_mode="r"))
        if zlib.crc32(pictures) != about["crc32"]:
            raise ValueError("its check sum is wrong")
        clip = Clip(**{**about["clip"], "path": Path(about["clip"]["path"])})
        dropped = tuple(DroppedFrame(*frame) for frame in about["dropped"])
        times = np.array(about["timestamps"], np.float64)
        skeletons, onsets, end = NO_SKELETONS, NO_ONSETS, 1 + len(times)
        if about.get("poses"):
            with np.load(path.with_suffix(".npz")) as stored:
                found = dict(stored)
            onsets = found.pop("onsets")
            skeletons = Skeletons(**found)
        still, room = (pictures[1:end], times, pictures[0]), (row.room_known, row.seen, dropped, about["seconds"])
        return CuratedClip(clip, *still, *room, skeletons, pictures[end:], onsets)
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise PartError(f"{path}: not a complete part ({error})") from error


def _read_about(path: Path) -> tuple[CurationRow, dict[str, Any]]:
    try:
        about = json.loads(path.with_suffix(".json").read_bytes())
        if path.stat().st_size != about["bytes"]:
            raise ValueError("its pictures are cut off")
        return CurationRow(**about["row"]), about
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PartError(f"{path}: not a complete part ({error})") from error


def remove_stale(folder: Path) -> None:
    """Remove temporary files that killed runs left behind more than an hour ago."""
    for leftover in folder.glob(".*.tmp"):
        try:
            if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
                leftover.unlink()
        except FileNotFoundError:
            continue  # another run was faster


def _replace(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file under a temporary name, flush it to the disk and rename it."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
