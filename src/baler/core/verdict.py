"""Whether decoded values keep a bound, in three numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from baler.core.bounds import Bound, Exact, same_bits
from baler.core.chunk import Array


@dataclass(frozen=True, slots=True)
class Verdict:
    """How well a column came back."""

    worst: float = 0.0  # largest error / bound; inf for a special value that was lost
    violations: int = 0  # values beyond their bound
    zeros_moved: int = 0  # zeros that changed within the bound: our promise alone forbids it

    @property
    def kept(self) -> bool:
        """Whether every value is within its bound."""
        return self.violations == 0


def judge(bound: Bound, original: Array, decoded: Array, sigma: Array | None = None) -> Verdict:
    """Compare value by value; bounds do not matter to integers and booleans.

    Our own bounds keep zeros bit for bit. No other compressor promises that, so zeros that changed
    by no more than the bound are counted apart. An array of another dtype or size is lost as a
    whole.
    """
    if decoded.dtype != original.dtype or decoded.size != original.size:
        return Verdict(np.inf, max(original.size, 1))
    if not original.size:
        return Verdict()
    if original.dtype.kind != "f" or isinstance(bound, Exact):
        changed = int(np.count_nonzero(~same_bits(original, decoded)))
        return Verdict(np.inf if changed else 0.0, changed)
    over = bound.over(original, decoded, sigma)
    with np.errstate(invalid="ignore"):
        moved = np.abs(decoded.astype(np.float64)) <= bound.limit(original, sigma)
    moved &= (original == 0) & (over > 1)
    over = np.where(moved, 0.0, over)
    return Verdict(float(over.max()), int(np.count_nonzero(over > 1)), int(np.count_nonzero(moved)))
