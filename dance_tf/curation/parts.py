"""Curated clips on disk, one file each, whole or not there at all.

A part is an `.npz` file (uncompressed; no pickles) with

- `frames` uint8 [n, 128, 128, 1], `timestamps` float64 [n], `room` uint8 [128, 128, 1];
- `dropped_index` int64 [m], `dropped_timestamp` float64 [m], `dropped_reason` uint8 [m] (place in `REASONS`),
  `dropped_measure` float64 [m];
- `about`: one JSON document in UTF-8 bytes: the fields of `PartSummary`.

Its name is the hash of all that went into it: the clip's content and labels, the settings, and this format.
"""

from __future__ import annotations

import csv
import errno
import hashlib
import json
import math
import os
import struct
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from dance_tf.curation.filters import REASONS, CuratedClip, CurationSettings, DroppedFrame
from dance_tf.video.catalog import Clip
from dance_tf.video.clip import legible
from dance_tf.video.settings import ReadSettings

KEPT, PARTLY_KEPT, REFUSED = "kept", "partly kept", "refused"


@dataclass(frozen=True)
class CurationRow:
    r"""What became of one file that was offered.

    Every text is made one that UTF-8 can hold: the byte E9 of a file name that is no UTF-8 becomes `\xe9`.

    Attributes:
        path: what was offered; absolute, as the table knows a file by it.
        clip_id: its name in the catalog; empty where it is no clip.
        style: its label.
        dancer: who dances.
        source: where it came from.
        consent: what the dancer agreed to.
        status: "kept" (every frame), "partly kept" or "refused".
        reason: why not all of it was kept, in one line; empty for "kept".
        sha256: of its content; empty where it cannot be read at all.
        seen: frames read.
        kept: frames kept.
        blank: frames dropped as blank.
        blurred: frames dropped as blurred.
        no_dancing: frames dropped as nobody dances.
        seconds: length.
        width: of the picture as displayed.
        height: of the picture as displayed.
        frame_rate: frames per second on average.
        room_known: whether the still room could be told.
        part: file name of its part; empty for "refused".
    """

    path: str
    clip_id: str = ""
    style: str = ""
    dancer: str = ""
    source: str = ""
    consent: str = ""
    status: str = REFUSED
    reason: str = ""
    sha256: str = ""
    seen: int = 0
    kept: int = 0
    blank: int = 0
    blurred: int = 0
    no_dancing: int = 0
    seconds: float = 0.0
    width: int = 0
    height: int = 0
    frame_rate: float = 0.0
    room_known: bool = False
    part: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            if isinstance(value := getattr(self, field.name), str):
                object.__setattr__(self, field.name, legible(value))


def write_rows(path: Path, rows: tuple[CurationRow, ...]) -> None:
    """Write `curation.csv`, whole or not at all.

    Rows that an earlier run wrote about files not offered this time stay, after the new ones: the table knows every
    file ever offered.
    """
    offered = {row.path for row in rows}
    earlier = [row for row in read_rows(path) if row.path not in offered] if path.is_file() else []
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [field.name for field in fields(CurationRow)], lineterminator="\n")
            writer.writeheader()
            writer.writerows(asdict(row) for row in (*rows, *earlier))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def set_stranger_aside(path: Path) -> Path | None:
    """Move a table of other columns, such as another version wrote, out of the way; returns where it lies then."""
    try:
        read_rows(path)
    except FileNotFoundError:
        return None
    except (ValueError, csv.Error):
        aside = path.with_name(f"{path.stem}-{uuid.uuid4().hex[:8]}.old{path.suffix}")
        os.replace(path, aside)
        return aside
    return None


def read_rows(path: Path) -> tuple[CurationRow, ...]:
    """Read `curation.csv` back.

    Raises:
        ValueError: it is not such a table.
    """
    kinds = {field.name: type(getattr(CurationRow(""), field.name)) for field in fields(CurationRow)}
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != list(kinds):
            raise ValueError(f"{path}: not a table of curated clips")
        return tuple(
            CurationRow(
                **{name: value == "True" if kinds[name] is bool else kinds[name](value) for name, value in row.items()}
            )
            for row in reader
        )


PART_FORMAT = 3  # raise it when curation gives other frames for the same settings
STALE_SECONDS = 3600.0


class PartError(RuntimeError):
    """A part that cannot be written or read."""


@dataclass(frozen=True)
class PartSummary:
    """What a part holds, without its frames.

    Attributes:
        clip: what was curated.
        sha256: of the clip's content.
        seen: frames read.
        kept: frames kept.
        dropped: frames dropped for each of `REASONS`.
        seconds: length of the clip.
        width: of the picture as displayed.
        height: of the picture as displayed.
        frame_rate: frames per second on average.
        room_known: whether the still room could be told.
        warnings: what was wrong with the file.
    """

    clip: Clip
    sha256: str
    seen: int
    kept: int
    dropped: tuple[int, ...]
    seconds: float
    width: int
    height: int
    frame_rate: float
    room_known: bool
    warnings: tuple[str, ...]


