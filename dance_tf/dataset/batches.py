"""Frames for a network: sampled per clip, with or without background subtraction, with random jitter.

Everywhere `frames` are uint8 [n, h, w, 1], and so are changed ones; `indices` are int64 [n], sorted, frames of the
dataset; `clips` and `labels` are int64, the clip and the style of every frame of the dataset.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from dance_tf.dataset.dataset import Dataset

View = Literal["frame", "difference", "cutout", "skeleton", "skeleton+cutout"]
FRAME_SIDE = 128  # pixels, input of the networks
VIEWS: tuple[View, ...] = ("frame", "difference")  # of any footage
WINDOW_VIEWS: tuple[View, ...] = ("skeleton", "skeleton+cutout")  # windows of joints, alone or with cut-outs
POSE_VIEWS: tuple[View, ...] = ("cutout", *WINDOW_VIEWS)  # of curated skeletons
ALL_VIEWS = (*VIEWS, *POSE_VIEWS)


@dataclass(frozen=True)
class Jitter:
    """Maximum random changes of training frames, against overfitting to position, size, light and clothes."""

    shift: float = 0.0  # in either direction, pixels of 128
    zoom: float = 0.0  # relative change of size
    tilt: float = 0.0  # rotation, degrees
    gain: float = 0.0  # relative change of brightness
    gamma: float = 0.0  # change of the logarithm of the exponent of gray levels


def apply_view(frames: np.ndarray, backgrounds: np.ndarray, view: View) -> np.ndarray:
    """Return frames as the network takes them.

    A background that is not valid is subtracted as well: it is the best estimate, and the network expects differences.

    Args:
        backgrounds: uint8 [n, h, w, 1], the background of each frame's clip.
        view: "frame" (unchanged, as in the paper), "difference" (absolute difference from the background), or "cutout":
            the frames are cut-outs already.

    Raises:
        ValueError: an unknown view.
    """
    if view in ("frame", "cutout"):
        return frames
    if view == "difference":
        return cv2.absdiff(frames, backgrounds).reshape(frames.shape)
    raise ValueError(f"unknown view {view!r}: use one of {', '.join(ALL_VIEWS)}")


def jitter_frames(
    frames: np.ndarray, jitter: Jitter, generator: np.random.Generator, sequence_length: int = 1
) -> np.ndarray:
    """Shift, zoom, rotate and brighten each frame, or each sequence of frames, by random amounts.

    Frames are never mirrored, because the mirror image of some styles is not the same style.

    Args:
        sequence_length: number of consecutive frames that change by the same amounts; divides n.
    """
    amounts = generator.uniform(-1, 1, (len(frames) // sequence_length, 6)).repeat(sequence_length, axis=0)
    height, width = frames.shape[1:3]
    centre = (width - 1) / 2, (height - 1) / 2
    changed = np.empty_like(frames)
    for frame, out, (right, down, size, turn, light, bend) in zip(frames, changed, amounts, strict=True):
        matrix = cv2.getRotationMatrix2D(centre, turn * jitter.tilt, 1 + size * jitter.zoom)
        matrix[:, 2] += (right * jitter.shift, down * jitter.shift)
        moved = cv2.warpAffine(frame[..., 0], matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        levels = 255 * (np.arange(256) / 255) ** np.exp(bend * jitter.gamma) * (1 + light * jitter.gain)
        out[..., 0] = cv2.LUT(moved, np.clip(levels, 0, 255).round().astype(np.uint8))
    return changed


def sample_evenly(indices: np.ndarray, clips: np.ndarray, per_clip: int) -> np.ndarray:
    """Return at most `per_clip` of some frames of each clip, evenly spread over them, sorted."""
    chosen = []
    for members in _by_clip(indices, clips):
        chosen.append(members if len(members) <= per_clip else members[spread_places(len(members), per_clip)])
    return np.concatenate(chosen)


def sample_random(indices: np.ndarray, clips: np.ndarray, per_clip: int, generator: np.random.Generator) -> np.ndarray:
    """Return at most `per_clip` random frames of each clip in random order, the frames of an epoch: int64 [m]."""
    chosen = [
        generator.choice(members, min(per_clip, len(members)), replace=False) for members in _by_clip(indices, clips)
    ]
    return generator.permutation(np.concatenate(chosen))


def sample_balanced(
    indices: np.ndarray, clips: np.ndarray, labels: np.ndarray, per_clip: int, generator: np.random.Generator
) -> np.ndarray:
    """Return about as many frames as `sample_random`, equally many of each style, in random order: int64 [m].

    Clips of a rare style are drawn several times, with other frames each time, and not all clips of a frequent one.
    """
    styles = [indices[labels[indices] == style] for style in np.unique(labels[indices])]
    drawn = [[sample_random(members, clips, per_clip, generator)] for members in styles]
    share = -(-sum(len(rounds[0]) for rounds in drawn) // len(styles))
    for members, rounds in zip(styles, drawn, strict=True):
        while sum(map(len, rounds)) < share:
            rounds.append(sample_random(members, clips, per_clip, generator))
    return generator.permutation(np.concatenate([np.concatenate(rounds)[:share] for rounds in drawn]))


def _by_clip(indices: np.ndarray, clips: np.ndarray) -> list[np.ndarray]:
    return np.split(indices, np.flatnonzero(np.diff(clips[indices])) + 1)


def windows(indices: np.ndarray, allowed: np.ndarray, segments: np.ndarray, length: int) -> np.ndarray:
    """Return, for each of the given frames, the window of frames that ends at it: int64 [n, length].

    A window holds the last `length` allowed frames of its segment. Where the segment has fewer, its first allowed frame
    is repeated.

    Args:
        indices: all of them allowed.
        allowed: int64 [m], sorted: the frames that a window may hold, such as the training part of a split.
        segments: int64, the segment of every frame of the dataset (`Dataset.segments`).

    Raises:
        ValueError: a frame in `indices` is not allowed.
    """
    last = np.searchsorted(allowed, indices)
    if not np.array_equal(allowed.take(last, mode="clip"), indices):
        raise ValueError("a window cannot end at a frame that it may not hold")
    first = np.searchsorted(segments[allowed], segments[indices], side="left")
    return allowed[np.maximum(last[:, None] - np.arange(length - 1, -1, -1), first[:, None])]


def subsample(indices: np.ndarray, clips: np.ndarray, interval: int, generator: np.random.Generator) -> np.ndarray:
    """Return one random frame of each `interval` consecutive frames of a clip (Table 3; the paper gives no method).

    Args:
        interval: number of frames of which one is kept; the last group of a clip may have fewer.

    Raises:
        ValueError: an interval below 1.
    """
    if interval < 1:
        raise ValueError(f"one frame of every {interval} cannot be kept: the interval is at least 1")
    kept = []
    for members in _by_clip(indices, clips):
        starts = np.arange(0, len(members), interval)
        kept.append(members[starts + generator.integers(0, np.minimum(interval, len(members) - starts))])
    return np.concatenate(kept)


def downsample(frames: np.ndarray, size: int) -> np.ndarray:
    """Return frames at a lower resolution: shrunk to `size` pixels by area, and enlarged again.

    Args:
        size: side of the smaller picture in pixels; frames of that height or less are returned unchanged.
    """
    height, width = frames.shape[1:3]
    if size >= height:
        return frames
    coarse = np.empty_like(frames)
    for frame, out in zip(frames, coarse, strict=True):
        small = cv2.resize(frame[..., 0], (size, size), interpolation=cv2.INTER_AREA)
        out[..., 0] = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    return coarse


def load_pairs(dataset: Dataset, indices: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return frames int64 [n] of a dataset and their backgrounds, both uint8 [n, 128, 128, 1], for `apply_view`.

    For the view "cutout", these are the cut-outs nearest in time, and black.

    Raises:
        DatasetError: a cut-out is wanted, and a clip of the dataset has none.
    """
    if view == "cutout":
        frames = dataset.cutouts[dataset.nearest_pose[indices]]
        return frames, np.zeros_like(frames)
    return dataset.frames[indices], dataset.backgrounds[dataset.clip_index[indices]]


def spread_places(length: int, count: int) -> np.ndarray:
    """Return the middles of `count` equal parts of a sequence, int64 [count], as places in it."""
    return ((np.arange(count) + 0.5) * length / count).astype(int)


def load_frames(dataset: Dataset, indices: np.ndarray, view: View) -> np.ndarray:
    """Return frames of a dataset as the network takes them: uint8 [*indices.shape, 128, 128, 1]."""
    frames = apply_view(*load_pairs(dataset, indices.reshape(-1), view), view)
    return frames.reshape(*indices.shape, *frames.shape[1:])
