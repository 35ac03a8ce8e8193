"""Start TensorFlow: its startup log suppressed, and its memory kept where it trains."""

import contextlib
import ctypes
import logging
import os
import sys
import tempfile

# of glibc's mallopt: the heap is never trimmed, nothing is mapped on its own, all threads share one heap
KEEP = {-1: -1, -4: 0, -8: 1}


def keep_freed_memory() -> None:
    """Let this process keep the memory that it frees, where the C library is glibc; call it before TensorFlow starts.

    A training step frees and allocates hundreds of megabytes. By default glibc gives them back to the system each time,
    which has to clear them again: up to two fifths of a worker's time. Memory in use never shrinks after this.
    """
    with contextlib.suppress(OSError, AttributeError):  # another C library
        change = ctypes.CDLL("libc.so.6").mallopt
        for option, value in KEEP.items():
            change(option, value)


def start_tensorflow(training: bool = False) -> None:
    """Import TensorFlow and initialise its devices, with standard error captured; do nothing under another backend.

    TensorFlow logs to standard error at start-up, whatever TF_CPP_MIN_LOG_LEVEL says. The log is shown on failure.

    Args:
        training: keep freed memory (`keep_freed_memory`).
    """
    if training:
        keep_freed_memory()
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return
    # TFDS warns of its own deprecated attribute, TensorFlow of each new model that predicts
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            import tensorflow as tf

            tf.constant(0)
        except Exception:  # not KeyboardInterrupt
            captured.seek(0)
            os.write(stderr, captured.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
