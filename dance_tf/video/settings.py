"""How clips are read: limits, settings and the sampling of frames over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import cv2
import numpy as np

from dance_tf.video.luma import Fit

MAX_FRAMES_PER_SECOND = 10_000
GRACE = 5e-7  # seconds by which rounding may move a frame's time: one at 1/30 s must match the sample time 1/30 s


@dataclass(frozen=True)
class ReadLimits:
    """Limits above which a clip is refused.

    Attributes:
        pixels: pixels in a stored frame (8192×8192 by default).
        seconds: length of the clip.
        decoded_bytes: bytes of all decoded pictures of the clip, before they are shrunk.
        broken_packets: consecutive packets that fail to decode; after more, the rest of the file is skipped.

    Raises:
        ValueError: a limit is not positive.
    """

    pixels: int = 67_108_864
    seconds: float = 900.0
    decoded_bytes: int = 1 << 40
    broken_packets: int = 200

    def __post_init__(self) -> None:
        if not (self.pixels > 0 and self.seconds > 0 and self.decoded_bytes > 0):
            raise ValueError("the limits of pixels, seconds and bytes of a clip must be positive")


@dataclass(frozen=True)
class ReadSettings:
    """How a clip becomes gray squares.

    Attributes:
        size: side of the squares, in pixels (128: section 3.2 of the paper).
        fit: "pad" keeps the whole picture between black bars, "crop" fills the square with its middle. The paper does
            not say which; padding cuts off no limb.
        frames_per_second: frames to sample per second; None takes every frame.
        frames_in_all: frames to sample from the clip, at the middles of that many equal segments; None takes every
            frame. At most one of the two may be set.
        skip_loop_filter: skip the decoder's in-loop filter: faster, not exact.
        skip_nonref: do not decode frames that no other frame needs. If every frame is wanted, these frames are
            interpolated: much faster, not exact (mean error 0.6 gray levels when an arm swings once a second, about 2
            in the worst frame). If frames are sampled, the previous frame replaces them.
        quick_shrink: halve large pictures before averaging: faster, about 0.14 gray levels too bright.
        threads: decoding threads; 0 lets FFmpeg choose.
        image_rate: frames per second of an image sequence (30: Kaggle layout).
        limits: when a clip is refused.

    Raises:
        ValueError: both sampling options are set, or a value is out of range.
    """

    size: int = 128
    fit: Fit = "pad"
    frames_per_second: float | None = None
    frames_in_all: int | None = None
    skip_loop_filter: bool = False
    skip_nonref: bool = False
    quick_shrink: bool = False
    threads: int = 0
    image_rate: float = 30.0
    limits: ReadLimits = ReadLimits()

    def __post_init__(self) -> None:
        if self.frames_per_second is not None and self.frames_in_all is not None:
            raise ValueError("choose frames_per_second or frames_in_all, not both")
        if self.size < 1 or self.threads < 0 or not self.image_rate > 0:
            raise ValueError("size and image_rate must be positive, threads not negative")
        if self.frames_per_second is not None and not 0 < self.frames_per_second <= MAX_FRAMES_PER_SECOND:
            raise ValueError(
                f"frames_per_second must be positive, at most {MAX_FRAMES_PER_SECOND}, not {self.frames_per_second}"
            )
        if self.frames_in_all is not None and self.frames_in_all < 1:
            raise ValueError(f"frames_in_all must be at least 1, not {self.frames_in_all}")
        if self.fit not in ("pad", "crop"):
            raise ValueError(f'fit must be "pad" or "crop", not {self.fit!r}')

    @property
    def every_frame(self) -> bool:
        """Whether every frame is read, without sampling."""
        return self.frames_per_second is None and self.frames_in_all is None


READ_DEFAULTS = ReadSettings()

Picture = TypeVar("Picture")


class Sampling:
    """The sample times of a clip, in seconds from its first frame.

    The frame at a sample time is the last one that is not later. A frame is returned once, even for several times.

    Args:
        settings: `frames_per_second` gives the times 0, 1/n, 2/n …; `frames_in_all` the middles of n equal segments;
            neither means every frame.
        seconds: length of the clip; required for `frames_in_all`.

    Attributes:
        next: the next sample time; None after the last one.

    Raises:
        ValueError: `frames_in_all` without a length.
    """

    def __init__(self, settings: ReadSettings, seconds: float | None = None) -> None:
        # a header may state too long a clip; with a fixed number of frames, the last one then serves the other times
        self._fixed_number = settings.frames_in_all
        self._every_frame = settings.every_frame
        self._times: Iterator[float] = iter(())
        if rate := settings.frames_per_second:
            self._times = (number / rate for number in count())
        elif wanted := settings.frames_in_all:
            if not seconds or seconds <= 0:
                raise ValueError("frames_in_all needs the length of the clip")
            self._times = ((number + 0.5) * seconds / wanted for number in range(wanted))
        self.next = next(self._times, None)

    def choose(self, timed: Iterable[tuple[float, Picture]], end: Callable[[], float]) -> Iterator:
        """Yield the pictures that are shown at the sample times.

        Args:
            timed: (time, picture) pairs in the order of time; a producer may skip to the last picture before `next`.
            end: returns when the last picture ends; called after the pictures.
        """
        if self._every_frame:
            yield from timed
            return
        held: tuple[float, Picture] | None = None
        for item in timed:
            if held is not None and self.next is not None and self.next < item[0] - GRACE:
                yield held
                while self.next is not None and self.next < item[0] - GRACE:
                    self.next = next(self._times, None)
            held = item
            if self.next is None:
                return
        if held is not None and self.next is not None and (self._fixed_number or self.next < end() - GRACE):
            yield held


def interpolate_missing(
    timed: Iterable[tuple[float, np.ndarray]], wanted: Sequence[float]
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the given pictures, and one interpolated linearly in time for each wanted time without a picture.

    Args:
        timed: (time, uint8 picture) pairs in the order of time, all of one shape.
        wanted: seconds, rising; those before the first picture are skipped, those after the last repeat it.
    """
    index, held = 0, None
    for time, picture in timed:
        while index < len(wanted) and wanted[index] < time - GRACE:
            between, index = wanted[index], index + 1
            if held is not None and between > held[0] + GRACE:
                weight = (between - held[0]) / (time - held[0])
                yield between, cv2.addWeighted(held[1], 1 - weight, picture, weight, 0)
        yield time, picture
        held = time, picture
    if held is not None:
        yield from ((time, held[1]) for time in wanted[index:] if time > held[0] + GRACE)
