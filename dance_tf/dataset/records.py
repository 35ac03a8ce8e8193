"""One clip as one TFRecord of a TFDS dataset, made and read."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dance_tf.dataset.dataset import DatasetError
from dance_tf.footage.catalog import Clip
from dance_tf.footage.curation import CuratedClip, DroppedFrame

FRAMES = "frames"
BLOCK = 64  # frames compressed at a time
MOST_BYTES = 2**31 - 1  # of a record: what protocol buffers can hold


def describe_features():
    """The features of a record, as TFDS names them: frames uint8 [n, 128, 128, 1] and all that is known of the clip."""
    import tensorflow_datasets as tfds

    def array(*shape: int | None, dtype: type, encoding: str = "bytes"):
        # as bytes: TFRecord's own list of floats would round float64 to float32
        return tfds.features.Tensor(shape=shape, dtype=dtype, encoding=encoding)

    return tfds.features.FeaturesDict(
        {
            "frames": array(None, 128, 128, 1, dtype=np.uint8, encoding="zlib"),
            "timestamps": array(None, dtype=np.float64),
            "room": array(128, 128, 1, dtype=np.uint8, encoding="zlib"),
            "room_known": np.bool_,
            "style": tfds.features.Text(),
            "dancer": tfds.features.Text(),
            "clip_id": tfds.features.Text(),
            "source": tfds.features.Text(),
            "seen": np.int64,
            "seconds": array(dtype=np.float64),
            "dropped": {
                "index": array(None, dtype=np.int64),
                "timestamp": array(None, dtype=np.float64),
                "reason": tfds.features.Sequence(tfds.features.Text()),
                "measure": array(None, dtype=np.float64),
            },
        }
    )


def to_example(curated: CuratedClip) -> dict[str, object]:
    """A clip as TFDS encodes it."""
    return {
        "frames": curated.frames,
        "timestamps": curated.timestamps,
        "room": curated.room,
        "room_known": bool(curated.room_known),
        "style": curated.clip.style,
        "dancer": curated.clip.dancer,
        "clip_id": curated.clip.clip_id,
        "source": curated.clip.source,
        "seen": curated.seen,
        "seconds": np.float64(curated.seconds),
        "dropped": {
            "index": np.array([frame.index for frame in curated.dropped], dtype=np.int64),
            "timestamp": np.array([frame.timestamp for frame in curated.dropped], dtype=np.float64),
            "reason": [frame.reason for frame in curated.dropped],
            "measure": np.array([frame.measure for frame in curated.dropped], dtype=np.float64),
        },
    }


def from_example(example: dict[str, object]) -> CuratedClip:
    """The clip that `to_example` was given, its path and consent left out."""
    dropped = example["dropped"]
    return CuratedClip(
        clip=Clip(
            path=Path(),
            style=example["style"].decode(),
            dancer=example["dancer"].decode(),
            clip_id=example["clip_id"].decode(),
            source=example["source"].decode(),
        ),
        frames=example["frames"],
        timestamps=example["timestamps"],
        room=example["room"],
        room_known=bool(example["room_known"]),
        seen=int(example["seen"]),
        dropped=tuple(
            DroppedFrame(int(index), float(timestamp), reason.decode(), float(measure))
            for index, timestamp, reason, measure in zip(
                dropped["index"], dropped["timestamp"], dropped["reason"], dropped["measure"], strict=True
            )
        ),
        seconds=float(example["seconds"]),
    )


def encode_record(features, curated: CuratedClip) -> bytes:
    """Encode a clip as TFDS does, always in the same order, and with no more than its compressed frames in memory.

    The frames are by far the most of a record. TFDS's own way through `tf.train.Example` holds them as they are, and
    compressed four times over; here they are compressed block by block, and put into the record as they come.

    Args:
        features: `describe_features()`.
        curated: frames uint8 [n, 128, 128, 1], which may lie on a disk.

    Raises:
        DatasetError: the clip is longer than a record can be.
    """
    import tensorflow as tf

    empty = {**to_example(curated), FRAMES: curated.frames[:0]}
    example = tf.train.Example.FromString(features.serialize_example(empty))
    encoded = {
        name: [feature.SerializeToString(deterministic=True)] for name, feature in example.features.feature.items()
    }
    frames = list(_compress(curated.frames))
    # a Feature is a BytesList (field 1), which has one value (field 1)
    encoded[FRAMES] = _wrap(1, _wrap(1, frames))
    pieces = []
    for name in sorted(encoded):
        # a map is a repeated field 1 whose entries are a name (field 1) and a value (field 2)
        pieces += _wrap(1, [*_wrap(1, [name.encode()]), *_wrap(2, encoded[name])])
    record = _wrap(1, pieces)  # an Example has Features (field 1)
    if (size := sum(map(len, record))) > MOST_BYTES:
        raise DatasetError(f"{curated.clip.clip_id}: {size:,} bytes, and a record holds {MOST_BYTES:,}: cut the clip")
    return b"".join(record)


def _compress(frames: np.ndarray) -> Iterator[bytes]:
    """The bytes that `zlib.compress` makes of all frames, piece by piece."""
    compressor = zlib.compressobj()
    for first in range(0, len(frames), BLOCK):
        yield compressor.compress(np.ascontiguousarray(frames[first : first + BLOCK]))
    yield compressor.flush()


def _wrap(field: int, content: list[bytes]) -> list[bytes]:
    """A field of protocol buffers' wire format that has a length (type 2), with its content in pieces."""
    return [bytes([field << 3 | 2]) + _encode_number(sum(map(len, content))), *content]


def _encode_number(number: int) -> bytes:
    """Base 128, the lowest seven bits first."""
    result = bytearray()
    while number > 127:
        result.append(number & 127 | 128)
        number >>= 7
    return bytes([*result, number])
