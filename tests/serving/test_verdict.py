import dataclasses
import importlib
import json
import os
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE_WITH_REFUSALS, FAILED, app
from dance_tf.curation.filters import CuratedClip, CurationSettings, curate_frames
from dance_tf.curation.parts import KNOWN_DIGITS, content_sha256
from dance_tf.curation.run import reading_to_json
from dance_tf.dataset.dataset import gather
from dance_tf.dataset.splits import make_splits
from dance_tf.experiments.run import evaluate_model, train_model
from dance_tf.model.bundle import ModelBundle, ModelDescription, load_bundle
from dance_tf.model.settings import training_settings
from dance_tf.model.train import predict
from dance_tf.pose.blazepose import Pose, Region
from dance_tf.pose.joints import CHANNELS, JOINTS, LENGTH
from dance_tf.pose.read import PoseSettings
from dance_tf.pose.weights import Weights
from dance_tf.serving import verdict as serving_verdict
from dance_tf.serving.verdict import classify_clip, classify_clips, make_verdict, network_inputs
from dance_tf.video.catalog import Clip
from dance_tf.video.frames import read_footage
from dance_tf.video.isolation import DecodingProcess, LostProcess
from dance_tf.video.settings import ReadSettings
from dance_tf.video.stills import ReadError

STYLES = ("dark", "bright", "brightest")


def by_brightness(*shape: int) -> keras.Model:
    """Logits of 0, 10 and 20 times a frame's mean gray level (of a window's last frame), less 0, 3 and 8."""
    frames = keras.Input((*shape, 128, 128, 1), dtype="uint8")
    levels = keras.layers.Rescaling(1 / 255)(frames)
    last = levels[:, -1] if shape else levels
    mean = keras.layers.GlobalAveragePooling2D()(last)
    logits = keras.layers.Dense(3, name="logits")(mean)
    model = keras.Model(frames, keras.layers.Softmax()(logits))
    model.get_layer("logits").set_weights([np.array([[0.0, 10.0, 20.0]]), np.array([0.0, -3.0, -8.0])])
    return model


def probabilities_by_hand(means: np.ndarray) -> np.ndarray:
    raised = np.exp(np.outer(means, [0.0, 10.0, 20.0]) + [0.0, -3.0, -8.0])
    return raised / raised.sum(axis=1, keepdims=True)


def frame_probabilities(bundle, frames, background, segments, chunk=2048):
    """Probabilities of the frames of a clip, in which a second is left out between two segments."""
    count = len(frames)
    times = np.arange(count) / 10 + np.asarray(segments)
    curated = CuratedClip(Clip(Path()), frames, times, background, True, count + 1, (), (count + 1) / 10)
    parts = list(network_inputs(bundle.description, curated, chunk))
    assert max(map(len, parts)) <= chunk
    return np.concatenate([bundle.model.predict(part, verbose=0) for part in parts])


@pytest.fixture(scope="module")
def bundles():
    """A model of frames, of their difference from the background, and of windows of three frames."""
    model, windowed = by_brightness(), by_brightness(3)
    return {
        "frame": ModelBundle(model, ModelDescription(STYLES, "cnn", "frame")),
        "difference": ModelBundle(model, ModelDescription(STYLES, "cnn", "difference")),
        "windows": ModelBundle(windowed, ModelDescription(STYLES, "cnn_lstm", "frame", sequence_length=3)),
    }


@pytest.fixture(scope="module")
def clip(tmp_path_factory, make_video, make_dance):
    """Two seconds of dancing after half a second of black."""
    pictures = np.concatenate([np.zeros((5, 128, 128), np.uint8), make_dance(20, 128, 128)])
    return make_video(tmp_path_factory.mktemp("clip") / "dance.mp4", pictures, rate=10, options={"crf": "10"})


