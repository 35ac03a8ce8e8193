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
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from os.path import isdir, isfile, islink
from pathlib import Path

MANIFEST = "manifest.csv"
TIKTOK_FOLDERS = frozenset(("TikTok_dataset", "TikTok_Raw_Videos"))
SPLITS = frozenset(("train", "val", "test", "valid", "validation"))
DERIVED = frozenset(("masks", "densepose"))  # images of the TikTok dataset that are computed from a sequence
MAX_RENAMING_ROUNDS = 5

COMMON_SUFFIXES = frozenset(
    ".3g2 .3gp .apng .asf .avi .flv .gif .h264 .h265 .hevc .ivf .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpeg .mpg"
    " .mts .mxf .obu .ogm .ogv .qt .rm .ts .vob .webm .webp .wmv .y4m".split()
)
RARE_SUFFIXES = frozenset(
    ".264 .265 .266 .amv .av1 .divx .dv .evo .f4v .insv .lrv .m1v .m2p .m2t .mj2 .mk3d .mkv3d .mod .mp2v .mpe .mpv .nsv"
    " .nut .ogx .rmvb .tod .trp .tp .vc1 .vro .vvc .wtv .xvid".split()
)
VIDEO_SUFFIXES = COMMON_SUFFIXES | RARE_SUFFIXES
IMAGE_SUFFIXES = frozenset(  # images of a sequence; the file header says whether a `.webp` is one
    ".avif .bmp .j2k .jfif .jp2 .jpe .jpeg .jpg .pbm .pcx .pgm .png .pnm .ppm .psd .qoi .sgi .tga .tif .tiff".split()
)
STILL_SUFFIXES = IMAGE_SUFFIXES | frozenset(".arw .cr2 .cr3 .dng .exr .hdr .heic .heif .ico .jxl .nef .svg".split())
SIDE_SUFFIXES = frozenset(
    ".aae .ass .csv .doc .docx .htm .html .ini .ipynb .json .log .md .nfo .npy .npz .pdf .py .rst .rtf .srt .ssa .sub"
    " .thm .toml .txt .vtt .xls .xlsx .xml .xmp .yaml .yml".split()
)


class CatalogError(ValueError):
    """No clip can be found; the message gives the reason in one line."""


@dataclass(frozen=True)
class Clip:
    """A recording of one dancer who dances one style."""

    path: Path  # of a video file, or of a folder with an image sequence
    style: str = ""  # label of the dance style; empty if unlabelled
    dancer: str = ""  # name of the dancer; empty if unlabelled
    clip_id: str = ""  # unique in a catalog: the path relative to the footage folder, without extension, with "/"
    source: str = ""  # origin of the footage; free text
    consent: str = ""  # what the dancer agreed to; free text


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
    layout: str  # "manifest", "single", "tiktok", "getari", "styles" or "loose"


def find_clips(footage: Path) -> Catalog:
    """List the clips of a folder in one of the layouts above, of its manifest, or one video file.

    Only the manifest, `dance_name.txt` files and WebP headers are read.

    Raises:
        CatalogError: the path does not exist, the manifest is unreadable, or there is no clip.
    """
    footage = Path(footage)
    try:
        if footage.is_file() and footage.name != MANIFEST:
            return Catalog((Clip(footage, clip_id=legible(footage.stem)),), (), "single")
        if not footage.exists():
            raise CatalogError(f"{footage}: no such file or folder")
        listing = _Listing(footage.parent if footage.name == MANIFEST else footage)
        layout = listing.read()
    except OSError as error:
        raise CatalogError(f"{footage}: cannot be read ({error.strerror})") from error
    if not listing.clips and not listing.refused:
        raise CatalogError(
            f"{footage}: no clips found; expected {MANIFEST} (path, style, dancer, source), "
            "<style>/<dancer>_*.mp4, <style>/<dancer>/*.mp4, or video files"
        )
    return Catalog(_make_ids_unique(listing.clips), tuple(listing.refused), layout)


def clips_at(path: Path) -> tuple[list[Path], list[Refusal]]:
    """Return the clips of a folder in any layout, or else the path itself; and refused files.

    A folder without any clip is refused as a whole.
    """
    if not isdir(path) or is_image_sequence(path):
        return [path], []
    try:
        catalog = find_clips(path)
    except CatalogError as error:
        return [], [Refusal(path, str(error).removeprefix(f"{path}: "))]
    return [clip.path for clip in catalog.clips], list(catalog.refused)


