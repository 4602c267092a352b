"""Kolmogorov-Smirnov distances between events before and after compression, weights respected.

Three questions are asked of the same distance D = max |F(x) - F'(x)|:

* how far is a distribution from itself after compression, by the *same events* (``paired``);
* is that systematic, or as if before and after had been swapped at random in each event
  (``systematic``, a p-value);
* would it be seen by who has only other events: D between one half of the events before and the
  other half after compression (``halves``), beside its distribution for identical samples, which is
  that of random halves of the originals.

For several columns at once D is the mean over random projections: sliced KS (S. Grossi, M. Letizia
and R. Torre 2024, "Refereeing the Referees", https://arxiv.org/abs/2409.16336). Events are what is
permuted, swapped or halved, never single objects: those of an event depend on each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Sides = npt.NDArray[np.bool_]

PERMUTATIONS = 100
SIGNS = np.array([-1, 1], np.int8)
ROUNDING = 1e-12
"""Of sums of weights."""
NOISE, CRITICAL = 0.5, 0.95
"""Quantiles of the distance of identical samples."""


@dataclass(frozen=True, slots=True)
class Distance:
    """A distance, and what it means; nan without values, the last four without two halves."""

    paired: float  # between the same events before and after
    systematic: float  # probability of as much if before and after could be swapped
    halves: float  # between half of the events before and the other half after
    noise: float  # median of that for identical samples
    critical: float  # what 95 % of identical samples stay below
    p_value: float  # part of identical samples that are as far apart as the halves

    @property
    def visible(self) -> bool:
        """Whether the same number of other events would show it at 95 % confidence level."""
        return self.halves > self.critical


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Values of some or all events: one, several or none of each."""

    values: Floats  # (rows,) or (rows, columns)
    event: Ints  # (rows,)

    def finite(self) -> Rows:
        """Return the rows without one that is not finite."""
        there = np.isfinite(self.values)
        kept: Sides = np.asarray(there if there.ndim == 1 else there.all(axis=1))
        return self if kept.all() else Rows(self.values[kept], self.event[kept])


