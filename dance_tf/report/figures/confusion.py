"""Heat maps by style: confusion matrices of one or several strategies, attention weights."""

from collections.abc import Mapping, Sequence

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from dance_tf.report.figures.style import DIVERGING, GRAY, INK, PALE, RED, bare, new_figure, panels, report_style

Pairs = Sequence[tuple[str, str]]


def _heat_map(axes: Axes, matrix: np.ndarray, names: Sequence[str], pairs: Pairs, size: float) -> None:
    shares = matrix / matrix.sum(axis=1, keepdims=True).clip(1)  # a row of zeros stays 0
    sns.heatmap(
        shares, ax=axes, cmap="Blues", vmin=0, vmax=1, cbar=False, square=True, linewidths=0.5, linecolor="white",
        xticklabels=list(names), yticklabels=list(names),
    )  # fmt: skip
    for row, column in zip(*np.nonzero(matrix), strict=True):
        text = {"color": "white" if shares[row, column] > 0.55 else INK, "fontsize": size}
        axes.text(column + 0.5, row + 0.5, f"{matrix[row, column]:d}", ha="center", va="center", **text)
    for pair in pairs:
        one, other = (list(names).index(name) for name in pair)
        for corner in ((one, other), (other, one)):
            axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=RED, linewidth=1.8, clip_on=False))
    bare(axes)
    axes.tick_params(labelsize=size + 1)
    axes.tick_params(axis="x", rotation=90 if len(names) > 6 else 0)
    axes.tick_params(axis="y", rotation=0)


@report_style
def confusion_matrix(
    matrix: np.ndarray, abbreviations: Sequence[str], title: str, source: str, pairs: Pairs = ()
) -> Figure:
    """Draw a confusion matrix: colour is the share of the true style, the number is the count.

    Args:
        matrix: int [c, c], true styles in rows, predicted styles in columns.
        pairs: similar styles; their two cells are outlined.
    """
    figure = new_figure(7.0, title, source, width=7.6)
    axes = figure.subplots()
    _heat_map(axes, matrix, abbreviations, pairs, 9.5)
    axes.set(xlabel="predicted style", ylabel="true style")
    bar = {"shrink": 0.6, "pad": 0.02, "format": lambda value, _: f"{100 * value:.0f} %"}
    figure.colorbar(axes.collections[0], ax=axes, label="share of the true style", **bar).outline.set_visible(False)
    return figure


@report_style
def confusion_matrices(
    matrices: Mapping[str, np.ndarray], abbreviations: Sequence[str], title: str, source: str, pairs: Pairs = ()
) -> Figure:
    """Draw the confusion matrices of several strategies, two in a row (Figure 5 of the paper).

    Args:
        matrices: strategy to int [c, c].
        abbreviations, pairs: as for `confusion_matrix`.
    """
    columns = min(2, len(matrices))
    height = 0.7 + 4.9 * -(-len(matrices) // columns)
    figure = new_figure(height, title, source, width=4.8 * columns + 0.4)
    figure.get_layout_engine().set(h_pad=0.12)
    for axes, (strategy, matrix) in zip(panels(figure, len(matrices), columns), matrices.items(), strict=True):
        _heat_map(axes, matrix, abbreviations, pairs, 7.5)
        axes.set_title(f"{strategy}: {100 * np.trace(matrix) / max(matrix.sum(), 1):.1f} % correct", fontsize=10)
    figure.supxlabel("predicted style", fontsize=10, color=GRAY)
    figure.supylabel("true style", fontsize=10, color=GRAY)
    return figure


@report_style
def attention_by_style(weights: np.ndarray, styles: Sequence[str], title: str, source: str) -> Figure:
    """Draw channel attention by style as the difference from each channel's mean over styles.

    Weights differ more between channels than between styles, so the differences are shown. The text above gives the
    range of the weights themselves.

    Args:
        weights: float [styles, channels], mean excitation 0..1; NaN for a style without frames.
    """
    present = ~np.isnan(weights).all(axis=1)
    deviations = np.full(weights.shape, np.nan)
    deviations[present] = weights[present] - weights[present].mean(axis=0)
    reach = float(np.abs(deviations[present]).max(initial=0.0)) or 1e-3  # arbitrary scale for equal weights
    figure = new_figure(1.7 + 0.32 * len(styles), title, source)
    axes = figure.subplots()
    axes.set_facecolor(PALE)  # visible where a style has no frames
    image = axes.imshow(deviations, cmap=DIVERGING, aspect="auto", vmin=-reach, vmax=reach)
    channels = range(0, weights.shape[1], max(1, weights.shape[1] // 16))
    axes.set_yticks(range(len(styles)), list(styles))
    axes.set_xticks(channels, [str(place + 1) for place in channels])
    axes.set_xlabel(f"channel (1 to {weights.shape[1]})")
    bare(axes)
    if present.any():
        axes.set_title(
            f"weights are between {weights[present].min():.2f} and {weights[present].max():.2f}; colour: difference "
            f"from the channel's mean, at most {reach:.3f}",
            fontsize=9.5, fontweight="normal", color=GRAY,
        )  # fmt: skip
    bar = {"pad": 0.01, "format": lambda value, _: f"{value:+.3f}"}
    figure.colorbar(image, ax=axes, label="weight minus mean of the channel", **bar).outline.set_visible(False)
    return figure
