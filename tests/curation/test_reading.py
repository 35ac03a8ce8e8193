import json

from dance_tf.curation.filters import CurationSettings
from dance_tf.curation.run import reading_from_json, reading_to_json
from dance_tf.video.settings import ReadLimits, ReadSettings


def test_what_decides_the_frames_comes_back_through_json():
    read = ReadSettings(fit="crop", frames_per_second=12.5, threads=3, limits=ReadLimits(seconds=7))
    curation = CurationSettings(still_energy=9.0)
    told = json.loads(json.dumps(reading_to_json(read, curation)))
    assert reading_from_json(told) == (ReadSettings(fit="crop", frames_per_second=12.5), curation)


def test_a_model_that_tells_nothing_reads_by_default():
    assert reading_from_json(None) == (ReadSettings(), CurationSettings())
    assert reading_from_json({"read": {"fit": "crop", "gone": 1}}) == (ReadSettings(fit="crop"), CurationSettings())
