"""Manifests as people write them: quotes, delimiters, encodings, segments; and those that are refused, by line."""

import json
import unicodedata

import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, DONE_WITH_REFUSALS, FAILED, app

NFC, NFD = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))


@pytest.fixture
def footage(tmp_path):
    """Writes a manifest beside four empty files, and returns the exit status and document of `curate --dry-run`."""

    def write(content, name="manifest.csv", options=("--json",)):
        (tmp_path / "c").mkdir(exist_ok=True)
        for clip in ("a.mp4", "b.mp4", "c/d.mp4", f"{NFD}.mp4"):
            (tmp_path / clip).write_bytes(b"")
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        result = CliRunner().invoke(app, ["curate", str(tmp_path), "--dry-run", *options])
        return result.exit_code, json.loads(result.stdout) if result.exit_code != FAILED else result.stderr

    return write


def labels(document, *names):
    return {clip["clip_id"]: tuple(clip[name] for name in names) for clip in document["catalog"]}


TWO = {"a": ("salsa", "anna"), "b": ("tango", "Smith, Ben")}


@pytest.mark.parametrize(
    "content",
    [
        'path,style,dancer\na.mp4,salsa,anna\nb.mp4,tango,"Smith, Ben"\n',
        'path, style, dancer\na.mp4, salsa, anna \nb.mp4, tango, "Smith, Ben"\n',
        "path;style;dancer\r\na.mp4;salsa;anna\r\nb.mp4;tango;Smith, Ben\r\n",
        "path\tstyle\tdancer\na.mp4\tsalsa\tanna\nb.mp4\ttango\tSmith, Ben",
        '\ufeffPATH,Style,Dancer\r\ra.mp4,salsa,anna\r\rb.mp4,tango,"Smith, Ben"\r',
        'path,style,dancer\na.mp4,salsa,anna\nb.mp4,tango,"Smith, Ben"\n'.encode("utf-16"),
        b"\xfe\xff" + 'path,style,dancer\na.mp4,salsa,anna\nb.mp4,tango,"Smith, Ben"\n'.encode("utf-16-be"),
        'style,dancer,path\nsalsa,anna,.\\a.mp4\ntango,"Smith, Ben",./b.mp4\n,,\n',
    ],
    ids="comma blanks semicolon tab bom utf-16-le utf-16-be backslash".split(),
)
@pytest.mark.parametrize("name", ["manifest.csv", "Manifest.CSV"])
def test_manifests_of_spreadsheets_and_editors_are_read(content, name, footage):
    status, document = footage(content, name)
    assert (status, document["layout"], labels(document, "style", "dancer")) == (DONE, "manifest", TWO)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('b.mp4,"bolero,cy,x', "a quote is not closed"),
        ('"b.mp4,bolero,cy,x', "a quote is not closed"),
        ('b.mp4,"bolero"x,cy,x', "wrong quotes"),
        ('b.mp4,bolero,cy",x', "a quote in the middle of a cell"),
        ("b.mp4,tango,Smith, Ben,x", "5 cells for 4 columns, too many: quote a name that holds the delimiter"),
        ("b.mp4,tango", "2 cells for 4 columns, too few"),
        ("b.mp4;tango;ben;x", "1 cells for 4 columns, too few"),
        ('b.mp4,""" """,cy,x', "no style can be called"),
        ("b.mp4,tan\x07go,cy,x", "a control character in style"),
        (f"b.mp4,{'t' * 201},cy,x", "no style can be called"),
        (",tango,cy,x", "no path"),
        ("gone.mp4,tango,cy,x", "listed in manifest.csv, but there is no such file"),
        ("../a.mp4,tango,cy,x", "outside of the footage folder"),
        ("a.mp4,tango,cy,x", "listed twice"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_with_its_line_and_no_other_row_is(line, reason, footage):
    status, document = footage(f"path,style,dancer,source\na.mp4,salsa,anna,x\n{line}\nc/d.mp4,bolero,cy,x\n")
    assert status == DONE_WITH_REFUSALS
    assert labels(document, "style", "dancer") == {"a": ("salsa", "anna"), "c/d": ("bolero", "cy")}
    [refused] = document["refused"]
    assert refused["reason"].startswith("line 3: ") and reason in refused["reason"]


@pytest.mark.parametrize(
    ("columns", "row", "reason"),
    [
        ("split", "dev", ""),
        ("split", "third", "split is 'third': use train, validation or test"),
        ("start,end", "1,2.5", ""),
        ("start,end", "2,2", "end 2 is not after start 2"),
        ("start", "1:30", "start is '1:30', not a number of seconds"),
        ("end", "nan", "end is 'nan'"),
        ("start", "-1", "start is '-1'"),
    ],
)
def test_cells_of_other_columns_are_checked(columns, row, reason, footage):
    status, document = footage(f"path,style,{columns}\na.mp4,salsa,{row}\n")
    assert len(document["catalog"]) == (not reason)
    assert [reason in each["reason"] for each in document["refused"]] == [True] * bool(reason)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("path,dancer\na.mp4,anna\n", "no column style"),
        ("path,style,style\na.mp4,salsa,tango\n", "two columns style"),
        ('path,"style\na.mp4,salsa\n', "line 1: a quote in the middle of a cell"),
        (b"path,style\n\xff.mp4,salsa\n", "not a CSV file in UTF-8 or UTF-16"),
        ("path,style\na.mp4,salsa\n".encode("utf-16-le"), "it has NUL characters"),
    ],
)
def test_a_manifest_that_cannot_be_read_is_one_line(content, message, footage):
    status, error = footage(content)
    assert status == FAILED and message in error and error.count("\n") == 1