def list_folder(folder: Path) -> list[Path]:
    """Return the entries of a folder sorted by name, without hidden files and files of the operating system."""
    system = re.compile(r"\..*|__MACOSX.*|Thumbs\.db|desktop\.ini", re.DOTALL)
    return sorted(path for path in folder.iterdir() if not system.fullmatch(path.name))


def is_image_sequence(folder: Path) -> bool:
    """Return whether a folder holds still images and no videos; False if it cannot be listed."""
    files = [path for path in _entries(folder) if isfile(path)]
    images = {path for path in files if is_sequence_image(path)}
    return bool(images) and not any(path.suffix.lower() in VIDEO_SUFFIXES for path in files if path not in images)


def is_sequence_image(path: Path) -> bool:
    """Return whether a file may be an image of a sequence; the header of a WebP file says whether it is animated."""
    if path.suffix.lower() != ".webp":
        return path.suffix.lower() in IMAGE_SUFFIXES
    head = b""
    with suppress(OSError), open(path, "rb") as file:
        head = file.read(21)
    # https://developers.google.com/speed/webp/docs/riff_container: only the extended format has an animation flag
    animated = head[12:16] == b"VP8X" and len(head) == 21 and bool(head[20] & 0x02)
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP" and not animated


def is_clip(path: Path) -> bool:
    """Return whether a file or folder may be a clip; a file with an unknown extension may be one."""
    if isdir(path):
        return is_image_sequence(path)
    return path.suffix.lower() not in SIDE_SUFFIXES | STILL_SUFFIXES and not is_sequence_image(path)


def refusal_reason(path: Path) -> str:
    """Return why a path that is not a clip by its name or place is refused."""
    if isdir(path):
        return "a folder at a place where the layout has no clips"
    if path.suffix.lower() in STILL_SUFFIXES or is_sequence_image(path):
        return "a single image among videos"
    return "at a place where the layout has no clips"


