"""Build a report from the saved sections: REPORT.md, index.html, metrics.json and provenance.json."""

import base64
import json
import os
import platform
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

import mistune
from jinja2 import Environment, FileSystemLoader, select_autoescape

from dance_tf.report.profile import ROOT
from dance_tf.report.section import DPI, SYNTHETIC, RunReport, Section, json_text, merge_metrics, write_whole
from dance_tf.report.tables import counted

MAX_FINDINGS = 5
MAX_TOP_FIGURES = 2
MAX_ROWS = 15  # largest number of rows of a table that REPORT.md prints
SMOKE_WARNING = "**This is the `smoke` profile. It only checks that all notebooks run. Its numbers have no meaning.**"
SYNTHETIC_WARNING = (
    "All footage is **synthetic**: generated dancers in generated scenes. The numbers do not show how well a "
    "network classifies real dances, and they do not reproduce the paper."
)
# packages that can change a number; requirements.txt at the same commit pins the other packages
PACKAGES = (
    "av", "imagehash", "jax", "joblib", "keras", "matplotlib", "numpy", "opencv-python", "pandas", "papermill",
    "scikit-learn", "scipy", "tensorflow", "tensorflow-datasets",
)  # fmt: skip
SPACING = {"trim_blocks": True, "lstrip_blocks": True}  # of tags in the templates report.md and page.html

Entry = Mapping[str, object]


def write_report(report: RunReport, from_records: bool = False) -> Path:
    """Write metrics.json, provenance.json, REPORT.md and index.html, and return the path of REPORT.md.

    REPORT.md has the main table and figure of each section; index.html, one self-contained page, has all.

    Args:
        report: the run folder with its sections.
        from_records: the sections were made again from stored runs. provenance.json then keeps the facts of these runs
            and adds the commit that made the sections, if it differs.

    Raises:
        ValueError: there is no section, or two sections give different values for a number.
    """
    sections = report.sections()
    if not sections:
        raise ValueError(f"no section has been saved in {report.folder}")
    metrics = merge_metrics([(section.name, section.metrics) for section in sections])
    facts = provenance(report.run.get("profile", ""), report.run.get("parameters", {}), report.source, metrics)
    stored = report.folder / "provenance.json"
    if from_records and stored.is_file():
        now = {"commit": facts["commit"], "dirty": facts["dirty"]}
        facts = json.loads(stored.read_text(encoding="utf-8"))
        facts.pop("tables_and_figures", None)
        if now != {"commit": facts.get("commit"), "dirty": facts.get("dirty")}:
            facts["tables_and_figures"] = now
    write_whole(report.folder / "metrics.json", json_text(metrics))
    write_whole(stored, json_text(facts))
    content = _content(report.folder, sections, facts, metrics)
    pages = Environment(autoescape=select_autoescape(), loader=FileSystemLoader(Path(__file__).parent), **SPACING)
    for name, template in {"REPORT.md": "report.md", "index.html": "page.html"}.items():
        write_whole(report.folder / name, pages.get_template(template).render(content).rstrip() + "\n")
    return report.folder / "REPORT.md"


def _content(folder: Path, sections: Sequence[Section], facts: Entry, metrics: Entry) -> dict[str, object]:
    """Return the names that both templates use."""
    figures = [entry for section in sections for entry in section.figures if entry["main"]]
    runs = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((folder / "runs").glob("*/run.json"))]
    backends = Counter(run["provenance"]["backend"] for run in runs)
    notebooks = sorted(path.name for path in (folder / "executed").glob("[0-9]*.ipynb"))
    links = [f"[{name}](executed/{name})" for name in notebooks]
    links += [f"[{name}]({name})" for name in ("REPORT.md", "metrics.json", "provenance.json")]

    def image(entry: Entry) -> dict[str, object]:
        data = (folder / "figures" / f"{entry['name']}.png").read_bytes()
        width = int.from_bytes(data[16:20]) * 96 // DPI  # CSS has 96 pixels per inch
        return {"width": width, "source": f"data:image/png;base64,{base64.b64encode(data).decode()}"}

    return {
        "title": f"dance_tf report: {facts['profile'] or 'single notebooks'}",
        "opening": "\n\n".join(_opening(facts, metrics)),
        "findings": [section.headline for section in sections if section.headline][:MAX_FINDINGS],
        "top": figures[:MAX_TOP_FIGURES],
        "sections": sections,
        "max_rows": MAX_ROWS,
        "origin": "\n".join(_origin(facts, backends)),
        "parameters": "\n".join(f"{key}: {value}" for key, value in facts["parameters"].items()),
        "files": ", ".join(links),
        "main": lambda entries: [entry for entry in entries if entry["main"]] or entries[:1],
        "anchor": lambda title: re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-"),  # as GitHub makes it
        "table": lambda entry: (folder / "tables" / f"{entry['name']}.md").read_text(encoding="utf-8").strip(),
        "image": image,
        "markdown": mistune.create_markdown(escape=True, plugins=["table"]),
        "counted": counted,
    }


