"""One clip, what is not one, and how files and folders are told apart."""

import re
from dataclasses import dataclass
from pathlib import Path

USUAL_SUFFIXES = frozenset(
    ".3g2 .3gp .apng .asf .avi .flv .gif .h264 .h265 .hevc .ivf .m2ts .m2v .m4v .mjpeg .mjpg .mkv .mov .mp4 .mpeg .mpg"
    " .mts .mxf .obu .ogm .ogv .qt .rm .ts .vob .webm .webp .wmv .y4m".split()
)
RARE_SUFFIXES = frozenset(
    ".264 .265 .266 .amv .av1 .divx .dv .evo .f4v .insv .lrv .m1v .m2p .m2t .mj2 .mk3d .mkv3d .mod .mp2v .mpe .mpv .nsv"
    " .nut .ogx .rmvb .tod .trp .tp .vc1 .vro .vvc .wtv .xvid".split()
)
VIDEO_SUFFIXES = USUAL_SUFFIXES | RARE_SUFFIXES
IMAGE_SUFFIXES = frozenset(  # of the frames of a sequence; those of `.webp` are told from animations by their head
    ".avif .bmp .j2k .jfif .jp2 .jpe .jpeg .jpg .pbm .pcx .pgm .png .pnm .ppm .psd .qoi .sgi .tga .tif .tiff".split()
)
STILL_SUFFIXES = IMAGE_SUFFIXES | frozenset(".arw .cr2 .cr3 .dng .exr .hdr .heic .heif .ico .jxl .nef .svg".split())
SIDE_SUFFIXES = frozenset(
    ".aae .ass .csv .doc .docx .htm .html .ini .ipynb .json .log .md .nfo .npy .npz .pdf .py .rst .rtf .srt .ssa .sub"
    " .thm .toml .txt .vtt .xls .xlsx .xml .xmp .yaml .yml".split()
)


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


def is_image_sequence(folder: Path) -> bool:
    """Tell whether a folder holds still images and no videos."""
    files = [path for path in folder.iterdir() if path.is_file() and not is_ignored(path)]
    images = {path for path in files if is_sequence_image(path)}
    return bool(images) and not any(path.suffix.lower() in VIDEO_SUFFIXES for path in files if path not in images)


def is_sequence_image(path: Path) -> bool:
    """Tell whether a file may be a frame of an image sequence: by its name, and a WebP, which may move, by its head."""
    if path.suffix.lower() != ".webp":
        return path.suffix.lower() in IMAGE_SUFFIXES
    try:
        with open(path, "rb") as file:
            head = file.read(21)
    except OSError:
        return False
    # https://developers.google.com/speed/webp/docs/riff_container: only the extended kind has an animation flag
    moves = head[12:16] == b"VP8X" and len(head) == 21 and bool(head[20] & 0x02)
    return head[:4] == b"RIFF" and head[8:12] == b"WEBP" and not moves


def listed(folder: Path) -> list[Path]:
    """List a folder in the order of names, without what operating systems leave there."""
    return sorted(path for path in folder.iterdir() if not is_ignored(path))


def is_ignored(path: Path) -> bool:
    """Tell whether a name is hidden or of the kind that operating systems leave behind."""
    return path.name.startswith((".", "__MACOSX")) or path.name in ("Thumbs.db", "desktop.ini")


def is_clip(path: Path) -> bool:
    """Tell by names (and of WebP images by their head) whether a file or folder may be a clip.

    A file whose name says nothing may be one: only the decoder knows all that it can read.
    """
    if path.is_dir():
        return is_image_sequence(path)
    return path.suffix.lower() not in SIDE_SUFFIXES | STILL_SUFFIXES and not is_sequence_image(path)


def is_aside(path: Path) -> bool:
    """Tell by its name whether a file is no footage at all, but something written beside it."""
    return path.suffix.lower() in SIDE_SUFFIXES and not path.is_dir()


def refusal_reason(path: Path) -> str:
    """Say why something that is no clip by its name is none."""
    if path.is_dir():
        return "a folder at a place where the layout has no clips"
    if path.suffix.lower() in STILL_SUFFIXES or is_sequence_image(path):
        return "a single image among videos"
    return "at a place where the layout has no clips"


def clip_id(root: Path, path: Path) -> str:
    """Name a clip by its path below the footage folder, without extension."""
    relative = path.relative_to(root) if path.is_relative_to(root) else path.relative_to(path.anchor)
    return (relative if path.is_dir() else relative.with_suffix("")).as_posix()


def legible(name: str) -> str:
    r"""Write the bytes of a file name that are no UTF-8, which Python holds as lone surrogates, as `\xe9`."""
    return re.sub("[\ud800-\udfff]", lambda found: f"\\x{ord(found[0]) & 0xFF:02x}", name)
