import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from dance_tf.cli import app
from dance_tf.curation.filters import NO_DANCING
from dance_tf.synthesis.body import JOINT
from dance_tf.synthesis.captured_clips import Take, synthesize_motion
from dance_tf.synthesis.motion_capture import read_motion
from dance_tf.synthesis.motion_file import MotionError
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import clean_plates
from dance_tf.synthesis.take import CapturedClip
from dance_tf.synthesis.truth import read_truths
from dance_tf.video.catalog import Clip, find_clips

TINY = StudioSettings(seconds=0.8, frame_rate=10, width=54, height=96, seed=3)
CLIPS = ("tango/cy/1", "waltz/anna_1", "waltz/anna_2")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, dance, as_bvh):
    """Three takes, one of them short, and three files that must be refused."""
    folder = tmp_path_factory.mktemp("capture") / "motion"
    for style, (name, seconds) in enumerate(zip(CLIPS, (0.6, 1.0, 1.0), strict=True)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.bvh").write_text(as_bvh(100 * dance(seconds, style=style).joints))
    text = (folder / "waltz" / "anna_1.bvh").read_text()
    (folder / "waltz" / "ben_1.bvh").write_text(text[:-500])
    (folder / "waltz" / "ben_2.bvh").write_text(as_bvh(dance(0.4).joints))
    (folder / "waltz" / "film.mp4").write_bytes(b"a film")
    (folder / "readme.txt").write_text("not a clip")
    return folder


REASONS = {
    "ben_1.bvh": "the file is cut off, or its counts are wrong",
    "ben_2.bvh": "0.38 s of motion; a clip needs at least 0.5 s",
    "film.mp4": "not a file of motion capture: .bvh and .c3d are read",
}


def contents(out):
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def made(folder):
    out = folder.parent / "clips"
    return out, synthesize_motion(folder, out, TINY)


def test_takes_become_labelled_clips_with_truth_and_joints(made, folder):
    out, drawn = made
    with (out / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [tuple(row.values())[:4] for row in csv.DictReader(file)]
    assert rows == [
        ("tango/cy/1.mp4", "tango", "cy", "motion capture"),
        ("waltz/anna_1.mp4", "waltz", "anna", "motion capture"),
        ("waltz/anna_2.mp4", "waltz", "anna", "motion capture"),
    ]
    found = find_clips(out)  # as `curate` does
    assert [(clip.style, clip.dancer) for clip in found.clips] == [row[1:3] for row in rows] and not found.refused
    refused = {one.path.name: one.reason for one in drawn.refused}
    assert set(refused) == set(REASONS) and all(refused[name].endswith(REASONS[name]) for name in REASONS)
    truths = read_truths(out)
    assert set(truths) == set(CLIPS) and [truths[name].frames for name in CLIPS] == [6, 8, 8]
    clip = find_clips(folder).clips[1]
    again = CapturedClip(clip, read_motion(clip.path), TINY)
    assert truths["waltz/anna_1"] == again.truth and again.truth.skill is None and again.truth.mistakes == ()
    with np.load(out / "truth" / "waltz" / "anna_1.npz") as stored:
        np.testing.assert_allclose(stored["joints"], again.motion.joints, atol=1e-6)
        np.testing.assert_allclose(stored["points"], [shot.points for shot in again.snapshots], atol=1e-4)
        assert stored["joints"].dtype == stored["points"].dtype == np.float32
    assert drawn.takes["tango/cy/1"] == Take(0.583, "cm", "y", False, drawn.takes["tango/cy/1"].size)
    assert drawn.findings(0.8) == [
        "3 takes: unit cm, y upwards",
        "2 takes: longer than 0.8 s, only the start drawn",
        "1 take: shorter than 0.8 s, so is the clip",
    ]
    assert clean_plates(out) == {}


def test_a_run_continues_and_draws_only_what_changed(made, folder):
    out, drawn = made
    before = contents(out)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")}
    (out / "waltz" / "anna_1.mp4").unlink()
    (out / "truth" / "tango" / "cy" / "1.npz").unlink()
    assert synthesize_motion(folder, out, TINY) == drawn
    assert contents(out) == before
    changed = {path.stem for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert changed == {"anna_1", "1"}
    take = folder / "waltz" / "anna_2.bvh"
    text = take.read_text()
    take.write_text(text.replace("Frame Time: 0.01666667", "Frame Time: 0.02"))
    again = synthesize_motion(folder, out, TINY)
    take.write_text(text)
    assert again.takes["waltz/anna_2"].seconds == pytest.approx(1.18)
    different = {name for name, content in contents(out).items() if before[name] != content}
    assert different == {"waltz/anna_2.mp4", "truth/waltz/anna_2.json", "truth/waltz/anna_2.npz"}


def test_other_folders_and_settings_are_refused(made, folder, tmp_path):
    out, _ = made
    for motion, place, settings, reason in (
        (folder, out, replace(TINY, seed=4), "made with other settings"),
        (folder / "waltz", out, TINY, "made with other settings"),
        (folder, folder / "clips", TINY, "it overlaps with .*, which is read: name another folder"),
        (folder, folder.parent, TINY, "it overlaps with"),
        (tmp_path, tmp_path / ".." / "new", TINY, "no clips found"),
    ):
        with pytest.raises(ValueError, match=reason):
            synthesize_motion(motion, place, settings)
    assert not (folder / "clips").exists() and not (tmp_path.parent / "new").exists()


def test_the_command_line_lists_what_was_assumed_and_refused(folder, tmp_path):
    options = ["--seconds", 0.8, "--frame-rate", 10, "--width", 54, "--height", 96, "--jobs", 1]

    def call(*arguments):
        return CliRunner().invoke(app, [str(each) for each in ("synthesize", *arguments, *options)])

    result = call(tmp_path / "out", "--motion", folder, "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["clips"], document["layout"]) == (1, 3, "styles")
    assert [one["clip"] for one in document["takes"]] == list(CLIPS)
    refusals = [line for line in result.stderr.splitlines() if line.startswith("refused ")]
    assert [one["path"] for one in document["refused"]] == [line.split(": ")[0][8:] for line in refusals]
    assert all(any(reason in line for line in refusals) for reason in REASONS.values()) and len(refusals) == 3
    result = call(tmp_path / "out", "--motion", folder)
    assert (result.exit_code, result.stdout.splitlines()[:2]) == (
        1, [f"3 clips in {tmp_path / 'out'}", "  3 takes: unit cm, y upwards"],
    )  # fmt: skip
    for arguments, line in (
        (
            ("--motion", folder, "--styles", 3),
            "--motion draws every take of its folder: leave out --styles and --dancers",
        ),
        (("--motion", folder, "--arrays"), "--motion writes videos, from which `curate` makes a dataset: leave out"),
        (("--motion", tmp_path / "none"), "no such file or folder"),
    ):
        result = call(tmp_path / "new", *arguments)
        assert (result.exit_code, result.stdout) == (2, "") and line in result.stderr
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.bvh").write_text("HIERARCHY")
    result = call(tmp_path / "new", "--motion", tmp_path / "bad")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == f"dance_tf: no take of {tmp_path / 'bad'} can be drawn"


@pytest.fixture(scope="module")
def captured(folder):
    return read_motion(folder / "waltz" / "anna_1.bvh")


def test_a_performer_keeps_body_and_clothes_and_each_clip_has_a_room(captured):
    one, two, other = (
        CapturedClip(Clip(None, "waltz", dancer, name), captured, TINY)
        for dancer, name in (("anna", "a"), ("anna", "b"), ("ben", "c"))
    )
    assert one.figure.outfit == two.figure.outfit != other.figure.outfit
    assert one.figure.body == two.figure.body and one.figure.body.height == captured.height
    assert len({one.room, two.room, other.room}) == 3
    unknown = [CapturedClip(Clip(None, "waltz", "", name), captured, TINY).figure.outfit for name in "ab"]
    assert unknown[0] != unknown[1]


def test_a_part_of_a_file_is_drawn(captured):
    settings = replace(TINY, faults=False)
    clip = CapturedClip(Clip(None, clip_id="a", start=0.3, end=0.85), captured, settings)
    assert clip.whole == pytest.approx(0.55) and len(clip.snapshots) == 6
    expected = captured.at(0.3 + np.arange(6) / 10).joints[..., 1]
    np.testing.assert_allclose(clip.motion.joints[..., 1], expected)
    with pytest.raises(MotionError, match="0 s of motion"):
        CapturedClip(Clip(None, start=2.0), captured, settings)
    captured.motion.joints[40:] += 20
    with pytest.raises(MotionError, match=r"jumps at 0.60 s; start and end in manifest.csv can name a part without"):
        CapturedClip(Clip(None, clip_id="a"), captured, settings)
    CapturedClip(Clip(None, clip_id="a", end=0.6), captured, settings)
    captured.motion.joints[40:] -= 20


def test_the_motion_stops_where_the_dancer_stands_and_goes_on_afterwards(tmp_path, dance, as_bvh):
    (tmp_path / "a.bvh").write_text(as_bvh(dance(6.0).joints))
    captured, settings = read_motion(tmp_path / "a.bvh"), replace(TINY, seconds=6.0)
    clips = (CapturedClip(Clip(None, clip_id=f"take {number}"), captured, settings) for number in range(200))
    clip = next(
        clip
        for clip in clips
        if not clip.plan.absent
        and any(f.reason == NO_DANCING and f.first > 8 and f.last < 45 for f in clip.truth.faults)
    )
    fault = next(fault for fault in clip.truth.faults if fault.reason == NO_DANCING)
    steps = np.abs(np.diff(clip.motion.joints, axis=0)).max(axis=(1, 2))
    assert steps[fault.first : fault.last].max() < 1e-9
    assert steps[: fault.first - 4].max() > 0.1 and steps[fault.last + 4 :].max() > 0.1


def test_a_performer_who_travels_stays_in_the_room_and_in_the_picture(tmp_path, dance, as_bvh):
    joints = dance(2.0).joints
    settings = replace(TINY, seconds=2.0, width=108, height=192)
    for name, way in (("far", (0, 0, 9)), ("wide", (5, 0, 0)), ("round", (3, 0, 4))):
        travelled = joints + np.linspace(0, 1, len(joints))[:, None, None] * np.array(way, float)
        (tmp_path / "a.bvh").write_text(as_bvh(travelled))
        captured = read_motion(tmp_path / "a.bvh")
        for take in "abcd":
            clip = CapturedClip(Clip(None, clip_id=f"{name} {take}"), captured, settings)
            points = np.stack([shot.points[:, :2] for shot in clip.snapshots])
            assert points.min() > 0 and (points < (108, 192)).all(), (name, take)
            assert np.ptp(points[:, :, 1], axis=1).min() > 0.25 * 192
            middle = clip.motion.joints[:, JOINT["pelvis"]]
            assert middle[:, 2].min() > -clip.room.back and clip.room.camera.position[2] > middle[:, 2].max() + 1
            assert -clip.room.left < middle[:, 0].min() and middle[:, 0].max() < clip.room.right
