"""Folder layouts that say by their names what a clip shows."""

import re
from pathlib import Path

from dance_tf.footage.clip import (
    SIDE_SUFFIXES,
    VIDEO_SUFFIXES,
    Clip,
    Refusal,
    clip_id,
    is_clip,
    is_image_sequence,
    listed,
    refusal_reason,
)

SPLITS = frozenset(("train", "val", "test", "valid", "validation"))


def from_tiktok(root: Path) -> tuple[list[Clip], list[Refusal]]:
    """List the clips of the TikTok dataset (Kaggle `yasaminjafarian/tiktokdataset`): sequences and raw videos."""
    clips, refused = [], []
    for folder in sorted(root.rglob("*")) if root.is_dir() else ():
        if folder.is_dir() and folder.name == "images" and re.fullmatch(r"\d+", folder.parent.name):
            name = folder.parent.relative_to(root).as_posix()
            if is_image_sequence(folder):
                clips.append(Clip(folder, "", name, name, "TikTok dataset (Kaggle), image sequence"))
            else:
                refused.append(Refusal(folder, "a folder without images"))
        elif folder.is_dir() and folder.name.startswith("seq_"):
            name_file = folder / "dance_name.txt"
            style = name_file.read_text("utf-8", errors="replace").strip() if name_file.is_file() else ""
            for path in listed(folder):
                if path.suffix.lower() in VIDEO_SUFFIXES:
                    name = clip_id(root, path)
                    clips.append(Clip(path, style, name, name, "TikTok dataset (Kaggle), raw video"))
                elif path.suffix.lower() not in SIDE_SUFFIXES:
                    refused.append(Refusal(path, refusal_reason(path)))
    return clips, refused


def from_getari(root: Path, splits: list[Path]) -> tuple[list[Clip], list[Refusal]]:
    """List the clips of GETARI (Mendeley `s2gv9d6gpb/2`), whose first folders are its splits."""
    clips, refused = [], []
    for split in splits:
        for style in listed(split):
            for path in listed(style) if style.is_dir() else (style,):
                if style.is_dir() and is_clip(path):
                    clip = labelled(root, path, style.name, "")
                    clips.append(Clip(path, clip.style, clip.dancer, clip.clip_id, f"GETARI (Mendeley), {split.name}"))
                elif path.suffix.lower() not in SIDE_SUFFIXES:
                    refused.append(Refusal(path, refusal_reason(path)))
    return clips, refused


def from_styles(root: Path) -> tuple[list[Clip], list[Refusal]]:
    """List the clips of `<style>/<dancer>_*.ext` and `<style>/<dancer>/*.ext`."""
    clips, refused = [], []
    for style in listed(root):
        if style.is_file():
            if style.suffix.lower() not in SIDE_SUFFIXES:
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
                    elif inner.is_dir() or inner.suffix.lower() not in SIDE_SUFFIXES:
                        refused.append(Refusal(inner, refusal_reason(inner)))
            elif path.suffix.lower() not in SIDE_SUFFIXES:
                refused.append(Refusal(path, refusal_reason(path)))
    return clips, refused


def from_loose(root: Path) -> tuple[list[Clip], list[Refusal]]:
    """List clips that lie side by side, without labels."""
    clips, refused = [], []
    for path in listed(root):
        if is_clip(path):
            clips.append(Clip(path, clip_id=clip_id(root, path)))
        elif path.suffix.lower() not in SIDE_SUFFIXES:
            refused.append(Refusal(path, refusal_reason(path)))
    return clips, refused


def labelled(root: Path, path: Path, style: str, dancer: str) -> Clip:
    """Make a clip; where it has a style but nobody is named, it counts as danced by someone of its own."""
    name = clip_id(root, path)
    return Clip(path, style, dancer or (name if style else ""), name)
