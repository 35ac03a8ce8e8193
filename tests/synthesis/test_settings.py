import json
from dataclasses import asdict

import pytest

from dance_tf.synthesis.settings import StudioSettings


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"styles": 13}, "between 1 and 12"),
        ({"dancers": 0}, "at least one dancer"),
        ({"seconds": 0.001}, "no clip"),
        ({"frame_rate": 0}, "frame rate"),
        ({"width": 271}, "must be even"),
        ({"height": 16}, "at least 32"),
        ({"difficulty": 1.5}, "difficulty"),
        ({"seed": -1}, "seed"),
        ({"good_frames": (5, 5)}, "good_frames"),
    ],
)
def test_settings_that_cannot_be_met_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        StudioSettings(**wrong)


def test_defaults():
    assert asdict(StudioSettings()) == {
        "styles": 12, "dancers": 20, "seconds": 8.0, "seed": 0, "frame_rate": 30.0, "width": 432, "height": 768,
        "difficulty": 0.5, "faults": True, "good_frames": (),
    }  # fmt: skip


def test_clips_come_dancer_by_dancer():
    assert StudioSettings(styles=2, dancers=2).clips() == [(1, 0), (10, 0), (1, 1), (10, 1)]


def test_a_record_survives_json():
    record = StudioSettings(good_frames=(20,) * 12).as_record()
    assert json.loads(json.dumps(record)) == record


def test_a_clip_is_as_long_as_the_settings_say():
    plan, frames = StudioSettings(seconds=2.5, frame_rate=24).plan((0,), 0, 0)
    assert frames == 60
    assert all(fault.last < 60 for fault in plan.faults)


def test_good_frames_add_up_to_table_1():
    """Tokyo's 22,365 and Supalonely's 18,987 good frames over 20 dancers, whatever faults lie between them."""
    counts = (22365, 19856, 23669, 18987, 21060, 24598, 24890, 23591, 19458, 18660, 22625, 23712)
    settings = StudioSettings(good_frames=counts)
    for style in (0, 3):
        plans = [settings.plan((0, style, dancer), style, dancer) for dancer in range(20)]
        assert sum(frames - plan.frames for plan, frames in plans) == counts[style]
        assert sum(bool(plan.faults) for plan, _ in plans) > 5
        assert all(30 <= frames / 30 <= 45 for _, frames in plans)
