"""Figures of clips: sample frames, film strips with the dropped frames, backgrounds."""

from collections.abc import Mapping, Sequence
from itertools import groupby

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING, DroppedFrame
from dance_tf.report.figures.style import (
    BLUE,
    INK,
    ORANGE,
    PURPLE,
    RED,
    bare,
    gray_image,
    image_rows,
    new_figure,
    report_style,
)

REASON_COLOURS = {BLANK: RED, BLURRED: ORANGE, NO_DANCING: PURPLE}
STRIP_COLUMNS = 8
STRIP_FRAMES = 2 * STRIP_COLUMNS
GAP = 4  # pixels between neighbouring frames
TRUTH_HEIGHT = -1.15  # of the row of the truth in a time line; the row of curation is at 0


@report_style
def sample_frames(frames: np.ndarray, styles: Sequence[str], source: str) -> Figure:
    """Draw a few frames of every style (Figure 4 of the paper).

    Args:
        frames: uint8 [styles, k, 128, 128] or [styles, k, 128, 128, 1], k frames of each style.
        styles: one abbreviation per style.
    """
    columns = 2 if len(styles) > 4 else 1
    rows = -(-len(styles) // columns)
    count, height, width = frames.shape[1:4]
    figure = new_figure(0.6 + rows * 9.4 / columns / count * height / width, "Sample frames of every style", source)
    grid = list(figure.subplots(rows, columns, squeeze=False).T.flat)  # column by column
    for axes in grid[len(styles) :]:
        axes.set_visible(False)
    for axes, style, row in zip(grid, styles, frames.reshape(frames.shape[:4]), strict=False):
        padded = np.pad(row, ((0, 0), (0, 0), (0, GAP)), constant_values=255)
        gray_image(axes, np.concatenate(padded, axis=1)[:, :-GAP])
        axes.set_ylabel(style, rotation=0, ha="right", va="center", fontweight="bold", fontsize=12)
    return figure


@report_style
def picture_rows(
    rows: Mapping[str, Sequence[np.ndarray]], title: str, source: str, columns: Sequence[str] = ()
) -> Figure:
    """Draw rows of pictures, each with a label on the left.

    Args:
        rows: label to pictures uint8 [h, w], [h, w, 1] or [h, w, 3], RGB, equally many in each row.
        columns: names of the columns, if they have any.
    """
    pictures = next(iter(rows.values()))
    height, width = pictures[0].shape[:2]
    inches = len(rows) * 8.6 / max(len(pictures), 4) * height / width
    figure = new_figure(0.7 + inches, title, source)
    for axes, name in zip(image_rows(figure, rows)[0], columns, strict=False):
        axes.set_title(name, loc="center", fontsize=10)
    return figure


def choose_frames(timestamps: np.ndarray, dropped: Sequence[DroppedFrame], count: int) -> list[int]:
    """Return the frames that represent a clip: the middle of each run of dropped frames, the rest evenly over time.

    Args:
        timestamps: float [n], seconds, of all frames read.
        dropped: in order of time.
        count: maximum number of frames.

    Returns:
        positions in `timestamps`, ascending.
    """
    if len(timestamps) <= count:
        return list(range(len(timestamps)))
    # frames of one run have the same reason, and the same difference of index and place
    grouped = groupby(enumerate(dropped), key=lambda pair: (pair[1].index - pair[0], pair[1].reason))
    runs = [[frame for _, frame in run] for _, run in grouped]
    # only the longest runs, so that half of the places remain for the dance
    runs = sorted(runs, key=len, reverse=True)[: count // 2]
    middles = [run[len(run) // 2].timestamp for run in runs]
    chosen = {int(np.abs(timestamps - moment).argmin()) for moment in middles}
    rest = [position for position in range(len(timestamps)) if position not in chosen]
    evenly = np.linspace(0, len(rest) - 1, count - len(chosen)).round().astype(int)
    return sorted(chosen | {rest[place] for place in evenly})


@report_style
def clip_strip(
    frames: np.ndarray,
    timestamps: np.ndarray,
    dropped: Sequence[DroppedFrame],
    kept_timestamps: np.ndarray,
    title: str,
    source: str,
    truth: Sequence[str] | None = None,
) -> Figure:
    """Draw a clip as a film strip, with the dropped frames and their reasons, above a time line of all frames.

    Args:
        frames: uint8 [n, 128, 128] gray, or [n, 128, 128, 3] RGB: all frames read or an even sample of them.
        timestamps: float [n], seconds.
        dropped: in order of time.
        kept_timestamps: float [m], seconds.
        truth: for synthetic clips, the true reason to drop each frame read, in order of time; "" for good frames. It
            gets its own row in the time line, and wrong decisions are labelled.
    """
    moments = np.sort(np.r_[kept_timestamps, [frame.timestamp for frame in dropped]])
    chosen = choose_frames(timestamps, dropped, STRIP_FRAMES)
    rows = max(1, -(-len(chosen) // STRIP_COLUMNS))
    figure = new_figure(1.4 + 1.5 * rows + (0.3 if truth else 0), title, source)
    grid = figure.add_gridspec(rows + 1, STRIP_COLUMNS, height_ratios=[1.0] * rows + [0.6 if truth else 0.42])
    for place, position in enumerate(chosen):
        axes = figure.add_subplot(grid[place // STRIP_COLUMNS, place % STRIP_COLUMNS])
        gray_image(axes, frames[position])
        moment = timestamps[position]
        # timestamps are floats that may come from a file, so they agree within a millisecond only
        reason = next((frame.reason for frame in dropped if abs(frame.timestamp - moment) < 1e-3), "")
        true_reason = reason if truth is None else truth[int(np.abs(moments - moment).argmin())]
        _label(axes, f"{moment:.2f} s", reason, true_reason)
    found = {reason: [frame.timestamp for frame in dropped if frame.reason == reason] for reason in REASON_COLOURS}
    decided = {"curation": {"": kept_timestamps, **found}}
    if truth is not None:
        decided["truth"] = {name: moments[np.array(truth) == name] for name in ("", *REASON_COLOURS)}
    line = figure.add_subplot(grid[rows, :])
    bare(line)
    line.tick_params(axis="x", length=mpl.rcParams["xtick.major.size"])
    heights = (0, TRUTH_HEIGHT)[: len(decided)]
    for height, times in zip(heights, decided.values(), strict=True):
        _time_line(line, times, height)
    line.set_yticks(heights if truth else [], decided if truth else [])
    line.set(ylim=(heights[-1] - 0.5, 0.5), xlabel="seconds from the start of the clip")
    line.xaxis.set_major_locator(MaxNLocator(10))
    handles = [Line2D([], [], color=BLUE, linewidth=4, label=f"kept ({len(kept_timestamps)})")]
    for reason, colour in REASON_COLOURS.items():
        counts = [len(times[reason]) for times in decided.values()]
        if any(counts):
            label = f"{_spaced(reason)} ({', truth '.join(map(str, counts))})"
            handles.append(Line2D([], [], color=colour, linewidth=4, label=label))
    line.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, handlelength=0.8, borderpad=0.1)
    return figure


def _spaced(reason: str) -> str:
    return reason.replace("_", " ")


def _label(axes: Axes, moment: str, reason: str, true_reason: str) -> None:
    """Label a frame with its time, the reason why it was dropped ("" if kept), and whether that was wrong."""
    label = f"{moment} {_spaced(reason)}".strip()
    if reason != true_reason:
        mistake = f"truth: {_spaced(true_reason)}" if true_reason else "wrongly dropped"
        label += f"\n{mistake}" if reason else f"\nmissed: {_spaced(true_reason)}"
    axes.set_xlabel(label, color=REASON_COLOURS.get(reason, INK), fontsize=8)
    if reason:
        colour = REASON_COLOURS[reason]
        axes.spines[:].set(visible=True, color=colour, linewidth=3.5)
        axes.plot([0.06, 0.94], [0.06, 0.94], color=colour, linewidth=1.6, alpha=0.8, transform=axes.transAxes)
    elif true_reason:
        axes.spines[:].set(visible=True, color=REASON_COLOURS[true_reason], linewidth=3.5, linestyle=":")


def _time_line(axes: Axes, moments: Mapping[str, Sequence[float]], height: float) -> None:
    """Draw a tick per frame in the colour of its reason; "" are good frames."""
    for reason, seconds in moments.items():
        if len(seconds):
            colour, width = REASON_COLOURS.get(reason, BLUE), 1.6 if reason else 1
            axes.eventplot([seconds], colors=[colour], lineoffsets=[height], linelengths=[1], linewidths=width)
