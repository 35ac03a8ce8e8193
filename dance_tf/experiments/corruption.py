"""Classifiers on corrupted clips: one table of predictions, and scores, losses and gains computed from it (Table 5).

A run is a network under one corruption. The runs of a condition (folds and seeds) are scored together; a drop is
the clean score minus that. Intervals come from a bootstrap over dancers (`resamples` draws, with `seed`), tests are
paired t-tests over dancers. All conditions that are tested together are corrected together (Holm); clean footage is not
one of them. `judged` is always the table of `judge_corrupted`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import pandas as pd

from dance_tf.corruption.augment import SPATIAL_FAMILIES
from dance_tf.corruption.conditions import CONDITIONS
from dance_tf.dataset.batches import apply_view, downsample
from dance_tf.dataset.output import atomic_folder
from dance_tf.evaluation.intervals import (
    ALPHA,
    MIN_TESTED_DANCERS,
    UNITS,
    DancerDifference,
    Side,
    bootstrap_dancers,
    compare_dancers,
    confusion_by_dancer,
    estimate_difference,
    estimate_scores,
    holm,
    pooled_scores,
)
from dance_tf.evaluation.metrics import SCORES
from dance_tf.evaluation.predictions import Predictions, predict_batches
from dance_tf.experiments.cache import Experiment, Run, read_table, write_table
from dance_tf.experiments.conditions import CLEAN, FINER, Corruption
from dance_tf.experiments.corrupted_clips import CorruptedClip, FrameSampling, HeldOutClip, find_held_out
from dance_tf.experiments.training import key_of, one_thread
from dance_tf.model.provenance import source_hash
from dance_tf.model.settings import TrainingSettings
from dance_tf.video.workers import call_each

EVERYTHING = "all families"  # all conditions that training uses, taken together
LEVEL = ["condition", "severity"]
RUN = ["name", "run", *LEVEL, "seed"]
TOTAL, BEYOND = "total", "beyond clean"
HIGHER, LOWER, NOT_SIGNIFICANT, TOO_FEW = "higher", "lower", "not significant", "too few dancers"


def judge_corrupted(
    experiment: Experiment,
    plan: Sequence[tuple[Sequence[Run], Sequence[Corruption]]],
    clips: pd.DataFrame,
    sampling: FrameSampling,
) -> pd.DataFrame:
    """Classify the clips that `describe_corrupted` made; recorded as `corrupted_predictions`.

    A network that reads sequences skips corruptions whose windows are too short for it.

    Args:
        plan: runs, and the corruptions that they are tested under, each on the clips of its own held-out part. The
            first runs are those that `describe_corrupted` got.
        clips: of `describe_corrupted`; refused ones are left out.

    Returns:
        One row per run, corruption and clip: run (its key), name, condition, severity, seed, clip, dancer, style (the
        true one), predicted (by clip), counts (frames predicted as each style, as text), changed (whether condition and
        severity changed any clip). style and predicted are categorical, with the dataset's styles.
    """
    accepted = list(dict.fromkeys(clips.loc[clips["reason"] == "", "clip"]))
    first = plan[0][0]

    def compute() -> pd.DataFrame:
        found = find_held_out(experiment, [run.spec for run in first], sampling)
        held_out = {clip.clip_id: clip for clip in found if clip.clip_id in accepted}
        # runs of two names may be equal, and still be tested under different corruptions
        todo = {(run.key, tuple(dict.fromkeys(each))): run for runs, each in plan for run in runs}
        tasks = [
            (run, [held_out[name] for name in run.test.clip_ids if name in held_out], each)
            for (_, each), run in todo.items()
        ]
        experiment.with_weights([task[0] for task in tasks if not _judged_folder(*task).is_dir()])
        # joblib runs a single worker in this process, with other threads
        jobs, ahead = max(experiment.jobs, 2), "2*n_jobs" if experiment.jobs > 1 else 1
        tables = call_each(_judge, tasks, "networks", jobs, pre_dispatch=ahead)
        judged = dict(zip(todo, tables, strict=True))
        parts = [
            judged[run.key, tuple(dict.fromkeys(each))].assign(run=run.key, name=run.spec.name)
            for runs, each in plan
            for run in runs
        ]
        return pd.concat(parts, ignore_index=True)

    key = [
        [[run.key, run.spec.name] for run in runs] + [each.key for each in corruptions] for runs, corruptions in plan
    ]
    table = experiment.measure("corrupted_predictions", compute, key, accepted, asdict(sampling))
    changed = clips[clips["reason"] == ""].groupby(LEVEL, as_index=False, sort=False)["changed"].max()
    table = table.merge(changed, how="left", on=LEVEL)
    changed = (table["condition"] == CLEAN) | (table["changed"] > 0)
    styles = pd.CategoricalDtype(list(first[0].test.styles))
    return table.assign(changed=changed).astype({"style": styles, "predicted": styles})


def _readable(run: Run, corruptions: Sequence[Corruption]) -> list[Corruption]:
    """Return the corruptions of as many consecutive frames as a network reads."""
    return [each for each in corruptions if each.window >= run.spec.settings.sequence_length]


def _judged_folder(run: Run, clips: Sequence[HeldOutClip], corruptions: Sequence[Corruption]) -> Path:
    """Return the folder of a run's predictions of corrupted clips, in that of the run."""
    files = [clip.file(each).relative_to(clip.work) for each in _readable(run, corruptions) for clip in clips]
    return run.folder / f"corrupted_{key_of(files, source_hash('experiments.corruption'))}"


