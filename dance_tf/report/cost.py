"""Table and sentences of the cost of each network (Table 4), from the table of `experiments.cost`."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from dance_tf.audit.published import TABLE_4, similar_pairs
from dance_tf.evaluation.intervals import bootstrap_dancers, confusion_by_dancer
from dance_tf.experiments.cache import Run
from dance_tf.experiments.cost import SHARED
from dance_tf.experiments.scores import VALIDATION, group_runs, predictions_of
from dance_tf.experiments.spec import PROPOSED
from dance_tf.report.comparison import strategy_title
from dance_tf.report.ladder import rung_title
from dance_tf.report.tables import MISSING, counted, nest, percent, percents

PLAIN = "cnn"  # reference network: costs are also given relative to it
OTHER_PROCESSES = {"training": "training step, network of frames", "making": "making a synthetic clip"}
WHOLE = "verdict"  # stage that stands for all stages together, in parallel as far as they can be
COSTS = {  # column: cost, factor, column of the paper's Table 4
    "feature extraction (s)": ("extraction_seconds", 1, "extraction_seconds"),
    "attention (s)": ("attention_seconds", 1, "attention_seconds"),
    "head (s)": ("head_seconds", 1, ""),
    "network (s)": ("network_seconds", 1, ""),
    "inference (s)": ("total_seconds", 1, "inference_seconds"),
    "training (min)": ("training_seconds", 1 / 60, "training_minutes"),
    "size (MB)": ("size_mb", 1, "size_mb"),
    "peak memory (MB)": ("peak_memory_mb", 1, ""),
}


def similar_style_confusion(runs: Sequence[Run], resamples: int = 1000, seed: int = 0) -> pd.DataFrame:
    """Return how often frames of the paper's similar styles are classified as the other style of the pair (Table 4).

    The validation folds are read, as in the paper. `resamples` and `seed` are of the draws of dancers.

    Returns:
        Columns name, mean, low, high (fractions; NaN if no pair is among the styles), runs.
    """
    rows = []
    for (name,), group in group_runs(runs, ("name",)).items():
        pairs = similar_pairs(group[0].test.styles)
        found = np.full((3, 1), np.nan)
        if pairs:
            dancers, [counts] = confusion_by_dancer([predictions_of(group, VALIDATION)], "frame")
            confused = sum(counts[:, one, other] + counts[:, other, one] for one, other in pairs)
            frames = sum(counts[:, pair].sum(axis=(1, 2)) for pair in pairs)

            def share(weights: np.ndarray, confused=confused, frames=frames) -> np.ndarray:
                danced = np.where(weights @ frames > 0, weights @ frames, np.nan)
                return (weights @ confused / danced)[:, None]

            found = bootstrap_dancers(share, len(dancers), resamples, seed)
        mean, low, high = found[:, 0].tolist()
        rows.append({"name": name, "mean": mean, "low": low, "high": high, "runs": len(group)})
    return pd.DataFrame(rows)


def accuracy_points(scores: pd.DataFrame, costs: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies by frame on held-out dancers with the network's seconds: `estimates` by name, cost added."""
    accuracy = scores.query("part == 'held out' and unit == 'frame' and metric == 'accuracy'")
    seconds = costs.query("cost == 'network_seconds'").set_index("name")["median"]
    return accuracy.assign(cost=accuracy["name"].map(seconds), name=accuracy["name"].map(strategy_title))


def cost_table(costs: pd.DataFrame, similar: pd.DataFrame) -> pd.DataFrame:
    """Return Table 4, one row per network: median (min–max) of each cost, and the paper's value where it states one."""
    own = costs[costs["name"] != SHARED]
    median = own.pivot(index="name", columns="cost", values="median").reindex(own["name"].unique())
    titles = median.index.map(strategy_title)
    published = TABLE_4.set_index("strategy").astype(float).reindex(titles).set_axis(median.index)
    confused = similar.set_index("name").reindex(median.index)
    columns = {
        "strategy": titles,
        "similar styles confused (%), paper": published["confusion_rate"],
        "similar styles confused (%)": [percents(row) for row in confused.to_dict("records")],
    }
    for title, (cost, factor, theirs) in COSTS.items():
        if theirs:
            columns[f"{title}, paper"] = published[theirs]
        columns[title] = _range_cells(costs, cost, median.index, factor)
    printed = published["inference_seconds"]
    columns["inference / CNN, paper"] = printed / printed.get(PLAIN, np.nan)
    for title, cost in {"inference / CNN": "total_seconds", "network / CNN": "network_seconds"}.items():
        columns[title] = median[cost] / median[cost].get(PLAIN, np.nan)
    training = costs[costs["cost"] == "training_seconds"].set_index("name")["count"]
    counts = {"parameters": median["parameters"].astype(int), "training runs": training.reindex(median.index)}
    return pd.DataFrame({**columns, **counts}).reset_index(drop=True)


def cost_metrics(costs: pd.DataFrame, similar: pd.DataFrame) -> dict[str, object]:
    """Return the branch "cost" of metrics.json: each cost by name, similar styles confused, what was measured where."""
    measured = costs[["machine", "frames", "width", "height", "synthetic"]]
    plain = costs["cost"].map(costs[costs["name"] == PLAIN].set_index("cost")["median"])
    relative = costs.drop(columns=measured.columns).assign(relative_to_cnn=costs["median"] / plain)
    branch = nest(relative, ["name", "cost"])
    for name, confused in nest(similar, ["name"]).items():
        branch[name]["similar_styles_confused"] = confused
    return {**branch, "measured_on": {**measured.iloc[0], "threads": 1}}


