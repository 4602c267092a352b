"""Histograms of numbers of any magnitude: from them every plot of errors is drawn later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

DECADE = 16
"""Bins of one decade: edges are 15 % apart."""
LOWEST, HIGHEST = -9, 6
"""Decades; what is smaller counts as zero, what is larger goes into the last bin."""
BINS = DECADE * (HIGHEST - LOWEST)


@dataclass(frozen=True, slots=True)
class Spread:
    """Counts in logarithmic bins for either sign, and how many numbers are (nearly) zero.

    A bin holds its outer edge, so that 1 lies below 1.
    """

    zero: int = 0
    positive: tuple[int, tuple[int, ...]] = (0, ())  # the first bin, and counts from there on
    negative: tuple[int, tuple[int, ...]] = (0, ())

    @classmethod
    def of(cls, values: Floats) -> Spread:
        """Return the spread of the finite ones of some numbers."""
        finite = values[np.isfinite(values)]
        sizes = np.abs(finite)
        small = sizes < 10.0**LOWEST
        sides = []
        for side in (finite > 0, finite < 0):
            exponent = np.log10(sizes[side & ~small]) - LOWEST
            number = np.minimum(np.ceil(exponent * DECADE).astype(np.int64) - 1, BINS - 1)
            sides.append(_trimmed(np.bincount(np.maximum(number, 0))))
        return cls(int(small.sum()), *sides)

    @property
    def total(self) -> int:
        """How many numbers there are."""
        return self.zero + sum(self.positive[1]) + sum(self.negative[1])

    def steps(self) -> tuple[Floats, Floats]:
        """Return the cumulative distribution: edges, and the fraction of numbers up to each."""
        ups, downs = self.positive, self.negative
        nothing = 10.0**LOWEST
        edges = (-_edges(*downs)[::-1], np.array([-nothing, nothing]), _edges(*ups))
        counts = [0, *downs[1][::-1], 0, self.zero, 0, *ups[1]]
        return np.concatenate(edges), np.cumsum(counts) / max(self.total, 1)

    def histogram(self, edges: Floats) -> Floats:
        """Return about which fraction of the numbers lies in each of other bins."""
        at, cumulative = self.steps()
        return np.diff(np.interp(edges, at, cumulative))

    def beyond(self) -> tuple[Floats, Floats]:
        """Return sizes, and the fraction of numbers that are at least so large."""
        counts = np.zeros(BINS, np.int64)
        for first, found in (self.positive, self.negative):
            counts[first : first + len(found)] += np.array(found, np.int64)
        filled = np.flatnonzero(counts)
        if not filled.size:
            return np.empty(0), np.empty(0)
        first, last = int(filled[0]), int(filled[-1]) + 1
        left = np.cumsum(counts[first:last][::-1])[::-1]
        return _edges(*_trimmed(counts)), np.append(left, 0) / max(self.total, 1)

    def size(self, fraction: float) -> float:
        """Return about the size that this fraction of the numbers but zero does not exceed."""
        sizes, left = self.beyond()
        return float(sizes[np.argmax(left <= (1 - fraction) * left[0])]) if left.size else 0.0

    def to_json(self) -> list[Any]:
        """Return plain JSON."""
        (up, ups), (down, downs) = self.positive, self.negative
        return [self.zero, up, list(ups), down, list(downs)]

    @classmethod
    def from_json(cls, content: list[Any]) -> Spread:
        """Invert `to_json`."""
        zero, up, ups, down, downs = content
        return cls(int(zero), (int(up), tuple(ups)), (int(down), tuple(downs)))


def together(spreads: Iterable[Spread]) -> Spread:
    """Return the spread of all numbers of several."""
    spreads = list(spreads)
    sides = []
    for at in ("positive", "negative"):
        counts = np.zeros(BINS, np.int64)
        for spread in spreads:
            first, found = getattr(spread, at)
            counts[first : first + len(found)] += np.array(found, np.int64)
        sides.append(_trimmed(counts))
    return Spread(sum(spread.zero for spread in spreads), *sides)


def _edges(first: int, counts: tuple[int, ...]) -> Floats:
    return np.asarray(10.0 ** (LOWEST + (first + np.arange(len(counts) + 1)) / DECADE))


def _trimmed(counts: npt.NDArray[Any]) -> tuple[int, tuple[int, ...]]:
    filled = np.flatnonzero(counts)
    if not filled.size:
        return 0, ()
    first, last = int(filled[0]), int(filled[-1]) + 1
    return first, tuple(counts[first:last].tolist())
