"""The 19 joints of a skeleton that networks and distances use: BlazePose's, with pelvis and neck, and without the face.

Left and right are kept apart: the mirror image of a style is not the style.
"""

import numpy as np

from dance_tf.pose.skeleton import LANDMARK, SIDES, Skeletons

WINDOW_SECONDS, LENGTH = 8.0, 64  # of a window: seconds, and even times in it
CHANNELS = 6  # of a joint: x and y in the picture; x, y and z in the world; visibility
PICTURE, WORLD = slice(0, 2), slice(2, 5)
LIMBS = {  # of one side, joint: the next one towards the middle of the hips
    "shoulder": "neck",
    "elbow": "shoulder",
    "wrist": "elbow",
    "index": "wrist",
    "hip": "pelvis",
    "knee": "hip",
    "ankle": "knee",
    "toe": "ankle",
}
PARENTS = {"pelvis": "pelvis", "neck": "pelvis", "nose": "neck"} | {
    f"{side}_{joint}": f"{side}_{parent}" if parent in LIMBS else parent
    for side in SIDES
    for joint, parent in LIMBS.items()
}
JOINTS = tuple(PARENTS)
PARENT = np.array([JOINTS.index(parent) for parent in PARENTS.values()])
MIDDLES = {"pelvis": "hip", "neck": "shoulder"}  # joints that BlazePose does not give, between two that it gives


def joint_features(landmarks: np.ndarray, world: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """Return the joints of each frame of `Skeletons`; frames that are not valid hold zeros.

    Args:
        landmarks: [n, 33, 4], of the clip or a part of it.
        world: [n, 33, 3].
        valid: bool [n].

    Returns:
        float32 [n, joints, 6]. `PICTURE` is counted from the middle of the hips over all frames, `WORLD` from the
        middle of the hips of the frame, both in lengths of the torso; the visibility is reduced by 0.5.
    """
    features = np.zeros((len(valid), len(JOINTS), CHANNELS), np.float32)
    if not valid.any():
        return features
    seen = np.concatenate([landmarks[valid], world[valid]], axis=2).astype(np.float32)
    places = np.stack([_joint(seen, name) for name in JOINTS], axis=1)  # x, y, z, visibility, world x, y, z
    pelvis, neck = (places[:, JOINTS.index(name)] for name in ("pelvis", "neck"))
    picture = places[..., :2] - np.median(pelvis[:, :2], axis=0)
    solid = places[..., 4:] - pelvis[:, None, 4:]
    torsos = (np.median(np.linalg.norm((neck - pelvis)[:, part], axis=1)) for part in (slice(2), slice(4, 7)))
    picture, solid = (found / max(float(torso), 1e-6) for found, torso in zip((picture, solid), torsos, strict=True))
    features[valid] = np.concatenate([picture, solid, places[..., 3:4] - 0.5], axis=2)
    return features


def _joint(seen: np.ndarray, name: str) -> np.ndarray:
    if name not in MIDDLES:
        return seen[:, LANDMARK[name]]
    return seen[:, [LANDMARK[f"{side}_{MIDDLES[name]}"] for side in SIDES]].mean(axis=1)


def window_times(skeletons: Skeletons) -> np.ndarray:
    """Return `LENGTH` even times in each window of a clip, float64 [windows, LENGTH], seconds.

    Windows lie half a window apart, between the first and the last valid frame. A shorter clip is one window, stretched
    to its length; a clip with fewer than two valid frames is one window at time 0.
    """
    if skeletons.valid.sum() < 2:
        return np.zeros((1, LENGTH))
    first, last = skeletons.times[skeletons.valid][[0, -1]]
    length = min(WINDOW_SECONDS, last - first)
    starts = np.linspace(first, last - length, max(1, int(np.ceil((last - first) / (WINDOW_SECONDS / 2) - 1))))
    return np.linspace(starts, starts + length, LENGTH, axis=1)


def cut_windows(skeletons: Skeletons) -> tuple[np.ndarray, np.ndarray]:
    """Cut a clip into windows, and return their joints and times.

    Returns:
        The joints at the `window_times`, float32 [windows, LENGTH, joints, 6], interpolated where frames are not valid,
        and these times. A clip with fewer than two valid frames is one window of zeros.
    """
    valid, times, at = skeletons.valid, skeletons.times, window_times(skeletons)
    windows = np.zeros((len(at), LENGTH, len(JOINTS) * CHANNELS), np.float32)
    for window, now in zip(windows, at, strict=True):
        inside = valid & (times >= now[0] - 1e-6) & (times <= now[-1] + 1e-6)
        if valid.sum() > 1 and inside.any():
            features = joint_features(skeletons.landmarks, skeletons.world, inside)[inside].reshape(inside.sum(), -1)
            for channel, values in enumerate(features.T):
                window[:, channel] = np.interp(now, times[inside], values)
    return windows.reshape(len(at), LENGTH, len(JOINTS), CHANNELS), at
