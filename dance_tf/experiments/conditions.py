"""Ways to spoil a clip: the fourteen conditions of Table 5 at the paper's levels, and their severities."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from dance_tf.corruption.conditions import CONDITIONS, find_condition
from dance_tf.model.train import key_of

CLEAN = "clean"
FORMAT = 2  # raised when a disturbance gives other frames though its numbers are the same


@dataclass(frozen=True)
class Disturbance:
    """One way to spoil a clip.

    Attributes:
        condition: its name, or "clean".
        severity: 0 to 5.
        seed: of what is random in it, each clip drawing its own (`seed_on`).
        window: consecutive frames that end at each scored one and are kept with it, for networks that read sequences.
    """

    condition: str
    severity: float = 0.0
    seed: int = 0
    window: int = 1

    def __post_init__(self):
        object.__setattr__(self, "severity", float(self.severity))  # 3 and 3.0 are one disturbance, with one file

    @property
    def key(self) -> str:
        """Of all that decides the frames, besides the clip and the sampling: another constant, another key."""
        parameters, constants = {}, {}
        if self.condition != CLEAN:
            condition = find_condition(self.condition)
            parameters = condition.settings(self.severity)
            constants = {constant.name: constant.value for constant in condition.constants}
        return f"{self.condition}-{key_of(FORMAT, asdict(self), parameters, constants)}"

    def seed_on(self, sha256: str) -> int:
        """Its seed on one clip: clips of one seed are not all in the same fog.

        Args:
            sha256: of the clip's file. The same content has the same seed, wherever it lies.
        """
        return int.from_bytes(hashlib.sha256(f"{self.seed} {sha256}".encode()).digest()[:8], "little")

    @property
    def level(self) -> tuple[str, float]:
        """Condition and severity: what its seeds have in common."""
        return self.condition, self.severity

    @property
    def temporal(self) -> bool:
        """Whether it takes frames out of the clip and leaves the others as they are."""
        return self.condition != CLEAN and not find_condition(self.condition).spatial

    @property
    def spares_frames(self) -> bool:
        """Whether each frame that is left is as it was."""
        return self.condition == CLEAN or self.temporal


def paper_disturbances(seeds: int = 1, window: int = 1) -> tuple[Disturbance, ...]:
    """Clean footage and the fourteen conditions at the paper's levels; what is not random is done once.

    Args:
        seeds: how many seeds the random ones have. Only the first brings whole windows.
        window: of the first seed's frames.
    """
    found = [Disturbance(CLEAN, window=window)]
    for condition in CONDITIONS:
        for seed in range(seeds if condition.seeded else 1):
            found.append(Disturbance(condition.name, condition.severity, seed, 1 if seed else window))
    return tuple(found)


def severity_disturbances(
    names: Sequence[str], severities: Sequence[float] = (1, 2, 3, 4, 5), window: int = 1
) -> tuple[Disturbance, ...]:
    """Conditions at each severity, at the first seed.

    Args:
        names: of conditions.
        severities: 1 to 5.
        window: that `paper_disturbances` was given, so that the paper's own level is the same disturbance there and
            here.
    """
    return tuple(
        Disturbance(name, float(severity), 0, window if severity == find_condition(name).severity else 1)
        for name in names
        for severity in severities
    )
