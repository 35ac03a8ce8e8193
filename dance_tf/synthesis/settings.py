"""How a set of clips is made."""

from dataclasses import asdict, dataclass
from itertools import product

import numpy as np

from dance_tf.synthesis.choreography import select_styles
from dance_tf.synthesis.faults import FaultPlan, plan_faults

GENERATOR = 1  # raised whenever the same settings would give other pictures: a folder half made is then refused


@dataclass(frozen=True)
class StudioSettings:
    """Everything that decides the clips.

    Attributes:
        styles: how many styles; `choreography.select_styles` says which.
        dancers: how many dancers; each dances every style once.
        seconds: length of each clip.
        seed: of everything.
        frame_rate: frames a second.
        width, height: of a frame in pixels, even numbers.
        difficulty: 0 (alike and tidy) to 1 (dancers, framing and light all over the place).
        faults: whether clips have blank, blurred and idle stretches.

    Raises:
        ValueError: if a setting cannot be met.
    """

    styles: int = 12
    dancers: int = 20
    seconds: float = 8.0
    seed: int = 0
    frame_rate: float = 30.0
    width: int = 270
    height: int = 480
    difficulty: float = 0.5
    faults: bool = True

    def __post_init__(self):
        select_styles(self.styles)
        if self.dancers < 1:
            raise ValueError(f"at least one dancer is needed, not {self.dancers}")
        if not 0 < self.frame_rate <= 240:
            raise ValueError(f"the frame rate must lie in (0, 240], not {self.frame_rate}")
        if round(self.seconds * self.frame_rate) < 1:
            raise ValueError(f"{self.seconds} s at {self.frame_rate} frames a second is no clip")
        if min(self.width, self.height) < 32 or self.width % 2 or self.height % 2:
            raise ValueError(f"width and height must be even and at least 32, not {self.width}x{self.height}")
        if not 0 <= self.difficulty <= 1:
            raise ValueError(f"difficulty must lie in [0, 1], not {self.difficulty}")
        if self.seed < 0:
            raise ValueError(f"the seed must not be negative, not {self.seed}")

    def plan(self, rng: np.random.Generator, style_index: int, dancer_index: int) -> tuple[FaultPlan, int]:
        """Faults and number of frames of one clip."""
        frames = round(self.seconds * self.frame_rate)
        return plan_faults(rng, frames, self.frame_rate, self.faults), frames

    def clips(self) -> list[tuple[int, int]]:
        """(style index, dancer index) of every clip, dancer by dancer, so that a room is drawn once."""
        return [(style, dancer) for dancer, style in product(range(self.dancers), select_styles(self.styles))]

    def as_record(self) -> dict[str, float | int | bool]:
        """What a folder remembers of how it was made."""
        return {"generator": GENERATOR, **asdict(self)}
