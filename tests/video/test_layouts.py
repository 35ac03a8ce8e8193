"""Each documented layout as a tiny tree, read by `curate --dry-run`, with exact styles, dancers, groups and splits."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, DONE_WITH_REFUSALS, FAILED, app
from dance_tf.video.layouts import LayoutError, Pattern, dancer_in_name, layout_pattern, published_labels, split_name
from dance_tf.video.manifest import COLUMNS


def dry_run(folder, *options):
    """The exit status and the JSON document of `curate FOLDER --dry-run`."""
    result = CliRunner().invoke(app, ["curate", str(folder), "--dry-run", "--json", *options])
    assert result.exit_code in (DONE, DONE_WITH_REFUSALS), result.output
    return result.exit_code, json.loads(result.stdout)


def touch(root, names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return root


AIST = {
    "gBR_sBM_c01_d04_mBR0_ch01": ("BR", "d04", "gBR_sBM_d04_mBR0_ch01", ""),
    "gBR_sBM_c02_d04_mBR0_ch01": ("BR", "d04", "gBR_sBM_d04_mBR0_ch01", ""),
    "gPO_sFM_c09_d11_mPO3_ch15": ("PO", "d11", "gPO_sFM_d11_mPO3_ch15", ""),
}
TREES = {
    "aist, flat": (["*.mp4"], AIST, "aist", ()),
    "aist, in folders, with another file": (["videos/*.mp4", "refined_list.txt"], AIST, "aist", ()),
    "ucf101": (
        ["UCF-101/Salsa/*.avi", "ucfTrainTestlist/classInd.txt"],
        {"v_Salsa_g01_c01": ("Salsa", "", "g01", ""), "v_SalsaSpin_g25_c04": ("SalsaSpin", "", "g25", "")},
        "ucf101",
        (),
    ),
    "ucf101 in style folders": (
        ["salsa/*.avi"],
        {"v_salsa_g01_c01": ("salsa", "", "g01", ""), "v_salsa_g02_c01": ("salsa", "", "g02", "")},
        "ucf101",
        (),
    ),
    "ucf101 in split folders": (
        ["Train/Salsa/*.avi"],
        {"v_Salsa_g08_c01": ("Salsa", "", "g08", "train")},
        "ucf101",
        (),
    ),
    "hmdb51": (
        ["dance/*.avi"],
        {
            "Dirty_Dancing_dance_f_cm_np2_fr_med_3": ("dance", "", "Dirty_Dancing_dance", ""),
            "Dirty_Dancing_dance_u_nm_np1_le_goo_11": ("dance", "", "Dirty_Dancing_dance", ""),
        },
        "styles",
        (),
    ),
    "kinetics": (
        ["salsa dancing/*.mp4", "train.csv"],
        {
            "-0B32P5xCtU_000001_000011": ("salsa dancing", "", "-0B32P5xCtU", ""),
            "-0B32P5xCtU_000021_000031": ("salsa dancing", "", "-0B32P5xCtU", ""),
            "_b32P5xCtU0_000104_000114": ("salsa dancing", "", "_b32P5xCtU0", ""),
        },
        "styles",
        (),
    ),
    "kinetics in split folders": (
        ["val/salsa dancing/*.mp4", "train/empty.txt"],
        {"-0B32P5xCtU_000001_000011": ("salsa dancing", "", "-0B32P5xCtU", "validation")},
        "splits",
        (),
    ),
    "getari": (
        ["train/Garba/*.mp4"],
        {"Garba_12": ("Garba", "", "", "train"), "garba-1": ("Garba", "", "", "train")},
        "splits",
        (),
    ),
    "splits in another case, others beside": (
        ["Train/salsa/*.mp4", "TESTING/bolero/x.txt", "docs/readme.txt"],
        {"anna_0": ("salsa", "anna", "", "train"), "x": ("salsa", "", "", "train")},
        "splits",
        (),
    ),
    "splits with dancers": (["dev-set/salsa/dan/*.mp4"], {"1": ("salsa", "dan", "", "validation")}, "splits", ()),
    "splits in one folder": (["data/Training/salsa/dan/*.mp4"], {"1": ("salsa", "dan", "", "train")}, "splits", ()),
    "splits in styles": (
        ["salsa/train/*.mp4", "tango/x_1.mp4"],
        {"dan_1": ("salsa", "dan", "", "train")},
        "styles",
        (),
    ),
    "styles with _ and -": (
        ["salsa/*.mp4"],
        {
            "anna_1": ("salsa", "anna", "", ""),
            "anna-02": ("salsa", "anna", "", ""),
            "anna-maria_2": ("salsa", "anna-maria", "", ""),
            "Salsa_3": ("salsa", "", "", ""),
            "solo": ("salsa", "", "", ""),
        },
        "styles",
        (),
    ),
    "dancers first": (["anna/salsa/*.mp4"], {"x": ("salsa", "anna", "", "")}, "pattern", ("--layout", "dancer/style")),
    "layout of four": (
        ["Test/salsa/g7/anna/*.mp4"],
        {"x": ("salsa", "anna", "g7", "test")},
        "pattern",
        ("--layout", "split/style/group/dancer"),
    ),
    "pattern": (
        ["salsa/*.MP4"],
        {"anna_x_1": ("salsa", "anna", "", ""), "ben_2": ("salsa", "ben", "", "")},
        "pattern",
        ("--pattern", "{style}/{dancer}_{take}.mp4"),
    ),
    "pattern of a flat folder": (
        ["*.mov"],
        {"2019 salsa - anna 3": ("salsa", "anna", "2019", "")},
        "pattern",
        ("--pattern", "{group} {style} - {dancer} {take}"),
    ),
}


@pytest.mark.parametrize("name", TREES)
def test_each_layout_is_read_as_documented(name, tmp_path):
    files, expected, layout, options = TREES[name]
    touch(tmp_path, [file.replace("*", stem) for file in files for stem in (expected if "*" in file else [""])])
    status, document = dry_run(tmp_path, *options)
    found = {clip["clip_id"].split("/")[-1]: clip for clip in document["catalog"]}
    extra = {"x_1"} & set(found)  # clips beside those of the table
    assert {
        stem: (clip["style"], clip["dancer"], clip["group"], clip["split"])
        for stem, clip in found.items()
        if stem not in extra
    } == expected
    assert (status, document["layout"], document["refused"]) == (DONE, layout, [])
    assert {clip["source"] for clip in found.values()} == {""}  # no name proves where footage is from


def test_lets_dance_has_the_frames_of_many_clips_in_a_folder(tmp_path):
    clips = ("ballet/aB_c_010", "ballet/x-1_004", "tango/q_1")
    frames = [f"rgb/{clip}_{number:04d}.jpg" for clip in clips for number in (1, 2)]
    derived = ["flow_png/ballet/aB_c_010_0001.png", "densepose/rgb/ballet/aB_c_010_0001.png"]
    touch(tmp_path, [*frames, "rgb/tango/r_2_0001.jpg", "rgb/tango/r_2_0002.jpg", *derived])
    for folder, prefix in ((tmp_path, "rgb/"), (tmp_path / "rgb", "")):
        status, document = dry_run(folder)
        assert (status, document["refused"]) == (DONE, [])
        assert {clip["clip_id"]: clip["style"] for clip in document["catalog"]} == {
            f"{prefix}ballet/aB_c_010": "ballet",
            f"{prefix}ballet/x-1_004": "ballet",
            f"{prefix}tango/q_1": "tango",
            f"{prefix}tango/r_2": "tango",
        }
    assert "densepose, flow_png: computed from the frames in rgb, not read" in dry_run(tmp_path)[1]["found"]["warnings"]


def test_files_that_do_not_fit_are_refused_by_name(tmp_path):
    touch(tmp_path, ["anna/salsa/1.mp4", "anna/2.mp4", "cover.jpg", "notes.txt"])
    status, document = dry_run(tmp_path, "--layout", "dancer/style")
    assert status == DONE_WITH_REFUSALS and [clip["clip_id"] for clip in document["catalog"]] == ["anna/salsa/1"]
    assert {each["path"].split("/")[-1]: each["reason"] for each in document["refused"]} == {
        "2.mp4": "does not fit {dancer}/{style}/{take}",
        "cover.jpg": "a single image among videos",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--layout", "dancer/genre"), "--layout dancer/genre: 'genre' is none of split, style, dancer, group"),
        (("--layout", "dancer"), "needs {style}"),
        (("--pattern", "{style}/{who}.mp4"), "'who' is none of split, style, dancer, group, take"),
        (("--pattern", "{style}/{style}.mp4"), "each field once"),
        (("--pattern", "{style}/{dancer.mp4"), "each field once in braces"),
        (("--pattern", "{style}/{take}", "--layout", "style"), "give one of them"),
    ],
)
def test_patterns_that_cannot_be_used_are_refused_in_one_line(options, message, tmp_path):
    touch(tmp_path, ["salsa/anna_1.mp4"])
    result = CliRunner().invoke(app, ["curate", str(tmp_path), "--dry-run", *options])
    assert result.exit_code == FAILED and message in result.stderr and result.stderr.count("\n") == 1


def test_a_pattern_beside_a_manifest_is_refused(tmp_path):
    (touch(tmp_path, ["a.mp4"]) / "manifest.csv").write_text("path,style\na.mp4,Tok\n")
    result = CliRunner().invoke(app, ["curate", str(tmp_path), "--dry-run", "--layout", "style"])
    assert result.exit_code == FAILED and "leave out --layout and --pattern" in result.stderr


def test_names_of_splits_and_dancers():
    spelled = {
        "train": "Train TRAINING train_set trn",
        "validation": "val Valid dev VALIDATION",
        "test": "Test testing",
    }
    for split, names in spelled.items():
        assert {split_name(name) for name in names.split()} == {split}
    assert {split_name(name) for name in ("trainer", "contest", "salsa", "Testa", "")} == {""}
    assert dancer_in_name("cha_cha_01", "Cha Cha") == "" and dancer_in_name("ann_1", "a") == "ann"
    assert layout_pattern("dancer/style/") == "{dancer}/{style}/{take}"
    assert Pattern("{style}/{dancer}_{take}").labels("a/b", "") is None
    with pytest.raises(LayoutError):
        Pattern("{take}")


def test_the_docs_page_shows_every_layout():
    text = (Path(__file__).resolve().parents[2] / "docs" / "data_sets.md").read_text(encoding="utf-8")
    shown = ["gBR_sBM_c01_d04_mBR0_ch01.mp4", "v_SalsaSpin_g01_c01.avi", "-0B32P5xCtU_000001_000011.mp4"]
    for path in [*shown, "Dirty_Dancing_dance_f_cm_np2_fr_med_3.avi"]:
        assert path in text and published_labels(Path(path).stem)[0]
    assert all(f"`{column}`" in text for column in COLUMNS)
    for command in (
        "--dry-run",
        "--layout dancer/style",
        '--pattern "{style}/{dancer}_{take}.mp4"',
        "--split official",
    ):
        assert command in text
