"""Axes from a sample of each column: lattice, atoms, sign, period, and features to look at."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.codecs.column import uniform_step
from baler.codecs.search import decimal_digits, excerpt, trailing_zeros
from baler.core.bounds import Absolute, Bound, Relative, Sigma
from baler.core.schema import Column
from baler.learned.axis import MAX_NUMBER, Axis, Feature, Ints, Kind
from baler.quantise.lattice import (
    Bits,
    Decimal,
    Integers,
    Lattice,
    Scaled,
    Uniform,
    logarithmic,
    rounded,
)

Array = npt.NDArray[Any]

CATEGORIES = 40
"""A column with at most so many distinct values is coded by decisions alone."""
FEW_ATOMS = 12
FREQUENT = 0.01
"""Values of a numeric column that are at least so frequent are atoms."""
STEPS = 64
"""Of a feature, in one unit of spread."""


def axis_of(column: Column, values: Array, bound: Bound) -> Axis | None:
    """Return the axis of a column like this sample; None if a model has nothing to say to it."""
    sample = excerpt(values, 1 << 16)
    bits, first, times = np.unique(
        sample.view(f"u{sample.itemsize}"), return_index=True, return_counts=True
    )
    if bits.size < 2:
        return None
    order = np.argsort(-times, kind="stable")
    ranked = [sample[first[k] : first[k] + 1].tobytes() for k in order]
    lattice = lattice_of(sample, bound)
    if lattice is None:
        return None
    plain = Axis(
        column=column.name,
        dtype=column.dtype,
        counts=column.counts or "",
        bound=str(bound),
        lattice=lattice,
        atoms=(),
        numeric=True,
        signed=False,
        period=0,
        center=0,
        features=(),
    )
    if bits.size <= CATEGORIES:
        return replace(plain, atoms=tuple(ranked), numeric=False)
    frequent = int((times >= max(8, FREQUENT * sample.size)).sum())
    if column.dtype.kind == "f" and bound.lossy:
        atoms = tuple(ranked[: min(frequent, FEW_ATOMS)])
    else:
        atoms = tuple(ranked[: min(frequent, 2 * FEW_ATOMS)])
    return _numeric(replace(plain, atoms=atoms), sample)


def lattice_of(sample: Array, bound: Bound) -> Lattice | None:
    """Return the lattice that a model codes a column on; None if it has none that is fixed."""
    if sample.dtype.kind != "f":
        return Integers()
    match bound:
        case Relative(fraction):
            lattice = logarithmic(fraction, sample.dtype, dithered=False)
            if lattice is None:
                return rounded(fraction, sample.dtype)
            least = math.log2(float(np.finfo(sample.dtype).tiny))
            return replace(lattice, lowest=math.floor(least * lattice.bins / lattice.octaves))
        case Absolute(epsilon):
            step = uniform_step(epsilon, sample)
            return None if step is None else Uniform(step)
        case Sigma(fraction):
            return Scaled(2 * fraction * (1 - 2.0**-12), np.empty(0), 0)  # parent set by the plan
    digits = decimal_digits(sample)
    if digits is not None:
        return Decimal(digits)
    return Bits(trailing_zeros(sample))


def _numeric(axis: Axis, sample: Array) -> Axis | None:
    """Return an axis with sign, period, centre and features that suit the sample."""
    if isinstance(axis.lattice, Scaled):
        return axis
    on = axis.on_lattice
    classes, numbers = axis.split(sample)
    inside = numbers[classes == on]
    if inside.size < 32:
        return None
    if isinstance(axis.lattice, Uniform) and _is_angle(sample):
        axis = replace(axis, period=math.floor(2 * math.pi / axis.lattice.step) + 1)
    elif not isinstance(axis.lattice, Uniform | Decimal | Integers):
        axis = replace(axis, signed=bool((inside < 0).mean() > 0.002))
        inside = np.abs(inside)
    center, spread = middle(inside)
    features = standard_features(center, spread)
    if axis.period:
        turn = _scaled(1024 / axis.period)
        features = tuple(Feature(Kind.WAVE, start, *turn) for start in (0, -round(axis.period / 4)))
    return replace(axis, center=center, features=features)


def middle(numbers: Ints) -> tuple[int, float]:
    """Return a median and a spread (a standard deviation of the bulk) of numbers."""
    low, center, high = np.percentile(numbers, (16, 50, 84))
    spread = max((high - low) / 2, 0.2 * min(float(numbers.std()), 20 * (high - low) + 50), 0.5)
    return int(np.clip(center, 1 - MAX_NUMBER, MAX_NUMBER - 1)), float(spread)


def standard_features(center: int, spread: float, relative: bool = False) -> tuple[Feature, ...]:
    """Return features of numbers around a centre: coarse, fine, and how far off."""
    coarse, fine = _scaled(STEPS / spread), _scaled(3 * STEPS / spread)
    return (
        Feature(Kind.CLAMP, center, *coarse, relative),
        Feature(Kind.CLAMP, center, *fine, relative),
        Feature(Kind.MAGNITUDE, center, *coarse, relative),
    )


def _scaled(factor: float) -> tuple[int, int]:
    """Return multiplier and shift whose quotient ``multiplier / 2**shift`` is near a factor."""
    shift = min(62, max(0, 18 - math.frexp(factor)[1]))
    return min(round(factor * 2.0**shift), (1 << 20) - 1), shift


def _is_angle(sample: Array) -> bool:
    """Tell whether values look like angles between -pi and pi that reach both ends."""
    finite = sample[np.isfinite(sample)].astype(np.float64)
    if finite.size < 256 or np.abs(finite).max() > math.pi + 1e-3:
        return False
    return bool((finite > 3.0).mean() > 0.01 and (finite < -3.0).mean() > 0.01)
