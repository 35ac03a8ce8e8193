"""Distillation: the loss by hand, and a student that learns what its teacher says."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from scipy.special import log_softmax, softmax

from dance_tf.dataset.dataset import gather
from dance_tf.dataset.splits import outer_splits
from dance_tf.dataset.store import open_dataset
from dance_tf.experiments.spec import RunSpec
from dance_tf.experiments.training import run_folder, train
from dance_tf.model.distill import LABELS, TEMPERATURE, distill, distillation_loss, with_truth
from dance_tf.model.settings import training_settings
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH


def test_the_loss_is_that_of_true_styles_and_of_the_teacher_at_its_temperature():
    rng = np.random.default_rng(0)
    own, teachers, labels = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), rng.integers(0, 3, 5)
    targets = with_truth(labels, softmax(teachers, axis=1))
    found = keras.ops.convert_to_numpy(distillation_loss(targets, softmax(own, axis=1).astype(np.float32)))
    hard = -log_softmax(own, axis=1)[np.arange(5), labels]
    soft = -(softmax(teachers / TEMPERATURE, axis=1) * log_softmax(own / TEMPERATURE, axis=1)).sum(axis=1)
    np.testing.assert_allclose(found, LABELS * hard + (1 - LABELS) * TEMPERATURE**2 * soft, rtol=1e-4)


@pytest.fixture
def settings():
    return training_settings("skeleton_tcn_small", epochs=12, dropout=0.0, jitter=0.0)


def test_a_student_gives_the_styles_that_its_teacher_gives(blob_clips, settings, tmp_path):
    dataset = gather(blob_clips(styles=3, dancers=4, frames=4))
    split = outer_splits(dataset, "dancer", 4, 0)[0]

    class Wrong(keras.Layer):
        """Says "style 2" of everything."""

        def call(self, windows):
            return keras.ops.zeros_like(windows[:, 0, 0, :3]) + keras.ops.array([0.001, 0.001, 0.998])

    windows = keras.Input((LENGTH, len(JOINTS), CHANNELS))
    teacher = keras.Model(windows, Wrong()(windows))
    student, history = distill(teacher, dataset, split, settings, tmp_path)
    inputs = dataset.skeleton_windows[0]
    assert student.predict(inputs, verbose=0)[:, 2].mean() > 0.45  # by the labels alone, a third
    again, restored = distill(teacher, dataset, split, settings, tmp_path)  # from its checkpoint
    assert restored == history
    np.testing.assert_array_equal(again.predict(inputs, verbose=0), student.predict(inputs, verbose=0))


def test_a_run_with_a_teacher_trains_the_teacher_first(tiny_data, settings, tmp_path):
    short = replace(settings, schedule=replace(settings.schedule, epochs=1))
    spec = RunSpec(short, name="taught", folds=5, score_frames=2, teacher="skeleton_tcn")
    train(str(tiny_data), spec, str(tmp_path))
    runs = {run.parent.name for run in tmp_path.glob("runs/*/model.keras")}
    dataset = open_dataset(tiny_data)
    assert runs == {run_folder(dataset, each, tmp_path).name for each in (spec, spec.of_teacher)}
    assert spec.of_teacher.name == "skeleton_tcn" and not spec.of_teacher.teacher
