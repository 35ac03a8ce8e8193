"""Readers of clips: the base class, image sequences and WebP files (read by Pillow)."""

from __future__ import annotations

import re
import warnings
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

import cv2
import numpy as np

from dance_tf.video.files import sequence_images
from dance_tf.video.luma import fit_luma
from dance_tf.video.settings import GRACE, ReadSettings, Sampler, sample

if TYPE_CHECKING:  # Pillow is absent on machines that only train
    from PIL import Image

MAX_DECODED_BYTES = 1 << 40  # of all decoded pictures of a clip, before they are shrunk
SHORT_BY = 0.1  # seconds by which a file may end before a clip that is a part of it, without a warning
LONGER_SIDE = 640  # pixels, at most, of pictures in colour
PICTURES_AHEAD = 4  # pictures in colour that may wait for the watcher
IMAGE_RATE = 30.0  # frames per second of an image sequence (TikTok dataset on Kaggle)
IMAGE_ERRORS = (OSError, SyntaxError, ValueError, EOFError)  # what Pillow raises for broken files
# no format that Pillow passes to another program, as EPS to Ghostscript; TGA last, because it has no signature
STILL_FORMATS = tuple("AVIF BMP GIF JPEG JPEG2000 PCX PNG PPM PSD QOI SGI SUN TIFF WEBP TGA".split())


Item = TypeVar("Item")


class ReadError(RuntimeError):
    """A clip cannot be read; the message gives the reason in one line."""


class Watcher(Protocol):
    """Is shown pictures of a clip in colour while the clip is read as gray frames.

    Attributes:
        rate: pictures per second that it wants.
    """

    rate: float

    def restart(self) -> None:
        """Forget all pictures: the clip is read from its start, perhaps again."""

    def see(self, time: float, picture: np.ndarray) -> None:
        """Take a picture uint8 [h, w, 3], RGB, of at most `LONGER_SIDE` pixels; `time` as for the gray frames."""


