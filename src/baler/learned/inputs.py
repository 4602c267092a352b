"""What a network reads of columns that were decoded before: docs/learned.md, section 7.

Every function of a decoder here takes decoded values only, so that a column may be coded by the
model or by anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.errors import Corrupt
from baler.learned.axis import MAX_NUMBER, Axis, Classes, Features, Ints
from baler.learned.columns import source_features, split
from baler.learned.derived import columns_of, in_runs
from baler.learned.network import (
    Base,
    CollectionNet,
    ObjectSource,
    Source,
    source_width,
)
from baler.learned.tally import weight_table
from baler.learned.task import NO_BASE, Task

Array = npt.NDArray[Any]
Values = Callable[[str], Array]
"""From the name of a column to its decoded values in this chunk."""

RUN = 256
"""Entries that follow each other count as one event of the collection of events."""


def external_columns(axes: Sequence[Axis], net: CollectionNet) -> tuple[str, ...]:
    """Return the names of all columns outside a collection that its network reads, sorted."""
    names = {net.counts, net.key}
    for source in (*net.event_sources, *net.parent_sources):
        names |= {axes[source.axis].column, axes[source.axis].counts}
    for derived in net.object_sources:
        names.update(columns_of(axes, derived))
    names |= {axes[c.base_axis].column for c in net.columns if c.base is Base.PARENT}
    return tuple(sorted(names - {""}))


def counts_of(name: str, entries: int, column: Values) -> Ints:
    """Return the objects of each event of the collection with these counts; "" for runs."""
    if name:
        return column(name).astype(np.int64)
    runs = np.full(-(-entries // RUN), RUN, np.int64)
    if entries % RUN:
        runs[-1] = entries % RUN
    return runs


def task_of(
    axes: Sequence[Axis],
    net: CollectionNet,
    entries: int,
    column: Values,
    own: Mapping[int, tuple[Classes, Ints]],
) -> Task:
    """Return the task of a collection in a chunk of ``entries`` events.

    ``own`` has the classes and numbers of the columns that are known and given, by position in the
    network. Those of the others are to be filled in.
    """
    counts = counts_of(net.counts, entries, column)
    size = int(counts.sum())
    parents = column(net.key).astype(np.int64) if net.key else np.zeros(counts.size, np.int64)
    classes = np.empty((len(net.columns), size), np.uint8)
    numbers = np.empty((len(net.columns), size), np.int64)
    given = np.zeros(len(net.columns), np.bool_)
    for j, (known_classes, known_numbers) in own.items():
        if known_classes.size != size:
            name = axes[net.columns[j].axis].column
            raise Corrupt(f"column {name!r} has {known_classes.size} values, expected {size}")
        classes[j], numbers[j], given[j] = known_classes, known_numbers, True
    object_features, object_bases = _objects(axes, net, counts, column)
    return Task(
        counts=counts,
        parent_counts=parents,
        event_features=event_features(axes, net.event_sources, counts.size, column),
        parent_features=parent_features(axes, net.parent_sources, int(parents.sum()), column),
        parent_bases=_parent_bases(axes, net, column),
        object_features=object_features,
        object_bases=object_bases,
        weights=_weights(axes, net),
        given=given,
        classes=classes,
        numbers=numbers,
        keys=_keys(axes[net.columns[0].axis]),
    )


def _keys(axis: Axis) -> Ints:
    """Return which parent each atom of a key means; -1 if none."""
    if axis.dtype.kind not in "iu":
        return np.full(len(axis.atoms), -1, np.int64)
    values = [int(np.frombuffer(atom, axis.dtype)[0]) for atom in axis.atoms]
    return np.array([max(-1, min(value, 1 << 31)) for value in values], np.int64)


def event_features(
    axes: Sequence[Axis], sources: Sequence[Source], events: int, column: Values
) -> Features:
    """Return the features of events, (events, features)."""
    table = np.zeros((events, _width(axes, sources)), np.int16)
    one = np.ones(events, np.int64)
    known: dict[str, tuple[Ints, Ints]] = {}  # how many objects an event has, and the first
    for source, part in zip(sources, _of_sources(axes, sources, table), strict=True):
        axis = axes[source.axis]
        if axis.counts not in known:
            some = column(axis.counts).astype(np.int64) if axis.counts else one
            known[axis.counts] = some, np.cumsum(some) - some
        counts, first = known[axis.counts]
        there = counts > source.rank
        values = column(axis.column)[first[there] + source.rank]
        found = np.empty((values.size, part.shape[1]), np.int16)
        source_features(axis, *split(axis, values), found)
        part[there] = found
    return table


def parent_features(
    axes: Sequence[Axis], sources: Sequence[Source], parents: int, column: Values
) -> Features:
    """Return the features of parents, (parents, features)."""
    table = np.empty((parents, _width(axes, sources)), np.int16)
    for source, part in zip(sources, _of_sources(axes, sources, table), strict=True):
        axis = axes[source.axis]
        values = column(axis.column)
        if values.size != parents:
            raise Corrupt(f"column {axis.column!r} has {values.size} values for {parents} parents")
        source_features(axis, *split(axis, values), part)
    return table


def _width(axes: Sequence[Axis], sources: Sequence[Source | ObjectSource]) -> int:
    return sum(source_width(axes[source.axis]) for source in sources)


def _of_sources(
    axes: Sequence[Axis], sources: Sequence[Source | ObjectSource], table: Features
) -> list[Features]:
    """Return the columns of a table that belong to each source."""
    ends = np.cumsum([source_width(axes[source.axis]) for source in sources])
    return np.split(table, ends[:-1], 1) if len(ends) else []


def _objects(
    axes: Sequence[Axis], net: CollectionNet, counts: Ints, column: Values
) -> tuple[Features, dict[int, Ints]]:
    """Return what is derived for each object: features (N, features) and bases of columns."""
    sources, size = net.object_sources, int(counts.sum())
    table = np.empty((size, _width(axes, sources)), np.int16)
    bases = {
        j: np.empty(size, np.int64) for j, c in enumerate(net.columns) if c.base is Base.OBJECT
    }
    for objects, derivations in in_runs(axes, sources, counts, column):
        parts = _of_sources(axes, sources, table[objects])
        for number, (source, part) in enumerate(zip(sources, parts, strict=True)):
            axis = axes[source.axis]
            classes, numbers = _split(axis, derivations.values(source))
            source_features(axis, classes, numbers, part)
            for j, base in bases.items():
                if net.columns[j].base_axis == number:
                    base[objects] = _on_lattice(axis, classes, numbers)
    return table, bases


def _split(axis: Axis, values: Array) -> tuple[Classes, Ints]:
    """Return classes and numbers of values of any dtype; floats that do not fit are verbatim."""
    if axis.dtype.kind == "f" or values.dtype.kind != "f":
        with np.errstate(over="ignore", under="ignore"):
            return split(axis, values.astype(axis.dtype))
    whole = np.rint(values.astype(np.float64))
    low, high = 0, 1
    if axis.dtype.kind in "iu":
        low, high = np.iinfo(axis.dtype).min, np.iinfo(axis.dtype).max
    inside = (whole >= max(low, -MAX_NUMBER)) & (whole <= min(high, MAX_NUMBER))
    classes, numbers = split(axis, np.where(inside, whole, 0).astype(axis.dtype))
    classes[~inside], numbers[~inside] = axis.verbatim, axis.center
    return classes, numbers


def _weights(axes: Sequence[Axis], net: CollectionNet) -> Ints:
    if net.weight < 0:
        return np.empty(0, np.int64)
    return weight_table(axes[net.columns[net.weight].axis], net)


def _parent_bases(axes: Sequence[Axis], net: CollectionNet, column: Values) -> dict[int, Ints]:
    return {
        j: parent_base(axes[plan.axis], column(axes[plan.base_axis].column))
        for j, plan in enumerate(net.columns) if plan.base is Base.PARENT
    }  # fmt: skip


def parent_base(axis: Axis, values: Array) -> Ints:
    """Return the numbers that an axis gives to a parent's values; NO_BASE off the lattice."""
    return _on_lattice(axis, *_split(axis, values))


def _on_lattice(axis: Axis, classes: Classes, numbers: Ints) -> Ints:
    known = (classes == axis.on_lattice) | (classes == axis.on_lattice + 1)
    return np.where(known, numbers, NO_BASE)
