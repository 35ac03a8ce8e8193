"""Training settings from flat values, as a notebook's parameters and the command line's options give them."""

import math
from collections.abc import Sequence

from dance_tf.dataset.batches import Jitter, View
from dance_tf.model.fitting import Schedule
from dance_tf.model.paths import NetworkSettings
from dance_tf.model.training import TrainingSettings


def training_settings(
    strategy: str = "cnn_ae_attention",
    view: View = "difference",
    epochs: int = 24,
    learning_rate: float = 0.03,
    momentum: float = 0.9,
    decay: str = "cosine",
    patience: int = 10,
    growth_epochs: int = 3,
    growth_learning_rate: float = 0.005,
    growth_optimizer: str = "adam",
    batch_size: int = 32,
    frames_per_clip: int = 12,
    dropout: float = 0.0,
    jitter: float = 1.0,
    squeeze_ratio: int = 8,
    low_resolution_factor: int = 2,
    augment: Sequence[str] = (),
) -> TrainingSettings:
    """Settings of a run; the defaults suit a few hundred clips on a laptop.

    Args:
        strategy: a key of `STRATEGIES`.
        view: "frame" or "difference".
        epochs: of the classifier, at most.
        learning_rate: of SGD at the start (the paper: 0.001).
        momentum: of SGD (the paper: none).
        decay: "constant" (the paper) or "cosine".
        patience: epochs without improvement before training stops.
        growth_epochs: of each stage of the autoencoder.
        growth_learning_rate: of the autoencoder.
        growth_optimizer: "sgd" (the paper) or "adam": the squared error's gradients are too small for plain SGD to
            get anywhere within a laptop's patience.
        batch_size: frames in a batch.
        frames_per_clip: frames drawn of each clip in an epoch.
        dropout: in the head (the paper: none). With 0.3 a network that is shown whole frames learns nothing in tens of
            epochs.
        jitter: 1 for shifts of 8 pixels, 15 % of size, 5 degrees, 20 % of brightness, gray levels to a power of 0.5
            to 2; 0 for none (the paper).
        squeeze_ratio: of the channel attention.
        low_resolution_factor: of the autoencoder's input.
        augment: families of degradations that half of the training frames are put under.

    Raises:
        ValueError: a value that nothing could be learnt with; it is named.
    """
    for name, count in {"epochs": epochs, "growth epochs": growth_epochs}.items():
        if count < 1:
            raise ValueError(f"{name}: at least 1 is needed to learn anything, not {count}")
    if not (math.isfinite(jitter) and jitter >= 0):
        raise ValueError(f"jitter must be a number of at least 0, not {jitter}")
    return TrainingSettings(
        strategy=strategy,
        view=view,
        network=NetworkSettings(
            dropout=dropout, squeeze_ratio=squeeze_ratio, low_resolution_factor=low_resolution_factor
        ),
        schedule=Schedule(epochs, learning_rate, momentum, decay, patience),
        growth=Schedule(growth_epochs, growth_learning_rate, 0.9, "constant", growth_epochs, growth_optimizer),
        batch_size=batch_size,
        frames_per_clip=frames_per_clip,
        augment=tuple(augment),
        jitter=Jitter(shift=8 * jitter, zoom=0.15 * jitter, tilt=5 * jitter, gain=0.2 * jitter, gamma=0.7 * jitter),
    )
