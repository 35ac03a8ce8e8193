"""Feedback of teachers: the file, and what it changes in a dataset."""

import math
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, FAILED, app
from dance_tf.dataset.dataset import gather, write_arrays
from dance_tf.dataset.feedback import (
    Feedback,
    FeedbackError,
    add_feedback,
    apply_feedback,
    is_about,
    labelled_clips,
    read_feedback,
    teacher_scores,
)
from dance_tf.dataset.store import open_dataset


def test_what_is_written_is_read_again(tmp_path):
    file, comment = tmp_path / "new" / "notes.csv", 'late, "heavy"\nsteps; größer'
    said = Feedback("a/b.mp4", style="Tokyo", score=70.5, trust=0.25, comment=comment, teacher="Ana", day="2026-01-02")
    add_feedback(file, said)
    rows = add_feedback(file, Feedback(dancer="Bob", trust=0.0))
    assert rows[0] == said and math.isnan(rows[1].score) and len(rows[1].day) == 10
    assert [repr(row) for row in read_feedback(file)] == [repr(row) for row in rows]
    assert sorted(path.name for path in file.parent.iterdir()) == [".notes.csv.lock", "notes.csv"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column clip or dancer; the columns are clip, dancer, style"),
        ("style,score\nTokyo,3\n", "line 1: no column clip or dancer"),
        ("clip,mark\na,3\n", "line 1: no column may be called mark"),
        ("clip,style\na\n", "line 2: not as many cells as columns"),
        ("clip,style\na,b,c\n", "line 2: not as many cells as columns"),
        ("clip,score\na,good\n", "line 2: score is 'good', not a number"),
        ("clip,score\na,3\n\nb,101\n", "line 4: the score 101 of b is not from 0 to 100"),
        ("clip,score\na,inf\n", "line 2: the score inf of a is not from 0 to 100"),
        ("clip,trust\na,1.5\n", "line 2: trust is '1.5', not a number from 0 to 1"),
        ("clip,trust\na,\n", "line 2: nothing is said about a"),
        ("clip,dancer,trust\na,b,1\n", "line 2: feedback is about one clip or about one dancer"),
        ("clip,dancer,style\n,b,Tokyo\n", "line 2: a style or a score is said of a clip, not of the dancer b"),
        ('clip,style\n"a,b\n', "a quote is not closed"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_line(tmp_path, text, message):
    file = tmp_path / "notes.csv"
    file.write_text(text)
    with pytest.raises(FeedbackError, match=f"notes.csv[,:] {message}") as caught:
        read_feedback(file)
    assert "\n" not in str(caught.value)
    with pytest.raises(FeedbackError):
        add_feedback(file, Feedback("a", style="b"))
    assert file.read_text() == text


def test_a_file_that_is_no_table_is_refused(tmp_path):
    (tmp_path / "notes.csv").write_bytes(b"clip\n\xff\xfe")
    for path, message in ((tmp_path / "notes.csv", "not a CSV file in UTF-8"), (tmp_path / "none.csv", "there is no")):
        with pytest.raises(FeedbackError, match=message):
            read_feedback(path)


@pytest.mark.parametrize(
    ("said", "clip", "about"),
    [
        ("amy_01", "/x/lottery/amy_01.mp4", True),
        ("lottery/amy_01.MOV", "lottery/amy_01", True),
        ("tokyo/amy_01", "/x/lottery/amy_01.mp4", False),
        ("my_01", "lottery/amy_01", False),
        ("a\\lottery\\amy_01.mp4", "/x/a/lottery/amy_01.mp4", True),
        ("x/y/lottery/amy_01", "lottery/amy_01", False),
        ("take 1.5", "lottery/take 1.5.mp4", True),
    ],
)
def test_feedback_names_a_clip_by_the_end_of_its_path(said, clip, about):
    assert is_about(Feedback(said, style="Tokyo"), clip) == about


def test_labels_and_trust_of_teachers_take_the_place_of_those_of_the_dataset(blob_clips):
    clips = blob_clips(styles=2, dancers=3, frames=3)
    clips[0] = replace(clips[0], clip=replace(clips[0].clip, trust="0.5"))
    dataset = gather(clips)
    trust = dict(zip([clip.clip_id for clip in dataset.clips], dataset.trust, strict=True))
    assert trust.pop(clips[0].clip.clip_id) == 0.5 and set(trust.values()) == {1.0}
    said = [
        Feedback("style0/dancer1", style="style1", teacher="Ana"),
        Feedback("style0/dancer1.mp4", style="new", score=20, teacher="Ben"),
        Feedback("style0/dancer1", score=50, teacher="Ana"),
        Feedback("style0/dancer1", score=40, teacher="Ana"),
        Feedback("style1/dancer2", trust=0.75),
        Feedback(dancer="dancer0", trust=0.2),
        Feedback(dancer="dancer2", trust=0.5),
        Feedback(dancer="nobody", trust=0.5),
        Feedback("dancer0", comment="lovely"),
        Feedback("style7/dancer0", style="style1"),
    ]
    changed, notes = apply_feedback(dataset, said)
    found = {clip.clip_id: (clip.style, clip.trust) for clip in changed.clips}
    assert found == {
        "style0/dancer0": ("style0", 0.1),
        "style0/dancer1": ("new", 1.0),
        "style0/dancer2": ("style0", 0.5),
        "style1/dancer0": ("style1", 0.2),
        "style1/dancer1": ("style1", 1.0),
        "style1/dancer2": ("style1", 0.75),
    }
    assert changed.styles == ("style0", "style1", "new") and changed.content_hash != dataset.content_hash
    labels = [changed.styles.index(style) for style, _ in found.values()]
    np.testing.assert_array_equal(changed.labels, np.array(labels)[changed.clip_index])
    assert notes == (
        "feedback on dancer0 is not used: it may be style0/dancer0 or style1/dancer0",
        "feedback on style7/dancer0 is not used: the dataset has no such clip",
        "style0/dancer1 is called style1 and new: the last word counts",
        "feedback on the dancer nobody is not used: the dataset has none of that name",
    )
    assert teacher_scores(dataset, said) == {"style0/dancer1": 30.0}
    assert labelled_clips(dataset, said) == {"style0/dancer1"}


def test_trust_is_stored_with_a_dataset(tmp_path, blob_clips):
    clips = blob_clips(styles=2, dancers=2, frames=2)
    plain = gather(clips).content_hash
    clips[1] = replace(clips[1], clip=replace(clips[1].clip, trust="0"))
    stored = open_dataset(write_arrays(tmp_path / "arrays", clips))
    np.testing.assert_array_equal(stored.trust, [1, 0, 1, 1])
    assert stored.content_hash == gather(clips).content_hash != plain


def test_the_verb_writes_lists_and_refuses(tmp_path):
    file, run = tmp_path / "notes.csv", CliRunner()
    written = run.invoke(app, ["feedback", str(file), "a.mp4", "--style", "Tokyo", "--score", "60", "--from", "Ana"])
    assert (written.exit_code, written.stdout) == (DONE, "a.mp4: style Tokyo, score 60 of 100 (Ana)\n")
    listed = run.invoke(app, ["feedback", str(file), "--dancer", "Bob", "--trust", "0.5", "--comment", "new here"])
    assert listed.stdout.splitlines()[1] == "the dancer Bob: trust 0.5, “new here”"
    for arguments, message in (
        ([str(file), "b.mp4"], "nothing is said about b.mp4: give a style, a score, a trust or a comment"),
        ([str(file), "--style", "Tokyo"], "Missing argument 'CLIP', or option --dancer"),
        ([str(tmp_path / "none.csv")], "there is no"),
        ([str(file), "b.mp4", "--trust", "3"], "the trust 3 of b.mp4 is not from 0 to 1"),
    ):
        refused = run.invoke(app, ["feedback", *arguments])
        assert refused.exit_code == FAILED and message in refused.stderr and refused.stderr.count("\n") == 1
    assert len(read_feedback(file)) == 2
