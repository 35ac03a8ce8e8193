"""Uploaded clips: one temporary folder for all of them, and the clips in zip files."""

import os
import stat
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from shutil import rmtree

from filelock import FileLock, Timeout

from dance_tf.video.catalog import Refusal, clips_at
from dance_tf.video.isolation import background_heartbeat
from dance_tf.video.stills import ReadError

PREFIX, LOCK = "dance_tf-page-", ".lock"  # of the folder, and a file in it that is locked while its process lives
MOST_FILES = 300  # in a zip file
RATIO = 50  # videos are hardly smaller in a zip file than outside
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)


@contextmanager
def upload_folder() -> Iterator[Path]:
    """Yield a new folder, in which all temporary files of this process are made; it is removed at the end.

    Such folders of processes that were killed are removed first.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if (left / LOCK).is_file() and not left.is_symlink():
            with suppress(Timeout, OSError), FileLock(left / LOCK, timeout=0):
                rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        with FileLock(folder / LOCK):
            yield folder
    finally:
        tempfile.tempdir = before
        rmtree(folder, ignore_errors=True)


def _inside(folder: Path) -> Iterator[Path]:
    """Yield all files and folders in a folder, what is in a folder before it; some may be gone already."""
    for place, folders, files in os.walk(folder, topdown=False):  # unlike `rglob`, it passes over a folder that is gone
        yield from (Path(place) / name for name in (*files, *folders))


def remove_older(folder: Path, seconds: float) -> None:
    """Remove what was last written so long ago from a folder of `upload_folder`."""
    for path in _inside(folder):
        with suppress(OSError):  # another thread was faster, or a folder is not empty
            if path.name != LOCK and time.time() - path.stat().st_mtime > seconds:
                path.rmdir() if path.is_dir() else path.unlink()


def bytes_in(folder: Path) -> int:
    """Return the size of all files in a folder."""
    total = 0
    for path in _inside(folder):
        with suppress(FileNotFoundError):
            found = path.lstat()
            total += 0 if stat.S_ISDIR(found.st_mode) else found.st_size
    return total


def unpack_clips(
    archive: Path, folder: Path, most_bytes: int, *, heartbeat: Callable[[], None]
) -> tuple[list[Path], list[Refusal]]:
    """Unpack a zip file into a new folder, and return its clips and the files that are none.

    Args:
        archive: the zip file, in any layout of `video.catalog`.
        folder: new folder.
        most_bytes: the largest size of what is in it.

    Raises:
        ReadError: it is damaged or encrypted, unpacks to too much, or has names that lead out of the folder.
    """
    with background_heartbeat(heartbeat):
        try:
            with zipfile.ZipFile(archive) as packed:
                _check_content(archive, packed.infolist(), most_bytes)
                packed.extractall(folder)
        except ReadError:
            raise
        except DAMAGED as error:
            why = f"no space left for {most_bytes >> 20:,} MB" if isinstance(error, OSError) else "it is damaged"
            raise ReadError(f"cannot be unpacked: {why}") from error
        clips, refused = clips_at(folder)
    inside = [clip for clip in clips if clip.resolve().is_relative_to(folder.resolve())]
    outside = [Refusal(clip, "the manifest names a file that is not in the zip file") for clip in clips]
    return inside, [*refused, *(one for one in outside if one.path not in inside)]


def _check_content(archive: Path, files: list[zipfile.ZipInfo], most_bytes: int) -> None:
    """Refuse a zip file by its list of files; `zipfile` writes no more than the sizes that this list says."""
    total = sum(file.file_size for file in files)
    twice = [name for name, count in Counter(file.filename for file in files).items() if count > 1]
    outside = [file.filename for file in files if _leads_out(file)]
    reason = ""
    if len(files) > MOST_FILES:
        reason = f"has {len(files):,} files, over the limit of {MOST_FILES}: split it"
    elif total > most_bytes:
        reason = f"unpacks to {total >> 20:,} MB, over the limit of {most_bytes >> 20:,} MB: split it"
    elif total > RATIO * archive.stat().st_size:
        reason = "unpacks to far more than videos do: pack the videos themselves"
    elif outside:
        reason = f"has the name {outside[0]!r}, which leads out of it: pack the clips by their plain names"
    elif twice:
        reason = f"has two files of the name {twice[0]!r}: rename one"
    elif any(file.flag_bits & 1 for file in files):
        reason = "is encrypted: pack it without a password"
    if reason:
        raise ReadError(reason)


def _leads_out(file: zipfile.ZipInfo) -> bool:
    """Return whether a file is a link, or its name is not a plain path in the folder."""
    path = PurePosixPath(file.filename.replace("\\", "/"))
    return stat.S_ISLNK(file.external_attr >> 16) or path.is_absolute() or ".." in path.parts or ":" in file.filename
