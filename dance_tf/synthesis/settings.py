"""Settings of a set of made-up clips."""

from dataclasses import asdict, dataclass
from itertools import product

from dance_tf.synthesis.choreography import STYLES, select_styles

GENERATOR = 3  # raise it when the same settings give other pictures; unfinished folders of other versions are refused
MAX_SECONDS = 900.0  # `curate` refuses longer clips


@dataclass(frozen=True)
class StudioSettings:
    """Settings that determine the clips.

    Raises:
        ValueError: an invalid setting.
    """

    styles: int = 12  # their number; `choreography.select_styles` chooses them
    dancers: int = 20  # each dances every style once
    seconds: float = 8.0  # length of each clip
    seed: int = 0  # of all random numbers
    frame_rate: float = 30.0  # frames per second
    width: int = 432  # of a frame in pixels, even
    height: int = 768  # of a frame in pixels, even
    difficulty: float = 0.5  # 0 (similar, precise dancers) to 1 (large differences of dancers, framing and light)
    faults: bool = True  # whether clips have blank, blurred and idle frames
    # for each of the twelve styles, the number of frames without fault in the clips of all dancers, such as the counts
    # of Table 1; replaces `seconds`. Empty: every clip has a length of `seconds`
    good_frames: tuple[int, ...] = ()

    def __post_init__(self):
        select_styles(self.styles)
        if self.dancers < 1:
            raise ValueError(f"at least one dancer is needed, not {self.dancers}")
        if not 0 < self.frame_rate <= 240:
            raise ValueError(f"the frame rate must lie in (0, 240], not {self.frame_rate}")
        if not 0 < self.seconds <= MAX_SECONDS:
            raise ValueError(f"seconds must be a number above 0 and at most {MAX_SECONDS:g}, not {self.seconds:g}")
        if round(self.seconds * self.frame_rate) < 1:
            raise ValueError(f"{self.seconds} s at {self.frame_rate} frames a second is no clip")
        if min(self.width, self.height) < 32 or self.width % 2 or self.height % 2:
            raise ValueError(f"width and height must be even and at least 32, not {self.width}x{self.height}")
        if not 0 <= self.difficulty <= 1:
            raise ValueError(f"difficulty must lie in [0, 1], not {self.difficulty}")
        if self.seed < 0:
            raise ValueError(f"the seed must not be negative, not {self.seed}")
        if self.good_frames and (len(self.good_frames) != len(STYLES) or min(self.good_frames) < self.dancers):
            needed = f"{len(STYLES)} counts of at least one frame per dancer"
            raise ValueError(f"good_frames needs {needed}, not {self.good_frames}")

    def clips(self) -> list[tuple[int, int]]:
        """Return (style index, dancer index) of every clip, by dancer, so that each room is drawn once."""
        return [(style, dancer) for dancer, style in product(range(self.dancers), select_styles(self.styles))]

    def as_record(self) -> dict[str, float | int | bool | list[int]]:
        """Return the settings in JSON types, with the version of the generator."""
        return {"generator": GENERATOR, **asdict(self), "good_frames": list(self.good_frames)}
