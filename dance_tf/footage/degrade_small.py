"""What is left of a degradation once the footage is shrunk to a few pixels, told from the shrunk pictures alone.

Footage is degraded at its own size. Whoever has only the shrunk picture cannot do that, and the same numbers on it
would do far more harm: averaging over an area takes most of the noise and of what a codec does with it. Here each
effect is scaled so that its PSNR is that of degraded and then shrunk footage, within about 2 dB on made-up clips (a
test holds that). What is named as a share of the picture (streaks, drops, scattering) scales by itself.
"""

from collections.abc import Callable, Mapping

import cv2
import numpy as np

from dance_tf.footage.degrade_camera import add_gaussian_noise, lower_resolution
from dance_tf.footage.degrade_codec import compress_h264

# measured on made-up clips of 432 px shrunk to 72: the CRF that harms shrunk single frames as much as CRF 28 to 48
# harms the clips lies 16.5 to 19.2 below at 6 frames a second and 16.4 to 19.1 at 30, which is 7 for each halving
CRF_A_HALVING = 7.0
# x264 spends more on a frame that is shown longer, so CRF 38 leaves 41 dB of a clip of 6 frames a second and 36 dB of
# 30; single frames have no rate, and get that of the made-up clips in the reports
SOURCE_RATE = 6.0


def small_effect(
    effect: Callable,
    pictures: np.ndarray,
    seconds: np.ndarray,
    generator: np.random.Generator,
    source_side: int,
    settings: Mapping[str, float | bool],
) -> np.ndarray:
    """One effect on pictures that are no clip and were shrunk.

    Args:
        effect: of a condition.
        pictures: uint8 [n, h, w], without black bars.
        seconds: float64 [n], the moment of each.
        generator: of all chance.
        source_side: pixels of the short side that the footage had; a larger picture is taken as it is.
        settings: the effect's keywords, as for the footage itself.

    Returns:
        uint8 [n, h, w].
    """
    ratio = max(1.0, source_side / min(pictures.shape[1:]))
    settings = dict(settings)
    if effect is add_gaussian_noise:
        settings["sigma"] /= ratio  # the mean of ratio² pixels
    if effect is compress_h264:
        settings["crf"] = max(0.0, settings["crf"] - CRF_A_HALVING * np.log2(ratio))
        settings["keyframe_interval"] = 1
        seconds = np.arange(len(pictures)) / SOURCE_RATE
    if effect is lower_resolution:
        return _lower(pictures, ratio, **settings)
    return effect(pictures, seconds, generator, **settings)


def _lower(pictures: np.ndarray, ratio: float, inverse_side: float) -> np.ndarray:
    """Few lines of what the pictures were shrunk from: enlarged, made coarse, shrunk, less what resizing does alone.

    Nobody knows how sharp the footage was. It is taken to lie midway between squares of one gray level each, which lose
    too much, and the smooth curve through them, which loses too little.
    """
    height, width = pictures.shape[1:]
    large = (round(width * ratio), round(height * ratio))
    coarse = np.empty_like(pictures)
    for i, picture in enumerate(pictures):
        squares, curve = (cv2.resize(picture, large, interpolation=way) for way in (cv2.INTER_NEAREST, cv2.INTER_CUBIC))
        sharp = cv2.addWeighted(squares, 0.5, curve, 0.5, 0)
        few = lower_resolution(sharp[None], np.zeros(1), np.random.default_rng(0), inverse_side=inverse_side)[0]
        before, after = (cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA) for each in (sharp, few))
        change = after.reshape(height, width).astype(np.int16) - before.reshape(height, width)
        coarse[i] = np.clip(picture + change, 0, 255)
    return coarse
