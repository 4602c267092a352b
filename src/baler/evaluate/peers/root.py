"""Whole ROOT files: trees and RNTuples as uproot writes them, with values rounded or exact."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import awkward as ak
import uproot

from baler.core.bounds import Bound
from baler.core.chunk import Array, Chunk
from baler.core.schema import Field, Fixed, Leaf, List, Node, Schema
from baler.errors import SourceError
from baler.evaluate.peers.base import FilePeer, Kind, in_order
from baler.evaluate.peers.mantissa import round_to_bound
from baler.io.awkward import assemble, disassemble

_NAME = "Events"


@dataclass(frozen=True, slots=True)
class RootPeer(FilePeer):
    """A ROOT file, one basket or cluster per chunk.

    Fields whose lists have common counts share their lengths in the file too. uproot stores the
    numbers of an RNTuple unsplit; split by bytes, as ROOT stores them, they are the column peer
    "mantissa + split + zstd-5".
    """

    form: Literal["TTree", "RNTuple"]
    algorithm: Literal["zstd", "lzma"]
    level: int
    rounded: bool

    @property
    def kind(self) -> Kind:
        """Bounded if values are rounded."""
        return "bounded" if self.rounded else "exact"

    @property
    def packages(self) -> tuple[str, ...]:
        """The writer."""
        return ("uproot",)

    def write(
        self, path: Path, schema: Schema, chunks: Sequence[Chunk], bounds: Mapping[str, Bound]
    ) -> None:
        """Write a file; raises SourceError for fields that a tree cannot hold."""
        compression = {"zstd": uproot.ZSTD, "lzma": uproot.LZMA}[self.algorithm](self.level)
        with uproot.recreate(path, compression=compression) as file:
            writer: Any = None
            for chunk in chunks:
                columns = _rounded(schema, chunk, bounds) if self.rounded else chunk.columns
                arrays = {
                    field.name: assemble(field.node, columns, chunk.entries)
                    for field in schema.fields
                }
                if self.form == "RNTuple":
                    arrays = _collections(schema, arrays)
                if writer is None:
                    types = {name: array.type.content for name, array in arrays.items()}
                    if self.form == "RNTuple":
                        writer = file.mkrntuple(_NAME, types)
                    else:
                        writer = file.mktree(_NAME, types, counter_name=_counters(schema).get)
                writer.extend(arrays)

    def read(self, path: Path, schema: Schema) -> Iterator[tuple[str, Array]]:
        """Yield each column that a field refers to."""
        zipped = _zipped(schema) if self.form == "RNTuple" else {}
        with uproot.open(path) as file:
            events = file[_NAME]
            done: set[str] = set()
            for fields in (*zipped.values(), *([field] for field in _alone(schema, zipped))):
                first = fields[0].node
                if isinstance(first, List) and first.counts in zipped:
                    collection = events[first.counts].array()
                    arrays = [(field, collection[field.name]) for field in fields]
                else:
                    arrays = [(field, events[field.name].array()) for field in fields]
                columns = disassemble(arrays, schema.by_name)
                yield from ((n, columns[n]) for n in columns.keys() - done)
                done |= columns.keys()


def _rounded(schema: Schema, chunk: Chunk, bounds: Mapping[str, Bound]) -> dict[str, Array]:
    columns: dict[str, Array] = {}
    for column in in_order(schema, bounds):
        values, bound = chunk.columns[column.name], bounds.get(column.name)
        if bound is not None and bound.lossy and column.is_float and values.size:
            sigma = None if bound.parent is None else columns[bound.parent]
            values = round_to_bound(values, bound, sigma)
        columns[column.name] = values
    return columns


def _counters(schema: Schema) -> dict[str, str]:
    """Return the names of counts by fields; raises SourceError for fields beyond a tree."""
    for field in schema.fields:
        if not _fits_tree(field.node):
            raise SourceError(f"a tree cannot hold field {field.name!r}")
    return {f.name: f.node.counts for f in schema.fields if isinstance(f.node, List)}


def _fits_tree(node: Node) -> bool:
    match node:
        case Leaf():
            return True
        case List(_, content, "list"):
            return isinstance(content, Leaf)
        case Fixed(_, content):
            return isinstance(content, Leaf)
    return False


def _zipped(schema: Schema) -> dict[str, list[Field]]:
    """Return, by their counts, fields of lists that an RNTuple can hold as one list of records."""
    groups: dict[str, list[Field]] = {}
    for field in schema.fields:
        if isinstance(field.node, List) and field.node.kind == "list":
            groups.setdefault(field.node.counts, []).append(field)
    return groups


def _alone(schema: Schema, zipped: Mapping[str, Sequence[Field]]) -> list[Field]:
    """Return the fields that are not in a list of records, nor the lengths of one."""
    inside = {field.name for fields in zipped.values() for field in fields}
    return [f for f in schema.fields if f.name not in inside and f.name not in zipped]


def _collections(schema: Schema, arrays: Mapping[str, ak.Array]) -> dict[str, ak.Array]:
    """Return lists of common counts as one list of records, named by the counts."""
    zipped = _zipped(schema)
    out = {field.name: arrays[field.name] for field in _alone(schema, zipped)}
    for counts, fields in zipped.items():
        out[counts] = ak.zip({field.name: arrays[field.name] for field in fields}, depth_limit=2)
    return out