def _opening(facts: Entry, metrics: Entry) -> list[str]:
    """Return paragraphs: the run in two or three sentences, and warnings about its numbers."""
    data = metrics.get("data", {})
    said = []
    if isinstance(data, Mapping) and {"clips", "dancers", "styles", "frames"} <= set(data):
        said += [
            f"{counted(data['clips'], 'clip')} of {counted(data['dancers'], 'dancer')} in "
            f"{counted(len(data['styles']), 'style')} were curated; {data['frames']:,} frames were kept."
        ]
    if "strategies" in metrics:
        said += ["Networks were trained on some of the dancers and tested on held-out dancers."]
    if facts["profile"]:
        said += [f"All parameters are those of the profile `{facts['profile']}`."]
    said += ["Numbers in brackets are 95 % intervals over dancers."]
    warnings = {SMOKE_WARNING: facts["profile"] == "smoke", SYNTHETIC_WARNING: facts["source"] == SYNTHETIC}
    return [" ".join(said), *(text for text, holds in warnings.items() if holds)]


def _origin(facts: Entry, backends: Mapping[str, int]) -> list[str]:
    """Return the lines of a list: commit, footage, machine, versions, and runs of other backends than this one."""
    machine, redrawn = facts["machine"], facts.get("tables_and_figures")
    elsewhere = [f"{count} with the backend {name}" for name, count in backends.items() if name != facts["backend"]]
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items() if version)
    return [
        f"- Commit: {_commit(facts)}. Every number was computed by the notebooks.",
        *([f"- Tables and figures made from the stored runs at commit {_commit(redrawn)}"] if redrawn else []),
        f"- Footage: {facts['source']}; data hash: {facts['data_hash'] or 'not given'}; seed: {facts['seed']}",
        f"- Machine: {machine['cpu']}, {machine['cores']} cores, device {machine['device']}, {machine['platform']}",
        f"- Python {facts['python']}, Keras backend {facts['backend']}; {packages}",
        *([f"- Runs trained elsewhere: {', '.join(elsewhere)}"] if elsewhere else []),
    ]


def _commit(facts: Entry) -> str:
    return str(facts["commit"] or "unknown")[:10] + (" with uncommitted changes" if facts["dirty"] else "")


def provenance(
    profile: str, parameters: Mapping[str, object], source: str, metrics: Mapping[str, object]
) -> dict[str, object]:
    """Return the origin of a report, without host name, absolute path or time.

    Args:
        profile: its name; empty if notebooks were run one by one.
    """
    commit, dirty = commit_of(ROOT)
    data = metrics.get("data", {})
    system = " ".join(filter(None, (platform.system(), platform.machine(), *platform.libc_ver())))
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
        "machine": {"platform": system, "cpu": cpu_model(), "cores": os.cpu_count(), "device": device()},
    }


def commit_of(repository: Path) -> tuple[str | None, bool | None]:
    """Return the checked-out commit and whether files other than reports differ from it; None without git."""

    def git(*arguments: str) -> str | None:
        if not (repository / ".git").exists() or shutil.which("git") is None:
            return None
        done = subprocess.run(["git", "-C", repository, *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    # building the published report changes files in reports/, which are not code
    changes = git("status", "--porcelain", "--", ".", ":!reports")
    return git("rev-parse", "HEAD"), None if changes is None else bool(changes)


def version_of(package: str) -> str | None:
    """Return the installed version of a package, or None."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def cpu_model() -> str:
    """Return the name of the processor."""
    listing = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*:(.*)", listing.read_text(encoding="utf-8") if listing.exists() else "", re.M)
    return found[1].strip() if found else platform.processor() or platform.machine()


def device() -> str:
    """Return the names of the accelerators, or "cpu", from the driver: importing a backend would take longer."""
    if shutil.which("nvidia-smi") is None:
        return "cpu"
    ask = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(ask, capture_output=True, text=True, check=False)
    return ", ".join(done.stdout.strip().splitlines()) or "cpu" if done.returncode == 0 else "cpu"


def portable(value: object) -> object:
    """Return a parameter for publication: an absolute path, which may contain a user name, becomes its last part."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
