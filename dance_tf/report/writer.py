"""A run's report folder: sections come in from the notebooks, REPORT.md, metrics.json and provenance.json come out."""

import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib.figure import Figure

from dance_tf.report.document import render
from dance_tf.report.provenance import provenance
from dance_tf.report.sections import Picture, Section, Table, json_text, merge_metrics, plain, titles_of, write_whole
from dance_tf.report.tables import to_markdown

DPI = 150
SYNTHETIC = "synthetic"


class RunReport:
    """The report of one run, kept in files only, so that notebooks need nothing else to speak to each other.

    ```
    report = RunReport(run_folder)
    report.save("evaluate_classifier", "Dancers never seen", order=30, metrics={...}, tables=[...], figures=[...])
    report.write()  # once, after the last notebook
    ```

    Args:
        folder: where the report lies; made if it is not there.
        source: what the run's frames are: "synthetic" or the footage's name. Given once (by the first notebook) it is
            remembered for the run; never given it is "synthetic", so that no figure can forget to say so.
    """

    def __init__(self, folder: Path | str, source: str = "") -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if source:
            self.describe_run(source=source)

    @property
    def source(self) -> str:
        """What the run's frames are: "synthetic" or the name of the footage."""
        return str(self._run().get("source", SYNTHETIC))

    def describe_run(self, **entries: object) -> None:
        """Remembers facts about the whole run (`source`, `profile`, `parameters`) in run.json."""
        write_whole(self.folder / "run.json", json_text({**self._run(), **entries}))

    def save(
        self,
        section: str,
        title: str,
        text: str = "",
        metrics: Mapping[str, object] | None = None,
        tables: Sequence[Table] = (),
        figures: Sequence[Picture] = (),
        *,
        order: int,
        headline: str = "",
    ) -> None:
        """Writes one section, in place of what it wrote before.

        Args:
            section: name of the section, as in a file name: "evaluate_classifier".
            title: its heading in REPORT.md.
            text: Markdown between the heading and the tables; its own headings start at "###".
            metrics: a branch of metrics.json; what is not finite becomes null.
            tables: written as tables/<name>.csv and .md.
            figures: written as figures/<name>.png.
            order: the notebook's number, which is the section's place in the report.
            headline: one line for the top of REPORT.md, with its numbers.

        Raises:
            ValueError: a name that does not fit a file, a name that another section has taken, or a figure on data
                whose titles do not name the run's source. Nothing is written then.
        """
        names = [section, *(item.name for item in (*tables, *figures))]
        if bad := [name for name in names if not re.fullmatch(r"[a-z0-9][a-z0-9_]*", name)]:
            raise ValueError(f"not fit for a file name (lower case, digits, underscores): {', '.join(bad)}")
        for picture in figures:
            shown = " ".join(titles_of(picture.figure)).lower()
            if picture.on_data and self.source.lower() not in shown:
                raise ValueError(f"the figure {picture.name} shows data but no title of it says {self.source!r}")
        new = Section(
            order=order,
            name=section,
            title=title,
            headline=headline,
            text=text,
            metrics=plain(metrics or {}),
            tables=[{"name": t.name, "title": t.title, "caption": t.caption, "rows": len(t.frame)} for t in tables],
            figures=[
                {"name": p.name, "title": next(iter(titles_of(p.figure)), p.name), "caption": p.caption}
                for p in figures
            ],
        )
        wanted = self._files_of(new)
        if len(wanted) != len(set(wanted)):
            raise ValueError(f"two tables or two figures of {section} have the same name")
        for other in self.sections():
            if other.file_name != new.file_name and (taken := set(wanted) & set(self._files_of(other))):
                raise ValueError(f"{min(taken).name} already belongs to the section {other.name}")
        before = [old for old in self.sections() if old.file_name == new.file_name]
        for table in tables:
            write_whole(
                self.folder / "tables" / f"{table.name}.csv", table.frame.to_csv(index=False, lineterminator="\n")
            )
            write_whole(self.folder / "tables" / f"{table.name}.md", to_markdown(table.frame))
        for picture in figures:
            write_whole(self.folder / "figures" / f"{picture.name}.png", png(picture.figure))
        write_whole(self.folder / "sections" / new.file_name, json_text(asdict(new)))
        for left in {file for old in before for file in self._files_of(old)} - set(wanted):
            left.unlink(missing_ok=True)

    def sections(self) -> list[Section]:
        """All sections saved so far, in the order of the report."""
        files = sorted((self.folder / "sections").glob("*.json"))
        found = [Section(**json.loads(file.read_text(encoding="utf-8"))) for file in files]
        return sorted(found, key=lambda section: (section.order, section.name))

    def stamps(self) -> dict[str, int]:
        """When each section was last saved: file name to nanoseconds, only good for comparing."""
        return {file.name: file.stat().st_mtime_ns for file in (self.folder / "sections").glob("*.json")}

    def remove(self, section: Section) -> None:
        """Removes a section that no notebook saves any more, with its tables and figures."""
        for file in self._files_of(section):
            file.unlink(missing_ok=True)
        (self.folder / "sections" / section.file_name).unlink()

    def write(self) -> Path:
        """Writes metrics.json, provenance.json and REPORT.md from the sections.

        Returns:
            the path of REPORT.md.

        Raises:
            ValueError: there is no section, or two sections disagree about a number.
        """
        sections = self.sections()
        if not sections:
            raise ValueError(f"no section has been saved in {self.folder}")
        metrics = merge_metrics([(section.name, section.metrics) for section in sections])
        run = self._run()
        facts = provenance(run.get("profile", ""), run.get("parameters", {}), self.source, metrics)
        tables = {
            entry["name"]: (self.folder / "tables" / f"{entry['name']}.md").read_text(encoding="utf-8")
            for section in sections
            for entry in section.tables
        }
        write_whole(self.folder / "metrics.json", json_text(metrics))
        write_whole(self.folder / "provenance.json", json_text(facts))
        write_whole(self.folder / "REPORT.md", render(sections, tables, facts))
        return self.folder / "REPORT.md"

    def _run(self) -> dict[str, object]:
        file = self.folder / "run.json"
        return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}

    def _files_of(self, section: Section) -> list[Path]:
        files = [self.folder / "tables" / f"{t['name']}.{end}" for t in section.tables for end in ("csv", "md")]
        return files + [self.folder / "figures" / f"{entry['name']}.png" for entry in section.figures]


def png(figure: Figure) -> bytes:
    """A figure as PNG; the same figure gives the same bytes, as neither a date nor a version is written into it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()
