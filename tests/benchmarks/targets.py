"""Compare what a benchmark measured with its targets."""

import sys
from collections.abc import Mapping

Targets = Mapping[str, tuple[str, float]]  # by name: "at_most" or "at_least", and the target


def judge(measured: Mapping[str, float], targets: Targets) -> dict[str, dict[str, float | bool]]:
    """Return for each target the "value", the target, and whether it is "met"; those not measured are left out.

    Args:
        measured: by name.
        targets: a name is that of a measurement, or "one over another + a third" for a ratio.
    """
    judged = {}
    for name, (bound, target) in targets.items():
        one, _, others = name.partition(" over ")
        below = others.split(" + ") if others else []
        if not {one, *below} <= set(measured):
            continue
        value = measured[one] / (sum(measured[other] for other in below) if below else 1)
        met = value <= target if bound == "at_most" else value >= target
        judged[name] = {"value": round(value, 3), bound: target, "met": met}
    return judged


def name_missed(judged: Mapping[str, Mapping[str, float | bool]], how: str = "") -> int:
    """Name each missed target on standard error; return the exit status, 1 if there is one."""
    missed = [name for name, found in judged.items() if not found["met"]]
    for name in missed:
        print(f"missed{how}: {name}", file=sys.stderr)
    return int(bool(missed))
