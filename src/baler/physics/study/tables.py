"""The columns of a collection side by side: a row for each object."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from baler.core.chunk import Array
from baler.core.schema import Column, columns_of
from baler.errors import UsageError
from baler.physics.events import Events
from baler.physics.study.distances import Floats, Ints, Rows


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of common counts; ``counts`` is None for those of events."""

    counts: str | None
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """The name of the collection, as in NanoAOD: ``Jet`` for counts ``nJet``."""
        return "events" if self.counts is None else self.counts.removeprefix("n")

    def rows(self, events: Events) -> Rows:
        """Return the values of all columns, shape (objects, columns)."""
        values = [events.chunk.columns[column.name].astype(np.float64) for column in self.columns]
        return Rows(np.stack(values, axis=1), owner(events, self.counts))


def owner(events: Events, counts: str | None) -> Ints:
    """Return the event of each row of columns with these counts, shape (rows,)."""
    if counts is None:
        return np.arange(len(events))
    outer = owner(events, events.schema.by_name[counts].counts)
    return np.repeat(outer, events.chunk.columns[counts])


def rows_of(events: Events, column: Column) -> Rows:
    """Return the values of a column with their events."""
    values: Floats = events.chunk.columns[column.name].astype(np.float64)
    return Rows(values, np.repeat(owner(events, column.counts), column.width))


def floats_of(events: Events, fields: Iterable[str]) -> tuple[Column, ...]:
    """Return the floating-point columns of some fields, in the order of the schema."""
    nodes = {field.name: field.node for field in events.schema.fields}
    wanted = {name for field in fields if field in nodes for name in columns_of(nodes[field])}
    return tuple(c for c in events.schema.columns if c.name in wanted and c.is_float)


def table_of(events: Events, needs: Iterable[str], collection: str | None = None) -> Table:
    """Return the table of a collection; by default that of most of the columns in ``needs``.

    Weights, columns of counts and columns that do not vary are left out. Raises UsageError if there
    is no such collection.
    """
    groups: dict[str | None, list[Column]] = {}
    all_counts = {column.counts for column in events.schema.columns}
    for column in events.schema.columns:
        if column.width == 1 and column.name not in all_counts and column.name != "genWeight":
            groups.setdefault(column.counts, []).append(column)
    if collection is None:
        needed = {column.name for column in floats_of(events, needs)}
        counts = max(groups, key=lambda one: (
            sum(column.name in needed for column in groups[one]), len(groups[one])
        ))  # fmt: skip
    else:
        names = {Table(one, ()).name: one for one in groups}
        if collection not in names:
            raise UsageError(f"there is no collection {collection!r}; known: {', '.join(names)}")
        counts = names[collection]
    chosen = tuple(c for c in groups[counts] if _varies(events.chunk.columns[c.name]))
    return Table(counts, chosen)


def _varies(values: Array) -> bool:
    return bool(values.size) and bool(np.any(values != values[0]))


def first_events(event: Ints, events: int, rows: int) -> int:
    """Return how many of the first events have at most so many rows, at least one event."""
    if len(event) <= rows:
        return events
    return max(1, int(event[rows]))
