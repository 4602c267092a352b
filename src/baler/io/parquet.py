"""Reading Parquet files in runs of rows; their Arrow types are kept in the schema."""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import awkward as ak
import pyarrow as pa
import pyarrow.parquet as pq

from baler.core.chunk import Chunk
from baler.core.schema import Field, Fixed, List, Node, Option, Record, Schema
from baler.errors import SourceError, Unreadable
from baler.io.awkward import disassemble
from baler.io.describe import Describer
from baler.io.runs import SAMPLE, equal_runs
from baler.io.unreadable import left_out, reason, unreadable

BATCH = 65536
"""How many rows are read at once when looking for missing values."""


class ParquetSource:
    """A Parquet file that is open for reading."""

    def __init__(self, path: Path, *, skip_unreadable: bool) -> None:
        """Find out which columns there are, and in which of them values are missing."""
        try:
            self._file = pq.ParquetFile(path)
        except (pa.ArrowException, OSError) as error:
            raise SourceError(f"{path} cannot be opened as a Parquet file: {error}") from error
        self.name = path.name
        self.entries = int(self._file.metadata.num_rows)
        self.disk_bytes = path.stat().st_size
        self._forms, faults = _forms(self._file.schema_arrow)
        if faults and not skip_unreadable:
            raise Unreadable(unreadable(faults, self.name))
        self.notes = tuple(left_out(faults))
        self.schema = self._described()
        whole = self._whole()
        for field in self.schema.fields:
            self._forms[field.name] = _narrowed(self._forms[field.name], field.node, whole)
        self.schema = self._described()

    def __enter__(self) -> Self:
        """Return the source itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def chunks(self, target_bytes: int) -> Iterator[Chunk]:
        """Yield all entries in equal runs of about ``target_bytes`` of column data each."""
        if self.entries == 0:
            return
        sample = self._chunk(next(self._tables([3 * SAMPLE])))
        wanted = math.ceil(self.entries / sample.entries * sample.nbytes / max(target_bytes, 1))
        runs = equal_runs(self.entries, min(max(wanted, 1), self.entries))
        for table in self._tables([stop - start for start, stop in runs]):
            yield self._chunk(table)

    def _described(self) -> Schema:
        describer = Describer(self._forms)
        nodes = {name: describer.field(name, form) for name, form in self._forms.items()}
        arrow = base64.b64encode(self._file.schema_arrow.serialize()).decode()
        return Schema(
            describer.columns,
            tuple(Field(name, node) for name, node in nodes.items()),
            {"kind": "parquet", "arrow": arrow},
        )

    def _whole(self) -> set[str]:
        """Return the masks of all values that may be missing by their type but never are."""
        masks = {mask for field in self.schema.fields for mask in _masks(field.node)}
        for table in self._tables([BATCH] * math.ceil(self.entries / BATCH)):
            if not masks:
                break
            columns = self._chunk(table).columns
            masks = {mask for mask in masks if columns[mask].all()}
        return masks

    def _tables(self, lengths: list[int]) -> Iterator[pa.Table]:
        """Yield consecutive runs of rows of these lengths, the last one perhaps shorter."""
        size = min(max(lengths, default=1), BATCH)
        batches = self._file.iter_batches(batch_size=size, columns=list(self._forms))
        rest: list[pa.RecordBatch] = []
        have = 0
        for length in lengths:
            while have < length and (batch := next(batches, None)) is not None:
                rest.append(batch)
                have += batch.num_rows
            table = pa.Table.from_batches(rest)
            yield table.slice(0, length)
            table = table.slice(length)
            rest, have = table.to_batches(), table.num_rows

    def _chunk(self, table: pa.Table) -> Chunk:
        arrays = {
            name: ak.from_arrow(_stored(table.column(name).combine_chunks()), highlevel=False)
            for name in self._forms
        }
        fields = ((field, arrays[field.name]) for field in self.schema.fields)
        return Chunk(table.num_rows, disassemble(fields, self.schema.by_name))


def _forms(schema: pa.Schema) -> tuple[dict[str, ak.forms.Form], dict[str, str]]:
    """Return the types of all columns that can be read, and what is wrong with the others."""
    forms, faults = {}, {}
    for name, times in Counter(schema.names).items():
        if times > 1:
            faults[name] = f"{times} columns have this name"
    for field in schema:
        if field.name in faults:
            continue
        try:
            empty = _stored(pa.array([], field.type))
            stored = pa.schema([pa.field(field.name, empty.type, field.nullable)])
            form = ak.from_arrow_schema(stored).contents[0]
            Describer().field(field.name, form)
        except (
            SourceError,
            pa.ArrowException,
            ValueError,
            TypeError,
            NotImplementedError,
        ) as error:
            faults[f"{field.name} ({field.type})"] = reason(error)
        else:
            forms[field.name] = form
    return forms, faults


def _stored(array: pa.Array) -> pa.Array:
    """Return dates and times as the integers that they are stored as; all else as it is."""
    if not pa.types.is_temporal(array.type):
        return array
    return array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())


def _narrowed(form: ak.forms.Form, node: Node, whole: set[str]) -> ak.forms.Form:
    """Return the type without its options whose masks are in ``whole``."""
    match node:
        case Option(mask, content):
            inner = _narrowed(form.content, content, whole)
            return inner if mask in whole else form.copy(content=inner)
        case Record(members):
            pairs = zip(form.contents, members, strict=True)
            return form.copy(contents=[_narrowed(inner, of, whole) for inner, (_, of) in pairs])
        case List(_, content) | Fixed(_, content) if form.is_list:
            return form.copy(content=_narrowed(form.content, content, whole))
        case _:
            return form


def _masks(node: Node) -> Iterator[str]:
    match node:
        case Option(mask, content):
            yield mask
            yield from _masks(content)
        case Record(members):
            for _, content in members:
                yield from _masks(content)
        case List(_, content) | Fixed(_, content):
            yield from _masks(content)
        case _:
            pass