def effective(weights: Floats) -> float:
    """Return the number of events of weight 1 that say as much: (sum w)^2 / sum w^2."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares else 0.0


def halved(events: int, random: np.random.Generator) -> Sides:
    """Return a random half of the events, shape (events,)."""
    sides = np.zeros(events, bool)
    sides[random.permutation(events)[: events // 2]] = True
    return sides


@dataclass(frozen=True, slots=True)
class Judge:
    """What distances are judged by: weights, one pair of halves, and many for the null.

    The same for all columns and treatments, so that distances can be compared.
    """

    weights: Floats  # (events,)
    half: Sides  # (events,)
    null: tuple[Sides, ...]
    swaps: tuple[npt.NDArray[np.int8], ...]  # each (events,), 1 or -1

    @classmethod
    def of(cls, weights: Floats, seed: int, permutations: int = PERMUTATIONS) -> Judge:
        """Draw halves and swaps."""
        random = np.random.default_rng([seed, 11])
        events = len(weights)
        return cls(
            weights,
            halved(events, random),
            tuple(halved(events, random) for _ in range(permutations)),
            tuple(random.choice(SIGNS, events) for _ in range(permutations)),
        )

    def first(self, events: int) -> Judge:
        """Return the judge of the first events only."""
        return Judge(
            self.weights[:events],
            self.half[:events],
            tuple(one[:events] for one in self.null),
            tuple(one[:events] for one in self.swaps),
        )

    def identical(self, rows: Rows) -> Floats:
        """Return the distances between halves of the originals, shape (permutations,)."""
        rows = rows.finite()
        order = _Order(rows.values)
        weights, event = self.weights[rows.event][order.rows], rows.event[order.rows]
        return np.array([order.distance(*_split(weights, half[event])) for half in self.null])

    def distance(self, before: Rows, after: Rows, identical: Floats) -> Distance:
        """Judge a column; ``identical`` is that of the originals."""
        return self._told(self._distances(before, after), identical[:, None])

    def sliced(self, before: Rows, after: Rows, directions: Floats, identical: Floats) -> Distance:
        """Judge rows of several columns by directions, shape (directions, columns)."""
        found = [
            self._distances(Rows(before.values @ one, before.event),
                            Rows(after.values @ one, after.event))
            for one in directions
        ]  # fmt: skip
        return self._told(
            (
                float(np.mean([paired for paired, _, _ in found])),
                np.mean([swapped for _, swapped, _ in found], axis=0),
                float(np.mean([halves for _, _, halves in found])),
            ),
            identical,
        )

    def sliced_identical(self, rows: Rows, directions: Floats) -> Floats:
        """Return the distances of identical samples, shape (permutations, directions)."""
        found = [self.identical(Rows(rows.values @ one, rows.event)) for one in directions]
        return np.stack(found, axis=1)

    def _distances(self, before: Rows, after: Rows) -> tuple[float, Floats, float]:
        """Return the paired distance, those after swaps, and that between halves."""
        before, after = before.finite(), after.finite()
        order = _Order(np.concatenate([before.values, after.values]))
        event = np.concatenate([before.event, after.event])[order.rows]
        old = order.rows < len(before.values)
        weights = self.weights[event]
        total = weights[old].sum() or 1.0
        change = np.where(old, weights, -weights) / total
        paired = order.largest(change) if len(change) else np.nan
        swapped = np.zeros(len(self.swaps))
        if paired > 0:
            swapped = np.array([order.largest(change * swap[event]) for swap in self.swaps])
        one, other = weights * (old & self.half[event]), weights * (~old & ~self.half[event])
        return paired, swapped, order.distance(one, other)

    def _told(self, found: tuple[float, Floats, float], identical: Floats) -> Distance:
        paired, swapped, halves = found
        systematic = _part(swapped, paired) if paired > 0 else paired + 1.0
        null = identical.mean(axis=1)
        null = null[np.isfinite(null)]
        if not null.size or np.isnan(halves):
            return Distance(paired, systematic, *[np.nan] * 4)
        return Distance(
            paired,
            systematic,
            halves,
            float(np.quantile(null, NOISE)),
            float(np.quantile(null, CRITICAL)),
            _part(null, halves - ROUNDING),
        )


def _part(null: Floats, value: float) -> float:
    """Return a p-value of permutations, which is never 0."""
    return (1 + int(np.count_nonzero(null >= value))) / (1 + null.size)


def _split(weights: Floats, half: Sides) -> tuple[Floats, Floats]:
    return weights * half, weights * ~half


class _Order:
    """Values in their order; steps of a distribution end where equal values end."""

    def __init__(self, values: Floats) -> None:
        self.rows = np.argsort(values, kind="stable")
        ordered = values[self.rows]
        last = np.ones(len(values), bool)
        last[:-1] = ordered[1:] != ordered[:-1]
        self.ends: Ints | None = None if last.all() else np.flatnonzero(last)

    def largest(self, change: Floats) -> float:
        """Return the largest difference of two distributions whose steps differ by ``change``."""
        difference = np.cumsum(change)
        if self.ends is not None:
            difference = difference[self.ends]
        largest = float(np.abs(difference).max(initial=0.0))
        return largest if largest > ROUNDING else 0.0

    def distance(self, one: Floats, other: Floats) -> float:
        """Return the distance between samples by the weights of all rows in each, in order."""
        if not (total := one.sum()) or not (others := other.sum()):
            return np.nan
        return self.largest(one / total - other / others)


def directions(columns: int, count: int, seed: int) -> Floats:
    """Return unit vectors, evenly spread over all directions; shape (count, columns)."""
    vectors: Floats = np.random.default_rng([seed, 12]).normal(size=(count, columns))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def standardised(rows: Sequence[Rows]) -> list[Rows]:
    """Return rows of several columns by the median and half the 16-84 % span of the first rows.

    So that columns count alike whatever their units and tails. A column without a span is taken by
    its largest magnitude; one that is 0 everywhere stays as it is.
    """
    values = rows[0].finite().values
    if not len(values):
        return list(rows)
    low, middle, high = np.quantile(values, (0.16, 0.5, 0.84), axis=0)
    spread = (high - low) / 2
    spread = np.where(spread > 0, spread, np.abs(values).max(axis=0))
    spread = np.where(spread > 0, spread, 1.0)
    return [Rows((one.values - middle) / spread, one.event) for one in rows]
