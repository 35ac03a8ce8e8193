"""Numbers as they are printed: what a rounded number can have been, and a published row of them."""

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

METRICS = ("accuracy", "precision", "sensitivity", "specificity", "f1", "kappa")

_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
# past this many decimals a number was not rounded to be read, and its last digits are those of binary fractions
_LONGEST = 10


class Range(NamedTuple):
    """All numbers from `low` to `high`."""

    low: float
    high: float


@dataclass(frozen=True)
class Printed:
    """A number in print and what it may stand for.

    Attributes:
        text: as printed.
        low: smallest fraction (0.97 for 97 %) that is printed so.
        high: largest one.
        scale: 100 where it is printed in percent, else 1.
        decimals: how many of its decimals count.
    """

    text: str
    low: float
    high: float
    scale: int = 1
    decimals: int = 2

    @property
    def middle(self) -> float:
        """The printed fraction itself."""
        return (self.low + self.high) / 2


@dataclass(frozen=True)
class PublishedRow:
    """One row of a table of scores: macro averages over classes, but for accuracy and kappa; None where not printed.

    A row may be the scores of one test set, or the means of each score over several (folds, repeats).
    """

    label: str
    accuracy: Printed | None = None
    precision: Printed | None = None
    sensitivity: Printed | None = None
    specificity: Printed | None = None
    f1: Printed | None = None
    kappa: Printed | None = None


def read_printed(text: str, percent: bool = False) -> Printed | None:
    """Read a number as printed: "97.14", "97.14 %", "0.971", "97,14", "97.1 ± 0.3" (the spread is passed over).

    Rounding is to the nearest, so the number lies within half a unit of its last printed decimal, ends included. A
    number of more than ten decimals was written by a program; zeros or nines past the tenth decimal are taken for
    binary dust, and what stands before them for what was meant.

    Args:
        text: the cell.
        percent: a number without a percent sign is percent all the same.

    Returns:
        None where the cell is empty, a dash, or says that there is no number (n/a, nan).

    Raises:
        ValueError: the cell holds something else.
    """
    cell = text.strip().replace("\N{MINUS SIGN}", "-")
    if cell.lower() in ("", "-", "–", "—", "n/a", "na", "nan", "none", "null"):
        return None
    body = re.split(r"±|\+/-|\+-|\(|\[", cell)[0].strip()
    if re.fullmatch(r"[+-]?\d+,\d+\s*%?", body):
        body = body.replace(",", ".")
    sign = body.endswith("%") or cell.endswith("%")
    body = body.removesuffix("%").strip()
    if not _NUMBER.fullmatch(body):
        raise ValueError(f"{text.strip()!r} is no number")
    try:
        number = Decimal(body)
        decimals = max(0, -number.as_tuple().exponent)
        if decimals > _LONGEST:
            shortened = number.quantize(Decimal(1).scaleb(-_LONGEST)).normalize()
            if abs(float(shortened - number)) < 1e-12 and -shortened.as_tuple().exponent < _LONGEST:
                number, decimals = shortened, max(0, -shortened.as_tuple().exponent)
    except (InvalidOperation, OverflowError) as problem:
        raise ValueError(f"{text.strip()!r} is no number to work with") from problem
    value, half = float(number), 0.5 * 10.0**-decimals
    if not math.isfinite(value):
        raise ValueError(f"{text.strip()!r} is no number to work with")
    scale = 100 if sign or percent else 1
    return Printed(text.strip(), (value - half) / scale, (value + half) / scale, scale, decimals)
