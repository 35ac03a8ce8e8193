"""A container's packets to pictures: on past what is broken, transparency and all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from dance_tf.footage.settings import ReadSettings

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.video.codeccontext import VideoCodecContext
    from av.video.stream import VideoStream

ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own decoders of these leave out the alpha plane

SPARE_BYTES = 256 << 20  # where this much memory is still to be had, memory has not run out


class PictureDecoder:
    """Decodes the picture track of an open container, from where it stands.

    Pictures come cropped as the coded stream says (H.264, HEVC, …). What only the container would crop (Matroska's
    PixelCrop, the `clap` box of MP4) is shown: PyAV 18 does not hand out the side data of a track.

    Memory that runs out is no fault of the file: it is raised, as `MemoryError`, and never counted.

    Args:
        container: as PyAV opened it.
        stream: the picture track.
        settings: threads, skips and limits.
        skipping: leave out frames that no other frame needs.

    Attributes:
        broken_packets: how many could not be decoded.
        warnings: why reading ended before the end, in plain words.
        broke_off: True where packets could not be read any further.
    """

    def __init__(self, container: InputContainer, stream: VideoStream, settings: ReadSettings, skipping: bool) -> None:
        self._container, self._stream, self._limits = container, stream, settings.limits
        self.broken_packets = 0
        self.warnings: list[str] = []
        self.broke_off = False
        self._codec = _alpha_codec(stream) or stream.codec_context
        self._codec.thread_type = "AUTO"
        self._codec.thread_count = settings.threads
        # without `unaligned`, FFmpeg shows columns that H.264 and HEVC crop at the left, to keep rows aligned in memory
        options = {"max_pixels": str(settings.limits.pixels), "flags": "+unaligned"}
        if settings.skip_loop_filter:
            options["skip_loop_filter"] = "all"
        self._codec.options = options
        if skipping:
            self._codec.skip_frame = "NONREF"

    def frames(self) -> Iterator[VideoFrame]:
        """Yield frames as the decoder hands them out; what cannot be decoded is stepped over and counted."""
        import av

        self._open()
        in_a_row = 0
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.FFmpegError, ValueError) as error:
                if memory_ran_out(error):
                    raise
                self.broke_off = True
                self._warn(f"breaks off ({explain(error)})")
                packet = None
            try:
                frames = self._codec.decode(packet)
                in_a_row = 0
            except MemoryError:
                raise
            except av.EOFError:
                break
            except (av.FFmpegError, ValueError):
                frames, in_a_row = [], in_a_row + 1
                self.broken_packets += 1
            yield from frames
            if packet is None:
                break
            if in_a_row > self._limits.broken_packets:
                self._warn("given up after too many broken packets in a row")
                break

    def frames_from(self, ticks: int) -> Iterator[VideoFrame]:
        """Frames from the key frame at or before a time on, or none where the file cannot be sought in."""
        import av

        try:
            self._container.seek(ticks, stream=self._stream, backward=True)
        except MemoryError:
            raise
        except (av.FFmpegError, ValueError):
            return iter(())
        self._codec.flush_buffers()
        return self.frames()

    def _open(self) -> None:
        import av

        try:
            self._codec.open(strict=False)
        except MemoryError:
            raise
        except BlockingIOError as error:
            # what a system says where it has no room for the stack of one more thread
            raise MemoryError("no memory for so many decoding threads") from error
        except (av.FFmpegError, ValueError):
            pass  # every packet will meet the same error, and be counted

    def _warn(self, warning: str) -> None:
        if warning not in self.warnings:
            self.warnings.append(warning)


def memory_ran_out(error: Exception) -> bool:
    """Whether an error of FFmpeg's reading tells that memory ran out.

    It says the same of a damaged file in which a length of gigabytes is written: then there is memory all the same.
    """
    if not isinstance(error, MemoryError):
        return False
    try:
        np.empty(SPARE_BYTES, np.uint8)
    except MemoryError:
        return True
    return False


def explain(error: Exception) -> str:
    """Say what an error of FFmpeg means, without the number and the path around it."""
    if isinstance(error, MemoryError):
        return "it is damaged: a length in it is beyond all measure"
    return getattr(error, "strerror", None) or str(error).splitlines()[0] or type(error).__name__


def _alpha_codec(stream: VideoStream) -> VideoCodecContext | None:
    """A decoder that hands out transparency, where a WebM file says that it has some and FFmpeg's own would not.

    It knows nothing of the track, so that a rotation flag, which a WebM file hardly ever has, is not seen.
    """
    import av

    name = ALPHA_DECODERS.get(stream.codec_context.name)
    marked = any(key.lower() == "alpha_mode" and value == "1" for key, value in stream.metadata.items())
    if name is None or not marked or name not in av.codecs_available:
        return None
    return av.CodecContext.create(name, "r")
