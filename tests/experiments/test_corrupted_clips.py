"""Clips corrupted at their own resolution: which frames, from which file, and which clips are refused."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dance_tf.corruption import clips as file_module
from dance_tf.corruption.clips import FrameRequest, degrade_file
from dance_tf.corruption.conditions import degrade
from dance_tf.curation.background import estimate_background
from dance_tf.curation.parts import content_sha256
from dance_tf.experiments import corrupted_clips
from dance_tf.experiments.conditions import CLEAN, Corruption, paper_corruptions
from dance_tf.experiments.corrupted_clips import (
    FrameSampling,
    HeldOutClip,
    choose_frames,
    compression_table,
    corrupt_clips,
    frames_under_corruptions,
)
from dance_tf.video.frames import ReadError, open_footage, read_footage
from dance_tf.video.luma import fit_luma

av = pytest.importorskip("av")
COUNT, HEIGHT, WIDTH, RATE = 24, 256, 160, 8
SAMPLING = FrameSampling(scored=3, background=9)
ONE_SEGMENT = np.zeros(20, np.int64)


def write_clip(path, title="bar"):
    """Write a bright bar that moves over a textured background; the title changes the file, not the frames."""
    background = np.random.default_rng(0).integers(60, 140, (HEIGHT // 16, WIDTH // 16)).astype(np.uint8)
    background = np.kron(background, np.ones((16, 16), np.uint8))
    # bitexact: without a random number in the file, whose hash is the seed of the corruptions
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        container.metadata["title"] = title
        stream = container.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        stream.time_base = Fraction(1, RATE)
        for i in range(COUNT):
            picture = background.copy()
            picture[60:200, 6 * i : 6 * i + 20] = 230
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode(None))
    times = read_footage(path).timestamps[4:]  # as if curation had dropped the first four frames
    frames = tuple(times.tolist()), (0,) * len(times)
    return HeldOutClip(path.stem, "d1", "Tok", path, content_sha256(path), *frames, WIDTH, path.parent, SAMPLING)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> HeldOutClip:
    return write_clip(tmp_path_factory.mktemp("clips") / "bar.mkv")


def frames_of(clip: HeldOutClip) -> np.ndarray:
    return np.stack([picture for _, picture in open_footage(clip.path).pictures()])


def squares(pictures: np.ndarray) -> np.ndarray:
    return np.stack([fit_luma(picture) for picture in pictures])


def corrupted(clip, corruption, work, sampling=SAMPLING):
    clip = replace(clip, work=work, sampling=sampling)
    corrupt_clips([clip], [corruption])
    return clip.load(corruption)


@pytest.mark.parametrize(
    ("kept", "segments", "sampling", "window", "scored", "background"),
    [
        (np.arange(12), [0] * 12, FrameSampling(3, 4), 3, [[0, 1, 2], [4, 5, 6], [8, 9, 10]], [0, 4, 7, 11]),
        (np.arange(12), [0] * 5 + [1] * 7, FrameSampling(3, 4), 3, [[0, 1, 2], [5, 5, 6], [8, 9, 10]], [0, 4, 7, 11]),
        (np.array([1, 5, 6, 9]), [0] * 12, FrameSampling(2, 2), 3, [[1, 1, 5], [5, 6, 9]], [1, 9]),
        (np.array([7]), [0] * 12, FrameSampling(3, 4), 1, [[7]], [7]),
    ],
)
def test_frames_are_spread_evenly_and_windows_stay_in_their_segment(
    kept, segments, sampling, window, scored, background
):
    found = choose_frames(kept, np.array(segments), sampling, window)
    np.testing.assert_array_equal(found[0], scored)
    np.testing.assert_array_equal(found[1], background)


def test_clean_frames_are_those_that_curation_read(clip, tmp_path):
    found = corrupted(clip, Corruption(CLEAN, window=2), tmp_path)
    curated = read_footage(clip.path).frames[4:]
    windows, background = choose_frames(np.arange(20), ONE_SEGMENT, SAMPLING, 2)
    assert found.frames.shape == (3, 2, 128, 128, 1)
    np.testing.assert_array_equal(found.frames[..., 0], curated[windows])
    np.testing.assert_array_equal(found.background[..., 0], estimate_background(curated[background]).picture)
    assert found.background_valid


@pytest.mark.parametrize(
    "name", ["low_light", "mild_motion_blur", "severe_motion_blur", "backlight", "moving_shadows", "rain", "heavy_fog"]
)
@pytest.mark.parametrize("sampling", [SAMPLING, FrameSampling(scored=1, background=1)])
def test_selected_frames_equal_those_of_the_whole_corrupted_clip(name, sampling, clip, tmp_path):
    corruption = Corruption(name, 4, seed=1)
    found = corrupted(clip, corruption, tmp_path, sampling)
    scored, background = choose_frames(np.arange(20), ONE_SEGMENT, sampling)
    seed = corruption.clip_seed(clip.sha256)
    whole = squares(degrade(frames_of(clip)[4:], name, 4, seed, np.array(clip.times)).frames)
    np.testing.assert_array_equal(found.frames[:, 0, ..., 0], whole[scored[:, 0]])
    np.testing.assert_array_equal(found.background[..., 0], estimate_background(whole[background]).picture)


def test_noise_has_the_distribution_of_the_whole_clip(clip, tmp_path):
    found = corrupted(clip, Corruption("severe_noise", 4, seed=1), tmp_path)
    scored, _ = choose_frames(np.arange(20), ONE_SEGMENT, SAMPLING)
    pictures = frames_of(clip)[4:]
    clean, whole = squares(pictures), squares(degrade(pictures, "severe_noise", 4, 1).frames)
    sides = found.frames[:, 0, ..., 0], whole[scored[:, 0]]
    ours, theirs = (side.astype(float) - clean[scored[:, 0]] for side in sides)
    assert (ours != theirs).any() and ours.std() == pytest.approx(theirs.std(), rel=0.03)


@pytest.mark.parametrize("length", [250, 10])
def test_compression_covers_the_whole_clip(length, clip, monkeypatch):
    monkeypatch.setattr(file_module, "SEGMENT_FRAMES", length)
    pictures, times = frames_of(clip), read_footage(clip.path).timestamps
    parts = [slice(start, start + length) for start in range(0, COUNT, length)]
    coded = [degrade(pictures[part], "severe_compression", timestamps=times[part]).frames for part in parts]
    places = np.array([0, 9, 19])
    request = FrameRequest(places, "severe_compression", 4)
    (found,) = degrade_file(clip.path, np.array(clip.times), [request])
    np.testing.assert_array_equal(found, squares(np.concatenate(coded)[4:][places]))


def test_lost_frames_leave_the_others_unchanged(clip, tmp_path):
    lost = Corruption("dropped_frames", 5, seed=2, window=3)
    found = corrupted(clip, lost, tmp_path)
    kept = degrade(np.zeros((20, 1, 1), np.uint8), "dropped_frames", 5, lost.clip_seed(clip.sha256)).kept_indices
    assert len(kept) == 10
    windows, _ = choose_frames(kept, ONE_SEGMENT, SAMPLING, 3)
    np.testing.assert_array_equal(found.frames[..., 0], read_footage(clip.path).frames[4:][windows])


def test_existing_files_are_kept_and_missing_ones_are_made_equal(clip, tmp_path):
    corruptions, clip = paper_corruptions(2), replace(clip, work=tmp_path)
    corrupt_clips([clip], corruptions)
    paths = [clip.file(each) for each in corruptions]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in paths}
    frames = clip.load(corruptions[3]).frames
    assert len(before) == len(corruptions)
    paths[3].unlink()
    corrupt_clips([clip], corruptions)
    np.testing.assert_array_equal(clip.load(corruptions[3]).frames, frames)
    for path in paths[:3] + paths[4:]:
        assert (path.stat().st_mtime_ns, path.read_bytes()) == before[path]
    assert not list(tmp_path.rglob("*.partial"))


def test_seeds_and_clips_have_patterns_of_their_own(clip, tmp_path):
    names = ("rain", "backlight", "moving_shadows", "heavy_fog", "dropped_frames")
    other_file = replace(write_clip(tmp_path / "other.mkv", "another title"), work=tmp_path)
    copy = replace(clip, clip_id="copy", path=tmp_path / "copy.mkv", work=tmp_path / "again")
    copy.path.write_bytes(clip.path.read_bytes())
    clip = replace(clip, work=tmp_path)
    corrupt_clips([clip, other_file, copy], [Corruption(name, 5, seed) for name in names for seed in (0, 1)])
    for name in names:
        first, second = Corruption(name, 5), Corruption(name, 5, 1)
        one = clip.load(first).frames
        np.testing.assert_array_equal(one, copy.load(first).frames)
        assert (one != clip.load(second).frames).any(), name
        assert (one != other_file.load(first).frames).any(), name


def test_clips_that_cannot_be_used_are_refused_by_name(clip, tmp_path):
    clip = replace(clip, work=tmp_path, sampling=FrameSampling(30, 30))
    changed = write_clip(tmp_path / "changed.mkv")
    changed.path.write_bytes(changed.path.read_bytes() + b"\0")
    gone = replace(clip, clip_id="gone", path=tmp_path / "gone.mkv")
    longer = replace(clip, clip_id="longer", times=(*clip.times, clip.times[-1] + 1), segments=(0,) * 21)
    unlisted = replace(clip, clip_id="unlisted", path=None, sha256="")
    assert corrupt_clips([changed, gone, longer, unlisted, clip], [Corruption(CLEAN)]) == {
        "changed": "the file has changed since it was curated",
        "gone": "No such file or directory",
        "longer": "1 frames that curation kept are not there",
        "unlisted": "curation.csv does not list it",
    }
    assert clip.load(Corruption(CLEAN)).frames.shape[0] == 20
    with pytest.raises(ReadError, match="none of the 1 held-out clips"):
        corrupt_clips([changed], [Corruption(CLEAN)])


def test_a_missing_frame_does_not_hide_those_after_it(clip):
    seconds = np.sort([*clip.times, clip.times[7] + 0.4 / RATE])
    with pytest.raises(ReadError, match="bar.mkv: 1 frames that curation kept are not there"):
        degrade_file(clip.path, seconds, [FrameRequest(np.arange(len(seconds)))])


def test_a_clip_that_crashes_native_code_is_refused(clip, tmp_path, monkeypatch):
    module = tmp_path / "crashes_on_other_clips.py"
    module.write_text(
        "import os\nfrom dance_tf.corruption.clips import degrade_file\n"
        "def fragile(path, seconds, requests, **heartbeat):\n"
        "    if len(seconds) < 20:\n        os.abort()\n"
        "    return degrade_file(path, seconds, requests, **heartbeat)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    import crashes_on_other_clips

    monkeypatch.setattr(corrupted_clips, "degrade_file", crashes_on_other_clips.fragile)
    clip = replace(clip, work=tmp_path)
    other = replace(clip, clip_id="other", times=clip.times[:-1], segments=clip.segments[:-1])
    refused = corrupt_clips([other, clip], [Corruption(CLEAN)])
    assert refused == {"other": "the decoder crashed (SIGABRT)"}
    assert clip.load(Corruption(CLEAN)).frames.shape[0] == 3


def test_one_frame_under_every_condition(clip):
    lost = replace(clip, path=clip.path.with_name("lost.mkv"))
    shown = frames_under_corruptions([lost, clip], paper_corruptions())
    clean = frames_of(clip)[COUNT // 2]
    same = {each.condition for each, picture in shown.items() if np.array_equal(picture, clean)}
    assert same == {CLEAN, "dropped_frames", "low_resolution"}
    assert {picture.shape for picture in shown.values()} == {(HEIGHT, WIDTH)}
    with pytest.raises(ReadError, match="none of the 1"):
        frames_under_corruptions([lost], paper_corruptions())


def test_compression_is_measured_at_the_clips_own_rate(clip):
    table = compression_table([clip, clip], (38.0, 43.0))
    assert list(table["CRF"]) == [38, 43] and list(table["clips"]) == [2, 2]
    assert list(table["frame (px)"]) == ["160×256"] * 2 and list(table["frames/s"]) == ["8"] * 2
    assert table["PSNR (dB)"].is_monotonic_decreasing
    bits = table["bits per pixel"] * HEIGHT * WIDTH * RATE / 1000
    np.testing.assert_allclose(table["kbit/s"], bits, rtol=1e-6)
