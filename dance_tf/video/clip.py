"""A clip, a refused file, and the rules that distinguish videos, images and side files."""

import re
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Clip:
    """A recording of one dancer who dances one style.

    Attributes:
        path: a video file, or a folder with an image sequence.
        style: label of the dance style; empty if unlabelled.
        dancer: name of the dancer; empty if unlabelled.
        clip_id: unique name within a catalog: the path relative to the footage folder, without extension, with "/".
        source: origin of the footage; free text.
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
    """A file or folder that is not a clip.

    Attributes:
        path: the file or folder.
        reason: why it was refused, in one line.
    """

    path: Path
    reason: str


def is_image_sequence(folder: Path) -> bool:
    """Return whether a folder holds still images and no videos."""
    files = [path for path in folder.iterdir() if path.is_file() and not is_ignored(path)]
    images = {path for path in files if is_sequence_image(path)}
    return bool(images) and not any(path.suffix.lower() in VIDEO_SUFFIXES for path in files if path not in images)


def is_sequence_image(path: Path) -> bool:
    """Return whether a file may be an image of a sequence; the header of a WebP file says whether it is animated."""
    if path.suffix.lower() != ".webp":
        return path.suffix.lower() in IMAGE_SUFFIXES
    try:
        with open(path, "rb") as file:
            head = file.read(21)
    except OSError:
        return False
    # https://developers.google.com/speed/webp/docs/riff_container: only the extended format has an animation flag
    animated = head[12:16] == b"VP8X" and len(head) == 21 and bool(head[20] & 0x02)
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP" and not animated


def list_folder(folder: Path) -> list[Path]:
    """Return the entries of a folder sorted by name, without hidden files and files of the operating system."""
    return sorted(path for path in folder.iterdir() if not is_ignored(path))


def is_ignored(path: Path) -> bool:
    """Return whether a name is hidden or written by an operating system."""
    return path.name.startswith((".", "__MACOSX")) or path.name in ("Thumbs.db", "desktop.ini")


def is_clip(path: Path) -> bool:
    """Return whether a file or folder may be a clip; a file with an unknown extension may be one."""
    if path.is_dir():
        return is_image_sequence(path)
    return path.suffix.lower() not in SIDE_SUFFIXES | STILL_SUFFIXES and not is_sequence_image(path)


def is_side_file(path: Path) -> bool:
    """Return whether a file is a text, a table or similar, by its extension."""
    return path.suffix.lower() in SIDE_SUFFIXES and not path.is_dir()


def refusal_reason(path: Path) -> str:
    """Return why a path that is not a clip by its name or place is refused."""
    if path.is_dir():
        return "a folder at a place where the layout has no clips"
    if path.suffix.lower() in STILL_SUFFIXES or is_sequence_image(path):
        return "a single image among videos"
    return "at a place where the layout has no clips"


def clip_id(root: Path, path: Path) -> str:
    """Return the id of a clip: its path below the footage folder, without extension."""
    relative = path.relative_to(root) if path.is_relative_to(root) else path.relative_to(path.anchor)
    return (relative if path.is_dir() else relative.with_suffix("")).as_posix()


def legible(name: str) -> str:
    r"""Return a file name with each byte that is not UTF-8 (a lone surrogate in Python) written as `\xe9`."""
    return re.sub("[\ud800-\udfff]", lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", name)
