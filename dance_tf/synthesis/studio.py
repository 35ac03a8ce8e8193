"""Clean plates: the room of a made-up clip with nobody in it, to hold to it the still room that curation found."""

import csv
import json
import os
from collections.abc import Iterator
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
from dance_tf.synthesis.take import RenderedClip, clip_id, render_clip
from dance_tf.synthesis.truth import ClipTruth, read_truths
from dance_tf.video.catalog import Clip
from dance_tf.video.luma import fit_luma
from dance_tf.video.workers import bar_hidden, worker_pool

__all__ = ["RenderedClip", "StudioSettings", "clip_id", "render_arrays", "render_clip", "synthesize"]

SETTINGS_FILE = "studio.json"
CONSENT = "made up"  # nobody was filmed
# x264: constant rate factor, speed; macroblock trees off, because they read memory that x264 never set where a side is
# no multiple of 16, and then the same frames give other files from run to run
CODEC = {"crf": "23", "preset": "veryfast", "x264-params": "mbtree=0"}
SIDE = 128


def _encode(rendered: RenderedClip, path: Path) -> None:
    """Write a clip as H.264 in an mp4 file. One thread: clips, not frames, are what runs in parallel."""
    import av

    settings = rendered.settings
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(settings.frame_rate).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = settings.width, settings.height, "yuv420p"
        stream.options = dict(CODEC)
        # colours follow BT.601, luma lies in 16 to 235: said in the file, so that no reader must guess
        stream.codec_context.colorspace = av.video.reformatter.Colorspace.ITU601
        stream.codec_context.color_range = av.video.reformatter.ColorRange.MPEG
        stream.codec_context.thread_count = 1
        for picture in rendered.frames():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _write_whole(path: Path, text: str) -> None:
    """Write a text file under a temporary name and rename it, so that it is there whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def clip_key(settings: StudioSettings, style_index: int, dancer_index: int) -> str:
    """Hash of all that decides a clip's pictures; how many others there are does not."""
    record = settings.as_record()
    for name in ("styles", "dancers"):
        del record[name]
    return sha256(json.dumps([record, style_index, dancer_index], sort_keys=True).encode()).hexdigest()


def _record_clip(out: Path, settings: StudioSettings, style_index: int, dancer_index: int) -> None:
    """Make one clip and its truth, unless they are there already; the truth comes last and vouches for the clip."""
    name = clip_id(style_index, dancer_index)
    video, side = out / f"{name}.mp4", out / truth_name(name)
    key = clip_key(settings, style_index, dancer_index)
    if video.exists() and side.exists() and _key_in(side) == key:
        return
    video.parent.mkdir(parents=True, exist_ok=True)
    side.parent.mkdir(parents=True, exist_ok=True)
    rendered = render_clip(style_index, dancer_index, settings)
    part = video.with_name(f".{video.name}.{os.getpid()}.part")
    try:
        _encode(rendered, part)
        os.replace(part, video)
    finally:
        part.unlink(missing_ok=True)
    _write_whole(side, truth_text(rendered.truth, key))


def _key_in(side: Path) -> str | None:
    """The key in a truth file; None in one that is damaged, whose clip is then made again."""
    try:
        return json.loads(side.read_text(encoding="utf-8"))["key"]
    except (ValueError, KeyError, TypeError):
        return None


def truth_name(name: str) -> str:
    """Where the truth of a clip lies in the folder of clips, or of arrays."""
    return f"truth/{name}.json"


def truth_text(truth: ClipTruth, key: str) -> str:
    """The truth of a clip as its file holds it, with the `clip_key` that it was made under."""
    return json.dumps({"key": key, **json.loads(truth.to_json())}, indent=1)


