"""Bodies between edge and cloud: what comes out is what went in, and a broken or hostile one is one clear error."""

import struct
import tracemalloc

import numpy as np
import pytest
import zstandard

from dance_tf.pose.skeleton import Skeletons
from dance_tf.serving.wire import (
    FEATURES,
    MAX_ARRAYS,
    MAX_BODY,
    PACKINGS,
    STEP,
    WireError,
    pack_features,
    pack_skeletons,
    read_arrays,
    unpack_features,
    unpack_skeletons,
    write_arrays,
)

TOLERANCE = {"float32": 0, "float16": 2**-11, "int8": 1 / 254}  # of the largest value of a feature


def layout_of(arrays):
    return {name: (array.dtype.name, array.shape) for name, array in arrays.items()}


def sent(arrays):
    return read_arrays(write_arrays(arrays), layout_of(arrays))


def some_features(rows=3, count=150):
    features = np.maximum(np.random.default_rng(count).normal(size=(rows, count)), 0).astype(np.float32)
    features[:, 0] = 0  # a feature that is never active
    return features


@pytest.mark.parametrize("packing", FEATURES)
def test_features_arrive_as_exact_as_their_packing(packing):
    features = some_features(20)
    arrays = pack_features(features, packing)
    error = np.abs(unpack_features(sent(arrays)) - features)
    assert (error <= TOLERANCE[packing] * features.max(axis=0) * 1.001).all()
    assert error.max() > 0 or packing == "float32"
    assert len(write_arrays(arrays)) < features.size * np.dtype(packing).itemsize + 4 * 150 * (packing == "int8") + 20


@pytest.mark.parametrize("packing", PACKINGS["skeletons"])
def test_skeletons_arrive_within_half_a_step(danced, packing):
    skeletons = danced("Lottery", seconds=20.0)
    found = unpack_skeletons(sent(pack_skeletons(skeletons, packing)))
    for name, values in vars(skeletons).items():
        assert getattr(found, name).dtype == values.dtype
        step = STEP if packing == "int16" and name in ("landmarks", "world") else 0
        assert np.abs(getattr(found, name).astype(float) - values.astype(float)).max() <= step
    assert len(write_arrays(pack_skeletons(skeletons, packing))) < 2500 * 20


def test_values_that_a_packing_cannot_hold_are_refused(danced):
    with pytest.raises(WireError, match="features of up to 7e\\+04 do not fit into float16: use float32"):
        pack_features(np.full((1, 150), 7e4, np.float32), "float16")
    skeletons = danced("Lottery")
    far = Skeletons(skeletons.landmarks * np.float16(100), skeletons.world, skeletons.valid, skeletons.times)
    with pytest.raises(WireError, match="too far away for int16: use float16"):
        pack_skeletons(far, "int16")


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "float16", "float32", "float64"])
def test_arrays_arrive_unchanged(dtype):
    values = np.random.default_rng(0).integers(0, 256, 2 * 3 * 5 * 8, np.uint8).tobytes()
    arrays = {"one": np.frombuffer(values, "uint8").reshape(2, 3, 40), "other": np.frombuffer(values, dtype)}
    arrays["other"] = np.nan_to_num(arrays["other"], posinf=0, neginf=0).reshape(3, -1).T  # not contiguous
    found = sent(arrays)
    assert layout_of(found) == layout_of(arrays)
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)


