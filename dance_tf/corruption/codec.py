"""What a video codec does to a clip: a real H.264 encode and decode, in memory.

The effect has the signature that `degrade_camera` describes.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

WORST_CRF = 51  # x264's constant rate factor runs from 0 (lossless) to 51
PRESET = "veryfast"  # what upload pipelines that must keep up use; slower ones spend fewer bits at the same CRF
KEYFRAMES = 250  # frames from one keyframe to the next at most, x264's own default
FRAMES_PER_SECOND = 30.0


def quality_to_crf(quality: float) -> int:
    """The constant rate factor of a "quality" in percent: floor((1 - quality / 100) × 51).

    The paper says "25 % quality" and "15 % quality" and no more. The linear map from quality to CRF that imageio's
    FFmpeg writer has long used is the one published reading of such a number: 25 % is CRF 38, 15 % is CRF 43.

    Raises:
        ValueError: quality outside 0..100.
    """
    if not 0 <= quality <= 100:
        raise ValueError(f"quality is a percentage of 0..100, not {quality}")
    return int((1 - quality / 100) * WORST_CRF)


def encode_h264(
    frames: np.ndarray, crf: float, rate: float = FRAMES_PER_SECOND, keyframe_interval: int = KEYFRAMES
) -> list:
    """Encode gray frames with x264 (monochrome, full range as it is, B-frames, one thread so that bytes repeat).

    Args:
        frames: uint8 [n, h, w], any size.
        crf: 0..51; 0 is lossless.
        rate: frames per second.
        keyframe_interval: frames from one keyframe to the next at most; 1 codes each frame by itself.

    Returns:
        The encoded packets in coding order (`av.Packet`).
    """
    import av

    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = frames.shape[1:]
    encoder.pix_fmt = "gray"
    encoder.framerate = Fraction(rate).limit_denominator(1001)
    encoder.time_base = 1 / encoder.framerate
    encoder.gop_size = keyframe_interval
    encoder.thread_count = 1
    # without it x264's vector code for macroblock trees gives other bytes from one call to the next on small
    # frames, and other bytes on another processor
    encoder.options = {"crf": f"{crf:g}", "preset": PRESET, "x264-params": "cpu-independent=1"}
    packets = []
    for i, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="gray")
        picture.pts = i
        packets += encoder.encode(picture)
    return packets + encoder.encode(None)


def decode_h264(packets: list, shape: tuple[int, int, int]) -> np.ndarray:
    """Decode packets to the luma of the frames in order of time.

    Args:
        packets: what `encode_h264` gave.
        shape: (n, h, w) that must come out.

    Raises:
        RuntimeError: another number or size of frames came out.
    """
    import av

    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    frames = np.empty(shape, np.uint8)
    count = 0
    for packet in [*packets, None]:
        for picture in decoder.decode(packet):
            if count == shape[0] or (picture.height, picture.width) != shape[1:]:
                raise RuntimeError(
                    f"H.264 gave frame {count} of {picture.height}×{picture.width} where {shape} was sent"
                )
            plane = picture.planes[0]
            frames[count] = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[: shape[1], : shape[2]]
            count += 1
    if count != shape[0]:
        raise RuntimeError(f"H.264 gave {count} frames back where {shape[0]} were sent")
    return frames


def compress_h264(
    frames: np.ndarray,
    seconds: np.ndarray,
    generator: np.random.Generator,
    *,
    crf: float,
    keyframe_interval: int = KEYFRAMES,
) -> np.ndarray:
    """Encode a clip with x264 and decode it again; as many frames as before, in the same order.

    Args:
        crf: constant rate factor, 0..51.
        keyframe_interval: 1 codes every frame by itself, for frames that are no clip.
    """
    if not frames.size:
        return frames.copy()
    packets = encode_h264(frames, crf, _rate(seconds), keyframe_interval)
    return decode_h264(packets, frames.shape)


def _rate(seconds: np.ndarray) -> float:
    """Frames per second from the median step in time; 30 where no step can be told."""
    steps = np.diff(np.asarray(seconds, np.float64))
    step = float(np.median(steps)) if steps.size else 0.0
    return float(np.clip(1 / step, 1, 240)) if step > 1e-6 else FRAMES_PER_SECOND


@dataclass(frozen=True)
class CompressionMeasure:
    """What one CRF does to given frames.

    Attributes:
        crf: the constant rate factor.
        psnr: decibels, from the mean squared error over all frames; infinite where nothing was lost.
        bitrate: kbit/s of the encoded video, without a container.
        bits_per_pixel: encoded bits for each pixel of each frame.
    """

    crf: float
    psnr: float
    bitrate: float
    bits_per_pixel: float


def psnr(reference: np.ndarray, degraded: np.ndarray) -> float:
    """Peak signal-to-noise ratio in dB of uint8 arrays of one shape; infinite where they are equal."""
    error = np.mean((reference.astype(np.float32) - degraded) ** 2, dtype=np.float64)
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def measure_compression(
    frames: np.ndarray, crf_values: tuple[float, ...] = (38, 43), rate: float = FRAMES_PER_SECOND
) -> tuple[CompressionMeasure, ...]:
    """Encode frames at each CRF and measure what it costs and what it leaves.

    Args:
        frames: uint8 [n, h, w], n at least 1.
        crf_values: the rate factors to try.
        rate: frames per second, for the bitrate.

    Raises:
        ValueError: no frames.
    """
    if not frames.size:
        raise ValueError("measuring compression needs at least one frame")
    measures = []
    for crf in crf_values:
        packets = encode_h264(frames, crf, rate)
        bits = 8 * sum(packet.size for packet in packets)
        quality = psnr(frames, decode_h264(packets, frames.shape))
        measures.append(CompressionMeasure(crf, quality, bits * rate / len(frames) / 1000, bits / frames.size))
    return tuple(measures)
