"""How far decoded values are from the originals, column by column.

The *error* of a value is decoded - original; of an angle, the shorter way round. The *response* is
error / original, where the original is not zero. The *pull* is error / bound. Only values that are
finite on both sides have an error; the others, if they changed, are counted as lost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from baler.core.bounds import Bound
from baler.core.chunk import Array
from baler.evaluate.spread import Spread

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Extent:
    """What a column's errors are measured against; nan without finite values."""

    low: float
    high: float
    deviation: float  # standard deviation
    angle: bool = False  # of period 2 pi

    @classmethod
    def of(cls, name: str, values: Array) -> Extent:
        """Return the extent of the finite values of a column."""
        finite = values[np.isfinite(values)].astype(np.float64)
        if not finite.size:
            return cls(math.nan, math.nan, math.nan)
        low, high = float(finite.min()), float(finite.max())
        unit = max(abs(low), abs(high)) or 1.0  # squares of large values overflow
        return cls(low, high, unit * float((finite / unit).std()), _is_angle(name, low, high))

    @property
    def range(self) -> float:
        """The largest value less the smallest."""
        return self.high - self.low


def _is_angle(name: str, low: float, high: float) -> bool:
    """Tell whether a column is an azimuth in radians, by its name and its values."""
    last = name.rpartition("_")[2].rpartition(".")[2].lower()
    turn = (low > -3.2 and high < 3.2) or (low >= 0 and high < 6.3)
    return last == "phi" and turn and high - low > math.pi


@dataclass(frozen=True, slots=True)
class ColumnErrors:
    """The errors of one column; numbers are nan where no value has one."""

    column: str
    values: int
    lost: int  # not finite before or after, and changed
    bias: float  # mean error
    rms: float
    largest: float  # in magnitude
    response_mean: float
    response_rms: float
    pull_mean: float
    pull_rms: float
    worst: float  # largest error / bound; inf for a value that was lost
    spread: Spread  # of errors, in units of the standard deviation of the column
    responses: Spread


def errors_of(original: Array, decoded: Array, *, angle: bool = False) -> tuple[Floats, int]:
    """Return the errors of values that are finite on both sides, nan elsewhere; count lost ones.

    A decoded array of another size is lost as a whole.
    """
    if decoded.size != original.size:
        return np.full(original.size, np.nan), max(original.size, 1)
    a, b = original.astype(np.float64), decoded.astype(np.float64)
    both = np.isfinite(a) & np.isfinite(b)
    error = np.full(a.size, np.nan)
    with np.errstate(over="ignore"):
        error[both] = b[both] - a[both]
    if angle:
        error = np.remainder(error + np.pi, 2 * np.pi) - np.pi
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    return error, int(np.count_nonzero(~both & ~same))


def column_errors(
    name: str,
    original: Array,
    decoded: Array,
    extent: Extent,
    bound: Bound,
    sigma: Array | None = None,
) -> tuple[ColumnErrors, Spread]:
    """Return the errors of a column, and its pulls in units of ``bound``, if this allows any.

    ``sigma`` are the values that a ``sigma`` bound needs.
    """
    error, lost = errors_of(original, decoded, angle=extent.angle)
    with np.errstate(all="ignore"):
        response = np.where(original != 0, error / original.astype(np.float64), np.nan)
        pull = np.full(error.size, np.nan)
        if bound.lossy:
            limit = np.broadcast_to(np.asarray(bound.limit(original, sigma)), error.shape)
            pull = np.where(limit > 0, error / limit, np.nan)
    found = error[np.isfinite(error)]
    unit = extent.deviation if extent.deviation > 0 else math.nan
    worst = float(np.abs(pull).max(where=np.isfinite(pull), initial=0.0))
    errors = ColumnErrors(
        column=name,
        values=original.size,
        lost=lost,
        bias=_mean(found),
        rms=_rms(found),
        largest=float(np.abs(found).max()) if found.size else math.nan,
        response_mean=_mean(response),
        response_rms=_rms(response),
        pull_mean=_mean(pull),
        pull_rms=_rms(pull),
        worst=math.inf if lost else worst,
        spread=Spread.of(error / unit),
        responses=Spread.of(response),
    )
    return errors, Spread.of(pull)


def _mean(values: Floats) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else math.nan


def _rms(values: Floats) -> float:
    """Return the root of the mean square of finite values."""
    finite = np.abs(values[np.isfinite(values)])
    if not finite.size:
        return math.nan
    unit = float(finite.max())
    return unit * float(np.sqrt(np.mean((finite / unit) ** 2))) if unit else 0.0


def overall(
    errors: Sequence[ColumnErrors], extents: Mapping[str, Extent]
) -> tuple[float, float, float]:
    """Return three numbers for many columns.

    The mean of RMS error / standard deviation, the mean of RMS error / range, and the largest
    error / range, over all columns that vary. These are nan if none does.
    """
    by_deviation, by_range, largest = [], [], []
    for one in errors:
        extent = extents[one.column]
        if extent.range > 0 and math.isfinite(one.rms):
            by_deviation.append(one.rms / extent.deviation)
            by_range.append(one.rms / extent.range)
            largest.append(one.largest / extent.range)
    if not by_range:
        return math.nan, math.nan, math.nan
    return float(np.mean(by_deviation)), float(np.mean(by_range)), max(largest)


def correlations(columns: Mapping[str, Array]) -> Floats:
    """Return the linear correlations of columns of one length; nan for constant ones.

    A value that is not finite leaves out its pair only.
    """
    names = list(columns)
    values = np.array([columns[name].astype(np.float64) for name in names]).reshape(len(names), -1)
    there = np.isfinite(values)
    values = np.where(there, values, 0.0)
    scale = np.abs(values).max(axis=1, initial=0.0, keepdims=True)
    values /= np.where(scale > 0, scale, 1.0)
    weight = there.astype(np.float64)
    with np.errstate(all="ignore"):
        count = weight @ weight.T
        mean = values @ weight.T / count  # of the row's column, over the pairs of both
        square = (values**2) @ weight.T / count
        variance = square - mean**2
        covariance = values @ values.T / count - mean * mean.T
        variance = np.where(variance > 1e-12 * square, variance, np.nan)
        return np.asarray(np.clip(covariance / np.sqrt(variance * variance.T), -1.0, 1.0))
