"""Verdicts by reference clips through the command line: what is printed, refused, and needed."""

import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from dance_tf.cli import app
from dance_tf.pose.weights import WeightsError, load_weights
from dance_tf.terminal import DONE, DONE_WITH_REFUSALS, FAILED
from dance_tf.video.isolation import DecodingProcess, LostProcess
from dance_tf.video.stills import ReadError

STYLES = ("Laxed", "Lottery", "Tokyo")


def call(*arguments):
    return CliRunner().invoke(app, ["classify", *map(str, arguments)])


def put(path, content="clip"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


@pytest.fixture
def clips(tmp_path, monkeypatch, danced):
    """A folder with a reference of each style, and a clip; the words in a file say what is seen in it."""

    def read(process, function, clip, poses_per_second, threads):
        what, *options = clip.path.read_text().split(",")
        if what == "broken":
            raise ReadError(f"{clip.path.name}: not a video that can be opened")
        if what == "crash":
            raise LostProcess("the decoder crashed (SIGSEGV)")
        skeletons = danced(what, int(options[0]), rate=poses_per_second)
        for number in map(int, options[1:]):
            skeletons.valid[number:] = False
        return skeletons

    monkeypatch.setattr(DecodingProcess, "call", read)
    monkeypatch.setattr("dance_tf.serving.references.load_weights", lambda: None)
    for style in STYLES:
        put(tmp_path / "references" / style / "anna_1.mp4", f"{style},0")
    put(tmp_path / "clip.mp4", "Lottery,1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_verdict_names_the_nearest_reference(clips):
    result = call("clip.mp4", "--references", "references", "--json")
    assert (result.exit_code, result.stderr) == (DONE, "")
    document = json.loads(result.stdout)
    assert (list(document), document["references"]) == (["references", "clips", "refused"], "references")
    [verdict] = document["clips"]
    keys = "clip style confidence probabilities frames seconds elapsed notes coverage likely".split()
    assert list(verdict) == [*keys, "reference", "reference_distance", "distances", "unsure"]
    assert (verdict["clip"], verdict["style"], verdict["unsure"]) == ("clip.mp4", "Lottery", False)
    assert verdict["reference"] == "references/Lottery/anna_1.mp4"
    assert verdict["confidence"] == max(verdict["probabilities"].values()) > 0.9
    assert tuple(verdict["probabilities"]) == tuple(verdict["distances"]) == STYLES
    assert verdict["reference_distance"] == pytest.approx(min(verdict["distances"].values()))
    assert verdict["reference_distance"] < 20
    assert verdict["frames"] == {"seen": 60, "used": 60, "dropped": {}}
    assert (verdict["seconds"], verdict["coverage"], verdict["notes"]) == (pytest.approx(6), 1, [])
    line = call("clip.mp4", "--references", "references").stdout
    expected = f"confidence {verdict['confidence']:.0%}; nearest reference: references/Lottery/anna_1.mp4, "
    assert line == f"clip.mp4: Lottery, {expected}{verdict['reference_distance']:.1f} degrees\n"


def test_frames_are_sampled_as_often_as_the_option_says(clips):
    result = call("clip.mp4", "--references", "references", "--poses-per-second", 15, "--json")
    [verdict] = json.loads(result.stdout)["clips"]
    assert (verdict["style"], verdict["frames"]["seen"]) == ("Lottery", 90)


@pytest.mark.parametrize(
    ("clip", "note"),
    [
        ("Lottery,1,25", "the dancer was found in 42% of the time: trust this verdict less"),
        ("Tokyo,0", "this clip is one of the references"),
        ("Say So,1", "unsure: the style Supalonely is nearly as near, "),
    ],
)
def test_notes_say_why_a_verdict_is_doubtful(clips, clip, note):
    if "Say So" in clip:
        for style in ("Say So", "Supalonely"):  # the same dance under two names
            put(clips / "references" / style / "anna_1.mp4", "Say So,0")
    path = clips / "references" / "Tokyo" / "anna_1.mp4" if clip == "Tokyo,0" else put(clips / "clip.mp4", clip)
    result = call(path, "--references", "references", "--json")
    [verdict] = json.loads(result.stdout)["clips"]
    assert len(verdict["notes"]) == 1 and verdict["notes"][0].startswith(note)
    assert verdict["unsure"] == ("Say So" in clip)
    assert f" ({verdict['notes'][0]}); nearest" in call(path, "--references", "references").stdout
    used = round(verdict["coverage"] * 60)
    assert verdict["frames"] == {"seen": 60, "used": used, "dropped": {"no_dancer": 60 - used} if used < 60 else {}}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("Tokyo,1,0", "nobody is found in its 60 frames"),
        ("Tokyo,1,9", "the dancer is found in 9 of 60 frames, but never for 1 s without a gap"),
        ("broken", "bad.mp4: not a video that can be opened"),
        ("crash", "the decoder crashed (SIGSEGV)"),
    ],
)
def test_a_clip_without_a_dancer_is_refused_and_the_others_are_classified(clips, content, reason):
    bad = put(clips / "bad.mp4", content)
    result = call(bad, clips / "clip.mp4", "--references", "references", "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == DONE_WITH_REFUSALS
    assert document["refused"] == [{"clip": str(bad), "reason": reason}]
    assert [verdict["style"] for verdict in document["clips"]] == ["Lottery"]
    alone = call(bad, "--references", "references")
    assert (alone.exit_code, alone.stdout, alone.stderr) == (FAILED, "", f"refused {bad}: {reason}\n")


def test_an_unusable_reference_is_named_and_the_others_of_its_style_are_used(clips):
    bad = put(clips / "references" / "Tokyo" / "ben_1.mp4", "Tokyo,1,0")
    result = call("clip.mp4", "--references", "references")
    assert result.exit_code == DONE_WITH_REFUSALS and result.stdout.startswith("clip.mp4: Lottery")
    assert result.stderr == f"refused {bad.relative_to(clips)}: nobody is found in its 60 frames\n"


def no_usable(folder):
    put(folder / "references" / "Tokyo" / "anna_1.mp4", "Tokyo,0,0")


def one_style(folder):
    for style in STYLES[1:]:
        shutil.rmtree(folder / "references" / style)


def no_style(folder):
    shutil.rmtree(folder / "references")
    put(folder / "references" / "a.mp4")


def no_weights(folder, monkeypatch):
    def absent():
        raise WeightsError("the pose weights cannot be fetched (no network)")

    monkeypatch.setattr("dance_tf.serving.references.load_weights", absent)


@pytest.mark.parametrize(
    ("spoil", "options", "message"),
    [
        (no_usable, (), "no reference of the style Tokyo can be used (references/Tokyo/anna_1.mp4: nobody is found in"),
        (one_style, (), "references: references need two styles or more, but this folder has the style Laxed only: "),
        (no_style, (), "references need two styles or more, but this folder has no style: name it as <style>/<clip>"),
        (no_weights, (), "the pose weights cannot be fetched (no network)"),
        (None, ("--poses-per-second", 0), "frames_per_second must be positive, at most"),
        (None, ("--references", "absent"), "absent: no such file or folder"),
    ],
)
def test_references_that_cannot_be_used_fail_in_one_line(clips, monkeypatch, spoil, options, message):
    if spoil:
        spoil(*((clips, monkeypatch) if spoil is no_weights else (clips,)))
    result = call("clip.mp4", "--references", "references", *options, "--json")
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (FAILED, "", 1)
    assert result.stderr.startswith("dance_tf: ") and message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("model",), "dance_tf: Missing argument 'CLIPS...': see `dance_tf classify --help`\n"),
        (("model", "clip.mp4", "--poses-per-second", 5), "dance_tf: --poses-per-second is for --references: "),
    ],
)
def test_options_that_do_not_fit_together_are_refused(arguments, message):
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (FAILED, "") and result.stderr.startswith(message)


def test_drawn_clips_are_classified_from_files(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="poses need ai-edge-litert: install requirements.txt")
    try:
        load_weights()
    except WeightsError as error:
        pytest.skip(str(error))
    from dance_tf.synthesis.settings import StudioSettings
    from dance_tf.synthesis.studio import synthesize

    settings = StudioSettings(2, 2, 2.5, seed=7, frame_rate=10, width=288, height=512, faults=False)
    synthesize(tmp_path / "all", settings)
    for path in sorted((tmp_path / "all").glob("*/*.mp4")):
        part = "references" if "d01" in path.stem else "clips"
        target = tmp_path / part / path.parent.name / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    result = call(tmp_path / "clips", "--references", tmp_path / "references", "--json")
    assert result.exit_code == DONE, result.stderr
    verdicts = json.loads(result.stdout)["clips"]
    assert len(verdicts) == 2
    for verdict in verdicts:
        assert verdict["clip"].split("/")[-2] == verdict["style"] == verdict["reference"].split("/")[-2]
        assert verdict["coverage"] > 0.9 and verdict["frames"]["seen"] == 25
        assert np.isclose(sum(verdict["probabilities"].values()), 1)
