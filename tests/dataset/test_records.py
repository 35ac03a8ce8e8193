import dataclasses

import numpy as np
import pytest

from dance_tf.dataset.dataset import DatasetError
from dance_tf.dataset.store import describe_features, encode_record, from_example, to_example


@pytest.mark.parametrize("count", [0, 1, 6, 150])
def test_a_record_is_what_tfds_makes_of_a_clip(clips, count):
    import tensorflow as tf

    frames = np.tile(clips[3].frames, (-(-count // len(clips[3].frames)) or 1, 1, 1, 1))[:count]
    clip = dataclasses.replace(clips[3], frames=frames, timestamps=np.arange(count) / 30)
    features = describe_features()
    record = encode_record(features, clip)
    slow = tf.train.Example.FromString(features.serialize_example(to_example(clip)))
    assert tf.train.Example.FromString(record) == slow and len(record) == slow.ByteSize()
    assert record == encode_record(features, clip)
    found = from_example(_to_numpy(features.deserialize_example(record)))
    assert np.array_equal(found.frames, frames) and found.dropped == clip.dropped and found.clip == clip.clip


def _to_numpy(example):
    return {name: _to_numpy(value) if isinstance(value, dict) else value.numpy() for name, value in example.items()}


def test_a_clip_longer_than_a_record_is_named(clips, monkeypatch):
    monkeypatch.setattr("dance_tf.dataset.store.MAX_BYTES", 1000)
    with pytest.raises(DatasetError, match=f"{clips[0].clip.clip_id}: .* bytes, and a record holds 1,000"):
        encode_record(describe_features(), clips[0])
