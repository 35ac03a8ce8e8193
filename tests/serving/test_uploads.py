"""The folder of uploaded clips, and clips in zip files."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import zipfile
from pathlib import Path

import pytest

from dance_tf.serving.uploads import LOCK, MOST_FILES, PREFIX, bytes_in, remove_older, unpack_clips, upload_folder
from dance_tf.video.stills import ReadError

KILLED = """
import os, signal, tempfile
from dance_tf.serving.uploads import upload_folder
with upload_folder() as folder:
    tempfile.mkstemp()
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_all_temporary_files_are_in_one_folder_that_is_removed(temporary):
    with upload_folder() as folder:
        assert folder.parent == temporary and folder.name.startswith(PREFIX)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        with tempfile.NamedTemporaryFile(delete=False) as file:
            file.write(b"clip")
        assert Path(file.name).parent == folder and bytes_in(folder) == 4
    assert list(temporary.iterdir()) == [] and tempfile.gettempdir() == str(temporary)


def test_what_a_killed_process_left_is_removed_at_the_next_start(temporary, monkeypatch):
    done = subprocess.run(
        [sys.executable, "-c", KILLED], capture_output=True, text=True, env={**os.environ, "TMPDIR": str(temporary)}
    )
    left = Path(done.stdout.strip())
    assert done.returncode == -signal.SIGKILL and len(list(left.iterdir())) == 2
    (temporary / f"{PREFIX}mine").mkdir()  # not made by us: it has no lock
    with upload_folder() as one:
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        with upload_folder() as other:  # a living process keeps its folder
            assert set(temporary.iterdir()) == {one, other, temporary / f"{PREFIX}mine"}


def test_what_was_written_long_ago_is_removed(tmp_path):
    for name in ("old/clip.mp4", "new/clip.mp4", "old/new.mp4", LOCK):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
        if "new" not in name:
            os.utime(tmp_path / name, (0, 0))
    remove_older(tmp_path, 3600)
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.*")} == {"new/clip.mp4", "old/new.mp4", LOCK}


def test_folders_that_vanish_meanwhile_are_passed_over(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(b"clip")
    ended = threading.Event()

    def come_and_go():
        while not ended.is_set():
            for number in range(20):
                (tmp_path / f"answer-{number}").mkdir()
            for number in range(20):
                (tmp_path / f"answer-{number}").rmdir()

    other = threading.Thread(target=come_and_go)
    other.start()
    try:
        assert [bytes_in(tmp_path) for _ in range(500)] == [4] * 500
        for _ in range(500):
            remove_older(tmp_path, 3600)
    finally:
        ended.set()
        other.join()


def pack(path, files, **options):
    with zipfile.ZipFile(path, "w", **options) as packed:
        for name, content in files:
            packed.writestr(name, content)
    return path


def unpack(archive, folder, most=1 << 20):
    return unpack_clips(archive, folder, most, heartbeat=lambda: None)


def test_the_clips_of_a_zip_file_are_found_in_any_layout(tmp_path):
    names = ("monday/anna_1.mp4", "monday/ben_1.mov", "__MACOSX/._ben_1.mov", "monday/.DS_Store", "monday/list.xlsx")
    clips, refused = unpack(pack(tmp_path / "a.zip", [(name, name) for name in names]), tmp_path / "a")
    assert [str(path.relative_to(tmp_path / "a")) for path in clips] == ["monday/anna_1.mp4", "monday/ben_1.mov"]
    assert refused == []
    table = f"path,style\nanna.mp4,Tokyo\n{tmp_path / 'secret.mp4'},Tokyo\n"
    (tmp_path / "secret.mp4").touch()
    clips, refused = unpack(pack(tmp_path / "b.zip", [("anna.mp4", "1"), ("manifest.csv", table)]), tmp_path / "b")
    assert clips == [tmp_path / "b" / "anna.mp4"]
    assert "names a file that is not in the zip file" in refused[-1].reason


def linked():
    link = zipfile.ZipInfo("link.mp4")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return link


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([(f"{number}.mp4", "") for number in range(MOST_FILES + 1)], "has 301 files, over the limit of 300: split it"),
        ([("a.mp4", os.urandom(3 << 20))], "unpacks to 3 MB, over the limit of 1 MB: split it"),
        ([("a.mp4", bytes(1 << 20))], "unpacks to far more than videos do"),
        ([("../a.mp4", "a")], "has the name '../a.mp4', which leads out of it: pack the clips by their plain names"),
        ([("a/..\\..\\b.mp4", "a")], "leads out of it"),
        ([("/etc/a.mp4", "a")], "leads out of it"),
        ([("C:\\a.mp4", "a")], "leads out of it"),
        ([(linked(), "/etc/passwd")], "has the name 'link.mp4', which leads out of it"),
        ([("a", "file"), ("a/b.mp4", "in a folder of that name")], "cannot be unpacked"),
    ],
)
def test_zip_files_that_could_do_harm_are_refused_whole(tmp_path, files, reason):
    archive = pack(tmp_path / "a.zip", files, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ReadError) as refused:
        unpack(archive, tmp_path / "out" / "in")
    assert reason in str(refused.value) and "\n" not in str(refused.value) and str(tmp_path) not in str(refused.value)
    assert not [path for path in tmp_path.rglob("*.mp4")]


def test_zip_files_that_cannot_be_read_are_refused(tmp_path):
    whole = pack(tmp_path / "a.zip", [("a.mp4", os.urandom(1000))]).read_bytes()
    content = whole.index(b"a.mp4") + 5
    broken = whole[: content + 50] + bytes(100) + whole[content + 150 :]
    encrypted = bytearray(whole)
    encrypted[whole.index(b"PK\1\2") + 8] |= 1
    with pytest.warns(UserWarning, match="Duplicate name"):
        pack(tmp_path / "twice.zip", [("a.mp4", "1"), ("a.mp4", "2")])
    twice = (tmp_path / "twice.zip").read_bytes()
    for number, (data, reason) in enumerate(
        [
            (b"no zip file", "cannot be unpacked: it is damaged"),
            (whole[:-30], "cannot be unpacked: it is damaged"),
            (broken, "cannot be unpacked: it is damaged"),
            (bytes(encrypted), "is encrypted: pack it without a password"),
            (twice, "has two files of the name 'a.mp4': rename one"),
        ]
    ):
        (tmp_path / "b.zip").write_bytes(data)
        with pytest.raises(ReadError, match=f"^{reason}$"):
            unpack(tmp_path / "b.zip", tmp_path / f"out{number}")