def test_frames_and_their_difference_from_the_background(bundles, make_dance):
    frames, background = make_dance(6, 128, 128)[..., None], make_dance(1, 128, 128, seed=3)[0][..., None]
    difference = np.abs(frames.astype(int) - background)
    for view, expected in (("frame", frames), ("difference", difference)):
        found = frame_probabilities(bundles[view], frames, background, np.zeros(len(frames), int))
        assert found.shape == (6, 3)
        np.testing.assert_allclose(found, probabilities_by_hand(expected.mean(axis=(1, 2, 3)) / 255), rtol=1e-3)


def test_windows_end_at_each_frame(bundles):
    frames = (np.arange(5, dtype=np.uint8) * 50)[:, None, None, None] + np.zeros((5, 128, 128, 1), np.uint8)
    found = frame_probabilities(bundles["windows"], frames, frames[0], np.array([0, 0, 0, 1, 1]))
    np.testing.assert_allclose(found, probabilities_by_hand(np.arange(5) * 50 / 255), rtol=1e-3)


def test_a_model_of_small_frames_gets_small_frames_wherever_it_is_used(blob_clips, tmp_path):
    dataset = gather(blob_clips(styles=2, dancers=3, frames=3))
    split = make_splits(dataset, "dancer", folds=2, hold_out=("dancer1",))[0]
    settings = dataclasses.replace(training_settings("cnn", epochs=1, batch_size=8), frame_size=8)
    trained = train_model(dataset, split, settings, tmp_path / "model")
    bundle = load_bundle(tmp_path / "model")
    assert bundle.description.frame_size == 8
    assert evaluate_model(bundle, dataset, ("dancer1",)).to_json()["clip"] == trained.to_json()["clip"]
    clip = np.flatnonzero(dataset.clip_index == 1)
    shown = dataset.frames[clip], dataset.backgrounds[1], np.zeros(len(clip), int)
    found = frame_probabilities(bundle, *shown)
    np.testing.assert_allclose(found, predict(bundle.model, dataset, clip, clip, settings), rtol=1e-5)
    whole = ModelBundle(bundle.model, dataclasses.replace(bundle.description, frame_size=128))
    assert np.abs(frame_probabilities(whole, *shown) - found).max() > 1e-3


def test_the_chunk_size_makes_no_difference(bundles, make_dance):
    frames, background = make_dance(11, 128, 128)[..., None], make_dance(1, 128, 128, seed=3)[0][..., None]
    for bundle in bundles.values():
        segments = np.zeros(len(frames), int)
        whole = frame_probabilities(bundle, frames, background, segments)
        np.testing.assert_allclose(frame_probabilities(bundle, frames, background, segments, 3), whole, rtol=1e-5)


@pytest.fixture(scope="module")
def process():
    with DecodingProcess() as process:
        yield process


def test_a_clip_that_the_model_was_made_with_gets_a_note(bundles, clip, process):
    known = dataclasses.replace(bundles["frame"].description, files=(content_sha256(clip)[:KNOWN_DIGITS],))
    verdict = classify_clip(ModelBundle(bundles["frame"].model, known), clip, process)
    assert "the model was made with this very clip" in verdict.text
    assert "this very clip" not in classify_clip(bundles["frame"], clip, process).text


def test_a_verdict_is_the_mean_over_the_frames_that_curation_kept(bundles, clip, process):
    verdict = classify_clip(bundles["frame"], clip, process)
    footage = read_footage(clip)
    curated = curate_frames(Clip(clip), footage.frames, footage.timestamps, footage.seconds)
    seen, used, dropped = verdict.frames.values()
    assert (seen, used) == (25, len(curated.frames)) and used >= 15
    assert dropped["blank"] == 5 and sum(dropped.values()) == 25 - used
    expected = probabilities_by_hand(curated.frames.mean(axis=(1, 2, 3)) / 255).mean(axis=0)
    np.testing.assert_allclose(list(verdict.probabilities.values()), expected, rtol=1e-3)
    assert tuple(verdict.probabilities) == STYLES
    assert verdict.style == STYLES[int(expected.argmax())]
    assert verdict.confidence == max(verdict.probabilities.values())
    assert verdict.seconds == pytest.approx(2.5, abs=0.11) and verdict.elapsed > 0
    assert (verdict.clip, verdict.notes) == (str(clip), ())
    document = json.loads(json.dumps(dataclasses.asdict(verdict)))
    assert list(document) == "clip style confidence probabilities frames seconds elapsed notes coverage likely".split()
    assert document["coverage"] is None and document["likely"] is None
    assert list(document["frames"]) == ["seen", "used", "dropped"]


