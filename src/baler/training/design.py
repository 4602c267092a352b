"""What a model will look like, from a sample: collections in order, keys, what columns read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from baler.core.bounds import Range
from baler.core.chunk import Array, Chunk, slice_chunk
from baler.core.schema import List, Schema, columns_of
from baler.learned.axis import Axis, Ints
from baler.learned.checks import MAX_WEIGHT, MAX_WEIGHTS, UNIT_LIMIT
from baler.learned.derived import (
    EVERY,
    NOT_ZERO,
    Derivations,
    Derived,
)
from baler.learned.inputs import counts_of, parent_base
from baler.learned.network import Base, ObjectSource, Source
from baler.learned.task import NO_BASE
from baler.planning.policy import Policy
from baler.quantise.lattice import Scaled
from baler.training.axes import axis_of, middle, standard_features
from baler.training.neighbours import Neighbours

LEADS = 2
"""Objects of earlier collections that an event's features are made of."""
MAX_EVENT_SOURCES = 16
PLANNED_BYTES = 8_000_000
"""Column data that keys, bases and derived quantities are looked for in."""
SLOTS = 6
"""Parents whose tallies are told before the key."""
SELECTIVE = (
    Derived.COUNT,
    Derived.FRACTION,
    Derived.CHARGE,
    Derived.FIRST,
    Derived.SECOND,
    Derived.THIRD,
)
"""Quantities that need a selector."""
MAX_UNIT = (UNIT_LIMIT - 1) / 64
"""Of location, in numbers."""
LEAST_OBJECTS = 500
"""A collection with fewer objects in the sample gets no network."""


@dataclass(frozen=True, slots=True)
class ColumnDesign:
    """Where the tables of one column are placed from."""

    axis: int
    base: Base
    base_axis: int
    unit: float  # numbers; spread around the base


@dataclass(frozen=True, slots=True)
class CollectionDesign:
    """The columns of a collection in the order of coding, and what their network reads."""

    counts: str
    key: str
    columns: tuple[ColumnDesign, ...]
    event_sources: tuple[Source, ...]
    parent_sources: tuple[Source, ...]
    object_sources: tuple[ObjectSource, ...]
    weight: int  # position of the column that tallies sum; -1 for none
    weights: tuple[int, int, float]  # first number, count and unit of its weights
    slots: int


@dataclass(frozen=True, slots=True)
class Design:
    """Axes and collections of a model to be trained."""

    axes: tuple[Axis, ...]
    collections: tuple[CollectionDesign, ...]


def design(schema: Schema, chunk: Chunk, policy: Policy, wanted: set[str] | None = None) -> Design:
    """Return the design of a model for data like the sample; ``wanted`` limits the columns coded.

    Raises what `Policy.bounds` raises.
    """
    axes: list[Axis] = []
    text = _text_columns(schema)
    for column, bound in zip(schema.columns, policy.bounds(schema), strict=True):
        values = chunk.columns[column.name]
        plain = column.width == 1 and column.name not in text and values.size
        if not plain or (column.counts and schema.by_name[column.counts].counts is not None):
            continue
        if isinstance(bound, Range):
            bound = bound.resolve(values)
        axis = axis_of(column, values, bound)
        if axis is not None and not isinstance(axis.lattice, Scaled):
            axes.append(axis)
    axes = _without_copies(axes, chunk)
    share = min(1.0, PLANNED_BYTES / max(chunk.nbytes, 1))
    few = slice_chunk(schema, chunk, 0, max(1, int(share * chunk.entries)))
    return _Planner(axes, as_decoded(axes, few), wanted, chunk.entries / few.entries).design()


def as_decoded(axes: Sequence[Axis], chunk: Chunk) -> Chunk:
    """Return a chunk with the values that a reader of a file would get."""
    columns = dict(chunk.columns)
    for axis in axes:
        values = columns[axis.column]
        classes, numbers = axis.split(values)
        columns[axis.column] = axis.join(classes, numbers, values[classes == axis.verbatim])
    return Chunk(chunk.entries, columns)


