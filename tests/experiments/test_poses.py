"""Skeletons: where they are found, how near they are to the true joints, and under corruptions; by hand."""

import json
import os
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dance_tf.corruption.clips import FrameRequest
from dance_tf.corruption.conditions import CONDITION_NAMES
from dance_tf.curation.filters import NO_CUTOUTS
from dance_tf.curation.parts import CurationRow, content_sha256
from dance_tf.dataset.dataset import gather, write_arrays
from dance_tf.dataset.workspace import FILE
from dance_tf.experiments import poses
from dance_tf.experiments.cache import Experiment
from dance_tf.experiments.corrupted_poses import skeletons_under
from dance_tf.pose.read import PoseSettings
from dance_tf.pose.skeleton import LANDMARK, NO_SKELETONS, Skeletons
from dance_tf.synthesis.body import JOINT
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import claim_folder
from dance_tf.synthesis.take import RenderedClip
from dance_tf.synthesis.truth import ClipTruth, Fault
from dance_tf.video.settings import ReadSettings

STUDIO = StudioSettings(1, 1, 1.0, seed=7, faults=False)


def true_skeletons(rendered, shift=0.0, every=3):
    """Return skeletons whose main joints are right but for a shift by so many torsos to the right."""
    points = np.stack([one.points[:, :2] for one in rendered.snapshots[::every]])
    ends = [
        points[:, [JOINT[f"{side}_{part}"] for side in ("left", "right")]].mean(axis=1) for part in ("shoulder", "hip")
    ]
    points[..., 0] += shift * np.linalg.norm(ends[0] - ends[1], axis=1)[:, None]
    landmarks = np.zeros((len(points), 33, 4))
    size = np.array([rendered.settings.width, rendered.settings.height])
    for name in poses.MAIN_JOINTS:
        landmarks[:, LANDMARK[name], :2] = (points[:, JOINT[name]] - size / 2) / size.max()
    times = rendered.timestamps[::every]
    return Skeletons(landmarks, landmarks[..., :3], np.ones(len(points), bool), times)


@pytest.mark.parametrize(("shift", "near"), [(0, 12), (0.19, 12), (0.21, 0)])
def test_a_joint_is_near_within_a_fifth_of_the_torso(shift, near):
    rendered = RenderedClip(0, 0, STUDIO)
    valid = np.arange(10) != 4
    found, correct = poses.compare_with_truth(replace(true_skeletons(rendered, shift), valid=valid), rendered)
    assert found.tolist() == valid.tolist()
    assert correct.shape == (9, 12)
    assert correct.sum(axis=1).tolist() == [near] * 9


def test_frames_with_a_fault_are_not_compared():
    rendered = RenderedClip(0, 0, STUDIO)
    rendered.truth = replace(rendered.truth, faults=(Fault(0, 5, "blank"),))
    found, correct = poses.compare_with_truth(true_skeletons(rendered), rendered)
    assert (len(found), correct.shape) == (8, (8, 12))  # without the poses of frames 0 and 3
    found, correct = poses.compare_with_truth(NO_SKELETONS, rendered)
    assert (len(found), correct.shape) == (0, (0, 12))


def test_coverage_counts_frames_with_and_without_fault(blob_clips):
    dataset = gather(blob_clips(styles=2, dancers=2))
    valid = dataset.skeletons.valid.copy()
    valid[:1], valid[5] = (
        False,
        False,
    )  # of the first clip, which has three poses, and of the second one, which has four
    dataset = replace(dataset, skeletons=replace(dataset.skeletons, valid=valid))
    truths = {
        clip.clip_id: ClipTruth(
            clip.style, clip.dancer, 0.5, 8, 10.0, (Fault(0, 1, "blank"),), (), (), 0.0, bool(place)
        )
        for place, clip in enumerate(dataset.clips[:2])
    }
    rows = poses.pose_coverage(dataset, truths).to_dict("records")
    numbers = [[row[name] for name in ("camera", "poses", "found", "good", "good_found")] for row in rows]
    # poses are 0.2 s apart, so that one of each clip is in a blank frame
    assert numbers[:2] == [["still", 3, 2, 2, 2], ["moving", 4, 3, 3, 2]]
    assert numbers[2:] == [["unknown", 3, 3, 0, 0], ["unknown", 4, 4, 0, 0]]


