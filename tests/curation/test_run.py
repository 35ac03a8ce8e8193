import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from dance_tf.curation.filters import REASONS, CurationSettings, curate_frames
from dance_tf.curation.parts import PartError, content_sha256, read_part, read_row, read_rows, write_rows
from dance_tf.curation.run import CurationError, curate_footage, make_part, reading_from_json, reading_to_json
from dance_tf.pose.read import PoseSettings
from dance_tf.pose.weights import Weights, WeightsError
from dance_tf.terminal import show
from dance_tf.video.catalog import Clip, find_clips
from dance_tf.video.frames import FrameFile, FrameFileError, read_footage
from dance_tf.video.settings import ReadSettings
from dance_tf.video.stills import ReadError

ROOT = Path(__file__).resolve().parents[2]
SMALL = ReadSettings(size=32, threads=1)


def test_reading_settings_come_back_through_json():
    read = ReadSettings(fit="crop", frames_per_second=12.5, threads=3, max_seconds=7)
    curation = CurationSettings(still_energy=9.0)
    stored = json.loads(json.dumps(reading_to_json(read, curation)))
    assert reading_from_json(stored) == (ReadSettings(fit="crop", frames_per_second=12.5), curation, None)
    assert reading_from_json(None) == (ReadSettings(), CurationSettings(), None)
    cropped = ReadSettings(fit="crop"), CurationSettings(), None
    assert reading_from_json({"read": {"fit": "crop", "gone": 1}}) == cropped


def test_settings_of_poses_come_back_through_json_with_the_same_weights(monkeypatch):
    weights = Weights(b"detector", b"landmarks")
    monkeypatch.setattr("dance_tf.pose.read.load_weights", lambda: weights)
    stored = json.loads(json.dumps(reading_to_json(ReadSettings(), CurationSettings(), PoseSettings(5, 0.1))))
    assert stored["poses"]["weights"] == hashlib.sha256(b"detectorlandmarks").hexdigest()
    assert reading_from_json(stored, with_poses=True)[2] == PoseSettings(5, 0.1)
    assert reading_from_json(stored)[2] is None
    weights = Weights(b"another", b"")
    with pytest.raises(WeightsError, match="found with other weights .* set DANCE_TF_POSE_WEIGHTS to their file"):
        reading_from_json(stored, with_poses=True)


def test_stored_settings_keep_the_options_of_earlier_versions_and_refuse_other_values():
    stored = reading_to_json(ReadSettings(), CurationSettings())
    # model.json files and the keys of stored datasets depend on these names, values and their order
    assert list(stored["read"].items()) == [
        ("size", 128),
        ("fit", "pad"),
        ("frames_per_second", None),
        ("frames_in_all", None),
        ("skip_loop_filter", False),
        ("skip_nonref", False),
        ("quick_shrink", False),
        ("image_rate", 30.0),
    ]
    with pytest.raises(ReadError, match="clips were read with frames_in_all 5, which this version cannot do"):
        reading_from_json({"read": {**stored["read"], "frames_in_all": 5}})


@pytest.fixture(scope="module")
def footage(tmp_path_factory, make_video, make_dance):
    """Six good clips of three dancers, and four files that are refused."""
    root = tmp_path_factory.mktemp("footage")
    for style in ("Tok", "BL"):
        (root / style).mkdir()
        for number, dancer in enumerate(("ann", "bob", "cy")):
            frames = make_dance(45, seed=10 * number + len(style))
            if dancer == "cy":
                frames[:9] = 0
            make_video(root / style / f"{dancer}_1.mp4", frames, options={"crf": "20"})
    (root / "Tok" / "dan_1.mp4").write_bytes((root / "Tok" / "ann_1.mp4").read_bytes())
    (root / "BL" / "eve_1.mp4").write_bytes((root / "BL" / "ann_1.mp4").read_bytes()[:900])
    (root / "BL" / "fay_1.mp4").write_bytes(b"")
    (root / "BL" / "what.jpg").write_bytes(b"?")
    return root


def content(parts):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in parts.iterdir()}


@pytest.fixture(scope="module")
def curated(footage, tmp_path_factory):
    parts = tmp_path_factory.mktemp("parts")
    reported = []
    rows = curate_footage(find_clips(footage), parts, SMALL, jobs=2, progress=reported.append)
    assert tuple(reported) == rows[:-1]
    return parts, rows


