"""Write sets of made-up clips as mp4 files, return them as arrays, and draw their clean plates."""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from hashlib import sha256
from pathlib import Path

import cv2
import joblib
import numpy as np
from tqdm import tqdm

from dance_tf.synthesis.body import dancer_name
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.settings import GENERATOR, StudioSettings
from dance_tf.synthesis.take import DrawnClip, RenderedClip, clip_id
from dance_tf.synthesis.truth import ClipTruth
from dance_tf.video.catalog import Clip
from dance_tf.video.files import whole_file
from dance_tf.video.luma import fit_luma
from dance_tf.video.sound import SAMPLE_RATE
from dance_tf.video.workers import call_each

SETTINGS_FILE = "studio.json"
CONSENT = "made up"  # no person was filmed
# without mbtree=0, x264 reads uninitialised memory where a side is no multiple of 16, and equal frames give other files
CODEC = {"crf": "23", "preset": "veryfast", "x264-params": "mbtree=0"}


def _encode(rendered: DrawnClip, path: Path) -> None:
    """Write a clip as H.264 and AAC in an mp4 file, in one thread: the clips run in parallel."""
    import av

    settings = rendered.settings
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(settings.frame_rate).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = settings.width, settings.height, "yuv420p"
        stream.options = dict(CODEC)
        # state in the file that colours follow BT.601 and luma lies in 16 to 235
        stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU601
        stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
        stream.codec_context.thread_count = 1
        if len(sound := rendered.sound()):
            song = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
            heard = av.AudioFrame.from_ndarray(sound[None], format="s16", layout="mono")
            heard.sample_rate, heard.time_base, heard.pts = SAMPLE_RATE, Fraction(1, SAMPLE_RATE), 0
            container.mux(song.encode(heard))
            container.mux(song.encode())
        for picture in rendered.frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def clip_key(settings: StudioSettings, style_index: int, dancer_index: int) -> str:
    """Return the hash of all settings that determine a clip's pictures; the size of the set does not."""
    record = {name: value for name, value in settings.as_record().items() if name not in ("styles", "dancers")}
    return sha256(json.dumps([record, style_index, dancer_index], sort_keys=True).encode()).hexdigest()


def finished_truth(out: Path, name: str, key: str) -> dict | None:
    """Return the truth file of a clip that is complete and has this key; None if it must be made."""
    video, truth = out / f"{name}.mp4", out / "truth" / f"{name}.json"
    with suppress(ValueError, KeyError, TypeError):  # a damaged truth
        if video.exists() and truth.exists():
            record = json.loads(truth.read_text(encoding="utf-8"))
            return record if record["key"] == key else None
    return None


def write_clip(out: Path, name: str, key: str, drawn: DrawnClip, **more: object) -> None:
    """Write a clip and its truth, which is written last and so shows that the clip is complete.

    Args:
        key: of all that determines the clip.
        more: further entries of the truth file.
    """
    with whole_file(out / f"{name}.mp4") as part:
        _encode(drawn, part)
    with whole_file(out / "truth" / f"{name}.json") as part:
        part.write_bytes(drawn.truth.to_json(key, **more).encode())


def _write_clip(out: Path, settings: StudioSettings, style_index: int, dancer_index: int) -> None:
    name, key = clip_id(style_index, dancer_index), clip_key(settings, style_index, dancer_index)
    if finished_truth(out, name, key) is None:
        write_clip(out, name, key, RenderedClip(style_index, dancer_index, settings))


def claim_folder(out: Path, settings: StudioSettings, **sources: str) -> None:
    """Check that `out` is new or was begun with the same settings and sources, and store them there."""
    record, wanted = out / SETTINGS_FILE, settings.as_record() | sources
    if record.exists():
        try:
            stored = json.loads(record.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{record} cannot be read ({error}); choose another folder or delete it") from error
        if stored != wanted:
            raise ValueError(f"{out} was made with other settings ({record}); choose another folder or delete it")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} contains something other than synthetic clips; choose a new or an empty folder")
    with whole_file(record) as part:
        part.write_bytes(json.dumps(wanted, indent=1).encode())


