"""Subtractive dither: a shift of the lattice for each value, known to both sides.

With dither the error is independent of the value, and histograms show no spikes of the lattice.
The shifts come from a counter, not from a state, so that any value can be decoded alone:
SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def shifts(seed: int, size: int) -> npt.NDArray[np.float64]:
    """Return ``size`` numbers in [-1/2, 1/2), multiples of 2**-53, for a 64-bit seed."""
    with np.errstate(over="ignore"):
        x = np.arange(1, size + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x += np.uint64(seed)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return (x >> np.uint64(11)).astype(np.float64) * 2.0**-53 - 0.5
