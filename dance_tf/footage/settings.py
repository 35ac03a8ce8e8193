"""How footage is read: one frozen record of settings, so that what was read can be keyed by it."""

from dataclasses import dataclass

from dance_tf.footage.framing import Fit

MOST_FRAMES_PER_SECOND = 10_000  # more than any camera; moments are counted one by one


@dataclass(frozen=True)
class ReadLimits:
    """What a clip may cost before it is refused.

    Attributes:
        pixels: most pixels in a stored frame (8192×8192 by default).
        seconds: longest clip.
        decoded_bytes: most bytes of decoded pictures in one clip, counted before they are shrunk.
        broken_packets: most packets in a row that may fail to decode before the rest of a file is given up.

    Raises:
        ValueError: a limit that would let nothing pass.
    """

    pixels: int = 67_108_864
    seconds: float = 900.0
    decoded_bytes: int = 1 << 40
    broken_packets: int = 200

    def __post_init__(self) -> None:
        if not (self.pixels > 0 and self.seconds > 0 and self.decoded_bytes > 0):
            raise ValueError("the most pixels, seconds and bytes of a clip must be positive")


@dataclass(frozen=True)
class ReadSettings:
    """How a clip becomes gray squares.

    Attributes:
        size: side of the squares, in pixels (128: section 3.2 of the paper).
        fit: "pad" keeps the whole picture between black bars, "crop" fills the square with its middle. The paper is
            silent; padding loses no limb.
        frames_per_second: frames to take of each second; None takes every frame.
        frames_in_all: frames to take of the whole clip, at the middles of that many equal stretches of time; None takes
            every frame. At most one of the two may be set.
        skip_loop_filter: leave out the decoder's in-loop filter: faster, and not exact.
        skip_nonref: do not decode frames that no other frame needs. Where every frame is wanted, those are mixed from
            the two around them: much faster, and not exact (0.6 gray levels on average where an arm swings once a
            second, about 2 in the worst frame). Where frames are sampled, the moments that they would answer get the
            frame before.
        quick_shrink: halve large pictures before averaging them: faster, brighter by about 0.14 gray levels.
        threads: decoding threads; 0 lets FFmpeg choose.
        image_rate: frames per second of an image-sequence folder, which has no times of its own (30: Kaggle layout).
        limits: what a clip may cost.

    Raises:
        ValueError: both samplings set, or a number that makes no sense.
    """

    size: int = 128
    fit: Fit = "pad"
    frames_per_second: float | None = None
    frames_in_all: int | None = None
    skip_loop_filter: bool = False
    skip_nonref: bool = False
    quick_shrink: bool = False
    threads: int = 0
    image_rate: float = 30.0
    limits: ReadLimits = ReadLimits()

    def __post_init__(self) -> None:
        if self.frames_per_second is not None and self.frames_in_all is not None:
            raise ValueError("choose frames_per_second or frames_in_all, not both")
        if self.size < 1 or self.threads < 0 or not self.image_rate > 0:
            raise ValueError("size and image_rate must be positive, threads not negative")
        if self.frames_per_second is not None and not 0 < self.frames_per_second <= MOST_FRAMES_PER_SECOND:
            raise ValueError(
                f"frames_per_second must be positive, at most {MOST_FRAMES_PER_SECOND}, not {self.frames_per_second}"
            )
        if self.frames_in_all is not None and self.frames_in_all < 1:
            raise ValueError(f"frames_in_all must be at least 1, not {self.frames_in_all}")
        if self.fit not in ("pad", "crop"):
            raise ValueError(f'fit must be "pad" or "crop", not {self.fit!r}')

    @property
    def every_frame(self) -> bool:
        """Whether no sampling is asked for."""
        return self.frames_per_second is None and self.frames_in_all is None


READ_DEFAULTS = ReadSettings()