@pytest.mark.parametrize(
    ("threshold", "likely", "note"),
    [(0.2, ("bright", "dark"), " (perhaps dark)"), (0.5, ("bright",), ""), (0.9, (), " (unsure)")],
)
def test_a_model_that_knows_how_sure_it_may_be_says_so(threshold, likely, note):
    description = ModelDescription(STYLES, "cnn", "frame", thresholds={"temperature": 2.0, "set": threshold})
    curated = CuratedClip(Clip(Path("a.mp4")), np.zeros(9), np.arange(9), np.zeros(1), True, 9, (), 0.9)
    verdict = make_verdict(description, Path("a.mp4"), curated, np.array([0.2, 0.7, 0.1]), 0.1)
    roots = np.sqrt([0.2, 0.7, 0.1])  # temperature 2
    np.testing.assert_allclose(list(verdict.probabilities.values()), roots / roots.sum())
    assert verdict.likely == likely
    assert verdict.text == f"a.mp4: bright, confidence 52%{note}"


def test_a_clip_is_read_and_curated_like_those_the_model_learnt_from(bundles, clip, process):
    lenient = CurationSettings(blank_entropy=-1, blur_relative=0, blur_absolute=0, still_energy=-1)
    reading = reading_to_json(ReadSettings(frames_per_second=5), lenient)
    bundle = dataclasses.replace(
        bundles["frame"], description=dataclasses.replace(bundles["frame"].description, reading=reading)
    )
    sparse = classify_clip(bundle, clip, process)
    assert sparse.frames["used"] == sparse.frames["seen"] == pytest.approx(12, abs=1) and not sparse.frames["dropped"]


class Everywhere:
    """In place of BlazePose: a person who fills the frame, in the first `count` frames that are not black."""

    def __init__(self, count):
        self.count = count

    def detect(self, frame):
        return [Region(64, 64, 128)] if frame.any() else []

    def pose(self, frame, region):
        if not self.detect(frame) or not self.count:
            return None
        self.count -= 1
        mask, ends = np.full((256, 256), 80.0, np.float32), np.array([[64.0, 64.0], [64.0, 12.8]])
        return Pose(np.ones((33, 5), np.float32), np.ones((33, 3)), 1.0, mask, region, ends)


class SameProcess:
    def call(self, function, *arguments):
        return function(*arguments, heartbeat=lambda: None)


@pytest.mark.parametrize(("count", "note"), [(99, ()), (5, ("the dancer was found in 20% of the time: ",)), (0, None)])
def test_a_model_of_cut_outs_sees_the_dancer_alone(bundles, clip, monkeypatch, count, note):
    monkeypatch.setattr("dance_tf.pose.read.load_weights", lambda: Weights(b"1", b"2"))
    monkeypatch.setattr("dance_tf.curation.run.load_blazepose", lambda threads: Everywhere(count))
    reading = reading_to_json(ReadSettings(), CurationSettings(), PoseSettings())
    description = dataclasses.replace(bundles["frame"].description, view="cutout", reading=reading)
    bundle = ModelBundle(bundles["frame"].model, description)
    if note is None:
        with pytest.raises(ReadError, match="no dancer is found in it"):
            classify_clip(bundle, clip, SameProcess())
        return
    verdict, whole = (classify_clip(each, clip, SameProcess()) for each in (bundle, bundles["frame"]))
    assert verdict.frames == whole.frames and whole.coverage is None
    assert verdict.coverage == pytest.approx(0.8 if count == 99 else 0.2)  # a fifth of the frames is blank
    if count == 99:  # the cut-outs are the frames
        assert verdict.probabilities == pytest.approx(whole.probabilities, abs=0.02)
    else:
        assert abs(verdict.confidence - whole.confidence) > 1e-6
    assert len(verdict.notes) == len(note)
    assert all(found.startswith(start) for found, start in zip(verdict.notes, note, strict=True))


