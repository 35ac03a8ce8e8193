"""How clips are read: limits, settings and the sampling of frames over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from dance_tf.video.luma import Fit

MAX_FRAMES_PER_SECOND = 10_000
GRACE = 5e-7  # seconds by which rounding may move a frame's time: one at 1/30 s must match the sample time 1/30 s
# options of earlier versions, with the only values that are left: part names and model.json files contain them
FORMER_OPTIONS = {"frames_in_all": None, **dict.fromkeys(("skip_loop_filter", "skip_nonref", "quick_shrink"), False)}
FORMER_OPTIONS |= {"image_rate": 30.0}


@dataclass(frozen=True)
class ReadSettings:
    """How a clip becomes gray squares.

    Raises:
        ValueError: a value is out of range.
    """

    size: int = 128  # side of the squares, in pixels (section 3.2 of the paper)
    # "pad" keeps the whole picture between black bars, "crop" fills the square with its middle; the paper does not say
    # which, and padding cuts off no limb
    fit: Fit = "pad"
    frames_per_second: float | None = None  # frames to sample per second; None takes every frame
    threads: int = 0  # for decoding; 0 lets FFmpeg choose
    max_seconds: float = 900.0  # a longer clip is refused
    max_pixels: int = 67_108_864  # a clip with more pixels in a stored frame is refused (8192×8192)
    start: float = 0.0  # seconds in the file where the clip starts; set for each clip
    end: float | None = None  # seconds in the file where it ends; None for the end of the file

    def __post_init__(self) -> None:
        if self.size < 1 or self.threads < 0:
            raise ValueError("size must be positive, threads not negative")
        rate, most = self.frames_per_second, MAX_FRAMES_PER_SECOND
        if rate is not None and not 0 < rate <= most:
            raise ValueError(f"frames_per_second must be positive, at most {most}, not {rate}")
        if self.fit not in ("pad", "crop"):
            raise ValueError(f'fit must be "pad" or "crop", not {self.fit!r}')
        if not 0 <= self.start < (math.inf if self.end is None else self.end):
            raise ValueError(f"a clip from {self.start} to {self.end} s: the start must be before the end")
        if not (self.max_seconds > 0 and self.max_pixels > 0):
            raise ValueError("the limits of seconds and pixels of a clip must be positive")

    def to_json(self) -> dict[str, object]:
        """Return the settings that change frames, as stored in model.json files and hashed into the names of parts."""
        return {"size": self.size, "fit": self.fit, "frames_per_second": self.frames_per_second, **FORMER_OPTIONS}


READ_DEFAULTS = ReadSettings()

Picture = TypeVar("Picture")


def sample(
    timed: Iterable[tuple[float, Picture]], rate: float | None, end: Callable[[], float]
) -> Iterator[tuple[float, Picture]]:
    """Yield the pictures that are shown at the times 0, 1/rate, 2/rate …, each once: the last one that is not later.

    Args:
        timed: (seconds from the first picture, picture) in the order of time.
        rate: samples per second; None yields every picture.
        end: returns when the last picture ends; called after the pictures.
    """
    if rate is None:
        yield from timed
        return
    sampler = Sampler(rate)
    for item in timed:
        yield from sampler.add(*item)
    yield from sampler.finish(end())


class Sampler(Generic[Picture]):
    """Does what `sample` does, for pictures that are given one by one."""

    def __init__(self, rate: float) -> None:
        self._rate, self._number = rate, 0
        self._held: list[tuple[float, Picture]] = []

    def add(self, time: float, picture: Picture) -> list[tuple[float, Picture]]:
        """Take the next picture; return the one before, with its time, if that is a sample."""
        due = self.finish(time)
        while self._held and self._number / self._rate < time - GRACE:
            self._number += 1
        self._held = [(time, picture)]
        return due

    def finish(self, end: float) -> list[tuple[float, Picture]]:
        """Return the last picture with its time, if it is a sample; it is shown until `end`, in seconds."""
        return self._held if self._number / self._rate < end - GRACE else []
