from dance_tf.synthesis.truth import ClipTruth, Fault, Mistake, truth_from_json

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
