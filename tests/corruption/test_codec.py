"""The H.264 round trip."""

import numpy as np
import pytest

from dance_tf.corruption.codec import compress_h264, decode_h264, encode_h264, measure_compression, psnr
from dance_tf.corruption.conditions import degrade


def drifting_texture(count: int, height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack(
        [(128 + 60 * np.sin((x + 2 * i) / 5) + 40 * np.cos((y - i) / 7)).astype(np.uint8) for i in range(count)]
    )


@pytest.mark.parametrize(
    ("count", "height", "width"), [(1, 1, 1), (2, 2, 3), (7, 17, 33), (1, 64, 64), (61, 32, 48), (300, 16, 16)]
)
def test_the_round_trip_keeps_count_and_size(count, height, width):
    clip = drifting_texture(count, height, width)
    for severity in (3, 4):
        assert degrade(clip, "mild_compression", severity).frames.shape == clip.shape


def test_frames_come_back_in_their_order():
    # B-frames are coded in another order
    levels = np.random.default_rng(0).permutation(np.arange(20, 240, 5))
    clip = np.repeat(levels[:, None, None], 48, 1).repeat(48, 2).astype(np.uint8)
    back = compress_h264(clip, np.arange(len(clip)) / 30, np.random.default_rng(0), crf=20)
    np.testing.assert_allclose(back.mean((1, 2)), levels, atol=2)


def test_rate_factor_zero_is_lossless_over_the_full_range():
    clip = np.random.default_rng(0).integers(0, 256, (5, 37, 51), dtype=np.uint8)
    np.testing.assert_array_equal(compress_h264(clip, np.arange(5) / 30, np.random.default_rng(0), crf=0), clip)
    assert measure_compression(clip, (0,))["PSNR (dB)"][0] == float("inf")


def test_the_bytes_are_reproducible():
    # at this size, x264 without cpu-independent gave several results in a dozen calls
    clip = drifting_texture(24, 33, 47)
    results = set()
    for i in range(12):
        _litter = [np.full(1000 * (i + k), 7 * i + k, np.uint8) for k in range(30)]  # other memory for each call
        results.add(b"".join(bytes(packet) for packet in encode_h264(clip, 38)))
    assert len(results) == 1


def test_keyframe_interval_one_codes_each_frame_on_its_own():
    clip = np.random.default_rng(0).integers(0, 256, (4, 32, 32), dtype=np.uint8)
    packets = encode_h264(clip, 30, keyframe_interval=1)
    assert all(packet.is_keyframe for packet in packets)
    with pytest.raises(RuntimeError, match="3 frames back where 4"):
        decode_h264(packets[:-1], clip.shape)
    assert sum(packet.is_keyframe for packet in encode_h264(drifting_texture(30, 64, 64), 30)) == 1


def test_measures_are_those_of_the_encoded_clip():
    clip = drifting_texture(24, 96, 64)
    measured = measure_compression(clip, (23, 38, 43), rate=24)
    for crf, quality, bitrate, bits_per_pixel in measured.itertuples(index=False):
        packets = encode_h264(clip, crf, 24)
        size = sum(packet.size for packet in packets)
        assert bitrate == pytest.approx(size * 8 / 1000)  # the clip lasts one second
        assert bits_per_pixel == pytest.approx(size * 8 / clip.size)
        error = ((clip.astype(float) - decode_h264(packets, clip.shape)) ** 2).mean()
        assert quality == pytest.approx(10 * np.log10(255**2 / error), abs=1e-4)
    assert measured["PSNR (dB)"].is_monotonic_decreasing and measured["kbit/s"].is_monotonic_decreasing


def test_psnr_by_hand():
    assert psnr(np.zeros((2, 2), np.uint8), np.full((2, 2), 255, np.uint8)) == pytest.approx(0)
    assert psnr(np.zeros((2, 2), np.uint8), np.full((2, 2), 51, np.uint8)) == pytest.approx(20 * np.log10(5))
