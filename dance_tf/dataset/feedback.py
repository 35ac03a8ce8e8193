"""Feedback: what teachers say about clips and dancers, as a CSV file that people can edit."""

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
from filelock import FileLock

from dance_tf.dataset.dataset import Dataset, order_styles
from dance_tf.dataset.output import write_text
from dance_tf.video.files import VIDEO_SUFFIXES
from dance_tf.video.layouts import plain_name
from dance_tf.video.manifest import read_trust

COLUMNS = ("clip", "dancer", "style", "score", "trust", "comment", "from", "date")


class FeedbackError(ValueError):
    """A feedback file or a remark that cannot be used; the message is one line."""


@dataclass(frozen=True)
class Feedback:
    """What one person says about a clip, or about all clips of a dancer."""

    clip: str = ""  # clip id or file name; empty if it is about a dancer
    dancer: str = ""
    style: str = ""  # what is danced, in place of the clip's label and of the model's verdict
    score: float = math.nan  # how close the dance is to its style, 0 to 100
    trust: float = math.nan  # how far the label can be trusted, 0 to 1
    comment: str = ""
    teacher: str = ""  # who says it; the column "from"
    day: str = ""  # the column "date", ISO 8601

    def __post_init__(self):
        if bool(self.clip) == bool(self.dancer):
            raise FeedbackError("feedback is about one clip or about one dancer: name one of them")
        if self.dancer and (self.style or not math.isnan(self.score)):
            raise FeedbackError(f"a style or a score is said of a clip, not of the dancer {self.dancer}")
        if not (self.style or self.comment) and math.isnan(self.score) and math.isnan(self.trust):
            raise FeedbackError(f"nothing is said about {self.about}: give a style, a score, a trust or a comment")
        for name, highest in (("score", 100), ("trust", 1)):
            value = getattr(self, name)
            if not (math.isnan(value) or 0 <= value <= highest):
                raise FeedbackError(f"the {name} {value:g} of {self.about} is not from 0 to {highest}")

    @property
    def about(self) -> str:
        """The clip or dancer."""
        return self.clip or f"the dancer {self.dancer}"

    @property
    def said(self) -> str:
        """What is said, and by whom, in a line."""
        said = [f"style {self.style}"] if self.style else []
        said += [] if math.isnan(self.score) else [f"score {self.score:g} of 100"]
        said += [] if math.isnan(self.trust) else [f"trust {self.trust:g}"]
        said += [f"“{self.comment}”"] if self.comment else []
        return f"{', '.join(said)}{f' ({self.teacher})' if self.teacher else ''}"


def read_feedback(path: Path) -> tuple[Feedback, ...]:
    """Read a feedback file: comma-separated UTF-8 with columns of `COLUMNS`, clip or dancer among them.

    Raises:
        FeedbackError: the file is not such a file, or a row cannot be used; the message names the line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FeedbackError(f"there is no {path}: `feedback FILE CLIP --style …` makes it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FeedbackError(f"{path} is not a CSV file in UTF-8 ({error})") from error
    lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    said = []
    try:
        names = set(lines.fieldnames or ())
        unknown = ", ".join(sorted(names - set(COLUMNS)))
        if unknown or not names & {"clip", "dancer"}:
            fault = f"no column may be called {unknown}" if unknown else "no column clip or dancer"
            raise FeedbackError(f"{fault}; the columns are {', '.join(COLUMNS)}")
        for row in lines:
            if None in row or None in row.values():
                raise FeedbackError(f"not as many cells as columns: {row}")
            said.append(_from_row({name: (cell or "").strip() for name, cell in row.items()}))
    except csv.Error as error:
        raise FeedbackError(f"{path}: a quote is not closed, or not doubled inside of quotes ({error})") from error
    except ValueError as error:
        raise FeedbackError(f"{path}, line {max(lines.line_num, 1)}: {error}") from error
    return tuple(said)


def _from_row(row: dict[str, str]) -> Feedback:
    try:
        score = float(row.get("score") or "nan")
    except ValueError as error:
        raise FeedbackError(f"score is {row['score']!r}, not a number") from error
    trust = read_trust(cell) if (cell := row.get("trust")) else math.nan
    texts = {name: row.get(name, "") for name in ("clip", "dancer", "style", "comment")}
    return Feedback(**texts, score=score, trust=trust, teacher=row.get("from", ""), day=row.get("date", ""))


def add_feedback(path: Path, said: Feedback) -> tuple[Feedback, ...]:
    """Add a row to a feedback file, which is made if it is absent, and return all rows; readers see whole files only.

    Raises:
        FeedbackError: the file cannot be read.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock")):
        rows = (*(read_feedback(path) if path.exists() else ()), replace(said, day=said.day or str(date.today())))
        table = io.StringIO(newline="")
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(COLUMNS)
        for each in rows:
            values = asdict(each)
            cells = ["" if value != value else value for value in values.values()]
            writer.writerow([f"{cell:g}" if isinstance(cell, float) else cell for cell in cells])
        write_text(path, table.getvalue())
    return rows


