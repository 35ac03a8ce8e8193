"""The message in which an edge sends a part of a clip to a cloud: format 1.

    bytes 0 to 3   "DTFW"
    byte  4        version of the format, 1
    bytes 5 to 8   length of the header, unsigned, big-endian; at most `MAX_HEADER`
    header         MessagePack, a `Header`: model, clip, number of the message, cut, and data type and shape of each
                   array by name, in the order in which they follow
    the rest       one Zstandard frame with its size and check sum: the arrays, little-endian, one after the other

Which arrays a cut has (n frames, m poses, w windows):

    cut              arrays
    frames           frames uint8 [n, 128, 128, 1], or [n, length, 128, 128, 1] for networks of sequences: what the
                     network reads, so background subtraction has been done, or the dancer has been cut out
    skeletons        landmarks [m, 33, 4] and world [m, 33, 3], as in `Skeletons`, float16, or int16 in steps of
                     `STEP`; valid uint8 [m], 0 or 1; times float64 [m], seconds; starts float64 [w] and length
                     float64 [1] of the windows, seconds. The poses are those that the windows cover
    1536, 400, 150   features [n, 1536] and so on, float32, float16, or int8 together with scales float32 [1536]: the
                     feature is the integer times its scale
    verdict          probabilities float64 [1, styles]

An int16 array is stored as its differences along the first axis, all low bytes before all high bytes, which compresses
better. The cut "clip" needs no message: the video file itself is sent.

`read_message` checks all of this: a broken or hostile message raises `WireError`, with one line that does not repeat
the content. It needs at most `MAX_MESSAGE` bytes for the message and twice `MAX_ARRAYS` for its arrays, whatever a
message states, because sizes are compared before anything is decompressed. The answer to a message depends on
nothing else, so a message may be sent again, to any copy of the cloud.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import msgpack
import numpy as np
import zstandard
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dance_tf.pose.skeleton import Skeletons

TOKEN_VARIABLE = "DANCE_TF_TOKEN"  # environment variable of the secret that edge and cloud share
MAGIC, VERSION = b"DTFW", 1
START = struct.Struct(">4sBI")
MAX_HEADER = 2048  # bytes
MAX_MESSAGE = 4 << 20  # bytes
MAX_ARRAYS = 16 << 20  # bytes, before compression
MAX_ROWS, MAX_WINDOWS = 1024, 64  # frames or poses, windows of skeletons
MAX_SECONDS = 86_400.0  # of a clip
STEP = 1 / 4096  # of int16 landmarks: as fine as float16 is between 0.25 and 0.5; the largest is 8
LEVEL = 6  # of Zstandard

MessageCut = Literal["frames", "skeletons", "1536", "400", "150", "verdict"]
CUTS = ("clip", *get_args(MessageCut))
Packing = Literal["float32", "float16", "int8", "int16"]
PACKINGS = {"skeletons": ("float16", "int16"), **dict.fromkeys(("1536", "400", "150"), ("float32", "float16", "int8"))}
Size = Annotated[int, Field(ge=1, le=2048)]


def _layouts() -> dict[str, list[dict[str, tuple[str, tuple[int | str, ...]]]]]:
    """Return for each cut its possible arrays: data type and shape by name, with letters for counts."""
    times = {
        "valid": ("uint8", "m"),
        "times": ("float64", "m"),
        "starts": ("float64", "w"),
        "length": ("float64", (1,)),
    }
    layouts = {
        "frames": [{"frames": ("uint8", (*counts, 128, 128, 1))} for counts in ("n", "nl")],
        "skeletons": [
            {"landmarks": (kind, ("m", 33, 4)), "world": (kind, ("m", 33, 3)), **times}
            for kind in PACKINGS["skeletons"]
        ],
        "verdict": [{"probabilities": ("float64", (1, "s"))}],
    }
    for cut in ("1536", "400", "150"):
        scales = {"int8": {"scales": ("float32", (int(cut),))}}
        layouts[cut] = [{"features": (kind, ("n", int(cut)))} | scales.get(kind, {}) for kind in PACKINGS[cut]]
    return layouts


LAYOUTS = _layouts()
MOST = {"n": MAX_ROWS, "m": MAX_ROWS, "w": MAX_WINDOWS}  # counts of a layout


class WireError(ValueError):
    """A message that cannot be read or written; the reason in one line."""


class ArrayHeader(BaseModel):
    """Data type and shape of an array."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    dtype: Literal["uint8", "int8", "int16", "float16", "float32", "float64"]
    shape: Annotated[tuple[Size, ...], Field(min_length=1, max_length=5)]

    @property
    def bytes(self) -> int:
        """Size of the array."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Header(BaseModel):
    """What a message is about.

    Attributes:
        model: `ModelBundle.fingerprint` of the model that the edge cut.
        clip: a random number that names the clip, 32 hexadecimal digits.
        number: of the message in its clip, from 0.
        cut: where the network was cut.
        arrays: by name.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)
    model: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    clip: Annotated[str, Field(pattern="^[0-9a-f]{32}$")]
    number: Annotated[int, Field(ge=0, lt=1_000_000)]
    cut: MessageCut
    arrays: Annotated[dict[str, ArrayHeader], Field(min_length=1, max_length=6)]


