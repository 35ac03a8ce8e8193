"""The section on edge and cloud: what each cut sends, how long a verdict takes, and the paper's claims."""

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from dance_tf.report.ladder import rung_title
from dance_tf.report.tables import percent, percents

EXACT = "exact"  # packing of cuts that have no other one
FEATURES = ("1536", "400", "150", "skeletons")  # cuts of the paper's kind, the first of which is judged
UPLINKS = (0.5e6, 2e6, 10e6, 100e6)  # bits per second


def name_cut(row: Mapping[Hashable, object]) -> str:
    """Return the name of a cut with its packing, if there are several: "1536 int8"."""
    return f"{row['cut']}" if row["packing"] == EXACT else f"{row['cut']} {row['packing']}"


def cut_table(costs: pd.DataFrame, right: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each network and cut.

    Args:
        costs: of `serving.plan.with_latency` for each of `UPLINKS`, with the columns name and uplink.
        right: `pooled_shares` of right verdicts, by name, cut and packing.
    """
    keys = ["name", "cut", "packing"]
    wide = costs.pivot(index=keys, columns="uplink", values="latency")
    first = costs.drop_duplicates(keys).set_index(keys).sort_values("bytes_per_second", ascending=False, kind="stable")
    first = first.sort_index(level="name", sort_remaining=False, kind="stable")
    shares = right.set_index(keys).loc[first.index]
    places = first.index.to_frame()
    columns = {
        "network": places["name"].map(rung_title),
        "cut": places.apply(name_cut, axis=1),
        "kB a second of video": (first["bytes_per_second"] / 1e3).round(2),
        "edge (s)": first["edge_seconds"].round(2),
        "edge, processor (s)": first["cpu_seconds"].round(2),
        "cloud (s)": first["cloud_seconds"].round(2),
        **{f"verdict at {rate / 1e6:g} Mbit/s (s)": wide.loc[first.index, rate].round(2) for rate in UPLINKS},
        "clips right (%)": [percents(row) for row in shares.to_dict("records")],
        "same verdict as whole (%)": (100 * first["same"]).round(1),
    }
    return pd.DataFrame(columns).reset_index(drop=True)


def smallest_of(precisions: pd.DataFrame, lost: float = 0.005) -> pd.Series:
    """Return the row of the smallest file that is right for nearly as many clips as the best one.

    Args:
        precisions: columns bytes, mean.
        lost: share of the clips that may be lost.
    """
    near = precisions[precisions["mean"] >= precisions["mean"].max() - lost - 1e-9]
    return near.loc[near["bytes"].idxmin()]


def precision_table(precisions: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each network and precision of its LiteRT file.

    "Pareto" marks files to which no other is preferable, smaller and at least as often right.

    Args:
        precisions: columns name, precision, bytes, `ms 1`, `ms 2`, mean, low, high (share of right clips), same, drift.
    """
    rows = precisions.to_dict("records")
    best = [
        not any(
            (other["bytes"], -other["mean"]) != (row["bytes"], -row["mean"])
            and other["bytes"] <= row["bytes"]
            and other["mean"] >= row["mean"]
            for other in rows
        )
        for row in rows
    ]
    columns = {
        "network": precisions["name"].map(rung_title),
        "precision": precisions["precision"],
        "MB": (precisions["bytes"] / 1e6).round(2),
        "1 thread (ms)": precisions["ms 1"].round(2),
        "2 threads (ms)": precisions["ms 2"].round(2),
        "clips right (%)": [percents(row) for row in rows],
        "same style as the network (%)": (100 * precisions["same"]).round(1),
        "drift (points)": (100 * precisions["drift"]).round(2),
        "Pareto": ["yes" if each else "" for each in best],
    }
    return pd.DataFrame(columns)


def judge_precisions(precisions: pd.DataFrame) -> str:
    """Say which compressed network to take; arguments as for `precision_table`."""
    best, small = precisions.loc[precisions["mean"].idxmax()], smallest_of(precisions)
    return (
        f"Of the LiteRT files, the best one is right for {percent(best['mean'])} % of the clips. The smallest one that "
        f"loses at most 0.5 points is {rung_title(small['name'])} as {small['precision']}, "
        f"{small['bytes'] / 1e6:.2f} MB and {percent(small['mean'])} %; the paper's classifier has 157.4 MB."
    )


def identity_table(guessed: pd.DataFrame) -> pd.DataFrame:
    """Return in percent how often a linear classifier of what is sent tells who dances.

    Args:
        guessed: `pooled_shares` of `experiments.privacy.cut_answers`, by name, cut and chance.
    """
    values = [percents(row) for row in guessed.to_dict("records")]
    names, chance = guessed["name"].map(rung_title), (100 * guessed["chance"].astype(float)).round(1)
    return pd.DataFrame({"network": names, "cut": guessed["cut"], "dancer told (%)": values, "chance (%)": chance})


def rebuilt_rows(found: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return the squares of `experiments.privacy.rebuild_frames` with a row for each cut and clip.

    Returns:
        Columns cut, clip, dancer, explained, total.
    """
    cuts = [key.removeprefix("explained ") for key in found if key.startswith("explained ")]
    same = {name: found[name] for name in ("clip", "dancer", "total")}
    return pd.concat([pd.DataFrame({"cut": cut, **same, "explained": found[f"explained {cut}"]}) for cut in cuts])


def rebuilt_table(shares: pd.DataFrame) -> pd.DataFrame:
    """Return in percent how much of the pixels' variance is rebuilt from what is sent.

    Args:
        shares: `pooled_shares` of `rebuilt_rows`, by cut.
    """
    values = [percents(row) for row in shares.to_dict("records")]
    return pd.DataFrame({"cut": shares["cut"], "variance rebuilt (%)": values})


def rebuilt_pictures(found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the pictures of `experiments.privacy.rebuild_frames` for `figures.picture_rows`."""
    kept = {key.removeprefix("picture "): values for key, values in found.items() if key.startswith("picture")}
    return {"original" if name == "picture" else name: values for name, values in kept.items()}


def judge_claims(costs: pd.DataFrame, guessed: pd.DataFrame) -> str:
    """Judge what the paper says of features near the camera and a classifier in the cloud: faster, as exact, less work.

    Args:
        costs: as for `cut_table`.
        guessed: as for `identity_table`; may be empty.
    """
    said = []
    for name, rows in costs.groupby("name", sort=False):
        cuts = [cut for cut in FEATURES if cut in set(rows["cut"])]
        files = rows[rows["cut"] == "clip"]
        if not cuts or files.empty:
            continue
        features = rows[(rows["cut"] == cuts[0]) & rows["packing"].isin(["float32", "float16"])]
        features = features.sort_values("bytes", ascending=False, kind="stable").drop_duplicates("uplink")
        both = features.merge(files, on="uplink", suffixes=("", "_file"))
        faster = both[both["latency"] < both["latency_file"]]["uplink"]
        first, sent = both.iloc[0], cuts[0] if cuts[0] == "skeletons" else f"{cuts[0]} features"
        speed = (
            f"yes, than sending the file, up to {faster.max() / 1e6:g} Mbit/s"
            if len(faster)
            else "no, sending the file is faster at all uplinks"
        )
        share = first["edge_seconds"] / (first["edge_seconds"] + first["cloud_seconds"])
        said.append(
            f"{rung_title(name)}, cut at its {sent}. Faster: {speed}. More exact: the verdict is that "
            f"of the whole network for {percent(first['same'], 0)} % of the clips, so a cut can only lose. "
            f"Work spread: {percent(share, 0)} % of the seconds are spent near the camera."
        )
    if len(guessed):
        rows = guessed[guessed["cut"].isin(["frames", *FEATURES[:1], *FEATURES[-1:], "verdict"])].to_dict("records")
        told = "; ".join(f"{rung_title(row['name'])}, {row['cut']}: {percents(row)} %" for row in rows)
        chance = percent(guessed["chance"].astype(float).mean())
        said.append(f"How often what is sent tells who dances (chance {chance} %): {told}.")
    return " ".join(said)
