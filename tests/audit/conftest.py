import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def paper_text():
    """Text of the paper, from beside the shared data; tests that need it are skipped if it is missing."""
    shared = Path(os.environ.get("DANCE_TF_SHARED_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    texts = sorted((shared.parent / "paper").glob("*.txt"))
    if not texts:
        pytest.skip(f"the paper's text is not beside {shared}")
    return texts[0].read_text(encoding="utf-8")
