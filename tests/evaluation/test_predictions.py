import keras
import numpy as np
import pandas as pd
import pytest

from dance_tf.evaluation.predictions import BATCH, Predictions, predict_batches

STYLES = ("Tok", "TDS", "TMM")


def make(**changes) -> Predictions:
    probabilities = np.random.default_rng(0).dirichlet(np.ones(3), 3)
    parts = {
        "styles": STYLES,
        "clip_ids": ("a", "b", "007"),
        "dancers": ("Ada", "", "Bo, the 2nd"),
        "labels": [0, 2, 1],
        "probabilities": probabilities,
        "counts": [[2, 1, 0], [0, 0, 3], [1, 1, 1]],
    }
    return Predictions(**{**parts, **changes})


@pytest.mark.parametrize("count", [1, BATCH, 2 * BATCH + 3])
def test_batches_give_what_predict_gives(count):
    frames, windows = keras.Input((4,), name="frames"), keras.Input((2, 3), name="windows")
    flat = keras.layers.Flatten()(windows)
    both = keras.Model({"frames": frames, "windows": windows}, keras.layers.Concatenate()([flat, frames]))
    inputs = {"frames": np.arange(4.0 * count).reshape(-1, 4), "windows": -np.arange(6.0 * count).reshape(-1, 2, 3)}
    found = predict_batches(both, inputs)
    assert found.shape == (count, 10) and found.dtype == np.float32
    np.testing.assert_array_equal(found, both.predict(inputs, verbose=0))
    alone = keras.Model(frames, 2 * frames)
    np.testing.assert_array_equal(predict_batches(alone, inputs["frames"]), 2 * inputs["frames"])


def test_frames_are_averaged_and_counted_by_clip():
    frames = np.array([[0.6, 0.4, 0], [0.1, 0.9, 0], [0.2, 0.2, 0.6], [0, 0, 1]])
    found = Predictions.from_frames(frames, [0, 0, 2, 2], [1, 0, 2], ("Ada", "Cy", "Bo"), STYLES, ("a", "c", "b"))
    assert (found.clip_ids, found.dancers, found.labels.tolist()) == (("a", "b"), ("Ada", "Bo"), [1, 2])
    np.testing.assert_allclose(found.probabilities, [[0.35, 0.65, 0], [0.1, 0.1, 0.8]], rtol=1e-6)
    assert found.counts.tolist() == [[1, 1, 0], [0, 0, 2]]
    assert found.predicted.tolist() == [1, 2]
    by_frame, by_clip = found.confusion_by_clip("frame").sum(0), found.confusion_by_clip("clip").sum(0)
    assert by_frame.tolist() == [[0, 0, 0], [1, 1, 0], [0, 0, 2]] and by_clip.tolist() == np.diag([0, 1, 1]).tolist()


def test_a_file_restores_every_bit(tmp_path):
    made = make()
    made.save(tmp_path / "sub" / "p.csv")
    found = Predictions.load(tmp_path / "sub" / "p.csv")
    for name in ("styles", "clip_ids", "dancers"):
        assert getattr(found, name) == getattr(made, name)
    for name in ("labels", "probabilities", "counts"):
        np.testing.assert_array_equal(getattr(found, name), getattr(made, name))


def test_an_unknown_dancer_is_a_group_of_one_clip_and_dancers_can_be_selected():
    assert make().groups == ("Ada", "clip b", "Bo, the 2nd")
    assert make().of_dancers({"Ada", "Bo, the 2nd"}).clip_ids == ("a", "007")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"labels": [0, 1]}, r"labels are \[2\], expected \[3\]"),
        ({"clip_ids": ("a", "a", "b")}, "not unique"),
        ({"counts": np.zeros((3, 2))}, r"counts are \[3, 2\], expected \[3, 3\]"),
        ({"probabilities": np.full((3, 3), np.nan)}, "not finite"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_another_table_is_refused(tmp_path):
    pd.DataFrame({"clip": ["a"], "p Tok": [1.0]}).to_csv(tmp_path / "x.csv")
    with pytest.raises(ValueError, match="dancer, n Tok, style missing"):
        Predictions.load(tmp_path / "x.csv")
