import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from dance_tf.synthesis import studio
from dance_tf.synthesis.studio import StudioSettings, clip_key, render_arrays, render_clip, shrink, synthesize
from dance_tf.synthesis.truth import truth_from_json
from dance_tf.video.luma import fit_luma

TINY = StudioSettings(styles=2, dancers=2, seconds=0.8, frame_rate=10, width=54, height=96, seed=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("studio") / "clips"
    assert synthesize(out, TINY, progress=False) == out.resolve() / "manifest.csv"
    return out


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_the_manifest_lists_every_clip(made):
    with (made / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == ["TDS/TDS_d01.mp4", "TDS/TDS_d02.mp4", "BU/BU_d01.mp4", "BU/BU_d02.mp4"]
    assert rows[0] == {
        "path": "TDS/TDS_d01.mp4",
        "style": "The Dance Song",
        "dancer": "d01",
        "source": "synthetic",
        "consent": "made up",
    }
    assert all((made / row["path"]).is_file() for row in rows)


def test_the_truth_lies_beside(made):
    text = (made / "truth" / "BU" / "BU_d02.json").read_text(encoding="utf-8")
    assert truth_from_json(text) == render_clip(10, 1, TINY).truth
    assert json.loads(text)["key"] == clip_key(TINY, 10, 1)


def test_an_mp4_holds_the_frames_that_were_drawn(made):
    import av

    drawn = list(render_clip(10, 1, TINY).frames())
    with av.open(str(made / "BU" / "BU_d02.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 54, 96)
        assert stream.average_rate == 10
        assert (stream.codec_context.color_range, stream.codec_context.colorspace) == (1, 5)  # limited, BT.601
        frames = list(container.decode(stream))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(8) / 10)
    for frame, picture in zip(frames, drawn, strict=True):
        luma = np.frombuffer(frame.planes[0], np.uint8).reshape(96, -1)[:, :54].astype(float)
        full = np.clip((luma - 16) * 255 / 219, 0, 255)  # the studio range of H.264
        away = full - cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        assert abs(away.mean()) < 1 and np.abs(away).mean() < 6


def test_done_work_stays_done_and_lost_work_is_made_again(made):
    before = contents(made)
    video = made / "BU" / "BU_d01.mp4"
    times = {path: path.stat().st_mtime_ns for path in made.rglob("*.mp4")}
    video.unlink()
    (made / "TDS" / ".TDS_d02.mp4.123.part").write_bytes(b"half a clip of a run that was killed")
    synthesize(made, TINY, progress=False)
    (made / "TDS" / ".TDS_d02.mp4.123.part").unlink(missing_ok=True)
    assert contents(made) == before
    assert [path.name for path, time in times.items() if path.stat().st_mtime_ns != time] == ["BU_d01.mp4"]


def test_frames_whose_sides_are_no_multiples_of_16_give_the_same_file_every_time(tmp_path):
    """With macroblock trees x264 reads memory it never set, and about every fourth file differs."""
    rendered = render_clip(10, 0, TINY)
    for number in range(6):
        studio._encode(rendered, tmp_path / f"{number}.mp4")
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1


def test_a_run_that_breaks_off_leaves_no_manifest_and_goes_on_later(tmp_path, monkeypatch, made):
    real = studio._encode
    calls = []

    def breaks(rendered, path):
        calls.append(path)
        if len(calls) == 3:
            path.write_bytes(b"half")
            raise KeyboardInterrupt
        real(rendered, path)

    monkeypatch.setattr(studio, "_encode", breaks)
    with pytest.raises(KeyboardInterrupt):
        synthesize(tmp_path / "clips", TINY, progress=False)
    assert not (tmp_path / "clips" / "manifest.csv").exists()
    assert not list((tmp_path / "clips").rglob("*.part"))
    monkeypatch.setattr(studio, "_encode", real)
    synthesize(tmp_path / "clips", TINY, progress=False)
    assert contents(tmp_path / "clips") == contents(made)


def test_other_settings_and_foreign_folders_are_refused_in_one_line(tmp_path, made):
    with pytest.raises(ValueError, match="made with other settings") as refusal:
        synthesize(made, replace(TINY, seed=4), progress=False)
    assert "\n" not in str(refusal.value)
    (tmp_path / "holiday.mp4").write_bytes(b"mine")
    with pytest.raises(ValueError, match="something else"):
        synthesize(tmp_path, TINY, progress=False)
    with pytest.raises(ValueError, match="something else"):
        synthesize(tmp_path / "holiday.mp4", TINY, progress=False)


def test_arrays_are_the_same_pictures_shrunk():
    found = list(render_arrays(TINY))
    assert [clip.clip_id for clip, *_ in found] == ["TDS/TDS_d01", "BU/BU_d01", "TDS/TDS_d02", "BU/BU_d02"]
    clip, frames, timestamps, truth = found[1]
    assert (clip.style, clip.dancer, clip.source) == ("Big Up's", "d01", "synthetic")
    assert frames.shape == (8, 128, 128) and frames.dtype == np.uint8
    assert timestamps == pytest.approx(np.arange(8) / 10)
    rendered = render_clip(10, 0, TINY)
    assert truth == rendered.truth
    for small, picture in zip(frames, rendered.frames(), strict=True):
        assert np.array_equal(small, shrink(picture))


def test_shrinking_weighs_the_colours_as_a_codec_does():
    picture = np.zeros((480, 270, 3), np.uint8)
    picture[:] = (200, 100, 50)
    small = shrink(picture)
    luma = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert np.array_equal(small, fit_luma(np.full((480, 270), luma, np.uint8)))


def test_two_processes_make_the_same_clips():
    settings = replace(TINY, styles=1, seconds=0.3)
    for one, two in zip(render_arrays(settings, jobs=2), render_arrays(settings), strict=True):
        assert one[0] == two[0] and one[3] == two[3]
        assert np.array_equal(one[1], two[1])


def test_without_pyav_and_tensorflow_arrays_can_still_be_made():
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['av', 'tensorflow', 'tensorflow_datasets']))\n"
        "from dance_tf.synthesis.studio import StudioSettings, render_arrays\n"
        "s = StudioSettings(styles=1, dancers=1, seconds=0.2, frame_rate=10, width=54, height=96)\n"
        "print(sum(len(frames) for _, frames, _, _ in render_arrays(s)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"


@pytest.mark.parametrize("damage", ["{", "[]", "{}"])
def test_a_clip_whose_truth_is_damaged_is_made_again(damage, tmp_path):
    synthesize(tmp_path / "out", TINY, progress=False)
    side = min((tmp_path / "out" / "truth").rglob("*.json"))
    before = side.read_text()
    side.write_text(damage)
    synthesize(tmp_path / "out", TINY, progress=False)
    assert side.read_text() == before


def test_a_damaged_record_of_the_settings_is_named(tmp_path):
    synthesize(tmp_path / "out", TINY, progress=False)
    (tmp_path / "out" / "studio.json").write_text("{")
    with pytest.raises(ValueError, match="studio.json cannot be read .*; choose another folder or delete it"):
        synthesize(tmp_path / "out", TINY, progress=False)
