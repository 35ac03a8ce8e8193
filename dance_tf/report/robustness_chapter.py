"""What the report says of degraded footage: Table 5, attention's part in it, and what training against it gives."""

from collections.abc import Mapping

import pandas as pd

from dance_tf.curation.background import UNSTEADY_SHARE
from dance_tf.evaluation.intervals import DancerDifference
from dance_tf.evaluation.robustness import Robustness
from dance_tf.experiments.conditions import CLEAN
from dance_tf.experiments.corruption_suite import RobustnessFindings
from dance_tf.report.chapters import Chapter
from dance_tf.report.filming_advice import filming_advice
from dance_tf.report.robustness_gains import a_test, attention_sentences, transfer_sentences
from dance_tf.report.robustness_tables import (
    FEW_DANCERS,
    PAPER_CLEAN,
    PAPER_SCORES,
    beats_chance,
    in_text,
    lost_share,
    named,
    paper_drop,
    percents,
    row_in_text,
)
from dance_tf.report.tables import percent

LINES = 360  # of the paper's last condition
ROOMS_LOST = 0.25  # more of the clips than when clean whose room cannot be told, which the text then names


def robustness_chapter(found: RobustnessFindings) -> Chapter:
    """Words and numbers of the section."""
    main = found.main
    clean, mean, relative = main.clean.frame.accuracy, main.frame.mean.accuracy, main.frame.relative.accuracy
    share = f", {percent(relative.mean, 0)} % of it" if beats_chance(clean, found.chance) else ""
    headline = f"Degraded footage ({found.source}): by frame the network gets {percents(clean)} % on clean clips"
    if main.tried:
        worst = max(main.tried, key=lambda row: row.drop.frame.accuracy.mean)
        headline += (
            f" and {percents(mean)} % in the mean of {len(main.tried)} conditions{share}; most is lost to "
            f"{row_in_text(worst.condition)}, {percents(worst.drop.frame.accuracy)} points."
        )
    else:
        headline += "; no condition changed the clips."
    parts = [
        headline,
        _what_was_tried(found),
        _to_whom(main),
        _rooms_lost(found.unknown, main),
        _against_paper(found),
        "### Does attention help against anything?\n\n" + attention_sentences(found.attention_gains),
        "### Training against degradations\n\n" + transfer_sentences(found.transfers),
        "### Advice for filming\n\nFrom the losses above, for this network and this footage; a loss counts as shown "
        f"where {a_test(len(found.losses))} says so:\n\n" + filming_advice(main, found.losses, found.curves),
    ]
    metrics = {
        "robustness": {
            "proposed": main.to_json(),
            "severities": found.curves.to_json()["conditions"],
            "strategies": {name: _brief(robustness) for name, robustness in found.strategies.items()},
            "losses": {name: loss.to_json() for name, loss in found.losses.items()},
            "attention_gain": {name: gain.to_json() for name, gain in found.attention_gains.items()},
            "training_against": {transfer.family: transfer.to_json() for transfer in found.transfers},
            "compression": {f"crf_{row['CRF']:g}": row for row in found.compression.to_dict("records")},
            "clips": len(found.clips),
            "dancers": found.dancers,
            "refused": dict(found.refused),
            "seeds": found.seeds,
        }
    }
    return Chapter("\n\n".join(part for part in parts if part), metrics, headline)


def _what_was_tried(found: RobustnessFindings) -> str:
    """On whom, and which conditions changed the clips at all."""
    rows = found.main.conditions
    sides = sorted({clip.short_side for clip in found.clips})
    pixels = f"{', '.join(map(str, sides[:4]))} pixels"
    idle = [row.condition for row in rows if not row.changed]
    text = f"Tested on {len(found.clips)} held-out clips of {found.dancers} dancer(s). "
    if found.dancers < FEW_DANCERS:
        text += "Bootstrap intervals over so few dancers are too narrow; claims rest on tests that are fair to few. "
    if found.refused:
        told = ", ".join(f"{name} ({reason})" for name, reason in found.refused.items())
        text += f"{len(found.refused)} held-out clip(s) could not be degraded and are in no number: {told}. "
    text += f"{len(rows) - len(idle)} of {len(rows)} conditions changed the clips"
    if idle:
        leaves = "leaves" if len(idle) == 1 else "leave"
        text += (
            f"; {in_text(idle)} {leaves} these clips, whose short sides have {pixels}, as they are, was therefore not "
            "tried, and is in no mean, comparison or advice"
        )
    text += "."
    small = sum(clip.short_side <= LINES for clip in found.clips)
    if small and "low_resolution" in {row.condition for row in found.main.tried}:
        text += (
            f" 360p cannot harm a clip whose short side has {LINES} pixels or fewer: that holds for {small} of "
            f"{len(found.clips)} clips here (short sides of {pixels}), which come back unchanged."
        )
    if found.finer is not None and found.finer.changed:
        text += f" At 240 lines the loss is {percents(found.finer.drop.frame.accuracy)} points."
    return text


