"""Clips that are read without a video, from true joints of synthetic dancers, and damaged data."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from dance_tf.curation.filters import CuratedClip
from dance_tf.fidelity.score import ReferenceClip, build_standard
from dance_tf.model.bundle import ModelBundle, ModelDescription
from dance_tf.pose.read import PoseSettings
from dance_tf.serving import assess as module
from dance_tf.serving.verdict import Verdict
from dance_tf.video.catalog import Clip
from dance_tf.video.settings import READ_DEFAULTS

STYLES = ("Lottery", "Tokyo")
EMPTY = np.zeros((0, 128, 128, 1), np.uint8)


@pytest.fixture(scope="module")
def standards(danced):
    return {
        style: build_standard(
            style, [ReferenceClip(f"d{one}", danced(style, one, 8.0), clip_id=f"{style}/d{one}") for one in range(5)]
        )
        for style in STYLES
    }


@pytest.fixture
def bundle():
    poses = {"poses_per_second": 10, "smoothing": 0.1, "weights": ""}
    return ModelBundle(None, ModelDescription(STYLES, "cnn", "frame", reading={"poses": poses}))


@pytest.fixture
def dances(danced, monkeypatch):
    """Clips by name, which are read without a video; the network sees Tokyo in all of them."""
    found = {
        "lottery.mp4": danced("Lottery", 8, 8.0),
        "tokyo.mp4": danced("Tokyo", 8, 8.0),
        "strange.mp4": danced("Laxed", 8, 8.0),
        "hidden.mp4": danced("Tokyo", 8, 8.0),
    }
    found["hidden.mp4"].valid[30:] = False
    right = danced("Tokyo", 11, 8.0)
    wrong = right.world.astype(float)
    found["wrong arm.mp4"] = replace(right, world=wrong)
    for joint in (13, 15, 17, 19, 21):  # the left arm is held to the side for two seconds
        wrong[30:50, joint] = wrong[30:50, 11] + [0.25 if joint == 13 else 0.5, 0, 0]

    @contextmanager
    def read(description, path, process, with_poses=False):
        assert with_poses
        if path.name not in found:
            raise ValueError("no such clip")
        skeletons = found[path.name]
        count = len(skeletons.times)
        cutouts = np.zeros((count, 1, 1, 1), np.uint8)
        yield CuratedClip(Clip(path), EMPTY, np.zeros(0), EMPTY, True, count, (), count / 10, skeletons, cutouts)

    def see(bundle, path, curated, started):
        return Verdict(str(path), "Tokyo", 0.7, {"Tokyo": 0.7, "Lottery": 0.3}, {"seen": 80}, 8.0, 0.1)

    class Process:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def call(self, task, path, *arguments):
            if task is module.annotate:
                skeletons, assessment, start, end, settings = arguments
                assert len(skeletons.times) == 80 and len(assessment.starts) == 16 and settings == READ_DEFAULTS
                return f"a video of {path.name} from {start} to {end} s".encode()
            times, rate, settings = arguments
            assert (task, rate) == (module.read_pictures, 10)
            asked.append((path.name, times))
            return [np.full((96, 54, 3), 200, np.uint8) for _ in times]

    poses, found["asked"] = PoseSettings(10), (asked := [])
    monkeypatch.setattr(module, "curated_clip", read)
    monkeypatch.setattr(module, "classify_curated", see)
    monkeypatch.setattr(module, "DecodingProcess", Process)
    monkeypatch.setattr(module, "reading_from_json", lambda reading, with_poses=False: (READ_DEFAULTS, None, poses))
    return found


def mutated(data, generator):
    """Return bytes with some of them changed, cut out or doubled; at the beginning, where the sizes are, the most."""
    changed, most = bytearray(data), len(data) if generator.random() < 0.3 else min(len(data), 250)
    for _ in range(generator.integers(1, 5)):
        place, kind = int(generator.integers(most)), generator.integers(4)
        if kind < 2:
            changed[place : place + 1] = bytes([generator.integers(256)])
        elif kind == 2:
            del changed[place : place + int(generator.integers(1, 40))]
        else:
            changed[place:place] = changed[place : place + int(generator.integers(1, 40))]
    return bytes(changed)


@pytest.fixture(scope="session")
def mutate():
    return mutated
