"""The song of each style: drums and a bass line that repeat with the choreography."""

import zlib

import numpy as np

from dance_tf.synthesis.choreography import Style
from dance_tf.video.sound import SAMPLE_RATE

VOLUME = 0.3


def _sound(seconds: float, decay: float, frequency: float, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Return a tone with noise that fades to 1/e in `decay` seconds."""
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = np.sin(2 * np.pi * frequency * at) * (1 - noise) + rng.normal(0, 0.5, len(at)) * noise
    return tone * np.exp(-at / decay)


def play(style: Style, phase: float, beat: float, seconds: float) -> np.ndarray:
    """Return the song of a style as it sounds in a clip.

    Drums mark the beats; each style has its own notes and off-beats, so that no two styles have the same song.

    Args:
        phase: beat of the choreography at time 0.
        beat: seconds from one beat to the next.
        seconds: length.

    Returns:
        int16 [round(seconds × SAMPLE_RATE)], mono.
    """
    rng = np.random.default_rng(zlib.crc32(style.name.encode()))
    kick, snare = _sound(0.25, 0.06, 60, 0.05, rng), _sound(0.2, 0.05, 190, 0.7, rng)
    hat, notes = 0.4 * _sound(0.08, 0.02, 2500, 0.9, rng), 55 * 2 ** (rng.integers(0, 24, 2 * len(style.poses)) / 12)
    plays, accents = rng.random(len(notes)) < 0.6, rng.uniform(0.3, 1.0, len(notes))
    basses = [0.6 * _sound(0.4, 0.15, note, 0.02, rng) for note in notes]
    song = np.zeros(round(seconds * SAMPLE_RATE))
    for half in range(int(np.floor(2 * phase)) - 1, int(np.ceil(2 * (phase + seconds / beat))) + 1):
        place = half % len(notes)
        sounds = [accents[place] * (hat if half % 2 else snare if place % 4 == 2 else kick)]
        sounds += [basses[place]] if plays[place] else []
        start = round((half / 2 - phase) * beat * SAMPLE_RATE)
        for sound in sounds:
            first, last = max(start, 0), min(start + len(sound), len(song))
            if first < last:
                song[first:last] += sound[first - start : last - start]
    return np.round(np.tanh(VOLUME * song) * (2**15 - 1)).astype(np.int16)
