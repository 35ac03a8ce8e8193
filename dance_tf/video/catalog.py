"""Find the clips of a footage folder, from a manifest or from its folder layout.

Layouts, tried in this order:

- `manifest.csv` with the columns path and style, and optionally dancer, source and consent;
- a single video file, or one folder of numbered images: one clip without labels;
- TikTok (Kaggle): `TikTok_dataset/NNNNN/images/*.png` and `TikTok_Raw_Videos/seq_A_B/*.mp4` with `dance_name.txt`;
- GETARI (Mendeley): `{train,val,test}/<Class>/<Class>_<n>.mp4`; two of these folders are enough;
- `<style>/<dancer>_*.ext`, `<style>/<dancer>/*.ext`; an image-sequence folder may replace each file;
- loose files or image-sequence folders: clips without style or dancer.

A file with an unknown extension counts as a clip; the decoder decides later. Side files (texts, tables) are ignored.
Any other file at a place where the layout has no clips is refused by name. With a manifest, only listed files count.

If a labelled clip has no named dancer, its clip id is its dancer. A split by dancer then keeps the clip whole, but
cannot detect that two clips show the same person.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from dance_tf.video.clip import (
    COMMON_SUFFIXES,
    STILL_SUFFIXES,
    VIDEO_SUFFIXES,
    Clip,
    Refusal,
    clip_id,
    is_clip,
    is_image_sequence,
    is_side_file,
    legible,
    list_folder,
    refusal_reason,
)

MANIFEST = "manifest.csv"
TIKTOK_FOLDERS = frozenset(("TikTok_dataset", "TikTok_Raw_Videos"))
SPLITS = frozenset(("train", "val", "test", "valid", "validation"))
DERIVED = frozenset(("masks", "densepose"))  # images of the TikTok dataset that are computed from a sequence
MAX_RENAMING_ROUNDS = 5


class CatalogError(ValueError):
    """No clip can be found; the message gives the reason in one line."""


@dataclass(frozen=True)
class Catalog:
    """The clips and refusals of a footage folder.

    Attributes:
        clips: in the order of their clip ids (of the manifest, if there is one).
        refused: files and folders that are not clips.
        layout: "manifest", "single", "tiktok", "getari", "styles" or "loose".
    """

    clips: tuple[Clip, ...]
    refused: tuple[Refusal, ...]
    layout: str


def find_clips(footage: Path) -> Catalog:
    """List the clips of a file or folder; only the manifest, `dance_name.txt` files and WebP headers are read.

    Args:
        footage: a folder in one of the layouts above, or one video file.

    Raises:
        CatalogError: the path does not exist, the manifest is unreadable, or there is no clip.
    """
    footage = Path(footage)
    try:
        exists = footage.exists()
    except OSError as error:
        raise CatalogError(f"{footage}: cannot be read ({error.strerror})") from error
    if not exists:
        raise CatalogError(f"{footage}: no such file or folder")
    if footage.is_file() and footage.name != MANIFEST:
        return Catalog((Clip(footage, clip_id=legible(footage.stem)),), (), "single")
    if footage.name == MANIFEST:
        footage = footage.parent
    listing = _Listing(footage)
    try:
        layout = listing.read()
    except OSError as error:
        raise CatalogError(f"{footage}: cannot be listed ({error.strerror})") from error
    if not listing.clips and not listing.refused:
        raise CatalogError(
            f"{footage}: no clips found; expected {MANIFEST} (path, style, dancer, source), "
            "<style>/<dancer>_*.mp4, <style>/<dancer>/*.mp4, or video files"
        )
    return Catalog(_make_ids_unique(listing.clips), tuple(listing.refused), layout)


def clips_at(path: Path) -> tuple[list[Path], list[Refusal]]:
    """Return the clips of a path: those of a folder of clips in any layout, or else the path itself.

    Returns:
        paths of clips, and refused files; a folder without any clip is refused as a whole.
    """
    try:
        if not path.is_dir() or is_image_sequence(path):
            return [path], []
        catalog = find_clips(path)
    except CatalogError as error:
        return [], [Refusal(path, str(error).removeprefix(f"{path}: "))]
    except OSError:
        return [path], []  # reading the clip will report the error
    return [clip.path for clip in catalog.clips], list(catalog.refused)


class _Listing:
    """Collects the clips and refusals of one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clips: list[Clip] = []
        self.refused: list[Refusal] = []

    def read(self) -> str:
        """List the folder and return its layout."""
        root = self.root
        if (root / MANIFEST).is_file():
            self._read_manifest()
            return "manifest"
        if is_image_sequence(root):
            self.clips.append(Clip(root, clip_id=root.resolve().name))
            return "single"
        names = {path.name for path in list_folder(root) if path.is_dir()}
        if (names | {root.name}) & TIKTOK_FOLDERS:
            self._read_tiktok(root)
            return "tiktok"
        if names and names <= SPLITS or len(names & SPLITS) > 1:
            self._read_getari()
            return "getari"
        if _has_styles(root):
            self._read_styles()
            return "styles"
        for path in list_folder(root):
            with self._guard(path):
                if is_clip(path):
                    self.clips.append(Clip(path, clip_id=clip_id(root, path)))
                else:
                    self._refuse_files(path)
        return "loose"

    def _add(self, path: Path, style: str, dancer: str, source: str = "", consent: str = "") -> None:
        name = clip_id(self.root, path)
        self.clips.append(Clip(path, style, dancer or (name if style else ""), name, source, consent))

    def _refuse(self, path: Path, reason: str = "") -> None:
        self.refused.append(Refusal(path, reason or refusal_reason(path)))

    def _refuse_files(self, path: Path) -> None:
        """Refuse each file below a path; an image sequence, and a link to a folder, is refused as one."""
        with self._guard(path):
            if path.is_dir() and not path.is_symlink() and not is_image_sequence(path):
                for inner in list_folder(path):
                    self._refuse_files(inner)
            elif not is_side_file(path):
                self._refuse(path)

    @contextmanager
    def _guard(self, path: Path) -> Iterator[None]:
        """Refuse a path that the system cannot read, and continue with the others."""
        try:
            yield
        except OSError as error:
            self._refuse(path, f"cannot be read ({error.strerror})")

    def _list(self, folder: Path) -> list[Path]:
        """List a folder; one that cannot be listed is refused and counts as empty."""
        with self._guard(folder):
            return list_folder(folder)
        return []

    def _read_manifest(self) -> None:
        manifest, seen = self.root / MANIFEST, set()
        try:
            with open(manifest, newline="", encoding="utf-8-sig") as file:
                header, *rows = [*csv.reader(file)] or [[]]
        except (UnicodeDecodeError, csv.Error) as error:
            raise CatalogError(f"{manifest}: not a CSV file in UTF-8 ({error})") from error
        columns = [name.strip().lower() for name in header]
        if missing := {"path", "style"} - set(columns):
            raise CatalogError(f"{manifest}: no column {' and no column '.join(sorted(missing))}")
        for row in rows:
            cells = {name: value.strip() for name, value in zip(columns, row, strict=False)}
            if not any(cells.values()):
                continue
            path = self.root / cells.get("path", "")
            with self._guard(path):  # for example, a name too long for the system
                if not cells.get("path"):
                    self._refuse(manifest, f"a row without a path ({cells})")
                elif path in seen:
                    self._refuse(path, f"listed twice in {MANIFEST}")
                elif not path.exists():
                    self._refuse(path, f"listed in {MANIFEST}, but there is no such file")
                elif path.is_dir() and not is_image_sequence(path):
                    self._refuse(path, "a folder without images")
                else:
                    seen.add(path)
                    self._add(path, *(cells.get(name, "") for name in ("style", "dancer", "source", "consent")))

    def _read_tiktok(self, folder: Path) -> None:
        """List the sequences and raw videos of the TikTok dataset (Kaggle `yasaminjafarian/tiktokdataset`)."""
        raw, sequence = folder.name.startswith("seq_"), re.fullmatch(r"\d+", folder.name)
        name_file = folder / "dance_name.txt"
        style, has_images = "", False
        with self._guard(name_file):
            style = name_file.read_text("utf-8", errors="replace").strip() if raw and name_file.is_file() else ""
        with self._guard(folder):
            has_images = is_image_sequence(folder)
        if has_images:  # one refusal for all of its images
            self._refuse(folder)
        for path in self._list(folder):
            with self._guard(path):
                if path.is_dir():
                    if sequence and path.name == "images" and is_image_sequence(path):
                        name = folder.relative_to(self.root).as_posix()
                        self.clips.append(Clip(path, "", name, name, "TikTok dataset (Kaggle), image sequence"))
                    elif sequence and path.name == "images":
                        self._refuse(path, "a folder without images")
                    elif raw or path.is_symlink():  # a link may lead to a parent folder, without end
                        self._refuse(path)
                    elif not (sequence and path.name in DERIVED):
                        self._read_tiktok(path)
                elif raw and is_clip(path):
                    name = clip_id(self.root, path)
                    self.clips.append(Clip(path, style, name, name, "TikTok dataset (Kaggle), raw video"))
                elif not is_side_file(path) and not (has_images and path.suffix.lower() in STILL_SUFFIXES):
                    self._refuse(path)

    def _read_getari(self) -> None:
        """List the clips of GETARI (Mendeley `s2gv9d6gpb/2`), whose top folders are splits."""
        for split in list_folder(self.root):
            if split.name not in SPLITS or not split.is_dir():
                self._refuse_files(split)
                continue
            for style in self._list(split):
                for path in self._list(style) if style.is_dir() else (style,):
                    with self._guard(path):
                        if style.is_dir() and is_clip(path):
                            self._add(path, style.name, "", f"GETARI (Mendeley), {split.name}")
                        else:
                            self._refuse_files(path)

    def _read_styles(self) -> None:
        """List the clips of `<style>/<dancer>_*.ext` and `<style>/<dancer>/*.ext`."""
        for style in list_folder(self.root):
            with self._guard(style):
                if style.is_dir():
                    for path in list_folder(style):
                        with self._guard(path):
                            self._read_style_entry(style.name, path)
                elif not is_side_file(style):
                    self._refuse(style, "lies outside the folder of any style")

    def _read_style_entry(self, style: str, path: Path) -> None:
        if is_clip(path):
            dancer, separator, _ = path.stem.partition("_")
            self._add(path, style, dancer if separator or path.is_dir() else "")
        elif path.is_dir():
            for inner in list_folder(path):
                with self._guard(inner):
                    if is_clip(inner):
                        self._add(inner, style, path.name)
                    else:
                        self._refuse_files(inner)
        elif not is_side_file(path):
            self._refuse(path)


