"""Animated WebP, which FFmpeg's decoder does not play."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from dance_tf.footage.sampling import Sampling
from dance_tf.footage.source import ReadError, Source
from dance_tf.footage.stills import IMAGE_FAULTS, image_luma, open_image


class AnimationSource(Source):
    """Reads a WebP file by Pillow, with the durations that it states."""

    def squares(self, alive: Callable[[], None]) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first picture, uint8 [size, size]).

        Raises:
            ReadError: no picture can be read, or a limit is exceeded.
        """
        settings = self.settings
        pictures = 0
        for seconds in webp_durations(self.path):
            alive()
            pictures += 1
            self.seconds += seconds
            if self.seconds > settings.limits.seconds:
                raise ReadError(f"{self.path.name}: longer than the limit of {settings.limits.seconds:g} s")
        self.seconds = self.seconds or picture_seconds(None)
        self.frame_rate = max(1, pictures) / self.seconds
        self._reached = 0.0
        try:
            with open_image(self, self.path, ("WEBP",)) as image:
                self.set_size(*image.size)
                sampling = Sampling(settings, self.seconds)
                yield from sampling.choose(self._timed(image, alive), lambda: self.seconds)
        except IMAGE_FAULTS as error:
            if isinstance(error, ReadError):
                raise
            if not self._reached:
                raise ReadError(f"{self.path.name}: not an image that can be decoded ({error})") from error
            self.broken = True
            self.warnings.append(f"breaks off after {self._reached:.2f} of {self.seconds:.2f} s ({error})")
            self.seconds = self._reached

    def _timed(self, image: Image.Image, alive: Callable[[], None]) -> Iterator[tuple[float, np.ndarray]]:
        limits = self.settings.limits
        time = decoded_bytes = 0
        for picture in ImageSequence.Iterator(image):
            alive()
            luma = image_luma(picture)
            decoded_bytes += luma.nbytes
            if time > limits.seconds or decoded_bytes > limits.decoded_bytes:
                raise ReadError(f"{self.path.name}: exceeds the limit of length or of decoded bytes")
            yield time, self.framed(luma)
            time += picture_seconds(picture.info.get("duration"))
            self._reached = time


def is_webp(path: Path) -> bool:
    """Tell a WebP file by its first twelve bytes."""
    with open(path, "rb") as file:
        head = file.read(12)
    return head[:4] == b"RIFF" and head[8:] == b"WEBP"


def webp_durations(path: Path) -> Iterator[float]:
    """How long each picture of an animated WebP is shown, in seconds; none of a still one. Nothing is decoded.

    The file is a run of chunks (https://developers.google.com/speed/webp/docs/riff_container); that of a picture has
    its duration in three bytes.
    """
    with open(path, "rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            size += size % 2  # chunks begin at even places
            if head[:4] == b"ANMF" and size >= 16:
                yield picture_seconds(int.from_bytes(file.read(16)[12:15], "little"))
                size -= 16
            file.seek(size, 1)


def picture_seconds(milliseconds: float | None) -> float:
    """How long a picture is shown; one of no duration for a tenth of a second, as browsers do."""
    return (milliseconds or 100) / 1000
