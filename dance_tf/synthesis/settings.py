"""How a set of clips is made."""

from dataclasses import asdict, dataclass
from itertools import product

import numpy as np

from dance_tf.synthesis.choreography import STYLES, select_styles
from dance_tf.synthesis.faults import FaultPlan, plan_faults

GENERATOR = 3  # raised whenever the same settings would give other pictures: a folder half made is then refused


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
        good_frames: for each of the twelve styles, how many frames without fault all dancers' clips have together
            (Table 1's counts, say); replaces `seconds`. Empty: every clip is as long as `seconds` says.

    Raises:
        ValueError: if a setting cannot be met.
    """

    styles: int = 12
    dancers: int = 20
    seconds: float = 8.0
    seed: int = 0
    frame_rate: float = 30.0
    width: int = 432
    height: int = 768
    difficulty: float = 0.5
    faults: bool = True
    good_frames: tuple[int, ...] = ()

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
        if self.good_frames and (len(self.good_frames) != len(STYLES) or min(self.good_frames) < self.dancers):
            raise ValueError(
                f"good_frames needs {len(STYLES)} counts of at least one frame a dancer, not {self.good_frames}"
            )

    def plan(self, seeds: tuple[int, ...], style_index: int, dancer_index: int) -> tuple[FaultPlan, int]:
        """Faults and number of frames of one clip; `seeds` decide the faults."""

        def planned(frames: int, wanted: bool) -> tuple[FaultPlan, int]:
            return plan_faults(np.random.default_rng(seeds), frames, self.frame_rate, wanted), frames

        if not self.good_frames:
            return planned(round(self.seconds * self.frame_rate), self.faults)
        share, rest = divmod(self.good_frames[style_index], self.dancers)
        good = share + (dancer_index < rest)
        plan, frames = planned(good, self.faults)
        # faults grow with the clip and the clip with its faults, each by less than the other: a few rounds settle it
        for _ in range(30):
            if frames - plan.frames == good:
                return plan, frames
            plan, frames = planned(good + plan.frames, self.faults)
        return planned(good, False)

    def clips(self) -> list[tuple[int, int]]:
        """(style index, dancer index) of every clip, dancer by dancer, so that a room is drawn once."""
        return [(style, dancer) for dancer, style in product(range(self.dancers), select_styles(self.styles))]

    def as_record(self) -> dict[str, float | int | bool | list[int]]:
        """What a folder remembers of how it was made, in the types of JSON."""
        return {"generator": GENERATOR, **asdict(self), "good_frames": list(self.good_frames)}