def _has_styles(root: Path) -> bool:
    """Return whether the folders of a folder are styles.

    They are if one of them holds a clip, directly or one folder further down. If only unknown extensions are found,
    any folder that is not an image sequence counts as a style, unless videos lie beside it.
    """
    folders, clips_beside = [], False
    for path in list_folder(root):
        with suppress(OSError):
            if _is_known_clip(path):
                clips_beside = True
            elif path.is_dir():
                folders.append(path)
    for folder in folders:
        with suppress(OSError):
            for inner in list_folder(folder):
                with suppress(OSError):
                    if _is_known_clip(inner) or inner.is_dir() and any(map(_is_known_clip, list_folder(inner))):
                        return True
    return bool(folders) and not clips_beside


def _is_known_clip(path: Path) -> bool:
    return is_image_sequence(path) if path.is_dir() else path.suffix.lower() in VIDEO_SUFFIXES


def _make_ids_unique(clips: list[Clip]) -> tuple[Clip, ...]:
    """Make labels valid UTF-8; if two files differ only in extension, keep the extension in their clip ids.

    A file with a common extension keeps its id beside one with another extension: the name of its part depends on it.
    """
    clips = [
        replace(clip, style=legible(clip.style), dancer=legible(clip.dancer), clip_id=legible(clip.clip_id))
        for clip in clips
    ]
    common = [clip.path.suffix.lower() in COMMON_SUFFIXES or clip.path.is_dir() for clip in clips]
    # a new id may equal that of another file (a.mp4, a.mov and a.mp4.avi), so this is repeated
    for _ in range(MAX_RENAMING_ROUNDS):
        renamed = _add_extensions(clips, common)
        if renamed == clips:
            break
        clips = renamed
    return tuple(clips)


def _add_extensions(clips: list[Clip], common: list[bool]) -> list[Clip]:
    counts = Counter(clip.clip_id for clip in clips)
    common_counts = Counter(clip.clip_id for clip, is_common in zip(clips, common, strict=True) if is_common)
    renamed = []
    for clip, is_common in zip(clips, common, strict=True):
        if (common_counts if is_common else counts)[clip.clip_id] > 1:
            name = clip.clip_id + legible(clip.path.suffix)
            clip = replace(clip, dancer=name if clip.dancer == clip.clip_id else clip.dancer, clip_id=name)
        renamed.append(clip)
    return renamed