def test_every_file_has_its_row(footage, curated):
    parts, rows = curated
    by_name = {Path(row.path).name if "BL" in row.path else f"t-{Path(row.path).name}": row for row in rows}
    assert Counter(row.status for row in rows) == {"kept": 4, "partly kept": 2, "refused": 4}
    assert by_name["t-dan_1.mp4"].reason == "same content as Tok/ann_1"
    assert by_name["fay_1.mp4"].reason == "the file is empty"
    assert by_name["what.jpg"].reason == "a single image among videos"
    assert "opened" in by_name["eve_1.mp4"].reason
    part = by_name["cy_1.mp4"]
    assert (part.seen, part.kept, part.blank, part.reason) == (45, 36, 9, "9 blank")
    assert (part.width, part.height, part.seconds, part.room_known) == (64, 96, 1.5, True)
    assert all(len(row.sha256) == 64 for row in rows)
    assert {row.part for row in rows if row.part} == {name for name in content(parts) if name.endswith(".npy")}


def make(clip, part, read=SMALL, **options):
    """Make a part in this process; return the number of heartbeats."""
    beats = []
    make_part(clip, "ab", part, read, CurationSettings(), **options, heartbeat=lambda: beats.append(1))
    return len(beats)


def test_a_part_holds_what_curation_in_memory_gives(faulty, make_video, tmp_path):
    clip = Clip(make_video(tmp_path / "a.mp4", faulty[0]), "Tok", "d1", "a")
    footage = read_footage(clip.path)
    expected = curate_frames(clip, footage.frames.copy(), footage.timestamps, footage.seconds)
    assert {frame.reason for frame in expected.dropped} == set(REASONS)
    make(clip, tmp_path / "p.npy", ReadSettings(threads=1))
    found = read_part(tmp_path / "p.npy")
    for name in ("frames", "timestamps", "background"):
        assert np.array_equal(getattr(found, name), getattr(expected, name)), name
    for name in ("clip", "dropped", "background_valid", "seconds", "seen"):
        assert getattr(found, name) == getattr(expected, name), name


def test_poses_are_found_in_the_same_decoding(faulty, make_video, follower, tmp_path, monkeypatch):
    monkeypatch.setattr("dance_tf.curation.run.load_blazepose", lambda threads: follower())
    clip = Clip(make_video(tmp_path / "a.mp4", faulty[0]), "Tok", "d1", "a")
    make(clip, tmp_path / "plain.npy", ReadSettings(threads=1))
    make(clip, tmp_path / "posed.npy", ReadSettings(threads=1), poses=PoseSettings(15, 0))
    plain, posed = read_part(tmp_path / "plain.npy"), read_part(tmp_path / "posed.npy")
    assert np.array_equal(posed.frames, plain.frames) and posed.dropped == plain.dropped
    assert len(plain.cutouts) == len(plain.skeletons.times) == 0
    skeletons, cutouts = posed.skeletons, posed.cutouts[..., 0]
    every = read_footage(clip.path, ReadSettings(frames_per_second=15))
    assert skeletons.times.tolist() == every.timestamps.tolist()
    bright = np.array([frame[:, 32:96].mean() > 50 for frame in every.frames])
    assert 0 < bright.sum() < len(bright)
    assert np.array_equal(cutouts.any(axis=(1, 2)), bright)
    assert skeletons.valid[bright].all()
    levels = every.frames[bright][:, :, 32:96].mean(axis=(1, 2))
    assert (skeletons.landmarks[bright, 0, 3] - levels) == pytest.approx(0, abs=4)  # visibility: here, the gray level
    row = read_row(tmp_path / "posed.npy")
    assert (row.poses, row.poses_found) == (len(every.frames), skeletons.valid.sum())
    (tmp_path / "posed.npz").write_bytes(b"")
    with pytest.raises(PartError, match="not a complete part"):
        read_part(tmp_path / "posed.npy")


def test_memory_does_not_grow_with_the_clip(make_dance, make_video, tmp_path):
    peaks, frames = [], make_dance(40, 128, 128)
    frames[5:10] = 0  # so that the other frames move
    for repeats in (1, 5, 20):  # the first fills caches
        path = make_video(tmp_path / f"{repeats}.mp4", np.concatenate([frames] * repeats), options={"g": "250"})
        tracemalloc.start()
        make(Clip(path), tmp_path / "p.npy", ReadSettings(threads=1))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert read_part(tmp_path / "p.npy").seen == 40 * repeats
    # frames of 16 KiB: one copy of the additional 600 would be 10 MB
    assert peaks[2] - peaks[1] < 1_000_000, peaks


def test_every_frame_has_heartbeats_and_nothing_else_is_left(dance_file, tmp_path):
    part = tmp_path / "p.npy"
    assert make(Clip(dance_file), part) >= 40 + 40 + 37  # each of 40 frames decoded and measured, and 37 comparisons
    assert set(tmp_path.iterdir()) == {part, part.with_suffix(".json")}


