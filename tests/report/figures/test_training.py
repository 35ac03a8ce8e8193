"""Growth of the autoencoder, training curves."""

import numpy as np
import pandas as pd
import pytest

from dance_tf.report.figures import growth_errors, growth_stages, training_curves


def test_growth_stages_show_input_stages_and_target(frames, sound):
    target = frames(3)
    rebuilt = {stage: target / 255.0 for stage in (2, 1)}
    figure = sound(growth_stages(target, target, rebuilt, {1: 0.01234, 2: 0.002}, "synthetic", input_error=0.5))
    labels = [axes.get_ylabel() for axes in figure.axes[::3]]
    assert labels == ["input\nMSE 0.5000", "1 stage\nMSE 0.0123", "2 stages\nMSE 0.0020", "target"]
    # floats go to 1, bytes to 255: both are drawn with the same grays
    assert [figure.axes[place].images[0].get_clim() for place in (0, 3)] == [(0, 255), (0, 1)]


@pytest.mark.parametrize("baseline", [0.2, 0.04, 0.0003])  # ticks fit every range
def test_growth_errors_follow_the_curve_and_name_the_baselines(sound, baseline):
    curves = pd.DataFrame({"stage": [1, 1, 2, 2, 2], "loss": [0.3, 0.25, 0.24, 0.22, 0.21], "val_loss": 0.25})
    figure = sound(growth_errors(curves, "synthetic", {"PCA": baseline}))
    (axes,) = figure.axes
    assert np.allclose(axes.lines[0].get_ydata(), curves["loss"])
    assert list(axes.lines[0].get_xdata()) == [1, 2, 3, 4, 5]
    assert [text.get_text() for text in axes.texts] == ["stage 1", "stage 2"]
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["training frames", "validation frames", f"PCA ({baseline})"]
    assert list(axes.lines[2].get_ydata()) == [baseline, baseline]


def test_training_curves_of_several_runs(sound):
    epochs = np.arange(1, 5)
    history = pd.DataFrame(
        {"epoch": epochs, "loss": 1 / epochs, "accuracy": 1 - 1 / epochs, "val_loss": 2 / epochs, "val_accuracy": 0.5}
    )
    runs = pd.concat([history.assign(run="fold 1"), history.assign(run="fold 2"), history[:1].assign(run="short")])
    figure = sound(training_curves(runs, "synthetic", {"fold 1": 3, "fold 2": 4, "short": 1}, "CNN"))
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["fold 1", "fold 2", "short", "(thin: training)", "(dotted: kept epoch)"]
    loss, accuracy = figure.axes
    assert np.allclose(loss.lines[0].get_ydata(), [1, 1 / 2, 1 / 3, 1 / 4])
    assert np.allclose(loss.lines[1].get_ydata(), [2, 1, 2 / 3, 1 / 2])
    assert len(accuracy.lines) == 9 and [list(line.get_xdata()) for line in accuracy.lines[2::3]] == [
        [3] * 2,
        [4] * 2,
        [1] * 2,
    ]
    assert [line.get_marker() for line in accuracy.lines[5:8]] == ["None", ".", "."]  # one epoch is a dot, not a line
    assert accuracy.get_ylim() == (0, 1)
