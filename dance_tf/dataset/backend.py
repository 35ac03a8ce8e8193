"""Import TensorFlow with its startup log suppressed."""

import logging
import os
import sys
import tempfile


def start_tensorflow() -> None:
    """Import TensorFlow and initialise its devices, with standard error captured; do nothing under another backend.

    TensorFlow logs to standard error at start-up, whatever TF_CPP_MIN_LOG_LEVEL says. The log is shown on failure.
    """
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
