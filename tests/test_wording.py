"""Durations and sizes as messages say them."""

import pytest

from ib_runner.wording import duration_text


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
