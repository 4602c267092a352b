"""Analyses by name, with their cuts as arguments."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from baler.errors import UsageError

try:
    import hist as _hist  # noqa: F401
except ImportError:
    raise UsageError("analyses need hist: pip install 'baler[physics]'") from None

from baler.physics.analyses.base import (
    Analysis,
    Failure,
    Measured,
    Observable,
    Observed,
    Outcome,
    Quantity,
)
from baler.physics.analyses.btag import Btag
from baler.physics.analyses.cuts import Cut, cuts_of, parsed
from baler.physics.analyses.dijet import Dijet
from baler.physics.analyses.dimuon import Dimuon
from baler.physics.analyses.masses import Masses
from baler.physics.analyses.met import MissingEnergy
from baler.physics.analyses.recoil import Recoil
from baler.physics.analyses.response import Response

__all__ = [
    "ANALYSES",
    "Analysis",
    "Cut",
    "Failure",
    "Measured",
    "Observable",
    "Observed",
    "Outcome",
    "Quantity",
    "analysis",
    "cuts",
]

ANALYSES: dict[str, type[Any]] = {
    one.name: one for one in (Dijet, Dimuon, Btag, Response, MissingEnergy, Recoil, Masses)
}


def analysis(name: str, **cuts: float | str) -> Analysis:
    """Return an analysis with some of its cuts changed: ``analysis("dijet", pt="200")``.

    A cut is given as a number, or as a string that is one. Raises UsageError for a name or a cut
    that is not known, for a value that is none, and without the packages that fits need.
    """
    if missing := [one for one in ("iminuit", "scipy") if not find_spec(one)]:
        raise UsageError(f"analyses need {', '.join(missing)}: pip install 'baler[physics]'")
    kind = _kind(name)
    made: Analysis = kind(**parsed(f"analysis {name!r}", cuts_of(kind), cuts))
    return made


def cuts(name: str) -> dict[str, Cut]:
    """Return the cuts of an analysis by name, with default, unit and meaning."""
    return cuts_of(_kind(name))


def _kind(name: str) -> type[Any]:
    if name not in ANALYSES:
        raise UsageError(f"no analysis {name!r}; there are {', '.join(ANALYSES)}")
    return ANALYSES[name]
