import hashlib
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from dance_tf.pose import weights
from dance_tf.pose.weights import (
    BUNDLE_VARIABLE,
    CACHE_VARIABLE,
    SOURCES,
    Weights,
    WeightsError,
    cache_folder,
    load_weights,
)

CONTENTS = {"pose_detection.tflite": b"finds people", "pose_landmark_full.tflite": b"finds landmarks"}
LOADED = Weights(*CONTENTS.values())


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, and hashes of made-up files."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    for name, (member, _) in SOURCES.items():
        monkeypatch.setitem(SOURCES, name, (member, hashlib.sha256(CONTENTS[name]).hexdigest()))
    return tmp_path / "cache" / "pose"


@pytest.fixture
def index(monkeypatch):
    """A package index in place of pip's; its wheel has `contents`, and `error` is what pip prints if it fails."""
    state = SimpleNamespace(contents=dict(CONTENTS), error="", commands=[])

    def run(command, **_):
        state.commands.append(command)
        if not state.error:
            folder = command[command.index("--dest") + 1]
            with zipfile.ZipFile(f"{folder}/mediapipe-0.10.21-cp312-cp312-manylinux_2_28_x86_64.whl", "w") as wheel:
                for name, content in state.contents.items():
                    wheel.writestr(SOURCES[name][0], content)
        return subprocess.CompletedProcess(command, bool(state.error), "", state.error)

    monkeypatch.setattr(weights.subprocess, "run", run)
    return state


def test_weights_are_fetched_once_without_installing_the_package(cache, index):
    assert load_weights() == load_weights() == LOADED
    assert {path.name for path in cache.iterdir()} == {*CONTENTS, ".lock"}
    [command] = index.commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    fixed = {"--no-deps", "--only-binary=:all:", "mediapipe==0.10.21"}
    assert fixed | {"--platform=manylinux_2_28_x86_64", "--python-version=3.12"} <= set(command)


@pytest.mark.parametrize("damaged", [None, b"cut o"], ids=["absent", "damaged"])
def test_an_incomplete_cache_is_fetched_again(cache, index, damaged):
    load_weights()
    (cache / "pose_landmark_full.tflite").unlink()
    if damaged:
        (cache / "pose_landmark_full.tflite").write_bytes(damaged)
    assert load_weights() == LOADED
    assert len(index.commands) == 2


def test_a_second_reader_waits_for_the_first(cache, index):
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: load_weights(), range(4))) == [LOADED] * 4
    assert len(index.commands) == 1


@pytest.mark.parametrize(
    ("contents", "error", "message"),
    [
        (
            CONTENTS | {"pose_detection.tflite": b"other"},
            "",
            "pose_detection.tflite in mediapipe-0.10.21-.* has another",
        ),
        ({}, "", "mediapipe-0.10.21-.*whl of the package index does not hold the pose weights"),
        (CONTENTS, "WARNING: retrying\nERROR: No matching distribution\n", r"\(ERROR: No matching distribution\): run"),
        (CONTENTS, "No module named pip", r"cannot be fetched \(No module named pip\): run again with a package index"),
    ],
    ids=["wrong hash", "other package", "no index", "no pip"],
)
def test_nothing_is_kept_of_a_fetch_that_fails(cache, index, contents, error, message):
    index.contents, index.error = contents, error
    with pytest.raises(WeightsError, match=message) as raised:
        load_weights()
    assert "\n" not in str(raised.value)
    assert {path.name for path in cache.iterdir()} <= {".lock"}
    index.contents, index.error = dict(CONTENTS), ""
    assert load_weights() == LOADED


def test_the_line_says_what_to_do_without_an_index(cache, index):
    index.error = "ERROR: no network"
    with pytest.raises(WeightsError) as raised:
        load_weights()
    for advice in ("copy pose_detection.tflite and pose_landmark_full.tflite", str(cache), "pose_landmarker_*.task"):
        assert advice in str(raised.value)
    for name, content in CONTENTS.items():
        (cache / name).write_bytes(content)
    assert load_weights() == LOADED


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(WeightsError, match=rf"no place for the pose weights .*: set {CACHE_VARIABLE} to a folder"):
        load_weights()


def test_the_cache_is_the_users_unless_the_environment_names_another(monkeypatch):
    platformdirs = pytest.importorskip("platformdirs")
    monkeypatch.delenv(CACHE_VARIABLE, raising=False)
    assert cache_folder() == platformdirs.user_cache_path("dance_tf", appauthor=False) / "pose"


def test_an_installation_without_the_package_index_says_why_there_are_no_weights(tmp_path):
    colours = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}  # as Jupyter sets for all that a notebook starts
    environment = {**os.environ, CACHE_VARIABLE: str(tmp_path), "PIP_NO_INDEX": "1", **colours}
    command = [sys.executable, "-m", "dance_tf.pose.weights"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("the pose weights cannot be fetched (ERROR: ") and done.stdout.count("\n") == 1
    assert "run again with a package index in reach" in done.stdout


def test_a_bundle_of_the_user_needs_no_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    bundle = tmp_path / "pose_landmarker_full.task"
    with zipfile.ZipFile(bundle, "w") as file:
        file.writestr("pose_landmarks_detector.tflite", LOADED.landmarks)
        file.writestr("pose_detector.tflite", LOADED.detector)
    monkeypatch.setenv(BUNDLE_VARIABLE, str(bundle))
    assert load_weights() == LOADED
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "there is no such file"), (b"text", "it is no pose_landmarker_"), ({}, "it is no pose")],
)
def test_a_file_that_is_no_bundle_is_refused(tmp_path, monkeypatch, content, reason):
    bundle = tmp_path / "bundle.task"
    if content == {}:
        with zipfile.ZipFile(bundle, "w") as file:
            file.writestr("hand_detector.tflite", b"")
    elif content:
        bundle.write_bytes(content)
    monkeypatch.setenv(BUNDLE_VARIABLE, str(bundle))
    with pytest.raises(WeightsError, match=reason):
        load_weights()
