"""Run the benchmarks that have targets: `make bench`, or `python tests/benchmarks/bench.py [--mediapipe PYTHON]`.

Each runs alone and prints a JSON document with what it measured and its targets. All of them go to
`reports/benchmarks.json`, with the machine; a table of the targets is printed and written into README.md. The exit
status is 1 if a target is missed. Nothing here is right on a machine that does other work meanwhile.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
WRITTEN, README = ROOT / "reports" / "benchmarks.json", ROOT / "README.md"
START, END = "<!-- written by make bench -->\n", "<!-- end -->"
PACKAGES = ("tensorflow", "keras", "ai-edge-litert", "av", "opencv-python", "numpy")
CROSSCHECK = ROOT / ".venv-crosscheck" / "bin" / "python"
MEANINGS = {
    "ours over decode_only": "all frames to 128×128 / PyAV decoding them and nothing else",
    "opencv_loop over ours": "the usual OpenCV loop / ours, reading",
    "frames over decode": "verdict by the network of the paper, every frame / PyAV decoding",
    "skeletons over decode + invocations": "verdict by skeletons / decoding and bare LiteRT calls",
    "opencv_loop over frames": "OpenCV loop and `model.predict` / verdict by the network of the paper",
    "mediapipe_loop over skeletons": "MediaPipe's own loop / verdict by skeletons",
    "megabytes": "peak memory of `classify`, MB",
    "seconds to the first verdict": "start of the process to the verdict on 5 s of video, s",
    "PyTorch over Keras": "training step: PyTorch / ours, float32",
    "PyTorch over the fastest Keras": "training step: PyTorch in float32 / ours at any precision",
}


def commands(torch: str, mediapipe: str | None) -> dict[str, list[str]]:
    """Return the arguments of each benchmark; what is not installed is left out of the comparison."""
    theirs = ["--mediapipe", mediapipe] if mediapipe else []
    with_torch = ["--torch", torch] if Path(torch).is_file() else ["--only", "Keras", "Keras, bfloat16"]
    return {
        "read_footage": [],
        "classify_clip": theirs,
        "train_step": ["--json", "--rounds", "5", *with_torch],
    }


def run(name: str, arguments: list[str]) -> dict:
    """Return the document of a benchmark."""
    print(f"{name} …", file=sys.stderr, flush=True)
    command = [sys.executable, str(Path(__file__).with_name(f"{name}.py")), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"{name} failed:\n{done.stderr[-2000:]}") from None


def describe_machine() -> dict[str, object]:
    """Return what the numbers depend on."""
    names = [line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load_before": psutil.getloadavg()[0],
        "system": f"{platform.system()} {platform.machine()}, Python {platform.python_version()}",
        "packages": {name: version(name) for name in PACKAGES},
        "date": datetime.now(UTC).date().isoformat(),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).is_file() else []


def target_rows(documents: dict[str, dict]) -> list[tuple[str, str, str, str]]:
    """Return for each target what is compared, the value, the target, and "yes" or "no"."""
    rows = []
    for document in documents.values():
        for name, found in document["targets"].items():
            bound = f"≤ {found['at_most']:g}" if "at_most" in found else f"≥ {found['at_least']:g}"
            rows.append((MEANINGS[name], f"{found['value']:.2f}", bound, "yes" if found["met"] else "**no**"))
    return rows


def write_readme(rows: list[tuple[str, str, str, str]], machine: dict[str, object]) -> None:
    """Replace the table in README.md."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    if not rest or not after:
        raise SystemExit(f"README.md needs the lines {START.strip()} and {END}")
    table = [
        "| | measured | target | met |",
        "| --- | ---: | ---: | --- |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    about = f"{machine['processor']}, {machine['cores']} cores, {machine['date']}; medians, ratios of one run.\n\n"
    README.write_text(before + START + about + "\n".join(table) + "\n" + END + after, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", default=str(CROSSCHECK), help="Python that has PyTorch, if there is one")
    parser.add_argument("--mediapipe", help="Python that has mediapipe")
    options = parser.parse_args()
    machine = describe_machine()
    documents = {name: run(name, arguments) for name, arguments in commands(options.torch, options.mediapipe).items()}
    WRITTEN.write_text(json.dumps({"machine": machine, "benchmarks": documents}, indent=1) + "\n", encoding="utf-8")
    rows = target_rows(documents)
    write_readme(rows, machine)
    for row in rows:
        print(f"{row[1]:>8}  {row[2]:>8}  {row[3].strip('*'):<3}  {row[0]}")
    return int(any(row[3] != "yes" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
