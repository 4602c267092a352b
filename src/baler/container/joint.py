"""The columns of a learned group: how they fit a network, and how they are decoded together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from baler import codecs
from baler.container.blocks import Contents
from baler.container.context import context_of, noting
from baler.container.encoding import Encoded
from baler.container.layout import MAX_JOINT_VALUES
from baler.core.chunk import Array
from baler.core.recipe import Group, Recipe
from baler.core.schema import Column, Schema
from baler.errors import Corrupt
from baler.learned import kernel
from baler.learned.axis import Axis, Classes, Ints
from baler.learned.columns import join, split
from baler.learned.inputs import external_columns, task_of
from baler.learned.model import Model
from baler.learned.network import CollectionNet
from baler.learned.part import begun, parts_of
from baler.learned.task import Map, Task
from baler.quantise.lattice import Scaled


def own_columns(model: Model, number: int) -> list[str]:
    """Return the names of the columns that a network codes, in its order."""
    return [model.axes[column.axis].column for column in model.collections[number].columns]


def other_columns(model: Model, number: int) -> list[str]:
    """Return the names of all columns that a network needs before its own, sorted."""
    net, own = model.collections[number], own_columns(model, number)
    names = {unit_of(model, model.axes[column.axis]) for column in net.columns}
    names.update(external_columns(model.axes, net))
    return sorted(name for name in names if name is not None and name not in own)


def unit_of(model: Model, axis: Axis) -> str | None:
    """Return the column of which the values of an axis are multiples, if there is one."""
    lattice = axis.lattice
    return model.axes[lattice.parent].column if isinstance(lattice, Scaled) else None


def lacking(model: Model, number: int, schema: Schema) -> list[str]:
    """Return what a file lacks of that which a network needs, in words."""
    net, axes = model.collections[number], {axis.column: axis for axis in model.axes}
    counts = {net.key, *(axis.counts for axis in model.axes)}
    lacks = []
    for name in (*own_columns(model, number), *other_columns(model, number)):
        column, axis = schema.by_name.get(name), axes.get(name)
        if column is None:
            lacks.append(f"there is no {name!r}")
        elif axis is not None and column.dtype != axis.dtype:
            lacks.append(f"{name!r} is {column.dtype}, not {axis.dtype}")
        elif axis is not None and ((column.counts or "") != axis.counts or column.width != 1):
            lacks.append(f"{name!r} has another length than in the model")
        elif (axis is None or name in counts) and not _may_count(column):
            lacks.append(f"{name!r} is not a column of counts")
    return lacks


def _may_count(column: Column) -> bool:
    return column.dtype.kind in "biu" and column.counts is None and column.width == 1


@dataclass(frozen=True, slots=True)
class Joint:
    """A learned group and the network that codes it; columns are numbered by their place in it."""

    model: Model
    net: CollectionNet
    schema: Schema
    group: Group

    @classmethod
    def of(cls, model: Model, schema: Schema, group: Group) -> Joint:
        """Return a group with its network; raises Corrupt unless they fit each other."""
        number, names = group.network or 0, [schema.columns[at].name for at in group.columns]
        if number >= len(model.collections):
            raise Corrupt(f"there is no network {number} in a model of {len(model.collections)}")
        if own_columns(model, number) != names:
            raise Corrupt(f"network {number} of the model codes other columns than {names}")
        if lacks := lacking(model, number, schema):
            raise Corrupt(f"network {number} of the model does not fit the file: {lacks[0]}")
        counts = schema.columns[group.columns[0]].counts
        seen = {schema.columns[at].name for at in group.parents}
        for name in other_columns(model, number):
            if name not in seen and name != counts:
                raise Corrupt(f"a network looks at {name!r}, which is no parent of its group")
        return cls(model, model.collections[number], schema, group)

    def unit(self, j: int) -> int | None:
        """Return the position in the schema of the column of which column ``j`` has multiples."""
        name = unit_of(self.model, self.model.axes[self.net.columns[j].axis])
        return None if name is None else self.schema.position[name]

    def axis(self, j: int, decoded: Mapping[int, Array]) -> Axis:
        """Return the axis of column ``j``, by position decoded columns are at hand."""
        axis, unit = self.model.axes[self.net.columns[j].axis], self.unit(j)
        if unit is None or not isinstance(axis.lattice, Scaled):
            return axis
        if unit not in decoded:
            raise Corrupt(f"column {axis.column!r} is given, but not the one of its uncertainties")
        return replace(axis, lattice=replace(axis.lattice, sigma=decoded[unit]))

    def units_first(self) -> list[int]:
        """Return all columns, those that others are multiples of before these."""
        place = {at: j for j, at in enumerate(self.group.columns)}
        order: dict[int, None] = {}
        for j in range(len(self.group.columns)):
            chain, unit = [j], self.unit(j)
            while unit in place:
                chain.append(place[unit])
                unit = self.unit(chain[-1])
            order.update(dict.fromkeys(reversed(chain)))
        return list(order)

    def inputs(self, entries: int, size: int, decoded: Mapping[int, Array]) -> Task:
        """Return the task of a chunk with so many entries and objects; no column is known yet."""
        net = self.net

        def column(name: str) -> Array:
            return decoded[self.schema.position[name]]

        parents = total_of(column(net.key)) if net.key else 0
        events = column(net.counts).size if net.counts else entries
        most = max(
            size * max(len(net.columns), net.object.shape[1]),
            parents * max(len(net.columns), net.parent.shape[1]),
            events * net.event.shape[1],
        )
        if most > MAX_JOINT_VALUES:
            raise Corrupt(f"a network has {most} values to look at, more than {MAX_JOINT_VALUES}")
        return task_of(self.model.axes, net, entries, column, {})

    def decode(
        self,
        contents: Contents,
        inputs: Task,
        size: int,
        decoded: Mapping[int, Array],
        map: Map = map,
    ) -> dict[int, Array]:
        """Return the learned columns; ``decoded`` has all others that are needed."""
        members, learned = self.group.columns, {}
        for j, (at, payload) in enumerate(zip(members, contents.payloads, strict=True)):
            column = self.schema.columns[at]
            with noting(f"in column {column.name!r}"):
                if codecs.is_learned(payload):
                    learned[j] = codecs.decode_learned(payload, column.dtype, size)
        given = np.array([j not in learned for j in range(len(members))])
        whole = replace(inputs, given=given)
        parts = parts_of(whole, len(contents.streams))
        units = {unit for j in range(len(members)) if (unit := self.unit(j)) is not None}

        def decode(number: int) -> tuple[Task, slice, dict[int, Array]]:
            part = parts[number]
            task, objects = begun(whole, part)
            known = {at: decoded[at][objects] for at in {*members, *units} & decoded.keys()}
            for j in np.flatnonzero(given).tolist():
                task.classes[j], task.numbers[j] = split(self.axis(j, known), known[members[j]])
            streams = [bytes(stream) for stream in contents.streams[part.lanes]]
            kernel.decode(self.model, self.net, task, streams, part.ends)
            return task, objects, known

        columns = {j: _Parts(payload.verbatim, size) for j, payload in learned.items()}
        order = [j for j in self.units_first() if j in learned]
        for task, objects, known in map(decode, range(len(parts))):
            for j in order:
                axis = self.axis(j, known)
                with noting(f"in column {axis.column!r}"):
                    columns[j].add(axis, task.classes[j], task.numbers[j], objects)
                    known[members[j]] = columns[j].values[objects]
        for j, made in columns.items():
            with noting(f"in column {self.schema.columns[members[j]].name!r}"):
                made.end()
        return {members[j]: made.values for j, made in columns.items()}


class _Parts:
    """A learned column, which is put together from parts."""

    def __init__(self, verbatim: Array, size: int) -> None:
        """Take the values of the column that are verbatim."""
        self.values = np.empty(size, verbatim.dtype)
        self._verbatim, self._used = verbatim, 0

    def add(self, axis: Axis, classes: Classes, numbers: Ints, objects: slice) -> None:
        """Fill in the values of some objects; all before them are there."""
        first = self._used
        self._used += int(np.count_nonzero(classes == axis.verbatim))
        verbatim = self._verbatim[first : self._used]
        join(axis, classes, numbers, verbatim, self.values[objects])

    def end(self) -> None:
        """Raise Corrupt if there are verbatim values that belong nowhere."""
        if self._used != self._verbatim.size:
            raise Corrupt(f"{self._used} values are verbatim, not {self._verbatim.size}")


def decode_group(
    joint: Callable[[], Joint],
    schema: Schema,
    recipe: Recipe,
    group: Group,
    order: Sequence[int],
    contents: Contents,
    entries: int,
    size: int,
    decoded: Mapping[int, Array],
    map: Map = map,
) -> dict[int, Array]:
    """Return the columns of a learned group of a chunk.

    ``order`` has them in an order in which those with ordinary payloads can be decoded, ``decoded``
    what they need of others. The network is asked for only where it coded something.
    """
    payloads = dict(zip(group.columns, contents.payloads, strict=True))
    known = dict(decoded)
    for at in order:
        if not codecs.is_learned(payloads[at]):
            with noting(f"in column {schema.columns[at].name!r}"):
                context = context_of(schema, recipe, at, known)
                known[at] = codecs.decode(payloads[at], schema.columns[at].dtype, size, context)
    if contents.streams:
        network = joint()
        inputs = network.inputs(entries, size, known)
        known.update(network.decode(contents, inputs, size, known, map))
    check_totals(schema, group, contents, known)
    return {at: known[at] for at in group.columns}


def counted(schema: Schema, group: Group) -> list[int]:
    """Return which columns of a group are counts of other columns."""
    names = {column.counts for column in schema.columns}
    return [at for at in group.columns if schema.columns[at].name in names]


def contents_of(
    schema: Schema, group: Group, columns: Mapping[int, Encoded], streams: Sequence[bytes]
) -> Contents:
    """Return the contents of the block of a group's columns."""
    totals = [total_of(columns[at].decoded) for at in counted(schema, group)]
    return Contents([columns[at].payload for at in group.columns], totals, streams)


def check_totals(
    schema: Schema, group: Group, contents: Contents, decoded: Mapping[int, Array]
) -> None:
    """Raise Corrupt if counts that were decoded sum to something else than the block says."""
    for at, total in zip(counted(schema, group), contents.totals, strict=True):
        with noting(f"in column {schema.columns[at].name!r}"):
            if total_of(decoded[at]) != total:
                raise Corrupt(f"the counts sum to {total_of(decoded[at])}, not to {total}")


def total_of(counts: Array) -> int:
    """Return the sum of counts; raises Corrupt if there are negative ones."""
    if not counts.size:
        return 0
    low, high = int(counts.min()), int(counts.max())
    if low < 0 or high * counts.size >= 1 << 63:
        raise Corrupt(f"counts are out of range: {low} to {high}")
    return int(counts.sum(dtype=np.int64))
