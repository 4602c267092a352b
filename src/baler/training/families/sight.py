"""How columns are seen by networks: on which scale, in which unit."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.core.bounds import Bound, Exact, Relative
from baler.latent.views import Scale, View

Array = npt.NDArray[Any]

WIDE = 30.0
"""A column is seen on a scale that grows more slowly than itself if its tails are so far out."""
FEW = 1 << 16
"""Values that a scale is chosen by."""
FINE = 2.0**-10
"""Part of its spread that is told apart of a column without a bound."""
_PHI = re.compile(r"phi$", re.IGNORECASE)


def view_of(name: str, values: Array, bound: Bound | None = None) -> View:
    """Return the view of a column, from its values for training; any of them may be missing."""
    x = values[:: max(1, values.size // FEW)].astype(np.float64)
    x = x[np.isfinite(x)]
    scale, unit = _scale(name, values.dtype, x, bound)
    if scale is Scale.ANGLE:
        return View(name, values.dtype, scale, 0.0, 1.0, unit)
    if scale is Scale.LOG:
        x = np.log(x[x > 0])
    elif scale is Scale.ASINH:
        x = np.arcsinh(x / unit)
    centre, spread = (float(x.mean()), float(x.std())) if x.size else (0.0, 1.0)
    if not math.isfinite(centre) or not 1e-300 < spread < 1e300:
        centre, spread = (centre if math.isfinite(centre) else 0.0), 1.0
    return View(name, values.dtype, scale, centre, spread, unit)


def _scale(
    name: str, dtype: np.dtype[Any], x: npt.NDArray[np.float64], bound: Bound | None
) -> tuple[Scale, float]:
    if not x.size or x.min() == x.max():
        return Scale.LINEAR, 1.0
    low, high = float(x.min()), float(x.max())
    if dtype.kind == "f" and _PHI.search(name) and -3.15 < low < -2 and 2 < high < 3.15:
        return Scale.ANGLE, 2 * math.pi
    first, middle, last = np.quantile(x, (0.25, 0.5, 0.75))
    farthest = max(high - middle, middle - low)
    wide = farthest > WIDE * max(last - first, 1e-300)
    if dtype.kind == "f" and low > 0 and (isinstance(bound, Relative) or wide):
        return Scale.LOG, 1.0
    if wide or isinstance(bound, Relative):
        magnitudes = np.abs(x[x != 0])
        return Scale.ASINH, float(max(np.quantile(magnitudes, 0.1), 1e-300))
    return Scale.LINEAR, 1.0


def steps_of(view: View, values: Array, bound: Bound | None) -> npt.NDArray[np.float64]:
    """Return the distance of values that need not be told apart, in a network's numbers.

    (values, channels). It is the width of a bin of the bound: of values without a bound, part of
    the spread; of integers, 1.
    """
    x = np.where(np.isfinite(values), values, 0).astype(np.float64)
    if values.dtype.kind != "f":
        width = np.ones(x.size)
    elif bound is None or isinstance(bound, Exact) or bound.parent is not None:
        return np.full((x.size, view.channels), FINE)
    else:
        width = np.broadcast_to(2.0 * np.asarray(bound.limit(x, None)), x.shape)
    with np.errstate(all="ignore"):
        match view.scale:
            case Scale.LOG:
                width = width / np.abs(x)
            case Scale.ASINH:
                width = width / np.hypot(x, view.unit)
            case Scale.ANGLE:
                width = width * (2 * math.pi / view.unit)
    steps = np.nan_to_num(width / view.spread, nan=1.0, posinf=1.0, neginf=1.0)
    return np.repeat(np.clip(steps, 2.0**-13, 64.0)[:, None], view.channels, 1)