def content_sha256(path: Path) -> str:
    """Hash a file's bytes, or the names and bytes of a folder's files in the order of their names.

    Raises:
        OSError: it cannot be read.
    """
    path = Path(path)
    if path.is_dir():
        digest = hashlib.sha256()
        for file in sorted(inner for inner in path.iterdir() if inner.is_file() and not inner.name.startswith(".")):
            digest.update(os.fsencode(file.name) + b"\0" + bytes.fromhex(content_sha256(file)))
        return digest.hexdigest()
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "neither a file nor a folder")  # to open a pipe could wait for ever
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def part_name(clip: Clip, sha256: str, read: ReadSettings, curation: CurationSettings) -> str:
    """The file name of a clip's part; threads and the longest clip are left out, as they change no frame."""
    labels = {**asdict(clip), "path": ""}
    read = replace(read, threads=0, limits=replace(read.limits, seconds=math.inf))
    what = [PART_FORMAT, sha256, labels, asdict(read), asdict(curation)]
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:40] + ".npz"


def write_part(path: Path, curated: CuratedClip, summary: PartSummary) -> None:
    """Write a part under a temporary name, bring it to the disk, and rename it.

    Raises:
        PartError: it cannot be written (a full disk, for one).
    """
    about = asdict(summary)
    about["clip"]["path"] = str(summary.clip.path)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "wb") as file:
            np.savez(
                file,
                frames=curated.frames,
                timestamps=curated.timestamps,
                room=curated.room,
                dropped_index=np.array([frame.index for frame in curated.dropped], np.int64),
                dropped_timestamp=np.array([frame.timestamp for frame in curated.dropped], np.float64),
                dropped_reason=np.array([REASONS.index(frame.reason) for frame in curated.dropped], np.uint8),
                dropped_measure=np.array([frame.measure for frame in curated.dropped], np.float64),
                about=np.frombuffer(json.dumps(about, sort_keys=True).encode(), np.uint8),
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise PartError(f"{path}: cannot be written ({error.strerror})") from error


def read_part(path: Path) -> CuratedClip:
    """Read a part; its frames stay on the disk, and come from there where they are looked at.

    Raises:
        PartError: it is not there, or is damaged.
    """
    with _opened(path) as (summary, arrays):
        dropped = tuple(
            DroppedFrame(int(index), float(timestamp), REASONS[reason], float(measure))
            for index, timestamp, reason, measure in zip(
                arrays["dropped_index"],
                arrays["dropped_timestamp"],
                arrays["dropped_reason"],
                arrays["dropped_measure"],
                strict=True,
            )
        )
        return CuratedClip(
            summary.clip,
            _map_frames(path, arrays.zip),
            arrays["timestamps"],
            arrays["room"],
            summary.room_known,
            summary.seen,
            dropped,
            summary.seconds,
        )


def _map_frames(path: Path, parts: zipfile.ZipFile) -> np.ndarray:
    """The frames of a part as they lie in it; all are read once, so that damage is found now and not later."""
    with parts.open("frames.npy") as member:
        version = np.lib.format.read_magic(member)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read_header(member)
        header = member.tell()
        while member.read(1 << 20):
            pass  # the check sum is compared at the end
    with open(path, "rb") as file:  # a member begins with 30 bytes, the last four of which tell what follows them
        file.seek(parts.getinfo("frames.npy").header_offset + 26)
        name, extra = struct.unpack("<HH", file.read(4))
        start = file.tell() + name + extra + header
    return np.asarray(np.memmap(path, dtype, "r", start, shape)) if shape[0] else np.zeros(shape, dtype)


def read_summary(path: Path) -> PartSummary:
    """Read what a part says about itself, not its frames.

    Raises:
        PartError: it is not there, or is damaged.
    """
    with _opened(path) as (summary, _):
        return summary


def remove_stale(folder: Path) -> None:
    """Remove temporary files that killed runs left behind over an hour ago."""
    for leftover in folder.glob(".*.tmp"):
        try:
            if time.time() - leftover.stat().st_mtime > STALE_SECONDS:
                leftover.unlink()
        except FileNotFoundError:
            continue  # another run was faster


@contextmanager
def _opened(path: Path) -> Iterator[tuple[PartSummary, np.lib.npyio.NpzFile]]:
    """Open a part, and turn whatever is wrong with it into a `PartError`."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            about = json.loads(arrays["about"].tobytes())
            clip = about.pop("clip")
            about["dropped"], about["warnings"] = tuple(about["dropped"]), tuple(about["warnings"])
            yield PartSummary(clip=Clip(**{**clip, "path": Path(clip["path"])}), **about), arrays
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise PartError(f"{path}: not a whole part ({error})") from error
