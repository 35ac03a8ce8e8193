"""Which moments of a clip are looked at, whatever frames it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from typing import TypeVar

import cv2
import numpy as np

from dance_tf.footage.settings import ReadSettings

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
