"""Exact, invertible steps on arrays: bits of floats in order, and bytes by significance."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def ordered(values: Array) -> Array:
    """Map floats to signed integers of the same width that are in the same order.

    Every bit pattern has its own integer, NaN payloads and -0.0 included: a negative float's
    exponent and mantissa bits are inverted.
    """
    signed = values.view(f"<i{values.dtype.itemsize}")
    largest = np.iinfo(signed.dtype).max
    return np.asarray(np.where(signed < 0, signed ^ largest, signed))


def unordered(integers: Array, dtype: np.dtype[Any]) -> Array:
    """Invert `ordered`; the integers have the width of the dtype."""
    largest = np.iinfo(integers.dtype).max
    return np.asarray(np.where(integers < 0, integers ^ largest, integers)).view(dtype)


def shuffled(values: Array) -> npt.NDArray[np.uint8]:
    """Return the bytes of an array, the first byte of all values first (uint8)."""
    rows = values.view(np.uint8).reshape(values.size, values.dtype.itemsize)
    return np.ascontiguousarray(rows.T).reshape(-1)


def unshuffled(octets: npt.NDArray[np.uint8], dtype: np.dtype[Any]) -> Array:
    """Invert `shuffled`."""
    rows = octets.reshape(dtype.itemsize, -1).T
    return np.ascontiguousarray(rows).reshape(-1).view(dtype)
