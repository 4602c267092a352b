"""Formulas that predict a column from decoded columns of the same length.

Floats are computed in float64 with ``+ - * /`` and the square root, each rounded once (IEEE 754),
and with elementary functions made of these, in the order written here; every machine gives the same
prediction. Columns of integers are predicted in 64-bit integers that wrap around.

Two formulas compute nothing: a *lookup* predicts the symbol that the first row with the same keys
has, so that a column which is a function of another needs no table.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.quantise.elementary import PI, asinh, atan2, cos, cosh, sin, sinh

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Evaluate = Callable[[Sequence[Array], float], Array]

RUN = 1 << 13
"""Rows that are computed at once, so that what is in between stays in the cache."""


@dataclass(frozen=True, slots=True)
class Formula:
    """A function of some parents and a constant; ``code`` is its number in the file."""

    code: int
    name: str
    arity: int
    evaluate: Evaluate
    integer: bool = False  # whether it also predicts integers from integers
    lookup: bool = False  # whether it predicts what the first row with the same parents has


def _angle(p: Sequence[Array], c: float) -> Array:
    angle = atan2(p[1], p[0])
    return np.where(angle < c, angle + 2 * PI, angle)


def _root(square: Array) -> Array:
    """Return the root of a square that may have come out negative, with its sign."""
    return np.copysign(np.sqrt(np.abs(square)), square)


def _mass_of_two(p: Sequence[Array], c: float) -> Array:
    e, x, y, z = p[0] + p[4], p[1] + p[5], p[2] + p[6], p[3] + p[7]
    return _root(((e * e - x * x) - y * y) - z * z)


def _energy_of_pt(pt: Array, eta: Array, mass: Any) -> Array:
    p = pt * cosh(eta)
    return np.asarray(np.sqrt(p * p + mass * mass))


def _vector(p: Sequence[Array], mass: Any) -> tuple[Array, ...]:
    """Return energy and momentum of pt, eta and phi."""
    pt, eta, phi = p
    return _energy_of_pt(pt, eta, mass), pt * cos(phi), pt * sin(phi), pt * sinh(eta)


def _energy(p: Sequence[Array], mass: float) -> Array:
    return np.asarray(np.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2] + mass * mass))


FORMULAS = (
    Formula(0, "same", 1, lambda p, c: p[0], integer=True),
    Formula(1, "sum", 2, lambda p, c: p[0] + p[1], integer=True),
    Formula(2, "difference", 2, lambda p, c: p[0] - p[1], integer=True),
    Formula(3, "product", 2, lambda p, c: p[0] * p[1], integer=True),
    Formula(4, "ratio", 2, lambda p, c: p[0] / p[1]),
    Formula(5, "scaled", 1, lambda p, c: p[0] * c),
    Formula(6, "opposite", 1, lambda p, c: -p[0], integer=True),
    Formula(7, "corrected", 2, lambda p, c: p[0] * (1.0 - p[1])),
    Formula(8, "norm2", 2, lambda p, c: np.sqrt(p[0] * p[0] + p[1] * p[1])),
    Formula(9, "norm3", 3, lambda p, c: np.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2])),
    Formula(10, "energy", 3, _energy),
    Formula(
        11, "energy of mass", 4,
        lambda p, c: np.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2] + p[3] * p[3]),
    ),
    Formula(12, "rest", 2, lambda p, c: (c - p[0]) - p[1]),
    Formula(13, "rest of three", 3, lambda p, c: ((c - p[0]) - p[1]) - p[2]),
    Formula(14, "rest of four", 4, lambda p, c: (((c - p[0]) - p[1]) - p[2]) - p[3]),
    Formula(15, "uncorrected", 2, lambda p, c: p[0] / (1.0 - p[1])),
    Formula(16, "lookup", 1, lambda p, c: np.zeros(p[0].size), integer=True, lookup=True),
    Formula(17, "lookup of two", 2, lambda p, c: np.zeros(p[0].size), integer=True, lookup=True),
    # of x, y, z
    Formula(18, "phi", 2, _angle),
    Formula(19, "eta", 3, lambda p, c: asinh(p[2] / np.sqrt(p[0] * p[0] + p[1] * p[1]))),
    Formula(
        20, "energy of jet", 3,
        lambda p, c: np.sqrt((p[0] * p[0] + p[1] * p[1]) * c + p[2] * p[2]),
    ),
    # of pt and z; of pt and phi; of pt, eta (and mass)
    Formula(21, "eta of pt", 2, lambda p, c: asinh(p[1] / p[0])),
    Formula(22, "x", 2, lambda p, c: p[0] * cos(p[1])),
    Formula(23, "y", 2, lambda p, c: p[0] * sin(p[1])),
    Formula(24, "z", 2, lambda p, c: p[0] * sinh(p[1])),
    Formula(25, "energy of pt", 2, lambda p, c: _energy_of_pt(p[0], p[1], c)),
    Formula(26, "energy of pt and mass", 3, lambda p, c: _energy_of_pt(p[0], p[1], p[2])),
    # of E, x, y, z, or of E and p
    Formula(
        27, "mass", 4,
        lambda p, c: _root(((p[0] * p[0] - p[1] * p[1]) - p[2] * p[2]) - p[3] * p[3]),
    ),
    Formula(28, "mass of p", 2, lambda p, c: _root(p[0] * p[0] - p[1] * p[1])),
    # of E, x, y, z of two; of pt, eta, phi (and mass) of two; of x, y, z of two
    Formula(29, "mass of two", 8, _mass_of_two),
    Formula(
        30, "mass of two of pt", 6,
        lambda p, c: _mass_of_two([*_vector(p[:3], c), *_vector(p[3:], c)], c),
    ),
    Formula(
        31, "mass of two of pt and mass", 8,
        lambda p, c: _mass_of_two([*_vector(p[:3], p[3]), *_vector(p[4:7], p[7])], c),
    ),
    Formula(
        32, "mass of two of momenta", 6,
        lambda p, c: _mass_of_two([_energy(p[:3], c), *p[:3], _energy(p[3:], c), *p[3:]], c),
    ),
)  # fmt: skip
"""Known formulas by their codes. Some use the constant: 5, 10, 12 to 14, 18, 20, 25, 30 and 32."""

BY_NAME = {formula.name: formula for formula in FORMULAS}


def predict(formula: Formula, parents: Sequence[Array], constant: float, kind: str) -> Array:
    """Return the prediction of a column of dtype kind ``kind``: float64, or int64 for integers."""
    size = parents[0].size
    if kind != "f" or size <= RUN:
        return _predicted(formula, parents, constant, kind)
    found = np.empty(size)
    for at in range(0, size, RUN):
        run = [parent[at : at + RUN] for parent in parents]
        found[at : at + RUN] = _predicted(formula, run, constant, kind)
    return found


def _predicted(formula: Formula, parents: Sequence[Array], constant: float, kind: str) -> Array:
    number = np.float64 if kind == "f" else np.int64
    with np.errstate(all="ignore"):
        return np.asarray(formula.evaluate([p.astype(number) for p in parents], constant))


def first_rows(parents: Sequence[Array]) -> Ints:
    """Return for each row the first one with the same bits in all parents, perhaps itself."""
    groups, many = _groups(parents[0])
    for parent in parents[1:]:
        other, more = _groups(parent)
        groups, many = _dense(groups * more + other)
    first = np.zeros(many, np.int64)
    first[groups[::-1]] = np.arange(groups.size)[::-1]  # the last one counts of those that repeat
    return np.asarray(first[groups])


def _groups(values: Array) -> tuple[Ints, int]:
    """Return numbers below the second result that are equal where values have the same bits."""
    bits = values.view(f"u{values.dtype.itemsize}")
    if bits.size and values.dtype.kind != "f":
        low, high = int(values.min()), int(values.max())
        if high - low < 2 * values.size and high < 1 << 62:
            return values.astype(np.int64) - low, high - low + 1
    return _dense(bits)


def _dense(values: Array) -> tuple[Ints, int]:
    distinct, groups = np.unique(values, return_inverse=True)
    return groups.astype(np.int64), distinct.size
