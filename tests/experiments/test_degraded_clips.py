"""Clips degraded at their own size: which frames, from where, and what becomes of them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from dance_tf.corruption import clips as file_module
from dance_tf.corruption.clips import FrameRequest, degrade_file
from dance_tf.corruption.conditions import degrade
from dance_tf.curation.background import estimate_background
from dance_tf.experiments import corrupted_clips as degraded_clips
from dance_tf.experiments.conditions import CLEAN, Disturbance, paper_disturbances
from dance_tf.experiments.corrupted_clips import (
    FrameSampling,
    HeldOutClip,
    choose_frames,
    compression_of,
    degrade_held_out,
    load_degraded,
    picture_under_conditions,
    place_of,
    rooms_unknown,
    unchanged_levels,
)
from dance_tf.video.frames import FootageReader, ReadError, read_footage
from dance_tf.video.luma import fit_luma

av = pytest.importorskip("av")
COUNT, HEIGHT, WIDTH, RATE = 24, 256, 160, 8
SAMPLING = FrameSampling(scored=3, room=9)


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> HeldOutClip:
    """A bright bar that walks through a textured room; curation kept all frames but the first four."""
    path = tmp_path_factory.mktemp("clips") / "bar.mkv"
    room = np.random.default_rng(0).integers(60, 140, (HEIGHT // 16, WIDTH // 16)).astype(np.uint8)
    room = np.kron(room, np.ones((16, 16), np.uint8))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        stream.time_base = Fraction(1, RATE)
        for i in range(COUNT):
            picture = room.copy()
            picture[60:200, 6 * i : 6 * i + 20] = 230
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="gray")))
        container.mux(stream.encode(None))
    times = read_footage(path).timestamps[4:]
    return HeldOutClip("bar", path, "a" * 64, tuple(times.tolist()), WIDTH)


def frames_of(clip: HeldOutClip) -> np.ndarray:
    """All pictures of the clip at its own size."""
    return np.stack([picture for _, picture in FootageReader(clip.path).pictures()])


def squares(pictures: np.ndarray) -> np.ndarray:
    return np.stack([fit_luma(picture) for picture in pictures])


def degraded(clip, disturbance, work, sampling=SAMPLING):
    degrade_held_out([clip], [disturbance], work, sampling, progress=False)
    return load_degraded(clip, disturbance, work, sampling)


def test_frames_are_chosen_evenly_among_those_that_remain():
    windows, room = choose_frames(np.arange(12), FrameSampling(3, 4), window=3)
    np.testing.assert_array_equal(windows, [[0, 1, 2], [4, 5, 6], [8, 9, 10]])
    np.testing.assert_array_equal(room, [0, 4, 7, 11])
    windows, room = choose_frames(np.array([1, 5, 6, 9]), FrameSampling(2, 2), window=3)
    np.testing.assert_array_equal(windows, [[1, 1, 5], [5, 6, 9]])
    np.testing.assert_array_equal(room, [1, 9])
    windows, room = choose_frames(np.array([7]), FrameSampling(3, 4))
    np.testing.assert_array_equal(windows, [[7]])
    np.testing.assert_array_equal(room, [7])


def test_clean_frames_are_those_that_curation_read(clip, tmp_path):
    found = degraded(clip, Disturbance(CLEAN, window=2), tmp_path)
    curated = read_footage(clip.path).frames[4:]
    windows, room = choose_frames(np.arange(20), SAMPLING, 2)
    assert found.frames.shape == (3, 2, 128, 128, 1)
    np.testing.assert_array_equal(found.frames[..., 0], curated[windows])
    np.testing.assert_array_equal(found.room[..., 0], estimate_background(curated[room]).picture)
    assert found.room_known


@pytest.mark.parametrize(
    "name", ["low_light", "mild_motion_blur", "severe_motion_blur", "backlight", "moving_shadows", "rain", "heavy_fog"]
)
@pytest.mark.parametrize("sampling", [SAMPLING, FrameSampling(scored=1, room=1)])
def test_a_few_frames_are_degraded_as_in_the_whole_clip_and_the_room_is_told_anew(name, sampling, clip, tmp_path):
    disturbance = Disturbance(name, 4, seed=1)
    found = degraded(clip, disturbance, tmp_path, sampling)
    scored, room = choose_frames(np.arange(20), sampling)
    seed = disturbance.seed_on(clip.sha256)
    whole = squares(degrade(frames_of(clip)[4:], name, 4, seed, np.array(clip.times)).frames)
    np.testing.assert_array_equal(found.frames[:, 0, ..., 0], whole[scored[:, 0]])
    np.testing.assert_array_equal(found.room[..., 0], estimate_background(whole[room]).picture)


def test_noise_is_another_draw_than_the_whole_clips(clip, tmp_path):
    found = degraded(clip, Disturbance("severe_noise", 4, seed=1), tmp_path)
    scored, _ = choose_frames(np.arange(20), SAMPLING)
    pictures = frames_of(clip)[4:]
    clean, whole = squares(pictures), squares(degrade(pictures, "severe_noise", 4, 1).frames)
    sides = found.frames[:, 0, ..., 0], whole[scored[:, 0]]
    ours, theirs = (side.astype(float) - clean[scored[:, 0]] for side in sides)
    assert (ours != theirs).any() and ours.std() == pytest.approx(theirs.std(), rel=0.03)


@pytest.mark.parametrize("stretch", [250, 10])
def test_compression_is_of_the_whole_clip_in_stretches(stretch, clip, monkeypatch):
    monkeypatch.setattr(file_module, "SEGMENT_FRAMES", stretch)
    pictures, times = frames_of(clip), read_footage(clip.path).timestamps
    parts = [slice(start, start + stretch) for start in range(0, COUNT, stretch)]
    coded = [degrade(pictures[part], "severe_compression", timestamps=times[part]).frames for part in parts]
    places = np.array([0, 9, 19])
    request = FrameRequest(places, "severe_compression", 4)
    (found,) = degrade_file(clip.path, np.array(clip.times), [request])
    np.testing.assert_array_equal(found, squares(np.concatenate(coded)[4:][places]))


def test_lost_frames_leave_the_others_as_they_are(clip, tmp_path):
    lost = Disturbance("dropped_frames", 5, seed=2, window=3)
    found = degraded(clip, lost, tmp_path)
    kept = degrade(np.zeros((20, 1, 1), np.uint8), "dropped_frames", 5, lost.seed_on(clip.sha256)).kept_indices
    assert len(kept) == 10
    windows, _ = choose_frames(kept, SAMPLING, 3)
    np.testing.assert_array_equal(found.frames[..., 0], read_footage(clip.path).frames[4:][windows])


def test_lines_that_a_clip_does_not_have_cannot_be_lost(clip, tmp_path):
    clean, small = (degraded(clip, each, tmp_path) for each in (Disturbance(CLEAN), Disturbance("low_resolution", 3)))
    np.testing.assert_array_equal(clean.frames, small.frames)
    np.testing.assert_array_equal(clean.room, small.room)


def test_what_is_there_stays_and_what_is_missing_is_made_the_same(clip, tmp_path):
    disturbances = paper_disturbances(2)
    degrade_held_out([clip], disturbances, tmp_path, SAMPLING, progress=False)
    places = [place_of(clip, each, tmp_path, SAMPLING) for each in disturbances]
    before = {place: (place.stat().st_mtime_ns, place.read_bytes()) for place in places}
    assert len(before) == len(disturbances)
    places[3].unlink()
    degrade_held_out([clip], disturbances, tmp_path, SAMPLING, progress=False)
    with np.load(places[3]) as again:
        found = load_degraded(clip, disturbances[3], tmp_path, SAMPLING)
        np.testing.assert_array_equal(again["frames"][again["windows"]][..., None], found.frames)
    for place in places[:3] + places[4:]:
        assert (place.stat().st_mtime_ns, place.read_bytes()) == before[place]
    assert not list(tmp_path.rglob("*.partial"))
    assert rooms_unknown([clip], disturbances, tmp_path, SAMPLING)[CLEAN] == 0.0


def test_seeds_differ_and_a_seed_repeats(clip, tmp_path):
    one, same, other = (
        degraded(clip, Disturbance("rain", 3, seed), tmp_path / name).frames
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


@pytest.mark.parametrize("name", ["rain", "backlight", "moving_shadows", "heavy_fog", "dropped_frames"])
def test_clips_of_one_seed_have_weather_of_their_own(name, clip, tmp_path):
    twin = replace(clip, clip_id="twin", sha256="c" * 64)  # the same pictures, so that only chance can differ
    copy = replace(clip, clip_id="copy", path=clip.path.with_name("copy.mkv"))
    copy.path.write_bytes(clip.path.read_bytes())
    one, other, same = (
        degraded(each, Disturbance(name, 5), tmp_path / each.clip_id).frames for each in (clip, twin, copy)
    )
    assert (one != other).any()
    np.testing.assert_array_equal(one, same)


def test_a_level_that_left_every_clip_as_it_was_is_told_from_the_frames(clip, tmp_path):
    levels = [*paper_disturbances(2), Disturbance("low_resolution", 2), Disturbance("low_resolution", 5)]
    degrade_held_out([clip], levels, tmp_path, SAMPLING, progress=False)
    assert unchanged_levels([clip], levels, tmp_path, SAMPLING) == {("low_resolution", 3.0), ("low_resolution", 2.0)}


def test_a_level_that_changed_one_clip_was_tried(clip, tmp_path):
    levels = [Disturbance(CLEAN, window=2), Disturbance("low_resolution", 3, window=2)]
    clips = [clip, replace(clip, clip_id="larger", sha256="c" * 64)]
    degrade_held_out(clips, levels, tmp_path, SAMPLING, progress=False)
    assert unchanged_levels(clips, levels, tmp_path, SAMPLING) == {("low_resolution", 3.0)}
    place = place_of(clips[1], levels[1], tmp_path, SAMPLING)
    with np.load(place) as file:
        parts = dict(file)
    parts["frames"][parts["windows"][-1, -1]] += 1
    np.savez(place, **parts)
    assert unchanged_levels(clips, levels, tmp_path, SAMPLING) == frozenset()


def test_a_clip_that_cannot_be_read_is_refused_alone(clip, tmp_path):
    other = HeldOutClip("other", clip.path, "b" * 64, (*clip.times, clip.times[-1] + 1), WIDTH)
    wanted = [Disturbance(CLEAN)], tmp_path, FrameSampling(30, 30)
    refused = degrade_held_out([other, clip], *wanted, progress=False)
    assert refused == {"other": "1 frames that curation kept are not there"}
    assert load_degraded(clip, *wanted[0], *wanted[1:]).frames.shape[0] == 20
    with pytest.raises(ReadError, match="none of the 1 held-out clips"):
        degrade_held_out([other], *wanted, progress=False)


def test_a_frame_that_is_not_there_does_not_hide_those_after_it(clip):
    seconds = np.sort([*clip.times, clip.times[7] + 0.4 / RATE])
    with pytest.raises(ReadError, match="bar.mkv: 1 frames that curation kept are not there"):
        degrade_file(clip.path, seconds, [FrameRequest(np.arange(len(seconds)))])


def test_a_clip_that_native_code_dies_of_is_refused_alone(clip, tmp_path, monkeypatch):
    module = tmp_path / "dies_of_other_clips.py"
    module.write_text(
        "import os\nfrom dance_tf.corruption.clips import degrade_file\n"
        "def fragile(path, seconds, requests, heartbeat):\n"
        "    if len(seconds) < 20:\n        os.abort()\n"
        "    return degrade_file(path, seconds, requests, heartbeat)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    import dies_of_other_clips

    monkeypatch.setattr(degraded_clips, "degrade_file", dies_of_other_clips.fragile)
    other = HeldOutClip("other", clip.path, "b" * 64, clip.times[:-1], WIDTH)
    refused = degrade_held_out([other, clip], [Disturbance(CLEAN)], tmp_path, SAMPLING, progress=False)
    assert refused == {"other": "the decoder crashed (SIGABRT)"}
    assert load_degraded(clip, Disturbance(CLEAN), tmp_path, SAMPLING).frames.shape[0] == 3


def test_one_moment_under_every_condition(clip):
    lost = replace(clip, path=clip.path.with_name("lost.mkv"))
    shown = picture_under_conditions([lost, clip], paper_disturbances())
    clean = frames_of(clip)[COUNT // 2]
    same = {each.condition for each, picture in shown.items() if np.array_equal(picture, clean)}
    assert same == {CLEAN, "dropped_frames", "low_resolution"}
    assert {picture.shape for picture in shown.values()} == {(HEIGHT, WIDTH)}
    with pytest.raises(ReadError, match="none of the 1"):
        picture_under_conditions([lost], paper_disturbances())


def test_compression_is_measured_at_the_clips_own_rate(clip):
    table = compression_of([clip, clip], (38.0, 43.0))
    assert list(table["CRF"]) == [38, 43] and list(table["clips"]) == [2, 2]
    assert list(table["frame (px)"]) == ["160×256"] * 2 and list(table["frames/s"]) == ["8"] * 2
    assert table["PSNR (dB)"].is_monotonic_decreasing
    bits = table["bits per pixel"] * HEIGHT * WIDTH * RATE / 1000
    np.testing.assert_allclose(table["kbit/s"], bits, rtol=1e-6)
