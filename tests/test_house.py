"""Rules of the repository: import order, imports without TensorFlow, file length."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dance_tf.experiments.spec import PROPOSED

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "dance_tf"
PACKAGES = ("video", "pose", "curation", "corruption", "synthesis", "dataset", "model", "evaluation", "fidelity")
PACKAGES += ("experiments", "audit", "report", "serving", "terminal", "cli_serving", "cli")
LONGEST_FILE = 450  # lines
BANNED_NAMES = {"utils", "util", "common", "helpers", "helper", "misc"}

MODULES = sorted(PACKAGE.rglob("*.py"))


def dotted(module: Path) -> str:
    """Return the import name of a module's file."""
    parts = module.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def package_of(name: str) -> str | None:
    """Return the package of a dotted name; None for dance_tf itself and for names outside it."""
    parts = name.split(".")
    return parts[1] if parts[0] == "dance_tf" and len(parts) > 1 and parts[1] in PACKAGES else None


def imports_of(source: str, module: str, is_package: bool = False) -> set[str]:
    """Return all dotted names that a module imports; `from a import b` can mean a or a.b, so both are included."""
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


def forbidden_imports(source: str, module: str, is_package: bool = False) -> set[str]:
    """Return the names that a module imports from packages after its own in `PACKAGES`."""
    own = package_of(module)
    packages = {name: package_of(name) for name in imports_of(source, module, is_package)}
    return {
        name for name, package in packages.items() if own and package and PACKAGES.index(package) > PACKAGES.index(own)
    }


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_a_package_imports_only_from_earlier_packages(path):
    assert forbidden_imports(path.read_text(encoding="utf-8"), dotted(path), path.name == "__init__.py") == set()


@pytest.mark.parametrize(
    ("source", "module", "found"),
    [
        ("from dance_tf.model import layers", "dance_tf.dataset.store", {"dance_tf.model", "dance_tf.model.layers"}),
        ("def f():\n    import dance_tf.report.section", "dance_tf.model.a", {"dance_tf.report.section"}),
        ("from dance_tf import serving", "dance_tf.report.section", {"dance_tf.serving"}),
        ("from ..report import section", "dance_tf.audit.audit", {"dance_tf.report", "dance_tf.report.section"}),
        ("from .video import read\nfrom dance_tf.curation.background import still", "dance_tf.curation.filters", set()),
        ("from dance_tf.video.catalog import Clip", "dance_tf.serving.edge", set()),
        ("import dance_tf.cli", "dance_tf.__main__", set()),
    ],
)
def test_forbidden_imports_are_found(source, module, found):
    assert forbidden_imports(source, module) == found


def test_every_module_is_in_a_package():
    outside = {dotted(path) for path in MODULES if package_of(dotted(path)) is None}
    assert outside <= {"dance_tf", "dance_tf.__main__"}


BLOCKED_IMPORTS = """
import importlib, sys
blocked, *names = sys.argv[1:]
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in blocked.split(","):
            raise ModuleNotFoundError(f"{name} is blocked by this test", name=name)
sys.meta_path.insert(0, Absent())
for name in names:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        print(f"{name}: {error}")
"""
LIGHT = [dotted(path) for path in MODULES if package_of(dotted(path)) in PACKAGES[4:10]]
LIGHT += ["dance_tf.video.catalog", "dance_tf.curation.filters", "dance_tf.curation.background"]


@pytest.mark.parametrize(
    ("names", "blocked"),
    [
        (LIGHT, "tensorflow,av,tensorflow_datasets,PIL,imagehash,yaml,matplotlib"),
        # requirements-crosscheck.txt has none of these
        (["degrade_against_albumentations"], "keras,tensorflow,sklearn,mistune,filelock,yaml,matplotlib"),
    ],
    ids=["packages that train", "crosscheck"],
)
def test_modules_import_without_packages_that_they_do_not_need(names, blocked):
    jax = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "benchmarks")])
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED_IMPORTS, blocked, *names],
        capture_output=True, text=True, cwd=ROOT, env={**os.environ, **jax, "PYTHONPATH": path}, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_files_are_short_and_named_by_their_subject():
    files = [*MODULES, *(ROOT / "tests").rglob("*.py")]
    too_long = {str(path.relative_to(ROOT)) for path in files if len(path.read_text().splitlines()) > LONGEST_FILE}
    badly_named = {str(path.relative_to(ROOT)) for path in files if path.stem in BANNED_NAMES}
    assert (too_long, badly_named) == (set(), set())


def test_the_readme_has_the_numbers_of_the_published_report():
    metrics = json.loads((ROOT / "reports" / "standard" / "metrics.json").read_text())
    splits, scores = metrics["leakage"]["splits"], metrics["network"]["scores"]["difference"]
    robustness, audit = metrics["robustness"], metrics["audit"]
    leakage = [
        [splits[view][PROPOSED][split]["held_out"]["frame"]["accuracy"]["mean"] for split in ("frame", "dancer")]
        for view in ("frame", "difference")
    ]
    clip, baseline = (scores[name]["held_out"]["clip"]["accuracy"] for name in (PROPOSED, "logistic_regression"))
    name = "CNN + AE + Attention, trained in full"
    corrupted = {
        condition: level["frame"]["accuracy"]["mean"]
        for condition, levels in robustness["scores"][name].items()
        for level in levels.values()
    }
    clean = corrupted.pop("clean")
    worst = min(corrupted, key=corrupted.get)
    expected = [
        f"chance is {1 / len(metrics['data']['styles']):.0%}",
        "| frame as it is (the paper) | {:.0%} | {:.0%} |".format(*leakage[0]),
        "| background subtracted | {:.0%} | {:.0%} |".format(*leakage[1]),
        "recognises {:.1%} [{:.1f}, {:.1f}]".format(clip["mean"], *(100 * bound for bound in clip["interval"])),
        f"a logistic regression recognises {baseline['mean']:.1%}",
        f"classifies {clean:.1%} of the frames",
        f"Over {len(corrupted)} corruptions",
        f"the mean is {robustness['means'][name]['mpc']['frame']['accuracy']['mean']:.1%}",
        f"{worst.replace('_', ' ').capitalize()} are the worst: {corrupted[worst]:.1%}",
        f"{audit['paper']['impossible']} impossible and {audit['paper']['implausible']} implausible statements",
        f"in {audit['ours']['rows']} rows of ours",
    ]
    expected = [text.replace("%", " %") for text in expected]
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert [text for text in expected if text not in readme] == []