class FootageReader(ABC):
    """Reads a clip as gray frames, in memory that does not grow with the clip's length.

    Iterate over it to get (seconds from the first frame, or from `settings.start`, uint8 [size, size]).

    Attributes:
        heartbeat: called for each frame or packet.
        watcher: is shown pictures in colour, of the same decoding; None by default.
        width, height, pixel_aspect: of the picture as displayed, and width of a pixel over its height; set at the first
            frame.
        frame_rate, seconds: mean frames per second before sampling, and length; set at the end.
        warnings: faults of the file; complete at the end.
        broken: True if decoding failed in places, so that the frames may depend on the number of decoding threads.

    Raises:
        ReadError: on iteration, the clip cannot be read or exceeds a limit.
    """

    def __init__(self, path: Path, settings: ReadSettings, heartbeat: Callable[[], None]) -> None:
        self.path = path
        self.settings = settings
        self.heartbeat = heartbeat
        self.watcher: Watcher | None = None
        self.width = self.height = 0
        self.frame_rate = self.seconds = 0.0
        self.pixel_aspect = 1.0
        self.warnings: list[str] = []
        self.broken = False
        self._full_size = False
        self._decoded_bytes = 0
        self._colour_size: tuple[int, int] | None = None  # width and height of all pictures for the watcher

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [size, size])."""

    def pictures(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yield (seconds from the first frame, uint8 [h, w]): upright pictures at the clip's own size."""
        self._full_size = True
        return iter(self)

    def _fit(self, luma: np.ndarray, pixel_aspect: float = 1.0) -> np.ndarray:
        size, fit = self.settings.size, self.settings.fit
        return np.array(luma) if self._full_size else fit_luma(luma, size, fit, pixel_aspect)

    def _watched(
        self, timed: Iterable[tuple[float, Item]], colours: Callable[[Item], np.ndarray | None]
    ) -> Iterator[tuple[float, Item]]:
        """Yield all items, and show the watcher those that it wants.

        Args:
            colours: returns the picture uint8 [h, w, 3], RGB, of an item; None if it is broken.
        """
        if self.watcher is None:
            yield from timed
            return
        self.watcher.restart()
        sampler, seen = Sampler(self.watcher.rate), deque()
        with ThreadPoolExecutor(1) as thread:  # the watcher works while the next frames are decoded

            def show(samples: list[tuple[float, Item]]) -> None:
                for time, item in samples:
                    if (picture := colours(item)) is not None:
                        seen.append(thread.submit(self.watcher.see, time, picture))
                    if len(seen) > PICTURES_AHEAD:
                        seen.popleft().result()

            for time, item in timed:
                show(sampler.add(time, item))
                yield time, item
            show(sampler.finish(self.seconds))
            for picture in seen:
                picture.result()

    def _fit_colours(self, rgb: np.ndarray, pixel_aspect: float = 1.0) -> np.ndarray:
        """Scale a picture uint8 [h, w, 3] for the watcher: square pixels, and the size of the first picture."""
        self._colour_size = self._colour_size or scaled_size(rgb.shape[1] * pixel_aspect, rgb.shape[0])
        # FFmpeg converts colours fast and scales slowly: together they take twice as long as with OpenCV
        return cv2.resize(rgb, self._colour_size, interpolation=cv2.INTER_AREA)

    def check_pixels(self, width: int, height: int) -> None:
        """Raise ReadError if a picture has too many pixels."""
        if width * height > self.settings.max_pixels:
            raise self.error(f"{width}×{height} pixels a frame, over the limit of {self.settings.max_pixels:,}")

    def _count_bytes(self, decoded: int) -> None:
        self._decoded_bytes += decoded
        if self._decoded_bytes > MAX_DECODED_BYTES:
            raise self.error(f"more than {MAX_DECODED_BYTES:,} bytes of decoded pictures")

    def _check_seconds(self, seconds: float, stated: bool = False) -> None:
        """Raise ReadError if the length read so far, or stated by the file, exceeds the limit in the clip."""
        seconds = self._clip_seconds(seconds)
        if seconds > self.settings.max_seconds:
            length = f"{seconds:,.0f} s long, over" if stated else "longer than"
            raise self.error(f"{length} the limit of {self.settings.max_seconds:g} s")

    def _in_clip(self, time: float) -> bool:
        """Return whether a time in the file lies in the clip, which may be a part of it."""
        return self.settings.start <= time + GRACE and not self._after_clip(time)

    def _after_clip(self, time: float) -> bool:
        return self.settings.end is not None and time + GRACE >= self.settings.end

    def _clip_seconds(self, seconds: float) -> float:
        """Return how much of the first seconds of a file belongs to the clip."""
        end = self.settings.end
        return max(0.0, (seconds if end is None else min(seconds, end)) - self.settings.start)

    def _end_clip(self, seconds: float) -> None:
        """Set the length of the clip, given that of the file; warn if the file ends before the clip."""
        end = self.settings.end
        if end is not None and end - seconds > SHORT_BY:
            self.warnings.append(f"the file ends after {seconds:.2f} s, before the end of the clip at {end:g} s")
        self.seconds = self._clip_seconds(seconds)

    def no_frame(self) -> ReadError:
        """Return the error of a clip without any frame."""
        start, end = self.settings.start, self.settings.end
        if start or end is not None:
            to = "the end" if end is None else f"{end:g} s"
            return self.error(f"no frame of it can be decoded from {start:g} s to {to}")
        return self.error("no frame of it can be decoded")

    def error(self, reason: str) -> ReadError:
        """Return an error that names the clip."""
        return ReadError(f"{self.path.name}: {reason}")


class WebpReader(FootageReader):
    """A WebP file; FFmpeg does not decode animated ones."""

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """See `FootageReader`."""
        try:
            with open_image(self, self.path, ("WEBP",)) as image:
                width, height = image.size
                timed = self._watched(self._decode(image), lambda gray: self._fit_colours(np.dstack([gray] * 3)))
                for time, luma in sample(timed, self.settings.frames_per_second, lambda: self.seconds):
                    self.width, self.height = width, height
                    yield time, self._fit(luma)
        except IMAGE_ERRORS as error:
            if not self.seconds:
                raise self.error(f"not an image that can be decoded ({error})") from error
            self.warnings.append(f"breaks off after {self.seconds:.2f} s ({error})")
        if not self.width:
            raise self.no_frame()

    def _decode(self, image: Image.Image) -> Iterator[tuple[float, np.ndarray]]:
        from PIL import ImageSequence

        reached = 0.0
        for count, picture in enumerate(ImageSequence.Iterator(image), 1):
            if self._after_clip(reached):
                break
            self.heartbeat()
            luma = image_luma(picture)
            self._count_bytes(luma.nbytes)
            if self._in_clip(reached):
                yield max(0.0, reached - self.settings.start), luma
            reached += (picture.info.get("duration") or 100) / 1000  # 0.1 s if none is stated, as in browsers
            self.frame_rate = count / reached
            self.seconds = self._clip_seconds(reached)
            self._check_seconds(reached)
        self._end_clip(reached)


