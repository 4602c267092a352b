"""How the rows of a network belong together: objects to events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

import numpy as np
import numpy.typing as npt

from baler.errors import Corrupt

Ints = npt.NDArray[np.int64]

MOST_OBJECTS = 1 << 12
"""Objects of an event that look at each other."""
RUN = 1 << 20
"""Pairs of objects that are held in memory at once."""


class Level(IntEnum):
    """What one row of an array of numbers belongs to."""

    OBJECT = 0  # or a row of a table, or a block of a grid
    EVENT = 1


@dataclass(frozen=True)
class Layout:
    """How many rows there are, and how many objects each event has.

    A table, or blocks of a grid, are events of one object each.
    """

    counts: Ints  # (events,)

    @classmethod
    def of(cls, counts: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> Layout:
        """Return the layout of a column of counts."""
        return cls(counts.astype(np.int64))

    @classmethod
    def table(cls, rows: int) -> Layout:
        """Return the layout of rows that have nothing to do with each other."""
        return cls(np.ones(rows, np.int64))

    def size(self, level: Level) -> int:
        """Return the number of rows."""
        return int(self.counts.sum()) if level is Level.OBJECT else self.counts.size

    @cached_property
    def starts(self) -> Ints:
        """The first object of each event."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def event(self) -> Ints:
        """The event of each object."""
        return np.repeat(np.arange(self.counts.size), self.counts)

    def parts(self, most: int) -> Iterator[tuple[Layout, dict[Level, slice]]]:
        """Yield layouts of consecutive events with about ``most`` objects, and their rows.

        There is at least one, if need be of no events.
        """
        ends = np.cumsum(self.counts)
        first = 0
        while True:
            before = int(ends[first - 1]) if first else 0
            last = max(first + 1, int(np.searchsorted(ends, before + most, side="right")))
            last = min(last, first + most, self.counts.size)
            after = int(ends[last - 1]) if last else 0
            rows = {Level.OBJECT: slice(before, after), Level.EVENT: slice(first, last)}
            yield Layout(self.counts[first:last]), rows
            first = last
            if first >= self.counts.size:
                return

    def runs(self) -> Iterator[tuple[Ints, npt.NDArray[np.bool_]]]:
        """Yield events as a rectangle of the rows of their objects, and which of these are there.

        Both arrays are (events, places). Events of one run have about as many objects; those
        without are left out. Raises Corrupt if an event has too many objects.
        """
        if self.counts.size and int(self.counts.max()) > MOST_OBJECTS:
            raise Corrupt(f"an event has {int(self.counts.max())} objects, more than a network's "
                          f"{MOST_OBJECTS}")  # fmt: skip
        order = np.argsort(self.counts, kind="stable")
        at = int(np.searchsorted(self.counts[order], 1))
        while at < order.size:
            places = int(self.counts[order[at]])
            room = max(1, RUN // (4 * places * places))
            places = int(self.counts[order[min(at + room, order.size) - 1]])
            room = max(1, RUN // (places * places))
            chosen = order[at : at + room]
            places = int(self.counts[chosen[-1]])
            there = np.arange(places) < self.counts[chosen, None]
            rows = np.where(there, self.starts[chosen, None] + np.arange(places), 0)
            yield rows, there
            at += room
