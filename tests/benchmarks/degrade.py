"""Speed of every corruption on one core, and agreement with public implementations of the same operations.

Run from the repository root: `PYTHONPATH=. python tests/benchmarks/degrade.py [--write]`. albumentations and
imagecorruptions are optional. Everything is measured on one core with 256×256 gray frames. Requirements that are
not met are listed at the end, and the exit status is then 1. `--write` writes the table to SPEED.md.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from degrade_against_albumentations import (
    SIDE,
    agreement,
    kindred_operations,
    same_operations,
    sample_clip,
    to_markdown,
    versions_line,
)

from dance_tf.corruption.codec import FRAMES_PER_SECOND, PRESET, measure_compression
from dance_tf.corruption.conditions import CONDITIONS, degrade

REPEATS = 5
MIN_SPEED = 200  # frames per second of every condition but H.264
TWINS = "the same operation"
MIN_RATIO = 1.0  # median, to public twins
MIN_OF_ENCODER = 0.6  # H.264: speed of encoding and decoding, as a share of that of the encoder alone
WRITTEN = Path(__file__).with_name("SPEED.md")


def _frames_per_second(work: Callable[[], object], frames: int) -> float:
    work()
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return frames / float(np.median(times))


def encode_bare(clip: np.ndarray, crf: float) -> int:
    """Return the bytes of a clip encoded by x264 with the settings of our condition, without decoding."""
    import av

    encoder = av.CodecContext.create("libx264", "w")
    encoder.height, encoder.width, encoder.pix_fmt = *clip.shape[1:], "gray"
    encoder.framerate, encoder.time_base, encoder.thread_count = Fraction(30), Fraction(1, 30), 1
    encoder.options = {"crf": f"{crf:g}", "preset": PRESET.value, "x264-params": "cpu-independent=1"}
    size = 0
    for frame in clip:
        size += sum(packet.size for packet in encoder.encode(av.VideoFrame.from_ndarray(frame, format="gray")))
    return size + sum(packet.size for packet in encoder.encode(None))


def speed(clip: np.ndarray) -> pd.DataFrame:
    """Measure the frames per second of each condition at the paper's level, and of a public twin or the encoder alone.

    360p is measured at severity 5 (144 lines): at the paper's level a 256-pixel frame is only copied.

    Returns:
        Columns: condition, severity, ours, twin, theirs (NaN without a twin), same_operation, ratio.
    """
    same = {
        "mild_noise": "Gaussian noise, sigma 10",
        "severe_noise": "Gaussian noise, sigma 30",
        "mild_motion_blur": "horizontal motion blur, 9 px",
        "severe_motion_blur": "horizontal motion blur, 21 px",
        "low_light": "brightness × 0.3",
        "low_resolution": "short side 144 px",
    }
    pairs, kin = same_operations(), kindred_operations()
    rows = []
    for condition in CONDITIONS:
        name, severity = condition.name, 5.0 if condition.name == "low_resolution" else condition.severity
        ours = _frames_per_second(lambda n=name, s=severity: degrade(clip, n, s), len(clip))
        twin, theirs = None, float("nan")
        if condition.family == "compression":
            crf = condition.settings(severity)["crf"]
            twin, theirs = "x264 alone, no decoding", _frames_per_second(lambda c=crf: encode_bare(clip, c), len(clip))
        else:
            found = pairs[same[name]][1][0] if same.get(name) in pairs else kin.get(name)
            if found:
                few = clip[:20] if name in kin else clip  # some of these take a tenth of a second a frame
                theirs = _frames_per_second(lambda t=found, f=few: t.on_clip(f), len(few))
                twin = found.name
        row = {"condition": name, "severity": severity, "ours": ours, "twin": twin, "theirs": theirs}
        rows.append({**row, "same_operation": twin is not None and same.get(name) in pairs})
    table = pd.DataFrame(rows)
    return table.assign(ratio=table.ours / table.theirs)


def median_ratios(speeds: pd.DataFrame) -> dict[str, tuple[float, int]]:
    """Return the median ratio of our speed to that of public twins, and the number of twins.

    Only "the same operation" is a fair comparison: similar operations are other procedures, and some include the time
    of a copy to colour. H.264 has no public twin.
    """
    twins = speeds[~speeds.condition.str.contains("compression")].dropna(subset="ratio")
    chosen = {TWINS: twins[twins.same_operation], "all twins": twins}
    return {name: (float(rows.ratio.median()), len(rows)) for name, rows in chosen.items()}


def misses(speeds: pd.DataFrame) -> list[str]:
    """Return a sentence for each requirement that is not met.

    Required are `MIN_SPEED` for every condition but H.264, `MIN_OF_ENCODER` for H.264, and a median of `MIN_RATIO` to
    installed public twins with the same operation.
    """
    coded = speeds.condition.str.contains("compression")
    slow = speeds[~coded & ~(speeds.ours >= MIN_SPEED)]
    found = [f"{row.condition}: {row.ours:.0f} frames/s, not {MIN_SPEED}" for row in slow.itertuples()]
    heavy = speeds[coded & ~(speeds.ratio >= MIN_OF_ENCODER)]
    found += [
        f"{row.condition}: {row.ratio:.2f} of the speed of the encoder alone, not {MIN_OF_ENCODER}"
        for row in heavy.itertuples()
    ]
    ratio, count = median_ratios(speeds)[TWINS]
    if count and not ratio >= MIN_RATIO:
        found.append(f"median ratio to {count} public twins: {ratio:.2f}, not {MIN_RATIO}")
    return found


def speed_page(speeds: pd.DataFrame) -> str:
    """Return the speeds as a page of Markdown, with the requirements and the machine."""
    names = {
        "condition": "condition", "severity": "severity", "ours": "ours (frames/s)", "twin": "compared with",
        "theirs": "theirs (frames/s)", "same_operation": "the same operation", "ratio": "ours over theirs",
    }  # fmt: skip
    missed = misses(speeds)
    (ratio, count), spatial = median_ratios(speeds)[TWINS], speeds[~speeds.condition.str.contains("compression")]
    found = f"{ratio:.2f} over {count}" if count else "none is installed"
    return (
        "# Speed of our corruptions\n\n"
        f"Generated by `{Path(__file__).name} --write` on one {platform.machine()} core: {SIDE}×{SIDE} gray frames, "
        f"median of {REPEATS} runs.\n\n"
        f"Versions: {versions_line()}.\n\n"
        f"- slowest condition except H.264: {spatial.ours.min():.0f} frames/s; required: {MIN_SPEED}\n"
        f"- median ratio to public twins with the same operation: {found}; required: {MIN_RATIO:g}\n"
        f"- H.264, encoded and decoded; required: {MIN_OF_ENCODER:g} of the speed of the encoder alone\n"
        f"- not met: {'; '.join(missed) or 'none'}\n\n{to_markdown(speeds.rename(columns=names))}"
    )


def main() -> int:
    """Measure, print and write the numbers; return 1 if a requirement is not met, else 0."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"also write {WRITTEN.name}")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    clip = sample_clip()
    speeds, agreements = speed(clip), agreement(clip)
    compression = measure_compression(clip, (23, 28, 33, 38, 43, 48))
    pd.set_option("display.width", 200, "display.max_columns", 20, "display.precision", 2)
    print(versions_line())
    print(f"\nFrames per second on one core, {SIDE}×{SIDE}, median of {REPEATS}\n{speeds.to_string(index=False)}")
    spatial = speeds[~speeds.condition.str.contains("compression")]
    print(f"slowest condition except H.264: {spatial.ours.min():.0f} frames/s (required: {MIN_SPEED})")
    for name, (ratio, count) in median_ratios(speeds).items():
        print(f"median ratio to public twins, {name} ({count}): {ratio:.2f}")
    print(f"\nAgreement with public implementations\n{agreements.to_string(index=False)}")
    print(f"\nH.264 on this clip (kbit/s at {FRAMES_PER_SECOND:g} frames/s)\n{compression.to_string(index=False)}")
    if arguments.write:
        WRITTEN.write_text(speed_page(speeds), encoding="utf-8")
    missed = misses(speeds)
    for miss in missed:
        print(f"not met: {miss}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
