"""The still rooms of a dataset: how often they are told, how well, and which clips show it best."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from dance_tf.curation.background import UNSTEADY_LEVELS
from dance_tf.dataset.dataset import Dataset
from dance_tf.report.curation_tables import abbreviate
from dance_tf.synthesis.truth import ClipTruth, moving_cameras
from dance_tf.video.luma import picture_area

CAMERAS = {False: "still", True: "moving"}
COLUMNS = ["camera", "clips", "rooms_told", "share_told", "plates", "distance", "ghosts"]
ROOMS_CAPTION = (
    "Clips, and those whose room was told. Distance: gray levels that the room typically lies off the clean plate, the "
    f"median of the clips. Ghosts: share of the picture that is off by more than {UNSTEADY_LEVELS} levels, their mean."
)


def plate_distance(room: np.ndarray, plate: np.ndarray) -> tuple[float, float]:
    """How far a still room that was found lies from the clean plate, bars left out.

    Args:
        room, plate: uint8 [128, 128].

    Returns:
        the median absolute difference in gray levels, and the share of the picture that is off by more than
        `UNSTEADY_LEVELS`: a ghost of the dancer, or furniture out of place.
    """
    rows, columns = picture_area(plate[None])
    away = np.abs(room[rows, columns].astype(int) - plate[rows, columns])
    return float(np.median(away)), float((away > UNSTEADY_LEVELS).mean())


def rooms_by_camera(
    dataset: Dataset, truths: Mapping[str, ClipTruth], plates: Mapping[str, np.ndarray]
) -> pd.DataFrame:
    """How the still rooms of made-up clips come out, a row for still cameras and one for moving ones.

    Args:
        dataset: the clips as curated.
        truths: of `read_truths`; clips without one are left out, so that real footage gives no rows.
        plates: of `clean_plates`, uint8 [128, 128] by clip id; a moving camera has none.

    Returns:
        columns: clips; in how many of them and in which share the room was told; how many clean plates there are, the
        median over those clips of `plate_distance`, and the mean of its share of the picture.
    """
    moving = moving_cameras(truths)
    rows = []
    for moves, camera in CAMERAS.items():
        clips = [
            (place, clip)
            for place, clip in enumerate(dataset.clips)
            if clip.clip_id in truths and (clip.clip_id in moving) == moves
        ]
        if not clips:
            continue
        told = sum(clip.background_valid for _, clip in clips)
        away = [
            plate_distance(dataset.backgrounds[place, ..., 0], plates[clip.clip_id])
            for place, clip in clips
            if clip.clip_id in plates
        ]
        levels, shares = np.array(away).T if away else (np.array([np.nan]), np.array([np.nan]))
        found = (camera, len(clips), told, told / len(clips), len(away), np.median(levels), shares.mean())
        rows.append(dict(zip(COLUMNS, found, strict=True)))
    return pd.DataFrame(rows, columns=COLUMNS)


def pick_views(dataset: Dataset, truths: Mapping[str, ClipTruth], count: int = 4) -> np.ndarray:
    """The middle frames of clips that show what taking the room away does: int64 [k], frame indices, k at most `count`.

    Each is of another dancer and, where there are enough, of another style; the last one has a moving camera where
    some clip is known to have one, the others have none.
    """
    moving = moving_cameras(truths)
    names = np.array(dataset.dancers)
    left = [place for place, clip in enumerate(dataset.clips) if clip.clip_id not in moving]
    shaken = [place for place, clip in enumerate(dataset.clips) if clip.clip_id in moving]
    dancers = sorted(set(dataset.dancers))
    chosen: list[int] = []
    if shaken:
        chosen.append(shaken[len(shaken) // 2])
    spread = np.linspace(0, len(dancers) - 1, min(count, len(dancers))).round().astype(int)
    # the dancers spread over the company first, then the others, for where one has no clip to offer
    order = [dancers[place] for place in spread] + dancers
    for dancer in order:
        if len(chosen) == count:
            break
        danced = {dataset.clip_labels[place] for place in chosen}
        own = [place for place in left if names[place] == dancer]
        fresh = [place for place in own if dataset.clip_labels[place] not in danced] or own
        if fresh and dancer not in names[chosen]:
            chosen.append(fresh[len(chosen) * len(fresh) // count])
    chosen = chosen[1:] + chosen[:1] if shaken else chosen
    return np.array([_middle(dataset, place) for place in chosen], np.int64)


def _middle(dataset: Dataset, clip: int) -> int:
    members = np.flatnonzero(dataset.clip_index == clip)
    return int(members[len(members) // 2])


def view_labels(dataset: Dataset, frames: np.ndarray, truths: Mapping[str, ClipTruth]) -> list[str]:
    """What stands above each of the frames int64 [k]: style, dancer, camera if known, and whether the room is not."""
    moving, labels = moving_cameras(truths), []
    short = abbreviate([clip.style for clip in dataset.clips])
    for place in dataset.clip_index[frames]:
        clip = dataset.clips[place]
        camera = f"{CAMERAS[clip.clip_id in moving]} camera" if clip.clip_id in truths else ""
        unknown = "" if clip.background_valid else "room not told"
        notes = ", ".join(note for note in (camera, unknown) if note)
        labels.append("\n".join(line for line in (f"{short[place]}, {clip.dancer}", notes) if line))
    return labels
