import numpy as np
import pytest

from dance_tf.video.settings import ReadLimits, ReadSettings, Sampling, interpolate_missing

STEADY = [number / 30 for number in range(90)]
UNEVEN = [0.0, 0.01, 0.5, 0.51, 0.9, 1.7, 1.71, 1.72, 2.9]


def frames_at(times, moments):
    """The slow reference: the last frame not later than each moment, once."""
    chosen = []
    for moment in moments:
        frame = max(index for index, time in enumerate(times) if time <= moment + 5e-7)
        if frame not in chosen:
            chosen.append(frame)
    return chosen


def sampled(settings, times, end):
    sampling = Sampling(settings, end)
    return [frame for _, frame in sampling.choose(zip(times, range(len(times)), strict=True), lambda: end)]


@pytest.mark.parametrize("times", [STEADY, UNEVEN, [0.0]], ids=["steady", "uneven", "single"])
def test_sampling_equals_the_slow_reference(times):
    for rate in (1, 2.5, 10, 30, 100):
        moments = np.arange(0, 3 - 5e-7, 1 / rate)
        assert sampled(ReadSettings(frames_per_second=rate), times, 3.0) == frames_at(times, moments)
    for wanted in (1, 2, 7, 90, 200):
        moments = [(number + 0.5) * 3 / wanted for number in range(wanted)]
        assert sampled(ReadSettings(frames_in_all=wanted), times, 3.0) == frames_at(times, moments)
    assert sampled(ReadSettings(), times, 3.0) == list(range(len(times)))


def test_frames_in_all_needs_a_length_and_ends_with_the_last_frame():
    # the header states 8 s, but there is only 1 s
    assert sampled(ReadSettings(frames_in_all=4), [0.0, 0.5, 1.0], 8.0) == [2]
    with pytest.raises(ValueError, match="length"):
        Sampling(ReadSettings(frames_in_all=3))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (ReadSettings, {"frames_per_second": 1.0, "frames_in_all": 2}),
        (ReadSettings, {"frames_per_second": 0.0}),
        (ReadSettings, {"frames_in_all": 0}),
        (ReadSettings, {"size": 0}),
        (ReadSettings, {"threads": -1}),
        (ReadSettings, {"fit": "stretch"}),
        (ReadLimits, {"pixels": 0}),
    ],
)
def test_invalid_settings_are_refused(kind, options):
    with pytest.raises(ValueError):
        kind(**options)


def test_missing_pictures_are_interpolated_in_time():
    black, white = np.zeros((2, 3), np.uint8), np.full((2, 3), 200, np.uint8)
    filled = list(interpolate_missing([(0.0, black), (0.4, white)], [-0.1, 0.0, 0.1, 0.3, 0.4, 0.5]))
    assert [time for time, _ in filled] == [0.0, 0.1, 0.3, 0.4, 0.5]
    assert [int(picture[0, 0]) for _, picture in filled] == [0, 50, 150, 200, 200]
    assert all(np.ptp(picture) == 0 and picture.dtype == np.uint8 for _, picture in filled)
    complete = [(time, np.full((1, 1), number, np.uint8)) for number, time in enumerate(UNEVEN)]
    assert list(interpolate_missing(complete, UNEVEN)) == complete and list(interpolate_missing([], UNEVEN)) == []
