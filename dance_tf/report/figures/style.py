"""One look for all figures: colours that colour-blind readers tell apart, quiet axes, titles that name the footage."""

import io
from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette ("Color Universal Design", 2008), yellow left out: it fades on white
BLUE, ORANGE, GREEN, RED, PURPLE, SKY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9"
PALETTE = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)
INK, GRAY, PALE = "#222222", "#7A7A7A", "#E4E4E4"
DIVERGING = "RdBu_r"
WIDTH = 10.0  # inches; 1,000 pixels on a page, so that 10 points are 14 pixels there

_LOOK = {
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


class ReportFigure(Figure):
    """A figure that no global state knows (so none leaks) and that a notebook shows by itself."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=90, bbox_inches="tight", metadata={"Software": None})
        return buffer.getvalue()


Drawing = TypeVar("Drawing", bound=Callable[..., Figure])


def drawn(function: Drawing) -> Drawing:
    """Draws a function's figure in the report's look, without touching matplotlib's settings elsewhere."""

    @wraps(function)
    def styled(*args: object, **kwargs: object) -> Figure:
        with mpl.rc_context(_LOOK):
            return function(*args, **kwargs)

    return styled  # type: ignore[return-value]


def new_figure(height: float, title: str, source: str = "", width: float = WIDTH) -> ReportFigure:
    """An empty figure with its title.

    Args:
        height: inches.
        title: what is to be seen.
        source: "synthetic" or the footage's name; said in the title. Empty only where no data is shown.
        width: inches.
    """
    figure = ReportFigure(figsize=(width, height))
    said = f"{title}  ({source} footage)" if source else title
    figure.suptitle(said, x=0.012, ha="left", fontsize=13.5, fontweight="bold", color=INK)
    return figure


def gray_image(axes: Axes, frame: np.ndarray) -> None:
    """Shows one gray frame without ticks: uint8 0..255 or float 0..1, [h, w] or [h, w, 1]."""
    top = 255 if frame.dtype == np.uint8 else 1.0
    axes.imshow(np.squeeze(frame), cmap="gray", vmin=0, vmax=top, aspect="equal")
    bare(axes)


def bare(axes: Axes) -> None:
    """Takes ticks, grid and spines away, so that an axis label can still be set."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)


def percent_axis(axes: Axes, which: str = "y") -> None:
    """Labels an axis of fractions in percent."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")


def spread(count: int, width: float = 0.5) -> Sequence[float]:
    """Offsets that keep `count` marks of one category side by side, centred on 0."""
    return [0.0] if count == 1 else np.linspace(-width / 2, width / 2, count).tolist()


def text_colour(value: float, low: float, high: float) -> str:
    """Ink or white, whichever can be read on the map "Blues" at this value."""
    share = 0.0 if high <= low else (value - low) / (high - low)
    return "white" if share > 0.55 else INK
