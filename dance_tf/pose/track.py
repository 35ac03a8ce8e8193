"""Follow the people of a clip, choose the dancer, and clean the dancer's skeletons.

Everywhere `values` are float [n, 33, k], x and y first; `found` and `valid` bool [n], whether a frame has any; `times`
float64 [n], seconds, about evenly spaced; `smoothing` seconds, the standard deviation of a Gaussian over time.
"""

from dataclasses import dataclass, field, replace
from functools import partial

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter1d

from dance_tf.pose.blazepose import LANDMARK_SIDE, BlazePose, Pose, Region, RegionFilter
from dance_tf.pose.skeleton import LANDMARK, OTHER_SIDE, SIDES, Skeletons
from dance_tf.video.frames import FrameFile

POSES_PER_SECOND = 10.0
CUTOUT_SIDE = 128  # pixels
MOST_PEOPLE = 3  # followed at a time
SEARCH_SECONDS = 1.0  # between two searches for further people; for as long, someone lost is searched in each frame
SAME_PLACE = 0.15  # people whose middles are nearer than this share of their region are one person
STILL, LIVELY = 0.1, 0.5  # movement in torsos a frame: what a still person counts, and where more counts no more
CENTRAL = 0.35  # distance from the middle, in longer sides of the picture, at which a person counts 1/e
NEAR = 0.5  # where several people are seen, one found again is no further away than this share of the region
LONGEST_GAP = 0.5  # seconds between two poses that are interpolated
SMOOTHING = 0.035  # seconds, deviation of the Gaussian: a frame at 30 a second; at 10, more makes poses less exact
NEIGHBOURS = 5  # frames before and after, with which a frame is compared to find swaps
PARTS_OF_PERSON = ("landmarks", "world", "places", "cutouts")
SWAP_RATIO, SWAP_LEAST = 0.5, 0.3  # a swap shortens the way of the joints to this share, and by so many torso lengths


def _both(*parts: str) -> list[int]:
    return [LANDMARK[f"{side}_{part}"] for part in parts for side in SIDES]


SHOULDERS, HIPS, ENDS = _both("shoulder"), _both("hip"), _both("wrist", "ankle")
ARMS, LEGS = _both("shoulder", "elbow"), _both("hip", "knee", "ankle")  # joints that show swaps; hands cross too fast
LOWER = np.isin(np.arange(33), _both("hip", "knee", "ankle", "heel", "toe"))


@dataclass(eq=False)
class Person:
    """One person over time."""

    landmarks: dict[int, np.ndarray] = field(default_factory=dict)  # by frame: float32 [33, 5], pixels
    world: dict[int, np.ndarray] = field(default_factory=dict)  # by frame: float32 [33, 3], metres
    places: dict[int, Region] = field(default_factory=dict)  # by frame: the region around the person
    cutouts: dict[int, int] = field(default_factory=dict)  # by frame: place in the file of cut-outs
    steady: RegionFilter = field(default_factory=RegionFilter)

    def join(self, others: list["Person"], frame: int, pose: Pose) -> bool:
        """Store the pose of a frame and return True, if none of `others` is in its place."""
        region = self.steady.next_region(pose)
        if any(_same_place(region, other.places[frame]) for other in others):
            return False
        self.landmarks[frame], self.world[frame], self.places[frame] = pose.landmarks, pose.world, region
        others.append(self)
        return True


