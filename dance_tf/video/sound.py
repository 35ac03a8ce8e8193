"""The onsets of the sound of a clip: when notes and beats begin. They place a dance in its song."""

import math
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from scipy.ndimage import uniform_filter1d

from dance_tf.video.isolation import no_heartbeat
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings

ONSET_RATE = 100  # onset strengths per second
SAMPLE_RATE = 8000  # of the sound, mono
HOP, WINDOW = SAMPLE_RATE // ONSET_RATE, 256  # samples
FINE_BANDS, BANDS = 24, 6  # frequency bands in which loudness is compressed, and those of the result
BLOCK = 2000  # spectra at a time
LOCAL = 1.0  # seconds, over which the mean strength is taken out
LOUD = 100.0  # amplitudes are compressed by log(1 + LOUD × amplitude)


def read_onsets(
    path: Path, settings: ReadSettings = READ_DEFAULTS, heartbeat: Callable[[], None] = no_heartbeat
) -> np.ndarray:
    """Return the onset strengths of a clip from its first picture on (`onset_strength`).

    Args:
        settings: start, end and limit of the length.

    Returns:
        float16 [k, `BANDS`]; empty for a clip without sound, and for sound that cannot be decoded. Where sound breaks
        off, so do the strengths.
    """
    import av  # only files need it

    from dance_tf.video.decode import memory_ran_out

    samples = np.zeros(0, np.int16)
    if Path(path).is_file():  # not a folder of images
        try:
            samples = _read_samples(path, settings, heartbeat)
        except (av.FFmpegError, ValueError) as error:  # damaged sound makes no clip unreadable
            if memory_ran_out(error):
                raise
    return onset_strength(samples)


def _read_samples(path: Path, settings: ReadSettings, heartbeat: Callable[[], None]) -> np.ndarray:
    """Return the sound of a clip, int16 [n], mono, from its first picture on."""
    import av

    blocks, first, seconds = [np.zeros(0, np.int16)], None, 0.0
    length = min(settings.max_seconds, (settings.end or math.inf) - settings.start)
    with av.open(str(path), metadata_errors="replace") as container:
        sounds, pictures = container.streams.audio, container.streams.video
        if not sounds:
            return blocks[0]
        begin = float(pictures[0].start_time * pictures[0].time_base) if pictures and pictures[0].start_time else 0.0
        begin += settings.start
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
        with suppress(av.FFmpegError):  # what was read before a fault counts
            for frame in container.decode(sounds[0]):
                heartbeat()
                first = (frame.time or 0.0) - begin if first is None else first
                blocks += [part.to_ndarray().reshape(-1) for part in resampler.resample(frame)]
                seconds += frame.samples / frame.sample_rate
                if first + seconds > length:
                    break
    if first is None or first > length:  # a damaged file may state any time
        return blocks[0]
    samples, before = np.concatenate(blocks), round(first * SAMPLE_RATE)
    samples = np.pad(samples, (before, 0)) if before > 0 else samples[-before:]
    return samples[: round(length * SAMPLE_RATE)]


def onset_strength(samples: np.ndarray) -> np.ndarray:
    """Return how much louder the frequency bands of a sound become, `ONSET_RATE` times a second.

    Args:
        samples: int16 [n], mono, `SAMPLE_RATE` a second.

    Returns:
        float16 [n // HOP, `BANDS`], low to high, at least 0, with the standard deviation 1; empty for silence.

    Reference:
        Spectral flux (Bello et al. 2005, "A Tutorial on Onset Detection in Music Signals", IEEE TSAP 13(5)).
    """
    count = len(samples) // HOP
    if not count or not samples.any():
        return np.zeros((0, BANDS), np.float16)
    edges = np.unique(np.geomspace(1, WINDOW // 2 + 1, FINE_BANDS + 1).astype(int))
    padded = np.pad(samples, WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:count]
    loud, window = np.empty((count, len(edges) - 1)), np.hanning(WINDOW) / 2**15
    for start in range(0, count, BLOCK):
        spectrum = np.abs(np.fft.rfft(windows[start : start + BLOCK] * window, axis=1))
        loud[start : start + BLOCK] = np.log1p(LOUD * np.add.reduceat(spectrum, edges[:-1], axis=1))
    rises = np.maximum(np.diff(loud, axis=0, prepend=loud[:1]), 0)
    flux = np.stack([band.sum(axis=1) for band in np.array_split(rises, BANDS, axis=1)], axis=1)
    strength = np.maximum(flux - uniform_filter1d(flux, round(LOCAL * ONSET_RATE), axis=0, mode="nearest"), 0)
    return (strength / max(strength.std(), 1e-9)).astype(np.float16)
