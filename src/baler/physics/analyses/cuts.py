"""Cuts: the fields of an analysis, each with its default, unit and meaning."""

from __future__ import annotations

from dataclasses import field
from typing import Any


def cut(default: Any, meaning: str, unit: str = "") -> Any:
    """Return a field of a dataclass that is a cut."""
    return field(default=default, metadata={"meaning": meaning, "unit": unit})
