from dataclasses import replace

import numpy as np
import pytest

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.take import RenderedClip, clip_id, planned_frames

SMALL = StudioSettings(seconds=1.5, frame_rate=10, width=90, height=160, seed=7)
SMOOTH = StudioSettings(seconds=4, frame_rate=30, width=90, height=160, seed=7)


def first_with(reason: str, wanted=lambda rendered: True, settings: StudioSettings = SMALL):
    """Return the first clip that has a fault of this kind."""
    for dancer in range(200):
        rendered = RenderedClip(dancer % 12, dancer, settings)
        if reason in rendered.truth.reasons() and wanted(rendered):
            return rendered
    raise AssertionError(f"no clip with {reason}")


def by_reason(rendered) -> dict[str, list[np.ndarray]]:
    """Return the frames of a clip, float, by the reason to drop them."""
    found = {"": [], BLANK: [], BLURRED: [], NO_DANCING: []}
    for frame, reason in zip(rendered.frames(), rendered.truth.reasons(), strict=True):
        found[reason].append(frame.astype(float))
    return found


def detail(frame: np.ndarray) -> float:
    gray = frame.mean(axis=2)[:156, :88].reshape(39, 4, 22, 4).mean(axis=(1, 3))  # averages most of the noise
    return float(np.abs(np.diff(gray, axis=0)).mean() + np.abs(np.diff(gray, axis=1)).mean())


def test_the_same_seed_gives_the_same_bytes_in_a_set_of_any_size():
    rendered, other_set = RenderedClip(3, 2, SMALL), replace(SMALL, styles=1, dancers=2)
    one, again, third = (np.stack(list(clip.frames())) for clip in (rendered, rendered, RenderedClip(3, 2, other_set)))
    assert one.shape == (15, 160, 90, 3) and one.dtype == np.uint8
    assert np.array_equal(one, again) and np.array_equal(one, third)
    other = np.stack(list(RenderedClip(3, 2, replace(SMALL, seed=8)).frames()))
    assert np.abs(one.astype(int) - other).mean() > 5


def test_labels_times_and_moving_cameras():
    rendered = RenderedClip(6, 4, SMALL)
    assert (rendered.truth.style, rendered.truth.dancer, clip_id(6, 4)) == ("Say So", "d05", "SaS/SaS_d05")
    assert rendered.timestamps == pytest.approx(np.arange(15) / 10)
    assert rendered.truth.frames == 15 and rendered.truth.frame_rate == 10
    assert all(0 <= beat <= 1.5 for beat in rendered.truth.beats)
    assert np.diff(rendered.truth.beats) == pytest.approx(60 / 111, rel=0.05)
    without = [RenderedClip(style, style % 4, replace(SMALL, faults=False)).truth for style in range(12)]
    assert all(truth.faults == () for truth in without) and 0 < sum(truth.camera_moves for truth in without) < 8


def test_good_frames_add_up_to_table_1():
    counts = (22365, 19856, 23669, 18987, 21060, 24598, 24890, 23591, 19458, 18660, 22625, 23712)
    settings = StudioSettings(good_frames=counts)
    for style in (0, 3):
        plans = [planned_frames(style, dancer, settings) for dancer in range(20)]
        assert sum(frames - plan.frames for plan, frames in plans) == counts[style]
        assert sum(bool(plan.faults) for plan, _ in plans) > 5
        assert all(30 <= frames / 30 <= 45 for _, frames in plans)


def test_blank_frames_are_uniform_and_blurred_frames_have_less_detail():
    for reason, frames in by_reason(first_with(BLANK)).items():
        spreads = [frame.std(axis=(0, 1)).max() for frame in frames]
        assert all(spread < 8 if reason == BLANK else spread > 12 for spread in spreads)
    plain = first_with(BLURRED, lambda rendered: not rendered.finish.caption and not rendered.finish.sticker)
    frames = by_reason(plain)
    sharp = min(detail(frame) for frame in frames[""] + frames[NO_DANCING])
    assert max(detail(frame) for frame in frames[BLURRED]) < 0.85 * sharp


def test_frames_without_dancer_equal_the_clean_plate():
    rendered = first_with(NO_DANCING, lambda one: one.plan.absent and one.finish.caption and not one.truth.camera_moves)
    assert (rendered.maps == rendered.maps[0]).all()
    plate, noise = rendered.plate(), rendered.finish.noise
    frames = {reason: np.abs(np.stack(found) - plate) for reason, found in by_reason(rendered).items() if found}
    assert frames[NO_DANCING].mean() == pytest.approx(noise * np.sqrt(2 / np.pi), rel=0.25)  # of Gaussian noise
    assert np.percentile(frames[""], 99) > 10 * noise  # a dancer
    assert frames[""].mean(axis=(1, 2, 3)).min() > 1.3 * frames[NO_DANCING].mean(axis=(1, 2, 3)).max()


def test_a_standing_dancer_hardly_moves():
    rendered = first_with(NO_DANCING, lambda one: not one.plan.absent and not one.truth.camera_moves, SMOOTH)
    fault = next(fault for fault in rendered.truth.faults if fault.reason == NO_DANCING)
    steps = np.abs(np.diff([shot.points for shot in rendered.snapshots], axis=0)).max(axis=(1, 2))
    idle = steps[fault.first : fault.last]
    assert len(idle) > 3
    assert idle.max() < 0.15  # pixels between frames: breathing
    danced = np.delete(steps, np.arange(max(fault.first - 12, 0), fault.last + 12))  # without stopping and starting
    assert np.median(danced) > 5 * idle.max()


def test_a_moving_camera_moves_a_standing_dancer():
    wanted = first_with(NO_DANCING, lambda one: not one.plan.absent and one.truth.camera_moves, SMOOTH)
    fault = next(fault for fault in wanted.truth.faults if fault.reason == NO_DANCING)
    pelvis = [shot.points[0, :2] for shot in wanted.snapshots[fault.first : fault.last + 1]]
    assert np.ptp(pelvis, axis=0).max() > 0.15


def test_a_dancer_outside_of_the_picture_is_not_drawn():
    rendered = RenderedClip(0, 0, replace(SMALL, seconds=0.1, faults=False))
    shot = rendered.snapshots[0]
    far = replace(shot, points=shot.points + (5000, 0, 0), shadows=shot.shadows + (5000, 0))
    rendered.snapshots = [far]
    (frame,) = rendered.frames()
    assert np.abs(frame.astype(int) - rendered.plate()).mean() < 1.5 * rendered.finish.noise
