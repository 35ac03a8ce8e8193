"""Which files and folders may be clips, by their names and headers; and files that are written whole or not at all."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os.path import isdir, isfile, islink
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


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes `path` when the block succeeds, and is removed if not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def list_folder(folder: Path) -> list[Path]:
    """Return the entries of a folder sorted by name, without hidden files and files of the operating system."""
    system = re.compile(r"\..*|__MACOSX.*|Thumbs\.db|desktop\.ini", re.DOTALL)
    return sorted(path for path in folder.iterdir() if not system.fullmatch(path.name))


def is_image_sequence(folder: Path) -> bool:
    """Return whether a folder holds still images, and no videos or folders of clips; False if it cannot be listed."""
    inside = entries(folder)
    images = {path for path in inside if is_sequence_image(path) and isfile(path)}
    others = [path for path in inside if path not in images]
    return bool(images) and not any(
        next(walk_clips(path), None) if isdir(path) else path.suffix.lower() in VIDEO_SUFFIXES
        for path in others
        if not (isdir(path) and islink(path))
    )


def walk_clips(folder: Path) -> Iterator[Path]:
    """Yield what is surely a clip below a folder, or is the folder itself; links to folders are not followed."""
    if is_image_sequence(folder):
        yield folder
        return
    for path in entries(folder):
        if isdir(path) and not islink(path):
            yield from walk_clips(path)
        elif is_known_clip(path):
            yield path


def sequences_in(folder: Path) -> list[Path]:
    """Return the image sequences of a folder of images: itself, or `folder/NAME_*` for each of several names.

    There are several if all images are called `NAME_NUMBER` and each name has two images or more, as in Let's Dance.
    """
    stems = [path.stem for path in entries(folder) if is_sequence_image(path)]
    names = Counter(stem.rpartition("_")[0] if re.fullmatch(r".+_\d+", stem) else "" for stem in stems)
    if len(names) < 2 or "" in names or min(names.values()) < 2:
        return [folder]
    return [folder / f"{name}_*" for name in sorted(names)]


def sequence_images(path: Path) -> list[Path]:
    """Return the images of a folder or of `folder/NAME_*` (`sequences_in`), sorted by name.

    Raises:
        OSError: the folder cannot be listed.
    """
    if isdir(path):
        return [image for image in list_folder(path) if is_sequence_image(image)]
    name = re.compile(re.escape(path.name.removesuffix("*")) + r"\d+")
    return [image for image in list_folder(path.parent) if name.fullmatch(image.stem) and is_sequence_image(image)]


def is_shared_sequence(path: Path) -> bool:
    """Return whether a path is a `folder/NAME_*` of `sequences_in`."""
    return path.name.endswith("_*") and isdir(path.parent) and not path.exists()


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


def entries(folder: Path) -> list[Path]:
    """Return the entries of a folder; none if it cannot be listed."""
    with suppress(OSError):
        return list_folder(folder)
    return []


def is_side_file(path: Path) -> bool:
    """Return whether a file is a text or a table, which is ignored."""
    return path.suffix.lower() in SIDE_SUFFIXES and not isdir(path)


def is_known_clip(path: Path) -> bool:
    """Return whether a path is an image sequence or has the extension of a video."""
    return is_image_sequence(path) if isdir(path) else path.suffix.lower() in VIDEO_SUFFIXES
