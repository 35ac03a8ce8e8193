"""Where a seek saves decoding, and what becomes of one that goes wrong."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


class Leaps:
    """Which key frame to go to for the next moment wanted; all times are seconds from the first frame.

    A leap is worth its seek only to a key frame that decoding has not come near yet. After one that led back to what
    was seen already, or into nothing, the index is not trusted again: frames are then read one by one, those seen
    already passed over.

    Args:
        keys: when key frames are shown, rising; none where there is no index to choose from.
        spacing: the usual time between two frames.

    Attributes:
        airborne: True from a leap to its first frame.
    """

    def __init__(self, keys: Sequence[float], spacing: float) -> None:
        self._keys, self._spacing = keys, spacing
        self._trusted = True
        self._reached = -1  # the key frame leapt to last
        self._repeating = False
        self.airborne = False

    def is_due(self, moment: float | None, last: float) -> bool:
        """Whether to leap to the key frame at or before a moment, when the frame read last was shown at `last`."""
        if moment is None or not self._trusted:
            return False
        place = bisect_right(self._keys, moment) - 1
        if place <= self._reached or self._keys[place] <= last + self._spacing:
            return False
        self._reached, self.airborne = place, True
        return True

    def is_repeated(self, time: float, last: float) -> bool:
        """Whether a frame was seen before the leap, as where the index lies."""
        if not (self.airborne or self._repeating):
            return False
        self._repeating = time <= last
        self._trusted &= not self._repeating
        self.airborne = False
        return self._repeating

    def turn_back(self, last: float) -> float:
        """Where to go on after a leap into nothing: the key frame at or before the frame read last, or the first."""
        self._trusted, self._repeating, self.airborne = False, True, False
        return self._keys[max(0, bisect_right(self._keys, last) - 1)]
