"""How work shows that it goes on: progress bars for people, signs of life for whoever waits for a process."""

import os


def bar_hidden(progress: bool) -> bool:
    """True where no bar was asked for, or where TQDM_DISABLE says that nobody watches, as in a report's kernels.

    tqdm heeds that variable only where its own `disable` is not given.
    """
    return not progress or os.environ.get("TQDM_DISABLE", "0") not in ("", "0")


def silent() -> None:
    """The sign of life of a process that nobody watches."""
