"""Figures of what came in: sample frames, annotated film strips, the still room."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING, DroppedFrame
from dance_tf.report.figures.style import BLUE, GRAY, INK, ORANGE, PURPLE, RED, bare, drawn, gray_image, new_figure

REASON_COLOURS = {BLANK: RED, BLURRED: ORANGE, NO_DANCING: PURPLE}
STRIP_COLUMNS = 8
GAP = 4  # pixels between neighbouring frames


def _as_gray(frames: np.ndarray) -> np.ndarray:
    """[..., h, w, 1] without its last axis; [..., h, w] as it is."""
    return frames[..., 0] if frames.shape[-1] == 1 else frames


@drawn
def sample_frames(frames: np.ndarray, styles: Sequence[str], source: str) -> Figure:
    """A few frames of every style (the paper's Figure 4).

    Args:
        frames: uint8 [styles, k, 128, 128] (or one more axis of 1), k frames of each style.
        styles: one abbreviation per style.
        source: "synthetic" or the footage's name.
    """
    gray = _as_gray(frames)
    if len(gray) != len(styles):
        raise ValueError(f"{len(gray)} rows of frames for {len(styles)} styles")
    columns = 2 if len(styles) > 4 else 1
    rows = -(-len(styles) // columns)
    count, height, width = gray.shape[1:]
    figure = new_figure(0.6 + rows * 9.4 / columns / count * height / width, "Sample frames per style", source)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_visible(False)
    for place, (style, row) in enumerate(zip(styles, gray, strict=True)):
        axes = grid[place % rows, place // rows]
        axes.set_visible(True)
        strip = np.full((height, count * (width + GAP) - GAP), 255, np.uint8)
        for index, frame in enumerate(row):
            strip[:, index * (width + GAP) : index * (width + GAP) + width] = frame
        gray_image(axes, strip)
        axes.set_ylabel(style, rotation=0, ha="right", va="center", fontweight="bold", fontsize=12)
    return figure


def choose_frames(timestamps: np.ndarray, dropped: Sequence[DroppedFrame], count: int) -> list[int]:
    """Which frames stand for a clip: the middle of each run of dropped frames first, the rest evenly spread over time.

    Args:
        timestamps: float [n], seconds, of all frames read.
        dropped: the frames left out, in the order of time.
        count: how many to choose at most.

    Returns:
        positions in `timestamps`, ascending.
    """
    if len(timestamps) <= count:
        return list(range(len(timestamps)))
    runs: list[list[DroppedFrame]] = []
    for frame in dropped:
        follows = runs and frame.index == runs[-1][-1].index + 1 and frame.reason == runs[-1][-1].reason
        if follows:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    # the longest runs tell most; half of the places stay for the dance itself
    runs = sorted(runs, key=len, reverse=True)[: count // 2]
    middles = [run[len(run) // 2].timestamp for run in runs]
    chosen = {int(np.abs(timestamps - moment).argmin()) for moment in middles}
    rest = [position for position in range(len(timestamps)) if position not in chosen]
    spread_out = np.linspace(0, len(rest) - 1, count - len(chosen)).round().astype(int)
    return sorted(chosen | {rest[place] for place in spread_out})


@drawn
def clip_strip(
    frames: np.ndarray,
    timestamps: np.ndarray,
    dropped: Sequence[DroppedFrame],
    kept_timestamps: np.ndarray,
    title: str,
    source: str,
    rows: int = 2,
    truth: Sequence[str] | None = None,
) -> Figure:
    """A clip as a film strip with the frames that curation left out, and why, above a time line of all frames.

    Args:
        frames: uint8 [n, 128, 128] (or one more axis of 1), all frames read or an even sample of them.
        timestamps: float [n], seconds.
        dropped: the frames left out.
        kept_timestamps: float [m], seconds of the frames kept.
        title: what clip this is.
        source: "synthetic" or the footage's name.
        rows: rows of the strip, eight frames each.
        truth: for made-up clips, per frame read (kept or dropped, in the order of time) the reason it had to go, or "".
            It gets a row of its own in the time line, and every frame that curation judged wrongly says so.

    Raises:
        ValueError: not as many entries of `truth` as frames were read.
    """
    gray, timestamps = _as_gray(frames), np.asarray(timestamps, float)
    kept = np.asarray(kept_timestamps, float)
    moments = np.sort(np.r_[kept, [frame.timestamp for frame in dropped]])
    if truth is not None and len(truth) != len(moments):
        raise ValueError(f"the truth tells of {len(truth)} frames, but {len(moments)} were read")
    chosen = choose_frames(timestamps, dropped, rows * STRIP_COLUMNS)
    rows = max(1, -(-len(chosen) // STRIP_COLUMNS))
    figure = new_figure(1.4 + 1.5 * rows + (0.3 if truth else 0), title, source)
    grid = figure.add_gridspec(rows + 1, STRIP_COLUMNS, height_ratios=[1.0] * rows + [0.6 if truth else 0.42])
    reasons = {frame.timestamp: frame.reason for frame in dropped}
    for place, position in enumerate(chosen):
        axes = figure.add_subplot(grid[place // STRIP_COLUMNS, place % STRIP_COLUMNS])
        gray_image(axes, gray[position])
        # times are floats that may have passed through a file: nearest within a millisecond, not equal
        reason = next((why for moment, why in reasons.items() if abs(moment - timestamps[position]) < 1e-3), "")
        planted = reason if truth is None else truth[int(np.abs(moments - timestamps[position]).argmin())]
        _mark(axes, f"{timestamps[position]:.2f} s", reason, planted)
    line = figure.add_subplot(grid[rows, :])
    found = {reason: [frame.timestamp for frame in dropped if frame.reason == reason] for reason in REASON_COLOURS}
    _time_line(line, {"": kept, **found}, 0)
    handles = [Line2D([], [], color=BLUE, linewidth=4, label=f"kept ({len(kept)})")]
    told = np.array(truth if truth is not None else [""] * len(moments))
    for reason, colour in REASON_COLOURS.items():
        count = f"{len(found[reason])}" if truth is None else f"{len(found[reason])}, truth {(told == reason).sum()}"
        if found[reason] or (told == reason).any():
            handles.append(Line2D([], [], color=colour, linewidth=4, label=f"{_spoken(reason)} ({count})"))
    bare(line)
    line.set_ylim(-0.5, 0.5)
    if truth is not None:
        _time_line(line, {reason: moments[told == reason] for reason in ("", *REASON_COLOURS)}, -1.15)
        line.set_ylim(-1.65, 0.5)
        line.set_yticks([0, -1.15], ["curation", "truth"])
        line.tick_params(axis="y", length=0)
    line.xaxis.set_major_locator(MaxNLocator(10))
    line.set_xlabel("seconds from the start of the clip")
    line.tick_params(axis="x", color=GRAY)
    line.legend(handles=handles, loc="lower left", bbox_to_anchor=(0, 1.0), ncols=4, handlelength=0.8, borderpad=0.1)
    return figure


def _spoken(reason: str) -> str:
    return reason.replace("_", " ")


def _mark(axes: Axes, moment: str, reason: str, planted: str) -> None:
    """Say under a frame when it is, why it was left out, and what is wrong about that; frame it in its reason's colour.

    Args:
        axes: that show the frame.
        moment: when it is.
        reason: it was dropped for, "" where it was kept.
        planted: the reason it had to go; `reason` where no truth is known.
    """
    label = f"{moment} {_spoken(reason)}".strip()
    if reason != planted:
        label += f"\nwrong: {_spoken(planted) or 'good frame'}" if reason else f"\nmissed: {_spoken(planted)}"
    axes.set_xlabel(label, color=REASON_COLOURS.get(reason, INK), fontsize=8)
    if reason:
        colour = REASON_COLOURS[reason]
        axes.spines[:].set(visible=True, color=colour, linewidth=3.5)
        axes.plot([0.06, 0.94], [0.06, 0.94], color=colour, linewidth=1.6, alpha=0.8, transform=axes.transAxes)
    elif planted:  # missed: dashed, in the colour it should have had
        axes.spines[:].set(visible=True, color=REASON_COLOURS[planted], linewidth=3.5, linestyle=":")


def _time_line(axes: Axes, moments: Mapping[str, Sequence[float]], height: float) -> None:
    """A tick a frame, in the colour of its reason; "" are good frames."""
    for reason, seconds in moments.items():
        if len(seconds):
            colour, width = REASON_COLOURS.get(reason, BLUE), 1.6 if reason else 1
            axes.eventplot([seconds], colors=[colour], lineoffsets=[height], linelengths=[1], linewidths=width)


@drawn
def room_views(
    frames: np.ndarray, rooms: np.ndarray, differences: np.ndarray, labels: Sequence[str], source: str
) -> Figure:
    """Frame, still room, and what the network sees once the room is taken away; one column per clip.

    Args:
        frames: uint8 [n, 128, 128] (or one more axis of 1), a frame of each clip.
        rooms: the same shape, the clips' still rooms.
        differences: the same shape, the absolute difference of the two, as the network sees it.
        labels: one per clip.
        source: "synthetic" or the footage's name.
    """
    rows = {"frame": frames, "still room": rooms, "seen without\nthe room": differences}
    count = len(labels)
    if any(len(images) != count for images in rows.values()):
        raise ValueError(f"{count} labels need {count} frames, rooms and differences")
    figure = new_figure(0.7 + 3 * 9.0 / max(count, 4), "What the network sees", source)
    grid = figure.subplots(3, count, squeeze=False)
    for line, (name, images) in zip(grid, rows.items(), strict=True):
        for axes, image in zip(line, _as_gray(images), strict=True):
            gray_image(axes, image)
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for axes, label in zip(grid[0], labels, strict=True):
        axes.set_title(label, loc="center", fontsize=10)
    return figure
