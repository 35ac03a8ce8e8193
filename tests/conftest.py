"""Tiny made-up footage that more than one room's tests learn from."""

from pathlib import Path

import numpy as np
import pytest

from dance_tf.curation.filters import CuratedClip, DroppedFrame
from dance_tf.video.catalog import Clip


def pytest_configure(config):
    # Keras 3.15 hands TensorFlow's variables to np.array, whose NumPy 2 signature they do not have yet
    copy_keyword = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    config.addinivalue_line("filterwarnings", copy_keyword)


def pytest_collection_modifyitems(items):
    # the file that takes longest first, so that what runs beside it is not over long before
    items.sort(key=lambda item: item.path.name != "test_report_run.py")


def blob_clip(style: int, dancer: int, frames: int, seed: int = 0) -> CuratedClip:
    """Noise with a bright blob whose place tells the style and whose size tells the dancer; it wanders a little."""
    generator = np.random.default_rng([seed, style, dancer])
    pictures = generator.integers(0, 40, (frames, 128, 128, 1), dtype=np.uint8)
    side = 16 + 2 * dancer
    for picture in pictures:
        top, left = np.array([24 + 48 * (style % 2), 24 + 48 * (style // 2 % 2)]) + generator.integers(0, 8, 2)
        picture[top : top + side, left : left + side] += 180
    dropped = tuple(DroppedFrame(frames + number, (frames + number) / 10, "blank", 0.1 * number) for number in range(2))
    return CuratedClip(
        clip=Clip(Path(), f"style{style}", f"dancer{dancer}", f"style{style}/dancer{dancer}", "made up"),
        frames=pictures,
        timestamps=np.arange(frames) / 10 + 1 / 3,
        room=generator.integers(0, 40, (128, 128, 1), dtype=np.uint8),
        room_known=dancer != 1,
        seen=frames + 2,
        dropped=dropped,
        seconds=frames / 10 + 0.2,
    )


@pytest.fixture(scope="session")
def blob_clips():
    """Makes one clip for each style and dancer; clip k has `frames + k % 3` frames."""

    def make(styles: int = 3, dancers: int = 4, frames: int = 6, seed: int = 0) -> list[CuratedClip]:
        pairs = [(style, dancer) for style in range(styles) for dancer in range(dancers)]
        return [blob_clip(*pair, frames + number % 3, seed) for number, pair in enumerate(pairs)]

    return make
