from dataclasses import replace

from dance_tf.synthesis.truth import ClipTruth, Fault, Mistake, moving_cameras, read_truths, truth_from_json

TRUTH = ClipTruth(
    style="Tokyo",
    dancer="d03",
    skill=0.25,
    frames=8,
    frame_rate=30.0,
    faults=(Fault(0, 1, "blank"), Fault(5, 6, "blurred")),
    mistakes=(Mistake(0.1, 0.2, "late", ("left_hand", "left_wrist")),),
    beats=(0.05, 0.55),
    phase=3.5,
    camera_moves=True,
)


def test_json_and_back():
    assert truth_from_json(TRUTH.to_json()) == TRUTH


def test_reasons_mark_both_ends():
    assert TRUTH.reasons() == ["blank", "blank", "", "", "", "blurred", "blurred", ""]


def test_faults_and_mistakes_are_plain_tuples_too():
    first, last, reason = TRUTH.faults[0]
    assert (first, last, reason) == (0, 1, "blank")
    start, end, kind, joints = TRUTH.mistakes[0]
    assert (start, end, kind, joints) == (0.1, 0.2, "late", ("left_hand", "left_wrist"))


def test_the_truths_of_a_folder_are_found_by_clip(tmp_path):
    still = replace(TRUTH, camera_moves=False)
    for name, truth in {"Tok/Tok_d03": TRUTH, "BU/BU_d01": still}.items():
        path = tmp_path / "truth" / f"{name}.json"
        path.parent.mkdir(parents=True)
        path.write_text(truth.to_json(), encoding="utf-8")
    found = read_truths(tmp_path)
    assert found == {"Tok/Tok_d03": TRUTH, "BU/BU_d01": still}
    assert moving_cameras(found) == {"Tok/Tok_d03"}


def test_real_footage_has_no_truth(tmp_path):
    (tmp_path / "waltz_1.mp4").write_bytes(b"")
    assert read_truths(tmp_path) == {}
