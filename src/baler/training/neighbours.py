"""Which objects stand before, beside and above each object of a collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from baler.core.chunk import Chunk
from baler.learned.axis import Axis, Ints
from baler.learned.inputs import counts_of
from baler.learned.tally import centroid, pull
from baler.learned.task import NO_BASE


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Positions of other objects, -1 for none; all (objects,)."""

    event: Ints
    rank: Ints
    left: Ints  # objects of the event that come after
    previous: Ints
    parent: Ints  # among all parents
    peer: Ints
    key_rank: Ints

    @classmethod
    def of(
        cls, axes: Sequence[Axis], counts_name: str, key: tuple[int, str] | None, chunk: Chunk
    ) -> Neighbours:
        """Return the neighbours in the collection with these counts and key."""
        counts = counts_of(counts_name, chunk.entries, lambda name: chunk.columns[name])
        size = int(counts.sum())
        event = np.repeat(np.arange(counts.size), counts)
        first = np.cumsum(counts) - counts
        rank = np.arange(size) - first[event]
        previous = np.where(rank > 0, np.arange(size) - 1, -1)
        parent = peer = np.full(size, -1, np.int64)
        key_rank = np.zeros(size, np.int64)
        if key is not None:
            parents = chunk.columns[key[1]].astype(np.int64)
            index = chunk.columns[axes[key[0]].column].astype(np.int64)
            valid = (index >= 0) & (index < parents[event])
            parent = np.where(valid, (np.cumsum(parents) - parents)[event] + index, -1)
            peer, key_rank = _peers(parent)
        return cls(event, rank, counts[event] - 1 - rank, previous, parent, peer, key_rank)

    @staticmethod
    def take(numbers: Ints, where: Ints) -> Ints:
        """Return the numbers at these positions; NO_BASE where there is none."""
        return np.where(where >= 0, numbers[where], NO_BASE)

    @property
    def has_peers(self) -> bool:
        """Whether any object has one."""
        return bool((self.peer >= 0).any())

    def centroid(self, axis: Axis, numbers: Ints, weights: Ints) -> Ints:
        """Return the weighted means of numbers of earlier objects with the same parent."""
        order = np.argsort(self.parent, kind="stable")
        begin = np.empty_like(order)
        begin[order] = np.arange(order.size) - self.key_rank[order]
        first = numbers[order][begin]

        def before(values: Ints) -> Ints:
            total = (np.cumsum(values[order]) - values[order])[np.argsort(order)]
            return total - (np.cumsum(values[order]) - values[order])[begin]

        sums = before(np.where(self.parent >= 0, weights, 0))
        moments = before(pull(axis, numbers, first, weights))
        known = (self.parent >= 0) & (sums > 0)
        mean = centroid(axis, first, moments, np.maximum(sums, 1))
        return np.where(known, mean, NO_BASE)

    def of_parent(self, bases: Ints) -> Ints:
        """Return for each object the base that its parent gives; NO_BASE without one."""
        return self.take(bases, self.parent) if bases.size else np.full(self.rank.size, NO_BASE)


def _peers(parent: Ints) -> tuple[Ints, Ints]:
    """Return the last earlier object with the same parent, and how many there are."""
    size = parent.size
    order = np.argsort(parent, kind="stable")
    same = np.zeros(size, np.bool_)
    same[1:] = (parent[order][1:] == parent[order][:-1]) & (parent[order][1:] >= 0)
    peer, key_rank = np.full(size, -1, np.int64), np.zeros(size, np.int64)
    peer[order[1:][same[1:]]] = order[:-1][same[1:]]
    start = np.maximum.accumulate(np.where(same, 0, np.arange(size)))
    key_rank[order] = np.where(same, np.arange(size) - start, 0)
    return peer, key_rank
