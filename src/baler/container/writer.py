"""Chunks to a file."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from baler.container.blocks import Block, apportion, pack_block
from baler.container.context import context_of
from baler.container.encoding import Encoded, encode_checked
from baler.container.index import Index, pack_index
from baler.container.layout import MAX_ENTRIES, MAX_ITEMS, checksum, pack_header, pack_tail
from baler.container.levels import Levels
from baler.container.target import Target
from baler.core.chunk import Array, Chunk, check_chunk
from baler.core.recipe import Recipe
from baler.core.schema import Schema
from baler.errors import UsageError

A = TypeVar("A")
B = TypeVar("B")

Progress = Callable[[int], None]
"""Called with the number of original bytes that are encoded so far."""


@dataclass(slots=True)
class ColumnStatistics:
    """What became of one column in all chunks together."""

    raw_bytes: int = 0
    stored_bytes: int = 0  # its part of the blocks; the parts of all columns sum to the blocks
    worst: float = 0.0  # largest error / bound; 0 where every bit was kept
    fallbacks: int = 0  # chunks in which the recipe failed its check, so that it was coded exactly


class Writer:
    """Writes chunk after chunk to a new file that appears when the context ends without exception.

    The bytes do not depend on the number of threads. ``statistics`` (by column) and ``size`` tell
    what was written so far; ``metadata`` may be changed until the context ends.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        schema: Schema,
        recipe: Recipe,
        *,
        metadata: Mapping[str, Any] | None = None,
        threads: int = 1,
        overwrite: bool = False,
        progress: Progress | None = None,
    ) -> None:
        """Check everything that can be checked before there are data; nothing is created yet."""
        if threads < 1:
            raise UsageError(f"cannot work with {threads} threads")
        self.metadata = dict(metadata or {})
        self.statistics = {column.name: ColumnStatistics() for column in schema.columns}
        self._schema = schema
        self._recipe = recipe
        self._threads = threads
        self._progress = progress
        self._solid = {at: group.solid for group in recipe.groups for at in group.columns}
        self._done = 0
        self._gap: BaseException | None = None
        self._entries: list[int] = []
        self._blocks: list[tuple[int, int, int]] = []  # size, saved, checksum
        pack_index(self._index())
        levels = Levels(schema, recipe)
        self._levels = levels.of(range(len(schema.columns)))
        self._expiry = _expiry(self._levels, levels.needs)
        self._target = Target(path, overwrite=overwrite)
        self._pool: ThreadPoolExecutor | None = None

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._target.size

    def __enter__(self) -> Writer:
        """Create the file under a temporary name."""
        self._target.__enter__()
        try:
            self._target.write(pack_header())
        except BaseException as failure:
            self._target.__exit__(type(failure), failure, failure.__traceback__)
            raise
        if self._threads > 1:
            self._pool = ThreadPoolExecutor(self._threads, "baler-writer")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write the index and move the file to its place, or remove it after an exception."""
        try:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
            if error is None:
                self._finish()
        except BaseException as failure:
            self._target.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._target.__exit__(kind, error, traceback)

    def _finish(self) -> None:
        if self._gap is not None:  # the caller went on, but a part of a chunk is missing
            raise self._gap
        index, offset = pack_index(self._index()), self._target.size
        self._target.write(index + pack_tail(pack_header(), index, offset))

    def _index(self) -> Index:
        shape = (len(self._entries), len(self._recipe.groups))
        table = np.array(self._blocks, np.int64).reshape(*shape, 3)
        return Index(
            self._schema,
            self._recipe,
            np.array(self._entries, np.int64),
            table[..., 0],
            table[..., 1],
            table[..., 2].astype(np.uint32),
            self.metadata,
        )

    def write(self, chunk: Chunk) -> None:
        """Append a chunk."""
        check_chunk(self._schema, chunk)
        if len(self._entries) == MAX_ITEMS or chunk.entries > MAX_ENTRIES:
            raise UsageError(
                f"a file holds at most {MAX_ITEMS} chunks of at most {MAX_ENTRIES} entries"
            )
        payloads = self._encode(chunk)
        groups = [([payloads[at] for at in g.columns], g.solid) for g in self._recipe.groups]
        try:
            blocks = self._map(lambda group: pack_block(*group), groups)
            for group, block in zip(self._recipe.groups, blocks, strict=True):
                self._append(block, group.columns, [len(payloads[at]) for at in group.columns])
        except BaseException as failure:
            self._gap = failure
            raise
        self._entries.append(chunk.entries)

    def _append(self, block: Block, columns: Sequence[int], sizes: Sequence[int]) -> None:
        self._target.write(block.stored)
        self._blocks.append((len(block.stored), block.saved, checksum(block.stored)))
        for at, share in zip(columns, apportion(len(block.stored), sizes), strict=True):
            self.statistics[self._schema.columns[at].name].stored_bytes += share

    def _encode(self, chunk: Chunk) -> list[bytes]:
        """Return the payloads of all columns; decoded ones are kept while others need them."""
        payloads = [b""] * len(self._schema.columns)
        decoded: dict[int, Array] = {}

        def encode(at: int) -> Encoded:
            return self._encode_column(chunk, at, decoded)

        for level, positions in enumerate(self._levels):
            for at, encoded in zip(positions, self._map(encode, positions), strict=True):
                payloads[at] = encoded.payload
                if at in self._expiry:
                    decoded[at] = encoded.decoded
                self._count(at, encoded)
            for at in [at for at in decoded if self._expiry[at] <= level]:
                del decoded[at]
        return payloads

    def _encode_column(self, chunk: Chunk, at: int, decoded: Mapping[int, Array]) -> Encoded:
        column, plan = self._schema.columns[at], self._recipe.columns[at]
        number = len(self._entries)
        parent = plan.bound.parent
        try:
            return encode_checked(
                np.ascontiguousarray(chunk.columns[column.name]),
                plan,
                context_of(self._schema, self._recipe, at, decoded),
                None if parent is None else decoded[self._schema.position[parent]],
                solid=self._solid[at],
                seed=zlib.crc32(struct.pack("<QQ", at, number)),
            )
        except Exception as error:
            error.add_note(f"while encoding column {column.name!r} of chunk {number}")
            raise

    def _count(self, at: int, encoded: Encoded) -> None:
        statistics = self.statistics[self._schema.columns[at].name]
        statistics.raw_bytes += encoded.decoded.nbytes
        statistics.worst = max(statistics.worst, encoded.worst)
        statistics.fallbacks += encoded.fell_back
        self._done += encoded.decoded.nbytes
        if self._progress is not None:
            self._progress(self._done)

    def _map(self, function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        return (map if self._pool is None else self._pool.map)(function, items)


def _expiry(levels: Sequence[Sequence[int]], needs: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return the last level in which each column is needed by another; the others are left out."""
    expiry: dict[int, int] = {}
    for level, positions in enumerate(levels):
        expiry.update((above, level) for at in positions for above in needs[at])
    return expiry
