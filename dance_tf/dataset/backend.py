"""TensorFlow started without its greetings, where TensorFlow is what runs."""

import logging
import os
import sys
import tempfile


def start_tensorflow() -> None:
    """Import TensorFlow and touch its devices with the native log held back: it greets on standard error, whatever
    TF_CPP_MIN_LOG_LEVEL says, before a program can ask it not to. What it says is shown if it fails.
    """
    if os.environ.get("KERAS_BACKEND", "tensorflow") != "tensorflow":
        return
    # TFDS warns of its own deprecated attribute, TensorFlow of every new model that predicts: neither is news
    for name in ("absl", "tensorflow"):
        logging.getLogger(name).setLevel(logging.ERROR)
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            import tensorflow as tf

            tf.constant(0)
        except Exception:  # a user's Ctrl-C is no failure
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