NOT_FINITE = some_features()
NOT_FINITE[1, 5] = np.nan
NOT_SUMMED, WRONG_TIMES = "the probabilities do not sum to 1", "the times of skeletons must increase from 0"


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"features": NOT_FINITE}, "not finite"),
        ({"features": np.full((1, 150), -np.inf, np.float32)}, "not finite"),
        ({"scales": np.full(150, np.nan, np.float32)}, "not finite"),
        ({"frames": np.zeros((1024, 128, 128, 1), np.uint8)}, "16,777,216 bytes are too many for one request"),
        ({"probabilities": np.array([[0.5, 0.5], [0.5, 0.6]])}, NOT_SUMMED),
        ({"probabilities": np.array([[1.5, -0.5]])}, NOT_SUMMED),
        ({"times": np.arange(5.0)[::-1]}, WRONG_TIMES),
        ({"times": np.arange(-1.0, 5.0)}, WRONG_TIMES),
        ({"times": np.arange(0, 1e9, 1e8)}, WRONG_TIMES),
    ],
)
def test_impossible_values_are_neither_written_nor_read(arrays, reason):
    with pytest.raises(WireError, match=reason):
        write_arrays(arrays)
    body = zstandard.compress(b"".join(each.tobytes() for each in arrays.values()))
    with pytest.raises(WireError, match=reason.partition(":")[0]):
        read_arrays(body, layout_of(arrays))


STORED = some_features().tobytes()
LAYOUT = {"features": ("float32", (3, 150))}
WITHOUT_SIZE = zstandard.ZstdCompressor(write_content_size=False).compress(STORED)
OTHER_SIZE, NOT_WHOLE = "the body has another size than the query says", "the body is not a whole Zstandard frame"
CHECKED = zstandard.ZstdCompressor(write_checksum=True).compress(STORED)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", NOT_WHOLE),
        (b"not zstd at all", NOT_WHOLE),
        (b"\x80\x04\x95" + b"x" * 50, NOT_WHOLE),  # a pickle
        (CHECKED[:-9], NOT_WHOLE),
        (CHECKED + b"more", NOT_WHOLE),
        (CHECKED * 2, NOT_WHOLE),
        (CHECKED[:-1] + bytes([CHECKED[-1] ^ 1]), NOT_WHOLE),  # a wrong check sum
        (WITHOUT_SIZE, OTHER_SIZE),
        (zstandard.compress(STORED[:-4]), OTHER_SIZE),
        (zstandard.compress(b""), OTHER_SIZE),
    ],
)
def test_a_broken_body_is_one_clear_error(body, reason):
    np.testing.assert_array_equal(read_arrays(CHECKED, LAYOUT)["features"], some_features())
    with pytest.raises(WireError) as refused:
        read_arrays(body, LAYOUT)
    assert str(refused.value) == reason


def test_a_decompression_bomb_is_refused_before_it_needs_memory():
    """256 MiB of zeros, once stated as such, once with the size that is expected."""
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    assert len(bomb) < MAX_BODY
    [place] = [at for at in range(4, 14) if bomb[at : at + 4] == struct.pack("<I", 1 << 28)]
    lying = bomb[:place] + struct.pack("<I", len(STORED)) + bomb[place + 4 :]
    assert zstandard.get_frame_parameters(lying).content_size == len(STORED)
    tracemalloc.start()
    try:
        for body, reason in ((bomb, OTHER_SIZE), (lying, NOT_WHOLE)):
            with pytest.raises(WireError, match=reason):
                read_arrays(body, LAYOUT)
        with pytest.raises(WireError, match="268,435,456 bytes are too many for one request"):
            read_arrays(bomb, {"frames": ("uint8", (1 << 14, 128, 128, 1))})
        assert tracemalloc.get_traced_memory()[1] < MAX_ARRAYS
    finally:
        tracemalloc.stop()


def test_mutated_bodies_are_refused(danced, mutate):
    wanted = (
        pack_features(some_features(), "int8"),
        pack_skeletons(danced("Lottery", seconds=9.0), "int16"),
        {"probabilities": np.array([[0.25, 0.75]])},
    )
    generator, refused = np.random.default_rng(0), 0
    for arrays in wanted:
        body = write_arrays(arrays)
        for _ in range(1000):
            try:
                read = read_arrays(mutate(body, generator), layout_of(arrays))
            except WireError:
                refused += 1
            else:  # an unused bit of the frame's header; the arrays have a check sum
                assert all(np.array_equal(read[name], arrays[name]) for name in arrays)
    assert refused > 0.95 * 1000 * len(wanted)
