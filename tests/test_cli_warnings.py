"""What the verbs say about data that they cannot learn from or judge, and about mistakes in a command."""

import dataclasses
import json
import re
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from dance_tf.cli import DONE, DONE_WITH_REFUSALS, FAILED, app
from dance_tf.dataset.dataset import write_arrays
from dance_tf.dataset.store import write_store
from dance_tf.model.bundle import ModelBundle, ModelDescription, ModelError, save_bundle
from dance_tf.video.catalog import Clip

SUPPORTS = ("--support", ",".join(["100"] * 12))


def call(*arguments, **runner):
    """Run a verb in this process."""
    return CliRunner(**runner).invoke(app, [str(argument) for argument in arguments])


def refused(*arguments):
    """Return the error line of a verb that failed and printed nothing on standard output."""
    result = call(*arguments)
    assert (result.exit_code, result.stdout) == (FAILED, ""), result.output
    line = result.stderr.splitlines()[-1]
    return line[line.rindex("dance_tf: ") :]  # after the progress bar


def strict(text):
    """Read JSON that has no NaN and no Infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} in {text}")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    ("header", "row", "unread"),
    [
        ("Model,Acc (%),Prec.,Rec.,F1-score", "ResNet,93.44,93.29,93.08,93.36", []),
        ("model;OA [%];pre (macro);Sens.;F-measure", "ResNet;93.44;93.29;93.08;93.36", []),
        ("Method\tTop-1 acc. (%)\tPPV\tTPR\tMacro F1", "ResNet\t93.44\t93.29\t93.08\t93.36", []),
        ("Acc.,Params (M),Prec.,Rec.,F1,AUC", "93.44,11.7,93.29,93.08,93.36,0.98", ["Params (M)", "AUC"]),
        ("Acc.,Prec.,Rec.,Rec. (weighted),F1", "93.44,93.29,93.08,93.44,93.36", ["Rec. (weighted)"]),
    ],
)
def test_audit_reads_the_usual_column_names_and_names_the_others(write_table, header, row, unread):
    result = call("audit", write_table(f"{header}\n{row}\n"), "--classes", 12, *SUPPORTS, "--json")
    document = strict(result.stdout)
    assert ("impossible", "93.36") in [(each["level"], each["values"].get("f1")) for each in document["findings"]]
    assert list(document["read"].values()) == ["accuracy", "precision", "sensitivity", "f1"]
    assert document["unread"] == unread
    assert result.stderr == (f"note: columns that were not read as a score: {', '.join(unread)}\n" if unread else "")


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("model,F1-score,Precision@5\nours,93.1,99.0\n", "'F1-score' as f1, not read: Precision@5"),
        ("model,accuracy\nours,0.9\nResNet,0.8\n", "'accuracy' as accuracy"),
        ("model,Prec.,Rec.\nours,0.9,0.8\n", "'Prec.' as precision, 'Rec.' as sensitivity"),
        ("accuracy,recall,f1\n0.61,0.60,0.58\n", "'f1' as f1"),  # with 12 classes every accuracy fits to these
        ("accuracy,precision,recall\n—,—,—\n", "'recall' as sensitivity"),
    ],
)
@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_audit_gives_no_all_clear_on_a_table_that_it_cannot_judge(write_table, text, read, as_json):
    line = refused("audit", write_table(text), "--classes", 12, *as_json)
    assert "nothing can be judged, the scores of no row limit each other (read: " in line and line.endswith(f"{read})")


def test_audit_says_how_many_rows_it_judged(write_table):
    path = write_table("model,accuracy,kappa\nours,0.9,0.8\nResNet,0.8,—\nVGG,0.7,—\n")
    text = call("audit", path, "--classes", 12).stdout
    assert text == "no contradiction found in the 1 of 3 rows that can be judged\n"
    document = strict(call("audit", path, "--classes", 12, "--json").stdout)
    assert (document["judged"], document["rows"], document["findings"]) == (1, 3, [])


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "utf-8"])
@pytest.mark.parametrize("name", ["Zoë", "Ǆena", "踊り", "a\udce9b"])
def test_names_that_a_terminal_lacks_are_escaped(tmp_path, charset, name):
    path = tmp_path / "t.csv"
    path.write_bytes("model,accuracy,kappa\nZoë,0.5,0.9\n踊り,0.5,0.9\n".encode())
    result = call("audit", path, "--classes", 3, charset=charset)
    shown = [one.encode(charset, "backslashreplace").decode(charset) for one in ("Zoë", "踊り")]
    assert (result.exit_code, [line.partition(":")[0] for line in result.stdout.splitlines()]) == (DONE, shown)
    document = strict(call("audit", path, "--classes", 3, "--json", charset=charset).stdout)
    assert [finding["row"] for finding in document["findings"]] == ["Zoë", "踊り"]
    missing = call("audit", tmp_path / name, "--classes", 3, charset=charset)
    escaped = name.encode(charset, "backslashreplace").decode(charset)
    assert (missing.exit_code, missing.stderr.strip()) == (
        FAILED,
        f"dance_tf: cannot read {tmp_path / escaped}: No such file or directory",
    )


TRAINING = ("--epochs", 1, "--growth-epochs", 1, "--frames-per-clip", 2)
PAIRS = [(style, dancer) for style in ("salsa", "tango") for dancer in ("anna", "ben", "cy", "dan")]


@pytest.fixture
def data(tmp_path, blob_clips):
    """Writes one clip for each pair of style and dancer as arrays, or as a TFDS dataset that was read in some way."""

    def write(pairs, name="data", reading=None):
        made = blob_clips(styles=1, dancers=len(pairs), frames=3)
        named = [
            dataclasses.replace(clip, clip=Clip(Path(), style, dancer, f"{style}/{dancer}_{number}", "made up"))
            for number, (clip, (style, dancer)) in enumerate(zip(made, pairs, strict=True))
        ]
        if reading:
            return write_store(tmp_path / name, named, reading=reading)
        return write_arrays(tmp_path / name, named)

    return write


@pytest.fixture
def train(tmp_path, own_network):
    """Trains a tiny network into `model` and gives the document and the notes."""
    network = f"{own_network(tmp_path)}:tiny"

    def run(dataset, *options):
        result = call("train", dataset, tmp_path / "model", "--strategy", network, *TRAINING, *options, "--json")
        assert result.exit_code == DONE, result.stderr
        return strict(result.stdout), [
            line.partition("note: ")[2] for line in result.stderr.splitlines() if "note: " in line
        ]

    return run


def described(folder):
    return strict((folder / "model.json").read_text())


ONE_DANCER_EACH = [("salsa", "anna"), ("tango", "ben"), ("waltz", "cy")] * 2
ONE_TANGO = [("salsa", f"a{n}") for n in range(5)] + [("bolero", f"b{n}") for n in range(5)] + [("tango", "tom")]


@pytest.mark.parametrize(
    ("pairs", "options", "lost"),
    [
        (ONE_DANCER_EACH, ("--seed", 0), None),
        (ONE_DANCER_EACH, ("--seed", 3), None),
        (ONE_DANCER_EACH, ("--hold-out", "ben"), "tango"),
        (ONE_TANGO, ("--hold-out", "tom"), "tango"),
    ],
)
def test_a_style_that_cannot_be_learnt_is_named_wherever_it_is_scored(data, train, tmp_path, pairs, options, lost):
    folder = data(pairs)
    document, notes = train(folder, *options)
    [unlearnt] = described(tmp_path / "model")["unlearnt"]
    assert lost in (None, unlearnt)
    said = f"no clip of the training part has the style {unlearnt}: it is not learnt, and its clips lower the scores"
    assert any(text.startswith(said) for text in notes) and said in document["scored"]["note"]
    again = call("evaluate", tmp_path / "model", folder)
    count = [style for style, _ in pairs].count(unlearnt)
    assert f"not trained on the style {unlearnt} ({count} of the scored clips), which lowers the scores" in again.stderr
    learnt = next(dancer for style, dancer in pairs if style != unlearnt)
    assert "which lowers the scores" not in call("evaluate", tmp_path / "model", folder, "--dancers", learnt).stderr


@pytest.mark.parametrize(
    ("pairs", "unmeasured"),
    [
        (ONE_TANGO, {"test": {"tango"}, "validation": {"tango"}}),
        ([(style, f"{style} {n}") for style in ("salsa", "tango", "waltz") for n in range(2)], {"test": 2}),
        (PAIRS, {}),
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_styles_missing_from_a_part_are_named_and_none_is_lost(data, train, tmp_path, pairs, unmeasured, seed):
    _, notes = train(data(pairs), "--seed", seed)
    assert described(tmp_path / "model")["unlearnt"] == []
    for part in ("training", "validation", "test"):
        named = {text.split(" style ")[1].partition(":")[0] for text in notes if f"of the {part} part" in text}
        wanted = unmeasured.get(part, named if part == "validation" and unmeasured else set())
        assert (len(named) if isinstance(wanted, int) else named) == wanted


@pytest.mark.parametrize(
    ("pairs", "options", "style"),
    [
        ([("salsa", dancer) for dancer in "abcd"], (), "salsa"),
        ([("salsa", "anna")] * 4, (), "salsa"),
        ([("waltz", "anna")] * 4, ("--split", "clip"), "waltz"),
        ([("salsa", "a"), ("salsa", "b"), ("tango", "c")], ("--hold-out", "c"), "salsa"),
        ([("salsa", "a"), ("salsa", "b"), ("tango", "c")], ("--hold-out", "a,b"), "tango"),
    ],
)
def test_a_single_style_is_refused(data, tmp_path, pairs, options, style):
    pairs = [*pairs, *pairs] if options[:1] == ("--hold-out",) else pairs
    line = refused("train", data(pairs), tmp_path / "model", *TRAINING, *options)
    assert line.startswith(f"dance_tf: only the style {style} is left to learn from, but at least two are needed")
    assert not (tmp_path / "model").exists()


def contents(folder):
    """Every file below a folder, with its bytes."""
    return {path.relative_to(folder): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("strategy", "options"),
    [
        ("cnn", ("--learning-rate", 10, "--epochs", 2)),
        ("tiny", ("--learning-rate", 1e30)),
        ("tiny", ("--learning-rate", 1e6)),
    ],
)
def test_diverged_training_leaves_the_model_as_it_was(data, train, tmp_path, own_network, strategy, options):
    folder = data(PAIRS)
    train(folder)
    before = contents(tmp_path / "model")
    strategy = strategy if strategy == "cnn" else f"{own_network(tmp_path)}:tiny"
    line = refused("train", folder, tmp_path / "model", "--strategy", strategy, *TRAINING, *options)
    assert line.startswith("dance_tf: training diverged (loss ") and "choose a lower one" in line
    assert contents(tmp_path / "model") == before
    assert not list(tmp_path.glob(".model*"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("verb", ["evaluate", "classify"])
def test_a_model_that_is_not_finite_is_refused(data, train, tmp_path, verb, value):
    folder = data(PAIRS)
    train(folder)
    weights = tmp_path / "model" / "model.keras"
    model = keras.saving.load_model(weights, compile=False)
    model.set_weights([np.full_like(each, value) for each in model.get_weights()])
    model.save(weights)
    with pytest.raises(ModelError, match="weights that are not finite"):
        save_bundle(tmp_path / "other", ModelBundle(model, ModelDescription(("a", "b"), "cnn", "frame")))
    assert not (tmp_path / "other").exists()
    # `classify` reads another file, which does not belong to these weights
    said = "was replaced" if verb == "classify" else "weights that are not finite: training diverged"
    assert said in refused(verb, tmp_path / "model", folder, "--json")


@pytest.mark.parametrize(
    ("many", "few", "options", "balanced", "said"),
    [
        (16, 2, (), True, True),
        (24, 3, (), True, True),
        (9, 6, (), False, False),
        (16, 2, ("--no-balance",), False, False),
        (6, 6, ("--balance",), True, False),
    ],
)
def test_styles_are_drawn_evenly_where_they_are_uneven(data, train, tmp_path, many, few, options, balanced, said):
    pairs = [("salsa", f"a{n}") for n in range(many)] + [("tango", f"b{n}") for n in range(few)]
    _, notes = train(data(pairs), *options)
    assert described(tmp_path / "model")["settings"]["balance"] is balanced
    evenly = re.compile(r"training clips: \d+ of salsa, but [123] of tango; styles are drawn evenly \(--no-balance")
    assert any(map(evenly.match, notes)) is said


READ = {"read": {"fit": "pad", "frames_per_second": None, "size": 128}, "curation": {"blank": 4.0}}


@pytest.mark.parametrize(
    ("part", "name", "value", "note"),
    [
        ("read", "fit", "crop", "read with fit pad, but these were read with fit crop"),
        (
            "read",
            "frames_per_second",
            4.0,
            "read with frames per second all, but these were read with frames per second 4",
        ),
        ("curation", "blank", 9.0, "read with blank 4.0, but these were read with blank 9.0"),
        ("read", "fit", "pad", ""),
    ],
)
def test_clips_that_were_read_otherwise_than_those_of_the_model(data, train, tmp_path, part, name, value, note):
    train(data(PAIRS, "learnt", READ))
    others = data(PAIRS, "others", {**READ, part: {**READ[part], name: value}})
    result = call("evaluate", tmp_path / "model", others, "--json")
    assert (note in result.stderr) and ("these were read with" in result.stderr) is bool(note)
    assert note in strict(result.stdout)["scored"]["note"]


@pytest.fixture
def places(data, train, tmp_path, make_video, make_dance, monkeypatch):
    """The current folder, with the dataset `data`, the trained `model` and the footage `clips`."""
    train(data(PAIRS))
    (tmp_path / "clips" / "waltz").mkdir(parents=True)
    make_video(tmp_path / "clips" / "waltz" / "anna_1.mp4", make_dance(5))
    (tmp_path / "-aBc.mp4").write_bytes((tmp_path / "clips" / "waltz" / "anna_1.mp4").read_bytes())
    monkeypatch.chdir(tmp_path)
    return tmp_path


MISTAKES = [
    (("train", "clips", "new"), "clips holds footage, not a dataset: run `python -m dance_tf curate clips DATASET`"),
    (("train", "clips/waltz", "new"), "clips/waltz holds footage, not a dataset: run"),
    (("evaluate", "model", "clips"), "clips holds footage, not a dataset"),
    (("train", "clips/waltz/anna_1.mp4", "new"), "anna_1.mp4 is a file, not a dataset"),
    (("train", "model", "data"), "data would be replaced, but it is a dataset of `synthesize --arrays`: give"),
    (("train", "model", "new"), "model is a model of `train`, not a dataset"),
    (("curate", "new", "clips"), "clips would be replaced, but it contains something other than a dataset of"),
    (("curate", "clips", "model"), "model would be replaced, but it is a model of `train`"),
    (("evaluate", "data", "model"), "data is a dataset of `synthesize --arrays`, not a model of `train`: give the"),
    (("classify", "clips/waltz/anna_1.mp4", "model"), "anna_1.mp4 is a file, not a model of `train`: give the"),
    (("classify", "model", "-aBc.mp4"), "(a file whose name starts with a dash is given as ./-aBc.mp4)"),
    (("curate", "-other.MOV", "new"), "(a file whose name starts with a dash is given as ./-other.MOV)"),
    (("synthesize", "new", "--seconds", "nan"), "seconds must be a number above 0 and at most 900, not nan"),
    (("synthesize", "new", "--seconds", "1e9"), "seconds must be a number above 0 and at most 900, not 1e+09"),
    (("synthesize", "new", "--seconds", "-inf"), "seconds must be a number above 0 and at most 900, not -inf"),
    (("synthesize", "new", "--arrays", "--seconds", "0"), "seconds must be a number above 0"),
    (("synthesize", "new", "--frame-rate", "nan"), "the frame rate must lie in (0, 240], not nan"),
]  # fmt: skip


def test_mistakes_in_a_command_are_explained_and_nothing_is_written(places):
    before = contents(places)
    for arguments, message in MISTAKES:
        assert message in refused(*arguments), arguments
    assert contents(places) == before and not (places / "new").exists()
    assert call("classify", "model", "./-aBc.mp4").stdout.startswith("-aBc.mp4: ")


@pytest.mark.parametrize(("charset", "shown"), [("ascii", r"Zo\xeb"), ("latin-1", "Zoë"), ("utf-8", "Zoë")])
def test_every_verdict_is_printed_whatever_the_terminal_can_print(places, charset, shown):
    clip, broken = places / "Zoë.mp4", places / "Zoë 2.mp4"
    clip.write_bytes((places / "-aBc.mp4").read_bytes())
    broken.write_bytes(b"no video")
    result = call("classify", "model", clip.name, broken.name, "./-aBc.mp4", charset=charset)
    assert result.exit_code == DONE_WITH_REFUSALS
    assert [line.partition(".mp4: ")[0] for line in result.stdout.splitlines()] == [shown, "-aBc"]
    assert f"refused {shown} 2.mp4: " in result.stderr
    document = strict(call("classify", "model", clip.name, broken.name, "--json", charset=charset).stdout)
    assert (document["clips"][0]["clip"], document["refused"][0]["clip"]) == (clip.name, broken.name)


def test_where_every_file_is_refused_the_commonest_reasons_are_shown(tmp_path, make_video):
    for number in range(4):
        folder = tmp_path / "clips" / "waltz"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"anna_{number}.mp4").write_bytes(b"no video %d" % number)
    for number in range(2):
        make_video(folder / f"ben_{number}.mp4", np.full((6 + number, 64, 48), 90, np.uint8))
    result = call("curate", tmp_path / "clips", tmp_path / "out")
    line = result.stderr.splitlines()[-1]
    assert result.exit_code == FAILED and line.startswith("dance_tf: ")
    assert "(4 of 6 files)" in line and "(2 of 6 files)" in line and "none of its 6 frames is left" in line
    assert line.index("(4 of 6") < line.index("(2 of 6") and not (tmp_path / "out").exists()
