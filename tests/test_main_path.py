"""The command line from footage to a verdict, on synthetic dancers and, if available, on real footage."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dance_tf.cli import FAILED, app
from dance_tf.pose.weights import missing_weights

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("DANCE_TF_SHARED_DATA", ROOT.parent / "shared" / "data"))
TRAINING = ("--epochs", "1", "--growth-epochs", "1", "--frames-per-clip", "4")


def run(*arguments, status=0):
    """Run a verb with --json as a program, and return its one document."""
    arguments = (*arguments, "--json")
    done = subprocess.run(
        [sys.executable, "-m", "dance_tf", *map(str, arguments)], capture_output=True, text=True, cwd=ROOT, timeout=600
    )
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return strict(done.stdout)


def strict(text):
    """Read JSON that has no NaN and no Infinity."""

    def refuse(constant):
        raise AssertionError(f"{constant} in {text}")

    return json.loads(text, parse_constant=refuse)


def call(*arguments, status=0):
    """Run a verb in this process, which saves the seconds that TensorFlow takes to start."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == status, result.stderr
    return result


def answer(*arguments, status=0):
    """Run a verb with --json in this process, and return its one document."""
    return strict(call(*arguments, "--json", status=status).stdout)


def check_scores(document):
    for by in ("frame", "clip"):
        scores = document[by]
        assert set(scores) == {"accuracy", "precision", "sensitivity", "specificity", "f1", "kappa"}
        for name, score in scores.items():
            assert (-1 if name == "kappa" else 0) <= score["mean"] <= 1