def test_a_model_of_skeletons_sees_windows_of_joints(bundles, clip, monkeypatch):
    """The network gives the share of the second style as the mean visibility plus a half."""
    monkeypatch.setattr("dance_tf.pose.read.load_weights", lambda: Weights(b"1", b"2"))
    monkeypatch.setattr("dance_tf.curation.run.load_blazepose", lambda threads: Everywhere(99))
    windows = keras.Input((LENGTH, len(JOINTS), CHANNELS), name="windows")
    share = keras.ops.mean(windows[..., 5:] + 0.5, axis=(1, 2))
    model = keras.Model(windows, keras.ops.concatenate([1 - share, share, 0 * share], axis=-1))
    reading = reading_to_json(ReadSettings(), CurationSettings(), PoseSettings())
    bundle = ModelBundle(model, ModelDescription(STYLES, "skeleton_tcn", "skeleton", reading=reading))
    verdict = classify_clip(bundle, clip, SameProcess())
    assert verdict.probabilities == pytest.approx({"dark": 0, "bright": 1, "brightest": 0}, abs=1e-6)
    assert verdict.frames == classify_clip(bundles["frame"], clip, SameProcess()).frames
    # the fusion also sees cut-outs, here the frames themselves: the first share is the mean level of two of them
    cutouts = keras.Input((2, 128, 128, 1), dtype="uint8", name="cutouts")
    level = keras.ops.mean(keras.ops.cast(cutouts, "float32") / 255, axis=(1, 2, 3))
    inputs = {"windows": windows, "cutouts": cutouts}
    both = keras.Model(inputs, keras.ops.concatenate([level, (1 - level) * share, 0 * share], axis=-1))
    description = ModelDescription(STYLES, "fusion", "skeleton+cutout", sequence_length=2, reading=reading)
    fused = ModelBundle(both, description)
    verdict = classify_clip(fused, clip, SameProcess())
    frames = read_footage(clip).frames[5:]  # the black ones show nobody
    expected = frames[[5, 14]].mean() / 255  # of 64 times, those at 16 and 48
    assert verdict.probabilities == pytest.approx({"dark": expected, "bright": 1 - expected, "brightest": 0}, abs=0.01)
    monkeypatch.setattr("dance_tf.curation.run.load_blazepose", lambda threads: Everywhere(0))
    for each in (bundle, fused):
        with pytest.raises(ReadError, match="no dancer is found in it"):
            classify_clip(each, clip, SameProcess())


def test_a_style_without_training_clips_is_named_in_the_verdict(bundles, clip, process):
    described = dataclasses.replace(bundles["frame"].description, unlearnt=STYLES[1:])
    notes = classify_clip(dataclasses.replace(bundles["frame"], description=described), clip, process).notes
    assert notes == (f"the model had no training clip of the style {', '.join(STYLES[1:])} and cannot recognise it",)


@pytest.fixture
def faults(monkeypatch):
    """Functions that fail like native code, importable in the decoding subprocess too."""
    folder = str(Path(__file__).resolve().parents[1] / "video")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", folder, prepend=os.pathsep)
    return importlib.import_module("native_faults")


