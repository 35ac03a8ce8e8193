"""The two networks of BlazePose: taken once from a published package, checked by hash, kept in the user's cache.

Google publishes them under the Apache licence 2.0 in the wheel of `mediapipe`. The wheel is only downloaded and opened
as a zip file, never installed, because its pinned dependencies exclude current versions of TensorFlow and NumPy.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock

# environment variables: the folder of the cache, and a pose_landmarker_*.task file to use instead of it
CACHE_VARIABLE, BUNDLE_VARIABLE = "DANCE_TF_CACHE", "DANCE_TF_POSE_WEIGHTS"
WHEEL = ("mediapipe==0.10.21", "--platform=manylinux_2_28_x86_64", "--python-version=3.12")  # any machine can read it
SOURCES = {
    "pose_detection.tflite": (
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
    "pose_landmark_full.tflite": (
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
}
BUNDLED = ("pose_detector.tflite", "pose_landmarks_detector.tflite")  # in a bundle pose_landmarker_*.task


class WeightsError(RuntimeError):
    """There are no weights; the message says why and what to do, in one line."""


class Weights(NamedTuple):
    """The content of the two LiteRT files."""

    detector: bytes
    landmarks: bytes


def cache_folder() -> Path:
    """Return the folder of the weights: in `DANCE_TF_CACHE` if it is set, in the platform's cache if not."""
    from platformdirs import user_cache_path

    own = os.environ.get(CACHE_VARIABLE)
    return (Path(own).expanduser() if own else user_cache_path("dance_tf", appauthor=False)) / "pose"


def load_weights() -> Weights:
    """Return the weights of BlazePose, from the cache or, the first time, from the package index.

    Processes that need them at the same time wait for the first one. If `DANCE_TF_POSE_WEIGHTS` names a
    `pose_landmarker_*.task` file, that is read instead; its hash is not checked.

    Raises:
        WeightsError: they are absent and cannot be fetched, or the bundle is not one.
    """
    if bundle := os.environ.get(BUNDLE_VARIABLE):
        return _read_bundle(Path(bundle))
    folder = cache_folder()
    found = _cached(folder)
    if found is None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock"):
                found = _cached(folder) or _fetch(folder)
        except OSError as error:
            reason = f"{error.strerror or error}: {folder}"
            raise WeightsError(f"no place for the pose weights ({reason}): set {CACHE_VARIABLE} to a folder") from error
    return found


def missing_weights() -> str:
    """Return why there are no weights (`load_weights` fetches them), in one line; empty if there are."""
    try:
        load_weights()
    except WeightsError as error:
        return str(error)
    return ""


def _cached(folder: Path) -> Weights | None:
    """Return the weights of the cache, or None if a file is absent or has another hash."""
    try:
        contents = [(folder / name).read_bytes() for name in SOURCES]
    except (FileNotFoundError, NotADirectoryError):
        return None
    expected = [digest for _, digest in SOURCES.values()]
    return Weights(*contents) if [hashlib.sha256(content).hexdigest() for content in contents] == expected else None


def _fetch(folder: Path) -> Weights:
    """Download the wheel into a temporary folder, and move the checked files of it into the cache."""
    with tempfile.TemporaryDirectory(dir=folder, prefix=".") as name:
        download = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", *WHEEL]
        download += ["--dest", name, "--quiet", "--no-color", "--disable-pip-version-check", "--retries=1"]
        done = subprocess.run(download, capture_output=True, text=True, check=False)
        wheels = list(Path(name).glob("*.whl"))
        if done.returncode or not wheels:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
            raise WeightsError(
                f"the pose weights cannot be fetched ({said[-1].strip() if said else 'pip found no file'}): run again "
                f"with a package index in reach, copy {' and '.join(SOURCES)} of {WHEEL[0]} into {folder}, or set "
                f"{BUNDLE_VARIABLE} to a pose_landmarker_*.task bundle"
            )
        try:
            with zipfile.ZipFile(wheels[0]) as wheel:
                contents = {target: wheel.read(member) for target, (member, _) in SOURCES.items()}
        except (zipfile.BadZipFile, KeyError) as error:
            raise WeightsError(f"{wheels[0].name} of the package index does not hold the pose weights") from error
        for target, content in contents.items():
            if hashlib.sha256(content).hexdigest() != SOURCES[target][1]:
                raise WeightsError(
                    f"{target} in {wheels[0].name} has another SHA-256 than the published file, so it is not used: "
                    "check the package index that pip uses"
                )
        for target, content in contents.items():
            partial = Path(name) / target
            partial.write_bytes(content)
            partial.replace(folder / target)
    return Weights(*contents.values())


def _read_bundle(bundle: Path) -> Weights:
    try:
        with zipfile.ZipFile(bundle) as file:
            return Weights(*(file.read(name) for name in BUNDLED))
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        what = "there is no such file" if isinstance(error, FileNotFoundError) else "it is no pose_landmarker_*.task"
        raise WeightsError(f"{bundle}: {what}; name a bundle of MediaPipe's pose landmarker") from error


if __name__ == "__main__":  # after an installation: what needs no skeletons works without the weights
    print(missing_weights() or f"pose weights in {cache_folder()}")
