"""What the readers of video files and of still images have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from dance_tf.footage.framing import fit_luma
from dance_tf.footage.luma import UPRIGHT, Orientation
from dance_tf.footage.settings import ReadSettings


class ReadError(ValueError):
    """A clip that cannot be read, with the reason in one line."""


class Source(ABC):
    """A clip as a run of gray squares; what it holds in memory does not grow with the clip's length.

    Attributes:
        width: of the picture as displayed; known from the first square on.
        height: of the picture as displayed.
        frame_rate: frames per second on average; known at the end.
        seconds: length of the clip; known at the end.
        warnings: what was wrong with the file, in plain words; complete at the end.
        pixel_aspect: width of a pixel over its height as displayed; known from the first picture on.
        whole: hand out upright pictures at the clip's own size instead of squares.
        broken: True where decoding met errors, so that the frames may depend on the number of decoding threads.
    """

    def __init__(self, path: Path, settings: ReadSettings) -> None:
        self.path = path
        self.settings = settings
        self.width = self.height = 0
        self.frame_rate = self.seconds = 0.0
        self.pixel_aspect = 1.0
        self.whole = False
        self.warnings: list[str] = []
        self.broken = False

    @abstractmethod
    def squares(self, alive: Callable[[], None]) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [size, size]), calling `alive` now and then.

        Where `whole` is set, each picture is uint8 [h, w] instead.
        """

    def framed(self, luma: np.ndarray) -> np.ndarray:
        """A picture as the settings frame it, or as it is where whole pictures are wanted."""
        settings = self.settings
        return luma if self.whole else fit_luma(luma, settings.size, settings.fit, quick=settings.quick_shrink)

    def check_pixels(self, width: int, height: int) -> None:
        """Refuse a picture beyond the limit.

        Raises:
            ReadError: it has too many pixels.
        """
        if width * height > self.settings.limits.pixels:
            raise ReadError(
                f"{self.path.name}: {width}×{height} pixels a frame, over the limit of {self.settings.limits.pixels:,}"
            )

    def set_size(self, width: int, height: int, orientation: Orientation = UPRIGHT) -> None:
        """Note the displayed size of a picture that is stored as width × height."""
        size = max(1, width), max(1, height)
        self.width, self.height = size[::-1] if orientation.transpose else size
