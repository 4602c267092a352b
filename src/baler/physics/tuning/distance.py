"""How far the distribution of a column has moved."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from baler.physics.tuning.finding import Estimate

STILL = 1e-4


def moved(original: npt.NDArray[Any], decoded: npt.NDArray[Any]) -> Estimate:
    """Return the Kolmogorov-Smirnov distance of the same values before and after; shape (n,) each.

    It is the largest difference of the cumulative distributions, |F(x) - F'(x)|. What both have in
    common is no noise here: at the x of the largest difference a part u of the values has crossed x
    upwards and a part d downwards, and the variance of u - d is (u + d - (u - d)^2) / n. Values
    that are not finite come back as they were, and are left out. One that moves by less than
    `STILL` of the 25-75 % span counts as still: many of nearly the same value would jump as one.
    """
    both = np.isfinite(original) & np.isfinite(decoded)
    x = original[both].astype(np.float64)
    y = decoded[both].astype(np.float64)
    if x.size:
        low, high = np.quantile(x, (0.25, 0.75))
        y = np.where(np.abs(y - x) <= STILL * (high - low), x, y)
    if not x.size or np.array_equal(x, y):
        return Estimate(0.0, 0.0)
    before, after = np.sort(x), np.sort(y)
    at = np.concatenate([before, after])
    differences = (
        np.searchsorted(before, at, "right") - np.searchsorted(after, at, "right")
    ) / x.size
    largest = int(np.argmax(np.abs(differences)))
    value, where = abs(float(differences[largest])), at[largest]
    crossed = np.count_nonzero((x <= where) != (y <= where)) / x.size
    return Estimate(value, float(np.sqrt(max(crossed - value**2, 0.0) / x.size)))
