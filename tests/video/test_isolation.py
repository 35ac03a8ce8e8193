import gc
import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from dance_tf.video.frames import read_footage
from dance_tf.video.isolation import DecodingProcess, LostProcess
from dance_tf.video.settings import ReadSettings
from dance_tf.video.stills import ReadError

FOLDER = str(Path(__file__).parent)


@pytest.fixture(scope="module")
def faults():
    """The module of faulty calls, importable in the decoding process too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        patch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [FOLDER, os.environ.get("PYTHONPATH")])))
        import native_faults

        yield native_faults
        del sys.modules["native_faults"]


@pytest.fixture(scope="module")
def process(faults):
    with DecodingProcess() as process:
        yield process


def test_one_process_runs_all_calls_and_what_it_prints_is_ignored(process, faults):
    assert process.call(faults.answer, {"a": [1, 2]}) == {"a": [1, 2]}
    assert process.call(faults.print_much) == "clean"
    assert process.call(faults.process_id) == process.call(faults.process_id) != os.getpid()


@pytest.mark.parametrize(("fault", "message"), [("crash", "crashed .SIGSEGV"), ("leave", "crashed .exit status 3")])
def test_a_crash_is_reported_and_the_next_call_works(process, faults, fault, message):
    with pytest.raises(LostProcess, match=message):
        process.call(getattr(faults, fault))
    assert process.call(faults.answer, 7) == 7


def test_a_call_without_heartbeat_times_out(faults):
    with DecodingProcess() as process:
        process.call(faults.answer, 1)  # starting Python may take longer than the timeout
        process.timeout_s = 0.8
        began = time.monotonic()
        with pytest.raises(LostProcess, match="hung: no heartbeat for 0.8 s"):
            process.call(faults.hang)
        assert time.monotonic() - began < 20


def test_another_thread_can_end_a_call(process, faults):
    process.call(faults.answer, 1)
    timer = threading.Timer(0.3, process.interrupt)
    timer.start()
    with pytest.raises(LostProcess, match="crashed .SIGKILL"):
        process.call(faults.hang)
    timer.join()
    assert process.call(faults.answer, 7) == 7


@pytest.mark.parametrize(("call", "timeout_s", "seconds"), [("work_long", 0.8, 1.6), ("write_slowly", 1.5, 2.5)])
def test_a_call_with_heartbeats_may_take_longer_than_the_timeout(faults, call, timeout_s, seconds):
    with DecodingProcess() as process:
        process.call(faults.answer, 1)
        process.timeout_s = timeout_s
        assert process.call(getattr(faults, call), seconds) == "done"


def test_errors_are_raised_in_the_caller(process, faults):
    with pytest.raises(EOFError, match="its own error"):
        process.call(faults.fail)
    with pytest.raises(RuntimeError, match="function"):  # the result cannot be pickled
        process.call(faults.return_lambda)
    assert process.call(faults.answer, 2) == 2


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits address space")
def test_memory_is_limited(process, faults):
    with pytest.raises(MemoryError):
        process.call(faults.take_memory)


def test_the_process_ends_with_its_owner(faults):
    process = DecodingProcess()
    child = process.call(faults.process_id)
    del process
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_footage_is_read_in_a_subprocess(process, dance_file, tmp_path):
    footage = process.call(read_footage, dance_file, ReadSettings(size=16))
    assert np.array_equal(footage.frames, read_footage(dance_file, ReadSettings(size=16)).frames)
    with pytest.raises(ReadError, match="no such file"):
        process.call(read_footage, tmp_path / "absent.mp4")
