"""A clip as a video with the skeleton of the dancer, coloured by how close it is to the style, and what to change."""

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dance_tf.fidelity.assess import MOMENT, Assessment
from dance_tf.fidelity.template import NAMES as ENDS
from dance_tf.fidelity.template import PARTS
from dance_tf.pose.skeleton import BONES, NAMES, Skeletons
from dance_tf.video.frames import open_footage
from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import ReadError

RATE = 15  # pictures per second
CLOSE, FAR = (60, 190, 90), (220, 30, 40)  # RGB of parts like the references, and of parts far from them
UNKNOWN = (200, 200, 200)
NEAREST, FURTHEST = 1.0, 4.5  # closeness of these colours, units of the references' spread
STRIP = 0.14  # height of the strip with text below the picture, as a share of the longer side
SOUNDS = ("aac", "mp3")  # codecs that mp4 and browsers take as they are
REACH = 0.3  # seconds, half of the scale of the timing
PART_OF = {ENDS[bone]: place for place, bones in enumerate(PARTS.values()) for bone in bones}


class _Painter:
    """Draws each picture that it is shown and encodes it; a `Watcher`."""

    rate = RATE

    def __init__(self, container, skeletons: Skeletons, found: Assessment, start: float, end: float) -> None:
        self.container, self.skeletons, self.found, self.start, self.end = container, skeletons, found, start, end
        self.stream, self.first = None, 0.0

    def restart(self) -> None:
        pass  # a clip is read once

    def see(self, time: float, picture: np.ndarray) -> None:
        if not self.start <= time < self.end:
            return
        drawn = self._with_strip(self._with_skeleton(picture, time), time)
        drawn = drawn[: len(drawn) // 2 * 2, : drawn.shape[1] // 2 * 2]
        if self.stream is None:
            self.first, self.stream = time, self.container.add_stream("libx264", rate=RATE)
            self.stream.height, self.stream.width, self.stream.pix_fmt = *drawn.shape[:2], "yuv420p"
            self.stream.options = {"crf": "23", "preset": "veryfast"}
            self.stream.codec_context.time_base = Fraction(1, 1000)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn), format="rgb24")
        frame.pts, frame.time_base = round((time - self.first) * 1000), Fraction(1, 1000)
        self.container.mux(self.stream.encode(frame))

    def _moment(self, time: float) -> int | None:
        """Return the moment of the assessment at a time; None outside of it."""
        place = int(np.searchsorted(self.found.starts, time, side="right")) - 1
        return place if place >= 0 and time < self.found.starts[place] + MOMENT else None

    def _with_skeleton(self, picture: np.ndarray, time: float) -> np.ndarray:
        valid = np.flatnonzero(self.skeletons.valid)
        nearest = valid[np.abs(self.skeletons.times[valid] - time).argmin()]
        if abs(self.skeletons.times[nearest] - time) > MOMENT:
            return picture
        drawn, place = picture.copy(), self._moment(time)
        closeness = self.found.closeness[place] if place is not None else np.full(len(PARTS), np.nan)
        longer = max(drawn.shape[:2])
        middle = [drawn.shape[1] / 2, drawn.shape[0] / 2]
        points = self.skeletons.landmarks[nearest, :, :2].astype(float) * longer + middle
        points = np.rint(points * 16).astype(int).tolist()  # in sixteenths of a pixel
        for one, two in BONES:
            part = PART_OF.get(NAMES[two], PART_OF.get(NAMES[one]))
            colour = _colour(closeness[part] if part is not None else np.nan)
            cv2.line(drawn, points[one], points[two], colour, max(2, longer // 110), cv2.LINE_AA, 4)
        return drawn

    def _with_strip(self, picture: np.ndarray, time: float) -> np.ndarray:
        """Return the picture with a strip below it: what to change now, and how early or late the dancer is."""
        height, width = picture.shape[:2]
        strip = Image.new("RGB", (width, round(STRIP * max(height, width))), (25, 25, 25))
        draw, line = ImageDraw.Draw(strip), strip.height // 3
        font = ImageFont.load_default(max(9, round(0.7 * line)))
        now = [one for one in self.found.remarks if one.start <= time <= one.end and one.kind in ("pose", "timing")]
        if now:
            text = now[0].text.partition(": ")[2] or now[0].text
            fits = min(1.0, 0.94 * width / draw.textlength(text, font))  # narrow pictures have smaller letters
            draw.text((0.03 * width, 0.2 * line), text, (255, 255, 255), font.font_variant(size=fits * font.size))
        place = self._moment(time)
        known = np.isfinite(self.found.late[place]) if place is not None else np.zeros(0, bool)
        y, left, right = 2.3 * line, 0.2 * width, 0.8 * width
        draw.line([(left, y), (right, y)], (130, 130, 130), 2)
        draw.line([(width / 2, y - 0.4 * line), (width / 2, y + 0.4 * line)], (130, 130, 130), 2)
        draw.text((0.03 * width, y - 0.5 * line), "early", (170, 170, 170), font)
        draw.text((right + 0.03 * width, y - 0.5 * line), "late", (170, 170, 170), font)
        if known.any():
            late = self.found.late[place][known].mean()
            x, size = width / 2 + np.clip(late / REACH, -1, 1) * (right - left) / 2, 0.3 * line
            draw.ellipse([x - size, y - size, x + size, y + size], (255, 190, 60))
        return np.concatenate([picture, np.asarray(strip)])


def _colour(closeness: float) -> tuple[int, ...]:
    if np.isnan(closeness):
        return UNKNOWN
    share = np.clip((closeness - NEAREST) / (FURTHEST - NEAREST), 0, 1)
    return tuple(int(round(one + share * (two - one))) for one, two in zip(CLOSE, FAR, strict=True))


def annotate(
    path: Path,
    skeletons: Skeletons,
    found: Assessment,
    start: float = 0.0,
    end: float = np.inf,
    settings: ReadSettings = READ_DEFAULTS,
    *,
    heartbeat: Callable[[], None] = no_heartbeat,
) -> bytes:
    """Return an mp4 of a clip with the skeleton, what to change at the moment, the timing, and the clip's sound.

    Args:
        path: of the clip.
        skeletons: of the whole clip, at least one of them valid.
        found: its assessment, or that of a part.
        start, end: of the part, seconds.
        settings: limits and number of decoding threads.
        heartbeat: called for each frame.

    Raises:
        ReadError: the clip cannot be read, or has no pictures in colour.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "annotated.mp4"
        with av.open(str(out), "w") as container:
            sound = _Sound(path, container)
            # gray frames are not needed
            reader = open_footage(path, replace(settings, frames_per_second=1.0), heartbeat)
            reader.watcher = painter = _Painter(container, skeletons, found, start, end)
            for time, _ in reader:
                if time > end:
                    break
            if painter.stream is None:
                raise ReadError(f"{Path(path).name}: no pictures in colour can be read")
            container.mux(painter.stream.encode())
            sound.copy(painter.first, end)
        return out.read_bytes()


class _Sound:
    """Copies the sound of a clip into a video, if mp4 can hold it; damaged sound is left out."""

    def __init__(self, path: Path, container) -> None:
        self.path, self.container, self.stream, self.begin = path, container, None, 0.0
        with suppress(av.FFmpegError, ValueError, OSError), av.open(str(path), metadata_errors="replace") as source:
            if source.streams.audio and source.streams.audio[0].codec_context.name in SOUNDS:
                self.stream = container.add_stream_from_template(source.streams.audio[0])
                pictures = source.streams.video[0]
                self.begin = float((pictures.start_time or 0) * pictures.time_base)

    def copy(self, start: float, end: float) -> None:
        """Copy the sound from `start` to `end` seconds of the clip; the video begins at `start`."""
        if self.stream is None:
            return
        with suppress(av.FFmpegError, ValueError), av.open(str(self.path), metadata_errors="replace") as source:
            first = None
            for packet in source.demux(source.streams.audio[0]):
                if packet.pts is None or not start <= float(packet.pts * packet.time_base) - self.begin < end:
                    continue
                first = packet.pts if first is None else first
                packet.pts = packet.dts = packet.pts - first
                packet.stream = self.stream
                self.container.mux(packet)
