"""Classify dance styles in video."""

import os

__version__ = "0.1.0"

# on processors without AVX-512, TensorFlow by default uses its own convolutions, which take four times as long as those
# of oneDNN. The latter (TensorFlow 2.21, one thread) crash on 1×1 convolutions with strides and fewer than 8 channels
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
