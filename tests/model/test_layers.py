import numpy as np
import pytest

from dance_tf.model.layers import ConvolutionStage, DecoderStage, EncoderStage, FrameStandardization, LowerResolution


@pytest.fixture
def random():
    return np.random.default_rng(2)


def convolve(maps, kernel, bias, stride=1, before=(1, 1), after=(1, 1)):
    """Convolution written out: maps [h, w, in], kernel [3, 3, in, out], zeros around."""
    padded = np.pad(maps, ((before[0], after[0]), (before[1], after[1]), (0, 0)))
    height, width = ((size - 3) // stride + 1 for size in padded.shape[:2])
    found = np.empty((height, width, kernel.shape[-1]))
    for row in range(height):
        for column in range(width):
            patch = padded[row * stride : row * stride + 3, column * stride : column * stride + 3]
            found[row, column] = (patch[..., None] * kernel).sum(axis=(0, 1, 2)) + bias
    return found


def relu(values):
    return np.maximum(values, 0)


def pool(maps):
    """The maximum of each 2 × 2 block; an odd row or column at the end is left out."""
    height, width = maps.shape[0] // 2, maps.shape[1] // 2
    return np.array(
        [[maps[2 * r : 2 * r + 2, 2 * c : 2 * c + 2].max(axis=(0, 1)) for c in range(width)] for r in range(height)]
    )


@pytest.mark.parametrize("normalize", [False, True])
def test_convolution_stage_by_hand(random, normalize):
    maps = random.normal(size=(2, 6, 7, 2)).astype(np.float32)
    layer = ConvolutionStage(3, normalize=normalize)
    layer.build(maps.shape)
    weights = [random.normal(size=w.shape).astype(np.float32) for w in layer.weights]
    if normalize:
        weights[-1] = weights[-1] ** 2 + 0.5  # a variance
    layer.set_weights(weights)
    for one, found in zip(maps, np.array(layer(maps)), strict=True):
        expected = pool(relu(convolve(relu(convolve(one, *weights[0:2])), *weights[2:4])))
        if normalize:
            gain, offset, mean, variance = weights[4:]
            expected = (expected - mean) / np.sqrt(variance + 1e-3) * gain + offset
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_normalization_uses_the_batch_in_training_and_moves_slowly_towards_it(random):
    maps = random.normal(size=(8, 4, 4, 1)).astype(np.float32)
    layer = ConvolutionStage(2)
    layer.build(maps.shape)
    in_training = np.array(layer(maps, training=True))
    np.testing.assert_allclose(in_training.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    plain = ConvolutionStage(2, normalize=False)
    plain.build(maps.shape)
    plain.set_weights(layer.get_weights()[:4])
    before = np.array(plain(maps))
    mean, variance = layer.get_weights()[-2:]
    kept = layer.steps[-1].momentum
    assert 0.8 <= kept < 1
    np.testing.assert_allclose(mean, (1 - kept) * before.mean(axis=(0, 1, 2)), rtol=1e-4)
    np.testing.assert_allclose(variance, kept + (1 - kept) * before.var(axis=(0, 1, 2)), rtol=1e-4)


def normalized(maps, weights):
    """Batch normalisation of maps by its stored means and variances."""
    gain, offset, mean, variance = weights
    return gain * (maps - mean) / np.sqrt(variance + 1e-3) + offset


def initialize_weights(random, layer):
    """Random weights of a built layer's shapes, positive (as variances are)."""
    weights = [random.uniform(0.1, 1, w.shape).astype(np.float32) for w in layer.weights]
    weights[0] = random.normal(size=weights[0].shape).astype(np.float32)
    layer.set_weights(weights)
    return weights


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(("size", "before"), [(8, 0), (7, 1)])
def test_encoder_stage_by_hand(random, size, before, normalize):
    # "same" padding at stride 2: an even side is padded at its end alone, an odd one on both sides
    maps = random.normal(size=(2, size, size, 2)).astype(np.float32)
    layer = EncoderStage(3, normalize)
    layer.build(maps.shape)
    kernel, *rest = initialize_weights(random, layer)
    for one, found in zip(maps, np.array(layer(maps)), strict=True):
        bias = np.zeros(3) if normalize else rest[0]
        convolved = convolve(one, kernel, bias, stride=2, before=(before, before))
        expected = relu(normalized(convolved, rest) if normalize else convolved)
        assert expected.shape == (4, 4, 3)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
def test_decoder_stage_by_hand(random, activation, normalize):
    maps = random.normal(size=(2, 3, 4, 2)).astype(np.float32)
    layer = DecoderStage(3, activation, normalize)
    layer.build(maps.shape)
    kernel, *rest = initialize_weights(random, layer)
    for one, found in zip(maps, np.array(layer(maps)), strict=True):
        doubled = np.array([[one[row // 2, column // 2] for column in range(8)] for row in range(6)])
        logits = convolve(doubled, kernel, np.zeros(3) if normalize else rest[0])
        logits = normalized(logits, rest) if normalize else logits
        expected = relu(logits) if activation == "relu" else 1 / (1 + np.exp(-logits))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_lower_resolution_by_hand():
    row = np.array([0, 2, 4, 8], dtype=np.float32)
    frame = np.broadcast_to(row[:, None], (4, 4))[None, ..., None]
    # blocks of two rows have means 1 and 6; enlarged by straight lines between the blocks' middles
    expected = np.array([1, 2.25, 4.75, 6])
    np.testing.assert_allclose(np.array(LowerResolution(2)(frame))[0, :, 0, 0], expected, rtol=1e-6)
    across = np.array(LowerResolution(2)(frame.transpose(0, 2, 1, 3)))[0, 0, :, 0]
    np.testing.assert_allclose(across, expected, rtol=1e-6)
    np.testing.assert_array_equal(LowerResolution(1)(frame), frame)
    np.testing.assert_allclose(LowerResolution(4)(frame), np.full((1, 4, 4, 1), 3.5), rtol=1e-6)
    with pytest.raises(ValueError, match="factor must be at least 1, not 0"):
        LowerResolution(0)


def test_standardization_by_hand():
    frame = np.array([[0, 0], [0, 4]], dtype=np.float32)[None, ..., None]  # mean 1, variance 12 / 4
    expected = (frame - 1) / np.sqrt(3)
    np.testing.assert_allclose(FrameStandardization()(frame), expected, rtol=1e-6)
    np.testing.assert_allclose(FrameStandardization(floor=5)(frame), (frame - 1) / 5, rtol=1e-6)
    lit = np.concatenate([frame, 10 + 3 * frame])  # another light and contrast, each frame by itself
    np.testing.assert_allclose(FrameStandardization()(lit), np.concatenate([expected] * 2), rtol=1e-5, atol=1e-6)
    empty = np.full((1, 8, 8, 1), 0.25, dtype=np.float32)
    np.testing.assert_array_equal(FrameStandardization()(empty), np.zeros_like(empty))


def test_standardization_in_half_precision_is_not_lost_in_the_sum(random):
    frame = (0.5 + 0.1 * random.normal(size=(1, 128, 128, 1))).astype(np.float32)
    half = np.array(FrameStandardization(dtype="mixed_float16")(frame)).astype(np.float64)
    np.testing.assert_allclose(half, FrameStandardization()(frame), atol=0.02)
