"""Sentences of the paper that its other sentences, or plain arithmetic, speak against."""

from collections.abc import Iterator

from dance_tf.audit import published as tables
from dance_tf.audit.rules import Finding

FLOAT_BITS, BYTE_BITS = 32, 8


def audit_prose() -> tuple[Finding, ...]:
    """Findings on Table 5's origin, on 360p, on Figure 1 and on the cloud of section 3.5."""
    return (*_estimates(), *_low_resolution(), *_figure_1(), *_cloud(), *_bandwidth())


def _estimates() -> Iterator[Finding]:
    yield Finding(
        row="Table 5",
        rule="measured or estimated",
        level="implausible",
        message='section 4.4 calls the impact of its conditions "simulated and estimated", then has predicted labels '
        f"compared with the truth; its {len(tables.TABLE_5)} rows have two decimals all the same, and are averages "
        "over noise seeds, of which compression, low light and 360p have none.",
        values=(("text", "simulated and estimated"), ("text, further down", "averaged across multiple runs")),
    )


def _low_resolution() -> Iterator[Finding]:
    """A frame is shrunk to the network's input anyway; what 360 lines lack, 128 lack too."""
    rows = {row.condition: row for row in tables.TABLE_5}
    name = f"Low resolution ({tables.LOW_RESOLUTION_LINES}p)"
    loss = rows["Baseline (optimal)"].accuracy - rows[name].accuracy
    noise = rows["Baseline (optimal)"].accuracy - rows["Severe Gaussian noise"].accuracy
    if tables.LOW_RESOLUTION_LINES > tables.INPUT_SIDE.value and loss > noise:
        yield Finding(
            row=f"Table 5, {name}",
            rule="pixels that the network never sees",
            level="implausible",
            message=f"it costs {loss:.2f} points, more than severe noise ({noise:.2f}), though a network that sees "
            f"{tables.INPUT_SIDE.value} × {tables.INPUT_SIDE.value} pixels needs no more than "
            f"{tables.INPUT_SIDE.value} of the {tables.LOW_RESOLUTION_LINES} lines.",
            values=(("loss", f"{loss:.2f}"), ("input", f"{tables.INPUT_SIDE.value} pixels")),
        )


def _figure_1() -> Iterator[Finding]:
    yield Finding(
        row="Figure 1",
        rule="two pictures under one number",
        level="impossible",
        message='section 3.2 has it depict "a CNN architecture used to predict the permeability of porous materials", '
        'section 4.3 cites it for "the optimal error level after 1000 iterations": an error curve of another subject.',
        values=(("section 3.2", "permeability of porous materials"), ("section 4.3", "optimal error level")),
    )


def _cloud() -> Iterator[Finding]:
    yield Finding(
        row="section 3.5, list of steps",
        rule="one place named twice",
        level="implausible",
        message='steps 2 and 3 are both "cloud processing": features are extracted "at the cloud layer" and then '
        '"sent to the cloud", while the list above it has them extracted "closer to the source".',
        values=(("step 2", "extracted at the cloud layer"), ("step 3", "sent to the cloud")),
    )


def _bandwidth() -> Iterator[Finding]:
    numbers = tables.CNN_FEATURES.value + tables.AE_FEATURES.value
    floats, integers = feature_megabits(FLOAT_BITS), feature_megabits(BYTE_BITS)
    frames = tables.INPUT_SIDE.value**2 * BYTE_BITS * tables.FRAME_RATE.value / 1e6
    yield Finding(
        row="section 3.5",
        rule="features sent in place of frames",
        level="implausible",
        message=f"{numbers} float32 a frame at {tables.FRAME_RATE.value} frames a second are {floats:.2f} Mbit/s "
        f"({integers:.2f} in 8 bits), the network's uncompressed input {frames:.2f}: H.264 may send the clip itself in "
        "less, so that a saving has to be measured, and is not.",
        values=(("float32", f"{floats:.2f} Mbit/s"), ("int8", f"{integers:.2f} Mbit/s")),
    )


def feature_megabits(bits: int) -> float:
    """Mbit/s of the fused features of section 3.2 at the paper's frame rate, each number with so many bits."""
    return (tables.CNN_FEATURES.value + tables.AE_FEATURES.value) * bits * tables.FRAME_RATE.value / 1e6
