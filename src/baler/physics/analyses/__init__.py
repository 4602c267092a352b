"""Analyses by name, with their cuts as arguments."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from baler.errors import UsageError, near
from baler.physics.analyses.base import (
    Analysis,
    Failure,
    Measured,
    Observable,
    Observed,
    Outcome,
    Quantity,
)
from baler.physics.analyses.dijet import Dijet
from baler.physics.analyses.dimuon import Dimuon

__all__ = [
    "ANALYSES",
    "Analysis",
    "Failure",
    "Measured",
    "Observable",
    "Observed",
    "Outcome",
    "Quantity",
    "analysis",
    "cuts_of",
]

ANALYSES: dict[str, type[Any]] = {one.name: one for one in (Dijet, Dimuon)}


def analysis(name: str, **cuts: float | str) -> Analysis:
    """Return an analysis with some of its cuts changed: ``analysis("dijet", pt="40")``.

    A cut is given as a number, or as a string that is one. Raises UsageError for a name or a cut
    that is not known, and for a value that is none.
    """
    if name not in ANALYSES:
        raise UsageError(f"no analysis {name!r}; there are {', '.join(ANALYSES)}")
    known = cuts_of(name)
    given = {}
    for cut, value in cuts.items():
        if cut not in known:
            raise UsageError(
                f"analysis {name!r} has no cut {cut!r}{near(cut, known)}; "
                f"it has {', '.join(f'{one}={default}' for one, default in known.items())}"
            )
        given[cut] = _parsed(name, cut, value, type(known[cut]))
    made: Analysis = ANALYSES[name](**given)
    return made


def cuts_of(name: str) -> dict[str, Any]:
    """Return the cuts of an analysis with their defaults, in the order of the class."""
    return {one.name: one.default for one in fields(ANALYSES[name])}


def _parsed(name: str, cut: str, value: float | str, kind: type[Any]) -> Any:
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    try:
        if kind is bool:
            return words[str(value).lower()]
        if kind is str:
            return str(value)
        return kind(value)
    except (KeyError, ValueError):
        expected = {float: "a number", int: "an integer", bool: "true or false"}[kind]
        raise UsageError(f"{name}: {cut}={value!r} is not {expected}") from None
