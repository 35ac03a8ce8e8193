"""Corruption by compression: H.264 in memory; `camera` describes the signature of the effect."""

from fractions import Fraction

import numpy as np
import pandas as pd

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
            size = picture.height, picture.width
            if count == shape[0] or size != shape[1:]:
                raise RuntimeError(f"H.264 gave frame {count} of {size} where {shape} was sent")
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
    step = float(np.median(np.diff(seconds))) if len(seconds) > 1 else 0.0
    rate = float(np.clip(1 / step, 1, 240)) if step > 1e-6 else FRAMES_PER_SECOND
    return decode_h264(encode_h264(frames, crf, rate, keyframe_interval), frames.shape)


def psnr(reference: np.ndarray, degraded: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB of uint8 arrays of one shape; infinite if they are equal."""
    error = np.mean((reference.astype(np.float32) - degraded) ** 2, dtype=np.float64)
    return float(10 * np.log10(255**2 / error)) if error > 0 else float("inf")


def measure_compression(
    frames: np.ndarray, crf_values: tuple[float, ...], rate: float = FRAMES_PER_SECOND
) -> pd.DataFrame:
    """Encode frames uint8 [n, h, w] at each CRF and at `rate` frames per second.

    Returns:
        Columns CRF, PSNR (dB) (`psnr`), kbit/s (without a container) and bits per pixel (of each frame).
    """
    rows = []
    for crf in crf_values:
        packets = encode_h264(frames, crf, rate)
        bits = 8 * sum(packet.size for packet in packets)
        quality = psnr(frames, decode_h264(packets, frames.shape))
        rows.append((crf, quality, bits * rate / len(frames) / 1000, bits / frames.size))
    return pd.DataFrame(rows, columns=["CRF", "PSNR (dB)", "kbit/s", "bits per pixel"])
