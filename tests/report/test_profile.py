"""Profiles: defaults, YAML files, and one line for what is wrong in them."""

from pathlib import Path

import pytest

from dance_tf.pose.read import PoseSettings
from dance_tf.report.profile import ROOT, Profile, RunError, load_profile, pose_settings, read_profile


def write(folder, text, name="tiny.yaml"):
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["quick", "runs/quick.yaml", ROOT / "notebooks" / "runs" / "quick.yaml"])
def test_a_profile_is_found_from_every_folder(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    profile = load_profile(name)
    assert (profile.name, profile.epochs, profile.intervals, profile.force) == ("quick", 24, (1, 10), False)
    assert profile.work == ROOT / "work" and profile.ablations == ROOT / "notebooks" / "ablations.yaml"


def test_values_and_paths(tmp_path):
    text = "learning_rate: 1.0e-3\njitter: 0  # none\nfootage: clips\nwork: cache\nleft_out_families: []\n"
    profile = load_profile(write(tmp_path, text, "own.yml"))
    assert (profile.learning_rate, profile.jitter, profile.left_out_families) == (0.001, 0.0, ())
    assert type(profile.jitter) is float
    assert (profile.footage, profile.work) == (str(tmp_path / "clips"), ROOT / "cache")
    assert profile.motion == ""
    assert load_profile(write(tmp_path, "motion: ../bvh\n")).motion == str(tmp_path.parent / "bvh")
    assert load_profile(write(tmp_path, "")) == Profile(name="tiny")
    assert load_profile(write(tmp_path, f"footage: {tmp_path}/elsewhere\n")).footage == f"{tmp_path}/elsewhere"


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks" / "runs").glob("*.y*ml")), ids=lambda path: path.stem)
def test_the_profiles_of_the_repository_are_valid(path):
    profile = load_profile(path)
    assert profile.name == path.stem
    assert profile.growth_momentum == (0.0 if path.stem == "paper" else 0.9)  # the paper names none


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip: 4", "no such parameter: clip"),
        ("run_folder: x", "no such parameter: run_folder"),
        ("name: x", "no such parameter: name"),
        ("learning_rate: 1e-3", r"learning_rate is '1e-3' \(str\), but must be float"),
        ("epochs: 1.5", r"epochs is 1.5 \(float\), but must be int"),
        ("epochs: true", r"epochs is True \(bool\), but must be int"),
        ("epochs:", "epochs is None"),
        ("force: 1", r"force is 1 \(int\), but must be bool"),
        ("intervals: 3", r"intervals is 3 \(int\), but must be list of int"),
        ("intervals: [1, a]", r"intervals is \[1, 'a'\] \(list\), but must be list of int"),
        ("epochs: {a: 1}", "flat list"),
        ("- 1", "flat list"),
        ("a: [1", "not YAML"),
    ],
)
def test_a_wrong_profile_is_refused_in_one_line(tmp_path, text, message):
    with pytest.raises(RunError, match=rf"tiny.yaml.*{message}") as refused:
        read_profile(write(tmp_path, text + "\n"))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("rate", "missing", "found", "why"),
    [
        (5.0, "", PoseSettings(5.0), ""),
        (0.0, "", None, "`poses_per_second` is 0 in the profile own"),
        (5.0, "the pose weights cannot be fetched", None, "the pose weights cannot be fetched"),
    ],
    ids=["weights", "none wanted", "no weights"],
)
def test_skeletons_are_looked_for_if_they_are_wanted_and_there_are_weights(rate, missing, found, why, monkeypatch):
    monkeypatch.setattr("dance_tf.report.profile.missing_weights", lambda: missing)
    assert pose_settings(Profile(name="own", poses_per_second=rate)) == (found, why)


def test_a_negative_rate_of_skeletons_is_refused():
    with pytest.raises(RunError, match="own: poses_per_second is -1, but must be 0 or more"):
        pose_settings(Profile(name="own", poses_per_second=-1.0))


def test_a_resnet_that_is_too_narrow_is_refused(tmp_path):
    write(tmp_path, "compare_resnet_width: 4", "narrow.yaml")
    with pytest.raises(RunError, match="narrow.yaml: compare_resnet_width is 4, but must be 8 or more"):
        load_profile(tmp_path / "narrow.yaml")


def test_a_missing_profile_lists_those_that_exist(tmp_path):
    write(tmp_path, "")
    write(tmp_path, "", "own.yml")
    with pytest.raises(RunError, match="no profile other.yaml in .*; there are: own, tiny"):
        load_profile(Path(tmp_path, "other.yaml"))
    with pytest.raises(RunError, match="there are: paper, quick, smoke, standard"):
        load_profile("fast")