def _text_columns(schema: Schema) -> set[str]:
    """Return the columns that hold the bytes of strings."""
    found: set[str] = set()
    stack = [field.node for field in schema.fields]
    while stack:
        node = stack.pop()
        if isinstance(node, List) and node.kind != "list":
            found |= set(columns_of(node.content))
        for part in ("content", "fields"):
            inner = getattr(node, part, ())
            stack += [n for _, n in inner] if part == "fields" else [inner] if inner else []
    return found


def _without_copies(axes: Sequence[Axis], chunk: Chunk) -> list[Axis]:
    """Return axes but for those of columns that equal an earlier one."""
    seen: set[tuple[str, bytes]] = set()
    kept: list[Axis] = []
    for axis in axes:
        values = chunk.columns[axis.column]
        mark = (axis.counts, hashlib.sha256(values.tobytes()).digest())
        if mark not in seen:
            kept.append(axis)
        seen.add(mark)
    return kept


class _Planner:
    """Finds out, collection by collection, what is worth knowing."""

    def __init__(
        self, axes: list[Axis], chunk: Chunk, wanted: set[str] | None, times: float
    ) -> None:
        """Sort columns into collections and see which point to which.

        ``times`` is how much more than the chunk there is to train on.
        """
        self.axes, self.chunk, self.wanted, self.times = axes, chunk, wanted, times
        self.groups: dict[str, list[int]] = {}
        for i, axis in enumerate(axes):
            self.groups.setdefault(axis.counts, []).append(i)
        self.sizes = {name: self.values(members[0]).size for name, members in self.groups.items()}
        self.keys = {name: self.key(name) for name in self.groups}
        self.order = self.ordered()

    def values(self, i: int) -> Array:
        """Return the sample of a column."""
        return self.chunk.columns[self.axes[i].column]

    def stem(self, i: int) -> str:
        """Return the last part of a column's name."""
        return self.axes[i].column.rpartition("_")[2]

    def counts(self, name: str) -> Ints:
        """Return the objects in each event."""
        return counts_of(name, self.chunk.entries, lambda n: self.chunk.columns[n])

    def design(self) -> Design:
        """Return the design of all collections that are large enough."""
        found = []
        for at, name in enumerate(self.order):
            chosen = [
                i for i in self.groups[name]
                if self.wanted is None or self.axes[i].column in self.wanted
            ]  # fmt: skip
            if chosen and self.times * self.sizes[name] >= LEAST_OBJECTS:
                found.append(self.collection(name, chosen, set(self.order[:at])))
        return Design(tuple(self.axes), tuple(found))

    def collection(self, name: str, chosen: Sequence[int], earlier: set[str]) -> CollectionDesign:
        """Return the design of one collection, of which these columns are coded."""
        key = self.keys[name]
        if key is not None and key[0] not in chosen:
            key = None
        parents: list[int] = []
        if key is not None and key[1] in earlier:
            parents = self.groups[key[1]]
        elif key is not None and self.constituents(key[1]) != name:
            key = None
        members = self.column_order(chosen, key[0] if key else None)
        near = Neighbours.of(self.axes, name, key, self.chunk)
        heavy = self.weight(members) if key and not parents else -1
        derived = self.derived(name, members, earlier)
        weights = None
        scale = (0, 0, 0.0)
        if heavy >= 0:
            scale = self.weights(members[heavy])
            weights = np.clip(np.rint(self.values(members[heavy]) / scale[2]), 1, MAX_WEIGHT)
            weights = weights.astype(np.int64)
        columns = []
        for place, i in enumerate(members):
            columns.append(self.placed(i, place, near, parents, derived, weights))
        used = [source for source in derived if source.axis in members]
        position = {source: k for k, source in enumerate(used)}
        columns = [
            replace(c, base_axis=position[derived[c.base_axis]]) if c.base is Base.OBJECT else c
            for c in columns
        ]
        return CollectionDesign(
            counts=name,
            key=key[1] if key else "",
            columns=tuple(columns),
            event_sources=tuple(self.event_sources(name, members, earlier)),
            parent_sources=tuple(Source(i) for i in parents),
            object_sources=tuple(used),
            weight=heavy,
            weights=scale,
            slots=SLOTS if heavy >= 0 else 0,
        )

    def key(self, name: str) -> tuple[int, str] | None:
        """Return the column that points to objects of another collection, and that one's counts."""
        if not name:
            return None
        best: tuple[int, str] | None = None
        others = {
            counts.removeprefix("n").lower(): counts
            for counts in self.groups
            if counts not in ("", name)
        }
        for i in self.groups[name]:
            stem = self.stem(i).lower()
            target = others.get(stem.removesuffix("idx")) if stem.endswith("idx") else None
            if target is None or self.axes[i].dtype.kind not in "iu":
                continue
            index = self.values(i).astype(np.int64)
            limits = np.repeat(self.counts(target), self.counts(name))
            inside = float(((index >= 0) & (index < limits)).mean())
            valid = float(((index >= -1) & (index < limits)).mean())
            larger = best is None or self.sizes[target] > self.sizes[best[1]]
            if valid > 0.99 and inside > 0.3 and larger:
                best = i, target
        return best

    def constituents(self, name: str) -> str | None:
        """Return the collection that objects of this one are made of, by its counts."""
        for child, key in self.keys.items():
            if key is None or key[1] != name or self.sizes[child] < 3 * self.sizes[name]:
                continue
            if {"pt", "eta", "phi"} <= {self.stem(i) for i in self.groups[child]}:
                return child
        return None

    def ordered(self) -> list[str]:
        """Return collections in the order of coding.

        Events come first. What objects are made of comes before them, and objects that are made
        of others before those that they point to. Else parents come before their children.
        """
        after: dict[str, set[str]] = {name: set() for name in self.groups}
        for child, key in self.keys.items():
            if key is None:
                continue
            if self.constituents(key[1]) == child or self.constituents(child) is not None:
                after[key[1]].add(child)
            else:
                after[child].add(key[1])
        order = [""] if "" in self.groups else []
        left = [name for name in self.groups if name]
        while left:
            free = [name for name in left if not after[name] & set(left)] or left[:1]
            order.append(free[0])
            left.remove(free[0])
        return order

    def column_order(self, members: Sequence[int], key: int | None) -> list[int]:
        """Return columns in the order of coding: key, sorted ones, uncertainties before values."""
        names = {self.axes[i].column: i for i in members}

        def rank(i: int) -> tuple[int, int, bool]:
            name = self.axes[i].column
            if i == key:
                return 0, i, False
            if self.axes[i].counts and self.axes[i].numeric and falling(self.values(i)) > 0.75:
                return 1, i, False
            return 2, names.get(name.removesuffix("Err"), i), not name.endswith("Err")

        return sorted(members, key=rank)

    def weight(self, members: Sequence[int]) -> int:
        """Return the position of the column by which objects weigh in their parent; -1 if none."""
        for place, i in enumerate(members):
            axis = self.axes[i]
            plain = axis.numeric and not axis.signed and not axis.period
            if self.stem(i).lower() in ("pt", "energy", "e") and place and plain:
                return place
        return -1

    def weights(self, i: int) -> tuple[int, int, float]:
        """Return the first number of a column's weights, how many there are, and their unit."""
        axis, values = self.axes[i], self.values(i)
        classes, numbers = axis.split(values)
        on = classes == axis.on_lattice
        low, high = int(np.quantile(numbers[on], 0.001)), int(numbers[on].max())
        count = min(high - low + 1 + (high - low) // 8, MAX_WEIGHTS)
        largest = float(values[on].max())
        unit = max(float(np.quantile(values[on], 0.001)) / 32, largest / MAX_WEIGHT, 1e-30)
        return low, count, unit

    def event_sources(self, name: str, members: Sequence[int], earlier: set[str]) -> list[Source]:
        """Return what is best known of events: columns of their own, and leading objects."""
        if not name:
            return []
        counts = self.counts(name)
        filled = counts > 0
        event = np.repeat(np.arange(counts.size), counts)
        means = []
        for i in members:
            level = self.level(i)
            total = np.bincount(event, level, counts.size)[filled] / counts[filled]
            means.append(ranks(total))
        told = []
        for other in sorted(earlier):
            per_event = self.counts(other) if other else np.ones(self.chunk.entries, np.int64)
            first = np.cumsum(per_event) - per_event
            for rank in range(LEADS if other else 1):
                there = filled & (per_event > rank)
                if there[filled].mean() < 0.2:
                    continue
                for i in self.groups[other]:
                    values = np.zeros(counts.size)
                    values[there] = self.level(i)[first[there] + rank]
                    known = ranks(values[filled])
                    told.append((max(abs(float((known * m).mean())) for m in means), i, rank))
        told.sort(key=lambda t: (-t[0], t[1:]))
        return [Source(i, rank) for _, i, rank in told[:MAX_EVENT_SOURCES]]

    def level(self, i: int) -> npt.NDArray[np.float64]:
        """Return the numbers of a column, in which all atoms stand apart."""
        classes, numbers = self.axes[i].split(self.values(i))
        if not self.axes[i].numeric:
            return classes.astype(np.float64)
        return numbers.astype(np.float64)

    def derived(self, name: str, members: Sequence[int], earlier: set[str]) -> list[ObjectSource]:
        """Return the quantity of other collections, if any, that each column follows from best."""
        if not name:
            return []
        derivations = Derivations(self.axes, self.counts(name), lambda n: self.chunk.columns[n])
        best: dict[int, tuple[float, ObjectSource]] = {}
        targets = [i for i in members if self.axes[i].numeric]
        for kind, inputs, constant, only in self.candidates(name, earlier):
            values = derivations.values(ObjectSource(kind, 0, inputs, constant))
            for i in targets:
                if only is not None and self.stem(i) != only:
                    continue
                axis = self.bare(i) if self.axes[i].dtype.kind != "f" else self.axes[i]
                cost = placing_cost(axis, self.values(i), parent_base(axis, values))
                if i not in best or cost < best[i][0]:
                    best[i] = cost, ObjectSource(kind, i, inputs, constant)
        found = []
        for i, (cost, source) in best.items():
            axis = self.axes[i]
            plain = np.full(self.values(i).size, axis.center)
            if cost < placing_cost(axis, self.values(i), plain) - 1:
                found.append(source)
                if axis.dtype.kind != "f":
                    self.axes[i] = self.bare(i)
        return found

    def bare(self, i: int) -> Axis:
        """Return the axis of a column of integers without atoms, which would hide its numbers."""
        return replace(self.axes[i], atoms=())

    def candidates(
        self, name: str, earlier: set[str]
    ) -> Iterator[tuple[Derived, tuple[int, ...], int, str | None]]:
        """Yield quantities that objects may have: kind, inputs, constant, and for which stem."""
        child = self.constituents(name)
        if child in earlier and (child_key := self.keys[child or ""]) is not None:
            stems = {self.stem(i): i for i in self.groups[child or ""]}
            four = [child_key[0], *(stems[x] for x in ("pt", "eta", "phi"))]
            four.append(stems.get("mass", four[-1]))
            first = (*four, four[0])
            for kind in Derived:
                if kind < Derived.POINTING and kind not in SELECTIVE:
                    yield kind, first, EVERY, None
            yield Derived.COUNT, first, EVERY, None
            for i in self.groups[child or ""]:
                classes = np.unique(np.abs(self.values(i)[:4096].astype(np.float64)))
                if self.axes[i].dtype.kind not in "iu" or classes.size > 16 or i == four[0]:
                    continue
                selected = (*four, i)
                yield Derived.CHARGE, selected, EVERY, None
                for kind in (Derived.COUNT, Derived.FIRST, Derived.SECOND, Derived.THIRD):
                    yield kind, selected, NOT_ZERO, None
                for c in classes[classes > 0]:
                    yield Derived.FRACTION, selected, int(c), None
                    yield Derived.COUNT, selected, int(c), None
        for other in sorted(earlier):
            key = self.keys[other]
            if key is not None and key[1] == name and other != child:
                for i in self.groups[other]:
                    if self.axes[i].dtype.kind == "f":
                        yield Derived.POINTING, (key[0], i), EVERY, self.stem(i)

    def placed(
        self,
        i: int,
        place: int,
        near: Neighbours,
        parents: Sequence[int],
        derived: Sequence[ObjectSource],
        weights: Ints | None,
    ) -> ColumnDesign:
        """Return where a column is best placed from; its axis gets features of what is left."""
        axis, values = self.axes[i], self.values(i)
        if not axis.numeric:
            return ColumnDesign(i, Base.CENTER, 0, 1.0)
        _, numbers = axis.split(values)
        options: list[tuple[float, Base, int, Ints]] = []

        def consider(base: Base, base_axis: int, bases: Ints, bonus: float) -> None:
            cost = placing_cost(axis, values, bases) + bonus
            options.append((cost, base, base_axis, bases))

        consider(Base.CENTER, 0, np.full(numbers.size, axis.center), 0.0)
        consider(Base.PREVIOUS, 0, near.take(numbers, near.previous), 0.1)
        if place and near.has_peers:
            consider(Base.PEER, 0, near.take(numbers, near.peer), 0.15)
            if weights is not None:
                consider(Base.CENTROID, 0, near.centroid(axis, numbers, weights), 0.15)
        for k in parents:
            same = self.stem(k) == self.stem(i) and self.axes[k].dtype.kind == "f"
            if place and same and axis.dtype.kind == "f":
                consider(Base.PARENT, k, near.of_parent(parent_base(axis, self.values(k))), 0.15)
        for k, source in enumerate(derived):
            if source.axis == i:
                values_of = Derivations(
                    self.axes, self.counts(axis.counts), lambda n: self.chunk.columns[n]
                ).values(source)
                consider(Base.OBJECT, k, parent_base(axis, values_of), 0.0)
        _, base, base_axis, bases = min(options, key=lambda option: option[0])
        _, spread = middle(residuals(axis, values, bases))
        if base is not Base.CENTER:
            features = axis.features + standard_features(0, spread, relative=True)
            self.axes[i] = replace(axis, features=features)
        return ColumnDesign(i, base, base_axis, min(spread, MAX_UNIT))


def ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return values by their order, with mean 0 and variance 1: for rank correlations."""
    order = np.unique(values, return_inverse=True)[1].astype(np.float64)
    return np.asarray((order - order.mean()) / max(float(order.std()), 1e-9))


def residuals(axis: Axis, values: Array, bases: Ints) -> Ints:
    """Return numbers on the lattice less their bases."""
    classes, numbers = axis.split(values)
    on = (classes == axis.on_lattice) | (classes == axis.on_lattice + 1)
    return np.asarray(axis.wrap(numbers - np.where(bases == NO_BASE, axis.center, bases))[on])


def placing_cost(axis: Axis, values: Array, bases: Ints) -> float:
    """Return about how many bits a number takes when it is placed from a base."""
    left = residuals(axis, values, bases)
    if not left.size:
        return 0.0
    return float(np.log2(np.abs(left - np.median(left)) + 1.0).mean())


def falling(values: Array) -> float:
    """Return the fraction of neighbours in a column that do not rise."""
    part = values[: 1 << 16]
    if part.size < 2 or part.dtype.kind == "b":
        return 0.0
    return float((part[1:] <= part[:-1]).mean())