def describe_measurement(costs: pd.DataFrame) -> str:
    """Describe for captions how the costs were measured."""
    first, shared = costs.iloc[0], costs[costs["name"] == SHARED].set_index("cost")
    rounds, shared = shared.at["decode_seconds", "count"], shared["median"]
    kind = "synthetic, of the size of the clips" if first["synthetic"] else "one of the clips"
    return (
        f"Medians of {counted(rounds, 'round')}; each round measures all networks. In brackets: the smallest and the "
        f"largest value. One video of {first['frames']} frames of {first['width']} × {first['height']} pixels "
        f"({kind}), one thread of {first['machine']}. Inference: decoding with resizing "
        f"({shared['decode_seconds']:.2f} s), background subtraction ({shared['background_seconds']:.3f} s), network. "
        "Training time: runs in parallel, growth of the autoencoder included. Memory: the process, "
        f"{shared['idle_memory_mb']:.0f} MB without the network. Similar styles: validation folds, by frame."
    )


def describe_costs(costs: pd.DataFrame) -> str:
    """Describe the cost of the proposed network, compared with the CNN and with the paper."""
    median = costs.set_index(["name", "cost"])["median"]
    proposed, shared, frames = median[PROPOSED], median[SHARED], costs["frames"].iloc[0]
    printed = TABLE_4.set_index("strategy")[["extraction_seconds", "attention_seconds"]].sum(axis=1)
    paper = printed[strategy_title(PROPOSED)] / printed[strategy_title(PLAIN)]
    return (
        f"{strategy_title(PROPOSED)} needs {proposed['total_seconds']:.2f} s for a clip of {frames} frames: decoding "
        f"takes {shared['decode_seconds']:.2f} s of this, background subtraction {shared['background_seconds']:.2f} s. "
        f"Its network takes {proposed['network_seconds'] / median[PLAIN, 'network_seconds']:.2f} times as long as "
        f"the CNN (paper, features and attention: {paper:.2f} times). Attention takes "
        f"{proposed['attention_seconds']:.3f} s. The model file has {proposed['size_mb']:.1f} MB with the optimizer's "
        f"state, and the network {proposed['parameters']:,.0f} parameters."
    )


def process_title(name: str) -> str:
    """Return the title of a process whose stages are measured: a verdict by the network of that name, or another."""
    return OTHER_PROCESSES.get(name) or f"verdict, {rung_title(name)}"


def stage_table(stages: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each stage: milliseconds a frame, and the least that the machine needs.

    Args:
        stages: columns name, stage, seconds, least, bound and frames, of `experiments.speed` and `serving.stages`.
    """
    frame = 1000 / stages["frames"]
    alone = stages["seconds"].where(stages["stage"] != WHOLE)
    shares = 100 * alone / alone.groupby(stages["name"]).transform("sum")
    columns = {
        "process": stages["name"].map(process_title),
        "stage": stages["stage"].replace(WHOLE, "all, side by side"),
        "a frame (ms)": (stages["seconds"] * frame).round(3),
        "share (%)": shares.round(1),
        "at least (ms)": (stages["least"] * frame).round(3),
        "because of": stages["bound"],
    }
    return pd.DataFrame(columns)


def stage_rows(stages: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `figures.stage_bars`; arguments as for `stage_table`."""
    alone = stages[stages["stage"] != WHOLE]
    frame = 1000 / alone["frames"]
    named = {"process": alone["name"].map(process_title), "stage": alone["stage"]}
    return pd.DataFrame({**named, "ms": alone["seconds"] * frame, "least": alone["least"] * frame})


def describe_stages(stages: pd.DataFrame) -> str:
    """Name the longest stage of each process, and how much of it the machine needs in any case."""
    said = []
    for name, rows in stages.groupby("name", sort=False):
        alone = rows[rows["stage"] != WHOLE]
        whole = rows.loc[rows["stage"] == WHOLE, "seconds"].sum() or alone["seconds"].sum()
        longest = alone.loc[alone["seconds"].idxmax()]
        needed = longest["least"] / longest["seconds"]
        known = (
            ""
            if np.isnan(needed)
            else f" (at least {percent(min(needed, 1.0), 0)} % of it is needed: {longest['bound']})"
        )
        said.append(
            f"{process_title(name)}: {1000 * whole / rows['frames'].iloc[0]:.2f} ms a frame; the longest stage is "
            f"{longest['stage']}, {percent(longest['seconds'] / alone['seconds'].sum(), 0)} %{known}."
        )
    return " ".join(said)


def _range_cells(costs: pd.DataFrame, cost: str, names: Sequence[str], factor: float = 1.0) -> pd.Series:
    """Return cells such as "0.53 (0.51–0.55)"; only the value for one measurement, a dash for none."""
    rows = costs[costs["cost"] == cost].set_index("name").reindex(names)
    texts = []
    for median, low, high in factor * rows[["median", "min", "max"]].to_numpy(float):
        digits = 2 if np.isnan(low) or low >= 0.1 else 4  # attention takes milliseconds
        text = MISSING if np.isnan(median) else f"{median:.{digits}f}"
        texts.append(text if np.isnan(low) or low == high else f"{text} ({low:.{digits}f}–{high:.{digits}f})")
    return pd.Series(texts, names)
