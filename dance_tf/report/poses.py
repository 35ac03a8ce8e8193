"""The section on skeletons: shares in tidy tables, tables, sentences, metrics.

`coverage` is of `measure_coverage`, `joints` of `measure_joints`, and `corrupted` of `measure_corrupted`, all from
`experiments.poses`.
"""

import re
from collections.abc import Mapping

import cv2
import numpy as np
import pandas as pd

from dance_tf.dataset.batches import load_frames
from dance_tf.dataset.dataset import Dataset
from dance_tf.evaluation.intervals import MIN_TESTED_DANCERS
from dance_tf.experiments.conditions import CLEAN
from dance_tf.experiments.poses import REACH, UNKNOWN
from dance_tf.experiments.scores import pooled_shares
from dance_tf.pose.weights import BUNDLE_VARIABLE
from dance_tf.report.clips import add_skeletons, pick_views, view_labels
from dance_tf.report.corruption_tables import row_name
from dance_tf.report.tables import counted, nest, only, percent, percents, wide_table
from dance_tf.synthesis.truth import ClipTruth
from dance_tf.video.luma import picture_area

GOAL = 0.9  # least PCK@0.2 against the true joints
INTERVALS = "Brackets: 95 % intervals, bootstrap over dancers"
ALL_CLIPS, ALL_JOINTS = "all clips", "all joints"
FOUND, FOUND_GOOD = "skeleton in all frames", "skeleton in frames without fault"
VIEWS = ("frame", "with skeleton", "background subtracted", "cut-out")
ZOOM = 3  # of frames on which skeletons are drawn
KEPT, CORRECT, AWAY = "frames with a skeleton", f"correct joints (PCK@{REACH})", "distance from clean skeleton / torso"


