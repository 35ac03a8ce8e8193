"""Ablations as rows of a YAML file: a name, words, and the settings that change."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import yaml

from dance_tf.model.paths import NetworkSettings
from dance_tf.model.training import TrainingSettings

BASE = "as_proposed"
IN_NETWORK = {entry.name for entry in fields(NetworkSettings)}
IN_TRAINING = {entry.name for entry in fields(TrainingSettings)}


@dataclass(frozen=True)
class Ablation:
    """One row.

    Attributes:
        name: as in metrics.json.
        title: as in the report's table.
        changes: settings that differ from the base, fields of `TrainingSettings` or `NetworkSettings`.
    """

    name: str
    title: str
    changes: Mapping[str, object] = field(default_factory=dict)

    def apply(self, base: TrainingSettings) -> TrainingSettings:
        """The base with this row's changes."""
        network = {key: value for key, value in self.changes.items() if key in IN_NETWORK}
        training = {key: value for key, value in self.changes.items() if key not in IN_NETWORK}
        return replace(base, network=replace(base.network, **network), **training)


def read_ablations(path: Path | str, rows: int = 0) -> tuple[Ablation, ...]:
    """The rows of a file, after the base without any change.

    Args:
        path: YAML, a list of mappings with name, title, changes.
        rows: how many of them are wanted, from the first; 0 for all.

    Raises:
        ValueError: a row that lacks something, a name given twice, or a setting that does not exist.
    """
    listed = yaml.safe_load(Path(path).read_text(encoding="utf-8")) or []
    found = [Ablation(BASE, "as proposed")]
    for place, row in enumerate(listed, start=1):
        if not isinstance(row, dict) or set(row) != {"name", "title", "changes"}:
            raise ValueError(f"row {place} of {Path(path).name} must have name, title and changes, and nothing else")
        unknown = sorted(set(row["changes"]) - IN_NETWORK - IN_TRAINING)
        if unknown:
            raise ValueError(f"{row['name']} in {Path(path).name} changes {', '.join(unknown)}, which no setting is")
        if row["name"] in {ablation.name for ablation in found}:
            raise ValueError(f"{Path(path).name} has two rows named {row['name']}")
        found.append(Ablation(row["name"], row["title"], row["changes"]))
    return tuple(found[: rows + 1] if rows else found)
