import keras
import numpy as np
import pytest

from dance_tf.model.autoencoder import STAGES, build_autoencoder, copy_weights, grow

FRAMES = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 1), dtype=np.uint8)


@pytest.fixture(scope="module")
def grown():
    """Autoencoders of one to five stages, each grown from the one before after its weights were changed."""
    keras.utils.set_random_seed(3)
    models = [build_autoencoder(1)]
    for stages in range(2, STAGES + 1):
        models.append(grow(models[-1], stages))
    return models


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    return {weight.path: np.array(weight.numpy()) for weight in model.weights}


@pytest.mark.parametrize("stages", range(1, STAGES + 1))
def test_every_size_reads_and_paints_whole_frames(grown, stages):
    model = grown[stages - 1]
    assert model.input_shape == model.output_shape == (None, 128, 128, 1)
    assert model.input.dtype == "uint8"
    shapes = [model.get_layer(f"encoder_{number}").output.shape[1:] for number in range(1, stages + 1)]
    assert shapes == [(64, 64, 4), (32, 32, 8), (16, 16, 16), (8, 8, 32), (4, 4, 64)][:stages]
    shapes = [model.get_layer(f"decoder_{number}").output.shape[1:] for number in range(1, stages + 1)]
    assert shapes == [(128, 128, 1), (64, 64, 4), (32, 32, 8), (16, 16, 16), (8, 8, 32)][:stages]
    painted = np.array(model(FRAMES))
    assert (0 < painted).all() and (painted < 1).all()


def test_the_code_of_the_whole_autoencoder_has_1024_numbers(grown):
    assert np.prod(grown[-1].get_layer("encoder_5").output.shape[1:]) == 1024
    # 3 × 3 convolutions 1-4-8-16-32-64 and back 64-32-16-8-4-1, each with the four numbers a channel of a batch
    # normalisation, the last with a bias instead
    there, back = (1, 4, 8, 16, 32, 64), (64, 32, 16, 8, 4, 1)
    pairs = [*zip(there, there[1:], strict=False), *zip(back, back[1:], strict=False)]
    assert grown[-1].count_params() == sum(9 * a * b + 4 * b for a, b in pairs) - 3


@pytest.mark.parametrize("stages", range(1, STAGES))
def test_growth_keeps_earlier_weights_bit_for_bit(grown, stages):
    before, after = weights_of(grown[stages - 1]), weights_of(grown[stages])
    assert set(before) < set(after)
    for path, value in before.items():
        np.testing.assert_array_equal(after[path], value, err_msg=path)
    added = {path.split("/")[0] for path in set(after) - set(before)}
    assert added == {f"encoder_{stages + 1}", f"decoder_{stages + 1}"}
    assert all(after[path].any() for path in after if path.endswith("kernel"))


def test_growth_by_several_stages_at_once(grown):
    larger = grow(grown[1], 5)
    after = weights_of(larger)
    for path, value in weights_of(grown[1]).items():
        np.testing.assert_array_equal(after[path], value)
    assert len(after) == 9 * 5 + 2


def test_growing_leaves_the_smaller_one_alone():
    small = build_autoencoder(1)
    before = weights_of(small)
    large = grow(small, 2)
    large.set_weights([weight + 1 for weight in large.get_weights()])
    for path, value in weights_of(small).items():
        np.testing.assert_array_equal(before[path], value)


def test_it_sees_low_resolution():
    keras.utils.set_random_seed(0)
    coarse, fine = build_autoencoder(1, factor=8), build_autoencoder(1, factor=1)
    fine.set_weights(coarse.get_weights())
    # a checkerboard of single pixels averages out to gray in every block of 8 × 8
    board = (np.indices((128, 128)).sum(axis=0) % 2 * 254).astype(np.uint8)[None, ..., None]
    gray = np.full_like(board, 127)
    np.testing.assert_allclose(coarse(board), coarse(gray), atol=1e-6)
    assert np.abs(np.array(fine(board)) - fine(gray)).max() > 1e-3


def test_copied_weights_are_those_of_layers_with_the_same_name(grown):
    target = build_autoencoder(2)
    assert copy_weights(grown[0], target) == ("decoder_1", "encoder_1")
    np.testing.assert_array_equal(
        target.get_layer("encoder_1").get_weights()[0], grown[0].get_layer("encoder_1").get_weights()[0]
    )


@pytest.mark.parametrize("stages", [0, 6])
def test_the_paper_has_one_to_five_stages(stages):
    with pytest.raises(ValueError, match=f"1 to 5 stages, not {stages}"):
        build_autoencoder(stages)
