"""A file to chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from baler import codecs
from baler.container.arrays import Ints
from baler.container.blocks import apportion, unpack_block
from baler.container.context import context_of
from baler.container.index import Index, unpack_index
from baler.container.layout import (
    HEADER_SIZE,
    SPECULATIVE_SIZE,
    check_header,
    check_index,
    checksum,
    unpack_tail,
)
from baler.container.levels import Levels
from baler.container.storage import Place, Storage
from baler.core.chunk import Array, Chunk, column_size
from baler.core.recipe import Recipe
from baler.core.schema import Schema
from baler.errors import Corrupt, FormatError, UnknownColumn, UsageError, near

A = TypeVar("A")
B = TypeVar("B")

CACHE_BYTES = 1 << 26
"""How many bytes of decompressed solid blocks are kept, all of the chunk read last."""


@dataclass(slots=True)
class ColumnBytes:
    """What one column takes in a file."""

    stored: int = 0  # its part of the blocks; the parts of all columns sum to the blocks
    codecs: dict[str, int] = field(default_factory=dict)  # descriptions, with numbers of chunks


class Reader:
    """Reads the columns that are asked for, and no more of the file than they need."""

    def __init__(self, file: Place, *, threads: int = 1) -> None:
        """Open a path, a URL, bytes or an open file and read its index.

        Raises a FormatError if the file is damaged, too new, or something else altogether.
        """
        if threads < 1:
            raise UsageError(f"cannot work with {threads} threads")
        self._storage = Storage(file)
        try:
            with self._noting(f"in {self._storage.name}"):
                self._index = _read_index(self._storage)
        except BaseException:
            self._storage.close()
            raise
        self._levels = Levels(self.schema, self.recipe)
        self._group_of = {
            at: number for number, group in enumerate(self.recipe.groups) for at in group.columns
        }
        self._pool = ThreadPoolExecutor(threads, "baler-reader") if threads > 1 else None
        self._cache: tuple[int, dict[int, list[memoryview]]] = (-1, {})

    @property
    def schema(self) -> Schema:
        """Columns and fields."""
        return self._index.schema

    @property
    def recipe(self) -> Recipe:
        """Bounds, parents and groups; what only an encoder needs is not in the file."""
        return self._index.recipe

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What the writer was given as metadata; empty where it was stripped."""
        return self._index.metadata

    @property
    def entries(self) -> int:
        """Entries of all chunks."""
        return int(self._index.entries.sum())

    @property
    def chunks(self) -> Ints:
        """Entries before each chunk, and in all; one longer than there are chunks."""
        return np.concatenate(([0], np.cumsum(self._index.entries)))

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._storage.size

    def __enter__(self) -> Reader:
        """Return the reader."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file, unless it was given open."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
        self._storage.close()

    def read(self, chunk: int, columns: Iterable[str] | None = None) -> Chunk:
        """Return one chunk with the named columns, in this order; by default with all.

        Raises a FormatError that names the place if anything that these columns need is damaged.
        """
        entries = self._entries_of(chunk)
        names = dict.fromkeys(self.schema.position if columns is None else columns)
        for name in names:
            if name not in self.schema.position:
                known = self.schema.position
                raise UnknownColumn(f"there is no column {name!r}{near(name, known)}")
        levels = self._levels.of(self.schema.position[name] for name in names)
        groups = {self._group_of[at] for level in levels for at in level}
        payloads = self._payloads(chunk, sorted(groups))
        decoded: dict[int, Array] = {}

        def decode(at: int) -> Array:
            column = self.schema.columns[at]
            with self._noting(f"in column {column.name!r}, {self._place(chunk)}"):
                counts = column.counts
                above = None if counts is None else decoded[self.schema.position[counts]]
                size = column_size(column, entries, above)
                context = context_of(self.schema, self.recipe, at, decoded)
                return codecs.decode(payloads[at], column.dtype, size, context)

        for level in levels:
            decoded.update(zip(level, self._map(decode, level), strict=True))
        return Chunk(entries, {name: decoded[self.schema.position[name]] for name in names})

    def column_bytes(self) -> dict[str, ColumnBytes]:
        """Return what each column takes and how it is coded; this reads the whole file."""
        found = {column.name: ColumnBytes() for column in self.schema.columns}
        for chunk in range(len(self._index.entries)):
            for number, group in enumerate(self.recipe.groups):
                payloads = self._payloads(chunk, [number])
                sizes = [len(payloads[at]) for at in group.columns]
                shares = apportion(int(self._index.sizes[chunk, number]), sizes)
                for at, share in zip(group.columns, shares, strict=True):
                    name = self.schema.columns[at].name
                    with self._noting(f"in column {name!r}, {self._place(chunk)}"):
                        codec = codecs.describe(payloads[at], self.schema.columns[at].dtype)
                    found[name].stored += share
                    found[name].codecs[codec] = found[name].codecs.get(codec, 0) + 1
        return found

    def _entries_of(self, chunk: int) -> int:
        if not 0 <= chunk < len(self._index.entries):
            raise UsageError(f"there is no chunk {chunk}; the file has {len(self._index.entries)}")
        return int(self._index.entries[chunk])

    def _payloads(self, chunk: int, groups: Sequence[int]) -> dict[int, memoryview]:
        """Return the payloads of all columns in these groups, in increasing order, by position."""
        known = self._cache[1] if self._cache[0] == chunk else {}
        stored = self._fetch(chunk, [group for group in groups if group not in known])

        def unpack(group: int) -> list[memoryview]:
            return known[group] if group in known else self._unpack(chunk, group, stored[group])

        found = dict(zip(groups, self._map(unpack, groups), strict=True))
        self._remember(chunk, {**known, **found})
        return {
            at: payload
            for group, payloads in found.items()
            for at, payload in zip(self.recipe.groups[group].columns, payloads, strict=True)
        }

    def _fetch(self, chunk: int, groups: Sequence[int]) -> dict[int, memoryview]:
        """Return stored blocks; those that lie side by side are read at once."""
        offsets, sizes = self._index.offsets[chunk], self._index.sizes[chunk]
        found = {}
        for _, run in groupby(enumerate(groups), lambda pair: pair[1] - pair[0]):
            side_by_side = [group for _, group in run]
            first = int(offsets[side_by_side[0]])
            with self._noting(f"in the blocks of {self._place(chunk)}"):
                data = self._storage.read(first, int(sizes[side_by_side].sum()))
            for group in side_by_side:
                start = int(offsets[group]) - first
                found[group] = data[start : start + int(sizes[group])]
        return found

    def _unpack(self, chunk: int, group: int, stored: memoryview) -> list[memoryview]:
        expected = int(self._index.checksums[chunk, group])
        with self._noting(f"in block {group}, {self._place(chunk)}"):
            if checksum(stored) != expected:
                raise Corrupt(
                    f"a block has the checksum {checksum(stored):08x}, expected {expected:08x}"
                )
            saved = int(self._index.saved[chunk, group])
            return unpack_block(stored, saved, len(self.recipe.groups[group].columns))

    def _remember(self, chunk: int, blocks: Mapping[int, list[memoryview]]) -> None:
        """Keep decompressed blocks of this chunk, for whoever reads column by column."""
        kept, room = {}, CACHE_BYTES
        for group, payloads in blocks.items():
            size = int(self._index.sizes[chunk, group] + self._index.saved[chunk, group])
            if self._index.saved[chunk, group] and size <= room:
                kept[group] = payloads
                room -= size
        self._cache = (chunk, kept)

    def _place(self, chunk: int) -> str:
        return f"chunk {chunk} of {self._storage.name}"

    def _map(self, function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        return (map if self._pool is None else self._pool.map)(function, items)

    @staticmethod
    @contextmanager
    def _noting(place: str) -> Iterator[None]:
        """Say where, should a FormatError pass."""
        try:
            yield
        except FormatError as error:
            error.add_note(place)
            raise


def _read_index(storage: Storage) -> Index:
    """Return the index; the end of the file is read in the hope that all of it is there."""
    start = max(0, storage.size - SPECULATIVE_SIZE)
    end = storage.read(start, storage.size - start)
    header = end[:HEADER_SIZE] if start == 0 else storage.read(0, HEADER_SIZE)
    check_header(header)
    tail = unpack_tail(end, storage.size)
    if tail.index_offset >= start:
        index = end[tail.index_offset - start :][: tail.index_size]
    else:
        index = storage.read(tail.index_offset, tail.index_size)
    check_index(tail, header, index)
    return unpack_index(index, tail.index_offset - HEADER_SIZE)
