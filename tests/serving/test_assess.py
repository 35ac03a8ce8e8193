"""Assessed clips and their pages, from true joints of synthetic dancers."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, DONE_WITH_REFUSALS, FAILED, app
from dance_tf.dataset.feedback import Feedback
from dance_tf.fidelity.score import ReferenceClip, ScoreError, build_standard, pack_standards
from dance_tf.fidelity.template import read_dance
from dance_tf.model.bundle import save_bundle
from dance_tf.pose.skeleton import join_skeletons
from dance_tf.serving.assess import AssessedClip, assess_clips
from dance_tf.serving.assessment_page import assessment_page, overview_page, page_name

STYLES = ("Lottery", "Tokyo")


def assessed(bundle, standards, *names, **options):
    found = assess_clips(bundle, standards, [Path(name) for name in names], **options)
    return [each if isinstance(each, str) else each[0] for each in found]


def test_a_dance_is_compared_with_the_style_that_it_is_nearest_to(bundle, standards, dances):
    tokyo, lottery, missing = assessed(bundle, standards, "tokyo.mp4", "lottery.mp4", "missing.mp4")
    assert (tokyo.compared_with, lottery.compared_with) == STYLES[::-1]
    assert tokyo.verdict.notes == () and lottery.verdict.notes == ("the movements are those of Lottery",)
    assert "no such clip" in missing
    for one in (tokyo, lottery):
        group = standards[one.compared_with].group
        assert one.assessment.group.value == 100 * (group > one.assessment.away).mean()
        assert set(one.watch) <= {f"{one.compared_with}/d{number}" for number in range(5)}
        assert len(one.watch) == min(3, (group < one.assessment.away).sum())


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("strange.mp4", {}, "none of the model's styles: even "),
        ("hidden.mp4", {}, "too poor to judge: the dancer was found in 38% of it"),
        ("strange.mp4", {"style": "Lottery"}, ""),
    ],
)
def test_dances_that_cannot_be_judged_are_not(bundle, standards, dances, name, options, why):
    [one] = assessed(bundle, standards, name, **options)
    assert one.why.startswith(why) and (one.assessment is None) == bool(why)
    if not why:
        assert one.assessment.score.value == 0
    page = assessment_page(one)
    assert ("<meter" in page) == (not why)
    assert why.replace("'", "&#39;")[1:] in page


def test_a_single_reference_dancer_gives_no_rank(bundle, standards, dances, danced):
    alone = {"Tokyo": build_standard("Tokyo", [ReferenceClip("d0", danced("Tokyo", 0, 8.0))])}
    [one] = assessed(bundle, alone, "tokyo.mp4")
    assert math.isnan(one.assessment.score.value) and one.watch == ()
    assert "° from Tokyo" in one.text and "<meter" not in assessment_page(one)
    [none] = assessed(bundle, {}, "tokyo.mp4")
    assert none.why == "the model has no dances of Tokyo to compare with"


@pytest.mark.parametrize("reference", [None, Path("tokyo.mp4")])
def test_weak_moments_are_shown_with_the_same_moment_of_the_reference(bundle, standards, dances, reference):
    [one] = assessed(bundle, standards, "wrong arm.mp4", reference=reference)
    moment = one.moments[0]
    assert moment.remark.part == "left arm" and moment.time == pytest.approx(4, abs=0.9)
    assert (moment.picture != 200).any()  # the skeleton is drawn
    assert (moment.reference is None) == (reference is None)
    assert [name for name, _ in dances["asked"]] == ["wrong arm.mp4", *(["tokyo.mp4"] if reference else [])]
    if reference:  # the reference dances at these times what the template expects at the moments
        danced, assessment = read_dance(dances["tokyo.mp4"]), one.assessment
        for here, there in zip(*(times for _, times in dances["asked"]), strict=True):
            target = assessment.target[np.abs(assessment.dance.times - here).argmin()]
            apart = danced.bones[np.abs(danced.times - there).argmin()] - target
            assert np.linalg.norm(apart, axis=-1).mean() < 0.25
    assert one.compared_with == ("tokyo.mp4" if reference else "Tokyo")
    page = assessment_page(one)
    assert page.count("<figure>") == 1 + len(one.moments)
    assert moment.remark.text in page and "http" not in page
    json.dumps(one.to_json(), allow_nan=True)


def test_a_long_recording_is_cut_into_its_dances(bundle, standards, dances, danced):
    parts = [danced("Tokyo", 8, 20.0), danced("Lottery", 8, 20.0)]
    parts[1] = replace(parts[1], times=parts[1].times + 20)
    dances["long.mp4"] = join_skeletons(parts)
    [answer] = assess_clips(bundle, standards, [Path("long.mp4")])
    assert [one.compared_with for one in answer] == ["Tokyo", "Lottery"]
    assert answer[0].part.end == answer[1].part.start == pytest.approx(20, abs=1)
    assert answer[1].name.startswith("long.mp4, ") and answer[1].name in answer[1].text
    assert all(answer[1].part.start <= moment.time <= answer[1].part.end for moment in answer[1].moments)
    [whole] = assess_clips(bundle, standards, [Path("long.mp4")], style="Tokyo")
    assert len(whole) == 1 and whole[0].part is None


def test_a_teacher_s_word_takes_the_place_of_the_verdict(bundle, standards, dances):
    said = [
        Feedback("lottery.mp4", style="Lottery", score=80, comment="well <done>", teacher="Ana"),
        Feedback("tokyo", style="Salsa"),
        Feedback("strange", style="Lottery"),
    ]
    names = ("lottery.mp4", "tokyo.mp4", "strange.mp4", "wrong arm.mp4")
    lottery, tokyo, strange, other = assessed(bundle, standards, *names, said=said)
    assert (lottery.style, lottery.compared_with, lottery.verdict.style) == ("Lottery", "Lottery", "Tokyo")
    assert lottery.verdict.notes == () and "feedback: style Lottery, score 80 of 100" in lottery.text
    assert lottery.text.startswith("lottery.mp4: Lottery, says a teacher (the network sees Tokyo); fidelity ")
    assert (tokyo.style, tokyo.why) == ("Salsa", "the model has no dances of Salsa to compare with")
    assert strange.assessment.score.value == 0 and strange.compared_with == "Lottery"
    assert (other.style, other.said) == ("Tokyo", ())
    page = assessment_page(lottery)
    assert "<strong>Lottery</strong>, says a teacher. The network sees Tokyo" in page
    assert "score 80 of 100, “well &lt;done&gt;” (Ana)" in page
    assert "What teachers say" not in assessment_page(other)
    refused = assessment_page(tokyo)
    assert "<strong>Salsa</strong>, says a teacher" in refused and "no dances of Salsa" in refused
    overview = overview_page({"a.html": lottery, "b.html": tokyo}, [])
    assert "a teacher says Lottery, the network Tokyo" in overview and "<td>Salsa</td>" in overview
    assert lottery.to_json()["said"][0]["comment"] == "well <done>"


def test_an_unknown_style_is_named_with_those_that_there_are(bundle, standards, dances):
    with pytest.raises(ScoreError, match="no dances of the style 'Salsa': it has Lottery, Tokyo"):
        assessed(bundle, standards, "tokyo.mp4", style="Salsa")


def test_the_overview_names_who_needs_a_look_first(bundle, standards, dances):
    names = ("tokyo.mp4", "strange.mp4", "hidden.mp4", "wrong arm.mp4")
    pages = {f"{name}.html": one for name, one in zip(names, assessed(bundle, standards, *names), strict=True)}
    page = overview_page(pages, [{"clip": "broken.mp4", "reason": "it <is> broken"}])
    order = page[page.index("Who to look at first") :]
    assert 0 < order.index("strange.mp4") and 0 < order.index("hidden.mp4") and "tokyo.mp4</a>" not in order
    assert "it &lt;is&gt; broken" in page and page.count("<tr>") == 5


def test_pages_of_clips_with_one_name_do_not_replace_each_other():
    taken: dict[str, AssessedClip] = {}
    for path in ("a/dance.mp4", "b/dance.mov", "index.mp4"):
        taken[page_name(Path(path), taken)] = None
    assert list(taken) == ["dance.html", "dance-2.html", "index-2.html"]


def test_the_verb_writes_pages_and_keeps_other_files(bundle, standards, dances, tmp_path, monkeypatch):
    import keras

    network = keras.Sequential([keras.layers.Input((2,)), keras.layers.Dense(2)])
    folder = save_bundle(tmp_path / "model", replace(bundle, model=network), pack_standards(standards))
    for name in ("tokyo.mp4", "strange.mp4"):
        (tmp_path / name).touch()
    order = ["assess", str(folder), *(str(tmp_path / name) for name in ("tokyo.mp4", "strange.mp4"))]
    out = tmp_path / "pages"
    done = CliRunner().invoke(app, [*order, "--out", str(out)])
    assert done.exit_code == DONE, done.output
    names = {"assessments.json", "assessments.csv", "index.html", "tokyo.html", "strange.html"}
    assert {path.name for path in out.iterdir()} == names
    table = pd.read_csv(out / "assessments.csv").set_index("page")
    assert table["style"].tolist() == ["Tokyo", "Tokyo"] and table.at["tokyo.html", "compared_with"] == "Tokyo"
    assert table["fidelity"].notna().tolist() == [True, False] and "far away" in table.at["strange.html", "why"]
    assert "<video" not in (out / "tokyo.html").read_text()
    again = CliRunner().invoke(app, [*order, str(tmp_path / "no.mp4"), "--out", str(out), "--json", "--video"])
    assert again.exit_code == DONE_WITH_REFUSALS
    assert [one["clip"] for one in json.loads(again.stdout)["refused"]] == [str(tmp_path / "no.mp4")]
    assert (out / "tokyo-annotated.mp4").read_text() == "a video of tokyo.mp4 from 0.0 to inf s"
    assert (
        'src="tokyo-annotated.mp4"' in (out / "tokyo.html").read_text() and not (out / "strange-annotated.mp4").exists()
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").touch()
    for options, text in (
        (["--out", str(tmp_path / "mine")], "contains something other than a folder of `assess`"),
        (["--style", "Tokyo", "--reference", "x.mp4"], "give one of them"),
    ):
        failed = CliRunner().invoke(app, [*order, *options])
        assert failed.exit_code == FAILED and text in failed.output
    (folder / "standards.npz").unlink()
    failed = CliRunner().invoke(app, [*order, "--out", str(out)])
    assert failed.exit_code == FAILED and "has no dances to compare with" in failed.output
