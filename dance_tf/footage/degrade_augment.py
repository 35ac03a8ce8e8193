"""Degradations as training augmentation: one random condition on some of a batch's frames.

Frames of a batch are strangers to each other, and already at the network's size; a condition is drawn anew for each
batch, and the frames that share it each get another moment of it (another place of the shadow, another patch of fog).
"""

import numpy as np

from dance_tf.footage.degrade_codec import compress_h264
from dance_tf.footage.degrade_conditions import CONDITIONS, FAMILIES, HARSHEST, Condition
from dance_tf.footage.degrade_light import light_from_behind

SPATIAL_FAMILIES = tuple(family for family in FAMILIES if family != "time")
ASSUMED_SIDE = 720  # a frame at the network's size stands for footage of this short side where resolution is lost
MILDEST = 0.5
DAY = 86_400.0  # seconds: moments of one condition are drawn from so long that they are unlike each other


def augment_frames(
    frames: np.ndarray,
    generator: np.random.Generator,
    families: tuple[str, ...] = SPATIAL_FAMILIES,
    share: float = 0.5,
    harshest: float = HARSHEST,
) -> np.ndarray:
    """Put a random condition on a random part of a batch.

    Each frame that is picked gets one effect of the families allowed, all effects as likely; frames with the same
    effect share its severity, drawn evenly from 0.5 to `harshest`. Dropped frames change no frame and are no
    augmentation.

    Args:
        frames: uint8 [n, h, w] or [n, h, w, 1], single frames of any clips.
        generator: the source of all chance here: the same state gives the same batch.
        families: which of `SPATIAL_FAMILIES` may occur; leave one out to ask later whether robustness carries over to
            it.
        share: 0..1, how likely a frame is to be picked.
        harshest: the highest severity, up to 5.

    Returns:
        uint8, a new array of the same shape.

    Raises:
        ValueError: an unknown family, or frames of another dtype or shape.
        ModuleNotFoundError: "compression" is allowed and PyAV is not installed.
    """
    unknown = [family for family in families if family not in SPATIAL_FAMILIES]
    if unknown:
        raise ValueError(f"no augmentation for {', '.join(unknown)}; there are {', '.join(SPATIAL_FAMILIES)}")
    frames = np.asarray(frames)
    if frames.dtype != np.uint8 or frames.ndim not in (3, 4) or (frames.ndim == 4 and frames.shape[3] != 1):
        raise ValueError(f"a batch is uint8 [n, h, w] or [n, h, w, 1], not {frames.dtype} {list(frames.shape)}")
    augmented = np.array(frames)
    planes = augmented.reshape(frames.shape[:3])  # a view: writing here writes there
    # mild and severe rows share one effect, which is drawn once
    effects = list({c.effect: c for c in CONDITIONS if c.spatial and c.family in families}.values())
    if not effects or not len(frames):
        return augmented
    choices = np.where(generator.random(len(frames)) < share, generator.integers(len(effects), size=len(frames)), -1)
    for i, condition in enumerate(effects):
        chosen = np.flatnonzero(choices == i)
        if chosen.size:
            severity = generator.uniform(min(MILDEST, harshest), harshest)
            planes[chosen] = _apply(condition, planes[chosen], severity, generator)
    return augmented


def _apply(condition: Condition, planes: np.ndarray, severity: float, generator: np.random.Generator) -> np.ndarray:
    """One effect on frames that are no clip; uint8 [k, h, w]."""
    settings: dict[str, float | bool] = dict(condition.settings(severity))
    if "inverse_side" in settings:
        settings["inverse_side"] *= ASSUMED_SIDE / min(planes.shape[1:])
    if condition.effect is light_from_behind:
        settings["one_clip"] = False
    if condition.effect is compress_h264:
        settings["keyframe_interval"] = 1
    return condition.effect(planes, generator.uniform(0, DAY, len(planes)), generator, **settings)
