import gc
import importlib.util
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from dance_tf.video.frames import read_footage
from dance_tf.video.isolation import DecodingProcess, LostProcess, call_apart
from dance_tf.video.settings import ReadSettings
from dance_tf.video.stills import ReadError

FOLDER = str(Path(__file__).parent)


@pytest.fixture(scope="module")
def faults():
    """The module of faulty calls, importable in the decoding process too."""
    spec = importlib.util.spec_from_file_location("native_faults", Path(FOLDER) / "native_faults.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["native_faults"] = module
    spec.loader.exec_module(module)
    earlier = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [FOLDER, earlier]))
    yield module
    del sys.modules["native_faults"]
    if earlier is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = earlier


@pytest.fixture(scope="module")
def process(faults):
    with DecodingProcess() as process:
        yield process


def test_calls_are_answered_by_one_process(process, faults):
    assert process.call(faults.answer, {"a": [1, 2]}) == {"a": [1, 2]}
    assert process.call(faults.process_id) == process.call(faults.process_id) != os.getpid()


@pytest.mark.parametrize(("fault", "message"), [("crash", "crashed .SIGSEGV"), ("leave", "crashed .exit status 3")])
def test_a_crash_is_told_and_the_next_call_works(process, faults, fault, message):
    with pytest.raises(LostProcess, match=message):
        process.call(getattr(faults, fault))
    assert process.call(faults.answer, 7) == 7


def test_a_hang_ends_after_the_silence_allowed(faults):
    with DecodingProcess() as process:
        process.call(faults.answer, 1)  # a second Python may take longer to start on a busy machine
        process.timeout_s = 0.8
        began = time.monotonic()
        with pytest.raises(LostProcess, match="hung: no heartbeat for 0.8 s"):
            process.call(faults.hang)
        assert time.monotonic() - began < 20
        # work that shows signs of life may take longer than the silence allowed
        process.timeout_s = 20.0
        process.call(faults.answer, 2)
        process.timeout_s = 0.8
        assert process.call(faults.work_long, 1.6) == "done"


def test_waiting_for_a_disk_is_no_hang(faults):
    with DecodingProcess() as process:
        process.call(faults.answer, 1)
        process.timeout_s = 1.5
        assert process.call(faults.write_slowly, 4.0) == "written"


def test_errors_travel_as_they_are(process, faults):
    with pytest.raises(EOFError, match="its own error"):
        process.call(faults.fail)
    with pytest.raises(RuntimeError, match="function"):
        process.call(faults.unspeakable)
    assert process.call(faults.answer, 2) == 2


def test_what_native_code_prints_disturbs_nothing(process, faults):
    assert process.call(faults.print_much) == "clean"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits address space")
def test_memory_is_limited(process, faults):
    with pytest.raises(MemoryError):
        process.call(faults.take_memory)


def test_a_dropped_owner_takes_its_process_along(faults):
    process = DecodingProcess()
    child = process.call(faults.process_id)
    del process
    gc.collect()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_footage_can_be_read_apart(dance_file, tmp_path):
    apart = call_apart(read_footage, dance_file, ReadSettings(size=16))
    assert np.array_equal(apart.frames, read_footage(dance_file, ReadSettings(size=16)).frames)
    with pytest.raises(ReadError, match="no such file"):
        call_apart(read_footage, tmp_path / "absent.mp4")
