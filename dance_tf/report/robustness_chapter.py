"""What the report says of degraded footage: Table 5, attention's part in it, and what training against it gives."""

from collections.abc import Sequence

import pandas as pd

from dance_tf.assessment.intervals import Estimate
from dance_tf.assessment.robustness import Robustness
from dance_tf.paper.degradation_transfer import Transfer
from dance_tf.paper.disturbances import CLEAN
from dance_tf.paper.robustness_suite import RobustnessFindings
from dance_tf.report.chapters import Chapter
from dance_tf.report.filming_advice import filming_advice
from dance_tf.report.robustness_tables import paper_drop, row_name
from dance_tf.report.tables import percent, percent_interval

LINES = 360  # of the paper's last condition


def robustness_chapter(found: RobustnessFindings) -> Chapter:
    """Words and numbers of the section."""
    main = found.main
    worst = max(main.conditions, key=lambda row: row.drop.frame.accuracy.mean)
    clean, mean, relative = main.clean.frame.accuracy, main.frame.mean.accuracy, main.frame.relative.accuracy
    headline = (
        f"Degraded footage ({found.source}): by frame the network gets {_percent(clean)} % on clean clips and "
        f"{_percent(mean)} % in the mean of {len(main.conditions)} conditions, {percent(relative.mean, 0)} % of it; "
        f"most is lost to {row_name(worst.condition).lower()}, {_percent(worst.drop.frame.accuracy)} points."
    )
    parts = [
        headline,
        _against_paper(main),
        _resolution(found),
        "### Does attention help against anything?\n\n" + attention_sentences(found),
        "### Training against degradations\n\n" + transfer_sentences(found.transfers),
        "### Advice for filming\n\nFrom the losses above, for this network and this footage:\n\n"
        + filming_advice(main),
    ]
    metrics = {
        "robustness": {
            "proposed": main.to_json(),
            "severities": found.curves.to_json()["conditions"],
            "strategies": {name: _brief(robustness) for name, robustness in found.strategies.items()},
            "attention_gain": {name: gain.to_json() for name, gain in found.attention_gains.items()},
            "training_against": {transfer.family: transfer.to_json() for transfer in found.transfers},
            "compression": {f"crf_{row['CRF']:g}": row for row in found.compression.to_dict("records")},
            "clips": len(found.clips),
            "seeds": found.seeds,
        }
    }
    return Chapter("\n\n".join(parts), metrics, headline)


def _against_paper(main: Robustness) -> str:
    """How the order of our losses stands beside the paper's."""
    ours = [row.drop.frame.accuracy.mean for row in main.conditions]
    theirs = [paper_drop(row.condition) for row in main.conditions]
    ranks = pd.DataFrame({"ours": ours, "theirs": theirs}).rank()
    agreement = ranks["ours"].corr(ranks["theirs"]) if ranks["ours"].nunique() > 1 else float("nan")
    larger = sum(100 * our > their for our, their in zip(ours, theirs, strict=True))
    return (
        f"The paper calls its own values simulated and estimated. Ours are measured: {larger} of {len(ours)} "
        f"conditions cost more than it says; the rank correlation of the two columns of losses is {agreement:.2f}. A "
        'named level such as "heavy" is the paper\'s word and our number (see the table of parameters), so the two '
        "columns are not the same experiment. Clips are degraded at their own size, then shrunk, and their still room "
        "is told from degraded frames; the frames scored are those that curation kept of the clean clip."
    )


def _resolution(found: RobustnessFindings) -> str:
    small = sum(clip.short_side <= LINES for clip in found.clips)
    sides = sorted({clip.short_side for clip in found.clips})
    text = (
        f"360p cannot harm a clip whose short side has {LINES} pixels or fewer: that holds for {small} of "
        f"{len(found.clips)} clips here (short sides of {', '.join(map(str, sides[:4]))} pixels), which come back "
        "unchanged."
    )
    if found.finer is not None:
        text += f" At 240 lines the loss is {_percent(found.finer.drop.frame.accuracy)} points."
    return text


def attention_sentences(found: RobustnessFindings) -> str:
    """Whether the hybrid with attention stands better than without, condition by condition."""
    gains = {name: gain for name, gain in found.attention_gains.items() if name != CLEAN}
    if not gains:
        return "The hybrid was not run both with and without attention, so nothing can be said."
    ahead = [name for name, gain in gains.items() if gain.low > 0]
    behind = [name for name, gain in gains.items() if gain.high < 0]
    clean = found.attention_gains[CLEAN]
    positive = sum(gain.mean > 0 for gain in gains.values())
    helps = [name for name in ahead if gains[name].mean > clean.mean]
    verdict = (
        f"In these runs attention helps against {_rows(helps)}: there it is ahead, and by more than on clean footage"
        if helps
        else "No help of attention against any condition is shown"
    )
    return (
        f"{verdict}. At the comparison's budget, the hybrid with attention less the one without it has "
        f"{_percent(clean)} points of frame accuracy on clean footage; it is ahead in {positive} of {len(gains)} "
        f"conditions, and the interval over dancers excludes zero in its favour in {len(ahead)}"
        f"{_named(ahead)} and to its disadvantage in {len(behind)}{_named(behind)}. {_caution(clean.runs)}"
    )


def transfer_sentences(transfers: Sequence[Transfer]) -> str:
    """What training against degradations gives, and whether it carries over to a family left out."""
    sentences = []
    clean = next((found for found in transfers if found.family == CLEAN), None)
    if clean is not None:
        sentences.append(
            f"Trained with half of the frames under a random condition of any family, the network gets "
            f"{_percent(clean.all)} % of clean frames right instead of {_percent(clean.none)} % "
            f"({_percent(clean.gain_all)} points)."
        )
    for found in transfers:
        if found.without is None:
            continue
        sentences.append(
            f"{found.family.capitalize()}, left out of training: {_percent(found.without)} % against "
            f"{_percent(found.none)} % without any training against degradations ({_percent(found.gain_without)} "
            f"points) and {_percent(found.all)} % with {found.family} trained on. {_carries_over(found)}"
        )
    return " ".join([*sentences, _caution((clean or transfers[0]).none.runs)]) if sentences else ""


def _caution(runs: int) -> str:
    """What intervals from so few training runs do not say."""
    side = "one short training run" if runs == 1 else f"the mean of {runs} short training runs, one a fold"
    return (
        f"Each side is {side}: the intervals say what other dancers might change, not what another seed might, and of "
        "so many conditions one interval may miss by chance."
    )


def _carries_over(found: Transfer) -> str:
    if found.gain_without.low > 0:
        return "Robustness carries over to this family, which was never trained on."
    if found.gain_without.high < 0:
        return "Training against the other families makes this one worse."
    return "Whether robustness carries over to this family cannot be told from so few dancers: the interval holds zero."


def _brief(robustness: Robustness) -> dict:
    rows = {row.condition: row.scores.frame.accuracy.to_json() for row in robustness.conditions}
    sums = {"frame": robustness.frame.to_json(), "clip": robustness.clip.to_json()}
    summary = {unit: {name: scores["accuracy"] for name, scores in both.items()} for unit, both in sums.items()}
    return {"accuracy": {CLEAN: robustness.clean.frame.accuracy.to_json(), **rows}, **summary}


def _percent(found: Estimate) -> str:
    return percent_interval(found.mean, found.low, found.high)


def _rows(names: Sequence[str]) -> str:
    return ", ".join(row_name(name).lower() for name in names)


def _named(names: Sequence[str]) -> str:
    return f" ({_rows(names)})" if names else ""
