"""What a measurement gives: a number with its uncertainty, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number that an analysis measures."""

    value: float
    uncertainty: float  # of the number of events, one standard deviation
    unit: str = ""

    def __str__(self) -> str:
        """Return it in a line: two digits of the uncertainty, and as many places of the value."""
        return f"{_rounded(self.value, self.uncertainty)} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no number: too few events, a fit that did not converge."""

    reason: str

    def __str__(self) -> str:
        """Return the reason."""
        return self.reason


Measured = Quantity | Failure


def _rounded(value: float, uncertainty: float) -> str:
    if not (math.isfinite(value) and 0 < uncertainty < math.inf):
        return f"{value:.4g} +- {uncertainty:.2g}"
    places = 1 - math.floor(math.log10(uncertainty))
    if not 0 <= places <= 6:
        return f"{value:.6g} +- {uncertainty:.2g}"
    return f"{value:.{places}f} +- {uncertainty:.{places}f}"