@dataclass(frozen=True, eq=False)
class Message:
    """A message; attributes as in `Header`, with the arrays themselves."""

    model: str
    clip: str
    number: int
    cut: MessageCut
    arrays: Mapping[str, np.ndarray]


def write_message(message: Message) -> bytes:
    """Return the bytes of a message.

    Raises:
        WireError: an array is not what the cut has, or has values that `read_message` would refuse.
    """
    arrays = {name: np.ascontiguousarray(array) for name, array in message.arrays.items()}
    described = {name: {"dtype": array.dtype.name, "shape": array.shape} for name, array in arrays.items()}
    header = _check_header({**vars(message), "arrays": described})
    _check_values(arrays)
    packed = msgpack.packb(header.model_dump())
    body = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compress(b"".join(map(_stored, arrays.values())))
    data = START.pack(MAGIC, VERSION, len(packed)) + packed + body
    if len(data) > MAX_MESSAGE:
        raise WireError(f"a message of {len(data):,} bytes is over the limit of {MAX_MESSAGE:,}: send fewer at a time")
    return data


def read_message(data: bytes) -> Message:
    """Return a message from its bytes.

    Raises:
        WireError: it is broken, hostile or of another version.
    """
    if len(data) > MAX_MESSAGE:
        raise WireError(f"a message of {len(data):,} bytes is over the limit of {MAX_MESSAGE:,}")
    if len(data) < START.size or not data.startswith(MAGIC):
        raise WireError("this is not a message of dance_tf")
    _, version, length = START.unpack_from(data)
    if version != VERSION:
        raise WireError(f"a message of format {version}, and this version reads format {VERSION} only")
    body = START.size + length
    if length > MAX_HEADER or body > len(data):
        raise WireError("the header of the message is cut off or too long")
    try:
        header = _check_header(msgpack.unpackb(data[START.size : body], use_list=False))
    except (ValueError, TypeError) as error:  # msgpack raises both
        raise error if isinstance(error, WireError) else WireError("the header is not valid MessagePack") from error
    expected = sum(array.bytes for array in header.arrays.values())
    content = memoryview(data)[body:]
    try:
        if zstandard.get_frame_parameters(content).content_size != expected:
            raise WireError("the arrays have another size than the header says")
        decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ARRAYS)
        stored = memoryview(decompressor.decompress(content, max_output_size=expected, allow_extra_data=False))
    except zstandard.ZstdError as error:
        raise WireError("the arrays cannot be decompressed") from error
    arrays, place = {}, 0
    for name, array in header.arrays.items():
        arrays[name] = _restored(stored[place : place + array.bytes], array)
        place += array.bytes
    _check_values(arrays)
    return Message(header.model, header.clip, header.number, header.cut, arrays)


def _check_header(values: object) -> Header:
    try:
        header = Header.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = first["loc"][0] if first["loc"] and first["loc"][0] in Header.model_fields else "another field"
        raise WireError(f"a wrong header: {field}: {first['msg']}") from error
    if not any(_matches(layout, header.arrays) for layout in LAYOUTS[header.cut]):
        raise WireError(f"the arrays are not those of the cut {header.cut}, or too many frames, poses or windows")
    if (size := sum(array.bytes for array in header.arrays.values())) > MAX_ARRAYS:
        raise WireError(f"arrays of {size:,} bytes are over the limit of {MAX_ARRAYS:,}: send fewer frames at a time")
    return header


