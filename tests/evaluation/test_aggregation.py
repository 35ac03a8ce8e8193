import numpy as np
import pytest

from dance_tf.evaluation.predictions import Predictions, aggregate_clips


def test_a_clip_gets_the_mean_of_its_frames():
    frames = Predictions(
        probabilities=np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6]], np.float32),
        labels=np.array([0, 1, 0, 0]),
        clips=np.array([2, 0, 2, 2]),
        dancers=("ann", "bea", "cleo"),
        styles=("Tok", "TDS"),
        clip_ids=("a", "b", "c"),
    )
    clips = aggregate_clips(frames)
    np.testing.assert_allclose(clips.probabilities, [[0.2, 0.8], [1.6 / 3, 1.4 / 3]], rtol=1e-6)
    np.testing.assert_array_equal(clips.labels, [1, 0])
    np.testing.assert_array_equal(clips.clips, [0, 1])
    assert (clips.clip_ids, clips.dancers) == (("a", "c"), ("ann", "cleo"))
    # two of three frames of clip c say TDS, their mean says Tok
    np.testing.assert_array_equal(clips.predicted, [1, 0])
    again = aggregate_clips(clips)
    np.testing.assert_array_equal(again.probabilities, clips.probabilities)
    assert again.clip_ids == clips.clip_ids


def test_equal_to_the_slow_loop():
    random = np.random.default_rng(3)
    owner = random.integers(0, 40, 3000)
    truth = random.integers(0, 5, 40)
    frames = Predictions(
        random.dirichlet(np.ones(5), 3000), truth[owner], owner, ("x",) * 40, tuple("vwxyz"), tuple(map(str, range(40)))
    )
    clips = aggregate_clips(frames)
    for clip in range(40):
        np.testing.assert_allclose(clips.probabilities[clip], frames.probabilities[owner == clip].mean(0), rtol=1e-5)


def test_nothing_stays_nothing():
    empty = Predictions(np.zeros((0, 2)), [], [], ("ann",), ("Tok", "TDS"), ("a",))
    assert aggregate_clips(empty).clip_ids == ()


def test_a_clip_with_two_labels_is_refused():
    frames = Predictions(np.full((2, 2), 0.5), [0, 1], [0, 0], ("ann",), ("Tok", "TDS"), ("a/b",))
    with pytest.raises(ValueError, match="clip a/b has frames of more than one label"):
        aggregate_clips(frames)
