"""Where a report comes from."""

import json
import platform
import socket
import subprocess

import numpy as np

from dance_tf.report.provenance import commit_of, provenance, version_of


def test_commit_and_changes(tmp_path):
    def git(*arguments):
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        return subprocess.run(
            ["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True, text=True
        ).stdout

    assert commit_of(tmp_path) == (None, None)
    git("init", "-q")
    (tmp_path / "a.txt").write_text("a")
    git("add", "a.txt")
    git("commit", "-q", "-m", "a")
    commit = git("rev-parse", "HEAD").strip()
    assert commit_of(tmp_path) == (commit, False)
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "REPORT.md").write_text("made by the run itself")
    assert commit_of(tmp_path) == (commit, False)
    (tmp_path / "a.txt").write_text("b")
    assert commit_of(tmp_path) == (commit, True)


def test_versions():
    assert version_of("numpy") == np.__version__
    assert version_of("no-such-package-anywhere") is None


def test_facts_name_no_host_and_no_path():
    facts = provenance("quick", {"seed": 5, "footage": "/home/someone/clips"}, "synthetic", {"data": {"hash": "h"}})
    assert (facts["seed"], facts["data_hash"], facts["parameters"]["footage"]) == (5, "h", "clips")
    assert facts["python"] == platform.python_version()
    text = json.dumps(facts)
    assert "/home" not in text
    assert socket.gethostname() not in text
    assert set(facts["machine"]) == {"platform", "cpu", "cores", "device"}
