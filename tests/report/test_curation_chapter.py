"""What the report says of the clips and of curation."""

import json

import numpy as np
import pandas as pd
import pytest
from dance_tf.report.curation_tables import filters_frame, frames_by_style
from dance_tf.report.room_tables import COLUMNS

from dance_tf.dataset.arrays import gather
from dance_tf.report.chapters import curation_chapter
from dance_tf.report.section import plain


@pytest.mark.parametrize(
    ("styles", "dancers", "said"),
    [
        (1, 1, "The still room could be told in every clip."),
        (1, 2, "In one clip the camera moves too much for the still room to be told."),
        (3, 4, "In 3 clips the camera moves too much for the still room to be told."),
    ],
)
def test_how_many_rooms_are_unknown_is_said_in_words_that_fit(blob_clips, styles, dancers, said):
    dataset = gather(blob_clips(styles=styles, dancers=dancers))  # dancer1's rooms are unknown
    chapter = curation_chapter(dataset, "synthetic", frames_by_style(dataset), filters_frame(()))
    assert chapter.text.endswith(said)
    assert chapter.metrics["data"]["rooms_unknown"] == (dancers > 1) * styles
    assert chapter.metrics["curation"]["rooms"] == {}


def test_the_rooms_by_camera_go_into_the_metrics(blob_clips):
    dataset = gather(blob_clips(styles=1, dancers=1))
    rooms = pd.DataFrame([("moving", 2, 1, 0.5, 0, np.nan, np.nan)], columns=COLUMNS)
    chapter = curation_chapter(dataset, "synthetic", frames_by_style(dataset), filters_frame(()), rooms)
    found = json.loads(json.dumps(plain(chapter.metrics)))["curation"]["rooms"]["moving"]
    assert (found["clips"], found["rooms_told"], found["share_told"], found["distance"]) == (2, 1, 0.5, None)
