"""Corruption by compression: H.264 in memory; `camera` describes the signature of the effect."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from dance_tf.corruption.camera import Constant

# as in fast upload pipelines; slower presets need fewer bits at the same CRF
PRESET = Constant("preset", "x264", "veryfast")
KEYFRAMES = Constant("keyframe interval", "frames at most", 250)  # x264's default
FRAMES_PER_SECOND = 30.0


def encode_h264(
    frames: np.ndarray, crf: float, rate: float = FRAMES_PER_SECOND, keyframe_interval: int = KEYFRAMES.value
) -> list:
    """Return packets (`av.Packet`) of frames uint8 [n, h, w] by x264: gray, full range, B-frames, in coding order.

    Args:
        crf: 0..51; 0 is lossless.
        rate: frames per second.
        keyframe_interval: frames between keyframes at most; 1 codes each frame on its own.
    """
    import av

    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width = frames.shape[1:]
    encoder.pix_fmt = "gray"
    encoder.framerate = Fraction(rate).limit_denominator(1001)
    encoder.time_base = 1 / encoder.framerate
    encoder.gop_size = keyframe_interval
    encoder.thread_count = 1  # for reproducible bytes
    # without cpu-independent the bytes differ between processors, and for small frames between calls
    encoder.options = {"crf": f"{crf:g}", "preset": PRESET.value, "x264-params": "cpu-independent=1"}
    packets = []
    for i, frame in enumerate(frames):
        picture = av.VideoFrame.from_ndarray(frame, format="gray")
        picture.pts = i
        packets += encoder.encode(picture)
    return packets + encoder.encode(None)


def decode_h264(packets: list, shape: tuple[int, int, int]) -> np.ndarray:
    """Decode the packets of `encode_h264` to the luma of the frames, uint8 of `shape` (n, h, w).

    Raises:
        RuntimeError: the number or size of the frames differs.
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
    keyframe_interval: int = KEYFRAMES.value,
) -> np.ndarray:
    """Encode a clip with x264 and decode it.

    Args:
        crf: constant rate factor, 0..51.
        keyframe_interval: 1 codes every frame on its own, for frames that are not a clip.
    """
    if not frames.size:
        return frames.copy()
    packets = encode_h264(frames, crf, _rate(seconds), keyframe_interval)
    return decode_h264(packets, frames.shape)


def _rate(seconds: np.ndarray) -> float:
    """Return the frames per second from the median time step; 30 without a step."""
    steps = np.diff(np.asarray(seconds, np.float64))
    step = float(np.median(steps)) if steps.size else 0.0
    return float(np.clip(1 / step, 1, 240)) if step > 1e-6 else FRAMES_PER_SECOND


@dataclass(frozen=True)
class CompressionMeasure:
    """The effect of one constant rate factor on a clip."""

    crf: float
    psnr: float  # decibels, from the mean squared error over all frames; infinite if lossless
    bitrate: float  # kbit/s of the encoded video, without a container
    bits_per_pixel: float  # encoded bits for each pixel of each frame


def psnr(reference: np.ndarray, degraded: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB of uint8 arrays of one shape; infinite if they are equal."""
    error = np.mean((reference.astype(np.float32) - degraded) ** 2, dtype=np.float64)
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def measure_compression(
    frames: np.ndarray, crf_values: tuple[float, ...], rate: float = FRAMES_PER_SECOND
) -> tuple[CompressionMeasure, ...]:
    """Encode frames uint8 [n, h, w] at each CRF and at `rate` frames per second, and measure bit rate and quality.

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
