"""The house's own rules: who may import whom, what must import without TensorFlow, how long a file may be."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dance_tf"
ROOMS = ("footage", "synthesis", "dataset", "model", "assessment", "paper", "report", "serving")
ROOMS += ("terminal", "footage_verbs", "cli")  # the command line, whose first verbs have a module of their own
LONGEST_MODULE, LONGEST_TEST = 265, 300  # lines
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def dotted(module: Path) -> str:
    """The import name of a module's file."""
    parts = module.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name: str) -> str | None:
    """The room that a dotted name lies in; None for the package itself and what is outside of it."""
    parts = name.split(".")
    return parts[1] if parts[0] == "dance_tf" and len(parts) > 1 and parts[1] in ROOMS else None


def imports_of(source: str, module: str, is_package: bool = False) -> set[str]:
    """Every dotted name that a module imports, wherever in it; `from a import b` may mean a or a.b, so both count."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")
                parents = parents[: len(parents) - node.level + is_package]
                base = ".".join([*parents, base] if base else parents)
            found |= {base} | {f"{base}.{alias.name}" for alias in node.names}
    return found


def trespasses(source: str, module: str, is_package: bool = False) -> set[str]:
    """Names that a module imports from a room below its own."""
    own = room_of(module)
    rooms = {name: room_of(name) for name in imports_of(source, module, is_package)}
    return {name for name, room in rooms.items() if own and room and ROOMS.index(room) > ROOMS.index(own)}


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_room_imports_only_from_rooms_above_it(path):
    assert trespasses(path.read_text(encoding="utf-8"), dotted(path), path.name == "__init__.py") == set()


@pytest.mark.parametrize(
    ("source", "module", "found"),
    [
        ("from dance_tf.model import layers", "dance_tf.dataset.store", {"dance_tf.model", "dance_tf.model.layers"}),
        ("def f():\n    import dance_tf.report.writer", "dance_tf.model.a", {"dance_tf.report.writer"}),
        ("from dance_tf import serving", "dance_tf.report.writer", {"dance_tf.serving"}),
        ("from ..report import writer", "dance_tf.paper.audit", {"dance_tf.report", "dance_tf.report.writer"}),
        ("from .video import read\nfrom dance_tf.footage.room import still", "dance_tf.footage.curation", set()),
        ("from dance_tf.footage.catalog import Clip", "dance_tf.serving.edge", set()),
        ("import dance_tf.cli", "dance_tf.__main__", set()),
    ],
)
def test_trespasses_are_seen(source, module, found):
    assert trespasses(source, module) == found


def test_every_module_lies_in_a_room():
    outside = {dotted(path) for path in MODULES if room_of(dotted(path)) is None}
    assert outside <= {"dance_tf", "dance_tf.__main__"}


BLOCKED_IMPORTS = """
import importlib, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "av", "tensorflow_datasets"):
            raise ModuleNotFoundError(f"{name} is kept away by this test", name=name)
sys.meta_path.insert(0, Absent())
failed = []
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        failed.append(f"{name}: {error}")
print("\\n".join(failed))
"""


def test_light_rooms_import_without_tensorflow_pyav_and_tfds():
    light = ("synthesis", "dataset", "model", "assessment")
    names = [dotted(path) for path in MODULES if room_of(dotted(path)) in light]
    names += [f"dance_tf.footage.{name}" for name in ("catalog", "curation", "room")]
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED_IMPORTS, *names],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_files_are_short_and_named_by_what_they_hold():
    files = [*MODULES, *(ROOT / "tests").rglob("*.py")]
    longest = {path: LONGEST_MODULE if path in MODULES else LONGEST_TEST for path in files}
    too_long = {str(path.relative_to(ROOT)) for path in files if len(path.read_text().splitlines()) > longest[path]}
    badly_named = {str(path.relative_to(ROOT)) for path in files if path.stem in BANNED_NAMES}
    assert (too_long, badly_named) == (set(), set())


def test_the_readme_tells_the_published_report_s_leak():
    metrics = json.loads((ROOT / "reports" / "standard" / "metrics.json").read_text())
    found = metrics["leakage"]["splits"]["room_kept"]["cnn_ae_attention"]
    by_frame, by_dancer = (
        f"{100 * found[unit]['held_out']['frame']['accuracy']['mean']:.0f} %" for unit in ("frame", "dancer")
    )
    text = " ".join((ROOT / "README.md").read_text().split())
    chance = f"{100 / len(metrics['data']['styles']):.0f} %"
    assert f"gets {by_frame} of our made-up dancers' frames right in the one case, {by_dancer} in the other" in text
    assert f"where chance is {chance}" in text
