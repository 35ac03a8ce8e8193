"""What the report says of gains under degraded footage: attention's, and those of training against degradations."""

from collections.abc import Mapping, Sequence

from dance_tf.evaluation.intervals import DancerDifference
from dance_tf.experiments.conditions import CLEAN
from dance_tf.experiments.corruption import Gain
from dance_tf.experiments.corruption_suite import EVERYTHING, Transfer
from dance_tf.report.robustness_tables import FEW_DANCERS, in_text, named, percents


def attention_sentences(found: Mapping[str, Gain]) -> str:
    """Whether the hybrid with attention stands better than without, condition by condition."""
    gains = {name: gain for name, gain in found.items() if name != CLEAN}
    if not gains:
        return "The hybrid was not run both with and without attention, so nothing can be said."
    clean = found[CLEAN].total
    ahead = [name for name, gain in gains.items() if gain.total.above]
    behind = [name for name, gain in gains.items() if gain.total.below]
    helps = [name for name, gain in gains.items() if gain.helps]
    positive = sum(gain.total.mean > 0 for gain in gains.values())
    means = (
        f"At the comparison's budget, the hybrid with attention less the one without it has {percents(clean)} points "
        f"of frame accuracy on clean footage; it is ahead in {positive} of {len(gains)} conditions"
    )
    if not clean.tested:
        return (
            f"Whether attention helps against anything cannot be told from one dancer: no test and no interval are "
            f"possible. {means}. {_caution(clean)}"
        )
    verdict = (
        f"In these runs attention helps against {in_text(helps)}: there it is ahead, and by more than on clean footage"
        if helps
        else "No help of attention against any condition is shown"
    )
    return (
        f"{verdict}. {means}. By {a_test(len(gains))}, it is shown ahead in {len(ahead)}{named(ahead)} and behind in "
        f"{len(behind)}{named(behind)}. {_caution(clean)}"
    )


def transfer_sentences(transfers: Sequence[Transfer]) -> str:
    """What training against degradations gives back, and only then whether it carries over to a family left out."""
    if not transfers:
        return ""
    clean = next((found for found in transfers if found.family == CLEAN), None)
    parts = []
    if clean is not None:
        parts.append(
            f"Trained with half of the frames under a random condition of any family, the network gets "
            f"{percents(clean.all)} % of clean frames right instead of {percents(clean.none)} % "
            f"({percents(clean.gain_all.total)} points)."
        )
    parts.append(_given_back(transfers))
    left_out = [found for found in transfers if found.without is not None]
    for found in left_out:
        parts.append(
            f"{found.family.capitalize()}, left out of training: {percents(found.without)} % against "
            f"{percents(found.none)} % without any training against degradations ({percents(found.gain_without.total)} "
            f"points) and {percents(found.all)} % with {found.family} trained on "
            f"({percents(found.gain_all.total)} points). {_carries_over(found)}"
        )
    tests = max(sum(found.family not in (CLEAN, EVERYTHING) for found in transfers), 1)
    judged = f"Gains are judged by {a_test(tests)}"
    if left_out and len(left_out) != tests:
        judged += f", those of families left out for {len(left_out)}"
    parts.append(f"{judged}. {_caution((clean or transfers[0]).gain_all.total)}")
    return " ".join(part for part in parts if part)


def _given_back(transfers: Sequence[Transfer]) -> str:
    """What is gained on what was trained on: in the mean, and family by family."""
    mean = next((found for found in transfers if found.family == EVERYTHING), None)
    families = [found for found in transfers if found.family not in (CLEAN, EVERYTHING)]
    if not families:
        return ""
    if not families[0].gain_all.total.tested:
        told = ", ".join(f"{found.family} {percents(found.gain_all.total)}" for found in families)
        return f"What it gives back cannot be told from one dancer: no test is possible (points gained: {told})."
    sentences = []
    if mean is not None:
        total, beyond = mean.gain_all.total, mean.gain_all.beyond_clean
        verdict = "gives accuracy back" if total.above else "costs accuracy" if total.below else "gives nothing back"
        shown = "" if total.above or total.below else " that is shown"
        sentences.append(
            f"In the mean of all conditions it was trained against, this {verdict}{shown}: {percents(total)} points, "
            f"{percents(beyond)} less what it does to clean footage{_beyond_told(beyond)}."
        )
    for verdict, chosen in (
        ("A gain is shown on", [found for found in families if found.gain_all.total.above]),
        ("A loss is shown on", [found for found in families if found.gain_all.total.below]),
        (
            "Neither a gain nor a loss is shown on",
            [found for found in families if not (found.gain_all.total.above or found.gain_all.total.below)],
        ),
    ):
        if chosen:
            told = ", ".join(f"{found.family} ({percents(found.gain_all.total)} points)" for found in chosen)
            sentences.append(f"{verdict} {told}.")
    gains = {found.family: found.gain_all for found in families}
    spared = [name for name, gain in gains.items() if gain.beyond_clean.above and not gain.total.above]
    if spared:
        sentences.append(f"Less is lost than on clean footage, though nothing is gained, on {', '.join(spared)}.")
    return " ".join(sentences)


def _beyond_told(beyond: DancerDifference) -> str:
    if beyond.above:
        return ", which is shown to be above zero"
    return ", which is shown to be below zero" if beyond.below else ", which is not shown to differ from zero"


def _carries_over(found: Transfer) -> str:
    """Whether a family that was left out has gained all the same; six ways in which that can come out."""
    gain, trained_on = found.gain_without, found.gain_all.total
    if not gain.total.tested:
        return "Whether robustness carries over to this family cannot be told from one dancer: no test is possible."
    more = f"what it gains here less what it gains on clean footage is {percents(gain.beyond_clean)} points"
    if gain.helps:
        return f"Robustness carries over to this family, which was never trained on: {more}."
    if gain.total.above:
        return f"It is better here, but is not shown to be so by more than on clean footage ({more})."
    if gain.beyond_clean.above:
        less = f"It loses less here than on clean footage, but is not better than without such training ({more})"
    elif gain.total.below:
        less = f"Training against the other families makes this one worse ({more})"
    else:
        less = f"No gain is shown ({more})"
    if not trained_on.above:
        return f"{less}. Even trained on, this family gains nothing that is shown, so there was nothing to carry over."
    return f"{less}. What training on this family gives is not shown to carry over from the others."


def a_test(count: int) -> str:
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
