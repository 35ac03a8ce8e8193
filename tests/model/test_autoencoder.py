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
    decoder = [(128, 128, 1), (64, 64, 4), (32, 32, 8), (16, 16, 16), (8, 8, 32)]
    for side, expected in (("encoder", encoder), ("decoder", decoder)):
        shapes = [model.get_layer(f"{side}_{number}").output.shape[1:] for number in range(1, stages + 1)]
        assert shapes == expected[:stages]
    outputs = np.array(model(FRAMES))
    assert (0 < outputs).all() and (outputs < 1).all()


def test_the_whole_autoencoder_has_the_weights_counted_by_hand(grown):
    # 3 × 3 convolutions 1-4-8-16-32-64 and back 64-32-16-8-4-1, each with the four numbers a channel of a batch
    # normalisation, the last with a bias instead
    encoder, decoder = (1, 4, 8, 16, 32, 64), (64, 32, 16, 8, 4, 1)
    pairs = [*zip(encoder, encoder[1:], strict=False), *zip(decoder, decoder[1:], strict=False)]
    assert grown[-1].count_params() == sum(9 * a * b + 4 * b for a, b in pairs) - 3


@pytest.mark.parametrize(("small", "large"), [(1, 2), (2, 5)])
def test_growth_keeps_earlier_weights_and_leaves_the_smaller_model_alone(grown, small, large):
    before, model = weights_of(grown[small - 1]), build_autoencoder(large)
    copied = copy_weights(grown[small - 1], model)
    assert copied == tuple(f"{side}_{n}" for side in ("decoder", "encoder") for n in range(1, small + 1))
    after = weights_of(model)
    for path, value in before.items():
        np.testing.assert_array_equal(after[path], value, err_msg=path)
    added = {path.split("/")[0] for path in set(after) - set(before)}
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


@pytest.mark.parametrize("stages", [0, 6])
def test_other_numbers_of_stages_are_refused(stages):
    with pytest.raises(ValueError, match=f"1 to 5 stages, not {stages}"):
        build_autoencoder(stages)