def check_verdict(verdict, styles):
    wanted = {"clip", "style", "confidence", "probabilities", "frames", "seconds", "elapsed"}
    assert wanted <= set(verdict)
    assert set(verdict["probabilities"]) == styles
    assert sum(verdict["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert verdict["style"] == max(verdict["probabilities"], key=verdict["probabilities"].get)
    assert verdict["confidence"] == max(verdict["probabilities"].values())
    frames = verdict["frames"]
    assert frames["seen"] == frames["used"] + sum(frames["dropped"].values())


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Clips of three styles and four dancers, curated and trained on."""
    folder = tmp_path_factory.mktemp("home")
    run("synthesize", folder / "clips", "--styles", 3, "--dancers", 4, "--seconds", 2, "--frame-rate", 8)
    curated = run("curate", folder / "clips", folder / "data")
    trained = run("train", folder / "data", folder / "model", "--split", "dancer", *TRAINING)
    return folder, curated, trained


def test_curation_accounts_for_every_frame(home):
    folder, curated, _ = home
    frames = curated["frames"]
    assert curated["clips"] == 12
    assert frames["seen"] == 12 * 16
    assert frames["seen"] == frames["kept"] + sum(frames["dropped"].values())
    with open(folder / "data" / "curation.csv", newline="", encoding="utf-8") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == 12
    assert curated["rooms_unknown"] == sum(row["room_known"] == "False" for row in rows)


def test_training_scores_the_held_out_dancers(home):
    folder, _, trained = home
    check_scores(trained)
    tried = {"cnn_ae_attention", *([] if missing_weights() else ["skeleton_tcn"])}
    assert set(trained.get("validation", ["cnn_ae_attention"])) == tried
    described = json.loads((folder / "model" / "model.json").read_text())
    assert described["held_out"] == trained["scored"]["dancers"]
    assert len(described["held_out"]) == 1
    assert not list(folder.glob(".model.unfinished*"))


def test_evaluation_of_those_dancers_gives_the_same_scores(home):
    folder, _, trained = home
    [dancer] = trained["scored"]["dancers"]
    evaluated = answer("evaluate", folder / "model", folder / "data", "--dancers", dancer)
    assert evaluated["frame"] == trained["frame"]
    assert evaluated["clip"] == trained["clip"]
    assert evaluated["scored"]["note"] == ""
    everyone = answer("evaluate", folder / "model", folder / "data")
    assert "the model was trained on" in everyone["scored"]["note"]


def test_a_clip_gets_a_verdict_and_other_files_are_refused(home, tmp_path):
    folder, _, _ = home
    clip = next(iter(sorted((folder / "clips").rglob("*.mp4"))))
    strange = tmp_path / "strange.mp4"
    strange.write_bytes(b"no video")
    (tmp_path / "a picture.png").write_bytes(b"no clip")
    document = run("classify", folder / "model", clip, tmp_path, status=1)
    [verdict], [picture, refusal] = document["clips"], document["refused"]
    assert picture["clip"] == str(tmp_path / "a picture.png")
    styles = set(json.loads((folder / "model" / "model.json").read_text())["styles"])
    check_verdict(verdict, styles)
    assert verdict["seconds"] == pytest.approx(2, abs=0.2)
    assert "the model was made with this very clip: it says little about new ones" in verdict["notes"]
    assert refusal["clip"] == str(strange)
    assert refusal["reason"]


def test_a_dance_is_assessed(home, tmp_path):
    folder, _, trained = home
    clips = sorted((folder / "clips").rglob(f"*{trained['scored']['dancers'][0]}*.mp4"))
    order = ("assess", folder / "model", *clips[:2], "--out", tmp_path / "pages", "--json")
    done = call(*order)
    if missing_weights():
        assert done.exit_code == FAILED and "has no dances to compare with" in done.output
        return
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "pages" / "assessments.json").read_text())
    for clip, one in zip(clips[:2], document["clips"], strict=True):
        assert one["clip"] == str(clip)
        assert (one["fidelity"] is None) == bool(one["why"])
        assert clip.name in (tmp_path / "pages" / one["page"]).read_text()
    assert all(one["page"] in (tmp_path / "pages" / "index.html").read_text() for one in document["clips"])


def test_a_user_s_own_network_learns_from_arrays_and_is_used_without_its_file(tmp_path, own_network):
    own, arrays, model = own_network(tmp_path), tmp_path / "arrays", tmp_path / "model"
    answer("synthesize", arrays, "--arrays", "--styles", 2, "--dancers", 3, "--seconds", 2, "--frame-rate", 6)
    trained = answer("train", arrays, model, "--split", "clip", "--strategy", f"{own}:tiny", *TRAINING)
    check_scores(trained)
    own.unlink()
    check_scores(answer("evaluate", model, arrays))
    failed = call("train", arrays, tmp_path / "other", "--strategy", f"{own}:tiny", status=FAILED)
    assert failed.stderr.startswith(f"dance_tf: strategy '{own}:tiny' cannot be imported (FileNotFoundError")


needs_real_footage = pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real footage at {SHARED}")


@needs_real_footage
def test_real_motion_of_a_held_out_dancer(tmp_path):
    head, *rows = (SHARED / "ballroom" / "manifest.csv").read_text().splitlines()
    some = [head, *rows[::3]]  # all of them would take three minutes
    for name in (row.split(",")[0] for row in some[1:]):
        (tmp_path / "clips" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHARED / "ballroom" / name, tmp_path / "clips" / name)
    (tmp_path / "clips" / "manifest.csv").write_text("\n".join(some))
    curated = answer("curate", tmp_path / "clips", tmp_path / "data")
    assert (curated["clips"], curated["refused"]) == (len(rows[::3]), []) and len(rows) == 59
    cnn = ("--strategy", "cnn", "--split", "dancer", *TRAINING)
    trained = answer("train", tmp_path / "data", tmp_path / "model", *cnn)
    check_scores(trained)
    assert len(trained["scored"]["dancers"]) == 1
    clip, filmed = SHARED / "ballroom" / "tango" / "A_14_00.mp4", SHARED / "real_clips"
    verdict, *others = answer("classify", tmp_path / "model", clip, filmed)["clips"]
    check_verdict(verdict, {"chacha", "rumba", "tango", "waltz"})
    assert [verdict["clip"] for verdict in others] == [str(path) for path in sorted(filmed.glob("*.mp4"))]


@needs_real_footage
def test_loose_clips_without_labels_are_curated(tmp_path):
    curated = answer("curate", SHARED / "real_clips", tmp_path / "data")
    assert (curated["clips"], curated["refused"]) == (5, [])
    failed = call("train", tmp_path / "data", tmp_path / "model", status=FAILED)
    assert "no clip with a style" in failed.stderr
