"""Confusion matrices and attention weights."""

import numpy as np
import pytest

from dance_tf.report.figures import attention_by_style, confusion_matrices, confusion_matrix

STYLES = ["SUP", "SaS", "BU"]
MATRIX = np.array([[8, 2, 0], [0, 0, 0], [1, 1, 2]])


def test_counts_and_shares_are_where_they_belong(sound):
    figure = sound(confusion_matrix(MATRIX, STYLES, "CNN", "synthetic", pairs=[("SUP", "BU")]))
    axes = figure.axes[0]
    written = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert written == {(0, 0): "8", (0, 1): "2", (2, 0): "1", (2, 1): "1", (2, 2): "2"}
    # rows are shares; that of an absent style stays empty
    assert np.allclose(axes.collections[0].get_array(), [[0.8, 0.2, 0], [0, 0, 0], [0.25, 0.25, 0.5]])
    assert [label.get_text() for label in axes.get_xticklabels()] == STYLES
    assert {patch.get_xy() for patch in axes.patches} == {(2, 0), (0, 2)}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted style", "true style")


def test_every_strategy_has_its_matrix(sound):
    figure = sound(confusion_matrices({"CNN": MATRIX, "AE": MATRIX.T, "LSTM": MATRIX}, STYLES, "By clip", "synthetic"))
    titles = [axes.get_title("left") for axes in figure.axes if axes.get_visible()]
    assert titles == [f"{name}: 71.4 % correct" for name in ("CNN", "AE", "LSTM")]


def test_attention_is_shown_as_the_difference_from_the_mean_of_a_channel(random, sound):
    weights = 0.45 + 0.05 * random.random((3, 32))
    weights[1] = np.nan  # a style without frames is left out of the mean
    figure = sound(attention_by_style(weights, STYLES, "CNN path", "synthetic"))
    axes = figure.axes[0]
    (image,) = axes.images
    expected = weights - (weights[0] + weights[2]) / 2
    np.testing.assert_allclose(np.ma.filled(image.get_array(), np.nan), expected, atol=1e-12)
    reach = np.nanmax(np.abs(expected))
    assert image.get_clim() == pytest.approx((-reach, reach))
    title = axes.get_title("left")
    assert f"between {np.nanmin(weights):.2f} and {np.nanmax(weights):.2f}" in title and f"most {reach:.3f}" in title
    assert [label.get_text() for label in axes.get_yticklabels()] == STYLES
    flat = attention_by_style(np.full((3, 2), 0.5), STYLES, "CNN path", "synthetic").axes[0].images[0]
    assert not np.any(flat.get_array())