def _judge(run: Run, clips: Sequence[HeldOutClip], corruptions: Sequence[Corruption]) -> pd.DataFrame:
    settings, styles = run.spec.settings, run.test.styles
    corruptions = _readable(run, corruptions)
    if not (folder := _judged_folder(run, clips, corruptions)).is_dir():
        one_thread()
        model, tables = run.load_model(), []
        for each in corruptions:
            shown = [network_inputs(clip.load(each), settings) for clip in clips]
            found = Predictions.from_frames(
                predict_batches(model, np.concatenate(shown)),
                np.repeat(np.arange(len(shown)), [len(inputs) for inputs in shown]),
                [styles.index(clip.style) for clip in clips],
                [clip.dancer for clip in clips],
                styles,
                [clip.clip_id for clip in clips],
            )
            truth = {"clip": found.clip_ids, "dancer": found.dancers, "style": [clip.style for clip in clips]}
            predicted = [styles[place] for place in found.predicted]
            counts = [" ".join(map(str, row)) for row in found.counts]
            tables.append(pd.DataFrame({**each.level, **truth, "predicted": predicted, "counts": counts}))
        with atomic_folder(folder) as partial:
            write_table(partial / "predictions.csv.gz", pd.concat(tables))
    return read_table(folder / "predictions.csv.gz")


def network_inputs(clip: CorruptedClip, settings: TrainingSettings) -> np.ndarray:
    """Return the inputs of a network: uint8 [n, 128, 128, 1], or [n, length, 128, 128, 1] if it reads sequences."""
    frames = clip.frames[:, -settings.sequence_length :]
    flat = frames.reshape(-1, *clip.background.shape)
    found = apply_view(flat, np.broadcast_to(clip.background, flat.shape), settings.view)
    found = downsample(found, settings.frame_size)
    return found.reshape(frames.shape) if settings.sequence_length > 1 else found