class ImageSequenceReader(FootageReader):
    """A folder of still images, or those of one name in it, in the order of the numbers in their names."""

    def __iter__(self) -> Iterator[tuple[float, np.ndarray]]:
        """See `FootageReader`."""
        paths = sorted(sequence_images(self.path), key=_numeric_order)
        if not paths:
            raise self.error("a folder without images")
        times = sequence_times([path.stem for path in paths])
        self.frame_rate = (len(times) - 1) / times[-1] if times[-1] > 0 else IMAGE_RATE
        seconds = float(times[-1]) + 1 / self.frame_rate
        self._check_seconds(seconds, stated=True)
        self._end_clip(seconds)
        broken, start = [], self.settings.start
        timed = [(max(0.0, t - start), path) for t, path in zip(times, paths, strict=True) if self._in_clip(t)]
        watched = self._watched(timed, self._colours)
        for time, path in sample(watched, self.settings.frames_per_second, lambda: self.seconds):
            self.heartbeat()
            try:
                with open_image(self, path) as image:
                    luma = image_luma(image)
            except IMAGE_ERRORS:
                broken.append(path.name)
                continue
            self._count_bytes(luma.nbytes)
            if not self.width:
                self.height, self.width = luma.shape
            yield float(time), self._fit(luma)
        if not self.width:
            raise self.error(f"none of its {len(timed)} images can be decoded") if timed else self.no_frame()
        if broken:
            self.warnings.append(f"{len(broken)} broken images left out ({broken[0]}{', …' if broken[1:] else ''})")

    def _colours(self, path: Path) -> np.ndarray | None:
        """Return the picture of a file for the watcher, None if it is broken."""
        try:
            with open_image(self, path) as image:
                return self._fit_colours(image_colours(image))
        except IMAGE_ERRORS:
            return None


@contextmanager
def open_image(reader: FootageReader, path: Path, formats: tuple[str, ...] = STILL_FORMATS) -> Iterator[Image.Image]:
    """Open an image of a clip, and check its pixels before it is decoded.

    Raises:
        ReadError: the image has too many pixels.
        OSError: or another of `IMAGE_ERRORS`: the image cannot be opened.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # Pillow warns about large images, which are within our own limit
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=formats) as image:
                reader.check_pixels(*image.size)
                yield image
    except Image.DecompressionBombError as error:
        pixels = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # Pillow refuses larger images before it returns their size
        limit = min(pixels, reader.settings.max_pixels)
        raise reader.error(f"over {pixels:,} pixels in {path.name}, over the limit of {limit:,}") from error


def image_luma(image: Image.Image) -> np.ndarray:
    """Return the gray values uint8 [h, w] of a still image, upright by its EXIF flag, transparent parts white."""
    from PIL import Image, ImageOps

    if image.format == "JPEG":
        image.draft("L", image.size)  # decodes only the luma plane
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image).astype(np.float64)
        # 16-bit images range from 0 to 65535 in all of these modes
        return np.clip(np.rint(values / 257), 0, 255).astype(np.uint8)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    return np.asarray(image.convert("L"))


def image_colours(image: Image.Image) -> np.ndarray:
    """Return the colours uint8 [h, w, 3], RGB, of a still image, upright; transparent parts are white."""
    from PIL import Image, ImageOps

    if image.mode.startswith("I") or image.mode == "F":
        return cv2.cvtColor(image_luma(image), cv2.COLOR_GRAY2RGB)
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, (255, 255, 255, 255)), image)
    return np.asarray(image.convert("RGB"))


def scaled_size(width: float, height: float) -> tuple[int, int]:
    """Return width and height in pixels of a displayed picture, reduced to `LONGER_SIDE`."""
    scale = min(1.0, LONGER_SIDE / max(width, height))
    return max(1, round(width * scale)), max(1, round(height * scale))


def sequence_times(stems: list[str]) -> np.ndarray:
    """Return seconds from the first image, by the last numbers in the file names, so that gaps are kept.

    If the numbers are not frame counters (not rising, or a span of over 100 per image), images follow without gaps.
    """
    numbers = [int(match[-1]) if (match := re.findall(r"\d+", stem)) else None for stem in stems]
    if None not in numbers and len(set(numbers)) == len(numbers) and numbers == sorted(numbers):
        if numbers[-1] - numbers[0] <= 100 * len(numbers):
            return (np.array(numbers, np.float64) - numbers[0]) / IMAGE_RATE
    return np.arange(len(stems)) / IMAGE_RATE


def _numeric_order(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    parts = re.split(r"(\d+)", path.stem)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part], path.name
