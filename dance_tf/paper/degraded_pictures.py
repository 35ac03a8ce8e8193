"""What conditions do to held-out clips, to be looked at: a moment under each, and what compression costs and leaves."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from dance_tf.footage.degrade_file import compress_file, middle_under
from dance_tf.footage.isolation import DecodingProcess, LostProcess
from dance_tf.footage.source import ReadError
from dance_tf.paper.degraded_clips import MEMORY_BYTES, SILENCE_SECONDS, HeldOutClip, request_for
from dance_tf.paper.disturbances import Disturbance


def picture_under_conditions(
    clips: Sequence[HeldOutClip], disturbances: Sequence[Disturbance]
) -> dict[Disturbance, np.ndarray]:
    """One moment of the first clip that can be read, about the middle of its first 250 frames, at its own size.

    Returns:
        uint8 [h, w] for each disturbance. One that loses frames shows the frame as it is.

    Raises:
        ReadError: none of the clips can be read.
    """
    with DecodingProcess(SILENCE_SECONDS, MEMORY_BYTES) as process:
        for clip in clips:
            requests = [request_for(each, clip, np.empty(0, np.int64)) for each in disturbances]
            try:
                return dict(zip(disturbances, process.call(middle_under, clip.path, requests), strict=True))
            except (ReadError, LostProcess, MemoryError):
                continue  # `degrade_held_out` says why
    raise ReadError(f"none of the {len(clips)} held-out clips can be read")


def compression_of(clips: Sequence[HeldOutClip], crf_values: tuple[float, ...]) -> pd.DataFrame:
    """What H.264 does to clips at their own size, measured on their first 250 frames; means over the clips.

    Returns:
        columns CRF, PSNR (dB), kbit/s, bits per pixel, frame (px), frames/s (each of those that there are), clips.
    """
    with DecodingProcess(SILENCE_SECONDS, MEMORY_BYTES) as process:
        files = [process.call(compress_file, clip.path, crf_values) for clip in clips]
    names = {"crf": "CRF", "psnr": "PSNR (dB)", "bitrate": "kbit/s", "bits_per_pixel": "bits per pixel"}
    table = pd.DataFrame([asdict(measure) for file in files for measure in file.measures])
    table = table.groupby("crf", as_index=False).mean().rename(columns=names)
    sizes = ", ".join(dict.fromkeys(f"{file.width}×{file.height}" for file in files))
    rates = ", ".join(dict.fromkeys(f"{file.rate:.3g}" for file in files))
    return table.assign(**{"frame (px)": sizes, "frames/s": rates, "clips": len(clips)})
