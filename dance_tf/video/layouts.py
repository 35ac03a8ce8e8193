"""What the names of folders and files say about a clip: style, dancer, group, take and official split."""

import re
import unicodedata
from dataclasses import dataclass

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SPLIT_NAMES = {
    TRAIN: re.compile(r"(train|training|trn)[-_ ]?(set|data|split|videos|clips)?", re.IGNORECASE),
    VALIDATION: re.compile(r"(val|valid|validation|dev)[-_ ]?(set|data|split|videos|clips)?", re.IGNORECASE),
    TEST: re.compile(r"(test|testing|tst)[-_ ]?(set|data|split|videos|clips)?", re.IGNORECASE),
}
PUBLISHED = {  # names of files in published datasets
    # https://aistdancedb.ongaaccel.jp/data_formats/: genre, situation, camera, dancer, music, choreography
    "aist": re.compile(r"g(?P<style>[A-Z]{2})_(s[A-Z]{2})_(c\d+)_(?P<dancer>d\d+)_(m[A-Z]{2}\d+)_(ch\d+)"),
    # https://www.crcv.ucf.edu/data/UCF101.php: the clips of a group come from one video
    "ucf101": re.compile(r"v_(?P<style>.+)_(?P<group>g\d+)_(?P<take>c\d+)"),
    # https://serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database/: the first part is the source video
    "hmdb51": re.compile(r"(?P<group>.+)_[hufl]_[cn]m_np\d_(?:fr|ba|le|ri)_(?:goo|med|bad)_(?P<take>\d+)"),
    # https://github.com/cvdfoundation/kinetics-dataset: YouTube id, first and last second
    "kinetics": re.compile(r"(?P<group>[\w-]{11})_(?P<take>\d{6}_\d{6})"),
}
FIELDS = ("split", "style", "dancer", "group", "take")  # that a pattern may hold


class LayoutError(ValueError):
    """A pattern or layout that cannot be used; the message is one line."""


@dataclass(frozen=True)
class Labels:
    """What a name says; empty where it says nothing."""

    style: str = ""
    dancer: str = ""
    group: str = ""
    take: str = ""
    split: str = ""


def plain_name(name: str) -> str:
    """Return a name in Unicode form NFC, without blanks around it: "Zoë" is one dancer however it was typed."""
    return unicodedata.normalize("NFC", name).strip()


def split_name(name: str) -> str:
    """Return "train", "validation" or "test" for a usual spelling of it, else ""."""
    return next((split for split, names in SPLIT_NAMES.items() if names.fullmatch(name.strip())), "")


def published_labels(stem: str) -> tuple[str, Labels]:
    """Return which published dataset names its files like this, and what such a name says; "" for none."""
    for name, pattern in PUBLISHED.items():
        if found := pattern.fullmatch(stem):
            labels = Labels(**found.groupdict())
            if name == "aist":  # the views of one performance differ only in the camera
                genre, situation, camera, dancer, music, choreography = found.groups()
                views = "_".join((f"g{genre}", situation, dancer, music, choreography))
                take = " ".join((camera, situation, music, choreography))
                labels = Labels(genre, dancer, views, take)
            return name, labels
    return "", Labels()


def dancer_in_name(stem: str, style: str, alone: bool = False) -> str:
    """Return the dancer of `<dancer>_<anything>` or `<dancer>-<anything>`; "" for `<style>_<anything>` and others.

    Args:
        stem: name of a file without extension, or of a folder of images.
        alone: whether a name without separator is that of the dancer, as for a folder.
    """
    words = re.split("[-_ ]+", stem)
    if any(_letters("".join(words[:count])) == _letters(style) for count in range(1, len(words) + 1)):
        return ""
    dancer, separator, _ = stem.partition("_" if "_" in stem else "-")
    return dancer.strip() if separator or alone else ""


def _letters(name: str) -> str:
    return "".join(letter for letter in plain_name(name).casefold() if letter.isalnum())


def layout_pattern(layout: str) -> str:
    """Return the pattern of a layout of folders: "{dancer}/{style}/{take}" for "dancer/style".

    Raises:
        LayoutError: other names than those of `FIELDS`, or no style.
    """
    names = layout.strip("/").split("/")
    if unknown := [name for name in names if name not in ("split", "style", "dancer", "group")]:
        raise LayoutError(f"--layout {layout}: {unknown[0]!r} is none of split, style, dancer, group")
    return "/".join(f"{{{name}}}" for name in (*names, "take"))


class Pattern:
    """A pattern of paths such as "{style}/{dancer}_{take}.mp4", relative to the footage folder.

    A field is the shortest text without "/" that fits. Without an extension the pattern fits files of any extension,
    and folders of images.

    Raises:
        LayoutError: an unknown field, a field twice, or no style.
    """

    def __init__(self, text: str) -> None:
        pieces = re.split(r"\{(\w*)\}", text)
        fields = pieces[1::2]
        if unknown := [name for name in fields if name not in FIELDS]:
            raise LayoutError(f"pattern {text!r}: {unknown[0]!r} is none of {', '.join(FIELDS)}")
        if len(set(fields)) < len(fields) or "style" not in fields or re.search("[{}]", "".join(pieces[::2])):
            raise LayoutError(f"pattern {text!r}: needs {{style}}, and each field once in braces")
        parts = [
            f"(?P<{part}>[^/]+?)" if place % 2 else re.escape(unicodedata.normalize("NFC", part))
            for place, part in enumerate(pieces)
        ]
        suffix = re.search(r"\.\w+$", pieces[-1])
        if suffix:  # extensions are compared in lower case
            parts[-1] = parts[-1][: -len(re.escape(suffix[0]))] + re.escape(suffix[0].lower())
        self.text, self._has_suffix, self._expression = text, bool(suffix), re.compile("".join(parts), re.DOTALL)

    def labels(self, name: str, suffix: str) -> Labels | None:
        """Return what a path says, None if it does not fit.

        Args:
            name: the path relative to the footage folder, with "/" and without the extension.
            suffix: the extension with its dot; "" for a folder of images.
        """
        found = self._expression.fullmatch(unicodedata.normalize("NFC", name) + suffix.lower() * self._has_suffix)
        labels = found.groupdict() if found else {}
        if "split" in labels:
            labels["split"] = split_name(labels["split"])
        return Labels(**labels) if labels and labels.get("split", TEST) else None
