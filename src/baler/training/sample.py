"""The events that a model is trained on and those it is judged by."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from baler.core.chunk import Chunk, join_chunks, slice_chunk
from baler.core.schema import Schema
from baler.core.size import format_size
from baler.errors import UsageError, some
from baler.io import Source, open_source

HELD_OUT = 0.15
"""Part of the events of every source that a model is judged by."""
RUNS = 16
"""In which these lie, evenly spread: a source may change from its beginning to its end."""
LEAST_EVENTS = 200
LEAST_BYTES = 1 << 16
"""Of a chunk that is read."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Events of all sources, in memory."""

    schema: Schema
    trained: Chunk
    held_out: Chunk
    entries: int  # of all sources, in memory or not
    sources: tuple[str, ...]  # names without folders
    notes: tuple[str, ...]

    @classmethod
    def of(
        cls,
        schema: Schema,
        runs: Iterable[Chunk],
        entries: int,
        sources: tuple[str, ...] = (),
        notes: tuple[str, ...] = (),
        turns: int = RUNS,
    ) -> Sample:
        """Hold out events of each chunk, so many times in turn."""
        trained, held = zip(*_cut(schema, runs, turns), strict=True)
        return cls(schema, join_chunks(trained), join_chunks(held), entries, sources, notes)

    @property
    def part(self) -> float:
        """How much of the events of all sources is in memory."""
        return (self.trained.entries + self.held_out.entries) / max(self.entries, 1)


def sample_of(
    sources: Sequence[str | os.PathLike[str]],
    most_bytes: int,
    *,
    tree: str | None = None,
    skip_unreadable: bool = False,
    grid: bool = False,
) -> Sample:
    """Return events of all sources, of which at most ``most_bytes`` are kept in memory.

    Of a source that is larger than its share, runs of events are taken evenly spread over it.
    Of a ``grid`` any number of frames will do, and the last of each run are held out together.
    Raises UsageError if sources differ in their columns, or if they have or if there is room for
    too few events.
    """
    if not sources:
        raise UsageError("there is nothing to train on: no source is given")
    first: tuple[Schema, str] | None = None
    parts: list[Chunk] = []
    names: list[str] = []
    notes: list[str] = []
    entries = 0
    for path in sources:
        with open_source(path, tree=tree, skip_unreadable=skip_unreadable) as source:
            first = first or (source.schema, source.name)
            _check_same(*first, source.schema, source.name)
            names.append(PurePath(source.name).name)
            notes += [note for note in source.notes if note not in notes]
            parts += _spread(source, most_bytes // len(sources))
            entries += source.entries
    kept = sum(part.entries for part in parts)
    least = 1 if grid else LEAST_EVENTS
    if entries < least or first is None:
        raise UsageError(f"training needs at least {least} events, got {entries}")
    if kept < least:
        raise UsageError(
            f"training needs at least {least} events in memory; "
            f"{format_size(most_bytes)} hold {kept}"
        )
    if kept < entries:
        notes.append(f"{kept:,} of {entries:,} events were used, as many as the memory holds")
    turns = 1 if grid else RUNS
    return Sample.of(first[0], parts, entries, tuple(names), tuple(notes), turns)


def _spread(source: Source, share: int) -> list[Chunk]:
    """Return runs of events of a source; not all of them if they have more than ``share`` bytes."""
    kept: list[Chunk] = []
    every = 1
    for i, chunk in enumerate(source.chunks(max(LEAST_BYTES, share // 8))):
        if i % every == 0:
            kept.append(chunk)
        while len(kept) > 1 and sum(part.nbytes for part in kept) > share:
            kept, every = kept[::2], 2 * every
    if len(kept) == 1 and kept[0].nbytes > share:
        room = kept[0].entries * share // kept[0].nbytes
        return [slice_chunk(source.schema, kept[0], 0, room)]
    return [join_chunks(kept)] if every == 1 and kept else kept


def _cut(schema: Schema, parts: Iterable[Chunk], turns: int) -> Iterator[tuple[Chunk, Chunk]]:
    """Yield what is trained on and what is held out, by turns, of each chunk."""
    for part in parts:
        for run in range(turns):
            first, last = (part.entries * k // turns for k in (run, run + 1))
            cut = last - round(HELD_OUT * (last - first))
            yield slice_chunk(schema, part, first, cut), slice_chunk(schema, part, cut, last)


def _check_same(first: Schema, first_name: str, other: Schema, other_name: str) -> None:
    """Raise UsageError, with what differs, unless two schemas have the same columns."""
    ours, theirs = first.by_name, other.by_name
    faults = []
    if lacking := [repr(name) for name in ours if name not in theirs]:
        faults.append(f"lacks {some(lacking)}")
    if more := [repr(name) for name in theirs if name not in ours]:
        faults.append(f"has {some(more)} besides")
    both = [(ours[name], theirs[name]) for name in ours if name in theirs]
    if other_dtype := [
        f"{b.name!r} ({b.dtype}, not {a.dtype})" for a, b in both if a.dtype != b.dtype
    ]:
        faults.append(f"has other dtypes in {some(other_dtype)}")
    if other_length := [
        repr(b.name) for a, b in both if (a.counts, a.width) != (b.counts, b.width)
    ]:
        faults.append(f"has other lengths in {some(other_length)}")
    if faults:
        raise UsageError(
            f"{other_name} does not have the columns of {first_name}: it {'; it '.join(faults)}"
        )
