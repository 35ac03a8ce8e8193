"""Frames on their way into a network: drawn clip by clip, seen against the room or not, shifted a little."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from dance_tf.dataset.dataset import Dataset

View = Literal["frame", "difference"]
FRAME_SIDE = 128  # pixels, as the networks take them
VIEWS: tuple[View, ...] = ("frame", "difference")


@dataclass(frozen=True)
class Jitter:
    """Random change of a training frame, so that place, size and light cannot be learnt by heart.

    Attributes:
        shift: largest shift in either direction, pixels of 128.
        zoom: largest relative change of size.
        tilt: largest rotation, degrees.
        gain: largest relative change of brightness.
        gamma: largest change of the exponent of gray levels, as its logarithm: what is bright on a dancer depends on
            clothes and light, and must not tell the style.
    """

    shift: float = 0.0
    zoom: float = 0.0
    tilt: float = 0.0
    gain: float = 0.0
    gamma: float = 0.0


def apply_view(frames: np.ndarray, rooms: np.ndarray, view: View) -> np.ndarray:
    """What the network sees of frames.

    Where a clip's room is not known, its picture is still the steadiest guess there is and is subtracted all the same:
    the result stays in the domain that a network trained on differences knows, only with more of the room left in it.

    Args:
        frames: uint8 [n, 128, 128, 1].
        rooms: uint8 [n, 128, 128, 1], the still room of each frame's clip.
        view: "frame" as it is (the paper's way), or its absolute "difference" from the room.

    Returns:
        uint8 [n, 128, 128, 1].

    Raises:
        ValueError: for an unknown view.
    """
    if view == "frame":
        return frames
    if view == "difference":
        return cv2.absdiff(frames, rooms).reshape(frames.shape)
    raise ValueError(f"unknown view {view!r}: use one of {', '.join(VIEWS)}")


def jitter_frames(frames: np.ndarray, jitter: Jitter, generator: np.random.Generator, alike: int = 1) -> np.ndarray:
    """Shift, zoom, tilt and brighten each frame by its own random amounts.

    Args:
        frames: uint8 [n, h, w, 1].
        jitter: how much at most; never mirrored, since some styles are not their own mirror image.
        generator: source of the amounts.
        alike: how many frames in a row change alike, as the frames of a window do; divides n.

    Returns:
        uint8 [n, h, w, 1].
    """
    amounts = generator.uniform(-1, 1, (len(frames) // alike, 6)).repeat(alike, axis=0)
    height, width = frames.shape[1:3]
    changed = np.empty_like(frames)
    for frame, out, (right, down, size, turn, light, bend) in zip(frames, changed, amounts, strict=True):
        matrix = cv2.getRotationMatrix2D(
            ((width - 1) / 2, (height - 1) / 2), turn * jitter.tilt, 1 + size * jitter.zoom
        )
        matrix[:, 2] += (right * jitter.shift, down * jitter.shift)
        moved = cv2.warpAffine(frame[..., 0], matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        levels = 255 * (np.arange(256) / 255) ** np.exp(bend * jitter.gamma) * (1 + light * jitter.gain)
        out[..., 0] = cv2.LUT(moved, np.clip(levels, 0, 255).round().astype(np.uint8))
    return changed


def sample_evenly(indices: np.ndarray, clips: np.ndarray, per_clip: int) -> np.ndarray:
    """At most `per_clip` frames of each clip, evenly spread over its time.

    Args:
        indices: int64 [n], frames to choose from, sorted.
        clips: int64, the clip of every frame of the dataset.
        per_clip: how many to keep of each clip.

    Returns:
        int64 [m], sorted.
    """
    chosen = []
    for members in _by_clip(indices, clips):
        places = (np.arange(per_clip) + 0.5) * len(members) / per_clip
        chosen.append(members if len(members) <= per_clip else members[places.astype(int)])
    return np.concatenate(chosen) if chosen else indices


def sample_random(indices: np.ndarray, clips: np.ndarray, per_clip: int, generator: np.random.Generator) -> np.ndarray:
    """At most `per_clip` random frames of each clip, in random order: an epoch's frames. int64 [m]."""
    chosen = [
        generator.choice(members, min(per_clip, len(members)), replace=False) for members in _by_clip(indices, clips)
    ]
    return generator.permutation(np.concatenate(chosen))


def _by_clip(indices: np.ndarray, clips: np.ndarray) -> list[np.ndarray]:
    return np.split(indices, np.flatnonzero(np.diff(clips[indices])) + 1) if len(indices) else []


def windows(indices: np.ndarray, allowed: np.ndarray, segments: np.ndarray, length: int) -> np.ndarray:
    """Return, for each of the given frames, the window of frames that ends at it.

    A window holds the last `length` allowed frames of its segment. Where the segment has fewer, its first allowed frame
    is repeated.

    Args:
        indices: int64 [n], frames of the dataset, all of them allowed.
        allowed: int64 [m], sorted: the frames that a window may hold, such as the training part of a split.
        segments: int64, the segment of every frame of the dataset (`Dataset.segments`).
        length: frames in a window.

    Returns:
        int64 [n, length].

    Raises:
        ValueError: a frame in `indices` is not allowed.
    """
    if not np.isin(indices, allowed).all():
        raise ValueError("a window cannot end at a frame that it may not hold")
    first = np.searchsorted(segments[allowed], segments[indices], side="left")
    last = np.searchsorted(allowed, indices)
    return allowed[np.maximum(last[:, None] - np.arange(length - 1, -1, -1), first[:, None])]


def subsample(indices: np.ndarray, clips: np.ndarray, interval: int, generator: np.random.Generator) -> np.ndarray:
    """One random frame of each `interval` consecutive ones of a clip (Table 3; the paper says neither which nor how).

    Args:
        indices: int64 [n], frames to choose from, sorted.
        clips: int64, the clip of every frame of the dataset.
        interval: frames that one is kept of; the last ones of a clip may be fewer, and one of them is kept too.
        generator: source of the choice.

    Returns:
        int64 [m], sorted.

    Raises:
        ValueError: for an interval below 1.
    """
    if interval < 1:
        raise ValueError(f"one frame of every {interval} cannot be kept: the interval is at least 1")
    kept = []
    for members in _by_clip(indices, clips):
        starts = np.arange(0, len(members), interval)
        sizes = np.minimum(interval, len(members) - starts)
        kept.append(members[starts + generator.integers(0, sizes)])
    return np.concatenate(kept) if kept else indices


def downsample(frames: np.ndarray, size: int) -> np.ndarray:
    """Frames as a smaller picture would show them: shrunk by area to `size` pixels and enlarged again.

    Args:
        frames: uint8 [n, h, w, 1].
        size: side of the smaller picture in pixels; frames of that height or less are left alone.

    Returns:
        uint8 [n, h, w, 1].
    """
    height, width = frames.shape[1:3]
    if size >= height:
        return frames
    coarse = np.empty_like(frames)
    for frame, out in zip(frames, coarse, strict=True):
        small = cv2.resize(frame[..., 0], (size, size), interpolation=cv2.INTER_AREA)
        out[..., 0] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return coarse


def load_frames(dataset: Dataset, indices: np.ndarray, view: View) -> np.ndarray:
    """What the network sees of frames of a dataset: uint8 [*indices.shape, 128, 128, 1], `indices` of any shape."""
    flat = indices.reshape(-1)
    seen = apply_view(dataset.frames[flat], dataset.rooms[dataset.clip_index[flat]], view)
    return seen.reshape(*indices.shape, *seen.shape[1:])
