"""What `curate` says it found: styles, dancers, groups, splits and warnings, on the screen and in the JSON document."""

import json
import unicodedata

import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, app

EACH_CLIP = "every clip counts as a dancer of its own"
ALIKE = "differ only in case, blanks or Unicode form, and are kept apart"
CAMERA = "dancers that look like a camera's prefix or the number of a clip: "
ONE_STYLE = "dancers with one style: a network may learn the dancer instead of the style: "
ONE_DANCER = "styles with one dancer, who cannot be both in training and held out: "
ONE_CLIP = "styles with one clip, which cannot be both learnt and tested: "


@pytest.fixture
def dry_run(tmp_path):
    """Runs `curate --dry-run` on empty files and returns what was found, and the text for the screen."""

    def run(*names):
        for name in names:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(b"")
        results = [CliRunner().invoke(app, ["curate", str(tmp_path), "--dry-run", *more]) for more in ((), ("--json",))]
        assert {result.exit_code for result in results} == {DONE} and not any(result.stderr for result in results)
        found = json.loads(results[1].stdout)["found"]
        assert all(warning in results[0].stdout for warning in found["warnings"])
        return found, results[0].stdout

    return run


PAIRS = [f"{style}/{dancer}_{take}.mp4" for style in ("salsa", "tango") for dancer in ("anna", "ben") for take in "12"]


