"""What the report says of degraded footage: Table 5, attention's part in it, and what training against it gives."""

from collections.abc import Sequence

import pandas as pd

from dance_tf.assessment.intervals import Estimate
from dance_tf.assessment.paired import DancerDifference
from dance_tf.assessment.robustness import Robustness
from dance_tf.paper.degradation_transfer import Transfer
from dance_tf.paper.disturbances import CLEAN
from dance_tf.paper.robustness_claims import Gain
from dance_tf.paper.robustness_suite import RobustnessFindings
from dance_tf.report.chapters import Chapter
from dance_tf.report.filming_advice import filming_advice
from dance_tf.report.robustness_tables import FEW_DANCERS, beats_chance, paper_drop, row_name
from dance_tf.report.tables import percent, percent_interval

LINES = 360  # of the paper's last condition


def robustness_chapter(found: RobustnessFindings) -> Chapter:
    """Words and numbers of the section."""
    main = found.main
    clean, mean, relative = main.clean.frame.accuracy, main.frame.mean.accuracy, main.frame.relative.accuracy
    share = f", {percent(relative.mean, 0)} % of it" if beats_chance(clean, found.chance) else ""
    headline = f"Degraded footage ({found.source}): by frame the network gets {_percent(clean)} % on clean clips"
    if main.tried:
        worst = max(main.tried, key=lambda row: row.drop.frame.accuracy.mean)
        headline += (
            f" and {_percent(mean)} % in the mean of {len(main.tried)} conditions{share}; most is lost to "
            f"{row_name(worst.condition).lower()}, {_percent(worst.drop.frame.accuracy)} points."
        )
    else:
        headline += "; no condition changed the clips."
    parts = [
        headline,
        _what_was_tried(found),
        _against_paper(main),
        "### Does attention help against anything?\n\n" + attention_sentences(found),
        "### Training against degradations\n\n" + transfer_sentences(found.transfers),
        "### Advice for filming\n\nFrom the losses above, for this network and this footage; a loss counts as shown "
        f"where {_a_test(len(found.losses))} says so:\n\n" + filming_advice(main, found.losses),
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
    return Chapter("\n\n".join(parts), metrics, headline)


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
            f"; {_rows(idle)} {leaves} these clips, whose short sides have {pixels}, as they are, was therefore not "
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
        text += f" At 240 lines the loss is {_percent(found.finer.drop.frame.accuracy)} points."
    return text


def _against_paper(main: Robustness) -> str:
    """How the order of our losses stands beside the paper's."""
    ours = [row.drop.frame.accuracy.mean for row in main.tried]
    theirs = [paper_drop(row.condition) for row in main.tried]
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


def attention_sentences(found: RobustnessFindings) -> str:
    """Whether the hybrid with attention stands better than without, condition by condition."""
    gains = {name: gain for name, gain in found.attention_gains.items() if name != CLEAN}
    if not gains:
        return "The hybrid was not run both with and without attention, so nothing can be said."
    clean = found.attention_gains[CLEAN].total
    ahead = [name for name, gain in gains.items() if gain.total.above]
    behind = [name for name, gain in gains.items() if gain.total.below]
    helps = [name for name, gain in gains.items() if gain.helps]
    positive = sum(gain.total.mean > 0 for gain in gains.values())
    means = (
        f"At the comparison's budget, the hybrid with attention less the one without it has {_percent(clean)} points "
        f"of frame accuracy on clean footage; it is ahead in {positive} of {len(gains)} conditions"
    )
    if not clean.tested:
        return (
            f"Whether attention helps against anything cannot be told from one dancer: no test and no interval are "
            f"possible. {means}. {_caution(clean)}"
        )
    verdict = (
        f"In these runs attention helps against {_rows(helps)}: there it is ahead, and by more than on clean footage"
        if helps
        else "No help of attention against any condition is shown"
    )
    return (
        f"{verdict}. {means}. By {_a_test(len(gains))}, it is shown ahead in {len(ahead)}{_named(ahead)} and behind in "
        f"{len(behind)}{_named(behind)}. {_caution(clean)}"
    )


def transfer_sentences(transfers: Sequence[Transfer]) -> str:
    """What training against degradations gives, and whether it carries over to a family left out."""
    sentences = []
    clean = next((found for found in transfers if found.family == CLEAN), None)
    if clean is not None:
        sentences.append(
            f"Trained with half of the frames under a random condition of any family, the network gets "
            f"{_percent(clean.all)} % of clean frames right instead of {_percent(clean.none)} % "
            f"({_percent(clean.gain_all.total)} points)."
        )
    left_out = [found for found in transfers if found.without is not None]
    for found in left_out:
        sentences.append(
            f"{found.family.capitalize()}, left out of training: {_percent(found.without)} % against "
            f"{_percent(found.none)} % without any training against degradations ({_percent(found.gain_without.total)} "
            f"points) and {_percent(found.all)} % with {found.family} trained on. {_carries_over(found.gain_without)}"
        )
    if left_out:
        sentences.append(f"This is judged by {_a_test(len(left_out))}.")
    return " ".join([*sentences, _caution((clean or transfers[0]).gain_all.total)]) if sentences else ""


def _carries_over(gain: Gain) -> str:
    if not gain.total.tested:
        return "Whether robustness carries over to this family cannot be told from one dancer: no test is possible."
    more = f"what it gains here less what it gains on clean footage is {_percent(gain.beyond_clean)} points"
    if gain.helps:
        return f"Robustness carries over to this family, which was never trained on: {more}."
    if gain.total.above:
        return f"It is better here, but is not shown to be so by more than on clean footage ({more})."
    if gain.total.below:
        return "Training against the other families makes this one worse."
    return f"Whether robustness carries over to this family cannot be told from so few dancers ({more})."


def _a_test(count: int) -> str:
    """The test that claims rest on."""
    many = f", corrected for {count} tests (Holm)" if count > 1 else ""
    return f"a paired t test over the dancers at 5 %{many}"


def _caution(difference: DancerDifference) -> str:
    """What a difference between so few training runs and dancers does not say."""
    runs, dancers = difference.runs, difference.dancers
    side = "one short training run" if runs == 1 else f"the mean of {runs} short training runs, one a fold"
    text = f"Each side is {side}: a difference says what other dancers might change, not what another seed might."
    if 1 < dancers < FEW_DANCERS:
        text += (
            f" It rests on {dancers} dancers: accuracies have bootstrap intervals, which are too narrow with so few, "
            "differences have t intervals, which are not, and are wide."
        )
    return text


def _brief(robustness: Robustness) -> dict:
    rows = {row.condition: row.scores.frame.accuracy.to_json() for row in robustness.conditions}
    sums = {"frame": robustness.frame.to_json(), "clip": robustness.clip.to_json()}
    summary = {unit: {name: scores["accuracy"] for name, scores in both.items()} for unit, both in sums.items()}
    return {"accuracy": {CLEAN: robustness.clean.frame.accuracy.to_json(), **rows}, **summary}


def _percent(found: Estimate | DancerDifference) -> str:
    return percent_interval(found.mean, found.low, found.high)


def _rows(names: Sequence[str]) -> str:
    return ", ".join(row_name(name).lower() for name in names)


def _named(names: Sequence[str]) -> str:
    return f" ({_rows(names)})" if names else ""