class DancerTracker:
    """Follows the people of a clip from picture to picture, and gives the skeletons of the dancer at the end.

    Up to `MOST_PEOPLE` people at a time are followed. A person who is lost and found again counts as another one, until
    the dancer is chosen. This is a `video.stills.Watcher`.

    Args:
        rate: pictures per second.
        smoothing: see `clean`.
        held: stores the cut-outs of all people; None for skeletons only.
    """

    def __init__(
        self,
        blazepose: BlazePose,
        rate: float = POSES_PER_SECOND,
        smoothing: float = SMOOTHING,
        held: FrameFile | None = None,
    ) -> None:
        self.blazepose, self.rate, self.smoothing, self.held = blazepose, rate, smoothing, held
        self.restart()

    def restart(self) -> None:
        """Forget the pictures seen so far."""
        self.times: list[float] = []
        self.people: list[Person] = []  # in the order in which they were found
        self._present: list[Person] = []
        self._searched = self._lost = -np.inf
        self._height = self._width = 1
        if self.held is not None:
            self.held.clear()

    def see(self, time: float, picture: np.ndarray) -> None:
        """Find the people in the next picture, uint8 [h, w, 3], RGB; all pictures have one size."""
        number, before = len(self.times), self._present
        self._height, self._width = picture.shape[:2]
        self.times.append(time)
        self._present = []
        for person in before:
            self._look(person, picture, person.places[number - 1])
        self._lost = time if len(self._present) < len(before) else self._lost
        if self._present and time - self._searched < SEARCH_SECONDS < time - self._lost:
            return
        self._searched = time
        for region in self.blazepose.detect(picture):
            known = any(_same_place(region, one.places[number]) for one in self._present)
            if len(self._present) < MOST_PEOPLE and not known and self._look(person := Person(), picture, region):
                self.people.append(person)

    def _look(self, person: Person, picture: np.ndarray, region: Region) -> bool:
        """Look for a person in a region of the newest picture, and return whether it is there."""
        number, pose = len(self.times) - 1, self.blazepose.pose(picture, region)
        if pose is None or not person.join(self._present, number, pose):
            return False
        if self.held is not None:
            person.cutouts[number] = len(self.held)
            self.held.append(cut_out(picture, pose, person.places[number]))
        return True

    def finish(self) -> tuple[Skeletons, np.ndarray]:
        """Return the skeletons of the dancer, and the cut-outs uint8 [n, 128, 128, 1] of the dancer, in `held`.

        Cut-outs are black where the dancer was not found; there are none at all without `held`.
        """
        dancer, count = choose_dancer(self.people, self._height, self._width), len(self.times)
        landmarks, world = np.zeros((count, 33, 4)), np.zeros((count, 33, 3))
        for number, points in dancer.landmarks.items():
            landmarks[number] = points[:, :4] - [self._width / 2, self._height / 2, 0, 0]
            world[number] = dancer.world[number]
        landmarks[..., :3] /= max(self._height, self._width)
        found = np.isin(np.arange(count), list(dancer.landmarks))
        skeletons = clean(landmarks, world, found, np.array(self.times, np.float64), self.smoothing)
        black = np.zeros((CUTOUT_SIDE, CUTOUT_SIDE), np.uint8)
        if self.held is None or not count:
            return skeletons, black[None, ..., None][:0]
        everyone = self.held.frames()
        for number in range(count):  # after those of all people, so that memory never holds many
            self.held.append(everyone[dancer.cutouts[number]] if number in dancer.cutouts else black)
        self.held.keep(np.arange(len(self.held)) >= len(everyone))
        return skeletons, self.held.frames()[..., None]


