"""Amounts of memory as people write them."""

from __future__ import annotations

import re

from baler.errors import UsageError

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12,
          "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}  # fmt: skip


def parse_size(text: str | int) -> int:
    """Return the bytes in ``"64 MB"``, ``"1.5 GiB"`` or a plain number.

    Raises UsageError for anything else and for less than one byte.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?\s*", str(text).lower())
    size = 0 if match is None else int(float(match[1]) * _UNITS[match[2] or ""])
    if size < 1:
        raise UsageError(f"cannot read {text!r} as an amount of memory such as '64 MB'")
    return size


def format_size(size: float) -> str:
    """Return bytes with a decimal unit and three digits, such as ``2.87 MB``."""
    for unit in ("B", "kB", "MB", "GB"):
        if abs(size) < 999.5 or (unit == "B" and abs(size) < 1000):
            return f"{size:.0f} B" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.4g} TB"
