"""Which clips there are: a manifest, a folder layout, or a refusal that says why.

Layouts, tried in this order:

- `manifest.csv` with the columns path and style, and optionally dancer, source and consent;
- a single video file, or one folder of numbered images: one clip without labels;
- TikTok (Kaggle): `TikTok_dataset/NNNNN/images/*.png` and `TikTok_Raw_Videos/seq_A_B/*.mp4` with `dance_name.txt`;
- GETARI (Mendeley): `{train,val,test}/<Class>/<Class>_<n>.mp4`; two of these folders are enough to tell it;
- `<style>/<dancer>_*.ext`, `<style>/<dancer>/*.ext`, and image-sequence folders in the place of files;
- loose files or image-sequence folders side by side: clips without style or dancer.

A file whose extension is not known is offered to the decoder; texts, tables and the like beside the clips are passed
over. Whatever else lies at a place where the layout has no clips is refused by name. A manifest says itself what is
offered: what it does not list is not.

A labelled clip whose layout names no dancer counts as danced by someone of its own: its dancer is its clip id. A split
by dancer then keeps every such clip whole, but cannot know that two of them show the same person.
"""

import csv
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from dance_tf.video.clip import USUAL_SUFFIXES, Clip, Refusal, is_image_sequence, legible, listed
from dance_tf.video.layouts import (
    SPLITS,
    from_getari,
    from_loose,
    from_styles,
    from_tiktok,
    has_styles,
    labelled,
    refusing,
)

__all__ = ["Catalog", "CatalogError", "Clip", "Refusal", "find_clips", "is_image_sequence"]

MANIFEST = "manifest.csv"
ROUNDS = 5  # of telling equal clip ids apart


class CatalogError(ValueError):
    """Footage in which no clip can be found, with the reason in one line."""


@dataclass(frozen=True)
class Catalog:
    """All that a footage folder offers.

    Attributes:
        clips: in the order of their clip ids (of the manifest, where there is one).
        refused: what was offered and is no clip.
        layout: "manifest", "single", "tiktok", "getari", "styles" or "loose".
    """

    clips: tuple[Clip, ...]
    refused: tuple[Refusal, ...]
    layout: str


def find_clips(footage: Path) -> Catalog:
    """List the clips of a file or folder; nothing is opened but the manifest and name files.

    Args:
        footage: a folder in one of the layouts above, or one video file.

    Raises:
        CatalogError: nothing there, an unreadable manifest, or no clip at all.
    """
    footage = Path(footage)
    try:
        there = footage.exists()
    except OSError as error:
        raise CatalogError(f"{footage}: cannot be read ({error.strerror})") from error
    if not there:
        raise CatalogError(f"{footage}: no such file or folder")
    if footage.is_file() and footage.name != MANIFEST:
        return Catalog((Clip(footage, clip_id=legible(footage.stem)),), (), "single")
    if footage.name == MANIFEST:
        footage = footage.parent
    try:
        clips, refused, layout = _read_layout(footage)
    except OSError as error:
        raise CatalogError(f"{footage}: cannot be listed ({error.strerror})") from error
    if not clips and not refused:
        raise CatalogError(
            f"{footage}: no clips found; expected {MANIFEST} (path, style, dancer, source), "
            "<style>/<dancer>_*.mp4, <style>/<dancer>/*.mp4, or video files"
        )
    return Catalog(_unique(clips, footage), tuple(refused), layout)


def clips_offered(path: Path) -> tuple[list[Path], list[Refusal]]:
    """The clips that a path stands for: those in it where it is a folder of clips, in any layout, and else itself.

    Returns:
        paths of clips, and what lies among them and is none; a folder without any clip is refused as a whole.
    """
    try:
        if not path.is_dir() or is_image_sequence(path):
            return [path], []
        catalog = find_clips(path)
    except CatalogError as error:
        return [], [Refusal(path, str(error).removeprefix(f"{path}: "))]
    except OSError:
        return [path], []  # whoever reads it says what is wrong
    return [clip.path for clip in catalog.clips], list(catalog.refused)


