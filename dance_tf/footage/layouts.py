"""Folder layouts that say by their names what a clip shows."""

import re
from pathlib import Path

from dance_tf.footage.clip import (
    STILL_SUFFIXES,
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


def from_tiktok(root: Path) -> tuple[list[Clip], list[Refusal]]:
    """List the clips of the TikTok dataset (Kaggle `yasaminjafarian/tiktokdataset`): sequences and raw videos."""
    clips, refused = [], []
    _walk_tiktok(root, root, clips, refused)
    return clips, refused


def _walk_tiktok(root: Path, folder: Path, clips: list[Clip], refused: list[Refusal]) -> None:
    raw, sequence = folder.name.startswith("seq_"), re.fullmatch(r"\d+", folder.name)
    name_file = folder / "dance_name.txt"
    style = name_file.read_text("utf-8", errors="replace").strip() if raw and name_file.is_file() else ""
    strewn = is_image_sequence(folder)
    if strewn:  # refused as one: there may be thousands
        refused.append(Refusal(folder, refusal_reason(folder)))
    for path in listed(folder):
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
        for style in listed(split):
            for path in listed(style) if style.is_dir() else (style,):
                if style.is_dir() and is_clip(path):
                    clip = labelled(root, path, style.name, "")
                    clips.append(Clip(path, clip.style, clip.dancer, clip.clip_id, f"GETARI (Mendeley), {split.name}"))
                else:
                    refused += _unplaced(path)
    return clips, refused


def _unplaced(path: Path) -> list[Refusal]:
    """Refuse each file at a place where the layout has no clips; a folder of images, or a link to one, as one."""
    if path.is_dir() and not path.is_symlink() and not is_image_sequence(path):
        return [refusal for inner in listed(path) for refusal in _unplaced(inner)]
    return [] if is_aside(path) else [Refusal(path, refusal_reason(path))]


def from_styles(root: Path) -> tuple[list[Clip], list[Refusal]]:
    """List the clips of `<style>/<dancer>_*.ext` and `<style>/<dancer>/*.ext`."""
    clips, refused = [], []
    for style in listed(root):
        if style.is_file():
            if not is_aside(style):
                refused.append(Refusal(style, "lies outside the folder of any style"))
            continue
        for path in listed(style):
            if is_clip(path):
                dancer, mark, _ = path.stem.partition("_")
                clips.append(labelled(root, path, style.name, dancer if mark or path.is_dir() else ""))
            elif path.is_dir():
                for inner in listed(path):
                    if is_clip(inner):
                        clips.append(labelled(root, inner, style.name, path.name))
                    else:
                        refused += _unplaced(inner)
            elif not is_aside(path):
                refused.append(Refusal(path, refusal_reason(path)))
    return clips, refused


def from_loose(root: Path) -> tuple[list[Clip], list[Refusal]]:
    """List clips that lie side by side, without labels."""
    clips, refused = [], []
    for path in listed(root):
        if is_clip(path):
            clips.append(Clip(path, clip_id=clip_id(root, path)))
        elif not is_aside(path):
            refused.append(Refusal(path, refusal_reason(path)))
    return clips, refused


def labelled(root: Path, path: Path, style: str, dancer: str) -> Clip:
    """Make a clip; where it has a style but nobody is named, it counts as danced by someone of its own."""
    name = clip_id(root, path)
    return Clip(path, style, dancer or (name if style else ""), name)
