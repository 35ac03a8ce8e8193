"""Experiments of fidelity: the truth, controls, and a tiny run."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from dance_tf.dataset.dataset import DatasetError
from dance_tf.experiments.fidelity import (
    ASYMMETRIC,
    CONTROLS,
    DELAYS,
    assess_clips,
    made_clips,
    match_mistakes,
    parts_of,
    shifted,
    summarise,
)
from dance_tf.fidelity.feedback import Remark
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.take import RenderedClip, clip_id
from dance_tf.synthesis.truth import Mistake

pytest.importorskip("dtaidistance")

SETTINGS = StudioSettings(styles=7, dancers=4, seconds=8.0, frame_rate=10.0, width=54, height=96)
STYLES = ("Lottery", "Blinding Lights")
LATE = Mistake(1.0, 2.0, "late", ("pelvis", "head", "left_hand", "right_hand", "left_toe", "right_toe"))
ARM = Mistake(5.0, 6.0, "arm forgotten", ("left_elbow", "left_wrist", "left_hand"))


@pytest.fixture(scope="module")
def clips():
    return [clip for clip in made_clips(SETTINGS) if clip.style in STYLES]


def remark(start, end, part, weight=5.0, kind="pose"):
    return Remark(start, end, part, kind, 30.0, weight, "")


def test_clips_have_their_truth(clips):
    assert len(clips) == 8
    lottery = [clip for clip in clips if clip.style == "Lottery"]
    made = RenderedClip(5, 2, SETTINGS)
    good = np.array([not reason for reason in made.truth.reasons()])
    assert lottery[2].clip_id == clip_id(5, 2) and lottery[2].mistakes == made.truth.mistakes
    assert lottery[2].deviation == pytest.approx(made.danced.deviation[good].mean())
    np.testing.assert_array_equal(lottery[2].skeletons.valid, good)


def test_skeletons_of_a_dataset_are_used_and_foreign_clips_refused(clips):
    names = [clip.clip_id for clip in clips[:2]]
    found = [replace(clip.skeletons, valid=np.ones(80, bool)) for clip in clips[:2]]
    onsets = [np.full((number, 6), 1, np.float16) for number in (5, 0)]
    named = [SimpleNamespace(clip_id=name) for name in names]
    dataset = SimpleNamespace(clips=named, clip_skeletons=found, clip_onsets=onsets)
    for one, other in zip(made_clips(SETTINGS, dataset), clips, strict=False):
        assert (one.clip_id, one.deviation) == (other.clip_id, other.deviation)
        np.testing.assert_array_equal(one.skeletons.valid, other.skeletons.valid)  # frames with faults are left out
        np.testing.assert_array_equal(one.onsets, onsets[names.index(one.clip_id)])
    dataset.clips[0].clip_id = "waltz"
    with pytest.raises(DatasetError, match="waltz is not in the set of made-up clips: name the footage"):
        made_clips(SETTINGS, dataset)


def test_parts_are_those_of_the_joints():
    assert parts_of(ARM) == {"left arm"}
    assert parts_of(LATE) == {"trunk", "head", "left arm", "right arm", "left leg", "right leg"}


@pytest.mark.parametrize(
    ("remarks", "expected"),
    [
        ([], (0, 2, 0, 0, 0)),
        ([remark(5.2, 5.8, "left arm")], (1, 1, 0, 1, 1)),
        ([remark(5.2, 5.8, "right leg")], (1, 1, 0, 1, 0)),
        ([remark(6.1, 6.7, "left arm"), remark(1.2, 1.8, "head")], (2, 0, 0, 1, 1)),
        ([remark(6.3, 6.9, "left arm")], (0, 2, 1, 0, 0)),
        ([remark(5.2, 5.8, "left arm"), remark(5.4, 5.6, "left arm")], (1, 1, 1, 1, 1)),
        ([remark(0.0, 8.0, "left arm", kind="posture")], (0, 2, 0, 0, 0)),
    ],
    ids=["nothing", "found", "another part", "at the edge", "too far", "twice", "another kind"],
)
def test_remarks_are_matched_with_mistakes(remarks, expected):
    found = match_mistakes(remarks, (LATE, ARM))
    assert tuple(found[name] for name in ("found", "missed", "wrong", "narrow", "right")) == expected


def test_the_second_half_of_a_copy_is_shifted(clips):
    skeletons = clips[0].skeletons
    copy = shifted(skeletons, 0.2)
    np.testing.assert_array_equal(copy.world[:39], skeletons.world[:39])
    np.testing.assert_allclose(copy.world[45:], skeletons.world[43:-2], atol=2e-3)


@pytest.mark.parametrize("control", CONTROLS)
def test_controls_change_the_dance_only(clips, control):
    skeletons = clips[0].skeletons
    changed = CONTROLS[control](skeletons, np.random.default_rng(0))
    assert changed.world.shape == skeletons.world.shape and changed.valid.sum() == skeletons.valid.sum()
    assert ("tempo" in control) == bool((changed.times != skeletons.times).any())
    assert ("tempo" in control) != bool((changed.world != skeletons.world).any())


@pytest.fixture(scope="module")
def tables(clips):
    return assess_clips(clips, jobs=2)


def test_a_tiny_run_has_a_row_for_each_clip_copy_and_control(tables):
    assert len(tables["clips"]) == len(tables["mistakes"]) == 8 and len(tables["timing"]) == 8 * len(DELAYS)
    controls = tables["controls"].groupby("control").size()
    assert controls["mirrored"] == 4 * sum(style in ASYMMETRIC for style in STYLES)
    assert controls["wrong style"] == controls["noise"] == 8
    assert (tables["clips"].groupby("style").size() == 4).all()
    assert (tables["timing"].groupby("delay").size() == 8).all()
    assert (tables["music"].groupby("delay").size() == 8).all()


def test_controls_of_a_tiny_run_score_low(tables):
    assert tables["controls"]["score"].mean() < tables["clips"]["score"].mean() / 3
    errors = (tables["timing"]["found"] - tables["timing"]["delay"]).abs()
    assert errors.median() < 0.1
    assert (tables["music"]["found"] - tables["music"]["delay"]).abs().median() < 0.01


def test_a_summary_has_a_row_for_each_measure():
    styles = {"style": ["a"] * 3 + ["b"] * 3, "dancer": ["x", "y", "z"] * 2}
    clips = {**styles, "away": [1, 2, 3, 6, 5, 4], "deviation": [1, 2, 3, 5, 6, 4], "skill": [3, 2, 1, 1, 2, 3]}
    counts = {"found": [2, 1], "missed": [1, 0], "wrong": [0, 1], "narrow": [2, 1], "right": [2, 0]}
    controls = {"control": ["noise", "noise", "still"], "score": [5.0, 20.0, 0.0]}
    timing = {"delay": [0.1, -0.2, 0.3], "found": [0.1, -0.1, 0.1]}
    music = {"delay": [0.1, -0.1], "found": [0.12, -0.06]}
    names = ("clips", "mistakes", "controls", "timing", "music")
    found = summarise(dict(zip(names, map(pd.DataFrame, (clips, counts, controls, timing, music)), strict=True)))
    values = found.set_index("measure")["value"]
    assert values["correlation with deviation"] == pytest.approx((1 + 0.5) / 2)
    assert values["correlation with skill"] == pytest.approx(1)
    assert values["F1 of weak moments"] == pytest.approx(6 / 8) and values["right part of the body"] == 2 / 3
    assert (values["mean error of delays, s"], values["median error of delays, s"]) == pytest.approx((0.1, 0.1))
    assert values["mean error of delays against the music, s"] == pytest.approx(0.03)
    assert values["noise: below the 10th percentile"] == 0.5 and values["still: below the 10th percentile"] == 1
    assert found.set_index("measure")["goal"]["correlation with deviation"] == 0.8
