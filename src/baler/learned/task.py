"""What a kernel works on: the objects of one collection in one chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]

Map = Callable[[Callable[[int], Any], Iterable[int]], Iterator[Any]]
"""Calls a function with each of some numbers, perhaps in threads; results come in order."""

NO_BASE = -(1 << 63)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """All arrays are C-contiguous. E events, N objects, d columns, P parents.

    ``classes`` and ``numbers`` are read where a column is given and, when encoding, everywhere;
    a decoder fills them where a column is not given.
    """

    counts: Ints  # (E,) objects of each event; sums to N
    parent_counts: Ints  # (E,) parents of each event; sums to P; zeros without a key
    event_features: npt.NDArray[np.int16]  # (E, event features)
    parent_features: npt.NDArray[np.int16]  # (P, parent features)
    parent_bases: Mapping[int, Ints]  # of columns with such a base: (P,) numbers, or NO_BASE
    object_features: npt.NDArray[np.int16]  # (N, object features)
    object_bases: Mapping[int, Ints]  # of columns with such a base: (N,) numbers, or NO_BASE
    weights: Ints  # (W,) of numbers of the weight column; none without one
    given: npt.NDArray[np.bool_]  # (d,)
    classes: npt.NDArray[np.uint8]  # (d, N)
    numbers: Ints  # (d, N)
    keys: Ints  # (atoms of the first column,) parent that each atom means; -1: none

    @property
    def events(self) -> int:
        """Number of events."""
        return int(self.counts.size)

    def shape(self) -> tuple[Any, ...]:
        """Return (columns, objects)."""
        return self.classes.shape


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What a kernel makes of a task."""

    streams: list[bytes]  # one for each lane
    bits: npt.NDArray[np.float64]  # (d,) cost of each column, 0 where given


def lane_ends(events: int, lanes: int) -> list[int]:
    """Return the first event that is after each lane."""
    return [events * (k + 1) // lanes for k in range(lanes)]