def cut_out(picture: np.ndarray, pose: Pose, region: Region) -> np.ndarray:
    """Return a person alone on black, in the middle, at a size that does not depend on the distance.

    Args:
        picture: uint8 [h, w, 3], RGB.
        region: around the person; the cut-out shows it upright.

    Returns:
        uint8 [128, 128], gray.
    """
    upright, side = replace(region, angle=0.0), 2 * CUTOUT_SIDE  # twice as large at first, against aliasing
    gray = cv2.cvtColor(upright.crop(picture, side, cv2.BORDER_CONSTANT), cv2.COLOR_RGB2GRAY)
    to_frame, from_frame = upright.to_frame(side), cv2.invertAffineTransform(pose.region.to_frame(LANDMARK_SIDE))
    to_mask = from_frame[:, :2] @ to_frame + [[0, 0, 1]] * from_frame[:, 2:]
    mask = cv2.warpAffine(pose.mask, to_mask, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    alone = cv2.resize(gray * mask, (CUTOUT_SIDE, CUTOUT_SIDE), interpolation=cv2.INTER_AREA)
    return np.rint(alone).astype(np.uint8)


def _same_place(one: Region, two: Region) -> bool:
    return bool(np.hypot(one.x - two.x, one.y - two.y) < SAME_PLACE * max(one.side, two.side))


def choose_dancer(people: list[Person], height: int, width: int) -> Person:
    """Return the person who is large, central and moves, joined with the same person found again.

    A person is the dancer found again if the two are never seen at the same time and have about the same size. If the
    clip ever shows two people at a time, they must also be near each other where one ends and the other begins.

    Args:
        height, width: of the frames, pixels.
    """

    def weight(person: Person) -> float:
        size = np.array([min(place.side / max(height, width), 1.0) for place in person.places.values()])
        away = [np.hypot(place.x - width / 2, place.y - height / 2) for place in person.places.values()]
        central = np.exp(-((np.array(away) / max(height, width) / CENTRAL) ** 2))
        return float((size * central).sum() * (STILL + min(_movement(person), LIVELY)))

    dancer, *others = sorted(people, key=weight, reverse=True) or [Person()]
    dancer = Person(*(dict(getattr(dancer, name)) for name in PARTS_OF_PERSON))
    seen = [frame for person in people for frame in person.places]
    near = NEAR if len(set(seen)) < len(seen) else np.inf
    while again := next(filter(partial(_is_again, dancer, np.array(list(dancer.places)), near), others), None):
        others.remove(again)
        for name in PARTS_OF_PERSON:
            getattr(dancer, name).update(getattr(again, name))
    return dancer


def _movement(person: Person) -> float:
    """Return how far hands and feet move against the hips from one pose to the next, in torso lengths."""
    points = np.stack(list(person.landmarks.values()))[..., :2]
    hips = points[:, HIPS].mean(axis=1)
    torso = np.median(np.linalg.norm(points[:, SHOULDERS].mean(axis=1) - hips, axis=1))
    steps = np.diff(points[:, ENDS] - hips[:, None], axis=0)
    return float(np.linalg.norm(steps, axis=-1).mean() / max(torso, 1.0)) if len(steps) else 0.0


def _is_again(dancer: Person, frames: np.ndarray, near: float, person: Person) -> bool:
    """Return whether a person may be the dancer, who is known in `frames`; `near` is in sides of the region."""
    if person.places.keys() & dancer.places.keys():
        return False
    pairs = [(end, frames[np.abs(frames - end).argmin()]) for end in (min(person.places), max(person.places))]
    end, frame = min(pairs, key=lambda pair: abs(pair[0] - pair[1]))
    here, there = person.places[end], dancer.places[frame]
    apart = np.hypot(here.x - there.x, here.y - there.y)
    return 0.5 < here.side / there.side < 2 and bool(apart < near * there.side)


def clean(
    landmarks: np.ndarray, world: np.ndarray, found: np.ndarray, times: np.ndarray, smoothing: float = SMOOTHING
) -> Skeletons:
    """Undo swaps of left and right, interpolate short gaps, and smooth.

    Args:
        landmarks, world: float [n, 33, 4] and [n, 33, 3], as in `Skeletons`.
        smoothing: 0 for none.
    """
    values = np.concatenate([landmarks, world], axis=2).astype(np.float64)
    values = undo_swaps(values, found)
    values, valid = fill_gaps(values, found, times)
    if smoothing and len(times) > 1:
        values[..., [0, 1, 2, 4, 5, 6]] = smooth(values[..., [0, 1, 2, 4, 5, 6]], valid, times, smoothing)
    values = (values * valid[:, None, None]).astype(np.float16)
    return Skeletons(values[..., :4], values[..., 4:], valid, times)


def undo_swaps(values: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Exchange left and right where a pose took one for the other, separately for legs and for the rest.

    A frame is swapped if an exchange brings it much nearer to most of its neighbours, and if this begins or ends from
    one frame to the next; in a turn, the sides change slowly. Longer swaps than `NEIGHBOURS` frames stay.
    """
    values, points = values.copy(), values[..., :2]
    torso = np.linalg.norm(points[:, SHOULDERS].mean(axis=1) - points[:, HIPS].mean(axis=1), axis=-1)
    for part, joints in ((LOWER, LEGS), (~LOWER, ARMS)):
        votes, sudden = np.zeros(len(found), int), np.zeros(len(found) + 1, bool)
        for apart in range(1, min(NEIGHBOURS, len(found) - 1) + 1):
            kept, exchanged = (
                np.linalg.norm(points[apart:, of] - points[:-apart, joints], axis=-1).mean(axis=1)
                for of in (joints, OTHER_SIDE[joints])
            )
            clear = np.abs(kept - exchanged) > SWAP_LEAST * torso[apart:]
            clear &= np.minimum(kept, exchanged) < SWAP_RATIO * np.maximum(kept, exchanged)
            vote = np.sign(kept - exchanged).astype(int) * (clear & found[apart:] & found[:-apart])
            votes[apart:] += vote
            votes[:-apart] += vote
            if apart == 1:
                sudden[1:-1] = vote > 0
        for run in runs(votes > 0):
            if sudden[run.start] or sudden[run.stop]:
                wrong = np.arange(run.start, run.stop)
                values[np.ix_(wrong, part)] = values[np.ix_(wrong, OTHER_SIDE[part])]
    return values


def fill_gaps(values: np.ndarray, found: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Interpolate linearly over time between two poses at most `LONGEST_GAP` apart; return `values` and `valid`."""
    frames, known = np.arange(len(found)), np.flatnonzero(found)
    if not len(known):
        return values, found.copy()
    after = np.searchsorted(known, frames).clip(0, len(known) - 1)
    last, following = known[np.where(found, after, after - 1).clip(0)], known[after]
    span = times[following] - times[last]
    short = ~found & (last < frames) & (frames < following) & (span <= LONGEST_GAP + 1e-6)
    share = ((times - times[last]) / np.where(span > 0, span, 1))[short, None, None]
    values = values.copy()
    values[short] = values[last[short]] * (1 - share) + values[following[short]] * share
    return values, found | short


def smooth(values: np.ndarray, valid: np.ndarray, times: np.ndarray, smoothing: float) -> np.ndarray:
    """Filter each run of valid frames with a Gaussian, which causes no delay."""
    values = values.copy()
    interval = max(float(np.median(np.diff(times))), 1e-3)
    for run in runs(valid):
        values[run] = gaussian_filter1d(values[run], smoothing / interval, axis=0, mode="nearest")
    return values


def runs(flags: np.ndarray) -> list[slice]:
    """Return the runs of True in bool [n]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [slice(*pair) for pair in edges.reshape(-1, 2).tolist()]
