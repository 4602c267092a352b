"""What a model will look like, from a sample: collections in order, keys, what columns read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from baler.core.bounds import Bound, Range
from baler.core.chunk import Array, Chunk
from baler.core.schema import List, Schema, columns_of
from baler.learned.axis import Axis, Feature, Ints
from baler.learned.inputs import parent_base
from baler.learned.network import Base, Source
from baler.learned.task import NO_BASE
from baler.planning.policy import Policy
from baler.quantise.lattice import Scaled
from baler.training.axes import axis_of, middle, standard_features
from baler.training.neighbours import Neighbours

LEADS = 2
"""Objects of earlier collections that an event's features are made of."""
MAX_EVENT_SOURCES = 96
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
        if axis is not None:
            axes.append(axis)
    axes = _without_copies(axes, chunk)
    axes = _with_sigmas(axes, policy.bounds(schema), schema)
    return Design(*_collections(axes, schema, chunk, wanted))


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
        mark = (axis.counts, values.tobytes())
        if mark not in seen:
            kept.append(axis)
        seen.add(mark)
    return kept


def _with_sigmas(axes: list[Axis], bounds: Sequence[Bound], schema: Schema) -> list[Axis]:
    """Return axes whose lattices of own steps know the axis of their uncertainties."""
    places = {axis.column: i for i, axis in enumerate(axes)}
    kept = [axis for axis in axes if not isinstance(axis.lattice, Scaled)]
    del places, bounds, schema
    return kept


def _collections(
    axes: list[Axis], schema: Schema, chunk: Chunk, wanted: set[str] | None
) -> tuple[tuple[Axis, ...], tuple[CollectionDesign, ...]]:
    groups: dict[str, list[int]] = {}
    for i, axis in enumerate(axes):
        groups.setdefault(axis.counts, []).append(i)
    sizes = {name: chunk.columns[axes[members[0]].column].size for name, members in groups.items()}
    keys = {name: _key(name, members, axes, chunk, sizes) for name, members in groups.items()}
    order = _order(groups, keys)
    designs: list[CollectionDesign] = []
    for at, name in enumerate(order):
        if sizes[name] < LEAST_OBJECTS:
            continue
        chosen = [i for i in groups[name] if wanted is None or axes[i].column in wanted]
        if not chosen:
            continue
        key = keys[name]
        members = _column_order(chosen, key[0] if key and key[0] in chosen else None, axes, chunk)
        key = key if key and key[0] in chosen else None
        parents = tuple(Source(i) for i in groups[key[1]]) if key else ()
        sources = _event_sources(name, order[:at], groups, axes, sizes)
        columns = []
        for i in members:
            plan, features = _placed(i, axes, chunk, key, groups)
            columns.append(plan)
            axes[i] = replace(axes[i], features=axes[i].features + features)
        designs.append(
            CollectionDesign(name, key[1] if key else "", tuple(columns), sources, parents)
        )
    return tuple(axes), tuple(designs)


def _key(
    name: str, members: Sequence[int], axes: Sequence[Axis], chunk: Chunk, sizes: Mapping[str, int]
) -> tuple[int, str] | None:
    """Return the column that points to objects of another collection, and that one's counts."""
    if not name:
        return None
    best: tuple[int, str] | None = None
    objects = {
        counts.removeprefix("n").lower(): counts for counts in sizes if counts not in ("", name)
    }
    for i in members:
        stem = axes[i].column.rpartition("_")[2].lower()
        target = objects.get(stem.removesuffix("idx")) if stem.endswith("idx") else None
        if target is None or axes[i].dtype.kind not in "iu":
            continue
        values = chunk.columns[axes[i].column].astype(np.int64)
        limits = np.repeat(chunk.columns[target].astype(np.int64), chunk.columns[name])
        inside = ((values >= 0) & (values < limits)).mean()
        valid = ((values >= -1) & (values < limits)).mean()
        if valid > 0.99 and inside > 0.3 and (best is None or sizes[target] > sizes[best[1]]):
            best = i, target
    return best