def paper_levels(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of clean footage and of the conditions at the paper's levels."""
    severity = {CLEAN: 0.0} | {condition.name: condition.severity for condition in CONDITIONS}
    return judged[judged["severity"] == judged["condition"].map(severity)]


def severity_levels(judged: pd.DataFrame, conditions: Sequence[str]) -> pd.DataFrame:
    """Return the rows of `severity_corruptions` and of clean footage: the first seed."""
    finer = (judged["condition"] == FINER[0]) & (judged["severity"] == FINER[1])
    return judged[(judged["seed"] == 0) & (judged["condition"].isin([CLEAN, *conditions]) | finer)]


def runs_of(judged: pd.DataFrame) -> list[Predictions]:
    """Return the predictions of each network under each corruption; only labels and counts of frames are kept."""
    styles = tuple(judged["style"].cat.categories)
    found = []
    for _, rows in judged.groupby(RUN, sort=False):
        certain = np.eye(len(styles))[rows["predicted"].cat.codes]
        counts = [row.split() for row in rows["counts"]]
        found.append(Predictions(styles, rows["clip"], rows["dancer"], rows["style"].cat.codes, certain, counts))
    return found


def _split_clean(judged: pd.DataFrame) -> tuple[list[Predictions], dict[tuple[str, float], pd.DataFrame]]:
    """Return the clean runs and the rows of each other level."""
    clean = runs_of(judged[judged["condition"] == CLEAN])
    return clean, dict(list(judged[judged["condition"] != CLEAN].groupby(LEVEL, sort=False)))


def condition_scores(judged: pd.DataFrame, resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return the scores of each model under each condition, and its drop from clean footage (Table 5).

    Returns:
        One row per name, condition, severity, unit and metric: mean, low, high, runs; drop, drop_low, drop_high,
        drop_runs (NaN for clean footage); changed. Fractions; a drop above 0 is a loss.
    """
    rows = []
    for name, table in judged.groupby("name", sort=False):
        clean, levels = _split_clean(table)
        for level, part in {(CLEAN, 0.0): table[table["condition"] == CLEAN], **levels}.items():
            runs = clean if level[0] == CLEAN else runs_of(part)
            place = {"name": name, **dict(zip(LEVEL, level, strict=True)), "changed": bool(part["changed"].iloc[0])}
            for unit in UNITS:
                drops = estimate_difference(clean, runs, unit, resamples, seed) if runs is not clean else {}
                for metric, estimate in estimate_scores(runs, unit, resamples, seed).items():
                    row = {**place, "unit": unit, "metric": metric, **vars(estimate)}
                    if drop := drops.get(metric):
                        row |= {"drop": drop.mean, "drop_low": drop.low, "drop_high": drop.high, "drop_runs": drop.runs}
                    rows.append(row)
    return pd.DataFrame(rows)


def corruption_means(judged: pd.DataFrame, resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return the mean (mPC) and relative (rPC: mPC over clean) performance of each model under corruption.

    Each condition counts once, however many severities and seeds it has. "Mild fog" and "heavy fog" are two conditions,
    as they are two rows of Table 5. A condition that changed no clip does not count.

    Reference: Hendrycks & Dietterich 2019; Michaelis et al. 2019.

    Returns:
        One row per name, summary ("mpc" or "rpc"), unit and metric: mean, low, high, runs, conditions (how many count).
        NaN where no condition counts, and for the rPC of a score that is 0 on clean footage.
    """
    rows = []
    for name, table in judged.groupby("name", sort=False):
        clean, levels = _split_clean(table)
        corrupted = {level: runs_of(part) for level, part in levels.items() if part["changed"].iloc[0]}
        fewest = min(len(runs) for runs in (clean, *corrupted.values()))
        for unit in UNITS:
            dancers, (own, *others) = confusion_by_dancer([clean, *corrupted.values()], unit)

            def summaries(weights: np.ndarray, own=own, others=others, levels=tuple(corrupted)) -> np.ndarray:
                """Return mPC and rPC of each score under weights of dancers, float64 [draws, 2 × 6]."""
                by_condition: dict[str, list[np.ndarray]] = {}
                for (condition, _), counts in zip(levels, others, strict=True):
                    by_condition.setdefault(condition, []).append(pooled_scores(counts, weights))
                reference = pooled_scores(own, weights)
                nothing = [np.full_like(reference, np.nan)]
                mean = np.mean([np.mean(each, axis=0) for each in by_condition.values() or [nothing]], axis=0)
                relative = np.divide(mean, reference, out=np.full_like(mean, np.nan), where=reference > 0)
                return np.concatenate([mean, relative], axis=1)

            found = bootstrap_dancers(summaries, len(dancers), resamples, seed)
            places = [(summary, metric) for summary in ("mpc", "rpc") for metric in SCORES]
            counted = {"runs": fewest, "conditions": len({condition for condition, _ in corrupted})}
            for (summary, metric), values in zip(places, found.T.tolist(), strict=True):
                place = {"name": name, "summary": summary, "unit": unit, "metric": metric}
                rows.append({**place, **dict(zip(("mean", "low", "high"), values, strict=True)), **counted})
    return pd.DataFrame(rows)


def hardest_groups(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the dancer and the style that each condition affects most, by clip over all runs.

    Returns:
        One row per name, condition, severity, group ("dancer" or "style") and kind ("worst": lowest accuracy; "losing":
        largest loss; the first of equals): member, accuracy, clean (NaN where it was not tested clean), predictions,
        clips (distinct ones). A clip whose dancer is unknown is a dancer of its own.
    """
    table = judged.assign(
        correct=judged["predicted"].astype(str) == judged["style"].astype(str),
        dancer=judged["dancer"].where(judged["dancer"] != "", "clip " + judged["clip"]),
    )
    rows = []
    for name, own in table.groupby("name", sort=False):
        clean = own[own["condition"] == CLEAN]
        for level, part in own[own["condition"] != CLEAN].groupby(LEVEL, sort=False):
            for group in ("dancer", "style"):
                by = part.groupby(group, observed=True)
                found = by["correct"].agg(accuracy="mean", predictions="size").assign(clips=by["clip"].nunique())
                found["clean"] = clean.groupby(group, observed=True)["correct"].mean().reindex(found.index)
                loss = (found["clean"] - found["accuracy"]).dropna()
                kinds = {"worst": found["accuracy"].idxmin()} | ({"losing": loss.idxmax()} if len(loss) else {})
                for kind, member in kinds.items():
                    place = {"name": name, **dict(zip(LEVEL, level, strict=True)), "group": group, "kind": kind}
                    counts = {column: int(found.loc[member, column]) for column in ("predictions", "clips")}
                    rows.append({**place, "member": member, **found.loc[member], **counts})
    return pd.DataFrame(rows)


def losses(judged: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy by frame that each condition costs one model, tested: `difference_rows` by condition.

    Conditions that changed no clip are left out.
    """
    clean, levels = _split_clean(judged[judged["changed"]])
    found = {condition: compare_dancers([(1, clean), (-1, runs_of(part))]) for (condition, _), part in levels.items()}
    return difference_rows(found, "condition")


def gains(first: pd.DataFrame, second: pd.DataFrame, by: str = "condition") -> pd.DataFrame:
    """Return the accuracy by frame of one model minus that of another, tested for each condition.

    A model that is better on clean footage is better under most conditions too. Only the gain beyond its gain on clean
    footage is robustness.

    Args:
        first: rows of `judge_corrupted` of one model.
        second: of the other, on the same clips.
        by: column that groups the rows; one of its groups is "clean".

    Returns:
        `difference_rows` by `by`, with a column kind: "total", and "beyond clean" for all groups but "clean". Groups
        are corrected together; "clean" is not corrected. Empty if one of the models has no rows.
    """
    groups = list(dict.fromkeys(first[by]))
    if first.empty or second.empty:
        return difference_rows({}, by).assign(kind="")
    sides = {group: _sides(first, second, by, group) for group in groups}
    clean = sides.pop(CLEAN)
    own = difference_rows({CLEAN: compare_dancers(clean)}, by).assign(kind=TOTAL)
    return pd.concat([own, *_gain_rows(sides, dict.fromkeys(sides, clean), by)], ignore_index=True)


def _sides(first: pd.DataFrame, second: pd.DataFrame, by: str, group: str) -> list[Side]:
    return [(weight, runs_of(table[table[by] == group])) for weight, table in ((1, first), (-1, second))]


def _gain_rows(sides: Mapping[str, list[Side]], clean: Mapping[str, list[Side]], by: str) -> list[pd.DataFrame]:
    """Test the differences of groups, and those beyond the difference on clean footage."""
    total = {group: compare_dancers(both) for group, both in sides.items()}
    less_clean = {group: [(-weight, runs) for weight, runs in clean[group]] for group in sides}
    beyond = {group: compare_dancers([*both, *less_clean[group]]) for group, both in sides.items()}
    return [difference_rows(found, by).assign(kind=kind) for kind, found in ((TOTAL, total), (BEYOND, beyond)) if found]


def difference_rows(found: Mapping[str, DancerDifference], label: str) -> pd.DataFrame:
    """Return tested differences as a table, corrected together.

    Returns:
        One row per difference: the label, mean, low, high (fractions, t interval), p, dancers, runs, p_holm and result:
        `HIGHER` or `LOWER` (significant at 5 % after the correction), `NOT_SIGNIFICANT`, or `TOO_FEW` (fewer than
        `MIN_TESTED_DANCERS`).
    """
    rows = []
    for name, tested in holm(found).items():
        result = (HIGHER if tested.mean > 0 else LOWER) if tested.p < ALPHA and tested.mean else NOT_SIGNIFICANT
        result = result if tested.dancers >= MIN_TESTED_DANCERS else TOO_FEW
        rows.append({label: name, **vars(found[name]), "p_holm": tested.p, "result": result})
    names = [field.name for field in fields(DancerDifference)]
    return pd.DataFrame(rows, columns=[label, *names, "p_holm", "result"])


def augmentation_transfer(
    judged: pd.DataFrame, resamples: int = 1000, seed: int = 0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare training without corruptions, with all families, and with all families but one.

    Robustness carries over to the family that was left out where its gain is above zero, and above the gain on clean
    footage. Conditions that changed no clip are left out. Only rows of the first seed with the names of
    `augmentation_specs` are expected.

    Returns:
        Accuracies by frame: family ("clean", each family, `EVERYTHING`), training ("none", "all", "all but"), mean,
        low, high, runs; and gains over "none": family, training, kind and the columns of `difference_rows`. "all" is
        corrected for all families, `EVERYTHING` is one test, "all but" is corrected for the families left out.
    """
    family_of = {CLEAN: CLEAN} | {condition.name: condition.family for condition in CONDITIONS}
    judged = judged[judged["changed"]].assign(family=judged["condition"].map(family_of))
    order = [family for family in (CLEAN, *SPATIAL_FAMILIES) if (judged["family"] == family).any()]
    judged = judged[judged["family"].isin(order)]
    judged = judged.sort_values("family", key=lambda column: column.map(order.index), kind="stable")
    together = judged.assign(family=judged["family"].where(judged["family"] == CLEAN, EVERYTHING))
    named, together = (dict(list(table.groupby("name", sort=False))) for table in (judged, together))
    without = {family: named[f"all but {family}"] for family in order if f"all but {family}" in named}
    mean = gains(together["all"], together["none"], "family")
    found = [
        gains(named["all"], named["none"], "family").assign(training="all"),
        mean[mean["family"] == EVERYTHING].assign(training="all"),
    ]
    left_out, clean = (
        {family: _sides(own, named["none"], "family", group or family) for family, own in without.items()}
        for group in ("", CLEAN)
    )
    found += [table.assign(training="all but") for table in _gain_rows(left_out, clean, "family")]
    rows = []
    for family in [*order, *([EVERYTHING] if len(order) > 1 else [])]:
        tables = {training: (together if family == EVERYTHING else named)[training] for training in ("none", "all")}
        tables |= {"all but": without[family]} if family in without else {}
        for training, table in tables.items():
            estimate = estimate_scores(runs_of(table[table["family"] == family]), "frame", resamples, seed)["accuracy"]
            rows.append({"family": family, "training": training, **vars(estimate)})
    return pd.DataFrame(rows), pd.concat(found, ignore_index=True)
