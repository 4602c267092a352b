"""The events that candidates are trained on and judged by: the same for all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from baler.core.bounds import Bound, Range, scaled
from baler.core.chunk import Chunk, slice_chunk
from baler.core.schema import Fixed, Leaf, Schema, columns_of
from baler.errors import UsageError
from baler.io import file_name, first_entries, open_source
from baler.planning import Policy, matching

HELD_OUT = 0.15
"""Part of the events, the last ones, that nothing is trained on."""
OWN = "held out"
"""The name of the events of the first source that candidates are judged by."""
WHOLE = "trained on"
"""Their name if nothing is held out."""


@dataclass(frozen=True, slots=True)
class Events:
    """Events to train on, and sets of events to be judged by; bounds are resolved."""

    schema: Schema
    trained: Chunk
    sets: Mapping[str, Chunk]  # "held out", and the names of unseen files
    bounds: Mapping[str, Bound]  # of all columns
    name: str = ""  # of the source
    notes: tuple[str, ...] = ()

    def at(self, scale: float) -> dict[str, Bound]:
        """Return bounds so many times as wide."""
        return {name: scaled(bound, scale) for name, bound in self.bounds.items()}

    @property
    def lossy(self) -> bool:
        """Whether any column has a bound."""
        return any(bound.lossy for bound in self.bounds.values())

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an entry if all there is is one field on a grid, else nothing."""
        if len(self.schema.fields) != 1:
            return ()
        shape, node = [], self.schema.fields[0].node
        while isinstance(node, Fixed):
            shape.append(node.size)
            node = node.content
        return tuple(shape) if isinstance(node, Leaf) else ()


def events_of(
    source: str | os.PathLike[str],
    policy: Policy,
    *,
    unseen: Sequence[str | os.PathLike[str]] = (),
    columns: str = "*",
    tree: str | None = None,
    held_out: float = HELD_OUT,
    entries: int | None = None,
) -> Events:
    """Read events into memory, and keep the last part of the first source's for judging.

    ``columns`` has patterns, separated by commas; columns of counts come along. With ``held_out``
    0 candidates are judged by the events that they are trained on, and the set is named so.
    ``entries`` takes the first so many of each file. ``range`` bounds are resolved by what is
    trained on. Raises UsageError, SourceError, OSError.
    """
    if not 0 <= held_out < 1:
        raise UsageError(f"a part of the events is held out, from 0 to below 1, not {held_out:g}")
    whole = _read(source, columns, tree, entries, policy)
    schema, chunk = whole.schema, whole.chunk
    cut = chunk.entries - round(held_out * chunk.entries)
    if cut == 0 or (held_out and cut == chunk.entries):
        raise UsageError(
            f"{whole.name} has too few events ({chunk.entries}) to hold some of them out"
        )
    trained = slice_chunk(schema, chunk, 0, cut)
    last = slice_chunk(schema, chunk, cut, chunk.entries) if held_out else chunk
    sets = {OWN if held_out else WHOLE: last}
    notes = dict.fromkeys(whole.notes)
    for path in unseen:
        other = _read(path, columns, tree, entries, Policy())
        if other.schema.columns != schema.columns:
            raise UsageError(f"{other.name} does not have the columns of {whole.name}")
        if other.name in sets:
            raise UsageError(f"two sets of events are named {other.name!r}")
        sets[other.name] = other.chunk
        notes |= dict.fromkeys(other.notes)
    bounds = {
        name: bound.resolve(trained.columns[name]) if isinstance(bound, Range) else bound
        for name, bound in whole.bounds.items()
    }
    return Events(schema, trained, sets, bounds, whole.name, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Read:
    """The chosen columns of a file, and their bounds."""

    name: str
    schema: Schema
    chunk: Chunk
    bounds: Mapping[str, Bound]
    notes: tuple[str, ...]


def _read(
    path: str | os.PathLike[str],
    columns: str,
    tree: str | None,
    entries: int | None,
    policy: Policy,
) -> _Read:
    with open_source(path, tree=tree, skip_unreadable=True) as source:
        whole = {column.name for column in source.schema.columns}
        asked = zip(source.schema.columns, policy.bounds(source.schema), strict=True)
        of = {column.name: bound for column, bound in asked}  # patterns may be of any column
        schema = chosen(source.schema, columns)
        names = [column.name for column in schema.columns]
        for name in names:
            if of[name].parent in whole - set(names):
                needed = of[name].parent
                raise UsageError(f"the bound {str(of[name])!r} of {name!r} needs {needed!r}")
        return _Read(
            file_name(source),
            schema,
            first_entries(source, schema, entries),
            {name: of[name] for name in names},
            tuple(source.notes),
        )


def chosen(schema: Schema, columns: str) -> Schema:
    """Return the fields whose columns match one of some patterns, and their counts.

    Raises UnknownColumn for a pattern that matches nothing.
    """
    wanted = matching([column.name for column in schema.columns], columns)
    fields = [field for field in schema.fields if wanted & _contents(field.name, schema)]
    kept = {name for field in fields for name in columns_of(field.node)}
    fields = [
        field
        for field in schema.fields
        if field in fields or (isinstance(field.node, Leaf) and field.node.column in kept)
    ]
    return Schema(
        tuple(column for column in schema.columns if column.name in kept),
        tuple(fields),
        schema.source,
    )


def _contents(field: str, schema: Schema) -> set[str]:
    """Return the columns that a field shows, without the counts that others share."""
    node = next(item.node for item in schema.fields if item.name == field)
    found = list(columns_of(node))
    counts = {schema.by_name[name].counts for name in found}
    return {name for name in found if name not in counts} or set(found)
