from dataclasses import replace

import numpy as np
import pytest

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING
from dance_tf.synthesis.settings import StudioSettings
from dance_tf.synthesis.take import clip_id, render_clip

SMALL = StudioSettings(seconds=1.5, frame_rate=10, width=90, height=160, seed=7)


def first_with(reason: str, wanted=lambda rendered: True, settings: StudioSettings = SMALL):
    """The first clip that has a fault of this kind."""
    for dancer in range(200):
        rendered = render_clip(dancer % 12, dancer, settings)
        if rendered.take.plan.spans(reason) and wanted(rendered):
            return rendered
    raise AssertionError(f"no clip with {reason}")


def detail(frame: np.ndarray) -> float:
    gray = frame.astype(float).mean(axis=2)
    gray = gray[:156, :88].reshape(39, 4, 22, 4).mean(axis=(1, 3))  # averages most of the noise away
    return float(np.abs(np.diff(gray, axis=0)).mean() + np.abs(np.diff(gray, axis=1)).mean())


def test_the_name_of_a_clip():
    assert clip_id(0, 0) == "Tok/Tok_d01"
    assert clip_id(11, 19) == "ATTM/ATTM_d20"


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others():
    one, again = (np.stack(list(render_clip(3, 2, SMALL).frames())) for _ in range(2))
    assert one.shape == (15, 160, 90, 3) and one.dtype == np.uint8
    assert np.array_equal(one, again)
    rendered = render_clip(3, 2, SMALL)
    assert np.array_equal(np.stack(list(rendered.frames())), np.stack(list(rendered.frames())))
    other = np.stack(list(render_clip(3, 2, replace(SMALL, seed=8)).frames()))
    assert np.abs(one.astype(int) - other).mean() > 5


def test_a_clip_does_not_depend_on_which_others_are_made():
    alone, among = render_clip(10, 1, replace(SMALL, styles=1, dancers=2)), render_clip(10, 1, SMALL)
    assert alone.truth == among.truth
    assert all(np.array_equal(a, b) for a, b in zip(alone.frames(), among.frames(), strict=True))


def test_labels_and_times():
    rendered = render_clip(6, 4, SMALL)
    assert (rendered.truth.style, rendered.truth.dancer) == ("Say So", "d05")
    assert rendered.timestamps == pytest.approx(np.arange(15) / 10)
    assert rendered.truth.frames == 15 and rendered.truth.frame_rate == 10
    assert all(0 <= beat <= 1.5 for beat in rendered.truth.beats)
    assert np.diff(rendered.truth.beats) == pytest.approx(60 / 111, rel=0.05)


def test_blank_frames_are_flat():
    rendered = first_with(BLANK)
    for frame, reason in zip(rendered.frames(), rendered.truth.reasons(), strict=True):
        spread = frame.astype(float).std(axis=(0, 1)).max()
        assert spread < 8 if reason == BLANK else spread > 12


def test_blurred_frames_have_lost_their_detail():
    rendered = first_with(
        BLURRED, lambda rendered: not rendered.take.finish.caption and not rendered.take.finish.sticker
    )
    reasons = rendered.truth.reasons()
    details = [detail(frame) for frame in rendered.frames()]
    blurred = [value for value, reason in zip(details, reasons, strict=True) if reason == BLURRED]
    sharp = [value for value, reason in zip(details, reasons, strict=True) if reason in ("", NO_DANCING)]
    assert max(blurred) < 0.85 * min(sharp)


def test_nobody_is_in_the_picture_when_nobody_should_be():
    rendered = first_with(
        NO_DANCING,
        lambda rendered: (
            rendered.take.plan.absent and not rendered.truth.camera_moves and rendered.truth.camera_moves is False
        ),
    )
    frames, reasons = list(rendered.frames()), rendered.truth.reasons()
    empty = np.mean([f for f, r in zip(frames, reasons, strict=True) if r == NO_DANCING], axis=0)
    away = {r: [] for r in ("", NO_DANCING)}
    for frame, reason in zip(frames, reasons, strict=True):
        if reason in away:
            away[reason].append(np.abs(frame - empty).mean())
    assert min(away[""]) > 1.3 * max(away[NO_DANCING])


def test_a_dancer_who_stands_still_stands_still():
    rendered = first_with(
        NO_DANCING,
        lambda rendered: not rendered.take.plan.absent and rendered.take.still,
        StudioSettings(seconds=4, frame_rate=30, width=90, height=160, seed=7),
    )
    fault = rendered.take.plan.spans(NO_DANCING)[0]
    steps = np.abs(np.diff([shot.points for shot in rendered.take.snapshots], axis=0)).max(axis=(1, 2))
    idle = steps[fault.first : fault.last]
    assert len(idle) > 3
    assert idle.max() < 0.15  # of a pixel from frame to frame: breathing
    danced = np.delete(steps, np.arange(max(fault.first - 12, 0), fault.last + 12))  # stopping and starting left out
    assert np.median(danced) > 5 * idle.max()


def test_a_shaken_camera_shakes_a_dancer_who_stands_still():
    rendered = first_with(
        NO_DANCING,
        lambda rendered: not rendered.take.plan.absent and rendered.truth.camera_moves,
        StudioSettings(seconds=4, frame_rate=30, width=90, height=160, seed=7),
    )
    assert not rendered.take.still
    fault = rendered.take.plan.spans(NO_DANCING)[0]
    away = [shot.points[0, :2] for shot in rendered.take.snapshots[fault.first : fault.last + 1]]
    assert np.ptp(away, axis=0).max() > 0.15


def test_a_clean_plate_is_the_frame_without_the_dancer():
    rendered = first_with(
        NO_DANCING, lambda rendered: rendered.take.plan.absent and rendered.take.finish.caption and rendered.take.still
    )
    plate = rendered.take.plate()
    away = {"": [], NO_DANCING: []}
    for frame, reason in zip(rendered.frames(), rendered.truth.reasons(), strict=True):
        away.get(reason, []).append(np.abs(frame.astype(int) - plate))
    noise = rendered.take.finish.noise
    assert np.mean(away[NO_DANCING]) == pytest.approx(noise * np.sqrt(2 / np.pi), rel=0.25)  # of Gaussian noise
    assert np.percentile(away[""], 99) > 10 * noise  # a dancer


def test_without_faults_there_are_none():
    assert all(render_clip(0, dancer, replace(SMALL, faults=False)).truth.faults == () for dancer in range(10))


def test_the_room_is_the_same_in_all_clips_of_a_dancer_and_the_camera_mostly_stands():
    clips = [render_clip(style, 3, SMALL) for style in range(12)]
    assert len({clip.take.room for clip in clips}) == 1
    moving = [render_clip(style, dancer, SMALL).truth.camera_moves for style in range(12) for dancer in range(4)]
    assert 0.05 < np.mean(moving) < 0.5


def test_a_dancer_out_of_the_picture_does_no_harm():
    rendered = render_clip(0, 0, replace(SMALL, seconds=0.1, faults=False))
    far = replace(rendered.take.snapshots[0], points=rendered.take.snapshots[0].points + (5000, 0, 0))
    far = replace(far, shadows=far.shadows + (5000, 0))
    background = np.full((160, 90, 3), 77, np.uint8)
    assert np.array_equal(rendered.take._with_dancer(background, far), background)
