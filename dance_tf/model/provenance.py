"""What computes a result besides its inputs: source code, Keras, its backend. Cached runs are keyed by it."""

import hashlib
import importlib
import importlib.util
from functools import cache
from pathlib import Path

import keras

PACKAGE_ROOT = Path(__file__).resolve().parents[1]


@cache
def source_hash(*packages: str) -> str:
    """Return the SHA-256 of the source files of packages and modules; read once per process.

    Args:
        *packages: names below `dance_tf`, such as "model" and "experiments.spec"; their order does not matter.

    Raises:
        ValueError: a package or module that does not exist.
    """
    digest = hashlib.sha256()
    for package in sorted(set(packages)):
        place = PACKAGE_ROOT.joinpath(*package.split("."))
        module = place.with_name(f"{place.name}.py")
        files = [module] if module.is_file() else sorted(place.rglob("*.py"))
        if not files:
            raise ValueError(f"dance_tf has no package {package!r}")
        for path in files:
            content = path.read_bytes()
            digest.update(f"{path.relative_to(PACKAGE_ROOT).as_posix()}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()


def strategy_hash(name: str) -> str:
    """Return the SHA-256 of the file with a user's own network (`strategy_of`); empty for a registered strategy."""
    place, _, _ = name.rpartition(":")
    if not place:
        return ""
    if not place.endswith(".py"):
        place = importlib.util.find_spec(place).origin
    return hashlib.sha256(Path(place).read_bytes()).hexdigest()


def backend_versions() -> dict[str, str]:
    """Return the name of the Keras backend (`backend`) and the versions `keras` and `backend_version`."""
    backend = keras.backend.backend()
    version = importlib.import_module(backend).__version__
    return {"backend": backend, "backend_version": version, "keras": keras.__version__}