def legible(name: str) -> str:
    r"""Return a file name with each byte that is not UTF-8 (a lone surrogate in Python) written as `\xe9`."""
    return re.sub("[\ud800-\udfff]", lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", name)


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
        names = {path.name for path in list_folder(root) if isdir(path)}
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
            self._take(path)
        return "loose"

    def _clip_id(self, path: Path) -> str:
        relative = path.relative_to(self.root if path.is_relative_to(self.root) else path.anchor)
        return (relative if isdir(path) else relative.with_suffix("")).as_posix()

    def _add(self, path: Path, style: str, dancer: str, source: str = "", consent: str = "", named: str = "") -> None:
        name = named or self._clip_id(path)
        self.clips.append(Clip(path, style, dancer or (name if style else ""), name, source, consent))

    def _take(self, path: Path, style: str = "", dancer: str = "", source: str = "") -> None:
        """Add a clip, or refuse what is not one."""
        if is_clip(path):
            self._add(path, style, dancer, source)
        else:
            self._refuse_files(path)

    def _refuse(self, path: Path, reason: str = "") -> None:
        self.refused.append(Refusal(path, reason or refusal_reason(path)))

    def _refuse_files(self, path: Path) -> None:
        """Refuse each file below a path; an image sequence, and a link to a folder, is refused as one."""
        if isdir(path) and not islink(path) and not is_image_sequence(path):
            for inner in self._list(path):
                self._refuse_files(inner)
        elif not _is_side_file(path):
            self._refuse(path)

    def _list(self, folder: Path) -> list[Path]:
        """List a folder; one that cannot be listed is refused and counts as empty."""
        try:
            return list_folder(folder)
        except OSError as error:
            self._refuse(folder, f"cannot be read ({error.strerror})")
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
            try:
                if not cells.get("path"):
                    self._refuse(manifest, f"a row without a path ({cells})")
                elif path in seen:
                    self._refuse(path, f"listed twice in {MANIFEST}")
                elif not path.exists():
                    self._refuse(path, f"listed in {MANIFEST}, but there is no such file")
                elif isdir(path) and not is_image_sequence(path):
                    self._refuse(path, "a folder without images")
                else:
                    seen.add(path)
                    self._add(path, *(cells.get(name, "") for name in ("style", "dancer", "source", "consent")))
            except OSError as error:  # for example, a name too long for the system
                self._refuse(path, f"cannot be read ({error.strerror})")

    def _read_tiktok(self, folder: Path) -> None:
        """List the sequences and raw videos of the TikTok dataset (Kaggle `yasaminjafarian/tiktokdataset`)."""
        raw, sequence = folder.name.startswith("seq_"), re.fullmatch(r"\d+", folder.name)
        name_file, style = folder / "dance_name.txt", ""
        if raw and isfile(name_file):
            try:
                style = name_file.read_text("utf-8", errors="replace").strip()
            except OSError as error:
                self._refuse(name_file, f"cannot be read ({error.strerror})")
        if has_images := is_image_sequence(folder):  # one refusal for all of its images
            self._refuse(folder)
        for path in self._list(folder):
            name = self._clip_id(folder if sequence else path)
            if isdir(path):
                if sequence and path.name == "images":
                    if is_image_sequence(path):
                        self._add(path, "", name, "TikTok dataset (Kaggle), image sequence", named=name)
                    else:
                        self._refuse(path, "a folder without images")
                elif raw or islink(path):  # a link may lead to a parent folder, without end
                    self._refuse(path)
                elif not (sequence and path.name in DERIVED):
                    self._read_tiktok(path)
            elif raw and is_clip(path):
                self._add(path, style, name, "TikTok dataset (Kaggle), raw video")
            elif not _is_side_file(path) and not (has_images and path.suffix.lower() in STILL_SUFFIXES):
                self._refuse(path)

    def _read_getari(self) -> None:
        """List the clips of GETARI (Mendeley `s2gv9d6gpb/2`), whose top folders are splits."""
        for split in list_folder(self.root):
            if split.name not in SPLITS or not isdir(split):
                self._refuse_files(split)
                continue
            for style in self._list(split):
                if not isdir(style):
                    self._refuse_files(style)
                    continue
                for path in self._list(style):
                    self._take(path, style.name, source=f"GETARI (Mendeley), {split.name}")

    def _read_styles(self) -> None:
        """List the clips of `<style>/<dancer>_*.ext` and `<style>/<dancer>/*.ext`."""
        for style in list_folder(self.root):
            if not isdir(style) and not _is_side_file(style):
                self._refuse(style, "lies outside the folder of any style")
            for path in self._list(style) if isdir(style) else ():
                dancer, separator, _ = path.stem.partition("_")
                if isdir(path) and not is_image_sequence(path):
                    for inner in self._list(path):
                        self._take(inner, style.name, path.name)
                else:
                    self._take(path, style.name, dancer if separator or isdir(path) else "")


def _entries(folder: Path) -> list[Path]:
    """Return the entries of a folder; none if it cannot be listed."""
    with suppress(OSError):
        return list_folder(folder)
    return []


def _is_side_file(path: Path) -> bool:
    return path.suffix.lower() in SIDE_SUFFIXES and not isdir(path)


def _has_styles(root: Path) -> bool:
    """Return whether the folders of a folder are styles.

    They are if one of them holds a clip, directly or one folder further down. If only unknown extensions are found,
    any folder that is not an image sequence counts as a style, unless videos lie beside it.
    """
    beside = list_folder(root)
    folders = [path for path in beside if isdir(path) and not is_image_sequence(path)]
    inside = [inner for folder in folders for inner in _entries(folder)]
    deeper = (path for inner in inside for path in _entries(inner))
    return any(map(_is_known_clip, chain(inside, deeper))) or bool(folders) and not any(map(_is_known_clip, beside))


def _is_known_clip(path: Path) -> bool:
    return is_image_sequence(path) if isdir(path) else path.suffix.lower() in VIDEO_SUFFIXES


def _make_ids_unique(clips: list[Clip]) -> tuple[Clip, ...]:
    """Make labels valid UTF-8; if two files differ only in extension, keep the extension in their clip ids.

    A file with a common extension keeps its id beside one with another extension: the name of its part depends on it.
    """
    clips = [
        replace(clip, style=legible(clip.style), dancer=legible(clip.dancer), clip_id=legible(clip.clip_id))
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
                dancer = name if clip.dancer == clip.clip_id else clip.dancer
                clips[place] = replace(clip, dancer=dancer, clip_id=name)
    return tuple(clips)
