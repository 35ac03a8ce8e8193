"""Where to cut a model between edge and cloud: what each cut costs on this machine, and which is the fastest.

Edge and cloud are measured one after the other in this process, so both are as fast as this machine. The network
between them is computed: requests follow one another, each takes a round trip and its bytes over the uplink.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from dance_tf.curation.filters import CuratedClip
from dance_tf.dataset.store import find_reading
from dance_tf.dataset.workspace import Workspace
from dance_tf.experiments.cache import Run
from dance_tf.model.bundle import ModelBundle, ModelDescription
from dance_tf.report.edge_cloud import EXACT, name_cut
from dance_tf.serving.cuts import WHOLE, CutModel
from dance_tf.serving.verdict import curated_clip, network_inputs
from dance_tf.serving.wire import PACKINGS, write_arrays
from dance_tf.video.isolation import DecodingProcess, processor_seconds

ROUND_TRIP = 0.04  # seconds
UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}
PICTURES = ("clip", "frames")  # cuts that send pictures of the dancer
MEASURED = ["bytes", "requests", "edge_seconds", "cpu_seconds", "cloud_seconds"]


def parse_uplink(text: str) -> float:
    """Return bits per second of a text such as "2Mbit/s", "500 kbit/s" or "1e6 bit/s".

    Raises:
        ValueError: it is no such text.
    """
    found = re.fullmatch(r"([0-9.]+(?:e[0-9]+)?)\s*([kmg]?)bit/s", text.strip().lower())
    try:
        rate = float(found[1]) * UNITS[found[2]]
    except (TypeError, ValueError):
        rate = 0.0
    if not rate > 0:
        raise ValueError(f"{text!r} is no uplink: write it as 2Mbit/s or 500kbit/s")
    return rate


def measure_cuts(model: CutModel, clips: Sequence[Path], rounds: int = 3) -> pd.DataFrame:
    """Measure each cut and packing of a model on clips, after a round that is not counted.

    Returns:
        One row per clip, cut and packing; medians of the rounds. Columns clip, cut, packing, seconds (length of the
        clip), `MEASURED` (cpu_seconds are those of the edge on all its cores), style, confidence, and same (whether the
        style is that of the whole model).

    Raises:
        ReadError: a clip cannot be read, or nothing is left of it.
    """
    rows = []
    with DecodingProcess() as process:
        for path in clips:
            for number in range(rounds + 1):
                found = _measure_clip(model, Path(path), process)
                rows += found if number else []
    table, keys = pd.DataFrame(rows), ["clip", "cut", "packing"]
    same = table.groupby(keys, sort=False)
    return same.agg({"seconds": "first", **dict.fromkeys(MEASURED, "median"), "style": "first", "confidence": "first",
                     "same": "first"}).reset_index()  # fmt: skip


def measure_runs(runs: Sequence[Run], workspace: Workspace, clips: int, rounds: int = 3) -> pd.DataFrame:
    """Measure the cuts of trained runs on held-out clips.

    Args:
        runs: with their models.
        workspace: of their clips; those that are a part of a file are left out.
        clips: number of clips, spread over the held-out ones.
        rounds: as for `measure_cuts`.

    Returns:
        The columns of `measure_cuts`, whose clip is the clip's id, with name (of the run), dancer and right.
    """
    reading, tables = find_reading(workspace.dataset), []
    paths = {row.clip_id: workspace.clip_path(row) for row in workspace.rows() if row.part and not row.end}
    for run in runs:
        test = run.test
        model = CutModel(bundle_of(run, reading))
        whole = [place for place, clip in enumerate(test.clip_ids) if clip in paths]
        chosen = [whole[place] for place in np.linspace(0, len(whole) - 1, min(clips, len(whole))).round().astype(int)]
        known = pd.DataFrame(
            {
                "clip": [str(paths[test.clip_ids[place]]) for place in chosen],
                "id": [test.clip_ids[place] for place in chosen],
                "dancer": [test.groups[place] for place in chosen],
                "true": [test.styles[test.labels[place]] for place in chosen],
            }
        )
        found = measure_cuts(model, [Path(path) for path in known["clip"]], rounds).merge(known, on="clip")
        found = found.assign(name=run.spec.name, clip=found["id"], right=found["style"] == found["true"])
        tables.append(found.drop(columns=["id", "true"]))
    return pd.concat(tables, ignore_index=True)


def bundle_of(run: Run, reading: Mapping[str, object] | None) -> ModelBundle:
    """Return the model of a run that has its weights.

    Args:
        reading: of its clips (`find_reading`).
    """
    settings = run.spec.settings
    shape = settings.strategy, settings.view, settings.sequence_length, settings.frame_size
    return ModelBundle(run.load_model(), ModelDescription(run.test.styles, *shape, reading=reading))


def _measure_clip(model: CutModel, path: Path, process: DecodingProcess) -> list[dict[str, object]]:
    """Return a row for each cut and packing: one measurement."""
    styles, rows = model.bundle.description.styles, []

    def timed(step: Callable[[], object]) -> tuple[np.ndarray, object]:
        """Return wall and processor seconds of a step, and its result."""
        before = _clocks(process)
        result = step()
        return _clocks(process) - before, result

    before = _clocks(process)
    with curated_clip(model.bundle.description, path, process) as curated:
        reading = _clocks(process) - before
        spent, whole = timed(lambda: _classify(model, curated))
        for cut in model.cuts:
            for packing in PACKINGS.get(cut, (EXACT,)):
                if cut == "clip":
                    if not path.is_file():  # a folder of images is not sent
                        continue
                    edge, size, requests, cloud, answer = np.zeros(2), path.stat().st_size, 1, reading + spent, whole
                else:
                    edge, sent = timed(lambda cut=cut, packing=packing: _pack(model, curated, cut, packing))
                    cloud, answer = timed(
                        lambda cut=cut, packing=packing, sent=sent: _resume(model, sent, cut, packing)
                    )
                    edge, size, requests = edge + reading, sum(len(body) for _, body in sent), len(sent)
                rows.append(
                    {
                        "clip": str(path),
                        "cut": cut,
                        "packing": packing,
                        "seconds": curated.seconds,
                        "bytes": size,
                        "requests": requests,
                        "edge_seconds": edge[0],
                        "cpu_seconds": edge[1],
                        "cloud_seconds": cloud[0],
                        "style": styles[answer.argmax()],
                        "confidence": float(answer.max()),
                        "same": bool(answer.argmax() == whole.argmax()),
                    }
                )
    return rows


def _clocks(process: DecodingProcess) -> np.ndarray:
    """Return the seconds of the clock on the wall, and those of the processor in this and the decoding process."""
    return np.array([time.perf_counter(), time.process_time() + process.call(processor_seconds)])


def _classify(model: CutModel, curated: CuratedClip) -> np.ndarray:
    parts = [model.predict(WHOLE, part) for part in network_inputs(model.bundle.description, curated)]
    return np.concatenate(parts).mean(axis=0, dtype=np.float64)


def _pack(model: CutModel, curated: CuratedClip, cut: str, packing: str) -> list[tuple[int, bytes]]:
    """Return rows and body of each request."""
    return [(rows, write_arrays(arrays)) for rows, arrays in model.edge_arrays(curated, cut, packing)]


def _resume(model: CutModel, sent: Sequence[tuple[int, bytes]], cut: str, packing: str) -> np.ndarray:
    """Return the mean probabilities that the cloud computes."""
    found = []
    for rows, body in sent:
        stage, part = model.resume(cut, packing, rows, body)
        found.append(part if stage == "verdict" else model.predict(stage, part))
    return np.concatenate(found).mean(axis=0, dtype=np.float64)


def with_latency(costs: pd.DataFrame, uplink: float, round_trip: float = ROUND_TRIP) -> pd.DataFrame:
    """Return the costs of `measure_cuts`, meaned over clips, with latency and verdict; the fastest cut first.

    Args:
        uplink: bits per second.
        round_trip: seconds.

    Returns:
        One row per cut and packing: `MEASURED`, seconds, same (share of the clips), bytes_per_second of video, latency
        (seconds from the end of the clip to the verdict) and pictures (whether pictures of the dancer are sent).
    """
    means = costs.groupby(["cut", "packing"], sort=False)[["seconds", *MEASURED, "same"]].mean().reset_index()
    waiting = means["requests"] * round_trip + 8 * means["bytes"] / uplink
    means["bytes_per_second"] = means["bytes"] / means["seconds"]
    means["latency"] = means["edge_seconds"] + means["cloud_seconds"] + waiting
    means["pictures"] = means["cut"].isin(PICTURES)
    return means.sort_values("latency", kind="stable", ignore_index=True)


def fastest_cuts(costs: pd.DataFrame, round_trip: float = ROUND_TRIP) -> list[tuple[float, str, str]]:
    """Return from which uplink on which cut is the fastest: (bits per second, cut, packing), slowest uplink first.

    Only cuts that give the verdict of the whole model on every clip are compared.
    """
    rows = with_latency(costs, 1.0, round_trip).query("same == 1")
    fixed = rows["edge_seconds"] + rows["cloud_seconds"] + rows["requests"] * round_trip
    lines = list(zip(fixed, 8 * rows["bytes"], rows["cut"], rows["packing"], strict=True))
    crossings = [
        (many - few) / (slow - fast)
        for (slow, few, *_), (fast, many, *_) in combinations(sorted(lines, key=lambda line: line[1]), 2)
        if slow > fast and many > few
    ]
    found: list[tuple[float, str, str]] = []
    for start, end in zip([0.0, *sorted(crossings)], [*sorted(crossings), np.inf], strict=True):
        middle = start + 1.0 if np.isinf(end) else (start + end) / 2
        _, _, cut, packing = min(lines, key=lambda line: line[0] + line[1] / middle)
        if not found or found[-1][1:] != (cut, packing):
            found.append((start, cut, packing))
    return found


def describe_plan(table: pd.DataFrame, ranges: Sequence[tuple[float, str, str]], uplink: float) -> str:
    """Return the table of `with_latency` as text, and which cut to take.

    Args:
        table: of the uplink.
        ranges: of `fastest_cuts`.
        uplink: bits per second.
    """
    shown = pd.DataFrame(
        {
            "cut": table.apply(name_cut, axis=1),
            "kB": (table["bytes"] / 1e3).map("{:,.1f}".format),
            "kB/s": (table["bytes_per_second"] / 1e3).map("{:,.1f}".format),
            "edge s": table["edge_seconds"].map("{:.2f}".format),
            "edge CPU s": table["cpu_seconds"].map("{:.2f}".format),
            "cloud s": table["cloud_seconds"].map("{:.2f}".format),
            f"latency s at {uplink / 1e6:g} Mbit/s": table["latency"].map("{:.2f}".format),
            "same verdict": table["same"].map("{:.0%}".format),
            "pictures sent": np.where(table["pictures"], "yes", "no"),
        }
    )
    good = table[table["same"] == 1]
    best, private = good.iloc[0], good[~good["pictures"]].iloc[0]
    said = f"Take {name_cut(best)}: {best['latency']:.2f} s."
    if best["pictures"]:
        said += f" If no picture may be sent: {name_cut(private)}, {private['latency']:.2f} s."
    parts = [
        name_cut({"cut": cut, "packing": packing}) + (f" from {start / 1e6:.2g} Mbit/s on" if start else "")
        for start, cut, packing in ranges
    ]
    return f"{shown.to_string(index=False)}\n{said}\nFastest by uplink: {', '.join(parts)}."
