import numpy as np
import pytest

from dance_tf.synthesis.camera import Finish, Finisher, make_finish

PLAIN = {"gamma": 1.0, "contrast": 1.0, "warmth": 0.0, "softness": 0.0, "vignette": 0.0, "noise": 0.0, "caption": ""}
GRAY = np.full((160, 90, 3), 128, np.uint8)


def finisher(**changes) -> Finisher:
    return Finisher(Finish(**{**PLAIN, "caption_at": 0.9, "sticker": None, **changes}), 90, 160)


def test_a_plain_finish_changes_nothing():
    plain, rng = finisher(), np.random.default_rng(0)
    frame = rng.integers(0, 256, GRAY.shape, np.uint8)
    assert np.array_equal(plain.add_noise(plain.decorate(plain.grade(frame)), rng), frame)


def test_tone_curves_by_hand():
    table = Finish(**{**PLAIN, "gamma": 2.0, "warmth": 0.1, "caption_at": 0.0, "sticker": None}).table()[0]
    assert tuple(table[0]) == (0, 0, 0)
    assert table[100] == pytest.approx(np.array([1.1, 1.0, 0.9]) * 255 * (100 / 255) ** 2, abs=0.51)
    assert tuple(table[255]) == (255, 255, 230)


def test_noise_has_the_deviation_given_and_differs_from_frame_to_frame():
    noisy, rng = finisher(noise=6.0), np.random.default_rng(0)
    one, two = (noisy.add_noise(GRAY, rng).astype(float) for _ in range(2))
    assert one.std() == pytest.approx(6.0, rel=0.03)
    assert one.mean() == pytest.approx(128, abs=0.2)
    assert abs(np.corrcoef(one.ravel(), two.ravel())[0, 1]) < 0.05


def test_frames_larger_than_the_noise_tile_get_noise_everywhere():
    large = Finisher(Finish(**{**PLAIN, "noise": 8.0, "caption_at": 0.0, "sticker": None}), 1080, 1920)
    noisy = large.add_noise(np.full((1920, 1080, 3), 128, np.uint8), np.random.default_rng(0))
    assert noisy[-64:, -64:].std() == pytest.approx(8.0, rel=0.05)


def test_a_vignette_darkens_corners_only():
    dark = finisher(vignette=0.3).grade(GRAY)
    assert dark[80, 45, 0] == 128
    assert dark[0, 0, 0] == pytest.approx(128 * 0.7, abs=1)


def test_a_caption_is_written_where_it_should_be():
    written = finisher(caption="day 12", caption_at=0.9).decorate(GRAY)
    changed = np.argwhere((written != GRAY).any(axis=2))
    assert 0.85 * 160 < changed[:, 0].min() and changed[:, 0].max() < 0.95 * 160
    assert changed[:, 1].mean() == pytest.approx(45, abs=4)
    assert written[..., 0].max() > 230 and written[..., 0].min() < 40  # white with a dark rim
    assert GRAY.min() == 128  # and the frame given is as it was


def test_a_sticker_has_its_colour():
    stuck = finisher(sticker=((250, 200, 10), 0.14, 0.5)).decorate(GRAY)
    assert tuple(stuck[81, round(0.14 * 90)]) == (250, 200, 10)


def test_finishes_differ_and_repeat():
    many = [make_finish(np.random.default_rng(seed), 0.5) for seed in range(100)]
    assert many[3] == make_finish(np.random.default_rng(3), 0.5)
    assert 0.2 < np.mean([bool(finish.caption) for finish in many]) < 0.5
    assert 0.3 < np.mean([finish.gamma != 1.0 for finish in many]) < 0.6
