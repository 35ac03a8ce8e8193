"""When a seek is worth it, and how one that went wrong is made good."""

from dance_tf.video.decode import SeekPlanner

KEYS = [0.0, 1.0, 2.0, 3.0]


def test_a_leap_goes_to_a_key_frame_that_decoding_has_not_come_near():
    leaps = SeekPlanner(KEYS, 0.1)
    assert not leaps.is_due(0.9, 0.0)  # the key frame before it is behind
    assert not leaps.is_due(1.5, 0.9)  # the key frame before it is the next frame
    assert not leaps.pending
    assert leaps.is_due(2.5, 0.9) and leaps.pending
    assert not leaps.is_repeated(2.0, 0.9) and not leaps.pending
    # no second leap to the same key frame
    assert not leaps.is_due(2.9, 0.9)
    assert not leaps.is_due(None, 2.0)


def test_without_an_index_nothing_is_leapt_over():
    assert not SeekPlanner([], 0.1).is_due(9.0, 0.0)


def test_an_index_that_leads_back_is_not_trusted_again():
    leaps = SeekPlanner(KEYS, 0.1)
    assert leaps.is_due(3.5, 0.5)
    assert [leaps.is_repeated(time, 0.5) for time in (0.0, 0.4, 0.5)] == [True] * 3
    # the first new frame counts, and so does one after it that goes back a little
    assert not leaps.is_repeated(0.6, 0.5) and not leaps.is_repeated(0.55, 0.6)
    assert not leaps.is_due(3.5, 0.6)


def test_after_a_leap_into_nothing_reading_goes_on_from_the_last_frame():
    leaps = SeekPlanner(KEYS, 0.1)
    assert leaps.is_due(3.5, 1.4)
    assert leaps.recover(1.4) == 1.0 and not leaps.pending
    assert [leaps.is_repeated(time, 1.4) for time in (1.0, 1.4, 1.5)] == [True, True, False]
    assert not leaps.is_due(3.5, 1.5)
    assert SeekPlanner([0.5], 0.1).recover(0.2) == 0.5
