"""What was found in a footage folder: styles, dancers, groups, official splits, and what looks wrong."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable

from dance_tf.video.catalog import Catalog, Clip

SHOWN = 5  # names in a warning
# names of files that cameras, telephones and editors give, and numbers of clips
NOT_A_NAME = re.compile(
    r"(img|vid|video|mvi|mov|movie|dsc[nf]?|gopr|g[hpx]|pxl|dji|whatsapp|clip|take|cam|camera|scene|frame|file|film|rec|"
    r"screen|untitled|part|copy|seq)[-_ ]*\d*|[cvp]?\d+",
    re.IGNORECASE,
)
SHOWN_DANCERS = 100  # lines of dancers


def describe_catalog(catalog: Catalog) -> dict[str, object]:
    """Return what was found, as JSON types.

    Returns:
        layout; clips; styles (name → clips and dancers); dancers (name → clips); clips unlabelled (without a style) and
        without a dancer; groups; splits (name → clips); files refused; warnings, a sentence each.
        Only named dancers count.
    """
    labelled = [clip for clip in catalog.clips if clip.style]
    clips, dancers = Counter(clip.style for clip in labelled), defaultdict(set)
    for clip in labelled:
        dancers[clip.style] |= {clip.dancer} - {""}
    unlabelled = len(catalog.clips) - len(labelled)
    note = f"{_count(unlabelled, 'clip')} without a style (unlabelled): not used to train or to score"
    styles = {style: {"clips": clips[style], "dancers": len(dancers[style])} for style in sorted(clips)}
    return {
        "layout": catalog.layout,
        "clips": len(catalog.clips),
        "styles": styles,
        "dancers": dict(sorted(Counter(clip.dancer for clip in catalog.clips if clip.dancer).items())),
        "unlabelled": unlabelled,
        "without_dancer": sum(not clip.dancer for clip in catalog.clips),
        "groups": len({clip.group for clip in catalog.clips} - {""}),
        "splits": dict(sorted(Counter(clip.split for clip in catalog.clips if clip.split).items())),
        "refused": len(catalog.refused),
        "warnings": [*catalog.notes, *_warnings(labelled), *([note] if unlabelled else [])],
    }


def catalog_text(found: dict[str, object]) -> str:
    """Return the lines that say what was found."""
    styles, dancers, splits = found["styles"], found["dancers"], found["splits"]
    lines = [f"layout {found['layout']}: {_count(found['clips'], 'clip')}, {_count(found['refused'], 'file')} refused"]
    for name, each in styles.items():
        lines.append(f"  style {name}: {_count(each['clips'], 'clip')}, {_count(each['dancers'], 'dancer')}")
    lines += [f"  dancer {name}: {_count(clips, 'clip')}" for name, clips in [*dancers.items()][:SHOWN_DANCERS]]
    if (more := len(dancers) - SHOWN_DANCERS) > 0:
        lines.append(f"  and {more} more dancers")
    if unknown := found["without_dancer"]:
        lines.append(f"  dancer unknown: {_count(unknown, 'clip')}")
    if found["groups"]:
        lines.append(f"  {_count(found['groups'], 'group')} of clips that stay together in every split")
    if splits:
        parts = ", ".join(f"{name} {_count(clips, 'clip')}" for name, clips in splits.items())
        lines.append(f"  official split: {parts}; `train --split official` uses it, other splits ignore it")
    return "\n".join([*lines, *(f"  note: {warning}" for warning in found["warnings"])])


def _warnings(clips: list[Clip]) -> list[str]:
    """Return what looks wrong with the labels of clips that have a style."""
    dancers_of, styles_of = defaultdict(set), defaultdict(set)
    for clip in clips:
        dancers_of[clip.style].add(clip.dancer or clip.group or clip.clip_id)
        if clip.dancer:
            styles_of[clip.dancer].add(clip.style)
    warnings = [*_alike("styles", dancers_of), *_alike("dancers", styles_of)]
    counts = Counter(clip.style for clip in clips)
    single = [style for style, count in counts.items() if count == 1]
    alone = [style for style, dancers in dancers_of.items() if len(dancers) == 1 and counts[style] > 1]
    one_style = [dancer for dancer, styles in styles_of.items() if len(styles) == 1 and len(counts) > 1]
    odd = [dancer for dancer in styles_of if NOT_A_NAME.fullmatch(dancer)]
    units = {clip.dancer or clip.group or clip.clip_id for clip in clips}
    lines = {
        "styles with one clip, which cannot be both learnt and tested": single,
        "styles with one dancer, who cannot be both in training and held out": alone,
        "dancers with one style: a network may learn the dancer instead of the style": one_style,
        "dancers that look like a camera's prefix or the number of a clip": odd,
    }
    warnings += [f"{text}: {_list(names)}" for text, names in lines.items() if names]
    if len(clips) > 1 and len(units) == len(clips):
        warnings.append(
            "every clip counts as a dancer of its own: clips of one dancer may be on both sides of a split, and "
            "held-out scores too high; name the dancers in manifest.csv, or give --pattern"
        )
    return warnings


def _alike(what: str, names: Iterable[str]) -> list[str]:
    """Return a warning for each set of names that differ only in case, blanks or Unicode form."""
    alike = defaultdict(list)
    for name in names:
        key = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
        alike["".join(key.split())].append(name)
    reason = "differ only in case, blanks or Unicode form, and are kept apart"
    return [f"{what} {', '.join(map(repr, sorted(same)))} {reason}" for same in alike.values() if len(same) > 1]


def _list(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(sorted(names)[:SHOWN]) + more


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
