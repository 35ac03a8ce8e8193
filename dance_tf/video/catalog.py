"""Find the clips of a footage folder, from a manifest or from its folder layout (docs/data_sets.md shows each).

Layouts, tried in this order:

- `manifest.csv` (`manifest.py`); then only listed files count;
- a single video file, or one folder of numbered images: one clip without labels;
- TikTok (Kaggle): `TikTok_dataset/NNNNN/images/*.png` and `TikTok_Raw_Videos/seq_A_B/*.mp4` with `dance_name.txt`;
- AIST and UCF101, whose file names hold the labels, in any folders;
- Let's Dance: `rgb/<style>/<clip>_<number>.jpg` beside folders with flow or poses;
- `<split>/<style>/…`, the same as the next with official splits; other folders may lie beside;
- `<style>/<dancer>_*.ext`, `<style>/<dancer>/*.ext`; an image-sequence folder may replace each file;
- loose files or image-sequence folders: clips without style or dancer.

A file with an unknown extension counts as a clip; the decoder decides later. Side files (texts, tables) are ignored.
Any other file at a place where the layout has no clips is refused by name.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from itertools import chain
from os.path import isdir, isfile, islink
from pathlib import Path, PurePosixPath

from dance_tf.video.files import (
    COMMON_SUFFIXES,
    entries,
    is_clip,
    is_image_sequence,
    is_known_clip,
    is_shared_sequence,
    is_side_file,
    legible,
    list_folder,
    refusal_reason,
    sequence_images,
    sequences_in,
    walk_clips,
)
from dance_tf.video.layouts import Labels, Pattern, dancer_in_name, plain_name, published_labels, split_name
from dance_tf.video.manifest import MANIFEST, ManifestError, Row, find_manifest, locate, read_manifest

TIKTOK_FOLDERS = frozenset(("TikTok_dataset", "TikTok_Raw_Videos"))
DERIVED = frozenset(("masks", "densepose"))  # images of the TikTok dataset that are computed from a sequence
LETS_DANCE = frozenset(("flow", "flow_png", "densepose", "skeleton", "skeletons"))  # computed from the frames in `rgb`
MAX_RENAMING_ROUNDS = 5


class CatalogError(ValueError):
    """No clip can be found; the message gives the reason in one line."""


@dataclass(frozen=True)
class Clip:
    """A recording of one dancer who dances one style."""

    path: Path  # of a video file, a folder with an image sequence, or `folder/NAME_*` (`sequences_in`)
    style: str = ""  # label of the dance style; empty if unlabelled
    dancer: str = ""  # name of the dancer; empty if unknown
    clip_id: str = ""  # unique in a catalog: the path relative to the footage folder, without extension, with "/"
    source: str = ""  # origin of the footage; free text
    consent: str = ""  # what the dancer agreed to; free text
    group: str = ""  # clips of one group are never on both sides of a split; empty if the clip is alone
    split: str = ""  # official part: "train", "validation" or "test"; empty if there is none
    take: str = ""  # what the name of the file says beside style and dancer; free text
    trust: str = ""  # how far the labels can be trusted, from 0 to 1; empty for 1
    start: float = 0.0  # seconds, where the clip starts in the file
    end: float | None = None  # seconds, where it ends; None for the end of the file


@dataclass(frozen=True)
class Refusal:
    """A file or folder that is not a clip, and the reason in one line."""

    path: Path
    reason: str


@dataclass(frozen=True)
class Catalog:
    """The clips and refusals of a footage folder."""

    clips: tuple[Clip, ...]  # in the order of their clip ids (of the manifest, if there is one)
    refused: tuple[Refusal, ...]  # files and folders that are not clips
    layout: str  # "manifest", "single", "pattern", "tiktok", "aist", "ucf101", "letsdance", "splits", "styles", "loose"
    notes: tuple[str, ...] = ()  # what the footage holds that was not read, a sentence each


def find_clips(footage: Path, pattern: str = "") -> Catalog:
    """List the clips of a folder in one of the layouts above, of its manifest, or one video file.

    Only the manifest, `dance_name.txt` files and WebP headers are read.

    Args:
        footage: a folder, its manifest, or a video file.
        pattern: of paths below the folder (`Pattern`), instead of the layouts above.

    Raises:
        CatalogError: the path does not exist, the manifest is unreadable, or there is no clip.
        LayoutError: the pattern cannot be used.
    """
    footage = Path(footage)
    try:
        is_manifest = footage.name.casefold() == MANIFEST
        if footage.is_file() and not is_manifest:
            return Catalog((Clip(footage, clip_id=legible(footage.stem)),), (), "single")
        if not footage.exists():
            raise CatalogError(f"{footage}: no such file or folder")
        listing = _Listing(footage.parent if is_manifest else footage)
        layout = listing.read(Pattern(pattern) if pattern else None)
    except ManifestError as error:
        raise CatalogError(str(error)) from error
    except OSError as error:
        raise CatalogError(f"{footage}: cannot be read ({error.strerror})") from error
    if not listing.clips and not listing.refused:
        raise CatalogError(
            f"{footage}: no clips found; expected {MANIFEST} (path, style, dancer, source), "
            f"<style>/<dancer>_*.mp4, <style>/<dancer>/*.mp4, or video files{''.join(f'; {n}' for n in listing.notes)}"
        )
    return Catalog(_make_ids_unique(listing.clips), tuple(listing.refused), layout, tuple(listing.notes))


def clips_at(path: Path) -> tuple[list[Path], list[Refusal]]:
    """Return the clips of a folder in any layout, or else the path itself; and refused files.

    A folder without any clip is refused as a whole.
    """
    if not isdir(path) or is_image_sequence(path) and len(sequences_in(path)) == 1:
        return [path], []
    try:
        catalog = find_clips(path)
    except CatalogError as error:
        return [], [Refusal(path, str(error).removeprefix(f"{path}: "))]
    return [clip.path for clip in catalog.clips], list(catalog.refused)


class _Listing:
    """Collects the clips, refusals and notes of one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clips: list[Clip] = []
        self.refused: list[Refusal] = []
        self.notes: list[str] = []

    def read(self, pattern: Pattern | None) -> str:
        """List the folder and return its layout."""
        root = self.root
        manifest, alike = find_manifest(root)
        if manifest and pattern:
            raise CatalogError(f"{manifest} gives the labels: leave out --layout and --pattern, or rename it")
        if manifest:
            self._read_manifest(manifest)
            return "manifest"
        self.notes += [f"{name} is not read: rename it to {MANIFEST} if it is one" for name in alike]
        if pattern:
            self._read_pattern(pattern)
            return "pattern"
        if is_image_sequence(root) and len(sequences_in(root)) == 1:
            self.clips.append(Clip(root, clip_id=root.resolve().name))
            return "single"
        names = {path.name for path in list_folder(root) if isdir(path)}
        if (names | {root.name}) & TIKTOK_FOLDERS:
            self._read_tiktok()
            return "tiktok"
        if name := _published(root):
            for path in self._walk(root):
                folders = path.relative_to(root).parts[:-1]
                self._take(path, Labels(split=next(filter(None, map(split_name, folders)), "")))
            return name
        if "rgb" in names and names & LETS_DANCE:
            self.notes.append(f"{', '.join(sorted(names & LETS_DANCE))}: computed from the frames in rgb, not read")
            self._read_styles(root / "rgb" / "rgb" if isdir(root / "rgb" / "rgb") else root / "rgb", LETS_DANCE)
            return "letsdance"
        if base := _split_root(root):
            self._read_styles(base, splits=True)
            return "splits"
        if _has_styles(root):
            self._read_styles(root)
            return "styles"
        for path in sequences_in(root) if is_image_sequence(root) else self._walk(root):
            self._take(path, Labels() if path.parent == root else None)
        return "loose"

    def _clip_id(self, path: Path) -> str:
        relative = path.relative_to(self.root if path.is_relative_to(self.root) else path.anchor)
        if is_shared_sequence(path):
            return relative.as_posix().removesuffix("_*")
        return (relative if isdir(path) else relative.with_suffix("")).as_posix()

    def _take(self, path: Path, said: Labels | None, reason: str = "") -> None:
        """Add a clip with what its folders say; its name may say the rest. Refuse what is none, or lies elsewhere."""
        if said is None or not is_clip(path):
            if not is_side_file(path):
                self._refuse(path, reason)
            return
        stem = PurePosixPath(self._clip_id(path)).name
        known, named = published_labels(stem)
        dancer = said.dancer or named.dancer
        if said.style and not dancer and not known:
            dancer = dancer_in_name(stem, said.style, alone=isdir(path))
        self._add(path, replace(named, style=said.style or named.style, dancer=dancer, split=said.split))

    def _add(self, path: Path, said: Labels, source: str = "", name: str = "") -> None:
        self.clips.append(Clip(path, clip_id=name or self._clip_id(path), source=source, **asdict(said)))

    def _refuse(self, path: Path, reason: str = "") -> None:
        self.refused.append(Refusal(path, reason or refusal_reason(path)))

    def _list(self, folder: Path) -> list[Path]:
        """List a folder; one that cannot be listed is refused and counts as empty."""
        try:
            return list_folder(folder)
        except OSError as error:
            self._refuse(folder, f"cannot be read ({error.strerror})")
            return []

    def _read_manifest(self, manifest: Path) -> None:
        content = read_manifest(manifest)
        self.refused += [Refusal(manifest, fault) for fault in content.faults]
        if content.unknown:
            self.notes.append(f"{manifest.name}: columns that are not read: {', '.join(content.unknown)}")
        accepted: list[tuple[Path, Row]] = []
        of_file: dict[Path, list[Row]] = defaultdict(list)
        for row in content.rows:
            path = locate(self.root, row.cells["path"])
            if reason := self._row_fault(path, row, of_file[path]):
                self._refuse(path, f"line {row.line}: {reason}")
            else:
                accepted.append((path, row))
                of_file[path].append(row)
        for path, row in accepted:
            name, span = self._clip_id(path), (row.start, row.end)
            group = row.cells["group"] or (name if len(of_file[path]) > 1 else "")
            if span != (0.0, None):
                name += f"@{row.start:g}-{'end' if row.end is None else f'{row.end:g}'}"
            labels = {key: row.cells.get(key, "") for key in ("style", "dancer", "source", "consent", "trust", "split")}
            self.clips.append(Clip(path, clip_id=name, group=group, start=row.start, end=row.end, **labels))

    def _row_fault(self, path: Path, row: Row, others: list[Row]) -> str:
        """Return why a row is refused, given the rows of the same file before it; "" if it is not."""
        if path.is_relative_to(self.root) and ".." in path.relative_to(self.root).parts:
            return "outside of the footage folder: give the whole path"
        try:
            if not path.exists() and not (is_shared_sequence(path) and sequence_images(path)):
                return f"listed in {MANIFEST}, but there is no such file"
            if isdir(path) and not is_image_sequence(path):
                return "a folder without images"
            if isdir(path) and len(clips := sequences_in(path)) > 1:
                return f"holds the images of {len(clips)} clips: list each, such as {clips[0].name}"
        except OSError as error:  # for example, a name too long for the system
            return f"cannot be read ({error.strerror})"
        if (row.start, row.end) in [(other.start, other.end) for other in others]:
            return f"listed twice in {MANIFEST}"
        if others and others[0].cells["group"] != row.cells["group"]:
            return f"not the group of line {others[0].line}, but clips of one file are one group"
        return ""

    def _read_pattern(self, pattern: Pattern) -> None:
        for path in self._walk(self.root):
            suffix = "" if isdir(path) or is_shared_sequence(path) else path.suffix
            if is_clip(path) and (said := pattern.labels(self._clip_id(path), suffix)):
                self._add(path, said)
            elif not is_side_file(path):
                self._refuse(path, f"does not fit {pattern.text}" if is_clip(path) else "")

    def _walk(self, folder: Path, links: int = 0, skipped: frozenset[str] = frozenset()) -> Iterator[Path]:
        """Yield the files and image sequences below a folder, without some of its entries.

        A link to a folder is refused, as it may lead to a parent folder, except on the first levels (`links`).
        """
        for path in self._list(folder):
            if path.name in skipped:
                continue
            if not isdir(path) or is_image_sequence(path):
                yield from sequences_in(path) if isdir(path) else [path]
            elif islink(path) and not links:
                self._refuse(path)
            else:
                yield from self._walk(path, max(links - 1, 0))

    def _read_tiktok(self) -> None:
        """List the sequences and raw videos of the TikTok dataset (Kaggle `yasaminjafarian/tiktokdataset`)."""
        styles: dict[Path, str] = {}
        for path in self._walk(self.root):
            folder = path.parent
            if isdir(path) and re.fullmatch(r"\d+", folder.name):
                if path.name == "images":
                    self._add(path, Labels(), "TikTok dataset (Kaggle), image sequence", self._clip_id(folder))
                elif path.name not in DERIVED:
                    self._refuse(path)
            elif folder.name.startswith("seq_") and not isdir(path) and is_clip(path):
                if folder not in styles:
                    styles[folder] = self._dance_name(folder / "dance_name.txt")
                self._add(path, Labels(styles[folder]), "TikTok dataset (Kaggle), raw video")
            elif not is_side_file(path):
                self._refuse(path)

    def _dance_name(self, file: Path) -> str:
        try:
            return file.read_text("utf-8", errors="replace").strip() if isfile(file) else ""
        except OSError as error:
            self._refuse(file, f"cannot be read ({error.strerror})")
            return ""

    def _read_styles(self, base: Path, skipped: frozenset[str] = frozenset(), splits: bool = False) -> None:
        """List the clips of `<style>/<dancer>_*.ext` and `<style>/<dancer>/*.ext`, below official `splits` or not."""
        levels = len(base.relative_to(self.root).parts) + splits + 2
        for path in self._walk(self.root, levels, skipped):
            if not path.is_relative_to(base):
                self._take(path, None)
                continue
            folders, split = list(path.relative_to(base).parts[:-1]), ""
            if splits and folders:
                split = split_name(folders.pop(0))
            if len(folders) > 1 and not split and (split := split_name(folders[1])):
                del folders[1]
            if not folders:
                self._take(path, None, "" if splits and not split else "lies outside the folder of any style")
            elif len(folders) > 2 or splits and not split:
                self._take(path, None)
            else:
                self._take(path, Labels(folders[0], *folders[1:], split=split))


