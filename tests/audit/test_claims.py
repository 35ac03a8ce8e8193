import re
from collections import Counter

import pytest

from dance_tf.audit import published
from dance_tf.audit.claims import audit_claims


def messages(rule):
    return {finding.row: finding.message for finding in audit_claims() if finding.rule == rule}


def test_the_values_of_a_finding_are_the_printed_and_the_computed_one():
    (say_so,) = (finding for finding in audit_claims() if finding.rule == "two counts of the same frames")
    assert (say_so.level, say_so.values) == ("impossible", (("printed", "1,138"), ("computed", "24,890")))


@pytest.mark.parametrize(
    ("rule", "row", "parts"),
    [
        ("two counts of the same frames", "section 4.1, above Table 1", ["1,138 frames", "24,890 (41.5 s per video)"]),
        ("videos by source", "section 4.1", ["20 participants", "make 240 videos"]),
        ("length of the clips", "Table 1, Lottery", ["41.00 s"]),
        ("length of the clips", "Table 1, Say So", ["30–40 s", "41.48 s"]),
        ("abstract against the mean of Table 2", "abstract and section 5", ["f1 97.30", "97.14", "none of their"]),
        ("claim against the mean of Table 2", "note under Table 2 and section 4.3", ["97.08 (97.14 is their mean f1)"]),
        ("claim against Table 2", "section 4.4, below Table 3", ["96.5 for", "95.72"]),
        (
            "less data, higher accuracy",
            "Table 3, one frame of 2",
            ["97.34 with one frame of 2", "97.14 in the text and 97.08"],
        ),
        ("styles that are not in the data", "Table 4, confusion rate", ["Shuffle and Hip-Hop"]),
        ("times do not add up", "Table 4, CNN + AE + Attention", ["32.57 s", "25.03 s", "7.54 s"]),
        ("same work in less time", "Table 4, CNN + AE + Attention", ["7.54 s", "8.02 s in CNN + AE"]),
        ("training time against the text", "Table 4, CNN + AE + Attention", ["9 h", "4.87 h"]),
        ("size against described layers", "Table 4, CNN + AE + Attention", ["157.4 MB", "0.84 million (3.4 MB)"]),
        ("clean frames against Table 2", "Table 5, Baseline (optimal)", ["f1 is 97.30", "97.14"]),
        ("ranking in the text", "Table 5", ["Severe motion blur costs 4.80", "(360p) costs 5.77"]),
        ("accuracy of the frames that are kept", "Table 5, Frame drop (20%)", ["94.44", "97.14", "96.42"]),
        ("measured or estimated", "Table 5", ["the 15 rows", '"simulated and estimated"']),
        ("lines beyond the network input", "Table 5, Low resolution (360p)", ["5.77", "(3.29)", "128 lines"]),
        ("two pictures under one number", "Figure 1", ["porous materials", "optimal error level"]),
        ("one place named twice", "section 3.5, list of steps", ["steps 2 and 3", '"sent to the cloud"']),
        ("features sent in place of frames", "section 3.5", ["1,536 float32", "1.47 Mbit/s (0.37", "needs 3.93"]),
    ],
)
def test_findings_state_their_numbers(rule, row, parts):
    message = messages(rule)[row]
    assert all(part in message for part in parts), message
    assert message[0].isupper() and message.endswith(".")


RANKING, LARGEST, ABSTRACT = "ranking in the text", "largest loss", "abstract against the mean of Table 2"


@pytest.mark.parametrize(
    ("name", "value", "gone", "found"),
    [
        ("ABSTRACT_ACCURACY", 97.08, [ABSTRACT], {}),
        ("ABSTRACT_F1", 97.14, [ABSTRACT], {}),
        ("MEAN_ACCURACY", 97.08, ["claim against the mean of Table 2"], {}),
        ("BASELINE_ACCURACY", 95.7, ["claim against Table 2"], {}),
        ("SAY_SO_FRAMES", 24_890, ["two counts of the same frames"], {}),
        ("VIDEOS", 300, ["videos by source"], {}),
        ("MAX_CLIP_SECONDS", 42, ["length of the clips"], {}),
        ("MIN_TRAINING_HOURS", 4, ["training time against the text"], {}),
        ("INPUT_SIDE", 512, ["lines beyond the network input"], {}),
        ("TABLE_4_SIMILAR_STYLES", ("Tokyo", "Laxed"), ["styles that are not in the data"], {}),
        (
            "TABLE_1",
            {"frames": {0: 22_366}},
            [],
            {"sum of frames": "263,471 frames, but .* sum to 263,472"},
        ),
        (
            "TABLE_3",
            {"accuracy": {4: 96.60}},
            [],
            {"claimed fall": "that accuracy falls .* at row 5"},
        ),
        ("TABLE_3", {"kappa": {4: 72.29}}, [], {"claimed fall": "that kappa falls .* at row 5"}),
        ("TABLE_4", {"inference_seconds": {4: 33.05}}, ["same work in less time"], {}),
        ("TABLE_4", {"inference_seconds": {4: 25.03}}, ["times do not add up"], {}),
        ("TABLE_4", {"size_mb": {4: 3.1}}, ["size against described layers"], {}),
        ("TABLE_5", {"accuracy": {0: 97.08}, "f1": {0: 97.14}}, ["clean frames against Table 2"], {}),
        ("TABLE_5", {"accuracy": {14: 95.0, 13: 96.9}}, [RANKING, "accuracy of the frames that are kept"], {}),
        ("TABLE_5", {"accuracy": {10: 90.0}}, [], {RANKING: "Rain effect costs 7.14", LARGEST: "7.14"}),
    ],
)
def test_other_statements_have_other_findings(monkeypatch, name, value, gone, found):
    before = Counter(finding.rule for finding in audit_claims())
    if isinstance(value, dict):  # column → row → number
        table = getattr(published, name).copy()
        for column, numbers in value.items():
            table.loc[list(numbers), column] = list(numbers.values())
        value = table
    monkeypatch.setattr(published, name, value)
    after = audit_claims()
    counts = Counter(finding.rule for finding in after)
    # the abstract has two numbers, and each change corrects one of them
    assert all(counts[rule] == (rule == ABSTRACT) < before[rule] for rule in gone)
    for rule, text in found.items():
        assert any(re.search(text, finding.message) for finding in after if finding.rule == rule)
        assert counts[rule] > before[rule]


def test_quotes_are_in_the_text_of_the_paper(paper_text):
    quotes = [quote for finding in audit_claims() for quote in re.findall('"([^"]+)"', finding.message)]
    assert len(quotes) == 8
    assert not [quote for quote in quotes if quote.lower() not in paper_text.lower()]
