"""Build a report from the saved sections: REPORT.md, index.html, metrics.json and provenance.json."""

import base64
import json
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib import metadata
from pathlib import Path

import mistune

from dance_tf.report.profile import ROOT
from dance_tf.report.section import DPI, SYNTHETIC, RunReport, Section, json_text, merge_metrics, write_whole

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

Entry = Mapping[str, object]


def write_report(report: RunReport, from_records: bool = False) -> Path:
    """Write metrics.json, provenance.json, REPORT.md and index.html.

    Args:
        report: the run folder with its sections.
        from_records: the sections were made again from stored runs. provenance.json then keeps the facts of these runs
            and adds the commit that made the sections, if it differs.

    Returns:
        path of REPORT.md.

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
    write_whole(report.folder / "REPORT.md", render_markdown(sections, report.folder, facts, metrics))
    write_whole(report.folder / "index.html", render_page(sections, report.folder, facts, metrics))
    return report.folder / "REPORT.md"


def render_markdown(sections: Sequence[Section], folder: Path, facts: Entry, metrics: Entry) -> str:
    """Return REPORT.md: one screen of findings, then the text, main table and main figure of each section.

    Args:
        sections: in the order of the report.
        folder: the run folder; tables are read from it.
        facts: as returned by `provenance`.
        metrics: merged metrics of all sections.
    """
    top = top_figures(sections)
    lines = [f"# {_title(facts)}", "", *_opening(facts, metrics)]
    if findings := _findings(sections):
        lines += ["## Findings", "", *(f"{number}. {text}" for number, text in enumerate(findings, start=1)), ""]
    lines += [line for entry in top for line in _figure_lines(entry)]
    lines += [
        "All tables and figures: [index.html](index.html). Numbers: [metrics.json](metrics.json). "
        "Origin: [provenance.json](provenance.json). Notebooks as run: [executed/](executed/).",
        "",
        "## Contents",
        "",
        *(f"- [{section.title}](#{anchor(section.title)})" for section in sections),
        "- [How this report was made](#how-this-report-was-made)",
        "",
    ]
    for section in sections:
        lines += [f"{'#' * _level(section)} {section.title}", ""]
        if section.text.strip():
            lines += [section.text.strip(), ""]
        shown = [entry for entry in _main(section.tables) if int(entry["rows"]) <= MAX_ROWS]
        for entry in shown:
            lines += [f"**{entry['title']}** ([csv](tables/{entry['name']}.csv))", ""]
            lines += [_table_text(folder, entry), ""]
            lines += [f"*{entry['caption']}*", ""] if entry["caption"] else []
        drawn = [entry for entry in _main(section.figures) if entry not in top]
        lines += [line for entry in drawn for line in _figure_lines(entry)]
        more = [
            f"[{entry['title']}](tables/{entry['name']}.csv) ({entry['rows']} rows)"
            for entry in section.tables
            if entry not in shown
        ]
        more += [f"[{entry['title']}](figures/{entry['name']}.png)" for entry in section.figures if entry not in drawn]
        lines += [f"More: {'; '.join(more)}.", ""] if more else []
    lines += ["## How this report was made", "", *_origin(facts)]
    if facts["parameters"]:
        lines += [
            "",
            "<details><summary>Parameters of the profile</summary>",
            "",
            *_parameters(facts),
            "",
            "</details>",
        ]
    return "\n".join(lines).rstrip() + "\n"


def render_page(sections: Sequence[Section], folder: Path, facts: Entry, metrics: Entry) -> str:
    """Return index.html: all text, tables and figures on one self-contained page.

    Args:
        sections: in the order of the report.
        folder: the run folder; tables, figures and the names of the executed notebooks are read from it.
        facts: as returned by `provenance`.
        metrics: merged metrics of all sections.
    """
    markdown = mistune.create_markdown(escape=True, plugins=["table"])
    top = top_figures(sections)

    def figure(entry: Entry) -> Iterator[str]:
        file = f"figures/{entry['name']}.png"
        data = (folder / file).read_bytes()
        width = int.from_bytes(data[16:20]) * 96 // DPI  # CSS has 96 pixels per inch
        source = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        image = f'<img alt="{escape(str(entry["title"]))}" width="{width}" src="{source}">'
        yield f'<figure><a href="{file}">{image}</a>'
        yield f"<figcaption>{markdown(str(entry['caption']))}</figcaption></figure>"

    def table(entry: Entry, opened: bool) -> Iterator[str]:
        title = escape(str(entry["title"]))
        yield f"<details{' open' if opened else ''}><summary>{title} ({entry['rows']} rows)</summary>"
        yield f'<div class="table" role="region" aria-label="{title}" tabindex="0">'
        yield f"{markdown(_table_text(folder, entry))}</div>"
        yield markdown(f"{entry['caption']} [csv](tables/{entry['name']}.csv)") + "</details>"

    body = [f"<h1>{escape(_title(facts))}</h1>", markdown("\n".join(_opening(facts, metrics)))]
    if findings := _findings(sections):
        body += ["<h2>Findings</h2>", markdown("\n".join(f"1. {text}" for text in findings))]
    body += [part for entry in top for part in figure(entry)]
    body += ["<nav aria-label='Contents'><h2>Contents</h2><ul>"]
    body += [f'<li><a href="#{anchor(one.title)}">{escape(one.title)}</a></li>' for one in sections]
    body += ["</ul></nav>"]
    for section in sections:
        heading = f"h{_level(section)}"
        body += [f'<{heading} id="{anchor(section.title)}">{escape(section.title)}</{heading}>', markdown(section.text)]
        body += [part for entry in section.tables for part in table(entry, entry in _main(section.tables))]
        body += [part for entry in section.figures if entry not in top for part in figure(entry)]
    notebooks = sorted(path.name for path in (folder / "executed").glob("[0-9]*.ipynb"))
    links = [f"[{name}](executed/{name})" for name in notebooks]
    links += [f"[{name}]({name})" for name in ("REPORT.md", "metrics.json", "provenance.json")]
    body += [
        "<h2>How this report was made</h2>",
        markdown("\n".join([*_origin(facts), f"- Files: {', '.join(links)}"])),
    ]
    if facts["parameters"]:
        body += ["<details><summary>Parameters of the profile</summary>"]
        body += [markdown("\n".join(_parameters(facts))), "</details>"]
    template = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
    return template.replace("{{title}}", escape(_title(facts))).replace("{{body}}", "\n".join(body))


def top_figures(sections: Sequence[Section]) -> list[Entry]:
    """Return the figures at the top of the report: the first two that are marked as main."""
    return [entry for section in sections for entry in section.figures if entry["main"]][:MAX_TOP_FIGURES]


def anchor(title: str) -> str:
    """Return the link target that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _main(entries: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in entries if entry["main"]] or list(entries[:1])


