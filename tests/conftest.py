"""Small synthetic footage shared by the tests of several packages."""

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from filelock import FileLock

from dance_tf.curation.filters import CuratedClip, DroppedFrame
from dance_tf.pose.blazepose import Pose, Region
from dance_tf.pose.skeleton import Skeletons
from dance_tf.video.catalog import Clip

ROOT = Path(__file__).resolve().parents[1]
SMOKE = ROOT / "notebooks" / "runs" / "smoke.yaml"
LONGEST_FILES = ("test_report_run.py", "test_main_path.py", "test_survival.py", "test_cache.py", "test_run.py")
LONGEST_FILES += ("test_backends.py", "test_report_restart.py")


def pytest_configure(config):
    # Keras 3.15 hands TensorFlow's variables to np.array, whose NumPy 2 signature they do not have yet
    copy_keyword = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"
    config.addinivalue_line("filterwarnings", copy_keyword)


def pytest_collection_modifyitems(items):
    # a long file that starts last would run alone while the other process waits
    items.sort(key=lambda item: (*LONGEST_FILES, item.path.name).index(item.path.name))


def blob_clip(style: int, dancer: int, frames: int, seed: int = 0) -> CuratedClip:
    """Noise with a bright blob whose place tells the style and whose size tells the dancer; it wanders a little."""
    generator = np.random.default_rng([seed, style, dancer])
    pictures = generator.integers(0, 40, (frames, 128, 128, 1), dtype=np.uint8)
    side = 16 + 2 * dancer
    for picture in pictures:
        top, left = np.array([24 + 48 * (style % 2), 24 + 48 * (style // 2 % 2)]) + generator.integers(0, 8, 2)
        picture[top : top + side, left : left + side] += 180
    dropped = tuple(DroppedFrame(frames + number, (frames + number) / 10, "blank", 0.1 * number) for number in range(2))
    poses = 3 + dancer % 2
    cutouts = generator.integers(0, 256, (poses, 128, 128, 1), dtype=np.uint8)
    cutouts[1] = 0  # the dancer was not found, and the skeleton is interpolated
    landmarks, world = (generator.normal(size=(poses, 33, size)).astype(np.float16) for size in (4, 3))
    return CuratedClip(
        clip=Clip(Path(), f"style{style}", f"dancer{dancer}", f"style{style}/dancer{dancer}", "made up"),
        frames=pictures,
        timestamps=np.arange(frames) / 10 + 1 / 3,
        background=generator.integers(0, 40, (128, 128, 1), dtype=np.uint8),
        background_valid=dancer != 1,
        seen=frames + 2,
        dropped=dropped,
        seconds=frames / 10 + 0.2,
        skeletons=Skeletons(landmarks, world, np.ones(poses, bool), np.arange(poses) * 0.2),
        cutouts=cutouts,
        onsets=generator.random((20 * (dancer % 3), 6)).astype(np.float16),
    )


@pytest.fixture(scope="session")
def blob_clips():
    """Makes one clip for each style and dancer; clip k has `frames + k % 3` frames."""

    def make(styles: int = 3, dancers: int = 4, frames: int = 6, seed: int = 0) -> list[CuratedClip]:
        pairs = [(style, dancer) for style in range(styles) for dancer in range(dancers)]
        return [blob_clip(*pair, frames + number % 3, seed) for number, pair in enumerate(pairs)]

    return make


@pytest.fixture
def write_table(tmp_path):
    """Function that writes the text of a table and returns its path."""

    def write(text):
        path = tmp_path / "table.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def shared_data():
    folder = Path(os.environ.get("DANCE_TF_SHARED_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}")
    return folder


class Follower:
    """In place of BlazePose: a person of full height wherever a frame is brighter than 50."""

    alignment = np.array([[32.0, 48.0], [32.0, 8.0]])

    def detect(self, frame):
        return [Region(32, 48, 100)] if frame.mean() > 50 else []

    def pose(self, frame, region):
        if not self.detect(frame):
            return None
        points = np.full((33, 5), frame.mean(), np.float32)
        return Pose(points, np.ones((33, 3)), 1.0, np.full((256, 256), 80.0, np.float32), region, self.alignment)


@pytest.fixture(scope="session")
def follower():
    return Follower


def write_video(path, frames, rate=30, codec="libx264", pixel_format="yuv420p", times=None, options=None, setup=None):
    """Write gray frames uint8 [n, h, w]; times are in milliseconds."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate).limit_denominator(1001))
        stream.height, stream.width, stream.pix_fmt = frames.shape[1], frames.shape[2], pixel_format
        stream.options = {"crf": "5"} if options is None else options
        stream.codec_context.thread_count = 1
        if times is not None:
            stream.time_base = stream.codec_context.time_base = Fraction(1, 1000)
        if setup:
            setup(stream)
        for number, gray in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format=pixel_format)
            frame.pts = number if times is None else times[number]
            if times is not None:
                frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def make_video():
    return write_video


def ramp(count, height=64, width=48):
    """Frames of one gray level each, 40, 44, 48 …: the level tells which frame it is."""
    return np.repeat(np.arange(40, 40 + 4 * count, 4, dtype=np.uint8), height * width).reshape(count, height, width)


@pytest.fixture(scope="session")
def make_ramp():
    return ramp


def dance(count, height=96, width=64, seed=0, pace=0.35):
    """A bright bar that swings before a textured wall, by so many radians of its swing a frame."""
    rng = np.random.default_rng(seed)
    wall = cv2.GaussianBlur(rng.integers(0, 256, (height, width), np.uint8), (0, 0), 2)
    wall = cv2.normalize(wall, None, 40, 160, cv2.NORM_MINMAX)
    frames = np.repeat(wall[None], count, axis=0)
    for number, frame in enumerate(frames):
        angle = 0.9 * np.sin(pace * number)
        middle = np.array([width / 2, height * 0.8])
        tip = middle + height * 0.5 * np.array([np.sin(angle), -np.cos(angle)])
        cv2.line(frame, tuple(map(int, middle)), tuple(map(int, tip)), 240, 7)
    return frames


@pytest.fixture(scope="session")
def make_dance():
    return dance


@pytest.fixture(scope="session")
def ramp_file(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("ramp") / "ramp.mp4", ramp(30))


@pytest.fixture(scope="session")
def dance_file(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("dance") / "dance.mp4", dance(40), options={"crf": "20", "g": "10"})


@pytest.fixture(scope="session")
def smoke_profile():
    """Return a function that writes the smoke profile with a work folder of its own, and returns its path."""
    yaml = pytest.importorskip("yaml")

    def write(folder, work, **changes):
        profile = {**yaml.safe_load(SMOKE.read_text()), "work": str(work), **changes}
        (folder / "smoke.yaml").write_text(yaml.safe_dump(profile))
        return str(folder / "smoke.yaml")

    return write


@pytest.fixture(scope="session")
def finished(tmp_path_factory, smoke_profile):
    """Return the folder of the finished report of the smoke profile: `report`, `work` and `smoke.yaml`.

    The first test process that needs the report makes it, and the others wait for it.
    """
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    folder = shared / "smoke"
    with FileLock(shared / "smoke.lock"):
        if not folder.is_dir():
            folder.mkdir()
            command = [sys.executable, "-m", "dance_tf", "report", smoke_profile(folder, folder / "work")]
            command += ["--out", str(folder / "report")]
            done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=1800, check=False)
            (folder / "ended.txt").write_text(f"{done.returncode} {done.stderr}")
    ended = (folder / "ended.txt").read_text()
    assert ended.startswith("0 "), ended
    return folder


@pytest.fixture(scope="session")
def join_notebooks():
    """Return a function that writes notebooks as one: with cached runs a kernel takes longer to start than to run.

    The numbers are those of the notebooks, by default all. Parameters go to each of them.
    """
    nbformat = pytest.importorskip("nbformat")
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    from dance_tf.report.run_notebooks import NEEDS_CLIPS

    def join(path, numbers=("",), **given):
        paths = sorted(each for number in numbers for each in (ROOT / "notebooks").glob(f"{number}*.ipynb"))
        parts = [parameterize_notebook(load_notebook_node(str(each)), given) for each in paths]
        for cell in (cell for part in parts[1:] for cell in part.cells):  # one cell has the parameters
            cell.metadata.tags = [tag for tag in cell.metadata.tags if tag == NEEDS_CLIPS]
        parts[0].cells = [cell for part in parts for cell in part.cells]
        for place, cell in enumerate(parts[0].cells):
            cell["id"] = f"cell-{place}"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(parts[0], path)

    return join


@pytest.fixture(scope="session")
def papermill():
    """Return a function that executes a notebook from the repository root, as a researcher does, and returns errors.

    The folder holds the profile `smoke.yaml`.
    """
    yaml = pytest.importorskip("yaml")

    def execute(notebook, folder, report, **parameters):
        given = {"run_folder": str(report), "profile": str(folder / "smoke.yaml"), **parameters}
        (folder / "given.yaml").write_text(yaml.safe_dump(given))
        command = [sys.executable, "-m", "papermill", notebook, folder / "out.ipynb", "-f", folder / "given.yaml"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=1800, env=environment)
        return done.stderr if done.returncode else ""

    return execute


OWN_NETWORK = """
import keras

def {name}(settings):
    frames = keras.Input((128, 128, 1), dtype="{dtype}")
    small = keras.layers.AveragePooling2D(32)(keras.layers.Rescaling(1 / 255)(frames))
    dense = keras.layers.Dense({units}, activation={activation!r}, kernel_initializer="ones")
    return keras.Model(frames, dense(keras.layers.Flatten()(small)))
"""


@pytest.fixture(scope="session")
def own_network():
    """Return a function that writes a user's module `own_network.py` with one builder, and returns its path."""

    def write(folder, name="tiny", dtype="uint8", units="settings.classes", activation="softmax"):
        path = folder / "own_network.py"
        path.write_text(OWN_NETWORK.format(name=name, dtype=dtype, units=units, activation=activation))
        return path

    return write


@pytest.fixture(scope="session")
def danced():
    """Return a function that makes `Skeletons` of a synthetic dance from its true joints."""
    from dance_tf.pose.skeleton import LANDMARK, SIDES, Skeletons
    from dance_tf.synthesis.body import JOINT, make_dancer
    from dance_tf.synthesis.choreography import STYLES
    from dance_tf.synthesis.performance import perform

    parts = "shoulder elbow wrist hip knee ankle toe".split()
    joint_of = {LANDMARK[f"{side}_{part}"]: JOINT[f"{side}_{part}"] for side in SIDES for part in parts}
    joint_of |= {LANDMARK[f"{side}_index"]: JOINT[f"{side}_hand"] for side in SIDES} | {LANDMARK["nose"]: JOINT["head"]}

    def make(style: str, dancer: int = 0, seconds: float = 6.0, rate: float = 10.0) -> Skeletons:
        [found] = [each for each in STYLES if each.name == style]
        times = np.arange(round(seconds * rate)) / rate
        generator = np.random.default_rng([STYLES.index(found), dancer])
        joints = perform(generator, found, make_dancer(0, dancer, 0.5), times).motion.joints * [1, -1, -1]
        world = np.zeros((len(times), 33, 3))
        world[:, list(joint_of)] = joints[:, list(joint_of.values())] - joints[:, [JOINT["pelvis"]]]
        landmarks = np.concatenate([world / 2, np.ones((len(times), 33, 1))], axis=2)
        return Skeletons(landmarks.astype(np.float16), world.astype(np.float16), np.ones(len(times), bool), times)

    return make
