"""Figures of training: growth of the autoencoder, loss and accuracy over epochs."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from dance_tf.report.figures.style import (
    BLUE,
    GRAY,
    INK,
    PALETTE,
    RED,
    image_rows,
    new_figure,
    percent_axis,
    report_style,
)
from dance_tf.report.tables import counted


@report_style
def growth_stages(
    targets: np.ndarray,
    inputs: np.ndarray,
    reconstructions: Mapping[int, np.ndarray],
    errors: Mapping[int, float],
    source: str,
    input_error: float,
) -> Figure:
    """Draw the autoencoder's reconstructions of a few frames at each stage of its growth.

    Args:
        targets: [k, 128, 128] or [k, 128, 128, 1], uint8 0..255 or float 0..1, frames at full resolution.
        inputs: the same shape, the low-resolution input.
        reconstructions: number of stages to output, the same shape.
        errors: number of stages to mean squared error, on gray values 0..1.
        input_error: mean squared error of the low-resolution input.
    """
    rows = {f"input\nMSE {input_error:.4f}": inputs}
    rows |= {f"{counted(n, 'stage')}\nMSE {errors[n]:.4f}": reconstructions[n] for n in sorted(reconstructions)}
    rows |= {"target": targets}
    size = min(9.0 / len(targets), 1.35)
    title = "Reconstructions after each stage of the autoencoder"
    figure = new_figure(0.8 + size * len(rows), title, source, width=1.6 + size * len(targets))
    image_rows(figure, rows)
    return figure


@report_style
def growth_errors(curves: pd.DataFrame, source: str, baselines: Mapping[str, float]) -> Figure:
    """Draw the reconstruction error during the growth of the autoencoder, with baselines.

    Args:
        curves: columns stage, epoch (within the stage), loss, val_loss, in order of training.
        baselines: name to mean squared error, drawn as horizontal lines.
    """
    figure = new_figure(4.2, "Reconstruction error while the autoencoder grows", source)
    axes = figure.subplots()
    epochs = np.arange(1, len(curves) + 1)
    axes.plot(epochs, curves["loss"], color=BLUE, marker=".", label="training frames")
    axes.plot(epochs, curves["val_loss"], color=RED, marker=".", label="validation frames")
    for style, (name, error) in zip(("--", ":", "-.") * 3, baselines.items(), strict=False):
        axes.axhline(error, color=INK, linewidth=1.2, linestyle=style, label=f"{name} ({error:.3g})")
    for place, (stage, part) in enumerate(curves.assign(step=epochs).groupby("stage", sort=False)["step"]):
        axes.axvspan(part.min() - 0.5, part.max() + 0.5, color=GRAY, alpha=0.10 if place % 2 else 0.0, linewidth=0)
        axes.annotate(
            f"stage {stage}", ((part.min() + part.max()) / 2, 1.0), xycoords=("data", "axes fraction"),
            ha="center", va="bottom", color=GRAY, fontsize=9.5,
        )  # fmt: skip
    axes.set(xlabel="epoch, over all stages", ylabel="mean squared error", yscale="log", xlim=(0.5, len(curves) + 0.5))
    low, high = axes.get_ylim()
    ticks = (1, 1.5, 2, 3, 5, 7) if high < 10 * low else (1, 2, 5) if high < 100 * low else (1, 3)  # per decade
    axes.yaxis.set_major_locator(LogLocator(subs=ticks))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


@report_style
def training_curves(history: pd.DataFrame, source: str, kept: Mapping[str, int], title: str) -> Figure:
    """Draw loss and accuracy of several runs over epochs for training (thin) and validation.

    Args:
        history: columns run, epoch (from 1), loss, accuracy, val_loss, val_accuracy.
        kept: run to the epoch whose weights were kept, a dotted line.
    """
    figure = new_figure(3.9, title, source)
    loss, accuracy = figure.subplots(1, 2)
    for place, (run, epochs) in enumerate(history.groupby("run", sort=False)):
        colour = PALETTE[place % len(PALETTE)]
        for measure, axes in {"loss": loss, "accuracy": accuracy}.items():
            marker = "." if len(epochs) == 1 else ""  # a line through one point is invisible
            axes.plot(epochs["epoch"], epochs[measure], color=colour, linewidth=0.9, marker=marker)
            label = str(run) if axes is loss else None
            axes.plot(epochs["epoch"], epochs[f"val_{measure}"], color=colour, label=label, marker=marker)
            axes.axvline(kept[run], color=colour, linestyle=":", linewidth=1.3)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    loss.set(ylabel="loss")
    accuracy.set(ylabel="frame accuracy", ylim=(0, 1))
    percent_axis(accuracy)
    loss.plot([], [], color=GRAY, linewidth=1, label="(thin: training)")
    loss.plot([], [], color=GRAY, linestyle=":", linewidth=1.3, label="(dotted: kept epoch)")
    figure.legend(loc="outside lower center", ncols=4)
    return figure
