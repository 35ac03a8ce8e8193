import json

import numpy as np

from dance_tf.synthesis.studio import SETTINGS_FILE, StudioSettings, clean_plates, read_settings, shrink, synthesize
from dance_tf.synthesis.take import clip_id, render_clip

TINY = StudioSettings(
    styles=3, dancers=3, seconds=0.4, frame_rate=10, width=54, height=96, seed=3, good_frames=(6,) * 12
)


def test_clips_with_a_still_camera_have_a_plate_and_others_none(tmp_path):
    synthesize(tmp_path, TINY, progress=False)
    assert read_settings(tmp_path) == TINY
    rendered = {clip_id(style, dancer): render_clip(style, dancer, TINY) for style, dancer in TINY.clips()}
    still = {name for name, clip in rendered.items() if not clip.truth.camera_moves}
    assert 0 < len(still) < 9
    plates = clean_plates(tmp_path)
    assert set(plates) == still
    for name, plate in plates.items():
        assert plate.shape == (128, 128) and plate.dtype == np.uint8
        assert np.array_equal(plate, shrink(rendered[name].take.plate()))
    again = clean_plates(tmp_path, jobs=2)
    assert set(again) == still and all(np.array_equal(again[name], plates[name]) for name in still)


def test_no_plates_where_another_generator_drew_the_clips_or_none_did(tmp_path):
    assert clean_plates(tmp_path) == {}
    (tmp_path / SETTINGS_FILE).write_text(json.dumps({**TINY.as_record(), "generator": 0}))
    assert read_settings(tmp_path) is None
    assert clean_plates(tmp_path) == {}
