import json

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
def test_invalid_settings_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        StudioSettings(**wrong)


def test_clips_are_ordered_by_dancer_and_a_record_survives_json():
    assert StudioSettings(styles=2, dancers=2).clips() == [(1, 0), (10, 0), (1, 1), (10, 1)]
    record = StudioSettings(good_frames=(20,) * 12).as_record()
    assert json.loads(json.dumps(record)) == record
