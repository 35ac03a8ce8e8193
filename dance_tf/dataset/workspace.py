"""The footage, the dataset and the cached training runs of a report, found through one file in its folder."""

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from dance_tf.curation.parts import CurationRow, read_rows
from dance_tf.dataset.build import curate_folder, parts_folder
from dance_tf.dataset.dataset import Dataset, DatasetError
from dance_tf.dataset.store import open_dataset
from dance_tf.pose.read import PoseSettings
from dance_tf.synthesis.captured_clips import synthesize_motion
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize
from dance_tf.synthesis.truth import ClipTruth, truth_from_json
from dance_tf.video.catalog import find_clips
from dance_tf.video.summary import describe_catalog

FILE = "workspace.json"


@dataclass(frozen=True)
class Workspace:
    """The data of a report."""

    footage: Path  # folder of the clips
    dataset: Path  # folder of the curated dataset
    work: Path  # folder of cached runs
    source: str  # "synthetic", or the name of the footage folder

    def open(self) -> Dataset:
        """Open the dataset."""
        return open_dataset(self.dataset)

    def rows(self) -> tuple[CurationRow, ...]:
        """Return the curation result of each file."""
        return read_rows(self.dataset / "curation.csv")

    def part(self, row: CurationRow) -> Path:
        """Return the file of a row's curated clip, which also lists the dropped frames."""
        return parts_folder(self.dataset) / row.part

    def clip_path(self, row: CurationRow) -> Path:
        """Return the file of a row's clip, also when the work folder has been moved."""
        moved = self.footage / f"{row.clip_id}{Path(row.path).suffix}"
        return moved if moved.exists() else Path(row.path)

    def found(self) -> dict[str, object]:
        """Return what is in the footage folder (`describe_catalog`)."""
        return describe_catalog(find_clips(self.footage))

    def truth(self, clip_id: str) -> ClipTruth | None:
        """Return the ground truth of a made-up clip; None for real footage."""
        path = self.footage / "truth" / f"{clip_id}.json"
        return truth_from_json(path.read_text(encoding="utf-8")) if path.is_file() else None


def prepare_workspace(
    run_folder: Path,
    work: Path,
    footage: str,
    studio: StudioSettings,
    jobs: int = 1,
    scheduler: str | None = None,
    poses: PoseSettings | None = None,
    motion: str = "",
) -> Workspace:
    """Make clips, or use a folder of clips, and curate them; finished work is reused.

    Args:
        run_folder: folder that gets `workspace.json`: the report's, or one in it for other clips.
        footage: folder of real clips; empty for made-up dancers.
        poses: how skeletons are found; None to look for none.
        motion: folder of motion capture that made-up people dance (`synthesize_motion`), instead of made-up dances.
    """
    work = Path(work)
    if footage:
        clips, source = Path(footage), Path(footage).resolve().name
        key = hashlib.sha256(str(clips.resolve()).encode()).hexdigest()[:12]
    else:
        made = studio.as_record() | ({"motion": str(Path(motion).resolve())} if motion else {})
        key = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:12]
        clips, source = work / f"footage-{key}", "synthetic"
        if motion:
            synthesize_motion(Path(motion), clips, studio, jobs, scheduler)
            source = "synthetic, captured motion"
        else:
            synthesize(clips, studio, jobs, scheduler)
    dataset = work / f"dataset-{key}"
    curate_folder(clips, dataset, jobs, scheduler, poses=poses)
    folders = {"footage": clips, "dataset": dataset, "work": work}
    content = {name: os.path.relpath(folder, run_folder) for name, folder in folders.items()}
    Path(run_folder).mkdir(parents=True, exist_ok=True)
    (Path(run_folder) / FILE).write_text(json.dumps({**content, "source": source}))
    return Workspace(source=source, **folders)


def open_workspace(run_folder: Path) -> Workspace:
    """Return the workspace that `prepare_workspace` made for a report.

    Raises:
        DatasetError: there is none.
    """
    path = Path(run_folder) / FILE
    if not path.is_file():
        raise DatasetError(f"{run_folder} has no {FILE}: run 00_curate_clips first")
    content = json.loads(path.read_text())
    folders = {name: Path(run_folder) / content[name] for name in ("footage", "dataset", "work")}
    return Workspace(source=content["source"], **folders)
