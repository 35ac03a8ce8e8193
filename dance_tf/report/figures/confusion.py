"""Heat maps by style: confusion matrices of one or all strategies, attention weights."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dance_tf.report.figures.style import DIVERGING, GRAY, PALE, RED, drawn, new_figure, text_colour


def row_shares(matrix: np.ndarray) -> np.ndarray:
    """Each row divided by its sum: float [c, c]; a style that never occurs stays 0."""
    totals = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, totals, out=np.zeros(matrix.shape), where=totals > 0)


def _matrix(
    axes: Axes, matrix: np.ndarray, names: Sequence[str], pairs: Sequence[tuple[str, str]], size: float
) -> None:
    shares = row_shares(matrix)
    sns.heatmap(
        shares, ax=axes, cmap="Blues", vmin=0, vmax=1, cbar=False, square=True, linewidths=0.5, linecolor="white",
        xticklabels=list(names), yticklabels=list(names),
    )  # fmt: skip
    for row, column in zip(*np.nonzero(matrix), strict=True):
        colour = text_colour(shares[row, column], 0, 1)
        axes.text(
            column + 0.5, row + 0.5, f"{matrix[row, column]:d}", ha="center", va="center", color=colour, fontsize=size
        )
    places = {name: place for place, name in enumerate(names)}
    for one, other in pairs:
        for row, column in ((one, other), (other, one)):
            corner = (places[column], places[row])
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=RED, linewidth=1.8, clip_on=False))
    axes.tick_params(length=0, labelsize=size + 1)
    axes.tick_params(axis="x", rotation=90 if len(names) > 6 else 0)
    axes.tick_params(axis="y", rotation=0)
    axes.grid(False)


def _check(matrix: np.ndarray, names: Sequence[str]) -> np.ndarray:
    matrix = np.asarray(matrix)
    if matrix.shape != (len(names), len(names)) or not np.issubdtype(matrix.dtype, np.integer):
        raise ValueError(f"a confusion matrix of {len(names)} styles is integer [{len(names)}, {len(names)}]")
    return matrix


@drawn
def confusion_matrix(
    matrix: np.ndarray,
    abbreviations: Sequence[str],
    title: str,
    source: str,
    pairs: Sequence[tuple[str, str]] = (),
) -> Figure:
    """One confusion matrix: colour is the share of the true style's row, the number is the count.

    Args:
        matrix: int [c, c], true styles in rows, predicted in columns.
        abbreviations: one per style.
        title: whose errors these are.
        source: "synthetic" or the footage's name.
        pairs: similar styles, whose two cells are outlined.
    """
    matrix = _check(matrix, abbreviations)
    figure = new_figure(7.0, title, source, width=7.6)
    axes = figure.subplots()
    _matrix(axes, matrix, abbreviations, pairs, 9.5)
    axes.set(xlabel="predicted style", ylabel="true style")
    bar = figure.colorbar(
        axes.collections[0], ax=axes, shrink=0.6, pad=0.02, format=lambda value, _: f"{100 * value:.0f} %"
    )
    bar.set_label("share of the true style")
    bar.outline.set_visible(False)
    return figure


@drawn
def confusion_matrices(
    matrices: Mapping[str, np.ndarray],
    abbreviations: Sequence[str],
    title: str,
    source: str,
    pairs: Sequence[tuple[str, str]] = (),
) -> Figure:
    """Confusion matrices of several strategies side by side (the paper's Figure 5); colours as in `confusion_matrix`.

    Args:
        matrices: strategy to int [c, c].
        abbreviations: one per style.
        title: what was classified.
        source: "synthetic" or the footage's name.
        pairs: similar styles, whose two cells are outlined.
    """
    columns = min(2, len(matrices))
    rows = -(-len(matrices) // columns)
    figure = new_figure(0.7 + 4.9 * rows, title, source, width=4.8 * columns + 0.4)
    figure.get_layout_engine().set(h_pad=0.12)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(matrices) :]:
        axes.set_visible(False)
    for axes, (strategy, matrix) in zip(grid.flat, matrices.items(), strict=False):
        matrix = _check(matrix, abbreviations)
        _matrix(axes, matrix, abbreviations, pairs, 7.5)
        right = np.trace(matrix) / max(matrix.sum(), 1)
        axes.set_title(f"{strategy}: {100 * right:.1f} % right", fontsize=10)
    figure.supxlabel("predicted style", fontsize=10, color=GRAY)
    figure.supylabel("true style", fontsize=10, color=GRAY)
    return figure


@drawn
def attention_by_style(weights: np.ndarray, styles: Sequence[str], title: str, source: str) -> Figure:
    """Channel attention by style: whether the network weighs its channels differently for different dances.

    Weights of one block lie close together, and channels differ more than styles do. So the colour is what a style's
    mean weight is above or below its channel's mean over styles, on a scale that is as wide as the largest of these;
    the numbers beside say how wide that is and where the weights themselves lie.

    Args:
        weights: float [styles, channels], mean excitation 0..1; nan for a style without frames.
        styles: one abbreviation per style.
        title: which attention block.
        source: "synthetic" or the footage's name.
    """
    known = ~np.isnan(weights).all(axis=1)
    deviations = np.full(weights.shape, np.nan)
    deviations[known] = weights[known] - weights[known].mean(axis=0)
    reach = float(np.abs(deviations[known]).max(initial=0.0)) or 1e-3  # all styles alike: any scale will do
    figure = new_figure(1.7 + 0.32 * len(styles), title, source)
    axes = figure.subplots()
    axes.set_facecolor(PALE)  # shows through where a style has no frames
    image = axes.imshow(deviations, cmap=DIVERGING, aspect="auto", vmin=-reach, vmax=reach)
    axes.set_yticks(range(len(styles)), list(styles))
    axes.set_xlabel(f"channel (1 to {weights.shape[1]})")
    step = max(1, weights.shape[1] // 16)
    axes.set_xticks(range(0, weights.shape[1], step), [str(place + 1) for place in range(0, weights.shape[1], step)])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    if known.any():
        axes.set_title(
            f"weights lie between {weights[known].min():.2f} and {weights[known].max():.2f}; shown is how far a "
            f"style's lies from its channel's mean, at most {reach:.3f}",
            fontsize=9.5, fontweight="normal", color=GRAY,
        )  # fmt: skip
    bar = figure.colorbar(image, ax=axes, pad=0.01, format=lambda value, _: f"{value:+.3f}")
    bar.set_label("weight less its channel's mean")
    bar.outline.set_visible(False)
    return figure
