"""Cuts: the fields of an analysis, each with its default, unit and meaning."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from baler.errors import UsageError, near

EXPECTED = {float: "a number", int: "an integer", bool: "true or false"}
WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Cut:
    """An argument of an analysis."""

    name: str
    default: Any
    meaning: str
    unit: str = ""

    def parse(self, value: float | str) -> Any:
        """Return a value of the kind of the default; raises UsageError."""
        kind = type(self.default)
        try:
            made = WORDS[str(value).lower()] if kind is bool else kind(value)
        except (KeyError, ValueError):
            made = math.nan
        if kind is not str and not math.isfinite(made):
            raise UsageError(f"cut {self.name}={value!r} is not {EXPECTED[kind]}")
        return made


def cut(default: Any, meaning: str, unit: str = "") -> Any:
    """Return a field of a dataclass that is a cut."""
    return field(default=default, metadata={"meaning": meaning, "unit": unit})


def cuts_of(kind: type[Any]) -> dict[str, Cut]:
    """Return the cuts of a class of analyses by name, in its order."""
    return {
        one.name: Cut(one.name, one.default, one.metadata["meaning"], one.metadata["unit"])
        for one in fields(kind)
    }


def parsed(owner: str, known: dict[str, Cut], given: dict[str, float | str]) -> dict[str, Any]:
    """Return cuts as values; raises UsageError for names that are not known."""
    for name in given:
        if name not in known:
            listed = ", ".join(f"{one.name}={one.default}" for one in known.values())
            raise UsageError(f"{owner} has no cut {name!r}{near(name, known)}; it has {listed}")
    return {name: known[name].parse(value) for name, value in given.items()}
