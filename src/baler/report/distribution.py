"""Histograms of the values of a column, before and after, in bins that suit it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from baler.core.chunk import Array

Floats = npt.NDArray[np.float64]

BINS = 40
TAILS = 0.005
"""Part of the values on either side that goes into the first and the last bin."""
WIDE = 30.0
"""Positive columns that extend over more than this factor get logarithmic bins."""


def edges_of(values: Array) -> Floats:
    """Return edges of bins for the bulk of some values; two if they do not vary."""
    finite = values[np.isfinite(values)].astype(np.float64)
    if not finite.size:
        return np.array([0.0, 1.0])
    low, high = (float(q) for q in np.quantile(finite, (TAILS, 1 - TAILS), method="nearest"))
    if values.dtype.kind != "f":
        width = max(1, int(np.ceil((high - low + 1) / BINS)))
        return np.asarray(np.arange(low, high + width + 0.5, width) - 0.5)
    if not high > low:
        return np.array([low - 0.5, low + 0.5]) if abs(low) < 1e15 else low * np.array([0.5, 2.0])
    if low > 0 and high > WIDE * low:
        return np.geomspace(low, high, BINS + 1)
    return np.linspace(low, high, BINS + 1)


def counts_in(values: Array, edges: Floats) -> tuple[int, ...]:
    """Return how many values lie in each bin; those beyond are in the first and the last."""
    finite = values[np.isfinite(values)].astype(np.float64)
    inside = np.clip(finite, edges[0], edges[-1])
    return tuple(np.histogram(inside, edges)[0].tolist())
