"""Writing Parquet files, with the Arrow types of the original where it was Parquet too."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from baler.core.chunk import Chunk
from baler.core.schema import Field, Schema
from baler.errors import UsageError
from baler.io.awkward import assemble
from baler.io.sink import FileSink


class ParquetSink(FileSink):
    """Writes a Parquet file, a row group per chunk."""

    def __init__(self, target: Path, schema: Schema, *, overwrite: bool) -> None:
        """Decide on the Arrow type of every field."""
        super().__init__(target, schema, overwrite=overwrite)
        if not schema.fields:
            raise UsageError(f"there are no fields to write to {str(target)!r}")
        columns = {column.name: np.empty(0, column.dtype) for column in schema.columns}
        original = _original(schema)
        self._fields = [
            original.field(field.name)
            if field.name in original.names
            else pa.field(field.name, _arrow(field, columns, 0).type)
            for field in schema.fields
        ]
        self._schema_arrow = pa.schema(self._fields, original.metadata)
        self._writer: Any = None

    def _open(self, path: Path) -> None:
        self._writer = pq.ParquetWriter(path, self._schema_arrow, compression="zstd")

    def _close(self, *, complete: bool) -> None:
        if self._writer is not None:
            self._writer.close()

    def write(self, chunk: Chunk) -> None:
        """Append the entries of a chunk."""
        arrays = [
            _as(_arrow(field, chunk.columns, chunk.entries), arrow.type)
            for field, arrow in zip(self._schema.fields, self._fields, strict=True)
        ]
        table = pa.Table.from_arrays(arrays, schema=self._schema_arrow)
        self._writer.write_table(table, chunk.entries)


def _original(schema: Schema) -> pa.Schema:
    """Return the Arrow schema of the source; empty if it was not a Parquet file."""
    stored = schema.source.get("arrow")
    if not isinstance(stored, str):
        return pa.schema([])
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(stored)))


def _arrow(field: Field, columns: Mapping[str, npt.NDArray[Any]], rows: int) -> pa.Array:
    return ak.to_arrow(
        assemble(field.node, columns, rows),
        list_to32=True,
        string_to32=True,
        bytestring_to32=True,
        extensionarray=False,
    )


def _as(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """Return an array in the Arrow type of the original, dates and times from their integers."""
    if pa.types.is_null(wanted):
        return pa.nulls(len(array))
    if pa.types.is_temporal(wanted):
        return array.view(wanted)
    return array if array.type == wanted else array.cast(wanted)
