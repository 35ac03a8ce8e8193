"""REPORT.md, put together from the sections of a run."""

import re
from collections.abc import Mapping, Sequence

from dance_tf.report.sections import Section

LONGEST_TABLE = 40
SMOKE_WARNING = "**This is the `smoke` profile: it shows that everything runs. Its numbers mean nothing.**"


def render(sections: Sequence[Section], tables: Mapping[str, str], facts: Mapping[str, object]) -> str:
    """The report as Markdown.

    Args:
        sections: in the order to print them.
        tables: name of a table to its Markdown.
        facts: as `provenance` gives them.
    """
    profile = facts.get("profile") or "single notebooks"
    source = facts["source"]
    lines = [f"# dance_tf, run `{profile}`", "", _about(facts), ""]
    if profile == "smoke":
        lines += [SMOKE_WARNING, ""]
    if source == "synthetic":
        lines += [
            "All footage here is **synthetic**: made-up dancers in made-up rooms. No number on this page says how well "
            "real dances are told apart, and none reproduces the paper's.",
            "",
        ]
    headlines = [section.headline for section in sections if section.headline]
    if headlines:
        lines += ["## In short", "", *(f"- {headline}" for headline in headlines), ""]
    lines += ["## Contents", ""]
    lines += [f"- [{section.title}](#{anchor(section.title)})" for section in sections]
    lines += ["- [How this report was made](#how-this-report-was-made)", ""]
    for section in sections:
        lines += _section(section, tables)
    lines += _provenance(facts)
    return "\n".join(lines).rstrip() + "\n"


def anchor(title: str) -> str:
    """The link target that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _about(facts: Mapping[str, object]) -> str:
    commit = str(facts["commit"] or "unknown")[:10] + (" with uncommitted changes" if facts["dirty"] else "")
    return (
        f"Generated from the sections that the notebooks saved, at commit {commit}; nobody typed a number into it. "
        "Data: [metrics.json](metrics.json), [provenance.json](provenance.json)."
    )


def _section(section: Section, tables: Mapping[str, str]) -> list[str]:
    lines = [f"## {section.title}", ""]
    if section.text.strip():
        lines += [section.text.strip(), ""]
    for entry in section.tables:
        name = entry["name"]
        lines += [f"**{entry['title']}** ([csv](tables/{name}.csv))", ""]
        if int(entry["rows"]) <= LONGEST_TABLE:
            lines += [tables[name].strip(), ""]
        else:
            lines += [f"{entry['rows']} rows, too long for this page: [{name}.md](tables/{name}.md).", ""]
        if entry["caption"]:
            lines += [f"*{entry['caption']}*", ""]
    for entry in section.figures:
        lines += [f"![{entry['title']}](figures/{entry['name']}.png)", ""]
        if entry["caption"]:
            lines += [f"*{entry['caption']}*", ""]
    return lines


def _provenance(facts: Mapping[str, object]) -> list[str]:
    machine = facts["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in facts["packages"].items() if version)
    lines = [
        "## How this report was made",
        "",
        f"- Footage: {facts['source']}; data hash: {facts['data_hash'] or 'not given'}; seed: {facts['seed']}",
        f"- Machine: {machine['cpu']}, {machine['cores']} cores, device {machine['device']}, {machine['platform']}",
        f"- Python {facts['python']}, Keras backend {facts['backend']}; {packages}",
        "",
    ]
    if facts["parameters"]:
        lines += ["<details><summary>Parameters of the profile</summary>", "", "```yaml"]
        lines += [f"{key}: {value}" for key, value in facts["parameters"].items()]
        lines += ["```", "", "</details>", ""]
    return lines