def _stored(array: np.ndarray) -> bytes:
    if array.dtype == np.int16:
        steps = np.diff(array, axis=0, prepend=np.zeros_like(array[:1])).astype("<i2")  # modulo 2^16
        return steps.view(np.uint8).reshape(-1, 2).T.tobytes()
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _restored(stored: memoryview, header: ArrayHeader) -> np.ndarray:
    if header.dtype == "int16":
        steps = np.ascontiguousarray(np.frombuffer(stored, np.uint8).reshape(2, -1).T).view("<i2")
        return steps.reshape(header.shape).cumsum(axis=0, dtype=np.int16)
    dtype = np.dtype(header.dtype)
    return np.frombuffer(stored, dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(header.shape)


def _matches(layout: Mapping[str, tuple[str, tuple[int | str, ...]]], arrays: Mapping[str, ArrayHeader]) -> bool:
    """Return whether arrays have the types and shapes of a layout; equal letters stand for equal counts."""
    counts: dict[int | str, int] = {}
    for name, (dtype, shape) in layout.items():
        array = arrays.get(name)
        if array is None or array.dtype != dtype or len(array.shape) != len(shape):
            return False
        for wanted, size in zip(shape, array.shape, strict=True):
            if counts.setdefault(wanted, size if isinstance(wanted, str) else wanted) != size:
                return False
    return len(layout) == len(arrays) and all(counts.get(letter, 0) <= most for letter, most in MOST.items())


def _check_values(arrays: Mapping[str, np.ndarray]) -> None:
    """Raise WireError unless the arrays, which have a layout of their cut, hold possible values."""
    if not all(np.isfinite(array).all() for array in arrays.values() if array.dtype.kind == "f"):
        raise WireError("an array has values that are not finite")
    if "scales" in arrays and arrays["scales"].min() < 0:
        raise WireError("a scale is negative")
    if (shares := arrays.get("probabilities")) is not None and (shares.min() < 0 or abs(shares.sum() - 1) > 1e-3):
        raise WireError("the probabilities do not sum to 1")
    if "valid" in arrays:
        seconds = np.concatenate([arrays[name] for name in ("times", "starts", "length")])
        if seconds.min() < 0 or seconds.max() > MAX_SECONDS or np.diff(arrays["times"]).min(initial=0) < 0:
            raise WireError("the times of the skeletons are impossible")
        if arrays["valid"].max() > 1:
            raise WireError("whether a pose is valid is 0 or 1")


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


def pack_skeletons(skeletons: Skeletons, starts: np.ndarray, length: float, packing: Packing) -> dict[str, np.ndarray]:
    """Return the arrays of skeletons and their windows; see `pose.joints.windows_at`.

    Raises:
        WireError: coordinates that int16 cannot hold.
    """
    places = {"landmarks": skeletons.landmarks, "world": skeletons.world}
    if packing == "int16":
        steps = {name: np.rint(values.astype(np.float64) / STEP) for name, values in places.items()}
        if max(np.abs(values).max() for values in steps.values()) > np.iinfo(np.int16).max:
            raise WireError("a landmark is too far away for int16: use float16")
        places = {name: values.astype(np.int16) for name, values in steps.items()}
    times = {"valid": skeletons.valid.astype(np.uint8), "times": skeletons.times, "starts": starts}
    return places | times | {"length": np.array([length], np.float64)}


def unpack_skeletons(arrays: Mapping[str, np.ndarray]) -> tuple[Skeletons, np.ndarray, float]:
    """Return the skeletons, starts and length from the arrays of `pack_skeletons`."""
    places = [arrays[name] for name in ("landmarks", "world")]
    if places[0].dtype == np.int16:
        places = [(values * STEP).astype(np.float16) for values in places]
    skeletons = Skeletons(*places, arrays["valid"].astype(bool), arrays["times"])
    return skeletons, arrays["starts"], float(arrays["length"][0])
