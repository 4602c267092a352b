"""What a measurement gives: a number with its uncertainty, or the reason why there is none."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no number: too few events, a fit that did not converge."""

    reason: str


Measured = Quantity | Failure
