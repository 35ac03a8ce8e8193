"""The section on fidelity: tables, sentences, metrics; `tables` are those of `experiments.fidelity.assess_clips`."""

import re
from collections.abc import Mapping

import pandas as pd

from dance_tf.experiments.fidelity import style_verdicts, summarise
from dance_tf.experiments.labels import CASES
from dance_tf.experiments.scores import pooled_shares
from dance_tf.report.tables import counted, nest, percents

SHARES = {
    "right": "clips nearest to their own style",
    "none": "clips wrongly taken for none of the styles",
    "unknown": "clips taken for none if their style is left out",
}


def style_shares(tables: Mapping[str, pd.DataFrame], resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return how well the nearest template names the style: measure (`SHARES`) and the columns of `pooled_shares`."""
    rows = style_verdicts(tables["styles"])
    found = [pooled_shares(rows, name, resamples=resamples, seed=seed).assign(measure=name) for name in SHARES]
    return pd.concat(found, ignore_index=True)


def style_table(shares: pd.DataFrame) -> pd.DataFrame:
    """Return `style_shares` for readers, in percent."""
    values = [percents(row) for row in shares.to_dict("records")]
    return pd.DataFrame({"": shares["measure"].map(SHARES), "share (%)": values, "clips": shares["clips"]})


def validation_table(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return what `summarise` could measure; empty for real clips."""
    if tables["clips"]["deviation"].isna().all():
        return pd.DataFrame(columns=["measure", "value", "goal"])
    return summarise(tables).dropna(subset=["value"]).round(3)


def class_scores(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return the scores of a class, one row for each dancer, one column for each style; the lowest mean first."""
    wide = tables["clips"].pivot_table(index="dancer", columns="style", values="score")
    return wide.loc[wide.mean(axis=1).sort_values().index]


def trust_table(shares: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy by clip of each case of `experiments.labels.CASES` for readers, in percent."""
    values = [percents(row) for row in shares.to_dict("records")]
    return pd.DataFrame({"labels to learn from": shares["case"].map(CASES), "by clip (%)": values})


def trust_text(shares: pd.DataFrame, listed: pd.DataFrame) -> str:
    """Say how many of the planted labels are found, and what trusting them less is worth."""
    counts, means = listed[["planted", "listed", "right"]].sum(), shares.set_index("case")["mean"]
    lost = {case: f"{100 * (means['right labels'] - mean):.1f}" for case, mean in means.items()}
    return (
        f"{counts['right']} of {counted(counts['planted'], 'wrong label')} that were planted are among the "
        f"{counts['listed']} that are called likely wrong. They cost {lost['wrong labels']} points by clip; with less "
        f"trust in those that are listed, {lost['listed, less trust']}; with those corrected, "
        f"{lost['listed, corrected']}."
    )


def fidelity_text(shares: pd.DataFrame, validation: pd.DataFrame) -> str:
    """Say how well templates name the style, and how many goals of the validation are reached."""
    named, none, unknown = (row for row in shares.to_dict("records"))
    sentences = [
        f"Compared with templates of other dancers, {percents(named)} % of {counted(named['clips'], 'clip')} are "
        f"nearest to their own style. {percents(none)} % are too far from all styles to be judged; without the "
        f"templates of their own style, {percents(unknown)} %."
    ]
    asked = validation.dropna(subset=["value", "goal"])
    if len(asked):
        errors = asked["measure"].str.contains("error")
        reached = (asked["value"] <= asked["goal"]).where(errors, asked["value"] >= asked["goal"])
        missed = [
            f"{row['measure']} ({row['value']:.2f}, goal {row['goal']:g})" for row in asked[~reached].to_dict("records")
        ]
        if len(ranked := asked[asked["measure"] == "correlation with deviation"]):
            sentences.append(
                f"Within a style the distance has a rank correlation of {ranked['value'].item():.2f} with the true "
                "deviation of made-up dancers."
            )
        sentences.append(f"{reached.sum()} of {len(asked)} goals are reached.")
        sentences += [f"Missed: {'; '.join(missed)}."] if missed else []
    return " ".join(sentences)


def fidelity_metrics(shares: pd.DataFrame, validation: pd.DataFrame) -> dict[str, object]:
    """Return the numbers of the section for metrics.json."""
    measured = {re.sub(r"\W+", "_", row["measure"]): row["value"] for row in validation.to_dict("records")}
    return {"fidelity": {"styles": nest(shares, ["measure"]), "validation": measured}}
