import pytest

from dance_tf.audit.bounds import read_printed


@pytest.mark.parametrize(
    ("text", "percent", "low", "high", "decimals"),
    [
        ("97.14", True, 0.97135, 0.97145, 2),
        ("97.14%", False, 0.97135, 0.97145, 2),
        (" 97.14 % ", True, 0.97135, 0.97145, 2),
        ("97", True, 0.965, 0.975, 0),
        ("0.97", False, 0.965, 0.975, 2),
        (".970", False, 0.9695, 0.9705, 3),
        ("97,14", True, 0.97135, 0.97145, 2),
        ("97.1 ± 0.3", True, 0.9705, 0.9715, 1),
        ("0.97 (0.02)", False, 0.965, 0.975, 2),
        ("97.1% ± 0.3%", False, 0.9705, 0.9715, 1),
        ("-0.05", False, -0.055, -0.045, 2),
        ("\N{MINUS SIGN}5", True, -0.055, -0.045, 0),
        ("9.7e1", True, 0.965, 0.975, 0),
        ("9.714e-1", False, 0.97135, 0.97145, 4),
        # what 0.9714 * 100 and 0.1 + 0.2 look like when a program writes them
        ("97.14000000000001", True, 0.97135, 0.97145, 2),
        ("97.13999999999999", True, 0.97135, 0.97145, 2),
        ("0.30000000000000004", False, 0.25, 0.35, 1),
    ],
)
def test_a_printed_number_stands_for_all_that_round_to_it(text, percent, low, high, decimals):
    printed = read_printed(text, percent=percent)
    assert (printed.low, printed.high) == (pytest.approx(low, abs=1e-15), pytest.approx(high, abs=1e-15))
    assert printed.decimals == decimals
    assert printed.text == text.strip()
    assert printed.scale == (100 if percent or "%" in text else 1)


def test_a_number_in_full_keeps_its_digits():
    third = read_printed(repr(1 / 3))
    assert third.low <= 1 / 3 <= third.high
    assert third.high - third.low < 1e-15


@pytest.mark.parametrize("text", ["", "  ", "-", "—", "n/a", "NaN", "None"])
def test_cells_without_a_number_are_none(text):
    assert read_printed(text) is None


@pytest.mark.parametrize("text", ["good", "97.1.2", "12 34", "1e999", "inf", "%", "± 3"])
def test_cells_with_something_else_are_refused(text):
    with pytest.raises(ValueError, match="no number"):
        read_printed(text)
