"""What a column takes by itself."""

from __future__ import annotations

from collections.abc import Mapping

from baler.core.bounds import Bound
from baler.core.chunk import Array, Chunk
from baler.core.schema import Schema
from baler.physics.compressed import compressed
from baler.physics.events import Events


def column_alone(events: Events, name: str, bounds: Mapping[str, Bound]) -> tuple[Array, int]:
    """Return a column there and back, and its bytes, in a file of what it cannot do without.

    That is its counts, and the uncertainties that bound it.
    """
    schema = events.schema
    kept: set[str] = set()
    wanted: list[str | None] = [name]
    while wanted:
        at = wanted.pop()
        if at is not None and at not in kept:
            kept.add(at)
            wanted += [schema.by_name[at].counts, bounds[at].parent if at in bounds else None]
    columns = tuple(column for column in schema.columns if column.name in kept)
    chunk = Chunk(len(events), {one: events.chunk.columns[one] for one in kept})
    part = Events(events.name, Schema(columns, ()), chunk)
    found = compressed(part, {one: bound for one, bound in bounds.items() if one in kept})
    return found.events.chunk.columns[name], found.columns[name]