def _parts(clip: str) -> list[str]:
    """Return the folders and the name of a clip id or path, without the suffix of a file."""
    *folders, name = map(plain_name, clip.replace("\\", "/").split("/"))
    stem, suffix = os.path.splitext(name)
    return [*folders, stem if suffix.lower() in VIDEO_SUFFIXES else name]


def is_about(said: Feedback, clip: str) -> bool:
    """Return whether feedback is about a clip, given by its id or path, of which it may leave out the first folders."""
    named, parts = _parts(said.clip), _parts(clip)
    return bool(said.clip) and parts[-len(named) :] == named


def apply_feedback(dataset: Dataset, said: Sequence[Feedback]) -> tuple[Dataset, tuple[str, ...]]:
    """Return a dataset with the labels and the trust that teachers give, and what could not be used, in sentences.

    The last word about a clip counts. A style that a teacher gives is trusted fully, unless a trust is given, too. The
    trust in a dancer multiplies that in the labels of the dancer's clips which no teacher has looked at.
    """
    about, notes = _match(dataset, said)
    in_dancer = {plain_name(one.dancer): one.trust for one in said if one.dancer and not math.isnan(one.trust)}
    clips = []
    for clip, dancer in zip(dataset.clips, dataset.dancers, strict=True):
        own = about.get(clip.clip_id, [])
        styles = [plain_name(one.style) for one in own if one.style]
        trusts = [one.trust for one in own if not math.isnan(one.trust)]
        if len(set(styles)) > 1:
            notes.append(f"{clip.clip_id} is called {' and '.join(dict.fromkeys(styles))}: the last word counts")
        unseen = clip.trust * in_dancer.get(dancer, 1.0)
        trust = trusts[-1] if trusts else 1.0 if styles else unseen
        clips.append(replace(clip, style=styles[-1] if styles else clip.style, trust=trust))
    strangers = [name for name in in_dancer if name not in dataset.dancers]
    notes += [f"feedback on the dancer {name} is not used: the dataset has none of that name" for name in strangers]
    styles = order_styles({clip.style for clip in clips}, dataset.styles)
    return replace(dataset, styles=styles, clips=tuple(clips)), tuple(notes)


def _match(dataset: Dataset, said: Sequence[Feedback]) -> tuple[dict[str, list[Feedback]], list[str]]:
    """Return what is said about each clip, by its id, the last word last; and what is said about no or many clips."""
    about: dict[str, list[Feedback]] = {}
    notes = []
    for one in said:
        if not one.clip:
            continue
        ids = [clip.clip_id for clip in dataset.clips if is_about(one, clip.clip_id)]
        ids = [one.clip] if one.clip in ids else ids
        if len(ids) == 1:
            about.setdefault(ids[0], []).append(one)
        elif ids:
            notes.append(f"feedback on {one.clip} is not used: it may be {' or '.join(ids[:3])}")
        else:
            notes.append(f"feedback on {one.clip} is not used: the dataset has no such clip")
    return about, list(dict.fromkeys(notes))


def teacher_scores(dataset: Dataset, said: Sequence[Feedback]) -> dict[str, float]:
    """Return the mean of the scores that teachers give, by clip id; the last of each teacher counts."""
    found = {}
    for clip, about in _match(dataset, said)[0].items():
        if scores := {one.teacher: one.score for one in about if not math.isnan(one.score)}:
            found[clip] = float(np.mean(list(scores.values())))
    return found


def labelled_clips(dataset: Dataset, said: Sequence[Feedback]) -> set[str]:
    """Return the ids of clips to which a teacher gives a style."""
    return {clip for clip, about in _match(dataset, said)[0].items() if any(one.style for one in about)}
