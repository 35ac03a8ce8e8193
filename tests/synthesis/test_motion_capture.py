import numpy as np
import pytest

from dance_tf.synthesis.body import JOINT, JOINTS, Motion, make_dancer, rotation
from dance_tf.synthesis.motion_capture import UNITS, face_camera, read_motion
from dance_tf.synthesis.motion_file import MotionError

EXPORTERS = {
    "CMU": "Hips Spine Neck Head {Left}Arm {Left}ForeArm {Left}Hand - {Left}UpLeg {Left}Leg {Left}Foot {Left}ToeBase",
    "Acclaim": "root lowerback lowerneck head {l}humerus {l}radius {l}wrist - {l}femur {l}tibia {l}foot {l}toes",
    "Xsens": "Hips Chest Neck Head {Left}Shoulder {Left}Elbow {Left}Wrist - {Left}Hip {Left}Knee {Left}Ankle {Left}Toe",
    "Mixamo": (
        "mixamorig:Hips mixamorig:Spine mixamorig:Neck mixamorig:Head mixamorig:{Left}Arm mixamorig:{Left}ForeArm "
        "mixamorig:{Left}Hand mixamorig:{Left}HandMiddle1 mixamorig:{Left}UpLeg mixamorig:{Left}Leg "
        "mixamorig:{Left}Foot mixamorig:{Left}ToeBase"
    ),
    "Bandai-Namco": (
        "Hips Spine Neck Head UpperArm_{L} LowerArm_{L} Hand_{L} - UpperLeg_{L} LowerLeg_{L} Foot_{L} Toes_{L}"
    ),
    "Rokoko": "Hips Spine Neck Head {Left}Arm {Left}ForeArm {Left}Hand - {Left}Thigh {Left}Shin {Left}Foot {Left}Toe",
    "Daz": "hip abdomen neck head {l}Shldr {l}ForeArm {l}Hand - {l}Thigh {l}Shin {l}Foot -",
    "Motive": "Hip Ab Neck Head {L}UArm {L}FArm {L}Hand - {L}Thigh {L}Shin {L}Foot {L}Toe",
    "Biovision": "Hips Chest Neck Head {Left}UpArm {Left}LowArm {Left}Hand - {Left}UpLeg {Left}LowLeg {Left}Foot -",
    "Unreal": "pelvis spine_01 neck_01 head upperarm_{l} lowerarm_{l} hand_{l} - thigh_{l} calf_{l} foot_{l} ball_{l}",
    "SMPL": ("pelvis spine1 neck head {l}_shoulder {l}_elbow {l}_wrist {l}_hand {l}_hip {l}_knee {l}_ankle {l}_foot"),
    "Biped": (
        "Bip01 Bip01_Spine Bip01_Neck Bip01_Head Bip01_{L}_UpperArm Bip01_{L}_Forearm Bip01_{L}_Hand - "
        "Bip01_{L}_Thigh Bip01_{L}_Calf Bip01_{L}_Foot Bip01_{L}_Toe0"
    ),
    "VRM": (
        "J_Bip_C_Hips J_Bip_C_Spine J_Bip_C_Neck J_Bip_C_Head J_Bip_{L}_UpperArm J_Bip_{L}_LowerArm J_Bip_{L}_Hand - "
        "J_Bip_{L}_UpperLeg J_Bip_{L}_LowerLeg J_Bip_{L}_Foot J_Bip_{L}_ToeBase"
    ),
}
GIVEN = [
    JOINT[f"{side}_{part}"] for part in "shoulder elbow wrist hip knee ankle".split() for side in ("left", "right")
]
GIVEN += [JOINT["neck"], JOINT["pelvis"]]
AXES = {"y": (0, 1, 2), "z": (2, 0, 1), "x": (1, 2, 0)}  # which axis of the dance each axis of the file is


