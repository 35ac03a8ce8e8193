"""One style for all figures: colours for colour-blind readers, plain axes, titles that name the footage."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from io import BytesIO
from typing import BinaryIO, ParamSpec, TypeVar

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from dance_tf.report.section import DPI, png

# Okabe and Ito's palette ("Color Universal Design", 2008) without yellow, which is too light on white
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
PALETTE = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)
INK, GRAY, PALE = "#222222", "#7A7A7A", "#E4E4E4"
COLOURS = 24  # of the palette of a moving figure
DIVERGING = "RdBu_r"
WIDTH = 10.0  # inches

SETTINGS = {
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRAY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.prop_cycle": mpl.cycler(color=PALETTE),
    "grid.color": PALE,
    "grid.linewidth": 0.8,
    "xtick.color": GRAY,
    "ytick.color": GRAY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 2.0,
    "image.cmap": "gray",
    "image.interpolation": "nearest",
}


P = ParamSpec("P")


class ReportFigure(Figure):
    """A figure that notebooks display without pyplot, so that no figure stays open."""

    def _repr_png_(self) -> bytes:
        return png(self, dpi=90)


class MovingFigure(ReportFigure):
    """A figure that changes over time; it is shown and saved as an animated PNG, which browsers play without a script.

    Attributes:
        draw_step: is called with 0, 1, 2 … and changes the artists; the axes keep their limits.
        steps: number of steps.
        seconds: length of a step.
    """

    draw_step: Callable[[int], None]
    steps: int
    seconds: float

    def savefig(self, file: BinaryIO, dpi: float = DPI, **_: object) -> None:
        """Write all steps in a common palette; equal figures give equal bytes."""
        pictures = []
        for step in range(self.steps):
            self.draw_step(step)
            drawn = BytesIO()
            super().savefig(drawn, format="png", dpi=dpi)
            pictures.append(Image.open(drawn).convert("RGB"))
        several = Image.fromarray(np.concatenate([pictures[place] for place in (0, self.steps // 2, -1)]))
        palette = several.quantize(COLOURS, Image.Quantize.FASTOCTREE)
        first, *rest = (picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures)
        first.save(
            file, "PNG", save_all=True, append_images=rest, duration=round(1000 * self.seconds), loop=0, optimize=True
        )


Drawn = TypeVar("Drawn", bound=ReportFigure)


def report_style(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Decorate a function so that it draws in the report's style; other matplotlib settings do not change."""

    @wraps(function)
    def styled(*args: P.args, **kwargs: P.kwargs) -> Figure:
        with mpl.rc_context(SETTINGS):
            return function(*args, **kwargs)

    return styled


def new_figure(
    height: float, title: str, source: str = "", width: float = WIDTH, kind: type[Drawn] = ReportFigure
) -> Drawn:
    """Return an empty figure, sizes in inches; its title names the source, which is empty only if no data is shown."""
    figure = kind(figsize=(width, height))
    title = f"{title}  ({source} footage)" if source else title
    figure.suptitle(title, x=0.012, ha="left", fontsize=13.5, fontweight="bold", color=INK)
    return figure


def panels(figure: Figure, count: int, columns: int = 5, **options: object) -> list[Axes]:
    """Return `count` axes in rows of at most `columns`."""
    columns = min(columns, count)
    grid = figure.subplots(-(-count // columns), columns, squeeze=False, **options)
    for axes in grid.flat[count:]:
        axes.set_visible(False)
    return list(grid.flat[:count])


def gray_image(axes: Axes, frame: np.ndarray) -> None:
    """Show a frame without ticks: uint8 0..255 or float 0..1, [h, w], [h, w, 1], or RGB [h, w, 3]."""
    axes.imshow(np.squeeze(frame), cmap="gray", vmin=0, vmax=255 if frame.dtype == np.uint8 else 1.0, aspect="equal")
    axes.set(xticks=[], yticks=[])
    bare(axes)


def image_rows(figure: Figure, rows: Mapping[str, Sequence[np.ndarray]]) -> np.ndarray:
    """Draw rows of gray images, each with its label on the left; return the axes [rows, columns]."""
    grid = figure.subplots(len(rows), len(next(iter(rows.values()))), squeeze=False)
    for line, (label, images) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(line, images, strict=True):
            gray_image(axes, image)
        line[0].set_ylabel(label, rotation=0, ha="right", va="center")
    return grid


def bare(axes: Axes) -> None:
    """Remove grid, spines and tick marks; tick labels stay."""
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)


def draw_dots(
    axes: Axes, rows: pd.DataFrame, places: Sequence[float], horizontal: bool = False, **style: object
) -> None:
    """Draw the columns mean, low and high of `rows` as dots with intervals at `places` of the other axis.

    Means lie along x if `horizontal`, else along y; without an interval only the dot is drawn. `style` is that of
    `Axes.errorbar`.
    """
    means = rows["mean"].to_numpy(float)
    reach = np.nan_to_num(np.abs(rows[["low", "high"]].to_numpy(float).T - means))
    along = {"x": means, "y": places, "xerr": reach} if horizontal else {"x": places, "y": means, "yerr": reach}
    axes.errorbar(**along, **{"fmt": "o", "markersize": 7, "elinewidth": 2, "capsize": 0, **style})


def draw_band(axes: Axes, rows: pd.DataFrame, places: Sequence[float], colour: str) -> None:
    """Fill the area between the columns low and high over places along x."""
    axes.fill_between(places, rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0)


def percent_axis(axes: Axes, which: str = "y") -> None:
    """Label an axis of fractions in percent."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")


def centred_offsets(count: int, width: float = 0.5) -> Sequence[float]:
    """Return evenly spaced offsets around 0, for `count` marks of one category side by side."""
    return [0.0] if count == 1 else np.linspace(-width / 2, width / 2, count).tolist()