def _order(
    groups: Mapping[str, Sequence[int]], keys: Mapping[str, tuple[int, str] | None]
) -> list[str]:
    """Return the collections: events first, parents before their children, else as they come."""
    order = [""] if "" in groups else []
    left = [name for name in groups if name]
    while left:
        free = [n for n in left if (key := keys[n]) is None or key[1] not in left] or left[:1]
        order.append(free[0])
        left.remove(free[0])
    return order


def _column_order(
    members: Sequence[int], key: int | None, axes: Sequence[Axis], chunk: Chunk
) -> list[int]:
    """Return columns in the order of coding: the key, sorted ones, uncertainties before values."""
    names = {axes[i].column: i for i in members}

    def rank(i: int) -> tuple[int, int]:
        axis = axes[i]
        if i == key:
            return 0, i
        values = excerpt_sorted(chunk.columns[axis.column])
        if axis.counts and axis.numeric and values > 0.75:
            return 1, i
        if axis.column.endswith("Err") and axis.column.removesuffix("Err") in names:
            return 2 + 0, names[axis.column.removesuffix("Err")]
        return 2, i

    return sorted(members, key=lambda i: (*rank(i), not axes[i].column.endswith("Err"), i))


def excerpt_sorted(values: Array) -> float:
    """Return the fraction of neighbours in a column that do not rise."""
    part = values[: 1 << 16]
    return (
        float((part[1:] <= part[:-1]).mean()) if part.size > 1 and part.dtype.kind != "b" else 0.0
    )


def _event_sources(
    name: str,
    earlier: Sequence[str],
    groups: Mapping[str, Sequence[int]],
    axes: Sequence[Axis],
    sizes: Mapping[str, int],
) -> tuple[Source, ...]:
    if not name:
        return ()
    sources = [Source(i) for i in groups.get("", ()) if "" in earlier]
    for other in sorted((e for e in earlier if e), key=lambda e: -sizes[e]):
        for rank in range(LEADS):
            lead = [Source(i, rank) for i in groups[other][:6]]
            if len(sources) + len(lead) <= MAX_EVENT_SOURCES:
                sources += lead
    return tuple(sources)


def _placed(
    i: int,
    axes: Sequence[Axis],
    chunk: Chunk,
    key: tuple[int, str] | None,
    groups: Mapping[str, Sequence[int]],
) -> tuple[ColumnDesign, tuple[Feature, ...]]:
    """Return where a column is best placed from, and features of what is left then."""
    axis = axes[i]
    if not axis.numeric:
        return ColumnDesign(i, Base.CENTER, 0, 1.0), ()
    classes, numbers = axis.split(chunk.columns[axis.column])
    near = Neighbours.of(axes, axis.counts, key, chunk)
    on = (classes == axis.on_lattice) | (classes == axis.on_lattice + 1)
    candidates: list[tuple[float, Base, int, Ints]] = []

    def consider(base: Base, base_axis: int, bases: Ints, bonus: float) -> None:
        known = np.where(bases == NO_BASE, axis.center, bases)
        left = axis.wrap(numbers - known)[on]
        cost = float(
            np.log2(np.abs(left - (np.median(left) if base is Base.CENTER else 0)) + 1).mean()
        )
        candidates.append((cost + bonus, base, base_axis, left))

    consider(Base.CENTER, 0, np.full(numbers.size, axis.center), 0.0)
    consider(Base.PREVIOUS, 0, near.take(numbers, near.previous), 0.1)
    if key is not None and i != key[0]:
        consider(Base.PEER, 0, near.take(numbers, near.peer), 0.15)
        stem = axis.column.rpartition("_")[2]
        for k in groups[key[1]]:
            other = axes[k]
            if (
                other.column.rpartition("_")[2] == stem
                and other.dtype.kind == "f" == axis.dtype.kind
            ):
                from_parent = parent_base(axis, chunk.columns[other.column])
                consider(Base.PARENT, k, near.of_parent(from_parent), 0.15)
    _, base, base_axis, left = min(candidates, key=lambda c: c[0])
    _, spread = middle(left)
    features = () if base is Base.CENTER else standard_features(0, spread, relative=True)
    return ColumnDesign(i, base, base_axis, spread), features
