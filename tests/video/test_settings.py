import numpy as np
import pytest

from dance_tf.video.settings import ReadSettings, sample

STEADY = [number / 30 for number in range(90)]
UNEVEN = [0.0, 0.01, 0.5, 0.51, 0.9, 1.7, 1.71, 1.72, 2.9]


def frames_at(times, moments):
    """The slow reference: the last frame not later than each moment, once."""
    chosen = [max(index for index, time in enumerate(times) if time <= moment + 5e-7) for moment in moments]
    return sorted(set(chosen))


@pytest.mark.parametrize("times", [STEADY, UNEVEN, [0.0]], ids=["steady", "uneven", "single"])
def test_sampling_equals_the_slow_reference(times):
    for rate in (None, 0.7, 1, 2.5, 10, 30, 100):
        found = [frame for _, frame in sample(zip(times, range(len(times)), strict=True), rate, lambda: 3.0)]
        assert found == (frames_at(times, np.arange(0, 3 - 5e-7, 1 / rate)) if rate else list(range(len(times))))


INVALID = {"size": 0, "threads": -1, "fit": "stretch", "max_pixels": 0, "max_seconds": np.nan}


@pytest.mark.parametrize(("name", "value"), [*INVALID.items(), ("frames_per_second", 0), ("frames_per_second", np.inf)])
def test_invalid_settings_are_refused(name, value):
    with pytest.raises(ValueError, match=name.removeprefix("max_")):
        ReadSettings(**{name: value})
