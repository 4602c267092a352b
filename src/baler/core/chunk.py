"""A run of consecutive entries: the unit of compression, of seeking and of parallelism."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.core.schema import Column, Schema
from baler.errors import Corrupt

Array = npt.NDArray[Any]

MAX_COLUMN_BYTES = 1 << 30
"""No column of one chunk may decode to more bytes; a reader refuses before it allocates."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The flat arrays of all columns for ``entries`` consecutive entries."""

    entries: int
    columns: Mapping[str, Array]

    @property
    def nbytes(self) -> int:
        """Bytes of all columns in their own dtypes."""
        return sum(array.nbytes for array in self.columns.values())


def column_size(column: Column, entries: int, counts: Array | None) -> int:
    """Return how many values a column has, given the values of its counts column (or None).

    Raises Corrupt if counts are negative or the column would exceed MAX_COLUMN_BYTES.
    """
    rows = entries
    if counts is not None:
        if counts.size and counts.dtype.kind == "i" and int(counts.min()) < 0:
            raise Corrupt(f"counts of column {column.name!r} are negative ({int(counts.min())})")
        limit = MAX_COLUMN_BYTES + 1
        largest = int(counts.max()) if counts.size else 0
        rows = limit if largest >= limit else int(counts.sum(dtype=np.int64))
    size = rows * column.width
    if size * column.dtype.itemsize > MAX_COLUMN_BYTES:
        raise Corrupt(
            f"column {column.name!r} of one chunk has more than {MAX_COLUMN_BYTES} bytes; "
            "write smaller chunks"
        )
    return size


def check_chunk(schema: Schema, chunk: Chunk) -> None:
    """Raise Corrupt unless every column of the schema is there with its dtype and length."""
    for column in schema.columns:
        array = chunk.columns.get(column.name)
        if array is None:
            raise Corrupt(f"chunk has no column {column.name!r}")
        counts = None if column.counts is None else chunk.columns[column.counts]
        expected = column_size(column, chunk.entries, counts)
        if array.ndim != 1 or array.dtype != column.dtype or array.size != expected:
            raise Corrupt(
                f"column {column.name!r} is {array.dtype} of shape {array.shape}, "
                f"expected {column.dtype} of shape ({expected},)"
            )


def slice_chunk(schema: Schema, chunk: Chunk, start: int, stop: int) -> Chunk:
    """Return the columns of a chunk for its entries from ``start`` to before ``stop``.

    The chunk may hold some columns of the schema only, but with the counts that they need.
    """
    rows: dict[str | None, tuple[int, int]] = {None: (start, stop)}
    columns: dict[str, Array] = {}
    for column in schema.columns:
        if column.name not in chunk.columns:
            continue
        values = chunk.columns[column.name]
        first, last = (row * column.width for row in rows[column.counts])
        columns[column.name] = values[first:last]
        if values.dtype.kind != "f":
            before = int(values[:first].sum(dtype=np.int64))
            rows[column.name] = before, before + int(values[first:last].sum(dtype=np.int64))
    return Chunk(stop - start, columns)


def choose_entries(schema: Schema, chunk: Chunk, keep: npt.NDArray[np.bool_]) -> Chunk:
    """Return the columns of a chunk for the entries that ``keep``, shape (entries,), is true for.

    The chunk may hold some columns of the schema only, but with the counts that they need.
    """
    counts = {column.counts for column in schema.columns}
    rows: dict[str | None, npt.NDArray[np.bool_]] = {None: keep}
    columns: dict[str, Array] = {}
    for column in schema.columns:
        if column.name not in chunk.columns:
            continue
        values = chunk.columns[column.name]
        chosen = np.repeat(rows[column.counts], column.width)
        columns[column.name] = values[chosen]
        if column.name in counts:
            rows[column.name] = np.repeat(chosen, values.astype(np.int64))
    return Chunk(int(keep.sum()), columns)


def join_chunks(chunks: Sequence[Chunk]) -> Chunk:
    """Return one chunk of the entries of several, one after the other; they have equal columns."""
    if len(chunks) == 1:
        return chunks[0]
    columns = {
        name: np.concatenate([chunk.columns[name] for chunk in chunks])
        for name in chunks[0].columns
    }
    return Chunk(sum(chunk.entries for chunk in chunks), columns)


def empty_chunk(schema: Schema) -> Chunk:
    """Return a chunk of no entries."""
    return Chunk(0, {column.name: np.empty(0, column.dtype) for column in schema.columns})
