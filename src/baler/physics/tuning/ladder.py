"""How coarse the bound of a column may become: a finest bound, and doublings of its step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from baler.core.bounds import Absolute, Bound, Relative, Sigma, special
from baler.core.chunk import Chunk
from baler.core.schema import Column, Schema

Floats = npt.NDArray[np.float64]

FINEST, COARSEST = 2.0**-20, 2.0**-3
"""Of a value, or of the spread of a column."""
FINEST_SIGMA, COARSEST_SIGMA = 2.0**-12, 1.0
"""Of the value's own uncertainty."""
WIDE = 4.0
"""Positive values whose 5-95 % span is at least such a ratio are bounded relative to themselves."""
ERRORS = ("Err", "Error", "Unc", "_err", "_error", "_unc")
"""How the names of columns end that hold the uncertainties of others."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """The bounds that a column may have; level 0 is the finest, and each level doubles the step."""

    finest: Absolute | Relative | Sigma
    top: float  # the last level
    part: float  # of the spread of the column, that the finest step is

    def bound(self, level: float) -> Bound:
        """Return the bound of a level: a power of two, or rounded down to three digits."""
        factor = 2.0**level
        match self.finest:
            case Absolute(epsilon):
                return Absolute(_rounded(epsilon * factor))
            case Relative(fraction):
                whole = math.frexp(fraction * factor)[0] == 0.5
                return Relative(fraction * factor if whole else _rounded(fraction * factor))
            case Sigma(fraction, column):
                whole = math.frexp(fraction * factor)[0] == 0.5
                return Sigma(fraction * factor if whole else _rounded(fraction * factor), column)


def ladders(
    schema: Schema, chunk: Chunk, *, exact: Sequence[str] = (), start: Iterable[Bound] | None = None
) -> dict[str, Ladder]:
    """Return the ladders of columns by their names; columns without one stay exact.

    ``exact`` has patterns of columns to leave alone. ``start`` are bounds of all columns of the
    schema to start from, ``range`` resolved: columns that are exact there stay so. Without it a
    column X whose uncertainties are in another one (X + "Err" and the like) is bounded by these,
    positive values over a wide range relative to themselves, all others by a part of their span.
    """
    found = {}
    bounds = [None] * len(schema.columns) if start is None else list(start)
    for column, bound in zip(schema.columns, bounds, strict=True):
        if not column.is_float or any(fnmatchcase(column.name, glob) for glob in exact):
            continue
        values = chunk.columns[column.name]
        usual = values[~special(values)].astype(np.float64)
        if not usual.size or usual.min() == usual.max() or (bound is not None and not bound.lossy):
            continue
        finest = _finest(schema, column, usual) if bound is None else bound
        if isinstance(finest, Absolute | Relative | Sigma):
            step = _step(finest, usual, chunk)
            found[column.name] = Ladder(finest, _top(finest, usual), step / _span(usual))
    return found


def _finest(schema: Schema, column: Column, usual: Floats) -> Bound | None:
    if (errors := uncertainties(schema, column)) is not None:
        return Sigma(FINEST_SIGMA, errors)
    low, high = np.quantile(usual, (0.05, 0.95))
    if usual.min() > 0 and high >= WIDE * low:
        return Relative(FINEST)
    step = _rounded(FINEST * _span(usual))
    return Absolute(step) if step > 0 else None


def _top(finest: Absolute | Relative | Sigma, usual: Floats) -> float:
    """Return how many doublings lead to the coarsest bound."""
    match finest:
        case Absolute(epsilon):
            return max(0.0, math.ceil(math.log2(COARSEST * _span(usual) / epsilon)))
        case Relative(fraction):
            return max(0.0, math.floor(math.log2(COARSEST / fraction)))
        case Sigma(fraction):
            return max(0.0, math.floor(math.log2(COARSEST_SIGMA / fraction)))


def _step(finest: Absolute | Relative | Sigma, usual: Floats, chunk: Chunk) -> float:
    """Return the usual step of a bound, in the unit of the column."""
    match finest:
        case Absolute(epsilon):
            return epsilon
        case Relative(fraction):
            return fraction * float(np.median(np.abs(usual)))
        case Sigma(fraction, column):
            sigmas = chunk.columns[column].astype(np.float64)
            sigmas = sigmas[np.isfinite(sigmas) & (sigmas > 0)]
            return fraction * float(np.median(sigmas)) if sigmas.size else 0.0


def _span(usual: Floats) -> float:
    """Return the 5-95 % span of values, or twice the 25-75 % one if few values make it wide.

    The whole span where that is nothing.
    """
    low, first, third, high = np.quantile(usual, (0.05, 0.25, 0.75, 0.95))
    inner = 2 * float(third - first) or np.inf
    return min(float(high - low), inner) or float(usual.max() - usual.min())


def uncertainties(schema: Schema, column: Column) -> str | None:
    """Return the name of the column that holds the uncertainties of another one, if any does."""
    for ending in ERRORS:
        other = schema.by_name.get(column.name + ending)
        if other is not None and other.is_float and other.width == column.width:
            return other.name if other.counts == column.counts else None
    return None


def in_order(ladders: Mapping[str, Ladder]) -> list[str]:
    """Return columns such that those of uncertainties come before those that they bound."""
    by = {name: ladder.finest.parent for name, ladder in ladders.items()}

    def depth(name: str) -> int:
        found, at = 0, by[name]
        while at is not None and at in by and found <= len(by):
            found, at = found + 1, by[at]
        return found

    return sorted(ladders, key=depth)


def _rounded(value: float, digits: int = 3) -> float:
    """Return a positive number rounded down to some digits; 0 for any other."""
    if not (value > 0 and math.isfinite(value)):
        return 0.0
    scale = 10.0 ** (digits - 1 - math.floor(math.log10(value)))
    return float(f"{math.floor(value * scale) / scale:.{digits}g}")
