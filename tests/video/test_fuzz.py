"""Damaged files through all of curation: no file stops the run, and each has its row.

Each test run uses a small number of files; `make fuzz` (DANCE_TF_FUZZ=nightly) uses ten thousand, or the number in
DANCE_TF_FUZZ. A file number always gives the same damage to the same file.
"""

import os
import struct
import sys
import time
from collections import Counter
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from dance_tf.curation.parts import KEPT, PARTLY_KEPT, REFUSED, read_rows, write_rows
from dance_tf.curation.run import curate_footage
from dance_tf.video.catalog import find_clips
from dance_tf.video.isolation import DecodingProcess, LostProcess
from dance_tf.video.settings import ReadSettings

AMOUNT = os.environ.get("DANCE_TF_FUZZ", "90")
FILES = 10_000 if AMOUNT == "nightly" else int(AMOUNT)
BATCH = 250
TIMEOUT_SECONDS = 20.0  # of a decoding process
KNOWN_CRASHES: dict[str, str] = {}  # name of a damaged file: why a crash of FFmpeg's libraries cannot be avoided
MAX_SEED_BYTES = 150_000


def boxes(data: bytes, place: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Return places and sizes of the boxes of an ISO media file at every depth (ISO 14496-12, 4.2)."""
    found, end = [], len(data) if end is None else end
    while place + 8 <= end:
        size = struct.unpack_from(">I", data, place)[0]
        if size < 8 or place + size > end:
            break
        found.append((place, size))
        if data[place + 4 : place + 8] in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"):
            found += boxes(data, place + 8, place + size)
        place += size
    return found


def flip_bytes(data: bytearray, rng: np.random.Generator) -> bytearray:
    for place in rng.integers(0, len(data), rng.integers(1, 40)):
        data[place] = rng.integers(0, 256)
    return data


def flip_head(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Flip bits near the start and the end, where headers are."""
    reach = min(len(data), 2048)
    for place in rng.integers(-reach, reach, rng.integers(1, 12)):
        data[place] ^= 1 << rng.integers(0, 8)
    return data


def truncate(data: bytearray, rng: np.random.Generator) -> bytearray:
    return data[: rng.integers(0, len(data))]


def move_segments(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Swap, repeat or zero two boxes that follow each other, or two segments of other containers."""
    found = boxes(data)
    start, middle, end = np.sort(rng.integers(0, len(data), 3))
    if len(found) > 1 and rng.random() < 0.5:
        (start, size), (other, length) = (found[index] for index in np.sort(rng.choice(len(found), 2, replace=False)))
        middle, end = start + size, max(other + length, start + size)
    one, two = data[start:middle], data[middle:end]
    return data[:start] + [two + one, one + two + one + two, bytes(len(one)) + two][rng.integers(3)] + data[end:]


def falsify_box(data: bytearray, rng: np.random.Generator) -> bytearray:
    """Write an extreme size or number into a header."""
    found = boxes(data)
    place = found[rng.integers(len(found))][0] if found else int(rng.integers(0, max(1, len(data) - 12)))
    place += int(rng.choice([0, 8, 12, 16, 20]))
    value = int(rng.choice([0, 1, 7, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, rng.integers(0, 2**32)]))
    data[place : place + 4] = struct.pack(">I", value)
    return data


DAMAGES = (flip_bytes, flip_head, truncate, move_segments, falsify_box)


def mutate(seeds: list[tuple[str, bytes]], number: int) -> tuple[str, bytes]:
    """Return the damaged file of a number: a name that contains the kind of damage, and its bytes."""
    rng = np.random.default_rng(number)
    name, data = seeds[rng.integers(len(seeds))]
    damage = DAMAGES[rng.integers(len(DAMAGES))]
    damaged = damage(bytearray(data), rng)
    if rng.random() < 0.2 and len(damaged) > 1:
        damaged = flip_bytes(damaged, rng)
    stem, _, suffix = name.rpartition(".")
    return f"{number:06d}-{damage.__name__}-{stem[:30]}.{suffix}", bytes(damaged)


@pytest.fixture(scope="module")
def seeds(tmp_path_factory, make_video, make_dance, make_ramp):
    """Small files of many formats, and real ones if the shared data has them."""
    root = tmp_path_factory.mktemp("seeds")
    dance, ramp = make_dance(16, 48, 32), make_ramp(8, 32, 32)
    make_video(root / "turned.mov", dance, setup=lambda stream: stream.set_display_rotation(90))
    make_video(root / "h264.mkv", dance, times=[40 * number for number in range(16)])
    for name, frames, codec, pixel_format, options in (
        ("h264.mp4", dance, "libx264", "yuv420p", {"crf": "28", "g": "6"}),
        ("streamed.mp4", dance, "libx264", "yuv420p", {"crf": "28", "movflags": "frag_keyframe+empty_moov"}),
        ("h264.ts", dance, "libx264", "yuv420p", {"crf": "28"}),
        ("hevc.mp4", dance, "libx265", "yuv420p", {"crf": "30", "x265-params": "log-level=none"}),
        ("vp9.webm", ramp, "libvpx-vp9", "yuv420p", {"cpu-used": "8", "deadline": "realtime"}),
        ("mpeg4.avi", dance, "mpeg4", "yuv420p", {"bf": "2"}),
        ("photo.avi", ramp, "mjpeg", "yuvj420p", {}),
        ("loop.gif", ramp, "gif", "gray", {}),
        ("loop.webp", ramp, "libwebp_anim", "yuv420p", {}),
    ):
        make_video(root / name, frames, codec=codec, pixel_format=pixel_format, options=options)
    found = [(path.name, path.read_bytes()) for path in sorted(root.iterdir())]
    shared = Path(os.environ.get("DANCE_TF_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    for path in sorted((shared / "video_zoo").glob("*.*")):
        if 0 < path.stat().st_size <= MAX_SEED_BYTES and path.suffix not in (".csv", ".jpg"):
            found.append((path.name, path.read_bytes()))
    return found


def fuzz(seeds, folder, numbers):
    """Curate the damaged files of some numbers; return their rows and the longest time between two rows."""
    damaged = folder / "in"
    damaged.mkdir(parents=True)
    for number in numbers:
        name, data = mutate(seeds, number)
        (damaged / name).write_bytes(data)
    times = [time.monotonic()]
    rows = curate_footage(
        find_clips(damaged),
        folder / "parts",
        ReadSettings(threads=1),
        jobs=1 if FILES < BATCH else None,
        progress=lambda row: times.append(time.monotonic()),
    )
    write_rows(folder / "curation.csv", rows)
    assert read_rows(folder / "curation.csv") == rows
    assert {Path(row.path) for row in rows} == set(damaged.iterdir())
    return rows, max(np.diff(times))


def faults_in(rows):
    """Return names and reasons of the rows with a fault of ours, or with an unknown one in native code."""
    words = ("crashed", "hung", "unexpected", "more memory")
    found = [(Path(row.path).name, row.reason) for row in rows if any(word in row.reason for word in words)]
    return [(name, reason) for name, reason in found if name not in KNOWN_CRASHES]


def test_fuzzed_files_all_have_a_row(seeds, tmp_path, capsys):
    tally, faults, slowest = Counter(), [], 0.0
    for first in range(0, FILES, BATCH):
        folder = tmp_path / str(first)
        rows, longest = fuzz(seeds, folder, range(first, min(first + BATCH, FILES)))
        slowest = max(slowest, longest)
        for row in rows:
            tally[row.status] += 1
            assert "\n" not in row.reason and (row.status == KEPT or row.reason)
        faults += faults_in(rows)
        for part in (folder / "parts").glob("*.npz"):
            part.unlink()
    if FILES > 1000:
        with capsys.disabled():
            print(f"\n{FILES:,} damaged files: {dict(tally)}; longest wait for a row {slowest:.1f} s", file=sys.stderr)
            print(*faults, sep="\n", file=sys.stderr)
    assert tally[KEPT] + tally[PARTLY_KEPT] + tally[REFUSED] == FILES
    # the run survives each of these, but none may happen
    assert faults == []
    # a file with heartbeats may still never end, so the time between rows is limited too
    assert slowest < TIMEOUT_SECONDS


CRASH, HANG = LostProcess("the decoder crashed (SIGSEGV)"), LostProcess("the decoder hung: …")


@pytest.mark.parametrize("error", [CRASH, HANG, MemoryError(), KeyError("a")], ids=["crash", "hang", "memory", "bug"])
def test_fuzz_detects_every_fault(error, dance_file, tmp_path, monkeypatch):
    monkeypatch.setattr(DecodingProcess, "call", mock.Mock(side_effect=error))
    rows = curate_footage(find_clips(dance_file), tmp_path, jobs=1)
    assert [name for name, _ in faults_in(rows)] == [dance_file.name]


def test_fuzz_applies_every_damage(seeds):
    data = bytes(range(256)) * 20
    done = {mutate([("a.mp4", data)], number)[0].split("-")[1] for number in range(200)}
    assert done == {damage.__name__ for damage in DAMAGES}
    assert mutate([("a.mp4", data)], 7) == mutate([("a.mp4", data)], 7)
    mp4 = dict(seeds)["h264.mp4"]
    kinds = {mp4[place + 4 : place + 8] for place, _ in boxes(mp4)}
    assert {b"ftyp", b"moov", b"mdat", b"trak", b"stbl", b"stsz"} <= kinds