def test_a_folder_of_made_up_clips_gives_their_joints_again(tmp_path):
    assert poses.made_up_clips(tmp_path) == {}
    claim_folder(tmp_path / "clips", STUDIO)
    [(name, make)] = poses.made_up_clips(tmp_path / "clips").items()
    expected = RenderedClip(*STUDIO.clips()[0], STUDIO).snapshots[7].points
    assert name.endswith("d01") and np.array_equal(make().snapshots[7].points, expected)


def test_the_distance_of_two_readings_is_in_torsos_of_the_first():
    clean = true_skeletons(RenderedClip(0, 0, STUDIO))
    other = true_skeletons(RenderedClip(0, 0, STUDIO), shift=0.3)
    assert poses.distance_from(clean, other) == pytest.approx(0.3, abs=1e-3)
    part = Skeletons(*(values[2:5] for values in vars(other).values()))
    assert poses.distance_from(clean, part) == pytest.approx(0.3, abs=1e-3)
    assert np.isnan(poses.distance_from(clean, replace(other, valid=np.zeros(10, bool))))
    assert np.isnan(poses.distance_from(clean, NO_SKELETONS))


def test_measurements_are_recorded_and_read_again(make_run_folder, tmp_path):
    run_folder = make_run_folder(tmp_path)
    experiment = Experiment(run_folder)
    coverage = poses.measure_coverage(experiment)
    assert coverage["found"].tolist() == coverage["poses"].tolist() == [clip.poses for clip in experiment.dataset.clips]
    shown = poses.measure_shown(experiment, 2)
    assert shown["styles"].tolist() == ["style0", "style1"] and len(set(shown["clip_ids"])) == 2
    assert len(shown["clip"]) == len(shown["landmarks"]) == len(shown["times"]) == np.sum(np.bincount(shown["clip"]))
    assert poses.measure_joints(experiment).empty  # nobody knows the true joints of these clips
    recorded = Experiment(run_folder, from_records=True)
    pd.testing.assert_frame_equal(poses.measure_coverage(recorded), coverage)
    assert poses.measure_shown(recorded)["clip_ids"].tolist() == shown["clip_ids"].tolist()
    (run_folder / "runs" / "pose_coverage.csv").unlink()  # as in records of an earlier version
    assert poses.measure_coverage(recorded).empty and poses.measure_shown(recorded) == {}


def test_a_dataset_without_skeletons_gives_empty_tables(blob_clips, tmp_path):
    clips = [replace(clip, skeletons=NO_SKELETONS, cutouts=NO_CUTOUTS) for clip in blob_clips(1, 2)]
    data = write_arrays(tmp_path / "data", clips)
    (tmp_path / "report").mkdir()
    places = {name: os.path.relpath(data, tmp_path / "report") for name in ("footage", "dataset")}
    content = {**places, "work": "../work", "source": "synthetic"}
    (tmp_path / "report" / FILE).write_text(json.dumps(content))
    experiment = Experiment(tmp_path / "report")
    truths = {
        clip.clip_id: ClipTruth(clip.style, "d", 0.5, 8, 10.0, (), (), (), 0.0, False)
        for clip in experiment.dataset.clips
    }
    assert poses.pose_coverage(experiment.dataset, truths).empty
    for table in (poses.measure_coverage(experiment), poses.measure_joints(experiment)):
        assert table.empty and "clip" in table
    assert list(poses.measure_corrupted(experiment, 2, 10.0)) == poses.CORRUPTED_COLUMNS
    assert poses.measure_shown(experiment) == {}