class FullDisk(FrameFile):
    def append(self, frame):
        raise FrameFileError("no space")


def test_a_clip_too_large_for_the_disk_or_the_dataset_is_refused(dance_file, tmp_path, monkeypatch):
    with pytest.raises(ReadError, match="more than 20 frames, the most that one clip of a dataset can have"):
        make(Clip(dance_file), tmp_path / "p.npy", max_bytes=20 * 32 * 32)
    monkeypatch.setattr("dance_tf.curation.run.FrameFile", FullDisk)
    with pytest.raises(ReadError, match="no room for its frames: no space"):
        make(Clip(dance_file), tmp_path / "p.npy")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(PartError, match="cannot be written"):
        make(Clip(dance_file), tmp_path / "absent" / "p.npy")


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_links_and_folders_that_are_not_clips_are_refused(tmp_path, dance_file):
    place = tmp_path / "in"
    for folder in ("train/Tok", "test/Tok", "other/seq"):
        (place / folder).mkdir(parents=True)
    (place / "other" / "seq" / "1.png").write_bytes(b"?")
    (place / "train" / "Tok" / "a.mp4").write_bytes(dance_file.read_bytes())
    (place / "train" / "Tok" / "loop.mp4").symlink_to("loop.mp4")
    (place / "test" / "Tok" / "gone.mp4").symlink_to("nowhere.mp4")
    rows = {Path(row.path).name: row for row in curate_footage(find_clips(place), tmp_path / "out", SMALL)}
    expected = {"a.mp4": "kept", "gone.mp4": "refused", "loop.mp4": "refused", "seq": "refused"}
    assert {name: row.status for name, row in rows.items()} == expected
    assert "No such file" in rows["gone.mp4"].reason and "symbolic links" in rows["loop.mp4"].reason
    assert rows["seq"].sha256 == content_sha256(place / "other" / "seq")


def test_another_limit_reuses_the_part_and_a_shorter_one_refuses_the_clip(dance_file, tmp_path):
    catalog = find_clips(dance_file)
    limits = [replace(SMALL, max_seconds=seconds) for seconds in (10, 20, 1)]
    rows = [curate_footage(catalog, tmp_path, each)[0] for each in limits]
    assert rows[0] == rows[1] and rows[0].status == "kept" and len(list(tmp_path.iterdir())) == 2
    assert (rows[2].status, rows[2].reason) == ("refused", "1 s long, over the limit of 1 s")


def test_a_clip_that_cannot_be_hashed_is_refused_alone(footage, tmp_path, monkeypatch):
    def fragile(path):
        if path.name == "ann_1.mp4" and path.parent.name == "Tok":
            "\udcff".encode()
        if path.name == "bob_1.mp4" and path.parent.name == "Tok":
            raise PermissionError(13, "Permission denied")
        return content_sha256(path)

    monkeypatch.setattr("dance_tf.curation.run.content_sha256", fragile)
    rows = curate_footage(find_clips(footage), tmp_path, SMALL, jobs=1)
    reasons = {row.clip_id: row.reason for row in rows}
    assert reasons["Tok/ann_1"].startswith("cannot be read ('utf-8' codec")
    assert reasons["Tok/bob_1"] == "cannot be read (Permission denied)"
    assert sum(row.status != "refused" for row in rows) == 5  # dan_1, a copy of ann_1, is now the first


def test_only_missing_and_damaged_parts_are_made_again(footage, curated):
    parts, rows = curated
    before = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.npy")}
    missing, damaged, unfinished = sorted(before)[:3]
    (parts / missing).unlink()
    (parts / damaged).write_bytes(b"half")
    (parts / unfinished).with_suffix(".json").unlink()
    assert curate_footage(find_clips(footage), parts, SMALL, jobs=1) == rows
    after = {path.name: path.stat().st_mtime_ns for path in parts.glob("*.npy")}
    assert {name for name in before if before[name] != after[name]} == {missing, damaged, unfinished}


def test_a_run_that_cannot_write_stops_with_one_line(footage, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CurationError, match="cannot be written"):
        curate_footage(find_clips(footage), tmp_path / "file" / "parts", SMALL)