def write_manifest(out: Path, rows: Iterable[tuple[str, ...]]) -> Path:
    """Write `manifest.csv` with the columns of the first row, and return its path."""
    with whole_file(out / "manifest.csv") as part, open(part, "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return out / "manifest.csv"


def synthesize(
    out: Path,
    settings: StudioSettings,
    jobs: int = 1,
    scheduler: str | None = None,
    wanted: Iterable[tuple[int, int]] | None = None,
) -> Path:
    """Write all clips as mp4 files, with `manifest.csv` and a truth file for each; finished clips are kept.

    Args:
        out: a new folder, an empty one, or one begun with the same settings, which is then completed.
        wanted: those of `settings.clips()` that are made; all by default.

    Returns:
        Path of the manifest, which is written last.

    Raises:
        ValueError: the folder was made with other settings or contains something else.
    """
    out = Path(out).resolve()
    claim_folder(out, settings)
    todo = settings.clips() if wanted is None else list(wanted)
    call_each(_write_clip, [(out, settings, *pair) for pair in todo], "clips", jobs, scheduler)
    rows = [("path", "style", "dancer", "source", "consent")]
    for style, dancer in sorted(todo):
        rows.append((f"{clip_id(style, dancer)}.mp4", STYLES[style].name, dancer_name(dancer), "synthetic", CONSENT))
    return write_manifest(out, rows)


def shrink(frame: np.ndarray) -> np.ndarray:
    """Return luma uint8 [128, 128] of a picture uint8 [h, w, 3], RGB: ITU-R BT.601 weights, area averaged, padded."""
    return fit_luma(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY))


def _render_array(settings: StudioSettings, style: int, dancer: int) -> tuple[Clip, np.ndarray, np.ndarray, ClipTruth]:
    rendered, name = RenderedClip(style, dancer, settings), clip_id(style, dancer)
    truth, frames = rendered.truth, np.stack([shrink(picture) for picture in rendered.frames()])
    return Clip(Path(name), truth.style, truth.dancer, name, "synthetic", CONSENT), frames, rendered.timestamps, truth


def render_arrays(settings: StudioSettings, jobs: int = 1) -> Iterator[tuple[Clip, np.ndarray, np.ndarray, ClipTruth]]:
    """Yield all clips by dancer, in the size of a network's input, without a codec (no PyAV and FFmpeg).

    Yields:
        The clip, its luma uint8 [n, 128, 128], its timestamps float64 [n] in seconds, and its truth.
    """
    todo = settings.clips()
    made = joblib.Parallel(n_jobs=jobs, return_as="generator")(
        joblib.delayed(_render_array)(settings, style, dancer) for style, dancer in todo
    )
    yield from tqdm(made, total=len(todo), desc="clips", unit="clip")


def folder_settings(footage: Path) -> StudioSettings | None:
    """Return the settings of a folder of made-up clips, with which `RenderedClip` makes their joints again.

    Returns:
        None for real clips, for clips of captured motion, and for clips of another version of the generator.
    """
    path = Path(footage) / SETTINGS_FILE
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if record.pop("generator", None) != GENERATOR or "motion" in record:
        return None
    return StudioSettings(**{**record, "good_frames": tuple(record["good_frames"])})


def _plate(settings: StudioSettings, style: int, dancer: int) -> tuple[str, np.ndarray | None]:
    rendered = RenderedClip(style, dancer, settings)
    return clip_id(style, dancer), None if rendered.truth.camera_moves else shrink(rendered.plate())


def clean_plates(footage: Path, jobs: int = 1) -> dict[str, np.ndarray]:
    """Return the clean plate of each made-up clip whose camera does not move: its frame without the dancer.

    Returns:
        luma uint8 [128, 128] by clip id, with captions and filters, without noise and codec; empty without
        `folder_settings`.
    """
    settings = folder_settings(footage)
    if settings is None:
        return {}
    tasks = [(settings, *indices) for indices in settings.clips()]
    drawn = call_each(_plate, tasks, "plates", jobs, batch_size=settings.styles)  # a dancer: each room is drawn once
    return {name: plate for name, plate in drawn if plate is not None}
