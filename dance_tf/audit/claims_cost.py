"""What Table 4 says of times, sizes and styles, against itself, Table 1 and the layers of section 3."""

from collections.abc import Iterator

from dance_tf.audit import published as tables
from dance_tf.audit.published import CNN_AE, HALF_UNIT, PROPOSED
from dance_tf.audit.rules import Finding


def audit_costs() -> tuple[Finding, ...]:
    """Findings on Table 4."""
    return (*_similar_styles(), *_times(), *_training_time(), *_model_size())


def _similar_styles() -> Iterator[Finding]:
    styles = {row.style for row in tables.TABLE_1}
    strangers = [style for style in tables.TABLE_4_SIMILAR_STYLES if style not in styles]
    if strangers:
        yield Finding(
            row="Table 4, confusion rate",
            rule="styles that are not in the data",
            level="impossible",
            message=f"the similar styles that explain it, {' and '.join(strangers)}, are not among the {len(styles)} "
            "of Table 1.",
            values=(("styles", ", ".join(strangers)),),
        )


def _times() -> Iterator[Finding]:
    """Seconds of Table 4: the parts against the total, and what attention adds to each.

    A total may hold more than its printed parts (decoding, the head), so a remainder is no contradiction by itself. But
    the last two models differ only in attention; what is left after extraction and attention is the same work for both.
    """
    rest = {
        row.strategy: row.inference_seconds - row.extraction_seconds - (row.attention_seconds or 0.0)
        for row in tables.TABLE_4
    }
    row = {row.strategy: row for row in tables.TABLE_4}[PROPOSED]
    if abs(rest[PROPOSED]) > 3 * HALF_UNIT:
        yield Finding(
            row=f"Table 4, {PROPOSED}",
            rule="times do not add up",
            level="implausible",
            message=f"extraction and attention take {row.extraction_seconds + row.attention_seconds:.2f} s of the "
            f"{row.inference_seconds:.2f} s in all, and nothing is said of the other {rest[PROPOSED]:.2f} s.",
            values=(
                ("extraction", f"{row.extraction_seconds:.2f}"),
                ("attention", f"{row.attention_seconds:.2f}"),
                ("total", f"{row.inference_seconds:.2f}"),
            ),
        )
    if rest[PROPOSED] < rest[CNN_AE] - 5 * HALF_UNIT:  # five printed numbers, each half a unit off
        yield Finding(
            row=f"Table 4, {PROPOSED}",
            rule="same work in less time",
            level="implausible",
            message=f"beside extraction and attention it takes {rest[PROPOSED]:.2f} s, where {CNN_AE} takes "
            f"{rest[CNN_AE]:.2f} s for the same decoding and the same head.",
            values=(("rest", f"{rest[PROPOSED]:.2f}"), (f"rest of {CNN_AE}", f"{rest[CNN_AE]:.2f}")),
        )


def _training_time() -> Iterator[Finding]:
    longest = max(tables.TABLE_4, key=lambda row: row.training_minutes)
    hours, claim = longest.training_minutes / 60, tables.LEAST_TRAINING
    if hours < claim.value:
        yield Finding(
            row=f"Table 4, {longest.strategy}",
            rule="training time against the text",
            level="implausible",
            message=f"{hours:.1f} h is the longest training of the table; {claim.place} has CNN and autoencoder "
            f"take at least about {claim.value} h, and says of neither number how many runs are in it.",
            values=(("Table 4", f"{hours:.1f} h"), ("text", f"{claim.value} h")),
        )


def _model_size() -> Iterator[Finding]:
    weights = most_weights_described()
    size = {row.strategy: row.size_mb for row in tables.TABLE_4}[PROPOSED]
    if size > 2 * 4 * weights / 1e6:  # twice: a checkpoint may hold the optimizer's momentum too
        yield Finding(
            row=f"Table 4, {PROPOSED}",
            rule="size against described layers",
            level="implausible",
            message=f"the layers described have at most about {weights / 1e6:.2f} million weights, "
            f"{4 * weights / 1e6:.1f} MB in float32; {size} MB would hold {size / 4:.0f} million.",
            values=(("size in MB", f"{size}"), ("weights described", f"{weights:,}")),
        )


def most_weights_described() -> int:
    """Weights of the network of section 3, on the generous side.

    Fully connected: 1536 to 400 to 150 to 12. Convolutions of 3 x 3 (the paper gives no kernel): the CNN path's two a
    stage, and two a stage for an encoder and a decoder with 4, 8, 16, 32 and 64 channels, which is more than it says.
    """
    widths = (1536, 400, 150, 12)
    head = sum(before * after + after for before, after in zip(widths, widths[1:], strict=False))
    paths = ((1, 2, 4, 8, 16, 32), (1, 4, 8, 16, 32, 64), (1, 4, 8, 16, 32, 64))
    convolutions = (
        9 * before * after + after + 9 * after * after + after
        for channels in paths
        for before, after in zip(channels, channels[1:], strict=False)
    )
    return head + sum(convolutions)
