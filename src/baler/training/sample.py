"""The events that a model is trained on and those it is judged by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from baler.core.chunk import Chunk, join_chunks, slice_chunk
from baler.core.schema import Schema
from baler.errors import UsageError
from baler.io import Source, open_source

HELD_OUT = 0.15
"""Part of the events of every source, its last ones, that a model is judged by."""
LEAST_EVENTS = 200


@dataclass(frozen=True, slots=True)
class Sample:
    """Events of all sources, in memory."""

    schema: Schema
    trained: Chunk
    held_out: Chunk
    sources: tuple[str, ...]


def sample_of(
    sources: Sequence[str | os.PathLike[str]],
    most_bytes: int,
    *,
    tree: str | None = None,
    skip_unreadable: bool = False,
) -> Sample:
    """Return events of all sources, of which at most ``most_bytes`` are kept in memory.

    Chunks are taken evenly spread over a source that is larger than its share. Raises UsageError
    if sources differ in their columns or have too few events.
    """
    share = most_bytes // max(len(sources), 1)
    schema: Schema | None = None
    trained: list[Chunk] = []
    held: list[Chunk] = []
    names: list[str] = []
    for path in sources:
        with open_source(path, tree=tree, skip_unreadable=skip_unreadable) as source:
            if schema is None:
                schema = source.schema
            _check_same(schema, source.schema, names[0] if names else "", source.name)
            names.append(source.name)
            for part in _spread(source, share):
                cut = part.entries - round(HELD_OUT * part.entries)
                trained.append(slice_chunk(schema, part, 0, cut))
                held.append(slice_chunk(schema, part, cut, part.entries))
    entries = sum(part.entries for part in (*trained, *held))
    if schema is None or entries < LEAST_EVENTS:
        raise UsageError(f"training needs at least {LEAST_EVENTS} events, got {entries}")
    return Sample(schema, join_chunks(trained), join_chunks(held), tuple(names))


def _spread(source: Source, share: int) -> list[Chunk]:
    """Return chunks of a source; every few of them if it is larger than ``share`` bytes."""
    kept: list[Chunk] = []
    every = 1
    for i, chunk in enumerate(source.chunks(max(1 << 20, share // 8))):
        if i % every == 0:
            kept.append(chunk)
        while len(kept) > 1 and sum(part.nbytes for part in kept) > share:
            kept, every = kept[::2], 2 * every
    return [join_chunks(kept)] if every == 1 and kept else kept


def _check_same(first: Schema, other: Schema, first_name: str, other_name: str) -> None:
    ours = {(c.name, c.dtype.str, c.counts) for c in first.columns}
    theirs = {(c.name, c.dtype.str, c.counts) for c in other.columns}
    if ours != theirs:
        odd = sorted(name for name, *_ in ours ^ theirs)
        shown = ", ".join(map(repr, odd[:5])) + (" and others" if len(odd) > 5 else "")
        raise UsageError(f"{first_name} and {other_name} differ in columns {shown}")
