"""Folders that are there whole or not at all."""

import glob
import os
import platform
import shutil
from contextlib import contextmanager
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
