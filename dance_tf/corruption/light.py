"""What light does to a clip: too little of it, a window behind the dancer, shadows that walk by.

The effects have the signature that `degrade_camera` describes.
"""

import cv2
import numpy as np

from dance_tf.corruption.camera import WholeClip

WORKING_SIDE = 128  # silhouettes are found at this short side: finer contours vanish at the network's 128 pixels anyway
ROOM_SAMPLES = 15  # frames, spread over the clip, whose median is the still room
LEAST_MOVING = 0.005  # share of the picture; below it there is nobody to find
MOST_MOVING = 0.5  # when more than this share of the picture moves, the camera does, and no silhouette can be told
CHEST = 2  # fifths of the picture's height and width that a still chest may take between parts that move
MOVED = (10, 24)  # gray levels off the room from which on a pixel begins to be, and wholly is, the dancer's
GAP = 8  # gaps up to one part in so many of the short side are closed all around
LAMP_ANGLE = (-0.85, -0.15)  # half turns from the right: from above, as rows grow downwards
LAMP_DISTANCE = 0.4  # picture sides from the middle
LAMP_SPREAD = 0.35  # picture widths over which its disc fades
LAMP_DISC, LAMP_RAMP = 0.65, 0.55  # how strong the disc is, and the light that falls off across the picture
LAMP_SLOPE = 0.7  # of that light, a picture side
SHADOW_ALONG = (0.25, 0.75)  # heights from the top that the middle of a shadow is at
SHADOW_PACE = (0.08, 0.3)  # picture widths a second, either way
SHADOW_BREADTH, SHADOW_REACH = (0.10, 0.2), (0.4, 0.75)  # half axes of the ellipse, short sides
SHADOW_TILT = 25.0  # degrees that it may lean, either way
SHADOW_SWAY, SHADOW_GAIT = (3.0, 9.0), 4.0  # degrees that it rocks as it goes, radians a second
SHADOW_EDGE = 0.035  # softness of its edge, standard deviation as a share of the short side
SHADOW_SIDE = 64  # shadows have soft edges, so they are painted small and enlarged


def dim(frames: np.ndarray, seconds: np.ndarray, generator: np.random.Generator, *, brightness: float) -> np.ndarray:
    """Every gray level times a constant ("reduced brightness, 30 % of standard light").

    The paper does not say whether 30 % is of light or of gray levels. Ours is of gray levels, the harsher reading: 30 %
    of the light would leave 58 % of the gray level on a display of gamma 2.2.
    """
    table = np.rint(np.arange(256) * brightness).astype(np.uint8)
    return cv2.LUT(frames.reshape(len(frames), -1), table).reshape(frames.shape) if frames.size else frames.copy()


