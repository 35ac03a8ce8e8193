import keras
import numpy as np
import pytest

from dance_tf.model.networks import NetworkSettings, build_cnn_lstm

SETTINGS = NetworkSettings(classes=3, sequence_length=4)
WINDOWS = np.random.default_rng(0).integers(0, 256, (5, 4, 128, 128, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return build_cnn_lstm(SETTINGS)


def lstm(sequence, kernel, recurrent, bias):
    """Keras's LSTM written out for one sequence [steps, n]: gates input, forget, cell, output."""
    units = len(recurrent)
    hidden, cell = np.zeros(units), np.zeros(units)
    for step in sequence:
        gates = np.split(step @ kernel + hidden @ recurrent + bias, 4)
        enter, forget, leave = (1 / (1 + np.exp(-gates[place])) for place in (0, 1, 3))
        cell = forget * cell + enter * np.tanh(gates[2])
        hidden = leave * np.tanh(cell)
    return hidden


def test_each_frame_goes_through_the_cnn_path_and_the_lstm_reads_them_in_order(model):
    frame = keras.Input((128, 128, 1), dtype="uint8")
    outputs = frame
    for name in ("gray_levels", "standardized", *(f"cnn_{stage}" for stage in range(1, 6)), "cnn_vector"):
        outputs = model.get_layer(name)(outputs)
    vectors = keras.Model(frame, outputs)
    expected = [lstm(np.array(vectors(window)), *model.get_layer("lstm").get_weights()) for window in WINDOWS]
    found = keras.Model(model.input, model.get_layer("lstm").output)(WINDOWS)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


def test_windows_do_not_mix_and_their_order_counts(model):
    found = model.predict(WINDOWS, verbose=0)
    np.testing.assert_allclose(model.predict(WINDOWS[[3, 1]], verbose=0), found[[3, 1]], rtol=1e-4)
    backwards = model.predict(WINDOWS[:, ::-1], verbose=0)
    assert np.abs(backwards - found).max() > 1e-4


def test_it_comes_back_from_its_file(model, tmp_path):
    model.save(tmp_path / "model.keras")
    found = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(found(WINDOWS), model(WINDOWS))


def test_its_shape(model):
    assert model.input_shape == (None, 4, 128, 128, 1)
    assert model.get_layer("cnn_vector").output.shape[-1] == 512
    assert model.output_shape == (None, 3)
