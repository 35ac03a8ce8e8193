"""Checks of output folders, and folders that appear only when they are complete."""

import glob
import json
import os
import platform
import shutil
from collections.abc import Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import psutil

from dance_tf.video.files import whole_file

REPLACED = ".replaced"
IGNORED_FILES = (".DS_Store", "Thumbs.db", "desktop.ini")  # left everywhere by file managers


@contextmanager
def atomic_folder(folder: Path):
    """Yield a temporary folder beside `folder`, which becomes `folder` when the block succeeds, and is removed if not.

    An existing folder is renamed first, and gets its name back if the new one cannot take its place. Temporary and
    renamed folders of processes that were killed on this machine are removed, or get their name back if it is free.
    """
    prefix = f".{folder.name}.partial-{platform.node()}-"
    partial, replaced = (folder.with_name(f"{prefix}{os.getpid()}{ending}") for ending in ("", REPLACED))
    _clean_up(folder, prefix)
    partial.mkdir(parents=True)
    try:
        yield partial
        if folder.exists():
            folder.rename(replaced)
        partial.rename(folder)
    finally:
        _restore(replaced, folder)
        shutil.rmtree(partial, ignore_errors=True)


def _clean_up(folder: Path, prefix: str) -> None:
    """Restore or remove what dead processes left of `folder`."""
    for left in sorted(folder.parent.glob(f"{glob.escape(prefix)}*")):
        pid = left.name.removeprefix(prefix).removesuffix(REPLACED)
        if pid != str(os.getpid()) and pid.isdigit() and psutil.pid_exists(int(pid)):
            continue
        if left.name.endswith(REPLACED):
            _restore(left, folder)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _restore(replaced: Path, folder: Path) -> None:
    """Rename a replaced folder back, or remove it if the new one exists."""
    if not folder.exists() and replaced.exists():
        replaced.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)


class PlaceError(ValueError):
    """A folder that must not be written; the message gives the reason and what to do."""


@dataclass(frozen=True, eq=False)
class FolderKind:
    """A kind of folder that a verb writes, and how it is recognised."""

    name: str  # for messages
    marker: str  # name of a JSON file in each such folder
    keys: set[str]  # of the marker
    files: tuple[str, ...]  # patterns of the names that such a folder may hold

    def matches(self, folder: Path) -> bool:
        """Return whether a folder is of this kind."""
        with suppress(OSError, ValueError):
            content = json.loads((folder / self.marker).read_text(encoding="utf-8"))
            return isinstance(content, dict) and self.keys <= set(content)
        return False


SHARDS = ("*.json", "*.csv", "*.tfrecord*", ".arrays")
DATASET = FolderKind("dataset of `curate`", "summary.json", {"styles", "frames", "key"}, SHARDS)
NUMPY = ("*.json", "*.npy", "*.npz", "*.raw", "truth")
ARRAYS = FolderKind("dataset of `synthesize --arrays`", "dataset.json", {"styles", "clips"}, NUMPY)
ASSESSED = ("*.json", "*.csv", "*.html", "*-annotated.mp4")
ASSESSMENTS = FolderKind("folder of `assess`", "assessments.json", {"model", "clips"}, ASSESSED)
MODEL = FolderKind(
    "model of `train`", "model.json", {"format", "styles"}, ("*.json", "model.*", "*.npz", "tensorboard")
)


def mistaken(folder: Path, wanted: FolderKind) -> str:
    """Return what a path is instead of a folder of a kind, such as "is a model of `train`"; empty if unknown."""
    if folder.is_file():
        return "is a file"
    kinds = [kind for kind in (DATASET, ARRAYS, MODEL) if kind is not wanted and kind.matches(folder)]
    return f"is a {kinds[0].name}" if kinds else ""


def check_place(out: Path, kind: FolderKind, sources: Sequence[Path] = (), beside: Sequence[str] = ()) -> Path:
    """Check that a folder is free, or holds only what the same verb wrote.

    Args:
        sources: folders that are read; none may contain the output, or lie in it.
        beside: suffixes of further output folders beside `out`, such as "-parts".

    Returns:
        `out` as an absolute path.

    Raises:
        PlaceError: `out` is a file, the current folder, overlaps with a source, or holds other files.
    """
    out = Path(out).resolve()
    for place in (out, *(out.with_name(out.name + suffix) for suffix in beside)):
        for source in (Path(source).resolve() for source in sources):
            if place == source or place in source.parents or source in place.parents:
                how = "is" if place == source else "contains" if place in source.parents else "lies in"
                raise PlaceError(f"{place} would be written, but it {how} {source}, which is read: name another folder")
    if out == Path.cwd() or out in Path.cwd().parents:
        raise PlaceError(f"{out} would be replaced, but it is the folder you are in: name a new one")
    if not out.exists():
        return out
    if not out.is_dir():
        raise PlaceError(f"{out} is a file: name a new folder")
    names = sorted(path.name for path in out.iterdir() if path.name not in IGNORED_FILES)
    if names and not kind.matches(out):
        other = mistaken(out, kind)
        what = f"it {other}" if other else f"it contains something other than a {kind.name}"
        order = "give the folder to read first, then" if sources else "give"
        raise PlaceError(f"{out} would be replaced, but {what}: {order} a new one to write")
    if others := [name for name in names if not any(fnmatch(name, known) for known in kind.files)]:
        raise PlaceError(f"{out} also holds {others[0]}, which would be lost: move it, or name a new folder")
    return out


def strict_json(value: object, **options: object) -> str:
    """Return a value as JSON in which numbers that are not finite are null; `options` are those of `json.dumps`."""
    plain = json.loads(json.dumps(value), parse_constant=lambda constant: None)
    return json.dumps(plain, allow_nan=False, **options)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")
