"""What an audit has to say: findings, and the refusal to audit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

Level = Literal["impossible", "implausible"]


class AuditError(ValueError):
    """A table that cannot be audited; one line says why and what to do."""


@dataclass(frozen=True)
class Finding:
    """Numbers that cannot all be true.

    Attributes:
        row: which row of which table, or which sentence.
        rule: short name of the rule that they break.
        level: "impossible": no set of verdicts gives these numbers, on the assumptions that the message names;
            "implausible": some could, but only under circumstances that the message names.
        message: one sentence for a reader.
        values: the numbers involved, as printed: pairs of name and text.
    """

    row: str
    rule: str
    level: Level
    message: str
    values: tuple[tuple[str, str], ...]

    def to_json(self) -> dict:
        """All attributes, `values` as an object."""
        return {
            "row": self.row,
            "rule": self.rule,
            "level": self.level,
            "message": self.message,
            "values": dict(self.values),
        }


def findings_frame(findings: Sequence[Finding]) -> pd.DataFrame:
    """Findings as a data frame: row, rule, level, message, values ("f1 93.36, precision 93.29, …")."""
    return pd.DataFrame(
        [
            (
                finding.row,
                finding.rule,
                finding.level,
                finding.message,
                ", ".join(f"{name} {text}" for name, text in finding.values),
            )
            for finding in findings
        ],
        columns=["row", "rule", "level", "message", "values"],
    )
