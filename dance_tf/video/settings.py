"""Which moments of a clip are looked at, whatever frames it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TypeVar

import cv2
import numpy as np

from dance_tf.video.luma import Fit

MOST_FRAMES_PER_SECOND = 10_000  # more than any camera; moments are counted one by one


@dataclass(frozen=True)
class ReadLimits:
    """What a clip may cost before it is refused.

    Attributes:
        pixels: most pixels in a stored frame (8192×8192 by default).
        seconds: longest clip.
        decoded_bytes: most bytes of decoded pictures in one clip, counted before they are shrunk.
        broken_packets: most packets in a row that may fail to decode before the rest of a file is given up.

    Raises:
        ValueError: a limit that would let nothing pass.
    """

    pixels: int = 67_108_864
    seconds: float = 900.0
    decoded_bytes: int = 1 << 40
    broken_packets: int = 200

    def __post_init__(self) -> None:
        if not (self.pixels > 0 and self.seconds > 0 and self.decoded_bytes > 0):
            raise ValueError("the most pixels, seconds and bytes of a clip must be positive")


@dataclass(frozen=True)
class ReadSettings:
    """How a clip becomes gray squares.

    Attributes:
        size: side of the squares, in pixels (128: section 3.2 of the paper).
        fit: "pad" keeps the whole picture between black bars, "crop" fills the square with its middle. The paper is
            silent; padding loses no limb.
        frames_per_second: frames to take of each second; None takes every frame.
        frames_in_all: frames to take of the whole clip, at the middles of that many equal stretches of time; None takes
            every frame. At most one of the two may be set.
        skip_loop_filter: leave out the decoder's in-loop filter: faster, and not exact.
        skip_nonref: do not decode frames that no other frame needs. Where every frame is wanted, those are mixed from
            the two around them: much faster, and not exact (0.6 gray levels on average where an arm swings once a
            second, about 2 in the worst frame). Where frames are sampled, the moments that they would answer get the
            frame before.
        quick_shrink: halve large pictures before averaging them: faster, brighter by about 0.14 gray levels.
        threads: decoding threads; 0 lets FFmpeg choose.
        image_rate: frames per second of an image-sequence folder, which has no times of its own (30: Kaggle layout).
        limits: what a clip may cost.

    Raises:
        ValueError: both samplings set, or a number that makes no sense.
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
        if self.frames_per_second is not None and not 0 < self.frames_per_second <= MOST_FRAMES_PER_SECOND:
            raise ValueError(
                f"frames_per_second must be positive, at most {MOST_FRAMES_PER_SECOND}, not {self.frames_per_second}"
            )
        if self.frames_in_all is not None and self.frames_in_all < 1:
            raise ValueError(f"frames_in_all must be at least 1, not {self.frames_in_all}")
        if self.fit not in ("pad", "crop"):
            raise ValueError(f'fit must be "pad" or "crop", not {self.fit!r}')

    @property
    def every_frame(self) -> bool:
        """Whether no sampling is asked for."""
        return self.frames_per_second is None and self.frames_in_all is None


READ_DEFAULTS = ReadSettings()


Picture = TypeVar("Picture")


class Sampling:
    """The moments that settings ask for, in seconds from a clip's first frame.

    A moment is answered by the frame on screen then: the last one that is not later. A frame that answers several
    moments comes once.

    Args:
        settings: `frames_per_second` gives moments 0, 1/n, 2/n …; `frames_in_all` the middles of n equal stretches;
            neither means that every frame is wanted.
        seconds: length of the clip; needed for `frames_in_all` only.

    Raises:
        ValueError: `frames_in_all` without a length.
    """

    def __init__(self, settings: ReadSettings, seconds: float | None = None) -> None:
        self.every = settings.every_frame
        # a header may promise more than there is; of a counted number of frames the last one then answers the rest
        self._counted = settings.frames_in_all is not None
        self._moments: Iterator[float] = iter(())
        if settings.frames_per_second is not None:
            rate = settings.frames_per_second
            self._moments = (number / rate for number in count())
        elif settings.frames_in_all is not None:
            if not seconds or seconds <= 0:
                raise ValueError("frames_in_all needs the length of the clip")
            wanted = settings.frames_in_all
            self._moments = ((number + 0.5) * seconds / wanted for number in range(wanted))
        self.next = next(self._moments, None)

    def advance(self, past: float) -> None:
        """Leave behind every moment before `past`."""
        while self.next is not None and self.next < past:
            self.next = next(self._moments, None)

    def choose(self, timed: Iterable[tuple[float, Picture]], end: Callable[[], float]) -> Iterator:
        """Pass on, of pictures in the order of time, those on screen at the moments asked for.

        Args:
            timed: (time, picture) pairs; a producer may jump ahead to the last picture not later than `next`.
            end: gives the end of the last picture's time on screen; asked when the pictures have run out.
        """
        if self.every:
            yield from timed
            return
        held: tuple[float, Picture] | None = None
        for item in timed:
            # half a microsecond of grace: a frame at 1/30 s must answer the moment 1/30 s in any rounding
            if held is not None and self.next is not None and self.next < item[0] - 5e-7:
                yield held
                self.advance(item[0] - 5e-7)
            held = item
            if self.next is None:
                return
        if held is not None and self.next is not None and (self._counted or self.next < end() - 5e-7):
            yield held


def fill_in(timed: Iterable[tuple[float, np.ndarray]], moments: Sequence[float]) -> Iterator[tuple[float, np.ndarray]]:
    """Pictures at moments that have none, mixed from the two around them in proportion to the time between.

    Args:
        timed: (time, uint8 picture) pairs in the order of time, all pictures of one shape.
        moments: seconds at which a picture is wanted, rising; those before the first picture are passed over, those
            after the last repeat it.

    Yields:
        (time, uint8 picture), the pictures given and those between them.
    """
    grace = 5e-7
    place, held = 0, None
    for time, picture in timed:
        while place < len(moments) and moments[place] < time - grace:
            moment, place = moments[place], place + 1
            if held is not None and moment > held[0] + grace:
                share = (moment - held[0]) / (time - held[0])
                yield moment, cv2.addWeighted(held[1], 1 - share, picture, share, 0)
        yield time, picture
        held = time, picture
    if held is not None:
        yield from ((moment, held[1]) for moment in moments[place:] if moment > held[0] + grace)
