"""Which clips there are: a manifest, a folder layout, or a refusal that says why."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Clip:
    """One piece of footage of one dancer dancing one style.

    Attributes:
        path: a video file, or a folder that holds an image sequence.
        style: label of the dance style; empty where it is not known (a clip to classify).
        dancer: who dances; empty where it is not known.
        clip_id: unique name within its catalog: the path relative to the footage folder, without its extension, with "/".
        source: where the footage came from; free text.
        consent: what the dancer agreed to; free text.
    """

    path: Path
    style: str = ""
    dancer: str = ""
    clip_id: str = ""
    source: str = ""
    consent: str = ""