def test_joints_by_the_names_of_common_exporters(tmp_path, dance, as_bvh):
    motion = dance()
    for exporter, names in EXPORTERS.items():
        (tmp_path / "a.bvh").write_text(as_bvh(motion.joints, names))
        captured = read_motion(tmp_path / "a.bvh")
        away = np.linalg.norm(captured.motion.joints - motion.joints, axis=2)
        assert away[:, GIVEN].max() < 0.03, exporter  # the floor and the middle of the hips are found
        assert away.max() < (0.08 if "-" in names.split() else 0.04), exporter  # hands and toes are estimated
        assert (captured.unit, captured.up, captured.rest_pose) == ("m", "y", False)
        assert captured.seconds == pytest.approx(59 / 60)


@pytest.mark.parametrize(
    ("unit", "up"), [("cm", "y"), ("inches", "z"), ("CMU units", "x"), ("mm", "-y"), ("ft", "-z"), ("m", "-x")]
)
def test_units_and_axes_are_found(unit, up, tmp_path, dance, as_bvh):
    motion = dance()
    joints = motion.joints * ((1, -1, -1) if up[0] == "-" else 1) / UNITS[unit] + (3, 5, 7)
    (tmp_path / "a.bvh").write_text(as_bvh(joints[..., AXES[up[-1]]]))
    captured = read_motion(tmp_path / "a.bvh")
    assert (captured.unit, captured.up) == (unit, up)
    assert captured.height == pytest.approx(make_dancer(0, 0, 0.5).body.height, rel=0.05)
    moved = captured.motion.joints - captured.motion.joints[0, 0]
    np.testing.assert_allclose(moved[:, GIVEN], (motion.joints - motion.joints[0, 0])[:, GIVEN], atol=0.005)
    assert captured.motion.joints[:, :, 1].min() > 0.0
    for part in ("pelvis", "chest"):
        turned = getattr(captured.motion, part)
        np.testing.assert_allclose(np.linalg.det(turned), 1.0)
        assert np.einsum("nik,nik->nk", turned, getattr(motion, part)).min() > np.cos(np.radians(20))


def test_an_unknown_unit_is_scaled_to_average_height(tmp_path, dance, as_bvh):
    (tmp_path / "a.bvh").write_text(as_bvh(dance().joints * 10))
    captured = read_motion(tmp_path / "a.bvh")
    assert (captured.unit, captured.height) == ("unknown unit", pytest.approx(1.68))


def test_missing_joints_are_named(tmp_path, dance, as_bvh):
    names = EXPORTERS["CMU"].replace("{Left}Leg", "{Left}Thing").replace("{Left}Foot", "-")
    (tmp_path / "a.bvh").write_text(as_bvh(dance().joints, names))
    with pytest.raises(MotionError) as refusal:
        read_motion(tmp_path / "a.bvh")
    line = "no joint or marker is known as left_knee, right_knee, left_ankle, right_ankle; the file has: Hips, Spine, "
    assert str(refusal.value).startswith(line)


