"""Confusion matrices and attention weights."""

import numpy as np
import pytest

from dance_tf.report.figures import attention_by_style, confusion_matrices, confusion_matrix
from dance_tf.report.figures.confusion import row_shares

STYLES = ["SUP", "SaS", "BU"]
MATRIX = np.array([[8, 2, 0], [0, 0, 0], [1, 1, 2]])


def test_rows_are_shares_and_an_absent_style_stays_empty():
    assert row_shares(MATRIX).tolist() == [[0.8, 0.2, 0], [0, 0, 0], [0.25, 0.25, 0.5]]


def test_counts_are_written_where_they_belong(sound):
    figure = sound(confusion_matrix(MATRIX, STYLES, "CNN", "synthetic", pairs=[("SUP", "BU")]))
    axes = figure.axes[0]
    written = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert written == {(0, 0): "8", (0, 1): "2", (2, 0): "1", (2, 1): "1", (2, 2): "2"}
    assert np.allclose(axes.collections[0].get_array(), row_shares(MATRIX))
    assert [label.get_text() for label in axes.get_xticklabels()] == STYLES
    assert {patch.get_xy() for patch in axes.patches} == {(2, 0), (0, 2)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted style", "true style")


@pytest.mark.parametrize("matrix", [MATRIX[:2], MATRIX / 2])
def test_what_is_no_confusion_matrix_is_refused(matrix):
    with pytest.raises(ValueError, match=r"integer \[3, 3\]"):
        confusion_matrix(matrix, STYLES, "CNN", "synthetic")


def test_every_strategy_has_its_matrix(sound):
    figure = sound(confusion_matrices({"CNN": MATRIX, "AE": MATRIX.T, "LSTM": MATRIX}, STYLES, "By clip", "synthetic"))
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title("left") for axes in shown] == [
        "CNN: 71.4 % correct",
        "AE: 71.4 % correct",
        "LSTM: 71.4 % correct",
    ]


def test_attention_is_shown_as_what_a_style_has_above_its_channel(random, sound):
    weights = 0.45 + 0.05 * random.random((3, 32))
    figure = sound(attention_by_style(weights, STYLES, "CNN path", "synthetic"))
    axes = figure.axes[0]
    (image,) = axes.images
    np.testing.assert_allclose(image.get_array(), weights - weights.mean(axis=0))
    reach = np.abs(weights - weights.mean(axis=0)).max()
    assert image.get_clim() == pytest.approx((-reach, reach))
    title = axes.get_title("left")
    assert f"between {weights.min():.2f} and {weights.max():.2f}" in title and f"at most {reach:.3f}" in title
    assert [label.get_text() for label in axes.get_yticklabels()] == STYLES


def test_a_style_without_frames_is_left_out_of_the_mean_of_a_channel(sound):
    weights = np.array([[0.4, 0.6], [np.nan, np.nan], [0.5, 0.6]])
    image = sound(attention_by_style(weights, STYLES, "CNN path", "synthetic")).axes[0].images[0]
    shown = np.ma.filled(image.get_array(), np.nan)
    np.testing.assert_allclose(shown, [[-0.05, 0], [np.nan, np.nan], [0.05, 0]], atol=1e-12)
    flat = attention_by_style(np.full((3, 2), 0.5), STYLES, "CNN path", "synthetic").axes[0].images[0]
    assert not np.any(flat.get_array())
