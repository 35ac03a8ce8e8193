"""Write clips of captured motion: one for each take of a folder, with labels from its folders or its manifest."""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from dance_tf.synthesis.motion_capture import AVERAGE, UNITS, read_motion
from dance_tf.synthesis.motion_file import MotionError, check_file
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import claim_folder, finished_truth, write_clip, write_manifest
from dance_tf.synthesis.take import CapturedClip
from dance_tf.video.catalog import Clip, Refusal, find_clips
from dance_tf.video.files import whole_file
from dance_tf.video.workers import call_each

COLUMNS = ("style", "dancer", "source", "consent", "split", "group", "trust")  # of the manifest, after the path
SOURCE = "motion capture"  # of takes whose manifest names no source
SMALL = 0.3  # height of a performer, as a share of the frame's, that is worth a note


@dataclass(frozen=True)
class Take:
    """What was found in the file of a clip."""

    seconds: float  # of motion
    unit: str  # as in `CapturedMotion`, like the next two
    up: str
    rest_pose: bool
    size: float  # median height of the performer in the picture, as a share of the frame's


@dataclass(frozen=True)
class DrawnTakes:
    """The result of `synthesize_motion`."""

    takes: dict[str, Take]  # by clip id
    refused: tuple[Refusal, ...]  # files that gave no clip
    layout: str  # of the folder, as in `Catalog`, like the next
    notes: tuple[str, ...]

    def findings(self, seconds: float) -> list[str]:
        """Return what was assumed and left out, a line each; `seconds` is the length of the longest possible clip."""
        takes = self.takes.values()
        units = Counter(f"unit {take.unit}, {take.up} upwards" for take in takes)
        counts = [(count, what) for what, count in units.most_common()]
        counts += [
            (sum(take.unit not in UNITS for take in takes), f"performer taken as {AVERAGE} m tall"),
            (sum(take.rest_pose for take in takes), "rest pose in the first frame left out"),
            (sum(take.seconds > seconds + 0.05 for take in takes), f"longer than {seconds:g} s, only the start drawn"),
            (sum(take.seconds < seconds - 0.05 for take in takes), f"shorter than {seconds:g} s, so is the clip"),
            (sum(take.size < SMALL for take in takes), "performer small in the picture, a larger --width helps"),
        ]
        return [f"{count} {'take' if count == 1 else 'takes'}: {what}" for count, what in counts if count]


def synthesize_motion(
    folder: Path,
    out: Path,
    settings: StudioSettings,
    jobs: int = 1,
    scheduler: str | None = None,
) -> DrawnTakes:
    """Draw each take of a folder of motion capture as a clip, like `synthesize`; finished clips are kept.

    Beside the truth of a clip, `truth/<clip>.npz` has its `joints`, float32 [n, 21, 3] in metres in the order of
    `JOINTS`, and `points`, float32 [n, 21, 3], those of `Snapshot`.

    Args:
        folder: BVH and C3D files in one of the layouts of `find_clips`.
        out, jobs, scheduler: as in `synthesize`; workers of a scheduler need both folders.
        settings: without effect are `styles`, `dancers` and `good_frames`; `seconds` limits the length of a clip.

    Raises:
        CatalogError: the folder holds no takes.
        ValueError: no take can be drawn, or `out` was made with other settings or contains something else.
    """
    folder, out = Path(folder).absolute(), Path(out).resolve()
    source = folder.resolve()
    if out == source or out in source.parents or source in out.parents:
        raise ValueError(f"{out} would be written, but it overlaps with {source}, which is read: name another folder")
    catalog = find_clips(folder)
    claim_folder(out, settings, motion=str(source))
    tasks = [(out, settings, clip) for clip in catalog.clips]
    made = call_each(_write_take, tasks, "clips", jobs, scheduler)
    found = dict(zip(catalog.clips, made, strict=True))
    takes = {clip.clip_id: take for clip, take in found.items() if isinstance(take, Take)}
    refused = [Refusal(clip.path, take) for clip, take in found.items() if isinstance(take, str)]
    rows = [("path", *COLUMNS)]
    for clip in found:
        if clip.clip_id in takes:
            labels = asdict(clip) | {"source": clip.source or SOURCE}
            rows.append((f"{clip.clip_id}.mp4", *(labels[name] for name in COLUMNS)))
    if takes:
        write_manifest(out, rows)
    return DrawnTakes(takes, (*catalog.refused, *refused), catalog.layout, catalog.notes)


def _write_take(out: Path, settings: StudioSettings, clip: Clip) -> Take | str:
    """Write one clip with its truth and joints, unless they exist; return what was found, or why it is refused."""
    name = clip.clip_id
    joints = out / "truth" / f"{name}.npz"
    try:
        check_file(clip.path)
        labels = [name, clip.style, clip.dancer, clip.start, clip.end]
        content = [settings.as_record(), labels, sha256(clip.path.read_bytes()).hexdigest()]
        key = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
        record = finished_truth(out, name, key)
        if record is not None and joints.exists():
            return Take(**record["take"])
        captured = read_motion(clip.path)
        drawn = CapturedClip(clip, captured, settings)
    except (MotionError, OSError) as error:
        return " ".join(str(getattr(error, "strerror", None) or error).split())
    except ImportError:
        raise
    except Exception as error:  # noqa: BLE001 - one bad file must not stop the others
        return f"unexpected {type(error).__name__}: {' '.join(str(error).split())}"
    points = np.stack([shot.points for shot in drawn.snapshots])
    size = float(np.median(np.ptp(points[:, :, 1], axis=1))) / settings.height
    take = Take(round(drawn.whole, 3), captured.unit, captured.up, captured.rest_pose, round(size, 3))
    with whole_file(joints) as part, open(part, "wb") as file:
        moved = drawn.motion.joints.astype(np.float32)
        np.savez_compressed(file, joints=moved, points=points.astype(np.float32))
    write_clip(out, name, key, drawn, take=asdict(take))
    return take