def test_counts_are_exact_and_nothing_is_written(dry_run, tmp_path):
    found, text = dry_run(*PAIRS, "salsa/solo.mp4")
    assert found == {
        "layout": "styles",
        "clips": 9,
        "styles": {"salsa": {"clips": 5, "dancers": 2}, "tango": {"clips": 4, "dancers": 2}},
        "dancers": {"anna": 4, "ben": 4},
        "unlabelled": 0,
        "without_dancer": 1,
        "groups": 0,
        "splits": {},
        "refused": 0,
        "warnings": [],
    }
    assert text.splitlines() == [
        "layout styles: 9 clips, 0 files refused",
        "  style salsa: 5 clips, 2 dancers",
        "  style tango: 4 clips, 2 dancers",
        "  dancer anna: 4 clips",
        "  dancer ben: 4 clips",
        "  dancer unknown: 1 clip",
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["salsa", "tango"]


@pytest.mark.parametrize(
    ("names", "warnings"),
    [
        ([name.replace("salsa/b", "Salsa/b") for name in PAIRS], [f"styles 'Salsa', 'salsa' {ALIKE}"]),
        ([name.replace("tango/anna", "tango/Anna") for name in PAIRS], [f"dancers 'Anna', 'anna' {ALIKE}"]),
        ([name.replace("tango/anna", "tango/an na") for name in PAIRS], [f"dancers 'an na', 'anna' {ALIKE}"]),
        ([name.replace("tango/anna", "tango/ａnna") for name in PAIRS], [f"dancers 'anna', 'ａnna' {ALIKE}"]),
        ([*PAIRS, "bolero/anna_1.mp4"], [f"{ONE_CLIP}bolero"]),
        ([*PAIRS, "bolero/anna_1.mp4", "bolero/anna_2.mp4"], [f"{ONE_DANCER}bolero"]),
        ([*PAIRS, "tango/cy_1.mp4"], [f"{ONE_STYLE}cy"]),
        ([name.replace("anna", "IMG") for name in PAIRS], [f"{CAMERA}IMG"]),
        ([name.replace("anna", "DSC0").replace("ben", "07") for name in PAIRS], [f"{CAMERA}07, DSC0"]),
        ([name.replace("anna", "c01") for name in PAIRS], [f"{CAMERA}c01"]),
        ([name.replace("anna", "V").replace("ben", "Cam") for name in PAIRS], [f"{CAMERA}Cam"]),
        (["salsa/1.mp4", "salsa/2.mp4", "tango/3.mp4", "tango/4.mp4"], [EACH_CLIP]),
        ([f"salsa/{d}_1.mp4" for d in "pqrstuvw"], [EACH_CLIP]),
        (["salsa/v_salsa_g01_c01.avi", "salsa/v_salsa_g01_c02.avi", "salsa/v_salsa_g02_c01.avi"], []),
        (["one.mp4", "two.mp4"], ["2 clips without a style (unlabelled)"]),
    ],
)
def test_each_doubtful_kind_of_label_is_a_warning(names, warnings, dry_run):
    said = dry_run(*names)[0]["warnings"]
    for warning in warnings:
        assert [text for text in said if text.startswith(warning)], said
    expected = {f"{ONE_STYLE}", f"{ONE_CLIP}", f"{ONE_DANCER}", CAMERA, EACH_CLIP}
    if not any(text.startswith(tuple(expected)) for text in warnings):
        assert not [text for text in said if text.startswith((CAMERA, EACH_CLIP))]


def test_rows_without_a_style_are_counted(dry_run, tmp_path):
    (tmp_path / "manifest.csv").write_text("path,style,dancer\na.mp4,salsa,anna\nb.mp4,,anna\nc.mp4,,ben\n")
    found, text = dry_run("a.mp4", "b.mp4", "c.mp4")
    assert (found["unlabelled"], found["styles"]) == (2, {"salsa": {"clips": 1, "dancers": 1}})
    assert "2 clips without a style (unlabelled): not used to train or to score" in text


@pytest.mark.parametrize(
    "tree",
    [
        ("Train/salsa/anna_0.mp4", "Test/salsa/dan_0.mp4", "train.csv"),
        ("train/salsa/anna/0.mp4", "test/salsa/dan/0.mp4", "docs/a.txt"),
        ("TRAINING/salsa/anna-0.mp4", "Testing/salsa/dan-0.mp4"),
    ],
)
def test_an_official_split_is_said_and_no_style_is_called_train(tree, dry_run):
    found, text = dry_run(*tree)
    assert (found["layout"], found["splits"]) == ("splits", {"test": 1, "train": 1})
    assert (found["styles"], found["dancers"]) == ({"salsa": {"clips": 2, "dancers": 2}}, {"anna": 1, "dan": 1})
    assert "official split: test 1 clip, train 1 clip; `train --split official` uses it" in text


@pytest.mark.parametrize("name", ["{}_1.mp4", "{}-1.mp4", "{}/1.mp4"])
def test_a_name_in_two_unicode_forms_is_one_dancer_and_one_style(name, dry_run):
    forms = ("NFC", "NFD")
    names = [f"{style}/{name.format(dancer)}" for style in ("Café", "b") for dancer in ("Zoë", "ann")]
    found, _ = dry_run(*{unicodedata.normalize(form, each) for each in names for form in forms})
    assert found["dancers"] == {"Zoë": 4, "ann": 3}
    assert found["styles"] == {"Café": {"clips": 4, "dancers": 2}, "b": {"clips": 3, "dancers": 2}}


def test_many_names_are_shortened_on_the_screen_only(dry_run):
    found, text = dry_run(*(f"salsa/d{n:03d}_{take}.mp4" for n in range(120) for take in "12"))
    assert len(found["dancers"]) == 120 and "  and 20 more dancers\n" in text


def test_curate_says_it_before_it_decodes(tmp_path, monkeypatch):
    def curate_folder(*arguments, **options):
        raise RuntimeError("decoding starts")

    monkeypatch.setattr("dance_tf.dataset.build.curate_folder", curate_folder)
    (tmp_path / "in" / "salsa").mkdir(parents=True)
    for name in ("anna_1.mp4", "ben_1.mp4"):
        (tmp_path / "in" / "salsa" / name).write_bytes(b"")
    result = CliRunner().invoke(app, ["curate", str(tmp_path / "in"), str(tmp_path / "out")])
    assert result.stdout.startswith("layout styles: 2 clips, 0 files refused\n  style salsa: 2 clips, 2 dancers\n")
    assert result.stderr == "dance_tf: decoding starts\n"
    missing = CliRunner().invoke(app, ["curate", str(tmp_path / "in")])
    assert missing.stderr.startswith("dance_tf: Missing argument 'OUT'") and missing.stderr.count("\n") == 1
