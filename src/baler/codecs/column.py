"""A column to a payload and back (a stand-in: raw bytes)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from baler.core.bounds import Bound
from baler.core.chunk import Array
from baler.core.recipe import ColumnRecipe
from baler.errors import Corrupt

Context = Callable[[int], Array]
"""From the position of a column to its decoded values in this chunk; the same on both sides."""


def encode(
    values: Array, recipe: ColumnRecipe, context: Context, *, solid: bool = False, seed: int = 0
) -> bytes:
    """Return the payload of a column."""
    return b"\0" + values.tobytes()


def decode(payload: bytes | memoryview, dtype: np.dtype[Any], size: int, context: Context) -> Array:
    """Return the values of a column; raises a FormatError for any payload that is not valid."""
    body = bytes(payload)[1:]
    if len(body) != size * dtype.itemsize:
        raise Corrupt(f"payload has {len(body)} bytes for {size} values of {dtype}")
    return np.frombuffer(body, dtype).copy()


def describe(payload: bytes | memoryview) -> str:
    """Return the names of the codecs in a payload, outermost first."""
    return "raw"