def _level(section: Section) -> int:
    return 3 if section.part else 2


def _title(facts: Entry) -> str:
    return f"dance_tf report: {facts['profile'] or 'single notebooks'}"


def _findings(sections: Sequence[Section]) -> list[str]:
    return [section.headline for section in sections if section.headline][:MAX_FINDINGS]


def _opening(facts: Entry, metrics: Entry) -> list[str]:
    """Summarise the run in two or three sentences, with warnings about its numbers."""
    data = metrics.get("data", {})
    said = []
    if isinstance(data, Mapping) and {"clips", "dancers", "styles", "frames"} <= set(data):
        said += [
            f"{data['clips']} clips of {data['dancers']} dancers in {len(data['styles'])} styles were curated; "
            f"{data['frames']:,} frames were kept."
        ]
    if "strategies" in metrics:
        said += ["Networks were trained on some of the dancers and tested on held-out dancers."]
    if facts["profile"]:
        said += [f"All parameters are those of the profile `{facts['profile']}`."]
    said += ["Numbers in brackets are 95 % intervals over dancers."]
    lines = [" ".join(said), ""]
    lines += [SMOKE_WARNING, ""] if facts["profile"] == "smoke" else []
    return lines + ([SYNTHETIC_WARNING, ""] if facts["source"] == SYNTHETIC else [])


def _figure_lines(entry: Entry) -> list[str]:
    lines = [f"![{entry['title']}](figures/{entry['name']}.png)", ""]
    return lines + ([f"*{entry['caption']}*", ""] if entry["caption"] else [])


def _table_text(folder: Path, entry: Entry) -> str:
    return (folder / "tables" / f"{entry['name']}.md").read_text(encoding="utf-8").strip()


def _origin(facts: Entry) -> list[str]:
    machine, redrawn = facts["machine"], facts.get("tables_and_figures")
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items() if version)
    return [
        f"- Commit: {_commit(facts)}. Every number was computed by the notebooks.",
        *([f"- Tables and figures made from the stored runs at commit {_commit(redrawn)}"] if redrawn else []),
        f"- Footage: {facts['source']}; data hash: {facts['data_hash'] or 'not given'}; seed: {facts['seed']}",
        f"- Machine: {machine['cpu']}, {machine['cores']} cores, device {machine['device']}, {machine['platform']}",
        f"- Python {facts['python']}, Keras backend {facts['backend']}; {packages}",
    ]


def _commit(facts: Entry) -> str:
    return str(facts["commit"] or "unknown")[:10] + (" with uncommitted changes" if facts["dirty"] else "")


def _parameters(facts: Entry) -> list[str]:
    return ["```yaml", *(f"{key}: {value}" for key, value in facts["parameters"].items()), "```"]


def provenance(
    profile: str, parameters: Mapping[str, object], source: str, metrics: Mapping[str, object]
) -> dict[str, object]:
    """Return the origin of a report, without host name, absolute path or time.

    Args:
        profile: name of the profile; empty if notebooks were run one by one.
        parameters: what the profile sets.
        source: "synthetic" or the name of the footage.
        metrics: the merged metrics; the data hash is read from their `data`/`hash`.
    """
    commit, dirty = commit_of(ROOT)
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
    if listing.exists():
        for line in listing.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def device() -> str:
    """Return the names of the accelerators, or "cpu", from the driver: importing a backend would take longer."""
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
    """Return a parameter for publication: an absolute path, which may contain a user name, becomes its last part."""
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value
