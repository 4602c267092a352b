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
from baler.learned.derived import Derivations, columns_of
from baler.learned.network import Base, CollectionNet, Source
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

    ``own`` has the classes and numbers of the columns, by position in the network, that are known
    (all of them for an encoder); those that are not known are not given. An encoder replaces
    ``given``.
    """
    counts = counts_of(net.counts, entries, column)
    size = int(counts.sum())
    parents = column(net.key).astype(np.int64) if net.key else np.zeros(counts.size, np.int64)
    classes = np.zeros((len(net.columns), size), np.uint8)
    numbers = np.zeros((len(net.columns), size), np.int64)
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
        parent_bases=_parent_bases(axes, net, int(parents.sum()), column),
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
    parts = [np.zeros((events, 0), np.int16)]
    made: dict[int, tuple[Features, Ints | None, Ints]] = {}
    for source in sources:
        axis = axes[source.axis]
        if source.axis not in made:
            table = axis.source_features(*axis.split(column(axis.column)))
            counts = column(axis.counts).astype(np.int64) if axis.counts else None
            first = np.arange(events) if counts is None else np.cumsum(counts) - counts
            made[source.axis] = table, counts, first
        table, counts, first = made[source.axis]
        there = (np.ones(events) if counts is None else counts) > source.rank
        part = np.zeros((events, table.shape[1]), np.int16)
        part[there] = table[first[there] + source.rank]
        parts.append(part)
    return np.ascontiguousarray(np.concatenate(parts, 1))


def parent_features(
    axes: Sequence[Axis], sources: Sequence[Source], parents: int, column: Values
) -> Features:
    """Return the features of parents, (parents, features)."""
    parts = [np.zeros((parents, 0), np.int16)]
    for source in sources:
        axis = axes[source.axis]
        part = axis.source_features(*axis.split(column(axis.column)))
        if len(part) != parents:
            raise Corrupt(f"column {axis.column!r} has {len(part)} values for {parents} parents")
        parts.append(part)
    return np.ascontiguousarray(np.concatenate(parts, 1))


def _objects(
    axes: Sequence[Axis], net: CollectionNet, counts: Ints, column: Values
) -> tuple[Features, Ints]:
    """Return what is derived for each object: features (N, features) and bases (d, N)."""
    size = int(counts.sum())
    parts = [np.zeros((size, 0), np.int16)]
    bases = np.full((len(net.columns), size), NO_BASE, np.int64)
    derivations = Derivations(axes, counts, column)
    for number, source in enumerate(net.object_sources):
        axis = axes[source.axis]
        classes, numbers = _split(axis, derivations.values(source))
        parts.append(axis.source_features(classes, numbers))
        for j, plan in enumerate(net.columns):
            if plan.base is Base.OBJECT and plan.base_axis == number:
                bases[j] = _on_lattice(axis, classes, numbers)
    return np.ascontiguousarray(np.concatenate(parts, 1)), bases


def _split(axis: Axis, values: Array) -> tuple[Classes, Ints]:
    """Return classes and numbers of values of any dtype; floats that do not fit are verbatim."""
    if axis.dtype.kind == "f" or values.dtype.kind != "f":
        with np.errstate(over="ignore", under="ignore"):
            return axis.split(values.astype(axis.dtype))
    whole = np.rint(values.astype(np.float64))
    low, high = 0, 1
    if axis.dtype.kind in "iu":
        low, high = np.iinfo(axis.dtype).min, np.iinfo(axis.dtype).max
    inside = (whole >= max(low, -MAX_NUMBER)) & (whole <= min(high, MAX_NUMBER))
    classes, numbers = axis.split(np.where(inside, whole, 0).astype(axis.dtype))
    classes[~inside], numbers[~inside] = axis.verbatim, axis.center
    return classes, numbers


def _weights(axes: Sequence[Axis], net: CollectionNet) -> Ints:
    if net.weight < 0:
        return np.empty(0, np.int64)
    return weight_table(axes[net.columns[net.weight].axis], net)


def _parent_bases(axes: Sequence[Axis], net: CollectionNet, parents: int, column: Values) -> Ints:
    bases = np.full((len(net.columns), parents), NO_BASE, np.int64)
    for j, plan in enumerate(net.columns):
        if plan.base is Base.PARENT:
            bases[j] = parent_base(axes[plan.axis], column(axes[plan.base_axis].column))
    return bases


def parent_base(axis: Axis, values: Array) -> Ints:
    """Return the numbers that an axis gives to a parent's values; NO_BASE off the lattice."""
    return _on_lattice(axis, *_split(axis, values))


def _on_lattice(axis: Axis, classes: Classes, numbers: Ints) -> Ints:
    known = (classes == axis.on_lattice) | (classes == axis.on_lattice + 1)
    return np.where(known, numbers, NO_BASE)