def test_other_frame_rates_and_a_rest_pose(tmp_path, dance, as_bvh):
    joints = dance().joints
    (tmp_path / "a.bvh").write_text(as_bvh(joints))
    smooth = read_motion(tmp_path / "a.bvh")
    times = np.array([0.0, 0.25, 0.2583333, 99.0])
    np.testing.assert_allclose(smooth.at(times).joints[1], smooth.motion.joints[15], atol=1e-6)
    np.testing.assert_allclose(smooth.at(times).joints[2], smooth.motion.joints[15:17].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(smooth.at(times).joints[3], smooth.motion.joints[-1], atol=1e-6)
    np.testing.assert_allclose(smooth.at(times).chest[1], smooth.motion.chest[15], atol=1e-6)
    (tmp_path / "b.bvh").write_text(as_bvh(np.concatenate([joints[:1] + (0.0, 0.0, 2.0), joints])))
    jumping = read_motion(tmp_path / "b.bvh")
    assert jumping.rest_pose and len(jumping.motion.joints) == len(joints)
    np.testing.assert_allclose(jumping.motion.joints[:, GIVEN], smooth.motion.joints[:, GIVEN], atol=0.01)


STANDING = """
Hips 0 0 0 Xposition Yposition Zposition
Neck 0 50 0
Head 0 8 0 Yrotation
}
}
""" + "".join(
    f"{side}Arm {sign * 18} 46 0\n{side}ForeArm 0 -28 0\n{side}Hand 0 -25 0\n}}\n}}\n}}\n"
    f"{side}UpLeg {sign * 9} -3 0\n{side}Leg 0 -42 0\n{side}Foot 0 -42 0\n}}\n}}\n}}\n"
    for side, sign in (("Left", 1), ("Right", -1))
)


def test_the_head_follows_its_joint_and_toes_are_added(tmp_path):
    lines = ["HIERARCHY"]
    for row in [*STANDING.split("\n")[1:-1], "}"]:
        name, *rest = row.split()
        kind = "JOINT" if len(lines) > 1 else "ROOT"
        offset, channels = " ".join(rest[:3]), f"CHANNELS {len(rest[3:])} {' '.join(rest[3:])}"
        lines += ["}"] if name == "}" else [f"{kind} {name}", "{", f"OFFSET {offset}", channels]
    rows = [f"0 95 0 {angle}" for angle in (0, 0, 0, 0, 0, 0, 0, 0, 0, 40)]
    lines += ["MOTION", f"Frames: {len(rows)}", "Frame Time: 0.1", *rows]
    (tmp_path / "a.bvh").write_text("\n".join(lines))
    captured = read_motion(tmp_path / "a.bvh")
    looked = captured.motion.head[0].T @ captured.motion.head[-1]
    np.testing.assert_allclose(looked, rotation("y", np.array(40.0)), atol=1e-6)
    np.testing.assert_allclose(captured.motion.chest[0], np.eye(3), atol=1e-6)  # faces z: left is x
    toe, ankle = captured.motion.joints[0, [JOINT["left_toe"], JOINT["left_ankle"]]]
    assert 0 < toe[1] < ankle[1] and toe[2] - ankle[2] == pytest.approx(0.11 * captured.height)
    hand, wrist = captured.motion.joints[0, [JOINT["left_hand"], JOINT["left_wrist"]]]
    np.testing.assert_allclose(hand - wrist, (0, -0.07 * captured.height, 0), atol=1e-9)


MARKED = {
    "SHO": "shoulder",
    "ELB": "elbow",
    "WRA": "wrist",
    "WRB": "wrist",
    "KNE": "knee",
    "ANK": "ankle",
    "TOE": "toe",
}


def write_markers(path, joints, dropped=(), hidden=0):
    """Write a C3D file of Plug-in Gait markers in mm, z up, 100 frames a second; LKNE is hidden in some frames."""
    import ezc3d

    letters = {"left": "L", "right": "R"}
    points = {
        f"{letters[side]}{label}": joints[:, JOINT[f"{side}_{part}"]]
        for label, part in MARKED.items()
        for side in letters
    }
    hips = joints[:, JOINT["pelvis"]]
    for side, sign in (("L", 1), ("R", -1)):
        points[f"{side}ASI"] = hips + (0.12 * sign, 0.07, 0.09)
        points[f"{side}PSI"] = hips + (0.05 * sign, 0.07, -0.09)
        points[f"{side}FHD"] = joints[:, JOINT["head"]] + (0.07 * sign, 0.05, 0.09)
        points[f"{side}BHD"] = joints[:, JOINT["head"]] + (0.07 * sign, 0.05, -0.09)
    points = {f"Ann:{name}": where[..., AXES["z"]] * 1000 for name, where in points.items() if name not in dropped}
    stacked = np.stack([np.full_like(hips, np.nan), *points.values()], axis=1)
    stacked[20 : 20 + hidden, [label == "Ann:LKNE" for label in ("*1", *points)]] = np.nan
    content = ezc3d.c3d()
    content["parameters"]["POINT"]["RATE"]["value"] = [100]
    content["parameters"]["POINT"]["LABELS"]["value"] = ["*1", *points]
    content["data"]["points"] = np.concatenate([stacked, np.ones((*stacked.shape[:2], 1))], axis=2).transpose(2, 1, 0)
    content.write(str(path))


def test_markers_of_plug_in_gait(tmp_path, dance):
    motion = dance(rate=100.0)
    write_markers(tmp_path / "a.c3d", motion.joints, hidden=5)
    captured = read_motion(tmp_path / "a.c3d")
    assert (captured.unit, captured.up, captured.frame_rate) == ("mm", "z", 100)
    away = np.linalg.norm(captured.motion.joints - motion.joints, axis=2)
    assert away.max() < 0.1, dict(zip(JOINTS, away.max(axis=0).round(3), strict=True))
    np.testing.assert_allclose(captured.motion.head[0], captured.motion.chest[0], atol=0.3)
    for options, reason in (
        ({"dropped": ("LKNE", "RASI")}, "no marker LKNE, RASI; the file has: "),
        ({"hidden": 40}, "Ann:LKNE is hidden for 0.4 s"),
        ({"dropped": ("LSHO",)}, "no joint or marker is known as left_shoulder, right_shoulder, "),
    ):
        write_markers(tmp_path / "b.c3d", motion.joints, **options)
        with pytest.raises(MotionError) as refusal:
            read_motion(tmp_path / "b.c3d")
        assert str(refusal.value).startswith(reason)


def test_a_performer_faces_the_camera_unless_the_way_is_too_wide(dance):
    motion = dance()
    turn = rotation("y", np.full(1, 130.0))[0]
    turned = (turn @ part for part in (motion.pelvis, motion.chest, motion.head))
    away = Motion(motion.joints @ turn.T + (4, 0, 2), *turned)
    found = face_camera(away, 5.0)
    ahead = (found.pelvis + found.chest)[:, :, 2].mean(axis=0)
    assert abs(np.degrees(np.arctan2(ahead[0], ahead[2]))) < 1e-6
    low, high = found.joints.min(axis=(0, 1)), found.joints.max(axis=(0, 1))
    np.testing.assert_allclose((low + high)[[0, 2]], 0, atol=1e-9)
    np.testing.assert_allclose(found.joints[..., 1], motion.joints[..., 1])
    sideways = np.linspace(0, 6, len(motion.joints))[:, None, None] * np.array([1.0, 0.0, 0.0])
    found = face_camera(Motion(motion.joints + sideways, motion.pelvis, motion.chest, motion.head), 3.0)
    assert np.ptp(found.joints[..., 0]) < 3.0 < np.ptp(found.joints[..., 2])


def test_real_takes_stand_on_the_floor_in_metres(shared_data):
    folder = shared_data / "motion"
    if not folder.is_dir():
        pytest.skip(f"no motion capture at {folder}")
    for name in ("bow/q1_angry_001", "run/q1_happy_001", "walk-left/q1_sad_001"):
        captured = read_motion(folder / f"{name}.bvh")
        assert (captured.unit, captured.up, captured.rest_pose) == ("cm", "y", False)
        assert 1.45 < captured.height < 1.6
        feet = captured.motion.joints[:, [JOINT["left_toe"], JOINT["right_toe"]], 1]
        assert 0.0 < feet.min() < 0.04
        legs = captured.motion.joints[:, JOINT["left_knee"]] - captured.motion.joints[:, JOINT["left_ankle"]]
        assert np.linalg.norm(legs, axis=1) == pytest.approx(0.41, abs=0.01)
        ends = captured.motion.joints[:, [JOINT["left_hip"], JOINT["left_ankle"]]]
        bent = captured.motion.joints[:, JOINT["left_knee"]] - ends.mean(axis=1)
        assert np.einsum("ni,ni->n", bent, captured.motion.pelvis[:, :, 2]).min() > -0.02  # knees bend forwards
