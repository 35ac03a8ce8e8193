"""Where a verb may write: a name that is free, or what the same verb wrote before; nothing else is ever replaced."""

import glob
import json
import os
import platform
import shutil
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import psutil

REPLACED = ".replaced"


@contextmanager
def written_whole(folder: Path):
    """A temporary folder beside `folder` that takes its place when the block ends well, and is removed when not.

    A folder that was there is put aside, and put back if the new one cannot take its place. What a process of this
    machine left behind when it was killed is put back where nothing else stands, and removed otherwise.
    """
    prefix = f".{folder.name}.partial-{platform.node()}-"
    partial, replaced = (folder.with_name(f"{prefix}{os.getpid()}{what}") for what in ("", REPLACED))
    _clear_up(folder, prefix)
    partial.mkdir(parents=True)
    try:
        yield partial
        if folder.exists():
            folder.rename(replaced)
        partial.rename(folder)
    finally:
        _put_back(replaced, folder)
        shutil.rmtree(partial, ignore_errors=True)


def _clear_up(folder: Path, prefix: str) -> None:
    """Put back, or remove, what dead processes left of `folder`."""
    for left in sorted(folder.parent.glob(f"{glob.escape(prefix)}*")):
        pid = left.name.removeprefix(prefix).removesuffix(REPLACED)
        if pid != str(os.getpid()) and pid.isdigit() and psutil.pid_exists(int(pid)):
            continue
        if left.name.endswith(REPLACED):
            _put_back(left, folder)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _put_back(replaced: Path, folder: Path) -> None:
    """Give a folder that was put aside its name again, or remove it where its successor stands."""
    if not folder.exists() and replaced.exists():
        replaced.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)


UNMINDED = (".DS_Store", "Thumbs.db", "desktop.ini")  # file managers leave them everywhere


class PlaceError(ValueError):
    """A place that must not be written to; the message says why and what to do."""


@dataclass(frozen=True)
class Kind:
    """A kind of folder that a verb writes, and how it is known again.

    Attributes:
        name: in a sentence.
        marker: JSON file that each such folder has.
        keys: some that the marker has, so that a file that only shares its name is told from it.
        files: patterns of the names that may lie in such a folder.
    """

    name: str
    marker: str
    keys: frozenset[str]
    files: tuple[str, ...]

    def holds(self, folder: Path) -> bool:
        """Whether a folder is of this kind."""
        try:
            content = json.loads((folder / self.marker).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(content, dict) and self.keys <= set(content)

    def strangers(self, folder: Path) -> list[str]:
        """Names in a folder that no folder of this kind has."""
        names = sorted(path.name for path in folder.iterdir())
        return [name for name in names if not any(fnmatch(name, known) for known in (*self.files, *UNMINDED))]


DATASET = Kind(
    "dataset of `curate`",
    "summary.json",
    frozenset({"styles", "frames", "key"}),
    ("*.json", "*.csv", "*.tfrecord*", ".arrays"),
)
ARRAYS = Kind(
    "dataset of `synthesize --arrays`",
    "dataset.json",
    frozenset({"styles", "clips"}),
    ("*.json", "*.npy", "frames.raw", "truth"),
)
MODEL = Kind("model of `train`", "model.json", frozenset({"format", "styles"}), ("*.json", "model.*", "tensorboard"))


def check_place(out: Path, kind: Kind, sources: Sequence[Path] = (), beside: Sequence[str] = ()) -> Path:
    """Make sure that a folder can be written without losing anything that was not made by the same verb.

    Args:
        out: where to write.
        kind: what is to be written.
        sources: what it is made from; neither may lie in the other.
        beside: endings of folders beside `out` that are written too, such as "-parts".

    Returns:
        `out` as an absolute path.

    Raises:
        PlaceError: `out` is a file, the current folder, overlaps with a source, or holds something else.
    """
    out = Path(out).resolve()
    for place in (out, *(out.with_name(out.name + ending) for ending in beside)):
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
    if not kind.holds(out) and any(path.name not in UNMINDED for path in out.iterdir()):
        raise PlaceError(f"{out} holds something else than a {kind.name}: name a new folder, or delete that one")
    if strangers := kind.strangers(out):
        raise PlaceError(f"{out} also holds {strangers[0]}, which would be lost: move it, or name a new folder")
    return out


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all: a temporary name, then a rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
