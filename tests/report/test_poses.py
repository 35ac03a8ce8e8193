"""The section on skeletons: shares, tables, sentences, and the branch of metrics.json, from tables made by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dance_tf.dataset.dataset import gather
from dance_tf.experiments.conditions import paper_corruptions
from dance_tf.experiments.poses import CORRUPTED_COLUMNS, COVERAGE_COLUMNS, JOINT_COLUMNS, MAIN_JOINTS
from dance_tf.report import poses as report
from dance_tf.synthesis.truth import ClipTruth

DRAWS = {"resamples": 50, "seed": 0}
CONDITIONS = [each.condition for each in paper_corruptions()]


def coverage(cameras=("still", "moving"), good=(8, 4)):
    rows = [
        (f"{style}/{dancer}", style, dancer, camera, 10, 8 if dancer == "d1" else 9, good[0], good[1])
        for style in ("Tok", "TDS")
        for dancer, camera in zip(("d1", "d2"), cameras, strict=True)
    ]
    return pd.DataFrame(rows, columns=COVERAGE_COLUMNS)


def joints(wrists=30):
    """Return 40 frames of each of two clips; all joints are right but the left wrist."""
    rows = [
        (f"Tok/{dancer}", "Tok", dancer, "still", joint, 40, wrists if joint == "left_wrist" else 40)
        for dancer in ("d1", "d2")
        for joint in MAIN_JOINTS
    ]
    return pd.DataFrame(rows, columns=JOINT_COLUMNS)


def corrupted(truth=True):
    """Two clips, both read, and one that was not: rain loses half of the frames, fog a third of the joints."""
    rows = [("gone/d3", "gone", "d3", "no such file", "clean", 0, 0, 0, 0, np.nan)]
    for dancer in ("d1", "d2"):
        for name in CONDITIONS:
            found = 5 if name == "rain" else 10
            near = 12 * found * truth * (2 if name == "heavy_fog" else 3) // 3
            away = {"clean": 0.0, "heavy_fog": 0.1 if dancer == "d1" else 0.3}.get(name, 0.01)
            rows.append((f"Tok/{dancer}", "Tok", dancer, "", name, 10, found, 12 * found * truth, near, away))
    return pd.DataFrame(rows, columns=CORRUPTED_COLUMNS)


def test_coverage_is_given_for_all_clips_cameras_and_styles():
    shares = report.coverage_shares(coverage(), **DRAWS)
    means = shares.set_index(["quantity", "name"])["mean"]
    assert means[report.FOUND].to_dict() == {
        "all clips": 0.85, "still camera": 0.8, "moving camera": 0.9, "Tok": 0.85, "TDS": 0.85
    }  # fmt: skip
    assert set(means[report.FOUND_GOOD]) == {0.5}
    table = report.coverage_table(shares)
    assert table.iloc[0, 0] == "all clips" and table["clips"].tolist() == [4, 2, 2, 2, 2]
    assert table.iloc[1, 2] == "80.0" and table.iloc[0, 2].startswith("85.0 [")  # one dancer has no interval
    assert report.coverage_dots(shares)["label"].tolist() == shares["name"].tolist()


def test_real_footage_has_neither_cameras_nor_truth():
    shares = report.coverage_shares(coverage(("unknown", "unknown"), (0, 0)), **DRAWS)
    assert shares["name"].tolist() == ["all clips", "Tok", "TDS"] and set(shares["quantity"]) == {report.FOUND}
    none = report.joint_shares(joints()[:0], **DRAWS)
    assert none.empty and report.joint_table(none).empty
    under = corrupted(truth=False)
    suffered = report.corrupted_shares(under, **DRAWS)
    assert set(suffered["quantity"]) == {report.KEPT, report.AWAY}
    dots = report.corrupted_dots(suffered)
    assert list(dict.fromkeys(dots["panel"])) == ["Frames with a skeleton", "Distance from clean skeleton / torso"]
    text = report.pose_text(shares, none, suffered, under)
    assert text.startswith("The skeleton of the dancer is found in 85.0 [")
    assert "true" not in text and "correct" not in text and "camera" not in text and "moved the most" in text
    assert report.pose_metrics(shares, none, suffered)["pck"] == {}


def test_joints_are_given_together_and_one_by_one():
    shares = report.joint_shares(joints(), **DRAWS)
    assert shares["joint"].tolist() == ["all joints", *(joint.replace("_", " ") for joint in MAIN_JOINTS)]
    assert shares["mean"].tolist()[0] == pytest.approx((11 + 0.75) / 12)
    assert shares.set_index("joint").loc["left wrist", ["side", "part", "mean", "frames"]].tolist() == [
        "left", "wrist", 0.75, 80
    ]  # fmt: skip
    dots = report.joint_dots(shares)
    assert dots["series"].tolist()[:3] == ["both", "left", "right"] and dots["label"].tolist()[:2] == [
        "all joints", "shoulder"
    ]  # fmt: skip
    assert report.joint_table(shares).iloc[5].tolist() == ["left wrist", "75.0 [75.0, 75.0]", 80]


def test_conditions_have_shares_of_frames_and_joints_and_a_distance():
    shares = report.corrupted_shares(corrupted(), **DRAWS)
    means = shares.set_index(["condition", "quantity"])["mean"]
    assert means["rain", report.KEPT] == 0.5 and means["heavy_fog", report.CORRECT] == pytest.approx(2 / 3)
    assert means["heavy_fog", report.AWAY] == pytest.approx(0.2) and ("clean", report.AWAY) not in means
    table = report.corrupted_table(shares)
    assert len(table) == 15 and table["condition"].tolist()[:2] == ["Clean", "Mild compression"]
    assert table.iloc[0].tolist() == ["Clean", "100.0 [100.0, 100.0]", "100.0 [100.0, 100.0]", "–"]
    assert list(dict.fromkeys(report.corrupted_dots(shares)["panel"]))[1] == "Correct joints (PCK@0.2)"


@pytest.mark.parametrize(("wrists", "goal"), [(40, "of 90 % is reached"), (0, "of 90 % is reached"), (-20, "missed")])
def test_sentences_say_what_is_lowest_and_whether_the_goal_is_reached(wrists, goal):
    table = joints(max(wrists, 0))
    if wrists < 0:
        table["near"] = table["near"] // 2
    under = corrupted()
    shares = [report.coverage_shares(coverage(), **DRAWS), report.joint_shares(table, **DRAWS)]
    text = report.pose_text(*shares, report.corrupted_shares(under, **DRAWS), under)
    assert goal in text and ("missed by 44.2 points" in text) == (wrists < 0)
    for part in (
        "in 85.0 [80.0, 90.0] % of the frames of 4 clips",
        "without fault, 50.0 % have a skeleton: 50.0 % with a still camera and 50.0 % with a moving camera",
        "These clips could not be read again: gone/d3: no such file. Corruptions were applied to 2 clips, in gray.",
        "lowest share of frames with a skeleton is that under rain effect: 50.0 %; on the clean clips it is 100.0 %",
        "lowest share of correct joints is that under heavy fog/haze: 66.7 %",
        "moved the most by heavy fog/haze: by 20.0 % of the torso",
    ):
        assert part in text
    assert ("the left wrist" in text) == (wrists < 40)


def test_nothing_is_said_of_corruptions_if_no_clip_was_read():
    under = corrupted()[:1]
    shares = report.coverage_shares(coverage(), **DRAWS), report.joint_shares(joints(), **DRAWS)
    suffered = report.corrupted_shares(under, **DRAWS)
    assert suffered.empty and report.corrupted_table(suffered).empty
    assert report.pose_text(*shares, suffered, under).endswith("could not be read again: gone/d3: no such file.")


def test_the_caption_counts_clips_and_warns_of_few_dancers():
    assert report.corrupted_caption(corrupted()) == (
        "2 clips of 2 dancers, in gray. Brackets: 95 % intervals, bootstrap over dancers; with so few dancers they are "
        "too narrow."
    )
    assert report.corrupted_caption(corrupted()[1:16]) == "1 clip of 1 dancer, in gray."  # and has no interval
    many = pd.concat([corrupted().assign(dancer=f"d{n}", clip=f"c{n}") for n in range(8)])
    assert "too narrow" not in report.corrupted_caption(many)


def test_metrics_are_nested_by_what_they_describe():
    shares = report.coverage_shares(coverage(), **DRAWS), report.joint_shares(joints(), **DRAWS)
    found = report.pose_metrics(*shares, report.corrupted_shares(corrupted(), **DRAWS))
    assert set(found) == {"coverage", "pck", "conditions"}
    assert set(found["coverage"]) == {"all", "without_fault", "camera", "style"}
    assert found["coverage"]["camera"]["moving"]["all"] == {"mean": 0.9, "clips": 2, "interval": None}
    assert found["coverage"]["style"]["Tok"]["without_fault"]["mean"] == 0.5
    assert found["pck"]["left_wrist"]["mean"] == 0.75 and found["pck"]["all_joints"]["interval"][0] > 0.9
    assert len(found["conditions"]) == 15 and set(found["conditions"]["rain"]) == {"coverage", "pck", "away"}
    assert found["conditions"]["rain"]["coverage"]["mean"] == 0.5


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("", "the clips were curated without them. Frames"),
        (
            "the pose weights cannot be fetched (ERROR: none): copy a into /home/me/cache/pose, or set X",
            "into pose, or",
        ),
        ("/home/me/x.task: there is no such file", "no skeletons: x.task: there is no such file."),
    ],
)
def test_a_report_without_skeletons_says_why_and_how_to_get_them(why, reason):
    text = report.no_skeletons_text(why)
    assert reason in text and "/home" not in text and "\n" not in text
    assert "`poses_per_second`" in text and "DANCE_TF_POSE_WEIGHTS" in text


def test_frames_are_shown_with_their_skeletons(blob_clips):
    dataset = gather(blob_clips(styles=2, dancers=4))
    landmarks = np.full_like(dataset.skeletons.landmarks, 0.0)
    landmarks[..., 3], landmarks[:, 0, :2], landmarks[:, 7, :2] = 1, -0.4, -0.3  # from the nose to the left ear
    skeletons = replace(dataset.skeletons, landmarks=landmarks)
    dataset = replace(dataset, skeletons=skeletons, timestamps=dataset.timestamps - 1 / 3)  # near the times of poses
    truths = {
        clip.clip_id: ClipTruth(clip.style, clip.dancer, 0.5, 8, 10.0, (), (), (), 0.0, clip.dancer == "dancer2")
        for clip in dataset.clips
    }
    strips = report.strip_rows(dataset, truths, count=5)
    assert len(strips) == 4 and all(pictures.shape == (5, 384, 384, 3) for pictures in strips.values())
    assert list(strips)[-1].endswith("moving camera")
    views = report.view_rows(dataset, truths)
    assert list(views) == list(strips)
    for gray, drawn, subtracted, alone in views.values():
        assert gray.shape == subtracted.shape == alone.shape == (128, 128, 1)
        coloured = np.ptp(drawn.astype(int), axis=2) > 50
        assert coloured[30:100, 30:100].any() and not coloured[250:, :].any()
