"""Messages between edge and cloud: what comes out is what went in, and a broken or hostile one is one clear error."""

import struct
import tracemalloc

import msgpack
import numpy as np
import pytest
import zstandard

from dance_tf.pose.joints import cut_windows, window_starts, windows_at
from dance_tf.pose.skeleton import Skeletons
from dance_tf.serving.wire import (
    MAX_ARRAYS,
    MAX_MESSAGE,
    PACKINGS,
    START,
    STEP,
    Message,
    WireError,
    pack_features,
    pack_skeletons,
    read_message,
    unpack_features,
    unpack_skeletons,
    write_message,
)

FEATURE_CASES = [(cut, packing) for cut in ("1536", "400", "150") for packing in PACKINGS[cut]]
TOLERANCE = {"float32": 0, "float16": 2**-11, "int8": 1 / 254}  # of the largest value of a feature


def message(cut, arrays, **changes):
    return Message(
        **{"model": "0123456789abcdef", "clip": "ab" * 16, "number": 7, "cut": cut, "arrays": arrays} | changes
    )


def some_features(count=150, rows=3):
    features = np.maximum(np.random.default_rng(count).normal(size=(rows, count)), 0).astype(np.float32)
    features[:, 0] = 0  # a feature that is never active
    return features


@pytest.mark.parametrize(("cut", "packing"), FEATURE_CASES)
def test_features_arrive_as_exact_as_their_packing(cut, packing):
    features = some_features(int(cut), 20)
    data = write_message(message(cut, pack_features(features, packing)))
    read = read_message(data)
    assert (read.model, read.clip, read.number, read.cut) == ("0123456789abcdef", "ab" * 16, 7, cut)
    error = np.abs(unpack_features(read.arrays) - features)
    assert (error <= TOLERANCE[packing] * features.max(axis=0) * 1.001).all()
    assert error.max() > 0 or packing == "float32"
    assert len(data) < features.size * np.dtype(packing).itemsize + 4 * int(cut) * (packing == "int8") + 300


def test_values_that_a_packing_cannot_hold_are_refused(danced):
    with pytest.raises(WireError, match="features of up to 7e\\+04 do not fit into float16: use float32"):
        pack_features(np.full((1, 150), 7e4, np.float32), "float16")
    skeletons = danced("Lottery")
    far = Skeletons(skeletons.landmarks * np.float16(100), skeletons.world, skeletons.valid, skeletons.times)
    with pytest.raises(WireError, match="too far away for int16: use float16"):
        pack_skeletons(far, np.zeros(1), 6.0, "int16")


@pytest.mark.parametrize("packing", PACKINGS["skeletons"])
def test_skeletons_arrive_with_their_windows(danced, packing):
    skeletons = danced("Lottery", seconds=20.0)
    starts, length = window_starts(skeletons)
    assert len(starts) == 4 and length == 8
    data = write_message(message("skeletons", pack_skeletons(skeletons, starts, length, packing)))
    found, *places = unpack_skeletons(read_message(data).arrays)
    coarse = packing == "int16"
    for name, values in vars(skeletons).items():
        assert getattr(found, name).dtype == values.dtype
        step = STEP if coarse and name in ("landmarks", "world") else 0
        assert np.abs(getattr(found, name).astype(float) - values.astype(float)).max() <= step
    windows = windows_at(found, *places)
    np.testing.assert_allclose(windows, cut_windows(skeletons)[0], rtol=0, atol=0.02 if coarse else 0)
    assert len(data) < 3000 * 20


@pytest.mark.parametrize("shape", [(3, 128, 128, 1), (2, 8, 128, 128, 1)])
def test_frames_and_probabilities_arrive_unchanged(shape):
    frames = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    np.testing.assert_array_equal(
        read_message(write_message(message("frames", {"frames": frames}))).arrays["frames"], frames
    )
    shares = np.array([[0.1, 0.2, 0.7]])
    read = read_message(write_message(message("verdict", {"probabilities": shares})))
    np.testing.assert_array_equal(read.arrays["probabilities"], shares)


def skeleton_arrays(**changes):
    arrays = {
        "landmarks": np.zeros((5, 33, 4), np.float16),
        "world": np.zeros((5, 33, 3), np.float16),
        "valid": np.ones(5, np.uint8),
        "times": np.arange(5.0),
        "starts": np.zeros(1),
        "length": np.ones(1),
    }
    return arrays | changes


