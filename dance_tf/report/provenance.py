"""Where a report comes from: commit, parameters, versions, machine, data. No host name, absolute path or time."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

# what can move a number; the rest of the environment follows from requirements.txt at the same commit
PACKAGES = (
    "av", "imagehash", "jax", "joblib", "keras", "matplotlib", "numpy", "opencv-python", "pandas", "papermill",
    "scikit-learn", "scipy", "tensorflow", "tensorflow-datasets",
)  # fmt: skip


def provenance(
    profile: str, parameters: Mapping[str, object], source: str, metrics: Mapping[str, object]
) -> dict[str, object]:
    """The facts behind a report.

    Args:
        profile: name of the run's profile; empty where notebooks were run one by one.
        parameters: the profile's parameters.
        source: "synthetic" or the footage's name.
        metrics: the merged metrics; the data hash is read from their `data`/`hash`.
    """
    commit, dirty = commit_of(Path(__file__).resolve().parents[2])
    data = metrics.get("data", {})
    return {
        "profile": profile,
        "source": source,
        "parameters": {key: portable(value) for key, value in sorted(parameters.items())},
        "seed": parameters.get("seed"),
        "data_hash": data.get("hash") if isinstance(data, Mapping) else None,
        "commit": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "packages": {name: version_of(name) for name in PACKAGES},
        "backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "machine": {"platform": _platform(), "cpu": cpu_model(), "cores": os.cpu_count(), "device": device()},
    }


def commit_of(repository: Path) -> tuple[str | None, bool | None]:
    """The commit that is checked out and whether files differ from it, reports aside; None where there is no git."""

    def git(*arguments: str) -> str | None:
        if not (repository / ".git").exists() or shutil.which("git") is None:
            return None
        done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    # making the published report changes reports/: that does not make the code that made it uncertain
    changes = git("status", "--porcelain", "--", ".", ":!reports")
    return git("rev-parse", "HEAD"), None if changes is None else bool(changes)


def version_of(package: str) -> str | None:
    """The installed version of a package; None where it is absent."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu_model() -> str:
    """The processor's name as the operating system tells it."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def device() -> str:
    """The accelerators, or "cpu"; asked of the driver, as importing a backend to know would take seconds."""
    if shutil.which("nvidia-smi") is None:
        return "cpu"
    ask = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    names = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return ", ".join(names) if done.returncode == 0 and names else "cpu"


def _platform() -> str:
    libc = " ".join(platform.libc_ver()).strip()
    return " ".join(part for part in (platform.system(), platform.machine(), libc) if part)


def portable(value: object) -> object:
    """A parameter as it may be published: an absolute path names a machine and its user, so only its last part."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