def test_every_column_is_kept_and_unknown_ones_are_named(footage):
    columns = "path,style,dancer,source,consent,split,group,start,end,trust,camera,mood"
    status, document = footage(f"{columns}\na.mp4,salsa,anna,phone,yes,Val,g,1,2,0.5,c1,good\n")
    [clip] = document["catalog"]
    assert [clip[name] for name in columns.split(",")[1:7]] == ["salsa", "anna", "phone", "yes", "validation", "g"]
    assert [clip[name] for name in ("start", "end", "trust")] == [1, 2, "0.5"]
    assert "manifest.csv: columns that are not read: camera, mood" in document["found"]["warnings"]


def test_segments_of_a_file_are_clips_of_one_group(footage):
    rows = [
        "a.mp4,salsa,anna,,5",
        "a.mp4,tango,ben,5,9.25",
        "a.mp4,tango,ben,12,",
        "b.mp4,salsa,cy,,",
        "c/d.mp4,salsa,cy,1,2",
    ]
    _, document = footage("\n".join(["path,style,dancer,start,end", *rows]))
    assert labels(document, "style", "dancer", "group", "start", "end") == {
        "a@0-5": ("salsa", "anna", "a", 0, 5),
        "a@5-9.25": ("tango", "ben", "a", 5, 9.25),
        "a@12-end": ("tango", "ben", "a", 12, None),
        "b": ("salsa", "cy", "", 0, None),
        "c/d@1-2": ("salsa", "cy", "", 1, 2),
    }
    _, document = footage("path,style,group,end\na.mp4,salsa,g,\na.mp4,salsa,h,3\n")
    assert [each["reason"] for each in document["refused"]] == [
        "line 3: not the group of line 2, but clips of one file are one group"
    ]


def test_names_in_two_unicode_forms_are_one(footage):
    _, document = footage(f"path,style,dancer\na.mp4,salsa,{NFC}\nb.mp4,tango,{NFD}\n{NFC}.mp4,bolero,anna\n")
    assert document["found"]["dancers"] == {NFC: 2, "anna": 1} and document["refused"] == []


@pytest.mark.parametrize("name", ["manifest.csv.txt", "manifest.txt", "Manifest.xlsx", "manifest"])
def test_a_file_that_may_be_meant_as_a_manifest_gets_a_hint(name, footage):
    _, document = footage("path,style\na.mp4,salsa\n", name)
    hint = f"{name} is not read: rename it to manifest.csv if it is one"
    assert document["layout"] == "styles" and hint in document["found"]["warnings"]
