"""Figures of learning: how the autoencoder grows, how loss and accuracy go over the epochs."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from dance_tf.report.figures.style import BLUE, GRAY, INK, PALETTE, RED, drawn, gray_image, new_figure, percent_axis


@drawn
def growth_stages(
    targets: np.ndarray,
    inputs: np.ndarray,
    reconstructions: Mapping[int, np.ndarray],
    errors: Mapping[int, float],
    source: str,
    input_error: float | None = None,
) -> Figure:
    """What the autoencoder makes of a frame at each stage of its growth.

    Args:
        targets: [k, 128, 128] (or one more axis of 1), uint8 0..255 or float 0..1, the frames at full resolution.
        inputs: the same shape, the low-resolution frames that went in.
        reconstructions: number of stages to what came out, the same shape.
        errors: number of stages to the mean squared error, on gray values 0..1.
        source: "synthetic" or the footage's name.
        input_error: mean squared error of the low-resolution input itself.
    """
    rows = [("input", inputs, input_error)]
    rows += [(f"{n} stage{'s' if n > 1 else ''}", reconstructions[n], errors.get(n)) for n in sorted(reconstructions)]
    rows += [("target", targets, None)]
    count = len(targets)
    size = min(9.0 / count, 1.35)
    figure = new_figure(
        0.8 + size * len(rows), "Reconstructions as the autoencoder grows", source, width=1.6 + size * count
    )
    grid = figure.subplots(len(rows), count, squeeze=False)
    for line, (name, images, error) in zip(grid, rows, strict=True):
        for axes, image in zip(line, images, strict=True):
            gray_image(axes, image)
        label = name if error is None else f"{name}\nMSE {error:.4f}"
        line[0].set_ylabel(label, rotation=0, ha="right", va="center")
    return figure


@drawn
def growth_errors(curves: pd.DataFrame, source: str, rivals: Mapping[str, float] | None = None) -> Figure:
    """Reconstruction error over the whole growth, one band per stage, beside plain rivals.

    Args:
        curves: columns stage, epoch (within the stage), loss and, where known, val_loss; in the order of training.
        source: "synthetic" or the footage's name.
        rivals: name to mean squared error, drawn as level lines ("low-resolution input", "PCA, 1024 numbers").
    """
    figure = new_figure(4.2, "Reconstruction error while the autoencoder grows", source)
    axes = figure.subplots()
    steps = np.arange(1, len(curves) + 1)
    stages = curves["stage"].to_numpy()
    axes.plot(steps, curves["loss"], color=BLUE, marker=".", label="training frames")
    if "val_loss" in curves:
        axes.plot(steps, curves["val_loss"], color=RED, marker=".", label="validation frames")
    for place, (name, error) in enumerate((rivals or {}).items()):
        axes.axhline(
            error, color=INK, linewidth=1.2, linestyle=("--", ":", "-.")[place % 3], label=f"{name} ({error:.3g})"
        )
    starts = np.flatnonzero(np.r_[True, stages[1:] != stages[:-1]])
    for place, (start, stop) in enumerate(zip(starts, [*starts[1:], len(stages)], strict=True)):
        axes.axvspan(start + 0.5, stop + 0.5, color=GRAY, alpha=0.10 if place % 2 else 0.0, linewidth=0)
        axes.annotate(
            f"stage {stages[start]}", ((start + stop + 1) / 2, 1.0), xycoords=("data", "axes fraction"),
            ha="center", va="bottom", color=GRAY, fontsize=9.5,
        )  # fmt: skip
    axes.set(
        xlabel="epochs, all stages together", ylabel="mean squared error", yscale="log", xlim=(0.5, len(stages) + 0.5)
    )
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.4g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside lower center", ncols=4)
    return figure


@drawn
def training_curves(
    history: pd.DataFrame,
    source: str,
    marks: Mapping[object, int] | None = None,
    title: str = "Training",
    meaning: str = "stopped",
) -> Figure:
    """Loss and accuracy over the epochs, training against validation, with an epoch of each run marked.

    Args:
        history: columns epoch (from 1), loss, accuracy, val_loss, val_accuracy; a column run tells several runs apart.
        source: "synthetic" or the footage's name.
        marks: an epoch by run; runs that are not in it get no mark.
        title: what was trained.
        meaning: what the mark says of its epoch: "stopped", "kept".
    """
    figure = new_figure(3.9, title, source)
    loss, accuracy = figure.subplots(1, 2)
    runs = [(None, history)] if "run" not in history else list(history.groupby("run", sort=False))
    for place, (run, epochs) in enumerate(runs):
        colours = (BLUE, RED) if len(runs) == 1 else (PALETTE[place % len(PALETTE)],) * 2
        names = ("training", "validation") if len(runs) == 1 else (None, str(run))
        _pair(loss, epochs, "loss", colours, names, many=len(runs) > 1)
        _pair(accuracy, epochs, "accuracy", colours, (None, None), many=len(runs) > 1)
        marked = (marks or {}).get(run)
        if marked is not None:
            for axes in (loss, accuracy):
                axes.axvline(marked, color=GRAY if len(runs) == 1 else colours[0], linestyle=":", linewidth=1.3)
            if len(runs) == 1:
                accuracy.annotate(
                    f"{meaning}: epoch {marked}", (marked, 0.03), xycoords=("data", "axes fraction"),
                    xytext=(-4, 0), textcoords="offset points", ha="right", color=GRAY, fontsize=9.5,
                )  # fmt: skip
    loss.set(xlabel="epoch", ylabel="loss")
    accuracy.set(xlabel="epoch", ylabel="frame accuracy", ylim=(0, 1))
    percent_axis(accuracy)
    for axes in (loss, accuracy):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if len(runs) > 1:
        loss.plot([], [], color=GRAY, linewidth=1, label="(thin: training)")
        if marks:
            loss.plot([], [], color=GRAY, linestyle=":", linewidth=1.3, label=f"({meaning})")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def _pair(
    axes: Axes, epochs: pd.DataFrame, measure: str, colours: Sequence[str], names: Sequence[str | None], many: bool
) -> None:
    """Training thin and validation thick where many runs share the axes, so that validation is what one reads."""
    axes.plot(epochs["epoch"], epochs[measure], color=colours[0], linewidth=0.9 if many else 2, label=names[0])
    if f"val_{measure}" in epochs:
        axes.plot(epochs["epoch"], epochs[f"val_{measure}"], color=colours[1], label=names[1])
