import numpy as np
import pytest

from dance_tf.evaluation.predictions import Predictions


def make(**changes):
    parts = {
        "probabilities": np.array([[0.7, 0.3], [0.2, 0.8], [0.5, 0.5]], dtype=np.float32),
        "labels": np.array([0, 1, 1]),
        "clips": np.array([0, 0, 1]),
        "dancers": ("ann", "béa"),
        "styles": ("Tok", "TDS"),
        "clip_ids": ("Tok/ann_1", "TDS/béa_1"),
    }
    return Predictions(**(parts | changes))


def test_save_and_load_give_the_same_parts(tmp_path):
    predictions = make()
    path = predictions.save(tmp_path / "deep" / "held_out.npz")
    loaded = Predictions.load(path)
    for name in ("probabilities", "labels", "clips"):
        ours, theirs = getattr(predictions, name), getattr(loaded, name)
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    assert (loaded.dancers, loaded.styles, loaded.clip_ids) == (
        predictions.dancers,
        predictions.styles,
        predictions.clip_ids,
    )
    assert [entry.name for entry in path.parent.iterdir()] == ["held_out.npz"]


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    path = make().save(tmp_path / "p.npz")
    before = path.read_bytes()

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        make(labels=np.array([1, 1, 1])).save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.npz"]


def test_no_rows_are_allowed_and_survive_saving(tmp_path):
    empty = make(probabilities=np.zeros((0, 2)), labels=[], clips=[], dancers=(), clip_ids=())
    loaded = Predictions.load(empty.save(tmp_path / "empty.npz"))
    assert loaded.probabilities.shape == (0, 2)
    assert loaded.dancers == ()


def test_predicted_is_the_most_probable_class_and_the_first_of_equals():
    np.testing.assert_array_equal(make().predicted, [0, 1, 0])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"probabilities": np.ones((3, 3)) / 3}, "probabilities are"),
        ({"labels": np.array([0, 1])}, "probabilities are"),
        ({"clips": np.array([0, 1])}, "must both be"),
        ({"dancers": ("ann",)}, "2 clips, but 1 dancers"),
        ({"clip_ids": ("a", "a")}, "not unique"),
        ({"labels": np.array([0, 1, 2])}, "labels run from 0 to 2"),
        ({"clips": np.array([0, 1, -1])}, "clips run from -1 to 1"),
        ({"probabilities": np.array([[np.nan, 1], [0, 1], [0, 1]])}, "not finite"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        make(**changes)


def test_a_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", frames=np.zeros(3))
    with pytest.raises(ValueError, match="holds no predictions"):
        Predictions.load(tmp_path / "other.npz")
