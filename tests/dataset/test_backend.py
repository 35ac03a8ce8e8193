"""A training process keeps the memory that it frees."""

import platform
import subprocess
import sys

import pytest

FREE = """
import sys
import numpy as np
import psutil
from dance_tf.dataset.backend import keep_freed_memory
if sys.argv[1] == "keep":
    keep_freed_memory()
before = psutil.Process().memory_info().rss
del (large := [np.ones(40_000_000)])[:]
print((psutil.Process().memory_info().rss - before) / 1e6)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc")
def test_freed_memory_stays_with_the_process():
    run = [sys.executable, "-c", FREE]
    kept, freed = (float(subprocess.check_output([*run, how], text=True)) for how in ("keep", "free"))
    assert freed < 50 < 300 < kept
