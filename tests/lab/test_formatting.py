"""How durations and lists of names are written."""

from __future__ import annotations

import pytest

from lab.formatting import format_names, format_seconds


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (0.0, "0 µs"),
        (42e-6, "42 µs"),
        (1.23e-3, "1.23 ms"),
        (0.1, "100 ms"),
        (2.5, "2.50 s"),
        (61, "61.0 s"),
    ],
)
def test_seconds_are_written_with_a_unit(value: float | None, text: str):
    assert format_seconds(value) == text


def test_long_lists_of_names_are_cut():
    assert format_names([f"h{number}" for number in range(10)]).splitlines()[-2:] == ["h7", "and 2 more"]
