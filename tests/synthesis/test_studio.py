import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from dance_tf.synthesis import studio
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.music import play
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import (
    SETTINGS_FILE,
    clean_plates,
    clip_key,
    folder_settings,
    render_arrays,
    shrink,
    synthesize,
)
from dance_tf.synthesis.take import RenderedClip, clip_id
from dance_tf.synthesis.truth import truth_from_json
from dance_tf.video.sound import ONSET_RATE, SAMPLE_RATE, read_onsets

TINY = StudioSettings(styles=2, dancers=2, seconds=0.8, frame_rate=10, width=54, height=96, seed=3)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("studio") / "clips"
    assert synthesize(out, TINY) == out.resolve() / "manifest.csv"
    return out


def contents(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_the_manifest_lists_every_clip_and_each_has_its_truth(made):
    with (made / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = ["TDS/TDS_d01", "TDS/TDS_d02", "BU/BU_d01", "BU/BU_d02"]
    assert [row["path"] for row in rows] == [f"{name}.mp4" for name in names]
    labels = {"style": "The Dance Song", "dancer": "d01", "source": "synthetic", "consent": "made up"}
    assert rows[0] == {"path": "TDS/TDS_d01.mp4", **labels}
    assert all((made / row["path"]).is_file() for row in rows)
    text = (made / "truth" / "BU" / "BU_d02.json").read_text(encoding="utf-8")
    assert truth_from_json(text) == RenderedClip(10, 1, TINY).truth
    assert json.loads(text)["key"] == clip_key(TINY, 10, 1)


def test_an_mp4_holds_the_drawn_frames(made):
    import av

    drawn = list(RenderedClip(10, 1, TINY).frames())
    with av.open(str(made / "BU" / "BU_d02.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 54, 96)
        assert stream.average_rate == 10
        assert (stream.codec_context.color_range, stream.codec_context.colorspace) == (1, 5)  # limited, BT.601
        frames = list(container.decode(stream))
    assert [frame.time for frame in frames] == pytest.approx(np.arange(8) / 10)
    for frame, picture in zip(frames, drawn, strict=True):
        luma = np.frombuffer(frame.planes[0], np.uint8).reshape(96, -1)[:, :54].astype(float)
        full = np.clip((luma - 16) * 255 / 219, 0, 255)  # limited range of H.264
        away = full - cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        assert abs(away.mean()) < 1 and np.abs(away).mean() < 6


def test_an_mp4_holds_the_song_with_its_beats(tmp_path):
    settings = StudioSettings(styles=2, dancers=2, seconds=4.0, frame_rate=5, width=32, height=32)
    synthesize(tmp_path / "clips", settings)
    onsets = read_onsets(tmp_path / "clips" / "BU" / "BU_d02.mp4").astype(float).sum(axis=1)
    at, beats = np.arange(len(onsets)) / ONSET_RATE, np.array(RenderedClip(10, 1, settings).truth.beats)
    near = np.abs(at[:, None] - beats).min(axis=1) < 0.04
    assert onsets[near].mean() > 4 * onsets[~near].mean()


def test_a_song_is_that_of_the_style_and_repeats_with_the_choreography():
    style, beat, length = STYLES[10], 0.5, len(STYLES[10].poses)
    whole = play(style, 0.0, beat, beat * length + 4.0)
    later = play(style, 2.25, beat, 4.0)
    start = round(2.25 * beat * SAMPLE_RATE)
    np.testing.assert_allclose(later[SAMPLE_RATE:], whole[start + SAMPLE_RATE : start + len(later)], atol=1)
    np.testing.assert_array_equal(whole[SAMPLE_RATE : 4 * SAMPLE_RATE], whole[-3 * SAMPLE_RATE :])
    assert np.corrcoef(whole, play(STYLES[1], 0.0, beat, beat * length + 4.0))[0, 1] < 0.6


@pytest.mark.parametrize("damage", ["{", "[]", "{}"])
def test_finished_clips_are_kept_and_missing_or_damaged_ones_made_again(made, damage):
    before = contents(made)
    times = {path: path.stat().st_mtime_ns for path in made.rglob("*.mp4")}
    (made / "BU" / "BU_d01.mp4").unlink()
    (made / "truth" / "TDS" / "TDS_d01.json").write_text(damage)
    leftover = made / "TDS" / ".TDS_d02.mp4.123.part"
    leftover.write_bytes(b"half a clip of a run that was killed")
    synthesize(made, TINY)
    leftover.unlink()
    assert contents(made) == before
    changed = {path.name for path, time in times.items() if path.stat().st_mtime_ns != time}
    assert changed == {"BU_d01.mp4", "TDS_d01.mp4"}


def test_an_interrupted_run_leaves_no_partial_file_and_continues(tmp_path, monkeypatch, made):
    calls = []

    def frames():
        yield np.zeros((96, 54, 3), np.uint8)
        raise KeyboardInterrupt

    def interrupted(*arguments):
        calls.append(arguments)
        broken = SimpleNamespace(settings=TINY, frames=frames, sound=lambda: np.zeros(0, np.int16))
        return broken if len(calls) == 3 else RenderedClip(*arguments)

    out = tmp_path / "clips"
    monkeypatch.setattr(studio, "RenderedClip", interrupted)
    with pytest.raises(KeyboardInterrupt):
        synthesize(out, TINY)
    assert not (out / "manifest.csv").exists() and not list(out.rglob("*.part"))
    synthesize(out, TINY)
    assert len(calls) == 5  # three, and the two that were missing
    # without mbtree=0, x264 gives another file in about one of four encodings of these frames
    assert contents(out) == contents(made)


def test_other_settings_and_other_folders_are_refused_in_one_line(tmp_path, made):
    with pytest.raises(ValueError, match="made with other settings") as refusal:
        synthesize(made, replace(TINY, seed=4))
    assert "\n" not in str(refusal.value)
    (tmp_path / "holiday.mp4").write_bytes(b"mine")
    for other in (tmp_path, tmp_path / "holiday.mp4"):
        with pytest.raises(ValueError, match="something other"):
            synthesize(other, TINY)
    (tmp_path / SETTINGS_FILE).write_text("{")
    with pytest.raises(ValueError, match="studio.json cannot be read .*; choose another folder or delete it"):
        synthesize(tmp_path, TINY)


def test_arrays_are_the_same_pictures_shrunk():
    found = list(render_arrays(TINY))
    assert [clip.clip_id for clip, *_ in found] == ["TDS/TDS_d01", "BU/BU_d01", "TDS/TDS_d02", "BU/BU_d02"]
    clip, frames, timestamps, truth = found[1]
    assert (clip.style, clip.dancer, clip.source) == ("Big Up's", "d01", "synthetic")
    assert frames.shape == (8, 128, 128) and frames.dtype == np.uint8
    assert timestamps == pytest.approx(np.arange(8) / 10)
    rendered = RenderedClip(10, 0, TINY)
    assert truth == rendered.truth
    np.testing.assert_array_equal(frames, [shrink(picture) for picture in rendered.frames()])
    for one, two in zip(render_arrays(TINY, jobs=2), found, strict=True):
        assert one[0] == two[0] and one[3] == two[3]
        assert np.array_equal(one[1], two[1])


def test_arrays_need_neither_pyav_nor_tensorflow():
    program = (
        "import sys; sys.modules.update(dict.fromkeys(['av', 'tensorflow', 'tensorflow_datasets']))\n"
        "from dance_tf.synthesis.studio import StudioSettings, render_arrays\n"
        "s = StudioSettings(styles=1, dancers=1, seconds=0.2, frame_rate=10, width=54, height=96)\n"
        "print(sum(len(frames) for _, frames, _, _ in render_arrays(s)))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "2"


def test_clips_with_a_still_camera_have_a_plate(tmp_path):
    settings = replace(TINY, styles=3, dancers=3, good_frames=(6,) * 12)
    synthesize(tmp_path, settings)
    rendered = {clip_id(style, dancer): RenderedClip(style, dancer, settings) for style, dancer in settings.clips()}
    expected = {name: shrink(clip.plate()) for name, clip in rendered.items() if not clip.truth.camera_moves}
    assert 0 < len(expected) < 9
    plates = clean_plates(tmp_path)
    assert set(plates) == set(expected)
    for name, plate in plates.items():
        np.testing.assert_array_equal(plate, expected[name])
    (tmp_path / SETTINGS_FILE).write_text(json.dumps({**settings.as_record(), "generator": 0}))  # of another version
    assert clean_plates(tmp_path) == clean_plates(tmp_path / "TDS") == {}


def test_settings_are_read_from_the_folder(made, tmp_path):
    assert folder_settings(made) == TINY
    assert folder_settings(tmp_path) is None  # real clips
    for other in ({"generator": 0}, {"motion": "/takes"}):
        (tmp_path / SETTINGS_FILE).write_text(json.dumps({**TINY.as_record(), **other}))
        assert folder_settings(tmp_path) is None
