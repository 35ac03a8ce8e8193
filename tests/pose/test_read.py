"""Poses of files: how their frames are read, and the landmarks of a drawn dancer against the true joints."""

import av
import cv2
import numpy as np
import pytest

from dance_tf.pose.read import read_skeletons
from dance_tf.pose.skeleton import LANDMARK, draw_skeleton
from dance_tf.synthesis.body import JOINT
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.studio import synthesize
from dance_tf.synthesis.take import RenderedClip, clip_id
from dance_tf.video.frames import read_footage
from dance_tf.video.settings import READ_DEFAULTS, ReadSettings
from dance_tf.video.stills import ReadError

MAIN = [f"{side}_{part}" for part in "shoulder elbow wrist hip knee ankle".split() for side in ("left", "right")]


def write_colours(path, height, width, count=6, setup=lambda stream: None):
    """Write a video, red at its left, blue at its right, with a green stripe at the top."""
    picture = np.zeros((height, width, 3), np.uint8)
    picture[:, : width // 2, 0] = picture[:, width // 2 :, 2] = 250
    picture[: height // 8] = 0, 250, 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt, stream.options = width, height, "yuv420p", {"crf": "10"}
        setup(stream)
        for _ in range(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


class Viewer:
    """A watcher that keeps what it sees."""

    def __init__(self, rate):
        self.rate = rate

    def restart(self):
        self.seen = []

    def see(self, time, picture):
        self.seen.append((time, picture))


def read(path, rate=1000, settings=READ_DEFAULTS):
    viewer = Viewer(rate)
    footage = read_footage(path, settings, watcher=viewer)
    return viewer.seen, footage


def turned(stream):
    stream.set_display_rotation(90)


def wide(stream):
    stream.codec_context.sample_aspect_ratio = stream.sample_aspect_ratio = 2


@pytest.mark.parametrize(
    ("stored", "setup", "shape"),
    [
        ((240, 320), lambda stream: None, (240, 320)),
        ((720, 1280), lambda stream: None, (360, 640)),
        ((1280, 720), lambda stream: None, (640, 360)),
        ((240, 320), turned, (320, 240)),
        ((240, 160), wide, (240, 320)),
        ((480, 720), wide, (213, 640)),
    ],
    ids=["small", "large", "upright", "rotated", "wide pixels", "wide and large"],
)
def test_frames_are_upright_rgb_of_at_most_640_pixels(tmp_path, stored, setup, shape):
    frames, _ = read(write_colours(tmp_path / "colours.mp4", *stored, setup=setup))
    assert len(frames) == 6
    picture = frames[3][1]
    assert (picture.shape, picture.dtype) == ((*shape, 3), np.uint8)
    if setup is turned:  # counter-clockwise: what was at the right is at the top
        picture = np.rot90(picture, -1)
    height, width = picture.shape[:2]
    for place, channel in (((0.5, 0.25), 0), ((0.5, 0.75), 2), ((0.05, 0.5), 1)):
        pixel = picture[int(place[0] * height), int(place[1] * width)].astype(int)
        assert pixel[channel] > 200 and np.delete(pixel, channel).max() < 60


def test_frames_are_sampled_like_the_gray_ones(tmp_path, make_video, make_ramp):
    path = make_video(tmp_path / "ramp.mp4", make_ramp(30))
    colour, gray = read(path, 10, ReadSettings(size=16, frames_per_second=10))
    assert [time for time, _ in colour] == gray.timestamps.tolist()
    levels = [int(picture[32, 24].mean()) for _, picture in colour]
    assert levels == pytest.approx(gray.frames[:, 8, 8], abs=4)


class Refuser(Viewer):
    def see(self, time, picture):
        super().see(time, picture)
        if len(self.seen) == 3:
            raise ValueError("the third picture")


def test_an_error_of_the_watcher_ends_the_reading(tmp_path):
    path = write_colours(tmp_path / "colours.mp4", 240, 320, count=40)
    with pytest.raises(ValueError, match="the third picture"):
        read_footage(path, watcher=Refuser(1000))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.mp4", None, "absent.mp4: no such file"),
        ("text.mp4", b"text", "text.mp4: not a video that can be opened"),
    ],
)
def test_files_that_cannot_be_read_are_refused(tmp_path, name, content, message):
    if content:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ReadError, match=message):
        read_skeletons(tmp_path / name, None)