RUN = """
import sys
from pathlib import Path
from dance_tf.video.catalog import find_clips
from dance_tf.curation.run import curate_footage
from dance_tf.video.settings import ReadSettings
if __name__ == "__main__":
    curate_footage(find_clips(Path(sys.argv[1])), Path(sys.argv[2]), ReadSettings(size=32, threads=1), jobs=1,
                   progress=lambda row: print(row.clip_id, flush=True))
"""


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_killed_and_resumed_run_gives_the_same_parts(footage, curated, tmp_path):
    parts, rows = curated
    begun = subprocess.Popen([sys.executable, "-c", RUN, footage, tmp_path], cwd=ROOT, stdout=subprocess.PIPE)
    begun.stdout.readline()  # the first clip is done
    time.sleep(0.02)
    begun.send_signal(signal.SIGKILL)
    begun.wait()
    begun.stdout.close()
    assert curate_footage(find_clips(footage), tmp_path, SMALL, jobs=1) == rows
    assert content(tmp_path) == content(parts)


@pytest.mark.skipif(os.name != "posix", reason="kills with SIGKILL")
def test_a_dask_worker_may_be_killed(footage, curated, tmp_path, recwarn):
    distributed = pytest.importorskip("distributed")
    parts, rows = curated
    killed = []
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(**options) as cluster:
        with distributed.Client(cluster, set_as_default=False) as client:
            workers = list(client.run(os.getpid).values())

        def kill_one(row):
            if not killed:
                killed.append(workers[0])
                os.kill(workers[0], signal.SIGKILL)

        address = cluster.scheduler_address
        found = curate_footage(find_clips(footage), tmp_path, SMALL, scheduler=address, progress=kill_one)
    assert killed and found == rows and content(tmp_path) == content(parts)


def test_an_absent_scheduler_is_one_clear_line(footage, tmp_path, monkeypatch):
    monkeypatch.setattr("dance_tf.video.workers.SCHEDULER_SECONDS", 1)
    with pytest.raises(CurationError, match="no Dask scheduler") as caught:
        curate_footage(find_clips(footage), tmp_path, SMALL, scheduler="tcp://127.0.0.1:9")
    assert "\n" not in str(caught.value)


def test_a_clip_can_be_a_folder_of_images(tmp_path, make_dance):
    folder = tmp_path / "in" / "seq"
    folder.mkdir(parents=True)
    for number, frame in enumerate(make_dance(12)):
        cv2.imwrite(str(folder / f"{number:04d}.png"), frame)
    catalog = find_clips(folder)
    (row,) = curate_footage(catalog, tmp_path / "out", SMALL, jobs=1)
    assert (row.status, row.seen, row.clip_id) == ("kept", 12, "seq") and catalog.clips == (
        Clip(folder, clip_id="seq"),
    )


@pytest.mark.skipif(sys.platform != "linux", reason="file names are bytes")
def test_a_clip_whose_name_is_not_utf8_is_curated_and_printed(tmp_path, dance_file, capsys):
    folder = tmp_path / "in" / os.fsdecode(b"T\xf6k")
    folder.mkdir(parents=True)
    name = os.fsdecode(b"caf\xe9.mp4")
    (folder / name).write_bytes(dance_file.read_bytes())
    catalog = find_clips(tmp_path / "in")
    (clip,) = catalog.clips
    assert (clip.style, clip.clip_id) == ("T\\xf6k", "T\\xf6k/caf\\xe9")
    rows = curate_footage(catalog, tmp_path / "out", SMALL, jobs=1)
    assert [(row.status, row.seen) for row in rows] == [("kept", 40)] and rows[0].path.endswith("T\\xf6k/caf\\xe9.mp4")
    write_rows(tmp_path / "out" / "curation.csv", rows)
    assert read_rows(tmp_path / "out" / "curation.csv") == rows
    show({"path": name, "style": "café"}, True, "")
    assert json.loads(capsys.readouterr().out) == {"path": name, "style": "café"}
    show({}, False, name)
    assert capsys.readouterr().out == "caf\\udce9.mp4\n"


def test_clips_whose_images_share_a_folder_are_curated_apart(tmp_path, make_dance):
    frames = make_dance(30)
    (tmp_path / "in" / "rgb" / "Tok").mkdir(parents=True)
    (tmp_path / "in" / "flow").mkdir()
    for number, frame in enumerate(frames):
        name = f"one_{number:04d}" if number < 12 else f"two_{number - 12:04d}"
        cv2.imwrite(str(tmp_path / "in" / "rgb" / "Tok" / f"{name}.png"), frame)
    rows = curate_footage(find_clips(tmp_path / "in"), tmp_path / "out", SMALL, jobs=1)
    assert [(row.clip_id, row.style, row.seen) for row in rows] == [
        ("rgb/Tok/one", "Tok", 12),
        ("rgb/Tok/two", "Tok", 18),
    ]
    assert len({row.sha256 for row in rows}) == 2 and rows[0].seconds == pytest.approx(12 / 30)
