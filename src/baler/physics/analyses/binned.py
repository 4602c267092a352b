"""Position and width of one observable in bins of another."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import hist
import numpy as np

from baler.physics.analyses.base import Floats, Measured, Quantity
from baler.physics.fits.weighted import centre_and_width


def in_bins(
    values: Floats,
    weights: Floats,
    by: Floats,
    edges: Floats,
    by_unit: str,
    *,
    unit: str = "",
    what: str = "events",
) -> dict[str, tuple[Measured, Measured]]:
    """Return median and half of the central 68 % of ``values`` for each bin of ``by``.

    Keys say the bin: ``"50-80 GeV"``.
    """
    found = {}
    for low, high in pairwise(edges):
        inside = (by >= low) & (by < high)
        label = f"{low:g}-{high:g} {by_unit}"
        found[label] = centre_and_width(
            values[inside], weights[inside], unit, needed=50, what=f"{what} in {label}"
        )
    return found


def profile(points: Sequence[Measured], edges: Floats, label: str, by: str) -> hist.Hist[Any]:
    """Return quantities as a histogram over bins; those that failed are NaN."""
    axis = hist.axis.Variable(edges, name="bin", label=by)
    made: hist.Hist[Any] = hist.Hist(axis, storage=hist.storage.Weight(), label=label)
    for at, point in enumerate(points):
        made[at] = (np.nan, np.nan)
        if isinstance(point, Quantity):
            made[at] = (point.value, point.uncertainty**2)
    return made
