"""Clean plates: the room of a made-up clip with nobody in it, to hold to it the still room that curation found."""

import json
from pathlib import Path

import joblib
import numpy as np

from dance_tf.footage.workers import side_by_side
from dance_tf.synthesis.settings import GENERATOR, StudioSettings
from dance_tf.synthesis.studio import SETTINGS_FILE, shrink
from dance_tf.synthesis.take import clip_id, render_clip
from dance_tf.synthesis.truth import read_truths


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
    with side_by_side(jobs):
        drawn = joblib.Parallel()(
            joblib.delayed(_plates_of)(settings, dancer, styles) for dancer, styles in wanted.items()
        )
    return {name: plate for plates in drawn for name, plate in plates.items()}


def _plates_of(settings: StudioSettings, dancer: int, styles: list[int]) -> dict[str, np.ndarray]:
    takes = {clip_id(style, dancer): render_clip(style, dancer, settings).take for style in styles}
    return {name: shrink(take.plate()) for name, take in takes.items()}
