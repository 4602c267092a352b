"""Exact, invertible steps on arrays: bytes by significance, signs in the lowest bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def shuffled(values: Array) -> npt.NDArray[np.uint8]:
    """Return the bytes of an array, the first byte of all values first (uint8)."""
    rows = values.view(np.uint8).reshape(values.size, values.dtype.itemsize)
    return np.ascontiguousarray(rows.T).reshape(-1)


def unshuffled(octets: npt.NDArray[np.uint8], dtype: np.dtype[Any]) -> Array:
    """Invert `shuffled`."""
    rows = octets.reshape(dtype.itemsize, -1).T
    return np.ascontiguousarray(rows).reshape(-1).view(dtype)


def folded(values: Array) -> Array:
    """Return unsigned integers whose highest bit is a sign so that those near 0 are small."""
    return (values << 1) ^ -(values >> (8 * values.itemsize - 1))


def unfolded(values: Array) -> Array:
    """Invert `folded`."""
    return (values >> 1) ^ -(values & 1)
