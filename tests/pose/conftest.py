import pytest

from dance_tf.pose.weights import WeightsError, load_weights


@pytest.fixture(scope="session")
def blazepose():
    pytest.importorskip("ai_edge_litert", reason="poses need ai-edge-litert: install requirements.txt")
    from dance_tf.pose.blazepose import BlazePose

    try:
        return BlazePose(load_weights())
    except WeightsError as error:
        pytest.skip(str(error))
