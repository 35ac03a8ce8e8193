"""What every figure must satisfy."""

from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg

from dance_tf.report.section import png, titles_of


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture
def frames(random):
    """Make uint8 frames of a given leading shape."""
    return lambda *shape: random.integers(0, 256, (*shape, 128, 128), np.uint8)


def drawn_texts(figure, monkeypatch):
    """Each horizontal text of a figure as it is drawn: the string and its box (left, right, top, bottom) in pixels."""
    texts = []
    draw = RendererAgg.draw_text

    def record(self, gc, x, y, s, prop, angle, ismath=False, mtext=None):
        if angle == 0 and s.strip():
            width, height, descent = self.get_text_width_height_descent(s, prop, ismath)
            texts.append((s, (x, x + width, y - height + descent, y + descent)))
        draw(self, gc, x, y, s, prop, angle, ismath, mtext)

    with monkeypatch.context() as patch:
        patch.setattr(RendererAgg, "draw_text", record)
        FigureCanvasAgg(figure).draw()
    return texts


def overlaps(texts, allowed=1.5):
    """Pairs of texts whose boxes share more than `allowed` pixels in both directions."""
    return [
        (one, other)
        for (one, a), (other, b) in combinations(texts, 2)
        if min(a[1], b[1]) - max(a[0], b[0]) > allowed and min(a[3], b[3]) - max(a[2], b[2]) > allowed
    ]


@pytest.fixture
def sound(monkeypatch):
    """Check a figure: title names the source, no overlapping text, no open pyplot figure, settings unchanged."""
    before = dict(mpl.rcParams)

    def check(figure, source="synthetic"):
        import matplotlib.pyplot as plt

        assert png(figure)[:4] == b"\x89PNG"
        assert not source or source in titles_of(figure)[0]
        assert overlaps(drawn_texts(figure, monkeypatch)) == []
        assert plt.get_fignums() == []
        assert dict(mpl.rcParams) == before
        return figure

    return check
