"""Values on their way into JSON, merged metrics, titles of a figure."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from dance_tf.report.sections import json_text, merge_metrics, plain, titles_of, write_whole


def test_plain_values():
    assert plain(
        {"b": np.float32(0.5), "a": (np.int64(3), np.nan, float("inf")), 7: np.array([[True], [False]]), "none": None}
    ) == {"7": [[True], [False]], "a": [3, None, None], "b": 0.5, "none": None}


@pytest.mark.parametrize(
    ("value", "rounded"),
    [(2 / 3, 0.666667), (123456.123456789, 123456.123457), (0.0001234567891, 0.000123457), (-1e-9 / 3, -3.33333e-10)],
)
def test_rounding(value, rounded):
    assert plain(value) == rounded


def test_what_json_does_not_know_is_refused():
    with pytest.raises(TypeError, match="complex"):
        plain({"a": 1j})


def test_json_is_sorted_and_valid():
    text = json_text({"b": 1, "a": float("nan")})
    assert text == '{\n "a": null,\n "b": 1\n}\n'
    assert json.loads(text) == {"a": None, "b": 1}


def test_two_sections_fill_one_branch():
    one = {"strategies": {"cnn": {"dancer": {"mean": 0.5}}}, "data": {"clips": 3}}
    other = {"strategies": {"cnn": {"clip": {"mean": 0.7}}, "ae": 1}, "data": {"clips": 3}}
    merged = merge_metrics([("evaluate", one), ("compare", other)])
    assert merged == {
        "data": {"clips": 3},
        "strategies": {"ae": 1, "cnn": {"clip": {"mean": 0.7}, "dancer": {"mean": 0.5}}},
    }
    assert one["strategies"] == {"cnn": {"dancer": {"mean": 0.5}}}  # the parts stay as they were


@pytest.mark.parametrize("other", [{"data": {"clips": 4}}, {"data": 4}, {"data": {"clips": {"train": 2}}}])
def test_sections_that_disagree_are_named(other):
    with pytest.raises(ValueError, match=r"compare and evaluate disagree about data"):
        merge_metrics([("evaluate", {"data": {"clips": 3}}), ("compare", other)])


def test_titles_are_found_wherever_they_are():
    figure = Figure()
    upper, lower = figure.subfigures(2, 1)
    upper.suptitle("above")
    axes = lower.subplots()
    axes.set_title("below", loc="left")
    assert set(titles_of(figure)) == {"above", "below"}


def test_a_file_is_replaced_whole(tmp_path):
    write_whole(tmp_path / "new" / "a.txt", "one")
    write_whole(tmp_path / "new" / "a.txt", b"two")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.txt"]
    assert (tmp_path / "new" / "a.txt").read_text() == "two"
