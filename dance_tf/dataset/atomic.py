"""Folders that are there whole or not at all."""

import os
import shutil
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(folder: Path):
    """A temporary folder beside `folder` that takes its place when the block ends well, and is removed when not."""
    partial = folder.with_name(f".{folder.name}.partial-{os.getpid()}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
