"""The first entries of a source, in memory."""

from __future__ import annotations

from pathlib import PurePath

from baler.core.chunk import Chunk, empty_chunk, join_chunks, slice_chunk
from baler.core.schema import Schema
from baler.io.base import Source

AT_ONCE = 64_000_000
"""Bytes of column data that are read at once."""


def first_entries(source: Source, schema: Schema, entries: int | None) -> Chunk:
    """Return the first ``entries`` of a source, or all, with the columns of a part of its schema.

    Raises SourceError, OSError.
    """
    left = source.entries if entries is None else min(entries, source.entries)
    chunks: list[Chunk] = []
    for chunk in source.chunks(AT_ONCE) if left else ():
        columns = {column.name: chunk.columns[column.name] for column in schema.columns}
        part = Chunk(chunk.entries, columns)
        chunks.append(slice_chunk(schema, part, 0, min(left, part.entries)))
        left -= chunks[-1].entries
        if not left:
            break
    return join_chunks(chunks or [empty_chunk(schema)])


def file_name(source: Source) -> str:
    """Return the name of the file of a source, without its folder and its tree."""
    name = source.name.rpartition(":")[0] if ".root:" in source.name else source.name
    return PurePath(name).name