class Nobody:
    """In place of BlazePose: finds nobody, and keeps the frames."""

    def __init__(self):
        self.frames = []

    def detect(self, frame):
        self.frames.append(frame)
        return []


def test_a_folder_of_images_is_read_in_colour(tmp_path):
    for number in range(6):
        picture = np.full((320, 1280 if number < 4 else 600, 3), (0, 40 * number, 7), np.uint8)
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    nobody = Nobody()
    skeletons = read_skeletons(tmp_path, nobody, poses_per_second=15)
    assert skeletons.times == pytest.approx([0, 2 / 30, 4 / 30])
    assert not skeletons.valid.any()
    assert [frame.shape for frame in nobody.frames] == [(160, 640, 3)] * 3
    assert [frame[80, 320].tolist() for frame in nobody.frames] == [[7, 0, 0], [7, 80, 0], [7, 160, 0]]


@pytest.mark.parametrize("rate", [0, -1])
def test_an_invalid_rate_is_refused(tmp_path, rate):
    with pytest.raises(ValueError, match="poses_per_second must be positive"):
        read_skeletons(tmp_path, Nobody(), poses_per_second=rate)


@pytest.fixture(scope="module")
def dance(tmp_path_factory):
    """A drawn clip of two seconds without faults: its file, and the clip with its true joints."""
    settings = StudioSettings(1, 1, 2.0, seed=7, width=288, height=512, faults=False)
    folder = tmp_path_factory.mktemp("drawn")
    synthesize(folder / "footage", settings)
    [pair] = settings.clips()
    return folder / "footage" / f"{clip_id(*pair)}.mp4", RenderedClip(*pair, settings)


@pytest.fixture(scope="module")
def skeletons(dance, blazepose):
    return read_skeletons(dance[0], blazepose)


def test_landmarks_are_near_the_true_joints(dance, skeletons):
    assert len(skeletons.times) == 20
    assert skeletons.coverage == 1
    snapshots = [dance[1].snapshots[round(time * 30)] for time in skeletons.times]
    true = np.stack([one.points for one in snapshots])[:, [JOINT[name] for name in MAIN], :2]
    found = skeletons.landmarks[:, [LANDMARK[name] for name in MAIN], :2].astype(float) * 512 + [144, 256]
    torso = np.linalg.norm(true[:, :2].mean(axis=1) - true[:, 6:8].mean(axis=1), axis=1)
    away = np.linalg.norm(found - true, axis=-1) / torso[:, None]
    # by chance, or with sides exchanged, far fewer are near
    assert (away < 0.2).mean() > 0.9
    assert np.median(away) < 0.1


def test_world_landmarks_are_in_metres(dance, skeletons):
    world = skeletons.world.astype(float)
    hips = world[:, [LANDMARK["left_hip"], LANDMARK["right_hip"]]]
    assert np.abs(hips.mean(axis=1)).max() < 0.05
    assert (hips[:, 0, 0] > hips[:, 1, 0]).all()  # the dancer faces the camera
    ankle, nose = world[:, LANDMARK["left_ankle"], 1], world[:, LANDMARK["nose"], 1]
    assert (ankle > 0.3).all() and (nose < -0.3).all()
    assert 0.8 < np.median(ankle - nose) < 2.0


def test_a_drawn_skeleton_lies_on_the_dancer(dance, skeletons, blazepose):
    _, frame = read(dance[0], 10)[0][10]
    [region, *_] = blazepose.detect(frame)
    pose = blazepose.pose(frame, region)
    mask = cv2.warpAffine(pose.mask, region.to_frame(256), frame.shape[1::-1]) > 0.5
    drawn = (draw_skeleton(frame, skeletons.landmarks[10]) != frame).any(axis=-1)
    assert drawn.sum() > 500
    assert mask[drawn].mean() > 0.8
    assert 0.02 < mask.mean() < 0.5


def test_a_picture_without_people_has_no_pose(blazepose):
    assert blazepose.detect(np.full((200, 300, 3), 128, np.uint8)) == []
