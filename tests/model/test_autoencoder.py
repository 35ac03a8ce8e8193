from itertools import pairwise

import keras
import numpy as np
import pytest

from dance_tf.model.autoencoder import STAGES, build_autoencoder, copy_weights

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def grown():
    """Autoencoders of one to five stages, each grown from the one before."""
    models = [build_autoencoder(stages, seed=3 + stages) for stages in range(1, STAGES + 1)]
    for small, large in pairwise(models):
        copy_weights(small, large)
    return models


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    return {weight.path: np.array(weight.numpy()) for weight in model.weights}


@pytest.mark.parametrize("stages", range(1, STAGES + 1))
def test_every_size_reads_and_writes_whole_frames(grown, stages):
    model = grown[stages - 1]
    assert model.input_shape == model.output_shape == (None, 128, 128, 1)
    assert model.input.dtype == "uint8"
    encoder = [(64, 64, 4), (32, 32, 8), (16, 16, 16), (8, 8, 32), (4, 4, 64)]
    decoder = [(128, 128, 1), (64, 64, 8), (32, 32, 16), (16, 16, 32), (8, 8, 64)]
    for side, expected in (("encoder", encoder), ("decoder", decoder)):
        shapes = [model.get_layer(f"{side}_{number}").output.shape[1:] for number in range(1, stages + 1)]
        assert shapes == expected[:stages]


def test_the_whole_autoencoder_has_the_weights_counted_by_hand(grown):
    # convolutions of 3 × 3 to the code, of 4 × 4 back; four numbers a channel of a batch normalisation, but a bias
    # at the code and at the end; from 64 numbers to 32 × 32 pixels at once
    encoder, decoder = (1, 4, 8, 16, 32, 64), (64, 64, 32, 16, 8, 1)
    weights = sum(9 * a * b + 4 * b for a, b in pairwise(encoder)) + sum(
        16 * a * b + 4 * b for a, b in pairwise(decoder)
    )
    assert grown[-1].count_params() == weights - 3 * 64 - 3 + 64 * 32 * 32


def test_the_code_is_linear_and_frames_get_their_own_light_back():
    model = build_autoencoder()
    code = np.array(keras.Model(model.input, model.get_layer("encoder_5").output)(FRAMES))
    assert code.shape == (2, 4, 4, 64) and (code < 0).any() and (code > 0).any()
    many = np.random.default_rng(1).integers(0, 256, (128, 128, 128, 1), dtype=np.uint8)  # as many as a frame has rows
    dim = many // 4
    for layer in (model.get_layer("decoder_1"), model.get_layer("linear_5")):
        layer.set_weights([0 * weight for weight in layer.get_weights()])
    for frames in (many, dim):
        means = frames.mean(axis=(1, 2, 3), keepdims=True) / 255
        np.testing.assert_allclose(model(frames), np.broadcast_to(means, frames.shape), atol=1e-5)


@pytest.mark.parametrize(("small", "large"), [(1, 2), (2, 5)])
def test_growth_keeps_earlier_weights_and_leaves_the_smaller_model_alone(grown, small, large):
    before, model = weights_of(grown[small - 1]), build_autoencoder(large)
    copied = copy_weights(grown[small - 1], model)
    assert copied == tuple(f"{side}_{n}" for side in ("decoder", "encoder") for n in range(1, small + 1))
    after = weights_of(model)
    kept = {path: value for path, value in before.items() if not path.startswith(("code_", "linear_"))}  # of one size
    for path, value in kept.items():
        np.testing.assert_array_equal(after[path], value, err_msg=path)
    added = {path.split("/")[0] for path in set(after) - set(before)} - {f"code_{large}", f"linear_{large}"}
    assert added == {f"{side}_{n}" for side in ("encoder", "decoder") for n in range(small + 1, large + 1)}
    assert all(after[path].any() for path in after if path.endswith("kernel"))
    model.set_weights([weight + 1 for weight in model.get_weights()])
    for path, value in weights_of(grown[small - 1]).items():
        np.testing.assert_array_equal(before[path], value)


def test_its_input_has_low_resolution():
    coarse, fine = build_autoencoder(1, factor=8), build_autoencoder(1, factor=1)
    fine.set_weights(coarse.get_weights())
    # a checkerboard of single pixels averages to gray in every block of 8 × 8
    board = (np.indices((128, 128)).sum(axis=0) % 2 * 254).astype(np.uint8)[None, ..., None]
    gray = np.full_like(board, 127)
    np.testing.assert_allclose(coarse(board), coarse(gray), atol=1e-6)
    assert np.abs(np.array(fine(board)) - fine(gray)).max() > 1e-3
