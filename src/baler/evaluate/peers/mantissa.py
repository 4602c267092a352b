"""Rounding the mantissa, and a byte coder: what CMS writes today.

NanoAOD keeps a fixed number of mantissa bits per column. Here it is the smallest number that keeps
the bound, found by bisection over the whole column (that time is part of the encoder's).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from baler.core.bounds import Bound, Relative
from baler.core.chunk import Array
from baler.evaluate.peers.base import Lossless


def round_mantissa(values: Array, bits: int) -> Array:
    """Return floats rounded to the nearest value with ``bits`` mantissa bits.

    Values that are not finite, or that would be rounded to infinity, stay as they are.
    """
    drop = np.finfo(values.dtype).nmant - bits
    if drop <= 0:
        return values
    word = np.dtype(f"u{values.dtype.itemsize}")
    half, mask = word.type(1 << (drop - 1)), word.type((1 << drop) - 1)
    rounded = ((values.view(word) + half) & ~mask).view(values.dtype)
    return np.where(np.isfinite(values) & np.isfinite(rounded), rounded, values)


def round_to_bound(values: Array, bound: Bound, sigma: Array | None) -> Array:
    """Return floats rounded to the fewest mantissa bits that keep a bound."""
    low, high = 0, int(np.finfo(values.dtype).nmant)
    if isinstance(bound, Relative):  # k bits promise 2^-(k + 1), except to subnormal values
        guess = min(high, max(0, int(np.ceil(-np.log2(bound.fraction))) - 1))
        if bool(bound.holds(values, round_mantissa(values, guess), sigma).all()):
            low, high = max(0, guess - 1), guess
    while low < high:
        middle = (low + high) // 2
        if bool(bound.holds(values, round_mantissa(values, middle), sigma).all()):
            high = middle
        else:
            low = middle + 1
    return round_mantissa(values, high)


@dataclass(frozen=True, slots=True)
class Mantissa:
    """Floats rounded to the bound, through a lossless coder."""

    coder: Lossless

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of the coder."""
        return self.coder.packages

    def encode(self, values: Array, bound: Bound, sigma: Array | None) -> bytes:
        """Return the rounded values."""
        return self.coder.encode(round_to_bound(values, bound, sigma))

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int, sigma: Array | None) -> Array:
        """Return the rounded values."""
        return self.coder.decode(payload, dtype, size)
