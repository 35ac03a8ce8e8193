import numpy as np
import pytest

from dance_tf.video.settings import ReadSettings, Sampling, fill_in


def on_screen(times, moments):
    """The slow, obvious twin: for each moment the last frame not later, once."""
    shown = []
    for moment in moments:
        frame = max(index for index, time in enumerate(times) if time <= moment + 5e-7)
        if frame not in shown:
            shown.append(frame)
    return shown


def chosen(settings, times, end):
    sampling = Sampling(settings, end)
    return [frame for _, frame in sampling.choose(zip(times, range(len(times)), strict=True), lambda: end)]


STEADY = [number / 30 for number in range(90)]
UNEVEN = [0.0, 0.01, 0.5, 0.51, 0.9, 1.7, 1.71, 1.72, 2.9]


@pytest.mark.parametrize("times", [STEADY, UNEVEN, [0.0]])
@pytest.mark.parametrize("rate", [1, 2.5, 10, 30, 100])
def test_n_per_second(times, rate):
    moments = np.arange(0, 3 - 5e-7, 1 / rate)
    assert chosen(ReadSettings(frames_per_second=rate), times, 3.0) == on_screen(times, moments)


@pytest.mark.parametrize("times", [STEADY, UNEVEN, [0.0]])
@pytest.mark.parametrize("wanted", [1, 2, 7, 90, 200])
def test_n_in_all(times, wanted):
    moments = [(number + 0.5) * 3 / wanted for number in range(wanted)]
    assert chosen(ReadSettings(frames_in_all=wanted), times, 3.0) == on_screen(times, moments)


def test_every_frame_passes():
    assert chosen(ReadSettings(), UNEVEN, 3.0) == list(range(len(UNEVEN)))


def test_a_counted_number_ends_with_the_last_frame_where_the_header_promised_more():
    assert chosen(ReadSettings(frames_in_all=4), [0.0, 0.5, 1.0], 8.0) == [2]


def test_a_count_needs_a_length():
    with pytest.raises(ValueError, match="length"):
        Sampling(ReadSettings(frames_in_all=3))


@pytest.mark.parametrize(
    "options",
    [
        {"frames_per_second": 1.0, "frames_in_all": 2},
        {"frames_per_second": 0.0},
        {"frames_in_all": 0},
        {"size": 0},
        {"threads": -1},
        {"fit": "stretch"},
    ],
)
def test_settings_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError):
        ReadSettings(**options)


def test_pictures_are_mixed_by_the_time_between_their_neighbours():
    black, white = np.zeros((2, 3), np.uint8), np.full((2, 3), 200, np.uint8)
    moments = [-0.1, 0.0, 0.1, 0.3, 0.4, 0.5]
    filled = list(fill_in([(0.0, black), (0.4, white)], moments))
    assert [time for time, _ in filled] == [0.0, 0.1, 0.3, 0.4, 0.5]
    assert [int(picture[0, 0]) for _, picture in filled] == [0, 50, 150, 200, 200]
    assert all(np.ptp(picture) == 0 and picture.dtype == np.uint8 for _, picture in filled)


def test_pictures_that_are_all_there_stay_as_they_are():
    timed = [(time, np.full((1, 1), number, np.uint8)) for number, time in enumerate(UNEVEN)]
    assert list(fill_in(timed, UNEVEN)) == timed and list(fill_in([], UNEVEN)) == []
