"""Which clips there are: a manifest, a folder layout, or a refusal that says why.

Layouts, tried in this order:

- `manifest.csv` with the columns path and style, and optionally dancer, source and consent;
- a single video file, or one folder of numbered images: one clip without labels;
- TikTok (Kaggle): `TikTok_dataset/NNNNN/images/*.png` and `TikTok_Raw_Videos/seq_A_B/*.mp4` with `dance_name.txt`;
- GETARI (Mendeley): `{train,val,test}/<Class>/<Class>_<n>.mp4`;
- `<style>/<dancer>_*.ext`, `<style>/<dancer>/*.ext`, and image-sequence folders in the place of files;
- loose files or image-sequence folders side by side: clips without style or dancer.

A labelled clip whose layout names no dancer counts as danced by someone of its own: its dancer is its clip id. A split
by dancer then keeps every such clip whole, but cannot know that two of them show the same person.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

VIDEO_SUFFIXES = frozenset(
    ".3g2 .3gp .apng .asf .avi .flv .gif .h264 .h265 .hevc .ivf .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpeg .mpg"
    " .mts .mxf .obu .ogm .ogv .qt .rm .ts .vob .webm .webp .wmv .y4m".split()
)
IMAGE_SUFFIXES = frozenset(".avif .bmp .jp2 .jpeg .jpg .png .tif .tiff".split())
SIDE_SUFFIXES = frozenset(".csv .json .md .npz .srt .txt .vtt .yaml .yml".split())
MANIFEST = "manifest.csv"
SPLITS = frozenset(("train", "val", "test", "valid", "validation"))


class CatalogError(ValueError):
    """Footage in which no clip can be found, with the reason in one line."""


@dataclass(frozen=True)
class Clip:
    """One piece of footage of one dancer dancing one style.

    Attributes:
        path: a video file, or a folder that holds an image sequence.
        style: label of the dance style; empty where it is not known (a clip to classify).
        dancer: who dances; empty where it is not known.
        clip_id: unique name within its catalog: the path relative to the footage folder, without its extension,
            with "/".
        source: where the footage came from; free text.
        consent: what the dancer agreed to; free text.
    """

    path: Path
    style: str = ""
    dancer: str = ""
    clip_id: str = ""
    source: str = ""
    consent: str = ""


@dataclass(frozen=True)
class Refusal:
    """Something offered as footage that is no clip.

    Attributes:
        path: what was offered.
        reason: why it was refused, in one line.
    """

    path: Path
    reason: str


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
    if not footage.exists():
        raise CatalogError(f"{footage}: no such file or folder")
    if footage.is_file() and footage.name != MANIFEST:
        return Catalog((Clip(footage, clip_id=footage.stem),), (), "single")
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


def is_image_sequence(folder: Path) -> bool:
    """Tell whether a folder holds still images and no videos."""
    names = [path.suffix.lower() for path in folder.iterdir() if path.is_file() and not _ignored(path)]
    return any(suffix in IMAGE_SUFFIXES for suffix in names) and not any(suffix in VIDEO_SUFFIXES for suffix in names)


def _read_layout(root: Path) -> tuple[list[Clip], list[Refusal], str]:
    if (root / MANIFEST).is_file():
        return *_from_manifest(root), "manifest"
    if is_image_sequence(root):
        return [Clip(root, clip_id=root.resolve().name)], [], "single"
    folders = [path for path in _listed(root) if path.is_dir()]
    names = {path.name for path in folders}
    if names & {"TikTok_dataset", "TikTok_Raw_Videos"} or root.name in ("TikTok_dataset", "TikTok_Raw_Videos"):
        return *_from_tiktok(root), "tiktok"
    if names and names <= SPLITS:
        return *_from_getari(root, folders), "getari"
    if any(not is_image_sequence(folder) for folder in folders):
        return *_from_styles(root), "styles"
    return *_from_loose(root), "loose"


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
            clip = _clip(root, path, cells.get("style", ""), cells.get("dancer", ""))
            clips.append(
                Clip(path, clip.style, clip.dancer, clip.clip_id, cells.get("source", ""), cells.get("consent", ""))
            )
    return clips, refused


def _from_tiktok(root: Path) -> tuple[list[Clip], list[Refusal]]:
    clips, refused = [], []
    for folder in sorted(root.rglob("*")) if root.is_dir() else ():
        if folder.is_dir() and folder.name == "images" and re.fullmatch(r"\d+", folder.parent.name):
            clip_id = folder.parent.relative_to(root).as_posix()
            if is_image_sequence(folder):
                clips.append(Clip(folder, "", clip_id, clip_id, "TikTok dataset (Kaggle), image sequence"))
            else:
                refused.append(Refusal(folder, "a folder without images"))
        elif folder.is_dir() and folder.name.startswith("seq_"):
            name_file = folder / "dance_name.txt"
            style = name_file.read_text("utf-8", errors="replace").strip() if name_file.is_file() else ""
            for path in _listed(folder):
                if path.suffix.lower() in VIDEO_SUFFIXES:
                    clip_id = _clip_id(root, path)
                    clips.append(Clip(path, style, clip_id, clip_id, "TikTok dataset (Kaggle), raw video"))
                elif path.suffix.lower() not in SIDE_SUFFIXES:
                    refused.append(Refusal(path, _unknown(path)))
    return clips, refused


def _from_getari(root: Path, splits: list[Path]) -> tuple[list[Clip], list[Refusal]]:
    clips, refused = [], []
    for split in splits:
        for style in _listed(split):
            for path in _listed(style) if style.is_dir() else (style,):
                if style.is_dir() and _is_clip(path):
                    clip = _clip(root, path, style.name, "")
                    clips.append(Clip(path, clip.style, clip.dancer, clip.clip_id, f"GETARI (Mendeley), {split.name}"))
                elif path.suffix.lower() not in SIDE_SUFFIXES:
                    refused.append(Refusal(path, _unknown(path)))
    return clips, refused


def _from_styles(root: Path) -> tuple[list[Clip], list[Refusal]]:
    clips, refused = [], []
    for style in _listed(root):
        if style.is_file():
            if style.suffix.lower() not in SIDE_SUFFIXES:
                refused.append(Refusal(style, "lies outside the folder of any style"))
            continue
        for path in _listed(style):
            if _is_clip(path):
                dancer, mark, _ = path.stem.partition("_")
                clips.append(_clip(root, path, style.name, dancer if mark or path.is_dir() else ""))
            elif path.is_dir():
                for inner in _listed(path):
                    if _is_clip(inner):
                        clips.append(_clip(root, inner, style.name, path.name))
                    elif inner.is_dir() or inner.suffix.lower() not in SIDE_SUFFIXES:
                        refused.append(Refusal(inner, _unknown(inner)))
            elif path.suffix.lower() not in SIDE_SUFFIXES:
                refused.append(Refusal(path, _unknown(path)))
    return clips, refused


def _from_loose(root: Path) -> tuple[list[Clip], list[Refusal]]:
    clips, refused = [], []
    for path in _listed(root):
        if _is_clip(path):
            clips.append(Clip(path, clip_id=_clip_id(root, path)))
        elif path.suffix.lower() not in SIDE_SUFFIXES:
            refused.append(Refusal(path, _unknown(path)))
    return clips, refused


def _listed(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if not _ignored(path))


def _ignored(path: Path) -> bool:
    return path.name.startswith((".", "__MACOSX")) or path.name in ("Thumbs.db", "desktop.ini")


def _is_clip(path: Path) -> bool:
    return is_image_sequence(path) if path.is_dir() else path.suffix.lower() in VIDEO_SUFFIXES


def _unknown(path: Path) -> str:
    if path.is_dir():
        return "a folder that is neither an image sequence nor at a place where the layout has folders"
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return "a single image among videos"
    return f"not a video by its extension ({path.suffix or 'none'})"


def _clip_id(root: Path, path: Path) -> str:
    relative = path.relative_to(root) if path.is_relative_to(root) else path.relative_to(path.anchor)
    return (relative if path.is_dir() else relative.with_suffix("")).as_posix()


def _clip(root: Path, path: Path, style: str, dancer: str) -> Clip:
    clip_id = _clip_id(root, path)
    return Clip(path, style, dancer or (clip_id if style else ""), clip_id)


def _unique(clips: list[Clip], root: Path) -> tuple[Clip, ...]:
    """Where two files differ only in their extension, it stays in their clip ids."""
    counts: dict[str, int] = {}
    for clip in clips:
        counts[clip.clip_id] = counts.get(clip.clip_id, 0) + 1
    result = []
    for clip in clips:
        if counts[clip.clip_id] > 1:
            name = clip.clip_id + clip.path.suffix
            dancer = name if clip.dancer == clip.clip_id else clip.dancer
            clip = Clip(clip.path, clip.style, dancer, name, clip.source, clip.consent)
        result.append(clip)
    return tuple(result)
