"""ReferenceClip dancers of a style, from their true joints."""

from dataclasses import replace

import numpy as np
import pytest

from dance_tf.fidelity.score import ReferenceClip, build_standard


def resampled(skeletons, at):
    """Return a dance that shows at each of its times what was danced at other times."""
    frames = np.rint(np.interp(at, skeletons.times, np.arange(len(skeletons.times)))).astype(int)
    values = {name: getattr(skeletons, name)[frames] for name in ("landmarks", "world", "valid")}
    return replace(skeletons, **values)


@pytest.fixture(scope="session")
def danced_at():
    """The function `resampled`."""
    return resampled


@pytest.fixture(scope="session")
def references(danced):
    """Five dancers of one style, 30 poses a second."""
    return [ReferenceClip(f"d{number}", danced("Lottery", number, 8.0, 30.0)) for number in range(5)]


@pytest.fixture(scope="session")
def standard(references):
    return build_standard("Lottery", references)
