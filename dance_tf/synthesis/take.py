"""Render a clip from a seed: its frames and its truth.

A clip depends on the seed, its style, its dancer and the settings, not on the other clips of the set.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING
from dance_tf.synthesis.body import dancer_name, make_dancer
from dance_tf.synthesis.camera import MARGIN, Finisher, framing_path, make_finish, take_snapshots
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.figure import Figure, Snapshot
from dance_tf.synthesis.performance import perform
from dance_tf.synthesis.scene import draw_room, make_room
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.truth import ClipTruth, FaultPlan, defocus, plan_faults


def clip_id(style_index: int, dancer_index: int) -> str:
    """Return the unique name of a clip, such as "Tok/Tok_d01"."""
    abbreviation = STYLES[style_index].abbreviation
    return f"{abbreviation}/{abbreviation}_{dancer_name(dancer_index)}"


class RenderedClip:
    """One made-up clip, of a dancer from 0 (perhaps above `settings.dancers`) in a style of `STYLES`.

    Attributes:
        settings, indices: of the set; of style and dancer.
        truth, plan: the `ClipTruth`, and the `FaultPlan` with the appearance of the faults.
        timestamps: float64 [n], seconds.
        maps: float64 [n, 2, 3], affine, from the picture of the room to each frame.
        snapshots: the dancer in each frame.
        figure, finish: the dressed dancer; colour grading, captions and noise.
    """

    def __init__(self, style_index: int, dancer_index: int, settings: StudioSettings):
        self.settings, self.indices = settings, (style_index, dancer_index)
        style, seed, difficulty = STYLES[style_index], settings.seed, settings.difficulty
        # one stream per subject, so that a change to one leaves the others as they are
        camera_rng, dance_rng, finish_rng = (np.random.default_rng([seed, *self.indices, n]) for n in (31, 32, 33))
        self.plan, frames = planned_frames(style_index, dancer_index, settings)
        self.timestamps = np.arange(frames) / settings.frame_rate
        dancer, room = (make(seed, dancer_index, difficulty) for make in (make_dancer, make_room))
        still, hidden = [], []
        for first, last, reason in self.plan.faults:
            stands = reason == NO_DANCING and not self.plan.absent
            (still if stands else hidden).append((self.timestamps[first], self.timestamps[last]))
        danced = perform(dance_rng, style, dancer, self.timestamps, still, hidden, difficulty)
        moves = bool(camera_rng.random() < 0.1 + 0.3 * difficulty)
        size = (settings.width, settings.height)
        self.maps = framing_path(camera_rng, self.timestamps, *size, moves, difficulty)
        skill, phase, beats = round(dancer.skill, 4), round(danced.phase, 4), danced.beats
        length, faults = (frames, settings.frame_rate), self.plan.faults
        self.truth = ClipTruth(style.name, dancer.name, skill, *length, faults, danced.mistakes, beats, phase, moves)
        self.snapshots = take_snapshots(danced.motion, room.camera, self.maps, *size)
        self.figure = Figure(dancer.body, dancer.outfit, room.light)
        self.finish = make_finish(finish_rng, difficulty)

    def frames(self) -> Iterator[np.ndarray]:
        """Yield each frame, uint8 [height, width, 3], RGB; every iteration gives the same bytes."""
        rng = np.random.default_rng((self.settings.seed, *self.indices, 41))
        width, height = self.settings.width, self.settings.height
        finisher = Finisher(self.finish, width, height)
        background = None
        for index, reason in enumerate(self.truth.reasons()):
            if reason == BLANK:
                yield finisher.add_noise(np.full((height, width, 3), self.plan.blank_colour, np.uint8), rng)
                continue
            if background is None or self.truth.camera_moves:
                background = self._background(index)
            frame = background
            if not (reason == NO_DANCING and self.plan.absent):
                frame = self._with_dancer(background, self.snapshots[index])
            frame = finisher.grade(frame)
            if reason == BLURRED:
                frame = defocus(frame, self.plan)
            # an app draws its caption over a blurred picture too
            yield finisher.add_noise(finisher.decorate(frame), rng)

    def plate(self) -> np.ndarray:
        """Return the clean plate, the first frame without dancer and noise: uint8 [height, width, 3]."""
        finisher = Finisher(self.finish, self.settings.width, self.settings.height)
        return finisher.decorate(finisher.grade(self._background(0)))

    def _background(self, index: int) -> np.ndarray:
        size = (self.settings.width, self.settings.height)
        margin = np.array([round(side * MARGIN) for side in size], np.float64)
        affine = self.maps[index].copy()
        affine[:, 2] -= affine[:, :2] @ margin
        picture = _room_picture(self.settings.seed, self.indices[1], self.settings.difficulty, *size)
        return cv2.warpAffine(picture, affine, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _with_dancer(self, background: np.ndarray, shot: Snapshot) -> np.ndarray:
        """Return the background with the dancer; only the pixels around the dancer are processed."""
        reach = 0.16 * self.figure.body.height * float(shot.scale.mean())
        points, rim = np.concatenate([shot.points[:, :2], shot.shadows]), reach * np.array([2.8, 1.0])
        size = [self.settings.width, self.settings.height]
        x0, y0 = np.clip(points.min(axis=0) - rim, 0, size).astype(int)
        x1, y1 = np.clip(points.max(axis=0) + rim + 1, 0, size).astype(int)
        frame = background.copy()
        if x1 <= x0 or y1 <= y0:
            return frame
        part = frame[y0:y1, x0:x1].transpose(2, 0, 1).astype(np.float32, order="C")
        offset = np.array([x0, y0, 0.0])
        self.figure.paint(part, replace(shot, points=shot.points - offset, shadows=shot.shadows - offset[:2]))
        frame[y0:y1, x0:x1] = np.minimum(part, 255.0).transpose(1, 2, 0)
        return frame


@lru_cache(maxsize=2)
def _room_picture(seed: int, dancer_index: int, difficulty: float, width: int, height: int) -> np.ndarray:
    """Return the picture of a dancer's room, drawn once for all consecutive clips; read only."""
    picture = draw_room(make_room(seed, dancer_index, difficulty), width, height)
    picture.setflags(write=False)
    return picture


def planned_frames(style_index: int, dancer_index: int, settings: StudioSettings) -> tuple[FaultPlan, int]:
    """Return the faults of a clip and its total number of frames, without drawing anything."""

    def plan(frames: int) -> FaultPlan:
        rng = np.random.default_rng((settings.seed, style_index, dancer_index, 34))
        return plan_faults(rng, frames, settings.frame_rate)

    good = frames = round(settings.seconds * settings.frame_rate)
    if settings.good_frames:
        share, rest = divmod(settings.good_frames[style_index], settings.dancers)
        good = frames = share + (dancer_index < rest)
    elif settings.faults:
        return plan(frames), frames
    # the number of faulty frames grows with the length of the clip, but more slowly: a few rounds converge
    for _ in range(30 if settings.faults else 0):
        found = plan(frames)
        if frames - found.frames == good:
            return found, frames
        frames = good + found.frames
    return replace(plan(good), faults=()), good
