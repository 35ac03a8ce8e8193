"""What the report says of frames left out (Table 3) and of what each network costs (Table 4)."""

from collections.abc import Mapping, Sequence

import pandas as pd

from dance_tf.audit.own import similar_confusion
from dance_tf.audit.published import TABLE_4
from dance_tf.dataset.batches import FRAME_SIDE
from dance_tf.evaluation.intervals import holm
from dance_tf.experiments.cost_table import BASELINE, Costs
from dance_tf.experiments.strategies import PROPOSED, differ, score_rival
from dance_tf.model.networks import STRATEGIES
from dance_tf.report import figures
from dance_tf.report.comparison_tables import HELD_OUT, table_3, thinning_measures
from dance_tf.report.cost_tables import cost_against_paper, table_4
from dance_tf.report.pages import Draws, Page, Runs, behind, tell
from dance_tf.report.section import Picture, Table


def thinning_page(thinned: Mapping[tuple[int, int], Runs], source: str, draws: Draws) -> Page:
    """Table 3: what one frame in ten, and smaller frames, cost."""
    given = (draws.resamples, draws.seed)
    scores = {place: score_rival(runs, *given) for place, runs in thinned.items()}
    measures = thinning_measures(scores)
    said = behind(next(iter(thinned.values())))
    size = max(size for size, _ in thinned)
    most = max(every for _, every in thinned)
    smallest = min(side for side, _ in thinned)
    rivals = {"interval": (size, most), "size": (smallest, 1)}
    asked = {
        name: differ(thinned[place], thinned[size, 1], *given)
        for name, place in rivals.items()
        if place != (size, 1) and place in thinned and (size, 1) in thinned
    }
    tests = holm({(name, part): found.tests[part] for name, found in asked.items() for part in ("held_out", "folds")})
    told = {
        name: f"{tell(found.held_out, tests[name, 'held_out'])} on dancers held out, and "
        f"{tell(found.folds, tests[name, 'folds'])} on the validation folds, the paper's kind of number"
        for name, found in asked.items()
    }
    paragraphs = []
    metrics: dict[str, dict] = {}
    for (side, every), found in scores.items():
        metrics.setdefault(str(side), {})[str(every)] = found.to_json()
    if "interval" in asked:
        metrics.setdefault("difference", {})[str(most)] = asked["interval"].to_json()
        paragraphs.append(
            f"### What does one frame in {most} cost?\n\nLearnt from one random frame of every {most}, "
            f"{STRATEGIES[PROPOSED].title} changes its accuracy by frame by {told['interval']}. Every row is scored on "
            "the same frames; the autoencoder too is grown on the thinned ones. Where fewer frames of a clip are left "
            "than an epoch draws, its epochs are shorter. The interval counts the frames of these clips: where they "
            "were filmed at fewer frames a second than the paper's 30, one frame in two here is further apart."
        )
    if "size" in asked:
        metrics.setdefault("difference", {})[f"size_{smallest}"] = asked["size"].to_json()
        paragraphs.append(
            f"Frames shrunk to {smallest} × {smallest} pixels and enlarged again: by frame {told['size']}."
        )
    if tests:
        paragraphs.append(f"These {len(tests)} tests are corrected for their number (Holm).")
    drawn = measures[(measures["dancers"] == HELD_OUT) & (measures["by"] == "frame")]
    table = Table("t3_frame_interval", "One frame of every n, at several frame sizes (Table 3)", table_3(measures),
                  f"Percent, kappa × 100; `ours` on validation folds by frame. The paper names no size; its rows stand "
                  f"beside {FRAME_SIDE} pixels. {said}.")  # fmt: skip
    curve = figures.frame_interval_curve(drawn, source)
    caption = (
        f"By frame on dancers held out, 95 % intervals over dancers. {said}. Accuracy and macro recall share a panel "
        "where as many frames of each style are scored: they are then one number."
    )
    picture = Picture("frame_interval", curve, caption)
    return Page("\n\n".join(paragraphs), {"frame_interval": metrics}, [table], [picture])


