"""Jobs and the splits they learn from and are scored on."""

import numpy as np

from dance_tf.dataset.arrays import gather
from dance_tf.experiments.spec import Job, split_of, training_split
from dance_tf.model.train import TrainingSettings


def test_a_thinned_job_learns_from_fewer_frames_and_is_scored_on_all(blob_clips):
    dataset = gather(blob_clips(styles=2, dancers=5, frames=9))
    job = Job(TrainingSettings(), folds=2, interval=4)
    whole, thinned = split_of(dataset, job), training_split(dataset, job)
    np.testing.assert_array_equal(thinned.test, whole.test)
    for part in ("train", "validation"):
        every, kept = getattr(whole, part), getattr(thinned, part)
        lengths = np.bincount(dataset.clip_index[every])
        counts = np.bincount(dataset.clip_index[kept], minlength=len(lengths))
        np.testing.assert_array_equal(counts, -(-lengths // 4))
        assert set(kept) <= set(every)
    again = training_split(dataset, job)
    np.testing.assert_array_equal(thinned.train, again.train)


def test_without_an_interval_nothing_is_left_out(blob_clips):
    dataset = gather(blob_clips(styles=2, dancers=5))
    job = Job(TrainingSettings(), folds=2)
    np.testing.assert_array_equal(split_of(dataset, job).train, training_split(dataset, job).train)


def test_each_fold_and_repeat_draws_its_own_weights_the_same_for_every_strategy():
    draws = {
        (fold, repeat): Job(TrainingSettings(), fold=fold, repeat=repeat).draw
        for fold in range(5)
        for repeat in range(3)
    }
    assert len(set(draws.values())) == 15
    assert all(0 <= draw < 2**31 for draw in draws.values())
    assert Job(TrainingSettings(strategy="cnn"), "frame", fold=2, repeat=1).draw == draws[2, 1]
    assert Job(TrainingSettings(), seed=1).draw != draws[0, 0]
