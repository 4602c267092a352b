"""Amounts of memory, read and shown."""

from __future__ import annotations

import pytest

from baler.core.size import format_size, parse_size
from baler.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), (7, 7), ("64 MB", 64_000_000), ("64mb", 64_000_000), ("1.5 GiB", 3 << 29),
     (" 2k ", 2000), ("2KiB", 2048), ("3 B", 3), ("1T", 10**12), ("1 tib", 1 << 40)],
)  # fmt: skip
def test_amounts_are_read(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "0.1", "MB", "1 PB", "1e6", "1,5 MB", -3, "1 M x"])
def test_other_words_are_refused(text: str | int) -> None:
    with pytest.raises(UsageError, match="as an amount of memory"):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (999.4, "999 B"), (1000, "1 kB"), (2_867_000, "2.87 MB"),
     (999_499, "999 kB"), (999_500, "1 MB"), (64e9, "64 GB"), (1.5e12, "1.5 TB"), (-5000, "-5 kB")],
)  # fmt: skip
def test_amounts_are_shown_with_three_digits(size: float, text: str) -> None:
    assert format_size(size) == text
