"""What an edge sends to a cloud of a clip: format 1, that of `POST /v1/features`.

The query of the request says what the body holds:

    model      `ModelBundle.fingerprint` of the model that the edge cut
    cut        where it was cut, one of `PACKINGS`
    packing    one of `PACKINGS[cut]`
    rows       number of frames, windows or skeletons

The body holds the arrays of `CutModel.layout`, little-endian, in the order of their names, in one Zstandard frame (RFC
8878) with its size and check sum. An array with items of two bytes is stored as differences along its first axis
(modulo 2^16), all low bytes before all high bytes, which compresses better. The cut "clip" is not sent like this: the
video file itself goes to `POST /v1/clips`.

A body has no names, types or sizes of its own, and nothing is decompressed whose size is not the expected one. So
reading a broken or hostile body takes at most `MAX_ARRAYS` bytes beside the body, and raises `WireError`, with one line
that does not repeat the content. The answer depends on the request alone, so a request may be sent again, to any copy
of the cloud.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
import zstandard

from dance_tf.pose.skeleton import Skeletons

TOKEN_VARIABLE = "DANCE_TF_TOKEN"  # environment variable of the secret that edge and cloud share
MAX_BODY = 4 << 20  # bytes
MAX_ARRAYS = 8 << 20  # bytes, before compression
MAX_ROWS, MAX_POSES = 1024, 16_384  # of frames or windows, of skeletons
MAX_SECONDS = 3600.0  # of skeletons
STEP = 1 / 4096  # of int16 landmarks: as fine as float16 is between 0.25 and 0.5; the largest is 8

MessageCut = Literal["frames", "skeletons", "1536", "400", "150", "verdict"]
Packing = Literal["exact", "float32", "float16", "int16", "int8"]
CUTS = ("clip", *get_args(MessageCut))
FEATURES = ("float32", "float16", "int8")
PACKINGS: dict[str, tuple[Packing, ...]] = {  # the first changes nothing
    "skeletons": ("float16", "int16"),
    **dict.fromkeys(("frames", "verdict"), ("exact",)),
    **dict.fromkeys(("1536", "400", "150"), FEATURES),
}
Layout = Mapping[str, tuple[str, tuple[int, ...]]]  # data type and shape of arrays, by name


class WireError(ValueError):
    """Arrays that cannot be sent, or a body that cannot be read; the reason in one line."""


def write_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Return the body of a request.

    Raises:
        WireError: the arrays are too large, or have values that `read_arrays` would refuse.
    """
    _check_values(arrays)
    stored = b"".join(_stored(arrays[name]) for name in sorted(arrays))
    body = zstandard.ZstdCompressor(level=6, write_checksum=True).compress(stored)
    if len(stored) > MAX_ARRAYS or len(body) > MAX_BODY:
        raise WireError(f"{len(stored):,} bytes are too many for one request: send one of so many with --every")
    return body


def read_arrays(body: bytes, layout: Layout) -> dict[str, np.ndarray]:
    """Return the arrays of a body.

    Raises:
        WireError: it does not hold such arrays, or impossible values.
    """
    sizes = {name: math.prod(shape) * np.dtype(dtype).itemsize for name, (dtype, shape) in layout.items()}
    if (total := sum(sizes.values())) > MAX_ARRAYS:
        raise WireError(f"{total:,} bytes are too many for one request: the limit is {MAX_ARRAYS:,}")
    try:
        if zstandard.get_frame_parameters(body).content_size != total:
            raise WireError("the body has another size than the query says")
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ARRAYS)
        stored = memoryview(decompressor.decompress(body, allow_extra_data=False))
    except zstandard.ZstdError as error:
        raise WireError("the body is not a whole Zstandard frame") from error
    arrays = {}
    for name, (dtype, shape) in sorted(layout.items()):
        arrays[name], stored = _restored(stored[: sizes[name]], np.dtype(dtype), shape), stored[sizes[name] :]
    _check_values(arrays)
    return arrays


def _stored(array: np.ndarray) -> bytes:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    if array.itemsize != 2:
        return little.tobytes()
    steps = np.diff(little.view("<u2"), axis=0, prepend=np.zeros_like(little[:1].view("<u2")))
    return steps.view(np.uint8).reshape(-1, 2).T.tobytes()


def _restored(stored: memoryview, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    if dtype.itemsize != 2:
        return np.frombuffer(stored, dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)
    steps = np.ascontiguousarray(np.frombuffer(stored, np.uint8).reshape(2, -1).T).view("<u2")
    return steps.reshape(shape).cumsum(axis=0, dtype=np.uint16).view(dtype)


def _check_values(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise WireError unless arrays of a layout hold possible values."""
    if not all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f"):
        raise WireError("an array has values that are not finite")
    shares, times = arrays.get("probabilities"), arrays.get("times")
    if shares is not None and (shares.min() < 0 or np.abs(shares.sum(axis=1) - 1).max() > 1e-3):
        raise WireError("the probabilities do not sum to 1")
    if times is not None and (times[0] < 0 or times[-1] > MAX_SECONDS or np.diff(times).min(initial=0) < 0):
        raise WireError(f"the times of skeletons must increase from 0 to at most {MAX_SECONDS:g} s")


def pack_features(features: np.ndarray, packing: Packing) -> dict[str, np.ndarray]:
    """Return the arrays of features float [n, count]; int8 gets a scale for each feature, by its largest value.

    Raises:
        WireError: features that float16 cannot hold.
    """
    if packing != "int8":
        if np.abs(features).max() > np.finfo(packing).max:
            raise WireError(f"features of up to {np.abs(features).max():.3g} do not fit into {packing}: use float32")
        return {"features": features.astype(packing)}
    scales = (np.abs(features).max(axis=0) / 127).astype(np.float32)
    steps = np.rint(features / np.where(scales > 0, scales, 1)).clip(-127, 127)  # a scale may be rounded down
    return {"features": steps.astype(np.int8), "scales": scales}


def unpack_features(arrays: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return features float32 [n, count] from the arrays of `pack_features`."""
    features = arrays["features"].astype(np.float32)
    with np.errstate(over="ignore"):  # a hostile scale gives no probabilities, which the cloud says
        return features * arrays["scales"] if "scales" in arrays else features


def pack_skeletons(skeletons: Skeletons, packing: Packing) -> dict[str, np.ndarray]:
    """Return the arrays of the skeletons of a clip.

    Raises:
        WireError: coordinates that int16 cannot hold.
    """
    places = {"landmarks": skeletons.landmarks, "world": skeletons.world}
    if packing == "int16":
        steps = {name: np.rint(values.astype(np.float64) / STEP) for name, values in places.items()}
        if max(np.abs(values).max() for values in steps.values()) > np.iinfo(np.int16).max:
            raise WireError("a landmark is too far away for int16: use float16")
        places = {name: values.astype(np.int16) for name, values in steps.items()}
    return places | {"valid": skeletons.valid.astype(np.uint8), "times": skeletons.times}


def unpack_skeletons(arrays: Mapping[str, np.ndarray]) -> Skeletons:
    """Return the skeletons from the arrays of `pack_skeletons`."""
    places = [arrays[name] for name in ("landmarks", "world")]
    if places[0].dtype == np.int16:
        places = [(values * STEP).astype(np.float16) for values in places]
    return Skeletons(*places, arrays["valid"].astype(bool), arrays["times"])