def _read_layout(root: Path) -> tuple[list[Clip], list[Refusal], str]:
    if (root / MANIFEST).is_file():
        return *_from_manifest(root), "manifest"
    if is_image_sequence(root):
        return [Clip(root, clip_id=root.resolve().name)], [], "single"
    folders = [path for path in listed(root) if path.is_dir()]
    names = {path.name for path in folders}
    if names & {"TikTok_dataset", "TikTok_Raw_Videos"} or root.name in ("TikTok_dataset", "TikTok_Raw_Videos"):
        return *from_tiktok(root), "tiktok"
    if names and names <= SPLITS or len(names & SPLITS) > 1:
        return *from_getari(root), "getari"
    return (*from_styles(root), "styles") if has_styles(root) else (*from_loose(root), "loose")


def _from_manifest(root: Path) -> tuple[list[Clip], list[Refusal]]:
    try:
        with open(root / MANIFEST, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = [name.strip().lower() for name in reader.fieldnames or ()]
            rows = [dict(zip(columns, row, strict=False)) for row in csv.reader(file)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise CatalogError(f"{root / MANIFEST}: not a CSV file in UTF-8 ({error})") from error
    if missing := {"path", "style"} - set(columns):
        raise CatalogError(f"{root / MANIFEST}: no column {' and no column '.join(sorted(missing))}")
    clips, refused, seen = [], [], set()
    for row in rows:
        cells = {name: value.strip() for name, value in row.items()}
        if not any(cells.values()):
            continue
        path = root / cells.get("path", "")
        with refusing(path, refused):  # a name too long for the system, for one
            if not cells.get("path"):
                refused.append(Refusal(root / MANIFEST, f"a row without a path ({cells})"))
            elif path in seen:
                refused.append(Refusal(path, f"listed twice in {MANIFEST}"))
            elif not path.exists():
                refused.append(Refusal(path, f"listed in {MANIFEST}, but there is no such file"))
            elif path.is_dir() and not is_image_sequence(path):
                refused.append(Refusal(path, "a folder without images"))
            else:
                seen.add(path)
                clip = labelled(root, path, cells.get("style", ""), cells.get("dancer", ""))
                clips.append(replace(clip, source=cells.get("source", ""), consent=cells.get("consent", "")))
    return clips, refused


def _unique(clips: list[Clip], root: Path) -> tuple[Clip, ...]:
    """Make labels text that UTF-8 can hold; where two files differ only in extension, it stays in their clip ids.

    An unusual extension always gives way: a stray file beside a video must not change the id that its part hangs on.
    """
    clips = [
        replace(clip, style=legible(clip.style), dancer=legible(clip.dancer), clip_id=legible(clip.clip_id))
        for clip in clips
    ]
    usual = [clip.path.suffix.lower() in USUAL_SUFFIXES or clip.path.is_dir() for clip in clips]
    # an extension may make the very name that another file has without its own (a.mp4, a.mov and a.mp4.avi): again
    for _ in range(ROUNDS):
        named = _restore_extensions(clips, usual)
        if named == clips:
            break
        clips = named
    return tuple(clips)


def _restore_extensions(clips: list[Clip], usual: list[bool]) -> list[Clip]:
    counts = Counter(clip.clip_id for clip in clips)
    usual_counts = Counter(clip.clip_id for clip, is_usual in zip(clips, usual, strict=True) if is_usual)
    result = []
    for clip, is_usual in zip(clips, usual, strict=True):
        if (usual_counts if is_usual else counts)[clip.clip_id] > 1:
            name = clip.clip_id + legible(clip.path.suffix)
            clip = replace(clip, dancer=name if clip.dancer == clip.clip_id else clip.dancer, clip_id=name)
        result.append(clip)
    return result