def cost_page(costs: Costs, rivals: Mapping[str, Runs], source: str, draws: Draws) -> Page:
    """Table 4: similar styles confused, and what each network costs; accuracy against cost."""
    given = (draws.resamples, draws.seed)
    similar = {name: similar_confusion([run.validation for run in runs], *given) for name, runs in rivals.items()}
    accuracy = {name: score_rival(runs, *given).held_out.frame.accuracy for name, runs in rivals.items()}
    styles = rivals[BASELINE][0].test.styles
    wide, high = costs.picture
    clip = "filmed at the size of the clips" if costs.filmed else "of the footage"
    runs = _counts([cost.training.count for cost in costs.networks.values()])
    how = (
        f"One file of {costs.frames} frames of {wide} × {high} pixels, {clip}, on one thread of {costs.machine}; "
        f"medians of {costs.repeats} rounds that take all networks in turn, with the least and the most. Total: "
        "decoding, shrinking to 128 × 128, the room estimated and taken away, and the network. Training: beside other "
        f"runs, its autoencoder's growth in it, median of {runs} "
        f"run(s). Memory: the whole process, of which {costs.idle_memory_mb:.0f} MB before a network is in it. Similar "
        f"styles: {behind(rivals[BASELINE])}, validation folds by frame."
    )
    tables = [
        Table("t4_cost", "What each strategy costs (Table 4)", table_4(costs, similar), how),
        Table("t4_against_paper", "Costs beside the paper's Table 4", cost_against_paper(costs, similar), how),
    ]
    rows = pd.DataFrame(
        [
            {
                "name": STRATEGIES[name].title,
                "cost": cost.network.median,
                **{key: getattr(accuracy[name], key) for key in ("mean", "low", "high")},
            }
            for name, cost in costs.networks.items()
        ]
    )
    drawn = figures.accuracy_against_cost(
        rows,
        f"seconds for a clip of {costs.frames} frames, without {costs.decode.median:.2f} s to decode it",
        source,
        chance=1 / len(styles),
    )
    metrics: dict[str, object] = {
        name: {
            **cost.numbers(),
            "least_and_most": {key: [span.least, span.most] for key, span in cost.spans().items()},
            "training_runs": cost.training.count,
            "decode_seconds": costs.decode.median,
            "room_seconds": costs.room.median,
            "similar_styles_confused": similar[name].to_json(),
            "relative_to_cnn": cost.relative_to(costs.networks[BASELINE]),
        }
        for name, cost in costs.networks.items()
    }
    metrics["measured_on"] = {"machine": costs.machine, "frames": costs.frames, "repeats": costs.repeats, "threads": 1}
    proposed, plain = costs.networks[PROPOSED], costs.networks[BASELINE]
    ratio = proposed.relative_to(plain)
    text = (
        f"### What does it cost?\n\n{STRATEGIES[PROPOSED].title} needs {proposed.total.median:.2f} s for a clip "
        f"of {costs.frames} frames, {costs.decode.median:.2f} s of them to decode it and {costs.room.median:.2f} s to "
        f"take its room away; the network alone takes {ratio['network_seconds']:.2f} times as long as the CNN alone "
        f"(paper, features and attention: {_paper_ratio():.2f} times), and attention {proposed.attention.median:.3f} s "
        "of it. It is "
        f"{proposed.size_mb:.1f} MB on disk with its optimizer's state, with {proposed.parameters:,} parameters."
    )
    picture = Picture("accuracy_against_cost", drawn, f"Accuracy by frame on dancers held out. {how}")
    return Page(text, {"cost": metrics}, tables, [picture])


def _counts(counts: Sequence[int]) -> str:
    """As in "5", or in "3 to 5" where they differ."""
    least, most = min(counts), max(counts)
    return f"{least}" if least == most else f"{least} to {most}"


def _paper_ratio() -> float:
    rows = {row.strategy: row.extraction_seconds + (row.attention_seconds or 0) for row in TABLE_4}
    return rows[STRATEGIES[PROPOSED].title] / rows[STRATEGIES[BASELINE].title]
