"""From a seed to a clip: its pictures one by one, and its truth.

A clip depends on the seed, its style, its dancer and the settings, never on which other clips are made.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING
from dance_tf.synthesis.body import dancer_name, make_dancer
from dance_tf.synthesis.camera import MARGIN, Finish, Finisher, framing_path, make_finish, take_snapshots
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.faults import FaultPlan, defocus
from dance_tf.synthesis.figure import Figure, Snapshot
from dance_tf.synthesis.performance import perform
from dance_tf.synthesis.scene import draw_room, make_room
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.truth import ClipTruth


def clip_id(style_index: int, dancer_index: int) -> str:
    """Unique name of a clip: "Tok/Tok_d01"."""
    abbreviation = STYLES[style_index].abbreviation
    return f"{abbreviation}/{abbreviation}_{dancer_name(dancer_index)}"


@dataclass(frozen=True)
class RenderedClip:
    """One made-up clip. Its pictures are drawn when `frames` is walked, so that a long clip takes no more memory.

    Attributes:
        clip_id: unique name.
        truth: what is in it.
        timestamps: float64 [n], seconds.
        settings: it was made with.
        take: what is drawn.
    """

    clip_id: str
    truth: ClipTruth
    timestamps: np.ndarray
    settings: StudioSettings
    take: "Take"

    def frames(self) -> Iterator[np.ndarray]:
        """The pictures one by one, uint8 [height, width, 3], RGB; each walk gives the same bytes."""
        return self.take.frames()


@dataclass(frozen=True)
class Take:
    """Everything that decides the pictures of a clip, before any is drawn.

    Attributes:
        seeds: of the noise. width, height: pixels. maps: float64 [n, 2, 3], from the room's picture to each frame.
        snapshots: of the dancer, per frame. figure: the dancer dressed. finish, plan: how frames are finished
            and spoilt. room: seed, dancer and difficulty that give the room.
    """

    seeds: tuple[int, ...]
    width: int
    height: int
    maps: np.ndarray
    snapshots: list[Snapshot]
    figure: Figure
    finish: Finish
    plan: FaultPlan
    room: tuple[int, int, float]

    def frames(self) -> Iterator[np.ndarray]:
        """Draw every frame, uint8 [height, width, 3], RGB."""
        rng = np.random.default_rng(self.seeds)
        finisher = Finisher(self.finish, self.width, self.height)
        still = self.still
        reasons = _reasons(self.plan, len(self.maps))
        background = None
        for index, reason in enumerate(reasons):
            if reason == BLANK:
                frame = np.empty((self.height, self.width, 3), np.uint8)
                frame[:] = self.plan.blank_colour
                yield finisher.add_noise(frame, rng)
                continue
            if background is None or not still:
                background = self._background(index)
            frame = background
            if not (reason == NO_DANCING and self.plan.absent):
                frame = self._with_dancer(background, self.snapshots[index])
            frame = finisher.grade(frame)
            if reason == BLURRED:
                frame = defocus(frame, self.plan)
            # an app lays its caption over a sharp and a blurred picture alike
            yield finisher.add_noise(finisher.decorate(frame), rng)

    @property
    def still(self) -> bool:
        """Whether the camera stands still throughout."""
        return bool((self.maps == self.maps[0]).all())

    def plate(self, index: int = 0) -> np.ndarray:
        """Frame `index` as it would be with nobody in it and without noise: a clean plate, uint8 [height, width, 3]."""
        finisher = Finisher(self.finish, self.width, self.height)
        return finisher.decorate(finisher.grade(self._background(index)))

    def _background(self, index: int) -> np.ndarray:
        margin = np.array([round(self.width * MARGIN), round(self.height * MARGIN)], np.float64)
        size = (self.width, self.height)
        affine = self.maps[index].copy()
        affine[:, 2] -= affine[:, :2] @ margin
        picture = _room_picture(*self.room, *size)
        return cv2.warpAffine(picture, affine, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _with_dancer(self, background: np.ndarray, seen: Snapshot) -> np.ndarray:
        """The background with the dancer painted on; only the part around the dancer is touched."""
        reach = 0.16 * self.figure.body.height * float(seen.scale.mean())
        low = np.minimum(seen.points[:, :2].min(axis=0), seen.shadows.min(axis=0)) - reach * np.array([2.8, 1.0])
        high = np.maximum(seen.points[:, :2].max(axis=0), seen.shadows.max(axis=0)) + reach * np.array([2.8, 1.0])
        x0, y0 = np.clip(low, 0, [self.width, self.height]).astype(int)
        x1, y1 = np.clip(high + 1, 0, [self.width, self.height]).astype(int)
        frame = background.copy()
        if x1 <= x0 or y1 <= y0:
            return frame
        part = frame[y0:y1, x0:x1].transpose(2, 0, 1).astype(np.float32, order="C")
        offset = np.array([x0, y0, 0.0])
        moved = Snapshot(
            seen.points - offset, seen.scale, seen.shadows - offset[:2], seen.pelvis, seen.chest, seen.head
        )
        self.figure.paint(part, moved)
        frame[y0:y1, x0:x1] = np.minimum(part, 255.0).transpose(1, 2, 0)
        return frame


@lru_cache(maxsize=2)
def _room_picture(seed: int, dancer_index: int, difficulty: float, width: int, height: int) -> np.ndarray:
    """A dancer's room drawn once for all clips that follow each other; read only."""
    picture = draw_room(make_room(seed, dancer_index, difficulty), width, height)
    picture.setflags(write=False)
    return picture


