"""The compressor that bounds are tuned for: a real ``.baler`` file, written and read again."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from baler.container import Reader, Writer
from baler.core.bounds import Bound
from baler.core.chunk import Array, Chunk, join_chunks
from baler.core.schema import Schema
from baler.physics.events import Events
from baler.planning import Policy, plan


@dataclass(frozen=True, slots=True, eq=False)
class Compressed:
    """Events there and back."""

    events: Events
    size: int  # bytes of the file
    columns: Mapping[str, int]  # bytes of each column


def compressed(events: Events, bounds: Mapping[str, Bound]) -> Compressed:
    """Write events, all in one chunk, and read them again; columns without a bound are exact."""
    schema = events.schema
    recipe = plan(schema, events.chunk, Policy.of_columns(bounds))
    with tempfile.TemporaryDirectory(prefix="baler-") as folder:
        path = Path(folder) / "events.baler"
        with Writer(path, schema, recipe) as writer:
            writer.write(events.chunk)
        with Reader(path) as reader:
            back = join_chunks([reader.read(n) for n in range(len(reader.chunks) - 1)])
        sizes = {name: found.stored_bytes for name, found in writer.statistics.items()}
        return Compressed(events.with_columns(back.columns), path.stat().st_size, sizes)


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
