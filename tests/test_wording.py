"""Durations and sizes as messages say them."""

import pytest

from ib_runner.wording import duration_text, ends_text, interval_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.123, "0.12 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (119.6, "120 s"),
        (150, "2.5 min"),
        (418.8, "7 min"),
        (3000, "50 min"),
        (7199, "120 min"),
        (13.1 * 3600, "13 h"),
    ],
)
def test_a_duration_has_two_digits(seconds, text):
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("ends", "digits", "text"),
    [
        ((3.1249, 3.1251), 2, "[3.12, 3.13]"),
        ((-6.6549, -6.651), 2, "[-6.66, -6.65]"),
        ((-0.0004, -0.0001), 2, "[-0.01, 0.00]"),
        ((0.5, 0.5), 3, "[0.500, 0.500]"),
        ((1.0, float("inf")), 1, "[1.0, inf]"),
    ],
)
def test_an_interval_in_words_encloses_the_interval(ends, digits, text):
    assert interval_text(*ends, digits) == text


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        ((3.1249, 3.1251), ("3.12", "3.13")),
        ((-6.6549, -6.651), ("-6.66", "-6.65")),
        ((0.0012344, 9.996), ("0.00123", "10")),
        ((0.1 + 0.2, 0.3), ("0.3", "0.3")),
        ((-float("inf"), 123.4), ("-inf", "124")),
    ],
)
def test_ends_with_significant_digits_enclose_the_interval(ends, text):
    assert ends_text(*ends, 3) == text
