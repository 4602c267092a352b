"""Formulas that predict a column from decoded columns of the same length.

Floats are computed in float64 with ``+ - * /`` and the square root, each rounded once (IEEE 754),
in the order written here; every machine gives the same prediction. Columns of integers are
predicted in 64-bit integers that wrap around.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Formula:
    """A function of some parents and a constant; ``code`` is its number in the file."""

    code: int
    name: str
    arity: int
    evaluate: Callable[[Sequence[Array], float], Array]
    integer: bool = False  # whether it also predicts integers from integers


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
    Formula(
        10, "energy", 3,
        lambda p, c: np.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2] + c * c),
    ),
    Formula(
        11, "energy of mass", 4,
        lambda p, c: np.sqrt(p[0] * p[0] + p[1] * p[1] + p[2] * p[2] + p[3] * p[3]),
    ),
    Formula(12, "rest", 2, lambda p, c: (c - p[0]) - p[1]),
)  # fmt: skip
"""Known formulas by their codes. The constant is used by 5, 10 and 12 only."""

BY_NAME = {formula.name: formula for formula in FORMULAS}


def predict(formula: Formula, parents: Sequence[Array], constant: float, kind: str) -> Array:
    """Return the prediction of a column of dtype kind ``kind``: float64, or int64 for integers."""
    number = np.float64 if kind == "f" else np.int64
    with np.errstate(all="ignore"):
        return np.asarray(formula.evaluate([p.astype(number) for p in parents], constant))