def _against_paper(found: RobustnessFindings) -> str:
    """How our losses stand beside the paper's: their order, and their size as shares of the clean accuracy."""
    main = found.main
    ours = [row.drop.frame.accuracy.mean for row in main.tried]
    theirs = [paper_drop(row.condition) for row in main.tried]
    ranks = pd.DataFrame({"ours": ours, "theirs": theirs}).rank()
    agreement = ranks["ours"].corr(ranks["theirs"]) if ranks["ours"].nunique() > 1 else float("nan")
    clean = main.clean.frame.accuracy.mean
    text = "The paper calls its own values simulated and estimated. Ours are measured. "
    tested = {
        row.condition: found.losses[row.condition] for row in main.tried if _has_spread(found.losses.get(row.condition))
    }
    if beats_chance(main.clean.frame.accuracy, found.chance) and tested:
        share = {name: paper_drop(name) / PAPER_SCORES[PAPER_CLEAN].accuracy for name in tested}
        dearer = [name for name, loss in tested.items() if loss.low / clean > share[name]]
        cheaper = [name for name, loss in tested.items() if loss.high / clean < share[name]]
        text += (
            f"As a share of the clean accuracy, which is {percent(clean, 0)} % here and "
            f"{PAPER_SCORES[PAPER_CLEAN].accuracy:.0f} % there, {len(dearer)} of {len(main.tried)} conditions clearly "
            f"cost more than it says{named(dearer)} and {len(cheaper)} clearly less{named(cheaper)}: the whole 95 % "
            "t interval of the loss lies on that side. "
        )
    return text + (
        f"The rank correlation of the two columns of losses is {agreement:.2f}. A "
        'named level such as "heavy" is the paper\'s word and our number (see the table of parameters), so the two '
        "columns are not the same experiment. Clips are degraded at their own size, then shrunk, and their still room "
        "is told from degraded frames; the frames scored are those that curation kept of the clean clip. Motion blur "
        "is the paper's horizontal streak alone: the picture of a camera that shakes moves as well, and that is not in "
        "this number."
    )


def _has_spread(loss: DancerDifference | None) -> bool:
    """Whether it was tested, and on dancers who differ at all."""
    return loss is not None and loss.tested and loss.low < loss.high


def _to_whom(main: Robustness) -> str:
    """Whom the dearest condition hits hardest, and who loses most anywhere."""
    rows = [row for row in main.tried if row.losing_dancer and row.losing_style]
    if not rows:
        return ""
    dearest = max(rows, key=lambda row: row.drop.frame.accuracy.mean)
    told = []
    hit = {"dancer": dearest.losing_dancer, "style": dearest.losing_style}
    most = [f"{kind} {lost_share(found)}" for kind, found in hit.items() if found.loss > 0]
    if most:
        told.append(f"Under {row_in_text(dearest.condition)}, most clips are lost by {' and '.join(most)}.")
    for kind in hit:
        row = max(rows, key=lambda each: getattr(each, f"losing_{kind}").loss)
        found = getattr(row, f"losing_{kind}")
        if row is not dearest and found.loss > hit[kind].loss:
            told.append(
                f"The largest loss of any {kind} is that of {lost_share(found)}, to {row_in_text(row.condition)}."
            )
    return " ".join(told)


def _rooms_lost(unknown: Mapping[str, float], main: Robustness) -> str:
    """Conditions under which the still room of many clips cannot be told, which is part of why they cost so much."""
    clean = unknown.get(CLEAN, 0.0)
    sentences = []
    for row in main.tried:
        share = unknown.get(row.condition, 0.0)
        if share - clean >= ROOMS_LOST and row.drop.frame.accuracy.mean > 0:
            sentences.append(
                f"For {percent(share)} % of the clips under {row_in_text(row.condition)} ({percent(clean)} % when "
                f"clean) the still room cannot be told: over {percent(UNSTEADY_SHARE, 0)} % of the picture does not "
                "hold still. The network then sees the moving room along with the dancer, which is the likely cause of "
                f"most of the {percents(row.drop.frame.accuracy)} points that are lost."
            )
    return " ".join(sentences)


def _brief(robustness: Robustness) -> dict:
    rows = {row.condition: row.scores.frame.accuracy.to_json() for row in robustness.conditions}
    sums = {"frame": robustness.frame.to_json(), "clip": robustness.clip.to_json()}
    summary = {unit: {name: scores["accuracy"] for name, scores in both.items()} for unit, both in sums.items()}
    return {"accuracy": {CLEAN: robustness.clean.frame.accuracy.to_json(), **rows}, **summary}
