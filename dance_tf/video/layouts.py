"""Folder layouts that say by their names what a clip shows."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dance_tf.video.clip import (
    STILL_SUFFIXES,
    VIDEO_SUFFIXES,
    Clip,
    Refusal,
    clip_id,
    is_aside,
    is_clip,
    is_image_sequence,
    listed,
    refusal_reason,
)

SPLITS = frozenset(("train", "val", "test", "valid", "validation"))
DERIVED = frozenset(("masks", "densepose"))  # pictures that the TikTok dataset has beside a sequence's images


@contextmanager
def refusing(path: Path, refused: list[Refusal]) -> Iterator[None]:
    """Refuse `path` where the system will not tell what it is, and go on with the others."""
    try:
        yield
    except OSError as error:
        refused.append(Refusal(path, f"cannot be read ({error.strerror})"))


def has_styles(root: Path) -> bool:
    """Tell by where the clips lie whether a folder's folders are styles.

    They are where one of them holds a clip, itself or one folder further down. If nothing but strange extensions is
    found, any folder that is no image sequence counts as a style, unless videos lie beside it.
    """
    folders, beside = [], False
    for path in listed(root):
        with refusing(path, []):
            if _shows_clip(path):
                beside = True
            elif path.is_dir():
                folders.append(path)
    for folder in folders:
        for inner in _list_readable(folder):
            with refusing(inner, []):
                if _shows_clip(inner) or inner.is_dir() and any(map(_shows_clip, listed(inner))):
                    return True
    return bool(folders) and not beside


def _shows_clip(path: Path) -> bool:
    return is_image_sequence(path) if path.is_dir() else path.suffix.lower() in VIDEO_SUFFIXES


def _list_readable(folder: Path, refused: list[Refusal] | None = None) -> list[Path]:
    """List a folder; one that cannot be listed is refused and counts as empty."""
    with refusing(folder, [] if refused is None else refused):
        return listed(folder)
    return []


def from_tiktok(root: Path) -> tuple[list[Clip], list[Refusal]]:
    """List the clips of the TikTok dataset (Kaggle `yasaminjafarian/tiktokdataset`): sequences and raw videos."""
    clips, refused = [], []
    _walk_tiktok(root, root, clips, refused)
    return clips, refused


def _walk_tiktok(root: Path, folder: Path, clips: list[Clip], refused: list[Refusal]) -> None:
    raw, sequence = folder.name.startswith("seq_"), re.fullmatch(r"\d+", folder.name)
    name_file = folder / "dance_name.txt"
    style, strewn = "", False
    with refusing(name_file, refused):
        style = name_file.read_text("utf-8", errors="replace").strip() if raw and name_file.is_file() else ""
    with refusing(folder, refused):
        strewn = is_image_sequence(folder)
    if strewn:  # refused as one: there may be thousands
        refused.append(Refusal(folder, refusal_reason(folder)))
    for path in _list_readable(folder):
        with refusing(path, refused):
            if path.is_dir():
                if sequence and path.name == "images" and is_image_sequence(path):
                    name = folder.relative_to(root).as_posix()
                    clips.append(Clip(path, "", name, name, "TikTok dataset (Kaggle), image sequence"))
                elif sequence and path.name == "images":
                    refused.append(Refusal(path, "a folder without images"))
                elif raw or path.is_symlink():  # a link may lead back here for ever
                    refused.append(Refusal(path, refusal_reason(path)))
                elif not (sequence and path.name in DERIVED):
                    _walk_tiktok(root, path, clips, refused)
            elif raw and is_clip(path):
                name = clip_id(root, path)
                clips.append(Clip(path, style, name, name, "TikTok dataset (Kaggle), raw video"))
            elif not is_aside(path) and not (strewn and path.suffix.lower() in STILL_SUFFIXES):
                refused.append(Refusal(path, refusal_reason(path)))


def from_getari(root: Path) -> tuple[list[Clip], list[Refusal]]:
    """List the clips of GETARI (Mendeley `s2gv9d6gpb/2`), whose first folders are its splits."""
    clips, refused = [], []
    for split in listed(root):
        if split.name not in SPLITS or not split.is_dir():
            refused += _unplaced(split)
            continue
        for style in _list_readable(split, refused):
            for path in _list_readable(style, refused) if style.is_dir() else (style,):
                with refusing(path, refused):
                    if style.is_dir() and is_clip(path):
                        clip = labelled(root, path, style.name, "")
                        clips.append(replace(clip, source=f"GETARI (Mendeley), {split.name}"))
                    else:
                        refused += _unplaced(path)
    return clips, refused


def _unplaced(path: Path) -> list[Refusal]:
    """Refuse each file at a place where the layout has no clips; a folder of images, or a link to one, as one."""
    refused: list[Refusal] = []
    with refusing(path, refused):
        if path.is_dir() and not path.is_symlink() and not is_image_sequence(path):
            for inner in listed(path):
                refused += _unplaced(inner)
        elif not is_aside(path):
            refused.append(Refusal(path, refusal_reason(path)))
    return refused


def from_styles(root: Path) -> tuple[list[Clip], list[Refusal]]:
    """List the clips of `<style>/<dancer>_*.ext` and `<style>/<dancer>/*.ext`."""
    clips, refused = [], []
    for style in listed(root):
        with refusing(style, refused):
            if not style.is_dir():
                if not is_aside(style):
                    refused.append(Refusal(style, "lies outside the folder of any style"))
                continue
            for path in listed(style):
                with refusing(path, refused):
                    _place_in_style(root, style.name, path, clips, refused)
    return clips, refused


def _place_in_style(root: Path, style: str, path: Path, clips: list[Clip], refused: list[Refusal]) -> None:
    if is_clip(path):
        dancer, mark, _ = path.stem.partition("_")
        clips.append(labelled(root, path, style, dancer if mark or path.is_dir() else ""))
    elif path.is_dir():
        for inner in listed(path):
            with refusing(inner, refused):
                if is_clip(inner):
                    clips.append(labelled(root, inner, style, path.name))
                else:
                    refused += _unplaced(inner)
    elif not is_aside(path):
        refused.append(Refusal(path, refusal_reason(path)))


def from_loose(root: Path) -> tuple[list[Clip], list[Refusal]]:
    """List clips that lie side by side, without labels."""
    clips, refused = [], []
    for path in listed(root):
        with refusing(path, refused):
            if is_clip(path):
                clips.append(Clip(path, clip_id=clip_id(root, path)))
            else:
                refused += _unplaced(path)
    return clips, refused


def labelled(root: Path, path: Path, style: str, dancer: str) -> Clip:
    """Make a clip; where it has a style but nobody is named, it counts as danced by someone of its own."""
    name = clip_id(root, path)
    return Clip(path, style, dancer or (name if style else ""), name)