def coverage_shares(coverage: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """Return the shares of frames with a skeleton, with intervals over dancers.

    Returns:
        One row per name ("all clips", "moving camera", a style …) and quantity (`FOUND`, and `FOUND_GOOD` for synthetic
        clips): group ("all", "camera", "style"), name, quantity, mean, low, high, clips.
    """
    groups = {"all": ALL_CLIPS, "camera": coverage["camera"] + " camera", "style": coverage["style"]}
    if set(coverage["camera"]) == {UNKNOWN}:
        del groups["camera"]
    columns = {FOUND: ("found", "poses"), FOUND_GOOD: ("good_found", "good")}
    found = [
        pooled_shares(coverage.assign(name=names), *counts, ["name"], resamples, seed).assign(
            group=group, quantity=quantity
        )
        for group, names in groups.items()
        for quantity, counts in columns.items()
    ]
    table = pd.concat(found, ignore_index=True).dropna(subset="mean")
    return table[["group", "name", "quantity", "mean", "low", "high", "clips"]]


def joint_shares(joints: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """Return the shares of correct joints (PCK@0.2) of synthetic clips; empty for real ones.

    Returns:
        One row for all joints and one for each: joint, side ("left", "right", "" for all), part, mean, low, high,
        clips, dancers, frames.
    """
    if joints.empty:
        return pd.DataFrame(columns=["joint", "side", "part", "mean", "low", "high", "frames"])
    draws = {"by": ["joint"], "resamples": resamples, "seed": seed}
    table = pd.concat(
        [pooled_shares(rows, "near", "frames", **draws) for rows in (joints.assign(joint=ALL_JOINTS), joints)]
    )
    split = table["joint"].where(table["joint"] != ALL_JOINTS, f"_{ALL_JOINTS}").str.split("_", n=1, expand=True)
    return table.assign(side=split[0], part=split[1], joint=table["joint"].str.replace("_", " ")).reset_index(drop=True)


def corrupted_shares(corrupted: pd.DataFrame, resamples: int, seed: int) -> pd.DataFrame:
    """Return what corruptions do to skeletons: clean clips first, then the conditions in the order of Table 5.

    Returns:
        One row per condition and quantity: condition, quantity (`KEPT`; `CORRECT` for synthetic clips; `AWAY`, without
        interval), mean, low, high, clips.
    """
    rows = corrupted[corrupted["reason"] == ""]
    draws = {"by": ["condition"], "resamples": resamples, "seed": seed}
    found = pooled_shares(rows, "found", "poses", **draws).assign(quantity=KEPT)
    correct = pooled_shares(rows, "near", "joints", **draws).assign(quantity=CORRECT).dropna(subset="mean")
    away = rows.groupby("condition", sort=False).agg(mean=("away", "mean"), clips=("clip", "nunique")).reset_index()
    away = away[away["condition"] != CLEAN].assign(quantity=AWAY, low=np.nan, high=np.nan)
    table = pd.concat([found, correct, away], ignore_index=True)
    return table[["condition", "quantity", "mean", "low", "high", "clips"]]


def shown_condition(condition: str) -> str:
    """Return the name of a condition in the paper's Table 5, "Clean" for clean clips."""
    return "Clean" if condition == CLEAN else row_name(condition)


def coverage_table(shares: pd.DataFrame) -> pd.DataFrame:
    """Return `coverage_shares` for readers, in percent."""
    quantities = [name for name in (FOUND, FOUND_GOOD) if name in set(shares["quantity"])]
    table = wide_table(shares, ["name", "clips"], "quantity", quantities)
    return table.rename(columns={"name": "frames of"} | {name: f"{name} (%)" for name in quantities})


def joint_table(shares: pd.DataFrame) -> pd.DataFrame:
    """Return `joint_shares` for readers, in percent; frames are those of one joint, or of all joints together."""
    correct = [percents(row) for row in shares.to_dict("records")]
    return pd.DataFrame({"joint": shares["joint"], f"{CORRECT} (%)": correct, "compared": shares["frames"]})


def corrupted_table(shares: pd.DataFrame) -> pd.DataFrame:
    """Return `corrupted_shares` for readers, in percent."""
    named = shares.assign(condition=shares["condition"].map(shown_condition))
    quantities = list(dict.fromkeys(shares["quantity"]))
    table = wide_table(named, ["condition"], "quantity", quantities)
    return table.rename(columns={name: f"{name} (%)" for name in quantities})


def coverage_dots(shares: pd.DataFrame) -> pd.DataFrame:
    """Return `coverage_shares` for `figures.share_dots`: two dots for each camera and style."""
    return shares.rename(columns={"name": "label", "quantity": "series"}).assign(panel="")


def joint_dots(shares: pd.DataFrame) -> pd.DataFrame:
    """Return `joint_shares` for `figures.share_dots`: a line for each pair of joints."""
    return shares.assign(label=shares["part"], series=shares["side"].replace("", "both"), panel="")


def corrupted_dots(shares: pd.DataFrame) -> pd.DataFrame:
    """Return `corrupted_shares` for `figures.share_dots`, in two panels: how many are found, how exact they are."""
    exact = CORRECT if CORRECT in set(shares["quantity"]) else AWAY
    shown = shares[shares["quantity"].isin([KEPT, exact])]
    labels = shown["condition"].map(shown_condition)
    return shown.assign(label=labels, series="", panel=shown["quantity"].str[0].str.upper() + shown["quantity"].str[1:])


def no_skeletons_text(why: str) -> str:
    """Say that a report has no skeletons, why, and how to get them; of absolute paths only the last part is kept.

    Args:
        why: of `profile.pose_settings`; empty if skeletons can be found now.
    """
    reason = re.sub(r"(?<![^\s(])/[^\s:,;)]*", lambda path: path[0].rpartition("/")[2], why)
    return (
        f"This report has no skeletons: {reason or 'the clips were curated without them'}. Frames are curated all the "
        "same, and the sections that need no skeletons are complete. To get skeletons, set `poses_per_second` in the "
        f"profile to a number above 0, let a package index be in reach or `{BUNDLE_VARIABLE}` name a "
        "`pose_landmarker_*.task` file, and make the report again."
    )


def pose_text(coverage: pd.DataFrame, joints: pd.DataFrame, corrupted: pd.DataFrame, clips: pd.DataFrame) -> str:
    """Describe where skeletons are found, how exact they are, and under which corruptions they suffer.

    Args:
        coverage: of `coverage_shares`, and the next two of `joint_shares` and `corrupted_shares`.
        clips: of `measure_corrupted`, for the clips that could not be read.
    """
    every = only(coverage, name=ALL_CLIPS, quantity=FOUND)
    sentences = [
        f"The skeleton of the dancer is found in {percents(every)} % of the frames of "
        f"{counted(every['clips'], 'clip')}."
    ]
    if FOUND_GOOD in set(coverage["quantity"]):
        good = coverage[coverage["quantity"] == FOUND_GOOD]
        cameras = good[good["group"] == "camera"]
        listed = " and ".join(f"{percent(row['mean'])} % with a {row['name']}" for row in cameras.to_dict("records"))
        whole = percent(only(good, name=ALL_CLIPS)["mean"])
        sentences.append(f"Of the frames without fault, {whole} % have a skeleton: {listed}.")
    if not joints.empty:
        whole, parts = joints[joints["joint"] == ALL_JOINTS].iloc[0], joints[joints["joint"] != ALL_JOINTS]
        worst, best = parts.loc[parts["mean"].idxmin()], parts.loc[parts["mean"].idxmax()]
        missed = "reached" if whole["mean"] >= GOAL else f"missed by {percent(GOAL - whole['mean'])} points"
        sentences.append(
            f"{percents(whole)} % of the joints are within {REACH} torso lengths of the true ones (PCK@{REACH}). The "
            f"goal of {percent(GOAL, 0)} % is {missed}. The least exact joint is the {worst['joint']} "
            f"({percent(worst['mean'])} %), the most exact one the {best['joint']} ({percent(best['mean'])} %)."
        )
    return " ".join([*sentences, _corrupted_text(corrupted, clips)]).strip()


def corrupted_caption(clips: pd.DataFrame) -> str:
    """Say how many clips `measure_corrupted` read, and what the brackets mean."""
    read = clips[clips["reason"] == ""]
    dancers = read["dancer"].nunique()
    few = "; with so few dancers they are too narrow" if dancers < MIN_TESTED_DANCERS else ""
    brackets = f" {INTERVALS}{few}." if dancers > 1 else ""
    return f"{counted(read['clip'].nunique(), 'clip')} of {counted(dancers, 'dancer')}, in gray.{brackets}"


def _corrupted_text(corrupted: pd.DataFrame, clips: pd.DataFrame) -> str:
    refused = clips.loc[clips["reason"] != "", ["clip", "reason"]].to_dict("records")
    listed = "; ".join(f"{row['clip']}: {row['reason']}" for row in refused)
    sentences = [f"These clips could not be read again: {listed}."] if refused else []
    if corrupted.empty:
        return " ".join(sentences)
    clean = only(corrupted, condition=CLEAN, quantity=KEPT)
    sentences.append(f"Corruptions were applied to {counted(clean['clips'], 'clip')}, in gray.")
    for quantity, what in ((KEPT, "share of frames with a skeleton"), (CORRECT, "share of correct joints")):
        rows = corrupted[(corrupted["quantity"] == quantity) & (corrupted["condition"] != CLEAN)]
        if not rows.empty:
            lowest, before = rows.loc[rows["mean"].idxmin()], only(corrupted, condition=CLEAN, quantity=quantity)
            sentences.append(
                f"The lowest {what} is that under {shown_condition(lowest['condition']).lower()}: "
                f"{percent(lowest['mean'])} %; on the clean clips it is {percent(before['mean'])} %."
            )
    away = corrupted[corrupted["quantity"] == AWAY].dropna(subset="mean")
    if not away.empty:
        farthest = away.loc[away["mean"].idxmax()]
        sentences.append(
            f"Joints are moved the most by {shown_condition(farthest['condition']).lower()}: by "
            f"{percent(farthest['mean'])} % of the torso (median)."
        )
    return " ".join(sentences)


def pose_metrics(coverage: pd.DataFrame, joints: pd.DataFrame, corrupted: pd.DataFrame) -> dict[str, object]:
    """Return the branch `pose` of metrics.json; the tables are those of `coverage_shares` and the like."""
    names = {FOUND: "all", FOUND_GOOD: "without_fault", KEPT: "coverage", CORRECT: "pck", AWAY: "away"}
    found = coverage.assign(quantity=coverage["quantity"].map(names), group=coverage["group"].replace("all", ""))
    found["name"] = found["name"].where(found["name"] != ALL_CLIPS, "").str.removesuffix(" camera")
    suffered = corrupted.assign(quantity=corrupted["quantity"].map(names))
    measures = ["mean", "low", "high"]
    pck = joints.assign(joint=joints["joint"].str.replace(" ", "_"))[["joint", *measures, "frames"]]
    return {
        "coverage": nest(found[["quantity", "group", "name", *measures, "clips"]], ["group", "name", "quantity"]),
        "pck": nest(pck, ["joint"]),
        "conditions": nest(suffered[["condition", "quantity", *measures, "clips"]], ["condition", "quantity"]),
    }


def strip_rows(dataset: Dataset, truths: Mapping[str, ClipTruth], count: int = 8) -> dict[str, np.ndarray]:
    """Return frames of clips of different dancers with their skeletons, evenly spaced over time.

    Args:
        truths: of `read_truths`, empty for real footage; the last clip has a moving camera if one has.

    Returns:
        uint8 [count, h, w, 3], RGB, by the label of the clip; black bars are cut off.
    """
    shown = pick_views(dataset, truths)
    members = [np.flatnonzero(dataset.clip_index == clip) for clip in dataset.clip_index[shown]]
    chosen = [frames[np.linspace(0, len(frames) - 1, count).round().astype(int)] for frames in members]
    drawn = [_with_skeletons(dataset, frames) for frames in chosen]
    rows, columns = picture_area(_enlarged(dataset.frames[np.concatenate(chosen)]))
    labels = view_labels(dataset, shown, truths)
    return {label: pictures[:, rows, columns] for label, pictures in zip(labels, drawn, strict=True)}


def view_rows(dataset: Dataset, truths: Mapping[str, ClipTruth]) -> dict[str, list[np.ndarray]]:
    """Return the pictures of `VIEWS` of one frame of the clips of `strip_rows`, by the label of the clip."""
    shown = pick_views(dataset, truths)
    gray, subtracted, alone = (load_frames(dataset, shown, view) for view in ("frame", "difference", "cutout"))
    views = zip(gray, _with_skeletons(dataset, shown), subtracted, alone, strict=True)
    return dict(zip(view_labels(dataset, shown, truths), map(list, views), strict=True))


def _with_skeletons(dataset: Dataset, frames: np.ndarray) -> np.ndarray:
    skeletons, clips = dataset.clip_skeletons, dataset.clip_index[frames]
    return np.concatenate(
        [
            add_skeletons(_enlarged(dataset.frames[[frame]]), dataset.timestamps[[frame]], skeletons[clip])
            for frame, clip in zip(frames, clips, strict=True)
        ]
    )


def _enlarged(frames: np.ndarray) -> np.ndarray:
    """Return gray frames so large that lines on them look fine."""
    return np.stack([cv2.resize(frame, None, fx=ZOOM, fy=ZOOM, interpolation=cv2.INTER_CUBIC) for frame in frames])
