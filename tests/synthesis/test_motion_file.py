import numpy as np
import pytest

from dance_tf.synthesis.motion_file import MotionError, read_capture

ARM = """HIERARCHY
ROOT Hips {
  OFFSET 9 9 9
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Upper Arm
  {
    OFFSET 1 0 0
    CHANNELS 3 Zrotation Yrotation Xrotation
    JOINT Lower
    {
      OFFSET 2 0 0
      CHANNELS 4 Yposition Zrotation Xrotation Yrotation
      End Site
      {
        OFFSET 0 0 3
      }
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.04
1 2 3 0 0 0   0 0 0    0 0 0 0
1 2 3 90 0 0  0 90 0   0.5 0 90 0
"""


def test_forward_kinematics_by_hand(tmp_path):
    (tmp_path / "arm.BVH").write_text(ARM.replace("\n", "\r\n"), encoding="utf-8-sig")
    capture = read_capture(tmp_path / "arm.BVH")
    assert capture.names == ("Hips", "Upper Arm", "Lower", "Lower end") and capture.parents == (-1, 0, 1, 2)
    assert capture.frame_rate == pytest.approx(25)
    # position channels replace the offset, of the axes that they name
    np.testing.assert_allclose(capture.positions[0], [(1, 2, 3), (2, 2, 3), (4, 2, 3), (4, 2, 6)])
    # the columns of a rotation are the joint's x, y and z: after 90° about z, then 90° about the new y
    np.testing.assert_allclose(capture.positions[1], [(1, 2, 3), (1, 3, 3), (0.5, 3, 1), (3.5, 3, 1)], atol=1e-12)
    np.testing.assert_allclose(capture.rotations[1, 1], [(0, -1, 0), (0, 0, 1), (-1, 0, 0)], atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("0 90 0\n", "0 90\n", "2 frames of 13 numbers are declared, but there are 25 numbers: the file is cut off"),
        ("Frames: 2", "Frames: 3", "3 frames of 13 numbers are declared, but there are 26"),
        ("0.5", "NaN", "frame 2 holds NaN or infinity"),
        ("0.5", "half", "something other than numbers (could not convert string to float: 'half')"),
        ("0.04", "0", "inf frames a second cannot be right"),
        ("0.04", "25", "0.04 frames a second cannot be right (5 to 2000)"),
        ("Frame Time: 0.04", "", "does not begin with Frames and Frame Time"),
        ("OFFSET 2 0 0", "OFFSET 2 0", "HIERARCHY is damaged at 'OFFSET 2 0'"),
        ("CHANNELS 4 Y", "CHANNELS 3 Y", "HIERARCHY is damaged at 'CHANNELS 3 Yposition"),
        ("CHANNELS 4 Y", "CHANNELS 4 W", "HIERARCHY is damaged at 'CHANNELS 4 Wposition"),
        ("}\nMOTION", "MOTION", "a brace is missing"),
        ("}\nMOTION", "}\n}\nMOTION", "HIERARCHY is damaged at '}'"),
        ("}\nMOTION", "}\nROOT Other {\nOFFSET 0 0 0\n}\nMOTION", "two skeletons in one file"),
        ("MOTION", "MOTIO", "it needs the parts HIERARCHY and MOTION"),
    ],
)
def test_a_damaged_bvh_file_is_refused_in_one_line(old, new, reason, tmp_path):
    (tmp_path / "arm.bvh").write_text(ARM.replace(old, new))
    with pytest.raises(MotionError) as refusal:
        read_capture(tmp_path / "arm.bvh")
    assert reason in str(refusal.value) and "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("clip.mp4", b"", "not a file of motion capture: .bvh and .c3d are read"),
        ("one.bvh", ARM.replace("Frames: 2", "Frames: 1").rsplit("\n1 2 3 90", 1)[0].encode(), "no motion: 1 frame(s)"),
        ("empty.c3d", b"", "not a C3D file that can be read"),
        ("text.c3d", b"what is this" * 99, "not a C3D file that can be read"),
    ],
)
def test_other_files_are_refused(name, content, reason, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(MotionError, match=reason.replace("(s)", r"\(s\)")):
        read_capture(tmp_path / name)


def test_c3d_markers_are_read_and_a_file_that_is_cut_off_is_refused(tmp_path):
    import ezc3d

    points = np.random.default_rng(0).normal(size=(40, 3, 3)).astype(np.float32)
    points[7, 1] = np.nan
    content = ezc3d.c3d()
    content["parameters"]["POINT"]["RATE"]["value"] = [120]
    content["parameters"]["POINT"]["LABELS"]["value"] = ["Ann:LSHO", "Ann:RSHO", "*3"]
    content["data"]["points"] = np.concatenate([points, np.ones((40, 3, 1))], axis=2).transpose(2, 1, 0)
    path = tmp_path / "a.c3d"
    content.write(str(path))
    capture = read_capture(path)
    assert (capture.names, capture.parents) == (("Ann:LSHO", "Ann:RSHO", "*3"), ())
    assert (capture.frame_rate, capture.rotations) == (120, None)
    np.testing.assert_allclose(capture.positions, points, rtol=1e-6)
    path.write_bytes(path.read_bytes()[: -len(points) * 48 // 2 - 512])
    with pytest.raises(MotionError, match="40 frames are declared, but there are .*: the file is cut off"):
        read_capture(path)
