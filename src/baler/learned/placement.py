"""From outputs of a network to frequencies (docs/learned.md, section 4), in integers.

Every function takes numbers, or arrays of one for each object.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.learned.axis import Axis
from baler.learned.network import (
    ACTIVATION_LIMIT,
    BINS,
    ESCAPES,
    LEVELS,
    ODDS,
    SLOTS,
    ColumnNet,
    Int16s,
)

Ints = Any  # int64, or an array of it
LOCATION_LIMIT = 1 << 24
_OCTAVE = 8
INVERSE = np.array(
    [(isqrt(isqrt(isqrt(1 << 136 - t))) + 1) >> 1 for t in range(7 * _OCTAVE)], np.int64
)
"""round(2 ** (16 - t / 8)), from the floor of its double: an eighth root."""


def activations(states: Ints, bias: Int16s, rectified: int) -> npt.NDArray[np.int64]:
    """Return what the heads of a column read, (..., H), from states of the same shape."""
    low = np.where(np.arange(bias.size) < rectified, 0, -ACTIVATION_LIMIT)
    biased = states + 64 * bias.astype(np.int64)
    return np.asarray(np.clip(biased >> 8, low, ACTIVATION_LIMIT - 1))


def frequency(odds: npt.NDArray[np.uint16], output: Ints) -> Ints:
    """Return the slots of *yes* in a decision."""
    level = np.clip(((output + (1 << 13)) >> 14) + ODDS // 2, 0, ODDS - 1)
    return odds[level].astype(np.int64)


@dataclass(frozen=True, slots=True)
class Placement:
    """A table that lies around a number."""

    tables: npt.NDArray[np.uint16]
    shape: Ints  # which of the tables
    mu: Ints  # where, in 1/64 of a number
    level: Ints  # how wide

    @property
    def center(self) -> Ints:
        """The number where the table lies."""
        return self.mu >> 6

    @property
    def low_bits(self) -> Ints:
        """Bits of a number that follow the bin as they are."""
        return np.maximum(0, self.level // _OCTAVE - 6)

    @property
    def first(self) -> Ints:
        """The numbers of the first bin, without their low bits."""
        return (self.mu >> self.low_bits >> 6) - BINS // 2

    def cumulative(self, index: Ints) -> Ints:
        """Return the slots of all bins before the one with an index (0 to BINS)."""
        inside = np.clip(index, 1, BINS - 1)
        edge = (self.first + inside) * 64 - (32 >> self.low_bits)
        apart = edge - (self.mu >> self.low_bits)
        inverse = INVERSE[self.level - _OCTAVE * self.low_bits]
        z = np.clip(apart * inverse >> 8, -(1 << 14), 1 << 14) + (1 << 14)
        left = self.tables[self.shape, z >> 6].astype(np.int64)
        right = self.tables[self.shape, (z >> 6) + 1].astype(np.int64)
        between = left + ((right - left) * (z & 63) >> 6) + inside
        return np.where(index <= 0, 0, np.where(index >= BINS, SLOTS - ESCAPES, between))


def place(axis: Axis, column: ColumnNet, outputs: Ints, bases: Ints) -> Placement:
    """Return where the last three outputs, (..., outputs), and the bases place a table."""
    location, scale, shape = np.moveaxis(outputs[..., -3:], -1, 0)
    limited = np.clip(location, -LOCATION_LIMIT, LOCATION_LIMIT)
    return Placement(
        column.tables,
        np.clip((shape + (1 << 17)) >> 18, 0, len(column.tables) - 1),
        bases * 64 + (limited * column.unit >> 18),
        np.clip(((scale + (1 << 14)) >> 15) + column.level, 0, LEVELS - 1),
    )