def _reasons(plan: FaultPlan, frames: int) -> list[str]:
    found = [""] * frames
    for first, last, reason in plan.faults:
        found[first : last + 1] = [reason] * (last + 1 - first)
    return found


def planned_frames(style_index: int, dancer_index: int, settings: StudioSettings) -> tuple[FaultPlan, int]:
    """The faults of a clip and how many frames it has in all, known before anything is drawn."""
    return settings.plan((settings.seed, style_index, dancer_index, 34), style_index, dancer_index)


def render_clip(style_index: int, dancer_index: int, settings: StudioSettings) -> RenderedClip:
    """One clip of one dancer dancing one style.

    Args:
        style_index: into `STYLES`.
        dancer_index: from 0; any number, whatever `settings.dancers` says.
        settings: how clips are made.
    """
    style = STYLES[style_index]
    seeds = (settings.seed, style_index, dancer_index)
    # one stream for each thing, so that a change to one leaves the others as they were
    camera_rng, dance_rng, finish_rng = (np.random.default_rng([*seeds, stream]) for stream in (31, 32, 33))
    plan, frames = planned_frames(style_index, dancer_index, settings)
    timestamps = np.arange(frames) / settings.frame_rate
    dancer = make_dancer(settings.seed, dancer_index, settings.difficulty)
    room = make_room(settings.seed, dancer_index, settings.difficulty)
    spans = {
        reason: tuple((timestamps[fault.first], timestamps[fault.last]) for fault in plan.spans(reason))
        for reason in (BLANK, BLURRED, NO_DANCING)
    }
    still, hidden = spans[NO_DANCING], spans[BLANK] + spans[BLURRED]
    if plan.absent:
        still, hidden = (), hidden + still
    danced = perform(dance_rng, style, dancer, timestamps, still, hidden, settings.difficulty)
    moves = bool(camera_rng.random() < 0.1 + 0.3 * settings.difficulty)
    size = (settings.width, settings.height)
    maps = framing_path(camera_rng, timestamps, *size, moves, settings.difficulty)
    truth = ClipTruth(
        style=style.name,
        dancer=dancer.name,
        skill=round(dancer.skill, 4),
        frames=frames,
        frame_rate=settings.frame_rate,
        faults=plan.faults,
        mistakes=danced.mistakes,
        beats=danced.beats,
        phase=round(danced.phase, 4),
        camera_moves=moves,
    )
    take = Take(
        seeds=(*seeds, 41),
        width=settings.width,
        height=settings.height,
        maps=maps,
        snapshots=take_snapshots(danced.motion, room.camera, maps, *size),
        figure=Figure(dancer.body, dancer.outfit, room.light),
        finish=make_finish(finish_rng, settings.difficulty),
        plan=plan,
        room=(settings.seed, dancer_index, settings.difficulty),
    )
    return RenderedClip(clip_id(style_index, dancer_index), truth, timestamps, settings, take)