def test_a_clip_that_kills_the_subprocess_does_not_affect_the_others(bundles, clip, faults, monkeypatch):
    with DecodingProcess() as process:
        before = classify_clip(bundles["frame"], clip, process)
        process_id = process.call(faults.process_id)
        assert classify_clip(bundles["frame"], clip, process).probabilities == before.probabilities
        assert process.call(faults.process_id) == process_id  # one subprocess for all clips
        with monkeypatch.context() as patch:
            patch.setattr(serving_verdict, "make_part", faults.crash)
            with pytest.raises(LostProcess, match=r"^the decoder crashed \(SIGSEGV\)$"):
                classify_clip(bundles["frame"], clip, process)
        assert classify_clip(bundles["frame"], clip, process).probabilities == before.probabilities


def classify_all(bundle, paths, monkeypatch):
    """Run the verb on clips with a model; returns its exit status and its document."""
    monkeypatch.setattr("dance_tf.model.bundle.load_classifier", lambda folder: bundle)
    result = CliRunner().invoke(app, ["classify", "model", *map(str, paths), "--json"])
    return result.exit_code, json.loads(result.stdout)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (LostProcess("the decoder hung: no heartbeat for 20 s"), "the decoder hung: no heartbeat for 20 s"),
        (MemoryError(), "needs more memory than a decoding process may take"),
        (cv2.error("bad\nargument"), "unexpected error: bad argument"),
    ],
)
def test_one_bad_clip_is_refused_and_the_others_are_classified(bundles, clip, tmp_path, monkeypatch, fault, reason):
    bad = tmp_path / "bad.mp4"
    working = DecodingProcess.call

    def fragile(process, function, requested, *settings):
        if requested.path == bad:
            raise fault
        return working(process, function, requested, *settings)

    monkeypatch.setattr(DecodingProcess, "call", fragile)
    status, document = classify_all(bundles["frame"], [clip, bad, clip], monkeypatch)
    assert status == DONE_WITH_REFUSALS
    assert [verdict["clip"] for verdict in document["clips"]] == [str(clip)] * 2
    assert document["refused"] == [{"clip": str(bad), "reason": reason}]
    assert classify_all(bundles["frame"], [bad], monkeypatch)[0] == FAILED


def test_clips_that_are_read_in_parallel_get_the_verdicts_of_single_ones(bundles, clip, tmp_path, process):
    paths = [clip, tmp_path / "absent.mp4", clip, clip]
    verdicts = list(classify_clips(bundles["frame"], paths))
    assert "no such file" in verdicts.pop(1)
    alone = classify_clip(bundles["frame"], clip, process)
    for verdict in verdicts:
        assert verdict.frames == alone.frames
        assert list(verdict.probabilities.values()) == pytest.approx(list(alone.probabilities.values()), abs=1e-6)
    assert list(classify_clips(bundles["frame"], [])) == []


def test_reading_errors_come_from_the_subprocess(bundles, tmp_path, process):
    with pytest.raises(ReadError, match="absent.mp4: no such file"):
        classify_clip(bundles["frame"], tmp_path / "absent.mp4", process)


def test_a_black_clip_is_refused_with_the_reason(bundles, tmp_path, make_video, process):
    black = make_video(tmp_path / "black.mp4", np.zeros((10, 128, 128), np.uint8), rate=10)
    with pytest.raises(ReadError, match="no frame is left to classify: of 10, 10 blank were dropped") as refused:
        classify_clip(bundles["frame"], black, process)
    assert "\n" not in str(refused.value)


def test_a_moving_camera_is_noted_for_models_with_background_subtraction(bundles, tmp_path, make_video, process):
    generator = np.random.default_rng(1)
    wide = cv2.GaussianBlur(generator.uniform(0, 255, (128, 400)), (0, 0), 2)
    wide = ((wide - wide.min()) / np.ptp(wide) * 200 + 20).astype(np.uint8)
    pan = np.stack([wide[:, 12 * step : 12 * step + 128] for step in range(20)])
    path = make_video(tmp_path / "pan.mp4", pan, rate=10, options={"crf": "10"})
    assert "camera moves" in classify_clip(bundles["difference"], path, process).notes[0]
    assert classify_clip(bundles["frame"], path, process).notes == ()