@pytest.fixture
def filmed(blob_clips, tmp_path, monkeypatch):
    """Three clips of which one has changed since, in place of an experiment; no process is started."""
    dataset, rows = gather(blob_clips(styles=1, dancers=3)), []
    for clip in dataset.clips:
        path = tmp_path / f"{clip.dancer}.mp4"
        path.write_text(clip.clip_id)
        sha256 = "changed" if clip.dancer == "dancer2" else content_sha256(path)
        rows.append(CurationRow(str(path), clip.clip_id, clip.style, clip.dancer, sha256=sha256, part="a", start=2.0))
    calls = []

    class Process:
        def __init__(self, *_):
            pass

        __enter__ = lambda self: self  # noqa: E731
        __exit__ = lambda *_: None  # noqa: E731

        def call(self, function, path, read, requests, settings):
            """Return a skeleton at each kept frame and one before; later conditions lose all but the first."""
            calls.append((function, path, read, requests, settings))
            place = int(path.stem[-1])
            times = np.append(0.1, dataset.timestamps[dataset.clip_slices[place]])
            landmarks = np.random.default_rng(place).normal(size=(len(times), 33, 4))
            found = [Skeletons(landmarks, landmarks[..., :3], np.ones(len(times), bool), times)]
            lost = replace(found[0], valid=np.arange(len(times)) < 2)
            return found + [lost] * (len(requests) - 1)

    monkeypatch.setattr(poses, "DecodingProcess", Process)
    workspace = SimpleNamespace(
        rows=lambda: rows, clip_path=lambda row: tmp_path / f"{row.dancer}.mp4", footage=tmp_path
    )
    found = {"dataset": dataset, "workspace": workspace, "jobs": 1, "from_records": False, "calls": calls}
    return SimpleNamespace(measure=lambda name, compute, *key: compute(), **found)


def test_clips_are_read_again_under_each_condition(filmed):
    table = poses.measure_corrupted(filmed, 3, 5.0)
    refused, read = table[table["reason"] != ""], table[table["reason"] == ""]
    assert refused[["clip", "reason", "poses"]].values.tolist() == [
        ["style0/dancer2", "the file has changed since it was curated", 0]
    ]
    assert read["clip"].value_counts().tolist() == [15, 15]
    first = read[read["clip"] == "style0/dancer0"]
    assert first["condition"].tolist() == ["clean", *CONDITION_NAMES]
    kept = filmed.dataset.clips[0].kept
    # the pose before the kept frames does not count
    assert first["poses"].tolist() == [kept] * 15 and first["found"].tolist() == [kept] + [1] * 14
    assert (first["away"] == 0).all() and (first[["joints", "near"]] == 0).all(axis=None)
    function, _, read, requests, settings = filmed.calls[0]
    assert function is skeletons_under and settings == PoseSettings(5.0)
    assert read == ReadSettings(start=2.0) and requests[0].condition is None
    assert len({request.seed for request in requests}) == 1
    assert {request.seed for request in requests} != {request.seed for request in filmed.calls[1][3]}


def test_the_clips_are_of_different_dancers(filmed):
    dancers = ("dancer0", "dancer0", "dancer1")
    clips = tuple(replace(clip, dancer=name) for clip, name in zip(filmed.dataset.clips, dancers, strict=True))
    filmed.dataset = replace(filmed.dataset, clips=clips)
    assert set(poses.measure_corrupted(filmed, 2, 5.0)["dancer"]) == {"dancer0", "dancer1"}


def test_skeletons_are_found_in_corrupted_frames(make_dance, make_video, follower, tmp_path, monkeypatch):
    monkeypatch.setattr("dance_tf.experiments.corrupted_poses.load_blazepose", follower)
    path = make_video(tmp_path / "a.mp4", make_dance(30))
    nothing = np.empty(0, np.int64)
    requests = [
        FrameRequest(nothing), FrameRequest(nothing, "low_light", 5, 1), FrameRequest(nothing, "dropped_frames", 5, 1),
        FrameRequest(nothing),
    ]  # fmt: skip
    clean, dark, lost, again = skeletons_under(path, ReadSettings(), requests, PoseSettings(30, 0))
    assert clean.valid.all() and clean.times == pytest.approx(np.arange(30) / 30)
    assert not dark.valid.any() and len(dark.times) == 30
    assert len(lost.times) == 15 and set(lost.times) < set(clean.times)
    assert np.array_equal(again.landmarks, clean.landmarks)  # nothing is left of the conditions before
    [some] = skeletons_under(path, ReadSettings(start=0.5), requests[:1], PoseSettings(10, 0))
    assert some.times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
