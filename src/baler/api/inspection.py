"""Where the bytes of a ``.baler`` file go."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import Any

from baler.container import Reader
from baler.core.chunk import column_size


@dataclass(frozen=True, slots=True)
class InspectedColumn:
    """One column: what was promised, how it is coded, what it takes."""

    name: str
    dtype: str
    bound: str
    codec: str  # the most frequent one of all chunks
    values: int
    raw_bytes: int
    bytes: int

    @property
    def bits_per_value(self) -> float:
        """Bits in the file for each value; 0 if there are no values."""
        return 8 * self.bytes / self.values if self.values else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {**asdict(self), "bits_per_value": self.bits_per_value}


@dataclass(frozen=True, slots=True)
class Inspection:
    """The sizes of a file and its columns."""

    file_bytes: int
    raw_bytes: int
    entries: int
    chunks: int
    index_bytes: int  # what is not columns: names, titles, checksums
    source: dict[str, Any]
    columns: tuple[InspectedColumn, ...]

    @property
    def ratio(self) -> float:
        """Bytes of column data over bytes of the file."""
        return self.raw_bytes / self.file_bytes

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        columns = [column.to_json() for column in self.columns]
        return {**asdict(self), "ratio": self.ratio, "columns": columns}


def inspect(path: str | os.PathLike[str]) -> Inspection:
    """Return the sizes of a file and of its columns; values are not decoded, but for counts.

    Raises a FormatError if the file is damaged.
    """
    with Reader(path) as reader:
        values = _values(reader)
        stored = reader.column_bytes()
        columns = tuple(
            InspectedColumn(
                name=column.name,
                dtype=column.dtype.name,
                bound=str(plan.bound),
                codec=max(stored[column.name].codecs.items(), key=lambda c: c[1], default=("", 0))[
                    0
                ],
                values=values[column.name],
                raw_bytes=values[column.name] * column.dtype.itemsize,
                bytes=stored[column.name].stored,
            )
            for column, plan in zip(reader.schema.columns, reader.recipe.columns, strict=True)
        )
        return Inspection(
            file_bytes=reader.size,
            raw_bytes=sum(column.raw_bytes for column in columns),
            entries=reader.entries,
            chunks=len(reader.chunks) - 1,
            index_bytes=reader.size - sum(column.bytes for column in columns),
            source=dict(reader.schema.source),
            columns=columns,
        )


def _values(reader: Reader) -> dict[str, int]:
    """Return how many values each column has."""
    schema = reader.schema
    counts = list(dict.fromkeys(c.counts for c in schema.columns if c.counts is not None))
    values = dict.fromkeys(schema.position, 0)
    for number in range(len(reader.chunks) - 1):
        chunk = reader.read(number, counts)
        for column in schema.columns:
            above = None if column.counts is None else chunk.columns[column.counts]
            values[column.name] += column_size(column, chunk.entries, above)
    return values
