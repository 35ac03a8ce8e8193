"""What is known about a made-up clip because it was made: the ground truth beside it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple


class Fault(NamedTuple):
    """Frames `first` to `last`, both included, that curation must find; `reason` is one of its REASONS."""

    first: int
    last: int
    reason: str


class Mistake(NamedTuple):
    """From `start` to `end` seconds the dancer errs in the way `kind` says, seen at `joints`."""

    start: float
    end: float
    kind: str
    joints: tuple[str, ...]


@dataclass(frozen=True)
class ClipTruth:
    """The true story of a clip.

    Attributes:
        style, dancer: labels. skill: of the dancer, 0 to 1.
        frames, frame_rate: length in frames, frames a second.
        faults: frames that are no good, in the order of time, never overlapping.
        mistakes: where the dancer errs, in the order of time; never where the dancing cannot be seen.
        beats: seconds of every beat of the music within the clip.
        phase: beat of the choreography's round at time 0.
        camera_moves: whether the camera shakes or zooms.
    """

    style: str
    dancer: str
    skill: float
    frames: int
    frame_rate: float
    faults: tuple[Fault, ...]
    mistakes: tuple[Mistake, ...]
    beats: tuple[float, ...]
    phase: float
    camera_moves: bool

    def reasons(self) -> list[str]:
        """Per frame: the reason it must be dropped, or "" for a good frame."""
        found = [""] * self.frames
        for first, last, reason in self.faults:
            found[first : last + 1] = [reason] * (last + 1 - first)
        return found

    def to_json(self) -> str:
        """As one JSON document; `truth_from_json` reads it back."""
        document = asdict(self)
        document["faults"] = [fault._asdict() for fault in self.faults]
        document["mistakes"] = [mistake._asdict() for mistake in self.mistakes]
        return json.dumps(document, indent=1)


def truth_from_json(text: str) -> ClipTruth:
    """The inverse of `ClipTruth.to_json`; keys that are not its attributes are ignored.

    Raises:
        KeyError, TypeError, json.JSONDecodeError: if `text` is no such document.
    """
    document = json.loads(text)
    fields = {name: document[name] for name in ClipTruth.__dataclass_fields__}
    fields["faults"] = tuple(Fault(**fault) for fault in fields["faults"])
    fields["mistakes"] = tuple(
        Mistake(mistake["start"], mistake["end"], mistake["kind"], tuple(mistake["joints"]))
        for mistake in fields["mistakes"]
    )
    fields["beats"] = tuple(fields["beats"])
    return ClipTruth(**fields)


def read_truths(footage: Path) -> dict[str, ClipTruth]:
    """What is known of each made-up clip of a folder, by clip id; empty for a folder of real clips."""
    folder = Path(footage) / "truth"
    return {
        path.relative_to(folder).with_suffix("").as_posix(): truth_from_json(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.json"))
    }


def moving_cameras(truths: Mapping[str, ClipTruth]) -> frozenset[str]:
    """The clips, of `read_truths`, whose camera shakes or zooms: the part of a test set to look at by itself."""
    return frozenset(name for name, truth in truths.items() if truth.camera_moves)