NOT_FINITE = some_features()
NOT_FINITE[1, 5] = np.nan
OTHER_ARRAYS = "not those of the cut"


@pytest.mark.parametrize(
    ("cut", "arrays", "reason"),
    [
        ("150", {"features": NOT_FINITE}, "not finite"),
        ("150", {"features": np.full((1, 150), np.inf, np.float16)}, "not finite"),
        ("400", {"features": some_features()}, OTHER_ARRAYS),
        ("150", {"features": some_features().astype(np.float64)}, OTHER_ARRAYS),
        ("150", {"features": some_features(rows=1025)}, OTHER_ARRAYS),
        ("150", {"frames": some_features()}, OTHER_ARRAYS),
        ("150", {"features": some_features().astype(np.int8)}, OTHER_ARRAYS),  # no scales
        ("150", pack_features(some_features(), "int8") | {"scales": np.ones(3, np.float32)}, OTHER_ARRAYS),
        ("150", pack_features(some_features(), "int8") | {"scales": np.full(150, -1, np.float32)}, "negative"),
        ("frames", {"frames": np.zeros((1, 64, 64, 1), np.uint8)}, OTHER_ARRAYS),
        ("frames", {"frames": np.zeros((1024, 2, 128, 128, 1), np.uint8)}, "33,554,432 bytes are over the limit"),
        ("verdict", {"probabilities": np.array([[0.5, 0.6]])}, "do not sum to 1"),
        ("verdict", {"probabilities": np.array([[1.5, -0.5]])}, "do not sum to 1"),
        ("verdict", {"probabilities": np.array([[0.5, 0.5]] * 2)}, OTHER_ARRAYS),
        ("skeletons", skeleton_arrays(valid=np.ones(4, np.uint8)), OTHER_ARRAYS),
        ("skeletons", skeleton_arrays(valid=np.full(5, 2, np.uint8)), "0 or 1"),
        ("skeletons", skeleton_arrays(world=np.zeros((5, 33, 3), np.int16)), OTHER_ARRAYS),
        ("skeletons", skeleton_arrays(times=np.arange(5.0)[::-1]), "times of the skeletons are impossible"),
        ("skeletons", skeleton_arrays(starts=np.full(1, -1.0)), "times of the skeletons are impossible"),
        ("skeletons", skeleton_arrays(length=np.full(1, 1e9)), "times of the skeletons are impossible"),
        ("skeletons", skeleton_arrays(starts=np.zeros(65)), OTHER_ARRAYS),
        ("clip", {"features": some_features()}, "a wrong header: cut"),
    ],
)
def test_impossible_arrays_are_neither_written_nor_read(cut, arrays, reason, monkeypatch):
    with pytest.raises(WireError, match=reason):
        write_message(message(cut, arrays))
    with pytest.raises(WireError, match=reason) as refused:
        read_message(forge(cut, arrays))
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 250


def forge(cut, arrays, start=None, stated=None, body=None, **changes):
    """Return a message that nothing checked."""
    described = stated or {name: {"dtype": each.dtype.name, "shape": each.shape} for name, each in arrays.items()}
    values = {"model": "0123456789abcdef", "clip": "ab" * 16, "number": 0, "cut": cut, "arrays": described} | changes
    header = msgpack.packb(values)
    body = zstandard.compress(b"".join(each.tobytes() for each in arrays.values())) if body is None else body
    return (start or START.pack(b"DTFW", 1, len(header))) + header + body


