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

from baler.codecs import accounted
from baler.container.blocks import (
    Block,
    Contents,
    apportion,
    has_share,
    pack_block,
    pack_learned,
    weights,
)
from baler.container.choosing import EncodedGroup, GroupEncoder
from baler.container.context import context_of
from baler.container.encoding import Encoded, encode_checked
from baler.container.index import Index, pack_index
from baler.container.joint import Joint
from baler.container.latent import Latent
from baler.container.layout import (
    MAX_ENTRIES,
    MAX_ITEMS,
    checksum,
    pack_header,
    pack_tail,
)
from baler.container.levels import Levels, Unit
from baler.container.models import AnyModel
from baler.container.predicting import PredictedEncoder
from baler.container.sections import StoredModel
from baler.container.target import Target
from baler.core.chunk import Array, Chunk, check_chunk
from baler.core.recipe import Group, Recipe
from baler.core.schema import Schema
from baler.errors import UsageError
from baler.latent.model import FINEST, LatentModel

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
    saved_bytes: int = 0  # about what the network saved, in the chunks that it coded


@dataclass(frozen=True, slots=True)
class UsedModel:
    """The model that the recipe's learned groups refer to, and whether the file is to hold it."""

    model: AnyModel
    embedded: bool = True
    name: str = ""  # where it came from: a hint for people
    coarse: int = FINEST  # how coarse the latents of a latent model are

    def stored(self) -> StoredModel:
        """Return what the index says of it."""
        size = len(self.model.pack()) if self.embedded else 0
        latent = isinstance(self.model, LatentModel)
        return StoredModel(bytes.fromhex(self.model.sha256), size, self.name, latent)


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
        model: UsedModel | None = None,
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
        self._model = model
        self._threads = threads
        self._progress = progress
        self._solid = {at: group.solid for group in recipe.groups for at in group.columns}
        self._done = 0
        self._gap: BaseException | None = None
        self._entries: list[int] = []
        self._blocks: list[tuple[int, int, int]] = []  # size, saved, checksum
        pack_index(self._index())
        self._joints = _joints(schema, recipe, model)
        levels = Levels(schema, recipe)
        self._levels = levels.of(range(len(schema.columns)))
        self._expiry = _expiry(self._levels, levels.needs)
        self._target = Target(path, overwrite=overwrite)
        self._pool: ThreadPoolExecutor | None = None
        self._joint_pool: ThreadPoolExecutor | None = None  # its work waits for that of the other

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._target.size

    def __enter__(self) -> Writer:
        """Create the file under a temporary name."""
        self._target.__enter__()
        try:
            self._target.write(self._header)
        except BaseException as failure:
            self._target.__exit__(type(failure), failure, failure.__traceback__)
            raise
        if self._threads > 1:
            self._pool = ThreadPoolExecutor(self._threads, "baler-writer")
            self._joint_pool = ThreadPoolExecutor(self._threads, "baler-learned")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write the index and move the file to its place, or remove it after an exception."""
        try:
            for pool in (self._joint_pool, self._pool):
                if pool is not None:
                    pool.shutdown(cancel_futures=True)
            if error is None:
                self._finish()
        except BaseException as failure:
            self._target.__exit__(type(failure), failure, failure.__traceback__)
            raise
        self._target.__exit__(kind, error, traceback)

    def _finish(self) -> None:
        if self._gap is not None:  # the caller went on, but a part of a chunk is missing
            raise self._gap
        if self._model is not None and self._model.embedded:
            self._target.write(self._model.model.pack())
        index, offset = pack_index(self._index()), self._target.size
        self._target.write(index + pack_tail(self._header, index, offset))

    @property
    def _header(self) -> bytes:
        return pack_header(self._index().version)

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
            None if self._model is None else self._model.stored(),
        )

    def write(self, chunk: Chunk) -> None:
        """Append a chunk."""
        check_chunk(self._schema, chunk)
        if len(self._entries) == MAX_ITEMS or chunk.entries > MAX_ENTRIES:
            raise UsageError(
                f"a file holds at most {MAX_ITEMS} chunks of at most {MAX_ENTRIES} entries"
            )
        contents = self._encode(chunk)
        groups = list(zip(self._recipe.groups, contents, strict=True))
        try:
            blocks = self._map(lambda group: _pack(*group), groups)
            for (group, inside), block in zip(groups, blocks, strict=True):
                self._append(block, group.columns, inside.payloads)
        except BaseException as failure:
            self._gap = failure
            raise
        self._entries.append(chunk.entries)

    def _append(
        self, block: Block, columns: Sequence[int], payloads: Sequence[bytes | memoryview]
    ) -> None:
        self._target.write(block.stored)
        self._blocks.append((len(block.stored), block.saved, checksum(block.stored)))
        shares = apportion(len(block.stored), weights(payloads))
        for at, payload, share in zip(columns, payloads, shares, strict=True):
            statistics = self.statistics[self._schema.columns[at].name]
            statistics.stored_bytes += share
            if has_share(payload):
                statistics.saved_bytes += accounted(payload)[1] - share

    def _encode(self, chunk: Chunk) -> list[Contents]:
        """Return what all blocks hold; decoded columns are kept while others need them."""
        payloads = [b""] * len(self._schema.columns)
        learned: dict[int, Contents] = {}  # by network
        decoded: dict[int, Array] = {}
        for level, units in enumerate(self._levels):
            for at, encoded in self._encode_level(chunk, units, decoded, learned):
                payloads[at] = encoded.payload
                if at in self._expiry:
                    decoded[at] = encoded.decoded
                self._count(at, encoded)
            for at in [at for at in decoded if self._expiry[at] <= level]:
                del decoded[at]
        return [
            Contents([payloads[at] for at in group.columns])
            if group.network is None else learned[group.network]
            for group in self._recipe.groups
        ]  # fmt: skip

    def _encode_level(
        self,
        chunk: Chunk,
        units: Sequence[Unit],
        decoded: Mapping[int, Array],
        learned: dict[int, Contents],
    ) -> Iterator[tuple[int, Encoded]]:
        """Yield what becomes of each column; the contents of learned groups go into ``learned``."""
        alone = [unit[0] for unit in units if unit[0] not in self._joints]
        together = [unit for unit in units if unit[0] in self._joints]
        before = dict(decoded)
        first = self._map(lambda at: self._encode_column(chunk, at, before), alone)
        second = (map if self._joint_pool is None else self._joint_pool.map)(
            lambda unit: self._encode_group(chunk, unit, before), together
        )
        yield from zip(alone, first, strict=True)
        for unit, found in zip(together, second, strict=True):
            learned[self._joints[unit[0]].group.network or 0] = found.contents
            yield from found.columns.items()

    def _encode_group(self, chunk: Chunk, unit: Unit, decoded: Mapping[int, Array]) -> EncodedGroup:
        joint, schema = self._joints[unit[0]], self._schema
        values = {at: np.ascontiguousarray(chunk.columns[schema.columns[at].name]) for at in unit}
        given = (self._recipe, unit, chunk.entries, values, decoded, self._seed, self._map)
        try:
            if isinstance(joint, Latent):
                coarse = FINEST if self._model is None else self._model.coarse
                return PredictedEncoder(joint, *given, coarse).encode()
            return GroupEncoder(joint, *given).encode()
        except Exception as error:
            name = schema.columns[unit[0]].name
            error.add_note(
                f"while encoding column {name!r} and those coded with it, "
                f"of chunk {len(self._entries)}"
            )
            raise

    def _seed(self, at: int) -> int:
        return zlib.crc32(struct.pack("<QQ", at, len(self._entries)))

    def _encode_column(self, chunk: Chunk, at: int, decoded: Mapping[int, Array]) -> Encoded:
        column, plan = self._schema.columns[at], self._recipe.columns[at]
        parent = plan.bound.parent
        try:
            return encode_checked(
                np.ascontiguousarray(chunk.columns[column.name]),
                plan,
                context_of(self._schema, self._recipe, at, decoded),
                None if parent is None else decoded[self._schema.position[parent]],
                solid=self._solid[at],
                seed=self._seed(at),
            )
        except Exception as error:
            error.add_note(f"while encoding column {column.name!r} of chunk {len(self._entries)}")
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


def _expiry(levels: Sequence[Sequence[Unit]], needs: Sequence[Sequence[int]]) -> dict[int, int]:
    """Return the last level in which each column is needed by another; the others are left out."""
    expiry: dict[int, int] = {}
    for level, units in enumerate(levels):
        expiry.update((above, level) for unit in units for at in unit for above in needs[at])
    return expiry


def _joints(schema: Schema, recipe: Recipe, model: UsedModel | None) -> dict[int, Joint | Latent]:
    """Return for each column of a learned group that group with its network."""
    if model is None:
        return {}
    joints = (
        Latent.of(model.model, schema, group)
        if isinstance(model.model, LatentModel)
        else Joint.of(model.model, schema, group)
        for group in recipe.groups
        if group.learned
    )
    return {at: joint for joint in joints for at in joint.group.columns}


def _pack(group: Group, contents: Contents) -> Block:
    if group.learned:
        return pack_learned(contents)
    return pack_block(contents.payloads, group.solid)