def _working_size(height: int, width: int, side: int) -> tuple[int, int]:
    scale = min(1.0, side / min(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def _enlarge(mask: np.ndarray, height: int, width: int) -> np.ndarray:
    return cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR).reshape(height, width)


def sample_places(count: int) -> np.ndarray:
    """Which frames of a clip its still room is told from: up to 15 places int64, evenly spread."""
    return np.linspace(0, count - 1, min(count, ROOM_SAMPLES)).astype(int)


def silhouettes(frames: np.ndarray, samples: np.ndarray | None = None) -> np.ndarray | None:
    """Where the dancer is, from the difference to the still room (the median of frames spread over the clip).

    Args:
        frames: uint8 [n, h, w].
        samples: uint8 [k, h, w], the clip's frames at `sample_places`, where `frames` are only some of its frames. The
            room is then told from them, and from them also whether there is a dancer, so that it does not hang on which
            frames are asked for.

    Returns:
        float32 [n, h', w'], 0..1, at a short side of at most 128; None where it cannot be told: fewer than three
        frames, nothing moves, or the camera does.
    """
    given = frames if samples is None else samples
    if len(given) < 3:
        return None
    size = _working_size(*frames.shape[1:], WORKING_SIDE)
    small, spread = _shrunk(frames, size), None if samples is None else _shrunk(samples, size)
    sample = small[sample_places(len(small))] if spread is None else spread
    room = np.median(sample, axis=0).astype(np.uint8)
    masks = _moving(small, room)
    over_clip = masks if spread is None else _moving(spread, room)
    return masks if LEAST_MOVING < over_clip.mean() < MOST_MOVING else None


def _shrunk(frames: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """uint8 [n, h', w'] of `size` (w', h')."""
    small = np.empty((len(frames), size[1], size[0]), np.uint8)
    for i, frame in enumerate(frames):
        small[i] = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return small


def _moving(small: np.ndarray, room: np.ndarray) -> np.ndarray:
    """What differs from the room, specks taken out and gaps closed: float32 [n, h', w'], 0..1."""
    size = small.shape[:0:-1]
    ramp = np.clip((np.arange(256) - MOVED[0]) * (255 / (MOVED[1] - MOVED[0])), 0, 255).astype(np.uint8)
    # specks and thin lines go; gaps are closed all around, and wider ones where the mask is above, below and on both
    # sides: a chest that keeps still lies so, what is under a raised arm does not
    speck = cv2.getStructuringElement(cv2.MORPH_RECT, (min(3, size[0]), min(3, size[1])))
    gap = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(1, min(size) // GAP) | 1,) * 2)
    upright, across = (cv2.getStructuringElement(cv2.MORPH_RECT, span) for span in _chest(size))
    masks = np.empty(small.shape, np.float32)
    for i, frame in enumerate(small):
        moved = cv2.LUT(cv2.blur(cv2.absdiff(frame, room), (3, 3)), ramp)
        moved = cv2.morphologyEx(cv2.morphologyEx(moved, cv2.MORPH_OPEN, speck), cv2.MORPH_CLOSE, gap)
        # closing runs on to the picture's edge; nothing is filled that has not the mask all around
        column, row = (cv2.morphologyEx(moved, cv2.MORPH_CLOSE, way) for way in (upright, across))
        moved = np.minimum.reduce([column, row, _between(moved, 0), _between(moved, 1)])
        np.multiply(cv2.blur(moved, (3, 3)), np.float32(1 / 255), out=masks[i])
    return masks


def _chest(size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """How far apart head and legs, and the two sides of a chest, may be: two fifths of the picture (w', h')."""
    return (1, max(1, CHEST * size[1] // 5) | 1), (max(1, CHEST * size[0] // 5) | 1, 1)


def _between(mask: np.ndarray, axis: int) -> np.ndarray:
    """At each pixel, the lesser of what is highest before it and after it along an axis."""
    return np.minimum(
        np.maximum.accumulate(mask, axis), np.flip(np.maximum.accumulate(np.flip(mask, axis), axis), axis)
    )


def light_behind(height: int, width: int, generator: np.random.Generator) -> np.ndarray:
    """The directional mask: a bright lamp or window above or beside the dancer, fading away from it.

    Returns:
        float32 [h, w], 0..1.
    """
    angle = np.pi * generator.uniform(*LAMP_ANGLE)
    towards = np.array([np.cos(angle), np.sin(angle)])
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = (x + 0.5) / width - 0.5, (y + 0.5) / height - 0.5
    ramp = 0.5 + LAMP_SLOPE * (x * towards[0] + y * towards[1])
    distance = np.hypot(x - LAMP_DISTANCE * towards[0], (y - LAMP_DISTANCE * towards[1]) * height / width)
    return np.clip(LAMP_RAMP * ramp + LAMP_DISC * np.exp(-((distance / LAMP_SPREAD) ** 2)), 0, 1).astype(np.float32)


def light_from_behind(
    frames: np.ndarray,
    seconds: np.ndarray,
    generator: np.random.Generator,
    *,
    gamma: float,
    fill: float,
    glow: float,
    one_clip: bool = True,
    clip: WholeClip | None = None,
) -> np.ndarray:
    """Strong light behind the dancer: the room burns out towards the lamp, the dancer turns to a silhouette.

    Section 4: "adjusting the gamma correction curve and inserting directional light masks". The dancer, found by motion
    (`silhouettes`), takes the whole gamma and none of the light; the room takes its root, as the camera's exposure
    follows the lamp, and the directional light on top. Where no dancer can be told, all that the lamp leaves unlit
    counts as foreground.

    Args:
        gamma: exponent on the dancer's gray levels of 0..1; above 1 darkens.
        fill: 0..1, how much of the light from the front is left to the dancer.
        glow: 0..1, how far the room is pulled to white where the lamp is brightest.
        one_clip: False where the frames are strangers to each other, so that no motion can be told.
        clip: where `frames` are only some of a clip's.
    """
    height, width = frames.shape[1:]
    lamp = light_behind(height, width, generator)
    kept, added = 1 - glow * lamp, 255 * glow * lamp + np.float32(0.5)
    grays = np.arange(256) / 255
    dark, dimmed = (np.rint(255 * curve).astype(np.uint8) for curve in (fill * grays**gamma, grays ** (gamma**0.5)))
    masks = silhouettes(frames, None if clip is None else clip.samples) if one_clip else None
    unlit = 1 - lamp
    lit = np.empty_like(frames)
    room, dancer = np.empty((2, height, width), np.float32)
    for i, frame in enumerate(frames):
        np.multiply(cv2.LUT(frame, dimmed).reshape(height, width), kept, out=room)
        room += added
        np.subtract(cv2.LUT(frame, dark).reshape(height, width), room, out=dancer)
        dancer *= unlit if masks is None else _enlarge(masks[i], height, width)
        room += dancer
        lit[i] = room
    return lit


def cast_moving_shadows(
    frames: np.ndarray, seconds: np.ndarray, generator: np.random.Generator, *, depth: float, shadows: float
) -> np.ndarray:
    """Soft shadows of passers-by that cross the picture, each at its own pace, swaying as it goes.

    Args:
        depth: 0..1, the part of the light that is lost in the middle of a shadow.
        shadows: how many pass (rounded; at least one).
    """
    height, width = frames.shape[1:]
    size = _working_size(height, width, SHADOW_SIDE)
    side, number = min(size), max(1, round(shadows))
    start, along = generator.uniform(0, 1, number), generator.uniform(*SHADOW_ALONG, number)
    pace = generator.uniform(*SHADOW_PACE, number) * generator.choice([-1.0, 1.0], number)
    breadth, reach = generator.uniform(*SHADOW_BREADTH, number), generator.uniform(*SHADOW_REACH, number)
    tilt, sway = generator.uniform(-SHADOW_TILT, SHADOW_TILT, number), generator.uniform(*SHADOW_SWAY, number)
    phase = generator.uniform(0, 6.28, number)
    penumbra = max(0.1, SHADOW_EDGE * side)
    shaded = np.empty_like(frames)
    for i, second in enumerate(np.asarray(seconds, np.float64)):
        light = np.ones((size[1], size[0]), np.float32)
        # the passers' road is wider than the picture by the breadth of a shadow on both sides, so that none pops up
        x = (-0.4 + 1.8 * ((start + pace * second / 1.8) % 1.0)) * size[0]
        turn = tilt + sway * np.sin(SHADOW_GAIT * second + phase)
        for k in range(number):
            centre = (round(x[k] * 16), round(along[k] * size[1] * 16))
            axes = (max(1, round(breadth[k] * side * 16)), max(1, round(reach[k] * side * 16)))
            cv2.ellipse(light, centre, axes, turn[k], 0, 360, 1 - depth, -1, cv2.LINE_8, 4)
        light = _enlarge(cv2.GaussianBlur(light, (0, 0), penumbra), height, width)
        shaded[i] = frames[i] * light + np.float32(0.5)
    return shaded
