"""Follow the people of a clip, choose the dancer, and clean the dancer's skeletons."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice

import numpy as np
from scipy.ndimage import gaussian_filter1d

from dance_tf.pose.blazepose import BlazePose, Pose, Region, RegionFilter
from dance_tf.pose.skeleton import LANDMARK, OTHER_SIDE, SIDES, Skeletons

MOST_PEOPLE = 3  # followed at a time
SEARCH_SECONDS = 1.0  # between two searches for further people; for as long, someone lost is searched in each frame
SAME_PLACE = 0.15  # people whose middles are nearer than this share of their region are one person
STILL, LIVELY = 0.1, 0.5  # movement in torsos a frame: what a still person counts, and where more counts no more
CENTRAL = 0.35  # distance from the middle, in longer sides of the picture, at which a person counts 1/e
NEAR = 0.5  # where several people are seen, one found again is no further away than this share of the region
LONGEST_GAP = 0.5  # seconds between two poses that are interpolated
SMOOTHING = 0.035  # seconds, deviation of the Gaussian: a frame at 30 a second; at 10, more makes poses less exact
NEIGHBOURS = 5  # frames before and after, with which a frame is compared to find swaps
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
    steady: RegionFilter = field(default_factory=RegionFilter)

    def join(self, others: list["Person"], frame: int, pose: Pose | None) -> bool:
        """Store the pose of a frame and return True, if there is one and none of `others` is in its place."""
        if pose is None:
            return False
        region = self.steady.next_region(pose)
        if any(_same_place(region, other.places[frame]) for other in others):
            return False
        self.landmarks[frame], self.world[frame], self.places[frame] = pose.landmarks, pose.world, region
        others.append(self)
        return True


def follow_people(frames: Iterable[tuple[float, np.ndarray]], blazepose: BlazePose) -> tuple[np.ndarray, list[Person]]:
    """Follow up to `MOST_PEOPLE` people at a time; a person who is lost and found again counts as another one.

    Args:
        frames: (seconds, uint8 [h, w, 3], RGB), all of one size.

    Returns:
        The times float64 [n], and the people in the order in which they were found.
    """
    times: list[float] = []
    everyone: list[Person] = []
    present: list[Person] = []
    searched = lost = -np.inf
    for number, (time, frame) in enumerate(frames):
        times.append(time)
        before, present = present, []
        for person in before:
            person.join(present, number, blazepose.pose(frame, person.places[number - 1]))
        lost = time if len(present) < len(before) else lost
        if present and time - searched < SEARCH_SECONDS < time - lost:
            continue
        searched = time
        for region in blazepose.detect(frame):
            if len(present) < MOST_PEOPLE and not any(_same_place(region, one.places[number]) for one in present):
                person = Person()
                if person.join(present, number, blazepose.pose(frame, region)):
                    everyone.append(person)
    return np.array(times, np.float64), everyone


def _same_place(one: Region, two: Region) -> bool:
    return bool(np.hypot(one.x - two.x, one.y - two.y) < SAME_PLACE * max(one.side, two.side))


def choose_dancer(people: list[Person], height: int, width: int) -> Person:
    """Return the person who is large, central and moves, joined with the same person found again.

    A person is the dancer found again if the two are never seen at the same time and have about the same size. If the
    clip ever shows two people at a time, they must also be near each other where one ends and the other begins.

    Args:
        people: of `follow_people`.
        height, width: of the frames, pixels.
    """

    def weight(person: Person) -> float:
        size = np.array([min(place.side / max(height, width), 1.0) for place in person.places.values()])
        away = [np.hypot(place.x - width / 2, place.y - height / 2) for place in person.places.values()]
        central = np.exp(-((np.array(away) / max(height, width) / CENTRAL) ** 2))
        return float((size * central).sum() * (STILL + min(_movement(person), LIVELY)))

    dancer, *others = sorted(people, key=weight, reverse=True) or [Person()]
    dancer = Person(dict(dancer.landmarks), dict(dancer.world), dict(dancer.places))
    seen = [frame for person in people for frame in person.places]
    near = NEAR if len(set(seen)) < len(seen) else np.inf
    while again := next(filter(partial(_is_again, dancer, np.array(list(dancer.places)), near), others), None):
        others.remove(again)
        for name in ("landmarks", "world", "places"):
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


def track_dancer(
    frames: Iterable[tuple[float, np.ndarray]], blazepose: BlazePose, smoothing: float = SMOOTHING
) -> Skeletons:
    """Return the skeletons of the dancer of a clip.

    Args:
        frames: (seconds, uint8 [h, w, 3], RGB), all of one size.
        smoothing: see `clean`.
    """
    frames = iter(frames)
    first = list(islice(frames, 1))
    height, width = first[0][1].shape[:2] if first else (1, 1)
    times, people = follow_people(chain(first, frames), blazepose)
    dancer = choose_dancer(people, height, width)
    landmarks, world = np.zeros((len(times), 33, 4)), np.zeros((len(times), 33, 3))
    for number, points in dancer.landmarks.items():
        landmarks[number] = points[:, :4] - [width / 2, height / 2, 0, 0]
        world[number] = dancer.world[number]
    landmarks[..., :3] /= max(height, width)
    found = np.isin(np.arange(len(times)), list(dancer.landmarks))
    return clean(landmarks, world, found, times, smoothing)


def clean(
    landmarks: np.ndarray, world: np.ndarray, found: np.ndarray, times: np.ndarray, smoothing: float = SMOOTHING
) -> Skeletons:
    """Undo swaps of left and right, interpolate short gaps, and smooth.

    Args:
        landmarks: float [n, 33, 4], as in `Skeletons`.
        world: float [n, 33, 3], as in `Skeletons`.
        found: bool [n], frames in which there is a pose.
        times: float64 [n], seconds.
        smoothing: seconds, standard deviation of the filter over time; 0 for none.
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

    Args:
        values: float [n, 33, k], x and y first.
        found: bool [n].
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
    """Interpolate linearly over time between two poses at most `LONGEST_GAP` apart.

    Args:
        values: float [n, 33, k].
        found: bool [n].
        times: float64 [n], seconds.

    Returns:
        The values, and bool [n], whether a frame has any.
    """
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


def smooth(values: np.ndarray, valid: np.ndarray, times: np.ndarray, deviation: float) -> np.ndarray:
    """Filter each run of valid frames with a Gaussian, which causes no delay.

    Args:
        values: float [n, 33, k].
        valid: bool [n].
        times: float64 [n], seconds, about evenly spaced.
        deviation: standard deviation of the Gaussian, seconds.
    """
    values = values.copy()
    interval = max(float(np.median(np.diff(times))), 1e-3)
    for run in runs(valid):
        values[run] = gaussian_filter1d(values[run], deviation / interval, axis=0, mode="nearest")
    return values


def runs(flags: np.ndarray) -> list[slice]:
    """Return the runs of True in bool [n]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [slice(*pair) for pair in edges.reshape(-1, 2).tolist()]
