"""Patterns of walls, floors and pictures, as colours at points of a surface (metres)."""

from functools import lru_cache

import numpy as np

WALLS = ("paint", "two tones", "stripes", "bricks", "panels")
FLOORS = ("planks", "tiles", "carpet", "concrete")


@lru_cache(maxsize=1)
def _grain() -> np.ndarray:
    """Smooth noise float32 [256, 256] around 0, deviation about 1, that can be tiled."""
    noise = np.random.default_rng(7).normal(size=(256, 256))
    rate = np.fft.fftfreq(256)
    shape = 1.0 / (1.0 + (np.hypot(rate[:, None], rate[None]) / 0.03) ** 1.5)
    smooth = np.fft.ifft2(np.fft.fft2(noise) * shape).real
    return (smooth / smooth.std()).astype(np.float32)


def grain_at(u: np.ndarray, v: np.ndarray, fine: float) -> np.ndarray:
    """Noise at points; `fine` is how many noise samples lie on a metre."""
    return _grain()[(v * fine).astype(np.int32) & 255, (u * fine).astype(np.int32) & 255]


def _hashed(index: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for every integer, always the same."""
    return np.modf(np.abs(np.sin(index * 12.9898 + 4.1) * 43758.547))[0]


def wall_colour(u: np.ndarray, v: np.ndarray, kind: str, colour: np.ndarray, trim: np.ndarray) -> np.ndarray:
    """Float32 [n, 3] of a wall at u along it and v above the floor."""
    base = np.broadcast_to(colour, (len(u), 3)).astype(np.float32)
    if kind == "two tones":
        base = np.where((v < 1.05)[:, None], trim, base)
        base[(v > 1.03) & (v < 1.09)] *= 0.75
    elif kind == "stripes":
        base = np.where(((u / 0.16) % 2 < 1)[:, None], base, 0.88 * base + 0.12 * trim)
    elif kind == "bricks":
        row = np.floor(v / 0.085)
        across = u / 0.24 + 0.5 * (row % 2)
        tone = 0.82 + 0.3 * _hashed(np.floor(across) + 57 * row)
        joint = ((v / 0.085) % 1 < 0.14) | (across % 1 < 0.06)
        base = base * tone[:, None]
        base[joint] = 0.6 * colour + 60
    elif kind == "panels":
        edge = ((u / 0.62) % 1 < 0.03) | ((v > 0.92) & (v < 0.96)) | ((v > 0.1) & (v < 0.12))
        base = np.where(edge[:, None], 0.8 * base, base)
    base = base * (1.0 + 0.018 * grain_at(u, v, 90.0))[:, None]
    base[v < 0.09] = trim * 0.4 + 130  # skirting board
    return base.astype(np.float32)


def floor_colour(u: np.ndarray, v: np.ndarray, kind: str, colour: np.ndarray) -> np.ndarray:
    """Float32 [n, 3] of a floor at its points."""
    tone = np.ones_like(u)
    if kind == "planks":
        row = np.floor(v / 0.14)
        across = u / 1.1 + _hashed(row)
        tone = 0.84 + 0.28 * _hashed(np.floor(across) + 31 * row)
        tone *= 1 + 0.05 * grain_at(u, v, 30.0) + 0.05 * grain_at(u * 0.2, v * 3, 80.0)
        tone[((v / 0.14) % 1 < 0.05) | (across % 1 < 0.006)] *= 0.6
    elif kind == "tiles":
        tone = np.where((np.floor(u / 0.33) + np.floor(v / 0.33)) % 2 > 0, 1.0, 0.9)
        tone[((u / 0.33) % 1 < 0.03) | ((v / 0.33) % 1 < 0.03)] = 0.7
    elif kind == "carpet":
        tone = 1 + 0.07 * grain_at(u, v, 120.0)
    else:
        tone = 1 + 0.06 * grain_at(u, v, 12.0) + 0.03 * grain_at(u, v, 70.0)
    return (colour * tone[:, None]).astype(np.float32)


def poster(rng: np.random.Generator, rows: int = 192, columns: int = 144) -> np.ndarray:
    """An abstract picture float32 [rows, columns, 3]."""
    y, x = np.mgrid[0:rows, 0:columns] / rows
    ground, *inks = rng.uniform(20, 240, (5, 3))
    picture = np.broadcast_to(ground, (rows, columns, 3)).copy()
    for ink in inks:
        kind, (cx, cy, size) = rng.integers(3), rng.uniform(0.1, 0.6, 3)
        inside = (
            np.hypot(x - cx, y - cy) < 0.6 * size,
            np.abs(x - cx) + 0.3 * np.abs(y - cy) < 0.3 * size,
            y > 1 - 0.4 * size + 0.1 * np.sin(8 * x + cx),
        )[kind]
        picture[inside] = ink
    return picture.astype(np.float32)
