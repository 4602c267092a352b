"""What models and tasks must fulfil, whoever made them (docs/learned.md, section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.errors import Corrupt
from baler.learned.axis import MAX_NUMBER, Axis
from baler.learned.network import (
    ACTIVATION_LIMIT,
    FEATURE_LIMIT,
    LEVELS,
    ODDS,
    SUM_LIMIT,
    TOP,
    Base,
    CollectionNet,
    ColumnNet,
    Source,
    collection_shapes,
    column_shapes,
    object_width,
    source_width,
)
from baler.learned.task import NO_BASE, Task
from baler.quantise.lattice import Scaled

Array = npt.NDArray[Any]

LANES = 64
MAX_WIDTH = 1024
"""Hidden units."""
MAX_RANKS = 256
"""Rows of each kind of rank."""
MAX_TABLES = 256
MAX_AXES = 1 << 14
MAX_FEATURES = 64
"""Of one column."""
MAX_COLLECTIONS = 1 << 10
MAX_COLUMNS = 1024
"""Of one collection."""
MAX_SOURCES = 4096
MAX_RANK = 1 << 16
"""Of a source."""
MAX_KIND = 255
"""Of a derived quantity."""
MAX_INPUTS = 16
"""Of a derived quantity."""
MAX_WEIGHTS = 1 << 17
"""Numbers that have a weight of their own."""
MAX_WEIGHT = 1 << 20
MAX_SLOTS = 16
UNIT_LIMIT = 1 << 38
OUTPUT_LIMIT = SUM_LIMIT - (1 << 17)
DTYPES: dict[str, np.dtype[Any]] = {"offsets": np.dtype(np.int32), "tables": np.dtype(np.uint16)}
"""Of the arrays that are not int16."""
STEP = 32
"""Hidden units come in so many."""


def check_model(
    axes: Sequence[Axis], collections: Sequence[CollectionNet], odds: npt.NDArray[np.uint16]
) -> None:
    """Raise Corrupt unless axes and networks fit each other and no sum can overflow."""
    _shape("odds", odds, np.dtype(np.uint16), (ODDS,))
    if not odds.all():
        raise Corrupt("the odds of a model contain 0")
    names = [axis.column for axis in axes]
    if len(set(names)) < len(names):
        raise Corrupt("two axes of a model have the same column")
    if len(axes) > MAX_AXES or len(collections) > MAX_COLLECTIONS:
        raise Corrupt(f"a model has {len(axes)} axes and {len(collections)} networks")
    for axis in axes:
        if len(axis.features) > MAX_FEATURES:
            raise Corrupt(f"{axis.column!r} has {len(axis.features)} features")
        _check_lattice(axes, axis)
    coded = [net.counts for net in collections]
    if len(set(coded)) < len(coded):
        raise Corrupt("two networks of a model have the same counts")
    used = [column.axis for net in collections for column in net.columns]
    if len(set(used)) < len(used):
        raise Corrupt("two networks of a model code the same column")
    for position, net in enumerate(collections):
        try:
            _check_net(axes, net, later=coded[position:])
        except Corrupt as error:
            error.add_note(f"in the network of the collection with counts {net.counts!r}")
            raise


def _check_lattice(axes: Sequence[Axis], axis: Axis) -> None:
    """Raise Corrupt if a lattice is dithered, or its chain of uncertainties is not one."""
    seen = [axis.column]
    lattice = axis.lattice
    while isinstance(lattice, Scaled):
        if lattice.parent >= len(axes) or axes[lattice.parent].counts != axis.counts:
            raise Corrupt(f"the uncertainties of {axis.column!r} are no axis of its collection")
        if axes[lattice.parent].column in seen:
            raise Corrupt(f"the uncertainties of {axis.column!r} depend on themselves")
        seen.append(axes[lattice.parent].column)
        lattice = axes[lattice.parent].lattice
    if getattr(axis.lattice, "shifts", None) is not None:
        raise Corrupt(f"the lattice of {axis.column!r} is dithered")


def _check_net(axes: Sequence[Axis], net: CollectionNet, later: Sequence[str]) -> None:
    """Raise Corrupt unless a network is valid; ``later`` are counts of it and those after it."""
    width = net.bias.size
    if width % STEP or not STEP <= width <= MAX_WIDTH:
        raise Corrupt(f"a network has {width} units, not a multiple of {STEP} up to {MAX_WIDTH}")
    if not 0 <= net.rectified <= width:
        raise Corrupt(f"{net.rectified} of {width} units are rectified")
    if not 1 <= len(net.columns) <= MAX_COLUMNS:
        raise Corrupt(f"a network has {len(net.columns)} columns, not 1 to {MAX_COLUMNS}")
    if not 1 <= len(net.rank_rows) <= MAX_RANKS:
        raise Corrupt(f"a network has rows for {len(net.rank_rows)} ranks, not 1 to {MAX_RANKS}")
    if not net.counts and (net.key or net.event_sources or net.parent_sources):
        raise Corrupt("the network of events has a key or sources")
    placed = any(column.base is Base.PARENT for column in net.columns)
    itself = net.key == net.counts  # without columns of parents, their counts are all it needs
    if net.key and net.key in later and (placed or itself):
        raise Corrupt(f"the parents with counts {net.key!r} are decoded too late")
    for column in net.columns:
        if not 0 <= column.axis < len(axes) or axes[column.axis].counts != net.counts:
            raise Corrupt(f"a network has a column of axis {column.axis}, not one of its own")
    own = [len(axes[column.axis].features) for column in net.columns]
    shapes = collection_shapes(
        width,
        len(net.rank_rows),
        _check_sources(axes, net.event_sources, later),
        _check_sources(axes, net.parent_sources, later, net.key),
        sum(own),
        has_key=bool(net.key),
        objects=_check_object_sources(axes, net, later),
        has_weight=_check_weight(axes, net),
        slots=net.slots,
    )
    for name, shape in shapes.items():
        _shape(name, getattr(net, name), np.dtype(np.int16), shape)
    for position, column in enumerate(net.columns):
        try:
            _check_column(axes, net, column, is_first=position == 0)
        except Corrupt as error:
            error.add_note(f"in column {axes[column.axis].column!r}")
            raise
    _check_sums(net)


def _check_sources(
    axes: Sequence[Axis],
    sources: Sequence[Source],
    later: Sequence[str],
    key: str | None = None,
) -> int:
    """Raise Corrupt unless sources are decoded before; return how many features they make."""
    if len(sources) > MAX_SOURCES:
        raise Corrupt(f"a network has {len(sources)} sources, more than {MAX_SOURCES}")
    for source in sources:
        if not 0 <= source.axis < len(axes):
            raise Corrupt(f"a source has axis {source.axis} of {len(axes)}")
        axis = axes[source.axis]
        _check_fixed(axis)
        if axis.counts in later:
            raise Corrupt(f"the source {axis.column!r} is decoded too late")
        if key is not None and (not key or axis.counts != key):
            raise Corrupt(f"the source {axis.column!r} is not a column of the parents {key!r}")
        top = MAX_RANK if axis.counts and key is None else 1
        if not 0 <= source.rank < top:
            raise Corrupt(f"the source {axis.column!r} has rank {source.rank}, not 0 to {top - 1}")
    return sum(source_width(axes[source.axis]) for source in sources)


def _check_object_sources(axes: Sequence[Axis], net: CollectionNet, later: Sequence[str]) -> int:
    """Raise Corrupt unless all inputs are decoded before; return how many features they make."""
    if len(net.object_sources) > MAX_SOURCES:
        raise Corrupt(f"a network has {len(net.object_sources)} sources, more than {MAX_SOURCES}")
    for source in net.object_sources:
        if not net.counts:
            raise Corrupt("a quantity is derived for events, which have no children")
        if not 0 <= source.kind <= MAX_KIND or abs(source.constant) >= MAX_NUMBER:
            raise Corrupt(f"a derived quantity has parameters out of range: {source}")
        if len(source.inputs) > MAX_INPUTS:
            raise Corrupt(f"a derived quantity is made of {len(source.inputs)} columns")
        for at in (source.axis, *source.inputs):
            if not 0 <= at < len(axes):
                raise Corrupt(f"a derived quantity has axis {at} of {len(axes)}")
        _check_fixed(axes[source.axis])
        for axis in (axes[at] for at in source.inputs):
            if axis.counts in later:
                raise Corrupt(f"the input {axis.column!r} is decoded too late")
    return object_width(axes, net.object_sources)


def _check_fixed(axis: Axis) -> None:
    """Raise Corrupt if the lattice of an axis depends on other values of an object."""
    if isinstance(axis.lattice, Scaled):
        raise Corrupt(f"{axis.column!r} is a multiple of uncertainties, which are not known here")


def _check_weight(axes: Sequence[Axis], net: CollectionNet) -> bool:
    """Raise Corrupt unless the weights are valid; return whether there are any."""
    if net.weight < 0:
        left = net.weight_first or net.weight_count or net.weight_unit or net.slots
        if net.weight != -1 or left:
            raise Corrupt("a network has something of weights without a column of them")
        return False
    if not net.key or not 1 <= net.weight < len(net.columns):
        raise Corrupt(f"column {net.weight} of a network, with key {net.key!r}, has no weights")
    axis = axes[net.columns[net.weight].axis]
    _check_fixed(axis)
    if not axis.numeric or axis.signed or axis.period:
        raise Corrupt(f"{axis.column!r} has no weights: not numeric, or signed, or with a period")
    if not 1 <= net.weight_count <= MAX_WEIGHTS:
        raise Corrupt(f"a network has {net.weight_count} weights, not 1 to {MAX_WEIGHTS}")
    if not -MAX_NUMBER < net.weight_first < MAX_NUMBER:
        raise Corrupt(f"the first weight is that of {net.weight_first}")
    if not 0 < net.weight_unit < float("inf"):
        raise Corrupt(f"the unit of weights is {net.weight_unit}")
    if not 0 <= net.slots <= MAX_SLOTS:
        raise Corrupt(f"a network has {net.slots} slots, not 0 to {MAX_SLOTS}")
    return True


def _check_column(
    axes: Sequence[Axis], net: CollectionNet, column: ColumnNet, *, is_first: bool
) -> None:
    axis, width = axes[column.axis], net.bias.size
    if is_first and net.key and (axis.dtype.kind not in "iu" or axis.period):
        raise Corrupt(f"a key has dtype {axis.dtype} and period {axis.period}")
    with_key = column.base in (Base.PEER, Base.PARENT, Base.CENTROID)
    without = not net.key or (column.base is Base.CENTROID and net.weight < 0)
    if with_key and (is_first or without):
        raise Corrupt(f"there is no {column.base.name} yet to place a table from")
    if column.base is Base.PARENT:
        known = 0 <= column.base_axis < len(axes)
        if not known or axes[column.base_axis].counts != net.key:
            raise Corrupt(f"axis {column.base_axis} is not a column of the parents {net.key!r}")
        _check_fixed(axis)
    elif column.base is Base.OBJECT:
        known = 0 <= column.base_axis < len(net.object_sources)
        if not known or net.object_sources[column.base_axis].axis != column.axis:
            raise Corrupt(f"source {column.base_axis} of objects is not one of this column")
    elif column.base_axis:
        raise Corrupt(f"axis {column.base_axis} is given as a base and not used")
    if not 0 <= column.unit < UNIT_LIMIT:
        raise Corrupt(f"the unit of location is {column.unit}, not 0 to {UNIT_LIMIT - 1}")
    if abs(column.level) > LEVELS:
        raise Corrupt(f"the level of scale is {column.level}, not -{LEVELS} to {LEVELS}")
    tables = column.tables
    for name, shape in column_shapes(axis, width, len(tables)).items():
        _shape(name, getattr(column, name), DTYPES.get(name, np.dtype(np.int16)), shape)
    if bool(len(tables)) != axis.numeric or len(tables) > MAX_TABLES:
        raise Corrupt(f"there are {len(tables)} tables; numeric: {axis.numeric}")
    if (tables[:, 0] != 0).any() or (tables[:, -2:] != TOP).any():
        raise Corrupt(f"a table does not begin with 0 and end with {TOP} twice")
    if (tables[:, 1:] < tables[:, :-1]).any():
        raise Corrupt("a table falls")


def _check_sums(net: CollectionNet) -> None:
    """Raise Corrupt if a state or an output could overflow."""
    state = 64 * _most(net.bias[None]) + _reach(net.event)
    state += _reach(net.object) + _reach(net.tally) + _reach(net.slot)
    state += 64 * _most(net.rank_rows) + 64 * _most(net.left_rows)
    previous = _reach(net.previous) + 64 * sum(_most(c.prev_rows) for c in net.columns)
    state += np.maximum(previous, 64 * _most(net.first_row[None]))
    if net.key:
        state += np.maximum(_reach(net.parent), 64 * _most(net.orphan_row[None]))
        state += np.maximum(_reach(net.peer), 64 * _most(net.lonely_row[None]))
        state += 64 * _most(net.key_rank_rows)
    for column in net.columns:
        state += _reach(column.own) + 64 * _most(column.own_rows)
    state += 64 * _most(np.stack([column.bias for column in net.columns]))
    if state.max() >= SUM_LIMIT:
        raise Corrupt(f"the state of a unit can reach {state.max()}; the limit is {SUM_LIMIT}")
    for column in net.columns:
        heads = np.abs(column.heads.astype(np.int64)).sum(1)
        output = np.abs(column.offsets.astype(np.int64)) + ACTIVATION_LIMIT * heads
        if output.size and output.max() >= OUTPUT_LIMIT:
            raise Corrupt(f"an output can reach {output.max()}; the limit is {OUTPUT_LIMIT}")


def _most(rows: Array) -> npt.NDArray[np.int64]:
    """Return the largest magnitude in each column of rows, one of which is added."""
    return np.asarray(np.abs(rows.astype(np.int64)).max(0))


def _reach(weights: Array) -> npt.NDArray[np.int64]:
    """Return how far each unit can be moved by weighted features."""
    return np.asarray(FEATURE_LIMIT * np.abs(weights.astype(np.int64)).sum(1))


def _shape(name: str, array: Array, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        found = f"{array.dtype} of shape {array.shape}"
        raise Corrupt(f"{name} of a model is {found}, expected {dtype} of shape {shape}")
    if not array.flags.c_contiguous:
        raise Corrupt(f"{name} of a model is not contiguous")


def check_task(
    axes: Sequence[Axis],
    net: CollectionNet,
    task: Task,
    lanes: int,
    known: npt.NDArray[np.bool_],
) -> None:
    """Raise Corrupt unless a task fits its network; ``known`` columns have classes and numbers."""
    if not 1 <= lanes <= LANES:
        raise Corrupt(f"a block has {lanes} lanes, not 1 to {LANES}")
    columns = len(net.columns)
    objects, parents = _total(task.counts), _total(task.parent_counts)
    atoms = len(axes[net.columns[0].axis].atoms)
    shapes: dict[str, tuple[type[Any], tuple[int, ...]]] = {
        "counts": (np.int64, (task.events,)),
        "parent_counts": (np.int64, (task.events,)),
        "event_features": (np.int16, (task.events, net.event.shape[1])),
        "parent_features": (np.int16, (parents, net.parent.shape[1])),
        "object_features": (np.int16, (objects, net.object.shape[1])),
        "weights": (np.int64, (net.weight_count,)),
        "given": (np.bool_, (columns,)),
        "classes": (np.uint8, (columns, objects)),
        "numbers": (np.int64, (columns, objects)),
        "keys": (np.int64, (atoms,)),
    }
    assert {*shapes, "parent_bases", "object_bases"} == {item.name for item in fields(Task)}
    for name, (kind, shape) in shapes.items():
        _shape(name, getattr(task, name), np.dtype(kind), shape)
    _check_bases("parents' bases", task.parent_bases, net, Base.PARENT, parents)
    _check_bases("objects' bases", task.object_bases, net, Base.OBJECT, objects)
    for features in (task.event_features, task.parent_features, task.object_features):
        if (
            features.size
            and not -FEATURE_LIMIT <= features.min() <= features.max() <= FEATURE_LIMIT
        ):
            raise Corrupt("a feature is out of range")
    if ((task.weights < 1) | (task.weights > MAX_WEIGHT)).any():
        raise Corrupt(f"a weight is not 1 to {MAX_WEIGHT}")
    for j in np.flatnonzero(known):
        axis = axes[net.columns[j].axis]
        _check_numbers(f"numbers of {axis.column!r}", task.numbers[j])
        if (task.classes[j] > axis.verbatim).any():
            raise Corrupt(f"column {axis.column!r} has a class above {axis.verbatim}")


def _check_bases(
    what: str, bases: Mapping[int, npt.NDArray[np.int64]], net: CollectionNet, base: Base, size: int
) -> None:
    if set(bases) != {j for j, column in enumerate(net.columns) if column.base is base}:
        raise Corrupt(f"{what} are those of the columns {sorted(bases)}")
    for numbers in bases.values():
        _shape(what, numbers, np.dtype(np.int64), (size,))
        _check_numbers(what, numbers[numbers != NO_BASE])


def _total(counts: npt.NDArray[np.int64]) -> int:
    if counts.size and not 0 <= counts.min() <= counts.max() < 1 << 31:
        raise Corrupt(f"events have {counts.min()} to {counts.max()} objects")
    return int(counts.sum())


def _check_numbers(what: str, numbers: npt.NDArray[np.int64]) -> None:
    if numbers.size and not -MAX_NUMBER < numbers.min() <= numbers.max() < MAX_NUMBER:
        raise Corrupt(f"{what} are out of range: {numbers.min()} to {numbers.max()}")
