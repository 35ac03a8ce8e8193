"""How long a training took that may have been killed and gone on."""

import json
import time
from pathlib import Path

NOTE = "stopwatch.json"
STATE = "state.json"  # in each checkpoint, written last


class Stopwatch:
    """Seconds of a training, with those of earlier attempts that were killed.

    An earlier attempt counts up to its last checkpoint: what it did after that is done again, and counted then.

    Args:
        unfinished: folder of the training's checkpoints, in which the start of each attempt is noted.
    """

    def __init__(self, unfinished: Path):
        note = Path(unfinished) / NOTE
        self.earlier = 0.0
        if note.is_file():
            before = json.loads(note.read_text())
            kept = [state.stat().st_mtime for state in Path(unfinished).rglob(STATE)]
            self.earlier = before["earlier"] + max(0.0, max(kept, default=0.0) - before["started"])
        note.parent.mkdir(parents=True, exist_ok=True)
        partial = note.with_suffix(".partial")
        partial.write_text(json.dumps({"earlier": self.earlier, "started": time.time()}))
        partial.replace(note)
        self._started = time.perf_counter()

    def seconds(self) -> float:
        """Seconds so far."""
        return self.earlier + time.perf_counter() - self._started
