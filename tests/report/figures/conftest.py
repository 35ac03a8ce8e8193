"""What every figure must keep to."""

import matplotlib as mpl
import numpy as np
import pytest

from dance_tf.report.section import png, titles_of


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture
def frames(random):
    """Makes uint8 frames of a given leading shape."""
    return lambda *shape: random.integers(0, 256, (*shape, 128, 128), np.uint8)


@pytest.fixture
def sound():
    """Draws a figure and holds what is true of all: its title names the source, nothing leaks, settings stay."""
    before = dict(mpl.rcParams)

    def check(figure, source="synthetic"):
        import matplotlib.pyplot as plt

        assert png(figure)[:4] == b"\x89PNG"
        assert not source or source in titles_of(figure)[0]
        assert plt.get_fignums() == []
        assert dict(mpl.rcParams) == before
        return figure

    return check
