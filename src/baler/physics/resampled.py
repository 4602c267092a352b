"""How much numbers of resampled events spread."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CORE = (0.158655, 0.841345)
"""One standard deviation below and above the middle of a normal distribution."""


def spread(values: Sequence[float]) -> float:
    """Return half the width of the central 68.3 %: a fit that jumps now and then does not count."""
    low, high = np.quantile(values, CORE, method="median_unbiased")
    return float(high - low) / 2
