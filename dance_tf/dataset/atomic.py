"""Folders that are there whole or not at all."""

import glob
import os
import platform
import shutil
from contextlib import contextmanager
from pathlib import Path

import psutil


@contextmanager
def written_whole(folder: Path):
    """A temporary folder beside `folder` that takes its place when the block ends well, and is removed when not.

    What a process of this machine left behind when it was killed is removed too.
    """
    prefix = f".{folder.name}.partial-{platform.node()}-"
    partial, replaced = (folder.with_name(f"{prefix}{os.getpid()}{what}") for what in ("", ".replaced"))
    for left in folder.parent.glob(f"{glob.escape(prefix)}*"):
        pid = left.name.removeprefix(prefix).removesuffix(".replaced")
        if pid == str(os.getpid()) or not (pid.isdigit() and psutil.pid_exists(int(pid))):
            shutil.rmtree(left, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if folder.exists():
            folder.rename(replaced)
        partial.rename(folder)
    finally:
        for used in (partial, replaced):
            shutil.rmtree(used, ignore_errors=True)