def _claim(out: Path, settings: StudioSettings) -> None:
    """Make sure that `out` is new or was begun with these very settings."""
    record = out / SETTINGS_FILE
    if record.exists():
        try:
            made = json.loads(record.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{record} cannot be read ({error}); choose another folder or delete it") from error
        if made != settings.as_record():
            raise ValueError(f"{out} was made with other settings ({record}); choose another folder or delete it")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ValueError(f"{out} holds something else already; choose a new or an empty folder")
    out.mkdir(parents=True, exist_ok=True)
    _write_whole(record, json.dumps(settings.as_record(), indent=1))


def synthesize(
    out: Path, settings: StudioSettings, jobs: int = 1, scheduler: str | None = None, progress: bool = True
) -> Path:
    """Make all clips as mp4 files, with `manifest.csv` and a truth file for each; what is there already stays.

    Args:
        out: a new folder, an empty one, or one begun with the same settings, which is then completed.
        settings: of all clips.
        jobs: processes on this machine; on a Dask cluster its workers count instead.
        scheduler: address of a Dask scheduler whose workers see `out` under the same path; None for this machine.
        progress: whether a bar goes to standard error.

    Returns:
        Path of the manifest, which is written last.

    Raises:
        ValueError: the folder was made with other settings or holds something else.
    """
    out = Path(out).resolve()
    _claim(out, settings)
    todo = settings.clips()
    with worker_pool(jobs, scheduler):
        made = joblib.Parallel(return_as="generator")(
            joblib.delayed(_record_clip)(out, settings, style, dancer) for style, dancer in todo
        )
        for _ in tqdm(made, total=len(todo), desc="clips", unit="clip", disable=bar_hidden(progress)):
            pass
    manifest = out / "manifest.csv"
    part = manifest.with_name(f".{manifest.name}.{os.getpid()}.part")
    with part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "style", "dancer", "source", "consent"])
        for style, dancer in sorted(todo):
            path = f"{clip_id(style, dancer)}.mp4"
            writer.writerow([path, STYLES[style].name, dancer_name(dancer), "synthetic", CONSENT])
    os.replace(part, manifest)
    return manifest


def shrink(frame: np.ndarray) -> np.ndarray:
    """Luma uint8 [128, 128] of a picture uint8 [h, w, 3], RGB: ITU-R BT.601 weights, area averaged, padded."""
    return fit_luma(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), SIDE, "pad")


def _array_of(settings: StudioSettings, style: int, dancer: int) -> tuple[Clip, np.ndarray, np.ndarray, ClipTruth]:
    rendered = render_clip(style, dancer, settings)
    frames = np.empty((rendered.truth.frames, SIDE, SIDE), np.uint8)
    for index, picture in enumerate(rendered.frames()):
        frames[index] = shrink(picture)
    clip = Clip(
        path=Path(rendered.clip_id),
        style=rendered.truth.style,
        dancer=rendered.truth.dancer,
        clip_id=rendered.clip_id,
        source="synthetic",
        consent=CONSENT,
    )
    return clip, frames, rendered.timestamps, rendered.truth


def render_arrays(
    settings: StudioSettings, jobs: int = 1, progress: bool = False
) -> Iterator[tuple[Clip, np.ndarray, np.ndarray, ClipTruth]]:
    """All clips, dancer by dancer, straight as a network sees them, with no codec: neither PyAV nor FFmpeg is needed.

    Args:
        settings: of all clips.
        jobs: processes; clips come in the same order whatever it is.
        progress: whether a bar goes to standard error.

    Yields:
        The clip, its luma uint8 [n, 128, 128], its timestamps float64 [n] in seconds, and its truth.
    """
    todo = settings.clips()
    made = joblib.Parallel(n_jobs=jobs, return_as="generator")(
        joblib.delayed(_array_of)(settings, style, dancer) for style, dancer in todo
    )
    yield from tqdm(made, total=len(todo), desc="clips", unit="clip", disable=bar_hidden(progress))


def read_settings(footage: Path) -> StudioSettings | None:
    """The settings that a folder was made with; None for real clips, and where another generator drew them."""
    path = Path(footage) / SETTINGS_FILE
    record = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    if record.pop("generator", None) != GENERATOR:
        return None
    return StudioSettings(**{**record, "good_frames": tuple(record["good_frames"])})


def clean_plates(footage: Path, jobs: int = 1) -> dict[str, np.ndarray]:
    """Draw the room as each clip of a folder shows it, of those whose camera stands still.

    A camera that moves has another plate in every frame, so those clips have none here.

    Args:
        footage: what `studio.synthesize` wrote, or any other folder.
        jobs: processes side by side.

    Returns:
        luma uint8 [128, 128] by clip id, captions and filters included, noise and codec not; empty for real clips.
    """
    settings = read_settings(footage)
    if settings is None:
        return {}
    still = {name for name, truth in read_truths(footage).items() if not truth.camera_moves}
    wanted: dict[int, list[int]] = {}
    for style, dancer in settings.clips():
        if clip_id(style, dancer) in still:
            wanted.setdefault(dancer, []).append(style)
    # a dancer's clips stay together, so that each room is drawn once
    with worker_pool(jobs):
        drawn = joblib.Parallel()(
            joblib.delayed(_plates_of)(settings, dancer, styles) for dancer, styles in wanted.items()
        )
    return {name: plate for plates in drawn for name, plate in plates.items()}


def _plates_of(settings: StudioSettings, dancer: int, styles: list[int]) -> dict[str, np.ndarray]:
    takes = {clip_id(style, dancer): render_clip(style, dancer, settings).take for style in styles}
    return {name: shrink(take.plate()) for name, take in takes.items()}
