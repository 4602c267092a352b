"""The integer networks of a learned model, as they are stored: arrays, and proof of their ranges.

Names and arithmetic are those of docs/learned.md. Weights have units of 2**-10, features of 2**-6,
hence states of 2**-16; activations have 2**-8, hence outputs 2**-18.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.learned.axis import INDICATORS, Axis

Int16s = npt.NDArray[np.int16]
Array = npt.NDArray[Any]
Shapes = dict[str, tuple[int, ...]]

SLOTS = 1 << 16
"""Frequencies of all symbols of a table sum to this."""
BINS = 256
"""Bins that a placed table covers."""
ESCAPES = 32
"""Slots of an escape."""
NODES = 514
"""Numbers of a table."""
TOP = SLOTS - BINS - ESCAPES
"""The last number of a table."""
ODDS = 384
"""Levels of a decision."""
LEVELS = 352
"""Levels of scale, eight in an octave, the first of 2**-4 numbers."""
FEATURE_LIMIT = 512
ACTIVATION_LIMIT = 8192
SUM_LIMIT = 1 << 31
_POWERS = np.int64(1) << np.arange(63)


class Base(IntEnum):
    """Where a table is placed from."""

    CENTER = 0
    PREVIOUS = 1
    PEER = 2
    PARENT = 3
    OBJECT = 4
    CENTROID = 5


@dataclass(frozen=True, slots=True)
class Source:
    """A column that was decoded before, at one rank of its collection (0 for parents)."""

    axis: int  # position in the model's axes
    rank: int = 0


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """A quantity of each object that is derived from columns that were decoded before."""

    kind: int  # formula: baler.learned.derived
    axis: int  # position in the model's axes; how the quantity is seen
    inputs: tuple[int, ...]  # positions in the model's axes
    constant: int


@dataclass(frozen=True, slots=True, eq=False)
class ColumnNet:
    """What one column adds to the state of its object, and what reads it from there."""

    axis: int  # position in the model's axes
    base: Base
    base_axis: int  # PARENT: axis of the parent's column; OBJECT: which object source; else 0
    unit: int  # numbers, in 1/64, of one unit of location
    level: int  # of scale where the output is 0
    own: Int16s  # (H, features)
    own_rows: Int16s  # (atoms + 3, H), by class
    prev_rows: Int16s  # (atoms + 3, H), by class
    bias: Int16s  # (H,)
    heads: Int16s  # (outputs, H)
    offsets: npt.NDArray[np.int32]  # (outputs,)
    tables: npt.NDArray[np.uint16]  # (shapes, NODES), none if the axis is not numeric


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CollectionNet:
    """The network of the columns that share a column of counts."""

    counts: str  # name of the column of counts; "" for the collection of events
    key: str  # name of the parents' column of counts if the first column is a key, else ""
    rectified: int  # units that are; the others are linear
    columns: tuple[ColumnNet, ...]
    event_sources: tuple[Source, ...]
    parent_sources: tuple[Source, ...]
    object_sources: tuple[ObjectSource, ...] = ()
    weight: int = -1  # position of the column of weights in the network; -1 for none
    weight_first: int = 0  # number of the first weight
    weight_count: int = 0
    weight_unit: float = 0.0  # what a weight of 1 is as a value of the column
    slots: int = 0  # parents of an event of which all its objects see the tally
    bias: Int16s  # (H,)
    event: Int16s  # (H, event features)
    parent: Int16s  # (H, parent features)
    previous: Int16s  # (H, features of all columns)
    peer: Int16s  # (H, features of all columns); no features without a key
    object: Int16s  # (H, object features)
    tally: Int16s  # (H, 1); (H, 0) without a weight
    slot: Int16s  # (H, slots)
    rank_rows: Int16s  # (R, H)
    left_rows: Int16s  # (R, H)
    key_rank_rows: Int16s  # (R, H)
    first_row: Int16s  # (H,)
    orphan_row: Int16s  # (H,)
    lonely_row: Int16s  # (H,)

    @property
    def width(self) -> int:
        """Number of hidden units."""
        return self.bias.size

    @property
    def name(self) -> str:
        """What people call the collection."""
        return collection_name(self.counts)


def collection_name(counts: str) -> str:
    """Return what people call a collection: its counts without their "n"."""
    return counts.removeprefix("n") or "events"


def source_width(axis: Axis) -> int:
    """Return how many features a column tells other collections."""
    plain = sum(not feature.relative for feature in axis.features)
    return plain + min(len(axis.atoms), INDICATORS) + axis.signed


def object_width(axes: Sequence[Axis], sources: Sequence[ObjectSource]) -> int:
    """Return how many features object sources make."""
    return sum(source_width(axes[source.axis]) for source in sources)


def bit_length(numbers: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the number of bits of numbers that are not negative."""
    return np.asarray(np.searchsorted(_POWERS, numbers, side="right"), np.int64)


def ladder(ranks: npt.ArrayLike, rows: int) -> npt.NDArray[np.int64]:
    """Return which of some rows belongs to each rank: from 8 on, four share an octave."""
    rank = np.asarray(ranks, np.int64)
    length = bit_length(rank)
    step = 4 * length - 8 + ((rank >> np.maximum(length - 3, 0)) & 3)
    return np.minimum(np.where(rank < 8, rank, step), rows - 1)


def column_shapes(axis: Axis, width: int, tables: int) -> Shapes:
    """Return the shapes of the arrays of a ColumnNet, in the order of its fields."""
    outputs = len(axis.atoms) + axis.signed + 3 * axis.numeric
    return {
        "own": (width, len(axis.features)),
        "own_rows": (axis.classes, width),
        "prev_rows": (axis.classes, width),
        "bias": (width,),
        "heads": (outputs, width),
        "offsets": (outputs,),
        "tables": (tables, NODES),
    }


def collection_shapes(
    width: int,
    ranks: int,
    event: int,
    parent: int,
    own: int,
    *,
    has_key: bool,
    objects: int = 0,
    has_weight: bool = False,
    slots: int = 0,
) -> Shapes:
    """Return the shapes of the arrays of a CollectionNet, in the order of its fields.

    ``event``, ``parent``, ``own`` and ``objects`` are how many features there are of each.
    """
    return {
        "bias": (width,),
        "event": (width, event),
        "parent": (width, parent),
        "previous": (width, own),
        "peer": (width, own if has_key else 0),
        "object": (width, objects),
        "tally": (width, int(has_weight)),
        "slot": (width, slots),
        "rank_rows": (ranks, width),
        "left_rows": (ranks, width),
        "key_rank_rows": (ranks, width),
        "first_row": (width,),
        "orphan_row": (width,),
        "lonely_row": (width,),
    }