def _published(root: Path) -> str:
    """Return the published dataset whose names nine of ten clips below a folder have, if these names give the style."""
    found = Counter(published_labels(path.stem)[0] for path in walk_clips(root))
    return next((name for name in ("aist", "ucf101") if found[name] >= 0.9 * found.total() > 0), "")


def _split_root(top: Path) -> Path | None:
    """Return the folder whose folders are official splits: the root, or a folder that holds all of its clips."""
    root = top
    while True:
        folders = [path for path in entries(root) if isdir(path)]
        splits = {split_name(path.name) for path in folders} - {""}
        filled = [path for path in folders if next(walk_clips(path), None)]
        if len(splits) > 1 or folders and all(split_name(path.name) for path in filled or folders):
            inner = [path for folder in filled if split_name(folder.name) for path in entries(folder)]
            return root if root == top or any(map(isdir, inner)) else None
        if len(filled) != 1 or is_image_sequence(filled[0]) or any(map(is_known_clip, entries(root))):
            return None
        root = filled[0]


def _has_styles(root: Path) -> bool:
    """Return whether the folders of a folder are styles.

    They are if one of them holds a clip, directly or one folder further down. If only unknown extensions are found,
    any folder that is not an image sequence counts as a style, unless videos lie beside it.
    """
    beside = list_folder(root)
    folders = [path for path in beside if isdir(path) and not is_image_sequence(path)]
    inside = [inner for folder in folders for inner in entries(folder)]
    deeper = (path for inner in inside for path in entries(inner))
    if any(len(sequences_in(path)) > 1 for path in beside if isdir(path) and is_image_sequence(path)):
        return True
    return any(map(is_known_clip, chain(inside, deeper))) or bool(folders) and not any(map(is_known_clip, beside))


def _make_ids_unique(clips: list[Clip]) -> tuple[Clip, ...]:
    """Make labels valid UTF-8 in form NFC; if two files differ only in extension, keep the extension in their clip ids.

    A file with a common extension keeps its id beside one with another extension: the name of its part depends on it.
    """
    named = ("style", "dancer", "group", "take")
    clips = [
        replace(
            clip,
            clip_id=legible(clip.clip_id),
            **{name: plain_name(legible(getattr(clip, name))) for name in named},
        )
        for clip in clips
    ]
    common = [clip.path.suffix.lower() in COMMON_SUFFIXES or isdir(clip.path) for clip in clips]
    # a new id may equal that of another file (a.mp4, a.mov and a.mp4.avi), so this is repeated
    for _ in range(MAX_RENAMING_ROUNDS):
        counts = Counter(clip.clip_id for clip in clips)
        common_counts = Counter(clip.clip_id for clip, is_common in zip(clips, common, strict=True) if is_common)
        for place, (clip, is_common) in enumerate(zip(clips, common, strict=True)):
            if (common_counts if is_common else counts)[clip.clip_id] > 1:
                name = clip.clip_id + legible(clip.path.suffix)
                clips[place] = replace(clip, clip_id=name)
    return tuple(clips)
