"""Networks and data that several test files share and do not change."""

import keras
import pytest

from dance_tf.dataset.dataset import gather
from dance_tf.model.networks import STRATEGIES, NetworkSettings


@pytest.fixture(scope="session")
def networks():
    """The network of every strategy for 12 styles, by name."""
    keras.utils.set_random_seed(0)
    return {name: strategy.build(NetworkSettings()) for name, strategy in STRATEGIES.items()}


@pytest.fixture(scope="session")
def dataset(blob_clips):
    """Twelve clips of three styles by four dancers, six to eight frames each."""
    return gather(blob_clips())
