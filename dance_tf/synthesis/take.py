"""Render a clip from a seed: its frames and its truth.

A clip depends on the seed, its style, its dancer and the settings, not on the other clips of the set. A clip of
captured motion depends on the seed, its name, the name of its performer, the settings, and its file.
"""

import zlib
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING
from dance_tf.synthesis.body import Body, Motion, Outfit, dancer_name, make_dancer
from dance_tf.synthesis.camera import MARGIN, Finisher, framing_path, keep_in_view, make_finish, take_snapshots
from dance_tf.synthesis.choreography import STYLES
from dance_tf.synthesis.figure import Figure, Snapshot
from dance_tf.synthesis.motion_capture import CapturedMotion, face_camera
from dance_tf.synthesis.motion_file import MotionError
from dance_tf.synthesis.music import play
from dance_tf.synthesis.performance import pauses, perform
from dance_tf.synthesis.scene import Room, draw_room, make_room
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.truth import ClipTruth, FaultPlan, defocus, plan_faults
from dance_tf.video.catalog import Clip

SHORTEST, FASTEST = 0.5, 100.0  # seconds of captured motion; metres per second of a joint
LEAST_SIZE = 0.45  # height of a performer, as a share of the frame's, below which the way is turned to the camera
RIM = 0.09  # of a body's height, from the joints to the outline of head, hands and feet


def clip_id(style_index: int, dancer_index: int) -> str:
    """Return the unique name of a clip, such as "Tok/Tok_d01"."""
    abbreviation = STYLES[style_index].abbreviation
    return f"{abbreviation}/{abbreviation}_{dancer_name(dancer_index)}"


def name_number(name: str) -> int:
    """Return a number of 32 bits that depends on a name only, for random numbers."""
    return zlib.crc32(name.encode("utf-8", "surrogatepass"))


class DrawnClip:
    """One clip of a dancer in a room: everything but the motion.

    Attributes:
        settings, stream: of the set; the numbers that, with its seed, give the random numbers of this clip.
        plan: the `FaultPlan` with the appearance of the faults.
        timestamps: float64 [n], seconds.
        camera_moves: whether the camera shakes or zooms.
        maps: float64 [n, 2, 3], affine, from the picture of the room to each frame.
        finish: colour grading, captions and noise.
        truth: the `ClipTruth`; this and the next are set by each kind of clip.
        motion, snapshots: the dancer in metres, and in each frame.
        room, figure: the room and the dressed dancer.
    """

    truth: ClipTruth
    motion: Motion
    snapshots: list[Snapshot]
    room: Room
    figure: Figure

    def __init__(self, settings: StudioSettings, stream: tuple[int, ...], plan: FaultPlan, frames: int):
        self.settings, self.stream, self.plan = settings, stream, plan
        self.timestamps = np.arange(frames) / settings.frame_rate
        # one stream per subject, so that a change to one leaves the others as they are
        camera_rng, finish_rng = (self._random(number) for number in (31, 33))
        self.camera_moves = bool(camera_rng.random() < 0.1 + 0.3 * settings.difficulty)
        size = (settings.width, settings.height)
        self.maps = framing_path(camera_rng, self.timestamps, *size, self.camera_moves, settings.difficulty)
        self.finish = make_finish(finish_rng, settings.difficulty)

    def _random(self, number: int) -> np.random.Generator:
        return np.random.default_rng((self.settings.seed, *self.stream, number))

    def _pauses(self) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
        """Return the seconds in which the dancer stands, and those of other faults."""
        still, hidden = [], []
        for first, last, reason in self.plan.faults:
            stands = reason == NO_DANCING and not self.plan.absent
            (still if stands else hidden).append((self.timestamps[first], self.timestamps[last]))
        return still, hidden

    def _film(self, motion: Motion, room: Room, body: Body, outfit: Outfit) -> None:
        self.motion, self.room, self.figure = motion, room, Figure(body, outfit, room.light)
        self.snapshots = take_snapshots(motion, room.camera, self.maps, self.settings.width, self.settings.height)

    def frames(self) -> Iterator[np.ndarray]:
        """Yield each frame, uint8 [height, width, 3], RGB; every iteration gives the same bytes."""
        rng = self._random(41)
        width, height = self.settings.width, self.settings.height
        finisher = Finisher(self.finish, width, height)
        background = None
        for index, reason in enumerate(self.truth.reasons()):
            if reason == BLANK:
                yield finisher.add_noise(np.full((height, width, 3), self.plan.blank_colour, np.uint8), rng)
                continue
            if background is None or self.camera_moves:
                background = self._background(index)
            frame = background
            if not (reason == NO_DANCING and self.plan.absent):
                frame = self._with_dancer(background, self.snapshots[index])
            frame = finisher.grade(frame)
            if reason == BLURRED:
                frame = defocus(frame, self.plan)
            # an app draws its caption over a blurred picture too
            yield finisher.add_noise(finisher.decorate(frame), rng)

    def sound(self) -> np.ndarray:
        """Return the song that is danced to, int16 [n], mono, `video.sound.SAMPLE_RATE` a second; empty without one."""
        return np.zeros(0, np.int16)

    def plate(self) -> np.ndarray:
        """Return the clean plate, the first frame without dancer and noise: uint8 [height, width, 3]."""
        finisher = Finisher(self.finish, self.settings.width, self.settings.height)
        return finisher.decorate(finisher.grade(self._background(0)))

    def _background(self, index: int) -> np.ndarray:
        size = (self.settings.width, self.settings.height)
        margin = np.array([round(side * MARGIN) for side in size], np.float64)
        affine = self.maps[index].copy()
        affine[:, 2] -= affine[:, :2] @ margin
        picture = _room_picture(self.room, *size)
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


