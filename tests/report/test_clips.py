"""Table 1 beside the paper's, and the clips that represent a dataset."""

import pandas as pd
import pytest

from dance_tf.dataset.dataset import gather
from dance_tf.report.clips import pick_frames, pick_views, table_1, view_labels
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.truth import ClipTruth


@pytest.fixture(scope="module")
def dataset(blob_clips):
    return gather(blob_clips(styles=3, dancers=4))


def counted(styles):
    return pd.DataFrame({"style": styles, "clips": 2, "seen": 105, "blank": 5, "kept": 100})


def test_each_style_and_the_total_have_the_papers_number():
    table = table_1(counted([style.name for style in STYLES])).set_index("style")
    assert list(table.loc["Tokyo", ["paper", "ours", "difference"]]) == [22_365, 100, -22_265]
    assert list(table.loc["all", ["paper", "ours", "difference"]]) == [263_471, 1200, -262_271]


@pytest.mark.parametrize("styles", [["Tokyo", "Laxed"], [*(style.name for style in STYLES), "Waltz"]])
def test_the_total_of_other_styles_has_no_number_of_the_paper(styles):
    table = table_1(counted(styles)).set_index("style")
    assert table.loc["Tokyo", "difference"] == -22_265
    assert table.loc["all", ["paper", "difference"]].isna().all()


def test_frames_of_every_style_are_of_different_clips(dataset):
    picked = pick_frames(dataset, each=4)
    assert picked.shape == (3, 4)
    assert (dataset.labels[picked] == [[0], [1], [2]]).all()
    assert all(len(set(dataset.clip_index[row])) == 4 for row in picked)


def test_views_show_different_dancers_and_a_moving_camera_last(dataset):
    moving = {"style0/dancer1", "style2/dancer3"}
    truths = {
        clip.clip_id: ClipTruth(clip.style, clip.dancer, 0.5, clip.seen, 10.0, (), (), (), 0.0, clip.clip_id in moving)
        for clip in dataset.clips
    }
    shown = pick_views(dataset, truths)
    clips = [dataset.clips[place] for place in dataset.clip_index[shown]]
    assert len({clip.dancer for clip in clips}) == 4 and len({clip.style for clip in clips}) == 3
    assert [clip.clip_id in moving for clip in clips] == [False, False, False, True]
    labels = view_labels(dataset, shown, truths)
    assert "moving camera" in labels[-1] and all("still camera" in label for label in labels[:-1])
    plain = view_labels(dataset, pick_views(dataset, {}), {})
    assert sorted(plain)[0] == "style0, dancer0" and any(label.endswith("no background") for label in plain)
