import pytest

from dance_tf.dataset.dataset import gather


@pytest.fixture(scope="session")
def clips(blob_clips):
    """Twelve curated clips of three styles by four dancers, six to eight frames each."""
    return blob_clips()


@pytest.fixture(scope="session")
def dataset(clips):
    """The same clips in memory."""
    return gather(clips)
