"""Answers the visitors of the page, one after the other, and forgets their clips."""

import re
import tempfile
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import make_archive, rmtree

from dance_tf.curation.run import failure_reason
from dance_tf.fidelity.score import ScoreError
from dance_tf.report.tables import counted
from dance_tf.serving.assess import AssessedClip, Assessor
from dance_tf.serving.assessment_page import OVERVIEW, write_assessments
from dance_tf.serving.uploads import unpack_clips

UNPACKED = 4  # bytes of an unpacked zip file, as a multiple of the largest upload
ARCHIVE = "assessments"
Progress = Callable[[tuple[int, int], str], object]  # called with numbers of done and all clips, and a text


@dataclass(frozen=True, eq=False)
class Answer:
    """What the page shows.

    Attributes:
        said: a line for each clip, what `assess` prints.
        pages: HTML pages to show.
        files: to download.
        folder: that has the other pages of this answer; "" without any.
    """

    said: Sequence[str]
    pages: Sequence[str] = ()
    files: Sequence[Path] = ()
    folder: str = ""


class Desk:
    """Answers visitors and forgets their clips.

    Args:
        assessor: reads and assesses the clips.
        model: its name.
        folder: of `upload_folder`, in which the clips are.
        most_bytes: of an uploaded file.
        most_seconds: of a clip.
    """

    def __init__(
        self, assessor: Assessor, model: str, folder: Path, most_bytes: int = 200 << 20, most_seconds: float = 900.0
    ) -> None:
        self.model, self.folder, self.most_bytes = model, folder, most_bytes
        reading = assessor.bundle.description.reading or {}
        limited = {**reading, "read": {**reading.get("read", {}), "max_seconds": most_seconds}}
        description = replace(assessor.bundle.description, reading=limited)
        self.assessor = replace(assessor, bundle=replace(assessor.bundle, description=description))
        self._files: dict[str, set[Path]] = defaultdict(set)  # of each visitor
        self._work, self._closed = threading.Lock(), False

    def answer(
        self,
        visitor: str,
        clips: Sequence[Path],
        style: str = "",
        reference: Path | None = None,
        progress: Progress = lambda done, text: None,
        video: bool = False,
    ) -> Answer:
        """Assess clips and remove what the visitor had before; one answer at a time.

        Args:
            visitor: a name that others do not know.
            clips: video files, or zip files of them.
            style: with which they are compared; the nearest one by default.
            reference: a performance with which they are compared instead.
            progress: called before each clip with numbers of done and all clips, and a text.
            video: make annotated videos too.
        """
        with self._work:
            self.forget(visitor, keep=(*clips, *filter(None, [reference])))
            if not clips:
                return Answer(["Choose a clip first."])
            return self._answer(visitor, clips, replace(self.assessor, style=style, video=video), reference, progress)

    def _answer(
        self,
        visitor: str,
        clips: Sequence[Path],
        assessor: Assessor,
        reference: Path | None,
        progress: Progress,
    ) -> Answer:
        folder = Path(tempfile.mkdtemp(dir=self.folder, prefix="answer-"))
        self._files[visitor] |= {folder, *clips, *filter(None, [reference])}
        if reference:
            progress((0, len(clips)), f"reading {reference.name}")
            try:
                assessor = replace(assessor, performance=assessor.read_performance(reference))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the file, the visitor has to know
                return Answer([f"{reference.name}: {self._reason(error, reference)}"])
        found, refused = self._unpack(clips, folder / "clips")
        answers = self._assess(assessor, found, progress)
        assessed, document = write_assessments(folder / ARCHIVE, self.model, answers, refused)
        rmtree(folder / "clips", ignore_errors=True)
        said = [one.text for one in assessed.values()]
        said += [f"{each['clip']}: {each['reason']}" for each in document["refused"]]
        if not assessed:
            return Answer(said)
        written = sorted((folder / ARCHIVE).iterdir(), key=lambda path: (path.suffix != ".html", path.name))
        shown = OVERVIEW if (folder / ARCHIVE / OVERVIEW).exists() else next(iter(assessed))
        if shown == OVERVIEW:  # in one file
            packed = Path(make_archive(str(folder / ARCHIVE), "zip", folder / ARCHIVE))
            said = [f"{counted(len(assessed), 'dance')} assessed, {counted(len(document['refused']), 'file')} refused."]
            written = [packed, *(path for path in written if path.suffix != ".html")]
        return Answer(said, [(folder / ARCHIVE / shown).read_text(encoding="utf-8")], written, str(folder / ARCHIVE))

    def page(self, folder: str, name: str) -> str:
        """Return a page of an answer; "" if it is no longer there.

        Args:
            folder: of the answer.
            name: of the page, as the browser says.
        """
        pages = {path.name: path for path in Path(folder).glob("*.html")} if folder else {}
        return pages[name].read_text(encoding="utf-8") if name in pages else ""

    def forget(self, visitor: str, keep: Sequence[Path] = ()) -> None:
        """Remove the clips and the answer of a visitor, unless another visitor has the same."""
        others = {path for name, paths in list(self._files.items()) if name != visitor for path in paths}
        for path in self._files.pop(visitor, set()) - others - set(keep):
            with suppress(OSError):
                rmtree(path) if path.is_dir() else path.unlink()

    def close(self) -> None:
        """Give up the clip that is being read, wait until nothing is written any more, and read no more."""
        self._closed = True
        self.assessor.process.interrupt()
        with self._work:
            pass

    def _unpack(self, clips: Sequence[Path], folder: Path) -> tuple[list[tuple[str, Path]], list[dict[str, str]]]:
        """Return names and paths of clips, of which some may be in zip files, and what cannot be used."""
        found, refused = [], []
        for number, path in enumerate(clips):
            if path.suffix.lower() != ".zip":
                found.append((path.name, path))
                continue
            inside, most = folder / f"{number}", UNPACKED * self.most_bytes
            try:
                those, others = self.assessor.process.call(unpack_clips, path, inside, most)
            except Exception as error:  # noqa: BLE001 - as above
                refused.append({"clip": path.name, "reason": self._reason(error, path)})
                continue
            found += [(str(one.relative_to(inside)) if one != inside else path.stem, one) for one in those]
            for one in others:
                name = str(one.path.relative_to(inside)) if one.path.is_relative_to(inside) else path.name
                refused.append({"clip": path.name if name == "." else name, "reason": self._reason(one.reason, path)})
        return found, refused

    def _assess(
        self, assessor: Assessor, found: Sequence[tuple[str, Path]], progress: Progress
    ) -> Iterator[tuple[str, list[AssessedClip] | str]]:
        """Yield the name of each clip, and what is said about it."""
        for number, (name, path) in enumerate(found):
            if self._closed:
                return
            progress((number, len(found)), f"reading {name}")
            try:
                answer = assessor.assess(path)
                yield name, [replace(one, verdict=replace(one.verdict, clip=name)) for one in answer]
            except Exception as error:  # noqa: BLE001 - one bad clip must not stop the others
                yield name, self._reason(error, path)

    def _reason(self, error: Exception | str, path: Path) -> str:
        """Return in one line what is wrong with a file, without the names of our folders."""
        if isinstance(error, FileNotFoundError) and not path.exists():
            return "no longer here: choose it again"
        text = (
            error if isinstance(error, str) else str(error) if isinstance(error, ScoreError) else failure_reason(error)
        )
        text = text.replace(f"{path}: ", "").removeprefix(f"{path.name}: ")
        return re.sub(rf"{re.escape(str(self.folder))}[^\s'\":,]*", "a temporary file", text)
