"""Distillation: a small network learns from the probabilities of a large one (Hinton et al. 2015)."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
from keras import ops

from dance_tf.dataset.dataset import Dataset
from dance_tf.dataset.splits import Split
from dance_tf.model.fit import FrameSequence, History, fit
from dance_tf.model.layers import initialize_weights
from dance_tf.model.networks import strategy_of
from dance_tf.model.settings import TrainingSettings
from dance_tf.model.train import seed_everything, validation_inputs

TEMPERATURE, LABELS = 4.0, 0.5  # softness of the teacher's probabilities; share of the true styles in the loss
SMALLEST = 1e-7  # probability


class TaughtSequence(FrameSequence):
    """Training batches whose targets are the true styles and the teacher's probabilities of the same changed inputs.

    Args:
        teacher: reads what the student reads.
    """

    def __init__(self, teacher: keras.Model, dataset: Dataset, *arguments: object):
        super().__init__(dataset, *arguments)
        self.teacher = teacher

    def __getitem__(self, number: int):
        inputs, labels, *weights = super().__getitem__(number)
        taught = self.teacher.predict_on_batch(inputs)
        return inputs, with_truth(labels, taught), *weights


def with_truth(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return targets float32 [n, 2, classes] of `distillation_loss`: the true styles one-hot, then probabilities."""
    return np.stack([np.eye(probabilities.shape[1])[labels], probabilities], axis=1).astype(np.float32)


@keras.saving.register_keras_serializable("dance_tf")
def distillation_loss(targets, probabilities):
    """Return cross-entropies float32 [batch]: with the true styles, and with the teacher at `TEMPERATURE`.

    Args:
        targets: float32 [batch, 2, classes], of `with_truth`.
        probabilities: float32 [batch, classes], of the student.
    """
    logs = ops.log(ops.clip(probabilities, SMALLEST, 1.0))
    soft = ops.softmax(ops.log(ops.clip(targets[:, 1], SMALLEST, 1.0)) / TEMPERATURE)
    taught = -ops.sum(soft * ops.log_softmax(logs / TEMPERATURE), axis=1) * TEMPERATURE**2
    return LABELS * -ops.sum(targets[:, 0] * logs, axis=1) + (1 - LABELS) * taught


def distill(
    teacher: keras.Model, dataset: Dataset, split: Split, settings: TrainingSettings, folder: Path, seed: int = 0
) -> tuple[keras.Model, History]:
    """Train a strategy as `train_classifier` does, from a teacher and the true styles.

    Args:
        teacher: a network with the inputs and the styles of the student.
        settings: of the student.
        folder: checkpoints.

    Returns:
        the student and its history.
    """
    seed_everything(seed)
    student = strategy_of(settings.strategy).build(replace(settings.network, classes=len(dataset.styles)))
    initialize_weights(student, seed)
    inputs, labels, *weights = validation_inputs(dataset, split, settings)
    validation = inputs, with_truth(labels, teacher.predict(inputs, verbose=0)), *weights
    frames = TaughtSequence(teacher, dataset, split.train, settings, seed)
    return fit(student, frames, validation, settings.schedule, folder, seed, distillation_loss)
