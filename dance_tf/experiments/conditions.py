"""Corruptions of held-out clips: the fourteen conditions of Table 5 at the paper's levels, and their severities."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dance_tf.corruption.conditions import CONDITIONS, find_condition
from dance_tf.experiments.training import key_of

CLEAN = "clean"
FINER = ("low_resolution", 4.0)  # 240 lines: changes clips whose short side has 360 pixels or fewer


@dataclass(frozen=True)
class Corruption:
    """A condition at a severity, with a seed."""

    condition: str  # its name, or "clean"
    severity: float = 0.0  # 0 to 5
    seed: int = 0  # of the condition's random parts; each clip has its own (`clip_seed`)
    # number of consecutive frames kept for each scored frame, which is the last of them; networks that read sequences
    # need them
    window: int = 1

    def __post_init__(self):
        object.__setattr__(self, "severity", float(self.severity))  # 3 and 3.0 must give one key
        if self.condition != CLEAN:
            find_condition(self.condition)

    @property
    def key(self) -> str:
        """Name of its file for one clip."""
        return f"{self.condition}-{key_of(asdict(self))}"

    @property
    def level(self) -> dict[str, object]:
        """Its columns in tables: condition, severity, seed."""
        return {"condition": self.condition, "severity": self.severity, "seed": self.seed}

    @property
    def temporal(self) -> bool:
        """Whether it removes frames and leaves the others unchanged."""
        return self.condition != CLEAN and not find_condition(self.condition).spatial

    def clip_seed(self, sha256: str) -> int:
        """Return its seed for a clip, from the hash of its file, so that clips do not share one random pattern."""
        return int.from_bytes(hashlib.sha256(f"{self.seed} {sha256}".encode()).digest()[:8], "little")


def paper_corruptions(seeds: int = 1, window: int = 1) -> tuple[Corruption, ...]:
    """Return clean footage and the fourteen conditions at the paper's levels; only random ones have several seeds.

    Args:
        window: of the first seed; the others have single frames.
    """
    found = [Corruption(CLEAN, window=window)]
    for condition in CONDITIONS:
        for seed in range(seeds if condition.seeded else 1):
            found.append(Corruption(condition.name, condition.severity, seed, 1 if seed else window))
    return tuple(found)


def severity_corruptions(conditions: Sequence[str], window: int = 1) -> tuple[Corruption, ...]:
    """Return conditions at severities 1 to 5, first seed, and low resolution at 240 lines.

    Args:
        window: as given to `paper_corruptions`, so that both return the same corruption for the paper's level.
    """
    found = [
        Corruption(name, severity, 0, window if severity == find_condition(name).severity else 1)
        for name in conditions
        for severity in range(1, 6)
    ]
    return tuple(dict.fromkeys([*found, Corruption(*FINER)]))
