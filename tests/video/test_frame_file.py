import errno

import numpy as np
import pytest

from dance_tf.video.frames import BLOCK, FrameFile, FrameFileError


def pictures(count):
    return np.random.default_rng(0).integers(0, 256, (count, 3, 5), np.uint8)


def test_frames_come_back_and_outlive_the_file(tmp_path):
    frames = pictures(7)
    with FrameFile(tmp_path) as held:
        for frame in frames:
            held.append(frame[:, ::-1])  # not in the order of memory
        found = held.frames()
        assert len(held) == 7 and list(tmp_path.iterdir()) == []
    assert found.dtype == np.uint8 and np.array_equal(found, frames[:, :, ::-1])


@pytest.mark.parametrize("kept", [[], [0], [2 * BLOCK + 9], range(1, 2 * BLOCK + 10), range(0, 2 * BLOCK, 3)])
def test_gaps_are_closed(tmp_path, kept):
    frames = pictures(2 * BLOCK + 10)
    marked = np.zeros(len(frames), bool)
    marked[list(kept)] = True
    with FrameFile(tmp_path) as held:
        for frame in frames:
            held.append(frame)
        held.keep(marked)
        assert held.frames().shape == (len(kept), 3, 5) and np.array_equal(held.frames(), frames[marked])


def test_after_clearing_only_new_frames_are_there(tmp_path):
    frames = pictures(5)
    with FrameFile(tmp_path) as held:
        for frame in frames:
            held.append(frame)
        held.clear()
        held.append(frames[4])
        assert np.array_equal(held.frames(), frames[4:])


def test_a_frame_of_another_shape_is_refused(tmp_path):
    with FrameFile(tmp_path) as held:
        held.append(np.zeros((3, 5), np.uint8))
        with pytest.raises(ValueError, match="another|shape"):
            held.append(np.zeros((5, 3), np.uint8))


def test_a_folder_or_a_disk_that_takes_nothing_is_named(tmp_path):
    with pytest.raises(FrameFileError, match="absent: cannot be written"):
        FrameFile(tmp_path / "absent")

    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            pass

    with FrameFile(tmp_path) as held:
        held._file.close()
        held._file = Full()
        with pytest.raises(FrameFileError, match="No space left"):
            held.append(np.zeros((3, 5), np.uint8))
