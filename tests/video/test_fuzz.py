"""Mutated files through the whole of curation: nothing takes the run down, and each file has its row.

A small number of files in every run of the tests; `make fuzz` (DANCE_TF_FUZZ=nightly) makes ten thousand, or as many
as DANCE_TF_FUZZ says.
"""

import importlib.util
import os
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from dance_tf.curation.parts import KEPT, PARTLY_KEPT, REFUSED, CurationRow, read_rows, write_rows
from dance_tf.curation.run import curate_footage, failure_reason
from dance_tf.video.catalog import find_clips
from dance_tf.video.isolation import LostProcess
from dance_tf.video.settings import ReadSettings

AMOUNT = os.environ.get("DANCE_TF_FUZZ", "90")
FILES = 10_000 if AMOUNT == "nightly" else int(AMOUNT)
BATCH = 250
SILENCE = 20.0  # seconds: what counts as a hang
KNOWN_CRASHES: dict[str, str] = {}  # file name of a damaged file: why FFmpeg's libraries cannot be kept from crashing
LARGEST_SEED = 150_000  # bytes


def load_mutations():
    spec = importlib.util.spec_from_file_location("mutations", Path(__file__).parent / "mutations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


mutations = load_mutations()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory, make_video, make_dance, make_ramp):
    """Small files of many kinds that the test makes itself; real ones join where they are present."""
    root = tmp_path_factory.mktemp("seeds")
    dance, ramp = make_dance(16, 48, 32), make_ramp(8, 32, 32)
    make_video(root / "h264.mp4", dance, options={"crf": "28", "g": "6"})
    make_video(root / "streamed.mp4", dance, options={"crf": "28", "movflags": "frag_keyframe+empty_moov"})
    make_video(root / "turned.mov", dance, options={"crf": "30"}, setup=lambda stream: stream.set_display_rotation(90))
    make_video(root / "h264.mkv", dance, options={"crf": "28"}, times=[40 * number for number in range(16)])
    make_video(root / "h264.ts", dance, options={"crf": "28"})
    make_video(root / "hevc.mp4", dance, codec="libx265", options={"crf": "30", "x265-params": "log-level=none"})
    make_video(root / "vp9.webm", ramp, codec="libvpx-vp9", options={"cpu-used": "8", "deadline": "realtime"})
    make_video(root / "mpeg4.avi", dance, codec="mpeg4", options={"bf": "2"})
    make_video(root / "photo.avi", ramp, codec="mjpeg", pixel_format="yuvj420p", options={})
    make_video(root / "loop.gif", ramp, codec="gif", pixel_format="gray", options={})
    make_video(root / "loop.webp", ramp, codec="libwebp_anim", options={})
    found = [(path.name, path.read_bytes()) for path in sorted(root.iterdir())]
    shared = Path(os.environ.get("DANCE_TF_SHARED_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
    for path in sorted((shared / "video_zoo").glob("*.*")):
        if 0 < path.stat().st_size <= LARGEST_SEED and path.suffix not in (".csv", ".jpg"):
            found.append((path.name, path.read_bytes()))
    return found


def fuzz(seeds, folder, numbers):
    """Curate the damaged files of some numbers; returns their rows and the slowest time between two rows."""
    offered = folder / "in"
    offered.mkdir(parents=True)
    for number in numbers:
        name, data = mutations.mutate(seeds, number)
        (offered / name).write_bytes(data)
    catalog = find_clips(offered)
    times = [time.monotonic()]
    rows = curate_footage(
        catalog,
        folder / "parts",
        ReadSettings(threads=1),
        jobs=1 if FILES < BATCH else None,
        timeout_s=SILENCE,
        progress=lambda row: times.append(time.monotonic()),
    )
    write_rows(folder / "curation.csv", rows)
    assert read_rows(folder / "curation.csv") == rows
    assert {Path(row.path) for row in rows} == set(offered.iterdir())
    return rows, max(later - earlier for earlier, later in zip(times, times[1:], strict=False))


def faults_in(rows):
    """Names and reasons of the rows that tell of a fault of ours, or of one in native code that is not known yet."""
    words = ("crashed", "hung", "unexpected", "more memory")
    found = [(Path(row.path).name, row.reason) for row in rows if any(word in row.reason for word in words)]
    return [(name, reason) for name, reason in found if name not in KNOWN_CRASHES]


def test_fuzzed_files_are_all_accounted_for(seeds, tmp_path, capsys):
    tally, faults, slowest = Counter(), [], 0.0
    for first in range(0, FILES, BATCH):
        folder = tmp_path / str(first)
        rows, longest = fuzz(seeds, folder, range(first, min(first + BATCH, FILES)))
        slowest = max(slowest, longest)
        for row in rows:
            tally[row.status] += 1
            assert "\n" not in row.reason and (row.status == KEPT or row.reason)
        faults += faults_in(rows)
        for part in (folder / "parts").iterdir():
            part.unlink()
    if FILES > 1000:
        with capsys.disabled():
            print(f"\n{FILES:,} damaged files: {dict(tally)}; longest wait for a row {slowest:.1f} s", file=sys.stderr)
            print(*faults, sep="\n", file=sys.stderr)
    assert tally[KEPT] + tally[PARTLY_KEPT] + tally[REFUSED] == FILES
    # a run survives each of these and its row says so, and all the same none may happen
    assert faults == []
    # a file may show signs of life and yet never end: from one row to the next it may not take longer than a hang
    assert slowest < SILENCE


@pytest.mark.parametrize(
    "error",
    [
        LostProcess("the decoder crashed (SIGSEGV)"),
        LostProcess("the decoder hung: no sign of life for 20 s"),
        MemoryError(),
        KeyError("a"),
    ],
)
def test_fuzz_would_not_overlook_a_fault(error, monkeypatch):
    fine, row = CurationRow("b.mp4", reason="the file is empty"), CurationRow("in/a.mp4", reason=failure_reason(error))
    assert faults_in([fine, row]) == [("a.mp4", row.reason)]
    monkeypatch.setitem(KNOWN_CRASHES, "a.mp4", "known")
    assert faults_in([fine, row]) == []


def test_fuzz_does_all_kinds_of_damage():
    data = bytes(range(256)) * 20
    done = {mutations.mutate([("a.mp4", data)], number)[0].split("-")[1] for number in range(200)}
    assert done == {kind.__name__ for kind in mutations.KINDS}
    assert mutations.mutate([("a.mp4", data)], 7) == mutations.mutate([("a.mp4", data)], 7)


def test_fuzz_knows_boxes(make_video, make_dance, tmp_path):
    data = make_video(tmp_path / "a.mp4", make_dance(3)).read_bytes()
    kinds = [data[place + 4 : place + 8] for place, _ in mutations.nested_boxes(data)]
    assert {b"ftyp", b"moov", b"mdat", b"trak", b"stbl", b"stsz"} <= set(kinds)
