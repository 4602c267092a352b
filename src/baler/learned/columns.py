"""Columns and their axes: native code where there is some, else the methods of `Axis`.

Both make the same bits. What native code does not know, like float16, is left to the methods.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from baler.core.bounds import Absolute, Bound, Relative
from baler.learned import kernel
from baler.learned.axis import Array, Axis, Classes, Features, Fitted, Ints
from baler.quantise.lattice import (
    FARTHEST,
    Bits,
    Decimal,
    Integers,
    Logarithmic,
    Scaled,
    Uniform,
    first_guesses,
)
from baler.quantise.logarithm import progression

WIDEST = 1 << 8
"""Octaves of a logarithmic lattice up to which powers are products of two factors."""


def split(axis: Axis, values: Array) -> tuple[Classes, Ints]:
    """Return the classes and numbers of values, as `Axis.split` does."""
    native = _native(axis, values)
    if native is None:
        return axis.split(values)
    classes, numbers = np.empty(values.size, np.uint8), np.empty(values.size, np.int64)
    native.split(np.ascontiguousarray(values), classes, numbers)
    return classes, numbers


def fit(
    axis: Axis, values: Array, bound: Bound, sigma: Array | None, classes: Classes, numbers: Ints
) -> Fitted:
    """Fill in classes and numbers of a column that is to be coded, as `Axis.fit` does."""
    native = _native(axis, values)
    if native is None or (bound.lossy and values.dtype.kind != "f"):
        return axis.fit(values, bound, sigma, classes, numbers)
    most, limits = 0.0, None
    match bound:
        case Absolute(epsilon):
            most = epsilon
        case Relative(fraction):
            most = fraction
        case _ if bound.lossy:
            limits = np.asarray(bound.limit(values, sigma), np.float64)
    decoded = np.empty_like(values)
    kept, worst = native.fit(
        values, most, isinstance(bound, Relative), limits, classes, numbers, decoded
    )
    return Fitted(decoded, kept, worst)


def join(axis: Axis, classes: Classes, numbers: Ints, verbatim: Array, values: Array) -> None:
    """Fill in the values of classes and numbers, as `Axis.join` returns them."""
    native = _native(axis, verbatim)
    if native is None or native.join(classes, numbers, verbatim, values) != verbatim.size:
        values[:] = axis.join(classes, numbers, verbatim)  # which says what is wrong


def source_features(axis: Axis, classes: Classes, numbers: Ints, features: Features) -> None:
    """Fill in what a column tells other collections, as `Axis.source_features` returns it."""
    native = _native(axis, np.empty(0, axis.dtype))
    if native is None:
        features[:] = axis.source_features(classes, numbers)
    else:
        native.features(classes, numbers, features)


def _native(axis: Axis, values: Array) -> Any:
    """Return an `AxisColumns` of native code; None if it has none for such an axis and values."""
    lattice = axis.lattice
    parameters: dict[str, Any]
    match lattice:
        case Integers():
            parameters = {}
        case Bits(shift) if shift < 63:
            parameters = {"shift": shift}
        case Decimal(digits):
            parameters = {"step": float(10**digits)}
        case Uniform(step, None):
            parameters = {"step": step}
        case Scaled(shifts=None):
            parameters = {"steps": lattice.steps()}
        case Logarithmic(shifts=None, factors=None) if (
            lattice.octaves <= WIDEST and abs(lattice.lowest) < FARTHEST
        ):
            edges, start, shift = first_guesses(lattice.bins, lattice.octaves)
            parameters = {
                "bins": lattice.bins,
                "octaves": lattice.octaves,
                "lowest": lattice.lowest,
                "powers": progression(lattice.bins, lattice.octaves, lattice.phase),
                "edges": edges,
                "start": start,
                "shift": shift,
            }
        case _:
            return None
    dtype = axis.dtype
    fits = dtype.kind in "iu" if isinstance(lattice, Integers) else dtype.str in ("<f4", "<f8")
    if not fits or values.dtype != dtype:
        return None
    native = kernel.native()
    return None if native is None else native[0].axis_columns(axis, parameters, **native[1])
