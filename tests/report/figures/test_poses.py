"""Skeletons over frames, over time, and shares with intervals."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from dance_tf.experiments.poses import SHOWN_POSES
from dance_tf.pose.skeleton import join_skeletons
from dance_tf.report.figures import moving_skeletons, share_dots
from dance_tf.report.section import png


def dots(*rows):
    names = ["label", "series", "panel", "mean", "low", "high"]
    return pd.DataFrame([(*row[:3], row[3], row[3] - 0.05, row[3] + 0.04) for row in rows], columns=names)


def test_dots_of_one_label_lie_side_by_side(sound):
    rows = dots(("all", "both", "", 0.9), ("hip", "left", "", 0.8), ("hip", "right", "", 0.7))
    figure = sound(share_dots(rows, "Joints", "synthetic", "joints"))
    [axes] = figure.axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["all", "hip"]
    both, left, right = (container[0].get_xydata()[0] for container in axes.containers)
    assert both.tolist() == [0.9, 0] and [left[0], right[0]] == [0.8, 0.7]
    assert left[1] < 1 < right[1] and left[1] + right[1] == pytest.approx(2)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["both", "left", "right"]


def test_each_quantity_has_a_panel_and_may_lack_a_label(sound):
    rows = dots(("Clean", "", "Found", 1.0), ("Rain", "", "Found", 0.8), ("Rain", "", "Away", 0.1))
    rows.loc[2, ["low", "high"]] = np.nan
    figure = sound(share_dots(rows, "Conditions", "synthetic", "share"))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Found", "Away"] and not figure.legends
    assert figure.axes[1].containers[0][0].get_xydata().tolist() == [[0.1, 1.0]]


def shown(random, counts=(6, 4)):
    """Skeletons of two clips that drift to the right; the third one of the first clip was not found."""
    steps = np.concatenate([np.arange(count) for count in counts])
    landmarks = random.normal(0, 0.1, (33, 4)) + np.stack([0.02 * steps] + [0 * steps] * 3, axis=1)[:, None]
    return {
        "clip_ids": np.array(["SUP/SUP_d01", "TMM/TMM_d02"]),
        "styles": np.array(["Supalonely", "Tak Mau Mau"]),
        "clip": np.repeat(range(len(counts)), counts),
        "landmarks": landmarks.astype(np.float16),
        "valid": np.arange(sum(counts)) != 2,
        "times": steps * 0.16,
    }


def test_skeletons_move_in_an_animated_png(random, sound):
    figure = sound(moving_skeletons(shown(random), "synthetic"))
    assert [axes.get_title() for axes in figure.axes] == ["Supalonely\nSUP/SUP_d01", "Tak Mau Mau\nTMM/TMM_d02"]
    content = png(figure)
    assert content == png(figure) and len(content) < 400_000
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.n_frames, picture.info["loop"]) == ("PNG", 6, 0)
        assert picture.info["duration"] == 160
        inked = []
        for step in range(picture.n_frames):
            picture.seek(step)
            halves = np.split(np.asarray(picture.convert("RGB"))[150:], 2, axis=1)
            inked.append([np.flatnonzero((half < 128).any(axis=(0, 2))) for half in halves])
    assert [[len(half) > 0 for half in step] for step in inked] == [
        [True, True], [True, True], [False, True], [True, True], [True, False], [True, False]
    ]  # fmt: skip
    assert inked[0][0][0] < inked[1][0][0] < inked[3][0][0] < inked[5][0][0]


def test_a_long_animation_stays_small(danced):
    dances = [danced(style, seconds=SHOWN_POSES / 10) for style in ("Supalonely", "Tokyo", "Laxed", "Lottery")]
    joined = join_skeletons(dances)
    found = {
        "clip_ids": ["a/a_1"] * 4,
        "styles": ["Diam Diam Menyukaiku"] * 4,
        "clip": np.repeat(range(4), SHOWN_POSES),
    }
    found |= {name: getattr(joined, name) for name in ("landmarks", "valid", "times")}
    figure = moving_skeletons(found, "synthetic")
    assert figure.steps == SHOWN_POSES and len(png(figure)) < 400_000


def test_a_clip_without_any_skeleton_has_an_empty_panel_and_long_names_are_cut(random, sound):
    found = shown(random, (1, 1, 1, 1)) | {
        "valid": np.zeros(4, bool),
        "styles": ["a style with a long name, by " * 2] * 4,
    }
    figure = sound(moving_skeletons(found | {"clip_ids": ["dancers/of/many_places_001"] * 4}, "synthetic"))
    assert figure.axes[0].get_title() == "a style with a long nam…\ndancers/of/many_places_…"
