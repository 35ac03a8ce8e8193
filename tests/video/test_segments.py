"""Parts of a file as clips: `start` and `end` of a manifest."""

import csv
import json

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dance_tf.cli import DONE, app
from dance_tf.video.frames import open_footage, read_footage
from dance_tf.video.settings import ReadSettings
from dance_tf.video.stills import ReadError


@pytest.fixture(scope="module")
def files(tmp_path_factory, ramp_file, make_ramp):
    """The 30 frames of the ramp at 30 per second: a video and a folder of images; at 10 per second: a WebP file."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "images").mkdir()
    pictures = [Image.fromarray(frame) for frame in make_ramp(30)]
    for number, picture in enumerate(pictures):
        picture.save(folder / "images" / f"{number:04d}.png")
    webp = folder / "ramp.webp"
    pictures[0].save(webp, save_all=True, append_images=pictures[1:], duration=100, lossless=True)
    return {"video": (ramp_file, 30), "images": (folder / "images", 30), "webp": (webp, 10)}


def levels(footage):
    """The number of each frame of the ramp, from its gray level."""
    return np.rint((footage.frames[:, 64, 64].astype(float) - 40) / 4).astype(int).tolist()


@pytest.mark.parametrize("kind", ["video", "images", "webp"])
@pytest.mark.parametrize(
    ("first", "last", "step"), [(0, 9, None), (6, 18, None), (24, None, None), (0, None, None), (6, 18, 3), (7, 19, 3)]
)
def test_a_part_of_a_file_has_its_frames_and_times(files, kind, first, last, step):
    path, rate = files[kind]
    end = None if last is None else last / rate
    settings = ReadSettings(start=first / rate, end=end, frames_per_second=step and rate / step, threads=1)
    footage = read_footage(path, settings)
    expected = list(range(first, 30 if last is None else last, step or 1))
    assert levels(footage) == expected
    np.testing.assert_allclose(footage.timestamps, (np.array(expected) - first) / rate, atol=1e-6)
    assert footage.seconds == pytest.approx((30 if last is None else last) / rate - first / rate, abs=1e-6)
    assert footage.warnings == ()


@pytest.mark.parametrize("kind", ["video", "images", "webp"])
def test_a_part_beyond_the_end_is_refused_and_one_across_it_is_said(files, kind):
    path, rate = files[kind]
    with pytest.raises(ReadError, match="no frame of it can be decoded from 50 s to 60 s"):
        read_footage(path, ReadSettings(start=50, end=60))
    footage = read_footage(path, ReadSettings(start=20 / rate, end=60 / rate))
    assert levels(footage) == list(range(20, 30))
    assert footage.warnings == (
        f"the file ends after {30 / rate:.2f} s, before the end of the clip at {60 / rate:g} s",
    )


def test_the_limit_of_length_is_that_of_the_part(files):
    path, _ = files["video"]
    with pytest.raises(ReadError, match="over the limit of 0.5 s"):
        read_footage(path, ReadSettings(max_seconds=0.5))
    assert len(read_footage(path, ReadSettings(max_seconds=0.5, start=0.2, end=0.6)).frames) == 12
    assert len(list(open_footage(path, ReadSettings(max_seconds=0.5, start=0.6)))) == 12
    with pytest.raises(ValueError, match="before the end"):
        ReadSettings(start=2, end=1)


def curate(*arguments):
    result = CliRunner().invoke(app, ["curate", *map(str, arguments), "--json", "--jobs", "1"])
    assert result.exit_code == DONE, result.output
    return json.loads(result.stdout)


def test_real_clips_are_found_and_cut_by_a_manifest(shared_data, tmp_path):
    found = curate(shared_data / "real_clips", "--dry-run")["found"]
    assert (found["layout"], found["clips"], found["unlabelled"], found["refused"]) == ("loose", 5, 5, 0)
    names = {"ballet": (0.5, 1.5), "salsa": (0, 1), "macarena": (1, 2)}
    rows = [f"{shared_data / 'real_clips' / name}.mp4,{name},{start},{end}" for name, (start, end) in names.items()]
    rows.append(f"{shared_data / 'real_clips' / 'salsa.mp4'},salsa,1,2")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "manifest.csv").write_text("\n".join(["path,style,start,end", *rows]))
    document = curate(tmp_path / "in", tmp_path / "out")
    assert (document["clips"], document["refused"], document["found"]["groups"]) == (4, [], 1)
    with open(tmp_path / "out" / "curation.csv", encoding="utf-8") as table:
        cut = {row["clip_id"].split("/")[-1]: row for row in csv.DictReader(table)}
    assert set(cut) == {"ballet@0.5-1.5", "salsa@0-1", "salsa@1-2", "macarena@1-2"}
    assert all(abs(float(row["seconds"]) - 1) < 0.05 for row in cut.values())
    assert cut["salsa@0-1"]["group"] == cut["salsa@1-2"]["group"] != ""
