"""Damaged files by number: the same number always does the same damage to the same file."""

import struct

import numpy as np


def boxes(data: bytes, first: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Places and sizes of the boxes of an ISO media file (ISO 14496-12, 4.2) between two places."""
    found, place, end = [], first, len(data) if end is None else end
    while place + 8 <= end:
        size = struct.unpack(">I", data[place : place + 4])[0]
        if size < 8 or place + size > end:
            break
        found.append((place, size))
        place += size
    return found


def nested_boxes(data: bytes) -> list[tuple[int, int]]:
    """Boxes at every depth; the containers are those that hold tracks and sample tables."""
    found, todo = [], boxes(data)
    while todo:
        place, size = todo.pop()
        found.append((place, size))
        if data[place + 4 : place + 8] in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"):
            todo += boxes(data, place + 8, place + size)
    return sorted(found)


def flip_bytes(data: bytearray, rng: np.random.Generator) -> bytearray:
    for place in rng.integers(0, len(data), rng.integers(1, 40)):
        data[place] = rng.integers(0, 256)
    return data


def flip_head(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Flips where headers lie: at the beginning and at the end."""
    reach = min(len(data), 2048)
    for place in rng.integers(-reach, reach, rng.integers(1, 12)):
        data[place] ^= 1 << rng.integers(0, 8)
    return data


def truncate(data: bytearray, rng: np.random.Generator) -> bytearray:
    return data[: rng.integers(0, len(data))]


def swap_boxes(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Two boxes change places; in other containers two chunks do."""
    found = nested_boxes(bytes(data))
    if len(found) < 2 or rng.random() < 0.2:
        cuts = np.sort(rng.integers(0, len(data), 4))
        pieces = [data[: cuts[0]], data[cuts[2] : cuts[3]], data[cuts[1] : cuts[2]], data[cuts[0] : cuts[1]]]
        return bytearray(b"".join([*pieces, data[cuts[3] :]]))
    one, two = sorted(rng.choice(len(found), 2, replace=False))
    (start, size), (other, length) = found[one], found[two]
    if other < start + size:  # one lies in the other: the inner one is written over the outer one's beginning
        data[start + 8 : start + 8 + length] = data[other : other + length]
        return data
    between = data[start + size : other]
    return data[:start] + data[other : other + length] + between + data[start : start + size] + data[other + length :]


def lie_in_box(data: bytearray, rng: np.random.Generator) -> bytearray:
    """A size or a number in a header becomes an extreme one."""
    found = nested_boxes(bytes(data))
    place = found[rng.integers(len(found))][0] if found else int(rng.integers(0, max(1, len(data) - 12)))
    place += int(rng.choice([0, 8, 12, 16, 20]))
    value = int(rng.choice([0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.integers(0, 2**32)]))
    data[place : place + 4] = struct.pack(">I", value)
    return data


def zero_stretch(data: bytearray, rng: np.random.Generator) -> bytearray:
    start, end = np.sort(rng.integers(0, len(data), 2))
    data[start:end] = bytes(int(end - start))
    return data


def repeat_stretch(data: bytearray, rng: np.random.Generator) -> bytearray:
    start, end = np.sort(rng.integers(0, len(data), 2))
    return data[:end] + data[start:end] + data[end:]


KINDS = (flip_bytes, flip_head, truncate, swap_boxes, lie_in_box, zero_stretch, repeat_stretch)


def mutate(seeds: list[tuple[str, bytes]], number: int) -> tuple[str, bytes]:
    """The damaged file of a number: its name, which tells what was done, and its bytes."""
    rng = np.random.default_rng(number)
    name, data = seeds[rng.integers(len(seeds))]
    kind = KINDS[rng.integers(len(KINDS))]
    damaged = kind(bytearray(data), rng)
    if rng.random() < 0.2 and len(damaged) > 1:
        damaged = flip_bytes(damaged, rng)
    stem, _, suffix = name.rpartition(".")
    return f"{number:06d}-{kind.__name__}-{stem[:30]}.{suffix}", bytes(damaged)