GOOD = {"features": some_features()}
BYTES = b"".join(each.tobytes() for each in GOOD.values())
WITHOUT_SIZE = zstandard.ZstdCompressor(write_content_size=False).compress(BYTES)
HUGE = {"features": {"dtype": "float32", "shape": (1024, 150)}}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a message"),
        (b"DTFW", "not a message"),
        (b"\x80\x04\x95" + b"x" * 50, "not a message"),  # a pickle
        (forge("150", GOOD, START.pack(b"DTFX", 1, 9)), "not a message"),
        (forge("150", GOOD, START.pack(b"DTFW", 2, 9)), "format 2, and this version reads format 1 only"),
        (forge("150", GOOD, START.pack(b"DTFW", 1, 2**32 - 1)), "cut off or too long"),
        (forge("150", GOOD, START.pack(b"DTFW", 1, 3000)), "cut off or too long"),
        (forge("150", GOOD, START.pack(b"DTFW", 1, 5)), "not valid MessagePack"),
        (START.pack(b"DTFW", 1, 2000) + b"\x91" * 2000, "not valid MessagePack"),  # nested
        (START.pack(b"DTFW", 1, 5) + b"\xdd\xff\xff\xff\xff", "not valid MessagePack"),  # 4 billion items
        (START.pack(b"DTFW", 1, 1) + b"\xc0", "a wrong header"),
        (forge("150", GOOD, model="/etc/passwd"), "a wrong header: model"),
        (forge("150", GOOD, clip="x"), "a wrong header: clip"),
        (forge("150", GOOD, number=-1), "a wrong header: number"),
        (forge("150", GOOD, number="1"), "a wrong header: number"),
        (forge("150", GOOD, number=True), "a wrong header: number"),
        (forge("150", GOOD, **{"evil\nname": 1}), "a wrong header: another field"),
        (forge("150", GOOD, stated={"features": {"dtype": "O", "shape": (3, 150)}}), "a wrong header: arrays"),
        (forge("150", GOOD, stated={"features": {"dtype": "float32", "shape": (-3, 150)}}), "a wrong header: arrays"),
        (
            forge("150", GOOD, stated={"features": {"dtype": "float32", "shape": (2**40, 150)}}),
            "a wrong header: arrays",
        ),
        (forge("150", GOOD, stated=HUGE), "another size than the header says"),
        (forge("150", GOOD, body=WITHOUT_SIZE), "another size than the header says"),
        (forge("150", GOOD, body=zstandard.compress(BYTES)[:-9]), "cannot be decompressed"),
        (forge("150", GOOD, body=zstandard.compress(BYTES) + b"more"), "cannot be decompressed"),
        (forge("150", GOOD, body=b""), "cannot be decompressed"),
        (forge("150", GOOD, body=b"not zstd at all"), "cannot be decompressed"),
        (b"DTFW" + b"x" * MAX_MESSAGE, "over the limit"),
    ],
)
def test_a_broken_message_is_one_clear_error(data, reason):
    with pytest.raises(WireError, match=reason) as refused:
        read_message(data)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 250
    assert not any(text in str(refused.value) for text in ("evil", "passwd"))


def test_a_decompression_bomb_is_refused_before_it_needs_memory():
    """256 MiB of zeros, once stated as such, once with the size that the header says."""
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 28))
    assert len(bomb) < MAX_MESSAGE
    [place] = [at for at in range(4, 14) if bomb[at : at + 4] == struct.pack("<I", 1 << 28)]
    lying = bomb[:place] + struct.pack("<I", len(BYTES)) + bomb[place + 4 :]
    assert zstandard.get_frame_parameters(lying).content_size == len(BYTES)
    tracemalloc.start()
    try:
        for body, reason in ((bomb, "another size"), (lying, "cannot be decompressed")):
            with pytest.raises(WireError, match=reason):
                read_message(forge("150", GOOD, body=body))
        assert tracemalloc.get_traced_memory()[1] < MAX_ARRAYS
    finally:
        tracemalloc.stop()


def test_mutated_messages_are_refused_or_say_what_they_said(danced, mutate):
    starts, length = window_starts(skeletons := danced("Lottery", seconds=9.0))
    wanted = {
        "150": pack_features(some_features(), "int8"),
        "skeletons": pack_skeletons(skeletons, starts, length, "int16"),
        "verdict": {"probabilities": np.array([[0.25, 0.75]])},
    }
    generator, refused = np.random.default_rng(0), 0
    for cut, arrays in wanted.items():
        data = write_message(message(cut, arrays))
        for _ in range(700):
            try:
                read = read_message(mutate(data, generator))
            except WireError:
                refused += 1
            else:  # other names or another number: the arrays have a check sum
                assert all(np.array_equal(read.arrays[name], arrays[name]) for name in arrays)
    assert refused > 0.9 * 700 * len(wanted)