class RenderedClip(DrawnClip):
    """One made-up clip, of a dancer from 0 (perhaps above `settings.dancers`) in a style of `STYLES`.

    Attributes:
        style: of the dance.
        danced: the `Performance`, with its deviation from a perfect one.
    """

    def __init__(self, style_index: int, dancer_index: int, settings: StudioSettings):
        plan, frames = planned_frames(style_index, dancer_index, settings)
        super().__init__(settings, (style_index, dancer_index), plan, frames)
        style, difficulty = STYLES[style_index], settings.difficulty
        dancer, room = (make(settings.seed, dancer_index, difficulty) for make in (make_dancer, make_room))
        self.danced = danced = perform(self._random(32), style, dancer, self.timestamps, *self._pauses(), difficulty)
        skill, phase, beats = round(dancer.skill, 4), round(danced.phase, 4), danced.beats
        found = (frames, settings.frame_rate, plan.faults, danced.mistakes, beats, phase, self.camera_moves)
        self.truth = ClipTruth(style.name, dancer.name, skill, *found)
        self._film(danced.motion, room, dancer.body, dancer.outfit)
        self.style = style

    def sound(self) -> np.ndarray:
        """See `DrawnClip.sound`."""
        return play(self.style, self.danced.phase, self.danced.beat, self.truth.frames / self.truth.frame_rate)


class CapturedClip(DrawnClip):
    """A captured performance, danced by a made-up person in a made-up room.

    The clip is as long as the captured part, at most `settings.seconds`. Where a fault lets the dancer stand, the
    motion stops and goes on afterwards.

    Args:
        clip: labels, name, and the part of the file.
        captured: the content of its file.

    Raises:
        MotionError: the part is shorter than `SHORTEST`, or a joint moves faster than `FASTEST`.
    """

    def __init__(self, clip: Clip, captured: CapturedMotion, settings: StudioSettings):
        whole = min(captured.seconds, np.inf if clip.end is None else clip.end) - clip.start
        if whole < SHORTEST:
            raise MotionError(f"{max(whole, 0):.2g} s of motion; a clip needs at least {SHORTEST} s")
        frames = max(1, round(min(whole, settings.seconds) * settings.frame_rate))
        stream = (name_number(clip.clip_id),)
        plan = plan_faults(np.random.default_rng((settings.seed, *stream, 34)), frames, settings.frame_rate)
        super().__init__(settings, stream, plan if settings.faults else replace(plan, faults=()), frames)
        self.whole = float(whole)
        # a performer has the same body and clothes in all clips, an unknown one in this clip only
        dancer = make_dancer(settings.seed, name_number(clip.dancer or clip.clip_id), settings.difficulty)
        body, size = captured.body(dancer.body), (settings.width, settings.height)
        _, danced = pauses(self.timestamps, self._pauses()[0])
        widest = 0.9 * body.height / LEAST_SIZE * settings.width / settings.height
        motion = face_camera(captured.at(clip.start + danced), widest)
        speeds = np.linalg.norm(np.diff(motion.joints, axis=0), axis=2).max(axis=1, initial=0) * settings.frame_rate
        if speeds.max(initial=0) > FASTEST:
            when = clip.start + danced[int(np.argmax(speeds))]
            raise MotionError(f"jumps at {when:.2f} s; start and end in manifest.csv can name a part without the jump")
        half_width, _, half_depth = np.abs(motion.joints).max(axis=(0, 1))
        room = make_room(settings.seed, *stream, settings.difficulty, (float(half_width), float(half_depth)))
        room = replace(room, camera=keep_in_view(room.camera, motion, RIM * body.height, self.maps, *size))
        found = (frames, settings.frame_rate, self.plan.faults, (), (), 0.0, self.camera_moves)
        self.truth = ClipTruth(clip.style, clip.dancer, None, *found)
        self._film(motion, room, body, dancer.outfit)


@lru_cache(maxsize=2)
def _room_picture(room: Room, width: int, height: int) -> np.ndarray:
    """Return the picture of a room, drawn once for all consecutive clips; read only."""
    picture = draw_room(room, width, height)
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
