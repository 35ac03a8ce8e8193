import cv2
import pytest

from dance_tf.curation.filters import BLANK, BLURRED, NO_DANCING


@pytest.fixture(scope="session")
def faulty(make_dance):
    """Ninety frames: 10 blank, 30 dancing, 10 blurred, 20 dancing, 20 standing; and the fault of each."""
    frames = make_dance(90)
    frames[:10] = 17
    for number in range(40, 50):
        frames[number] = cv2.GaussianBlur(frames[number], (0, 0), 4)
    frames[70:] = frames[70]
    return frames, (BLANK,) * 10 + ("",) * 30 + (BLURRED,) * 10 + ("",) * 20 + (NO_DANCING,) * 20
