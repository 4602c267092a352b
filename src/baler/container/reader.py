"""A file to chunks."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from baler import codecs
from baler.container.arrays import Ints
from baler.container.blocks import (
    Contents,
    apportion,
    has_share,
    unpack_block,
    unpack_learned,
    weights,
)
from baler.container.context import context_of, noting
from baler.container.index import Index, unpack_index
from baler.container.joint import Joint, counted, decode_group, total_of
from baler.container.latent import Latent, decode_predicted
from baler.container.layout import (
    HEADER_SIZE,
    SPECULATIVE_SIZE,
    check_header,
    check_index,
    checksum,
    unpack_tail,
)
from baler.container.levels import Levels, Unit
from baler.container.models import AnyModel, unpack_model
from baler.container.sections import StoredModel
from baler.container.storage import Place, Storage
from baler.core.chunk import Array, Chunk, column_size
from baler.core.recipe import Group, Recipe
from baler.core.schema import Schema
from baler.errors import Corrupt, MissingModel, UnknownColumn, UsageError, near
from baler.latent.model import LatentModel
from baler.learned.model import Model

A = TypeVar("A")
B = TypeVar("B")

CACHE_BYTES = 1 << 26
"""How many bytes of decompressed solid blocks are kept, all of the chunk read last."""

LEARNED_BYTES = 1 << 28
"""How many bytes of columns that a network decoded are kept, those read last."""


@dataclass(slots=True)
class ColumnBytes:
    """What one column takes in a file."""

    stored: int = 0  # its part of the blocks; the parts of all columns sum to the blocks
    codecs: dict[str, int] = field(default_factory=dict)  # descriptions, with numbers of chunks
    learned: int = 0  # of it, in chunks that a network coded
    otherwise: int = 0  # about what these chunks would take without the network
    has_network: bool = False  # whether a network might have coded it


class Reader:
    """Reads the columns that are asked for, and no more of the file than they need."""

    def __init__(self, file: Place, *, model: AnyModel | None = None, threads: int = 1) -> None:
        """Open a path, a URL, bytes or an open file and read its index.

        ``model`` is needed for the learned columns of a file that refers to a model kept elsewhere;
        files without learned columns ignore it. Raises a FormatError if the file is damaged, too
        new, or something else altogether, MissingModel if the model is not the one it needs.
        """
        if threads < 1:
            raise UsageError(f"cannot work with {threads} threads")
        self._storage = Storage(file)
        try:
            with noting(f"in {self._storage.name}"):
                self._index = _read_index(self._storage)
            _check_given(self._index.model, model)
        except BaseException:
            self._storage.close()
            raise
        self._levels = Levels(self.schema, self.recipe)
        self._group_of = {
            at: number for number, group in enumerate(self.recipe.groups) for at in group.columns
        }
        self._pool: ThreadPoolExecutor | None = None
        self._joint_pool: ThreadPoolExecutor | None = None  # its work waits for that of the other
        if threads > 1:
            self._pool = ThreadPoolExecutor(threads, "baler-reader")
            self._joint_pool = ThreadPoolExecutor(threads, "baler-learned")
        self._cache: tuple[int, dict[int, Contents]] = (-1, {})
        self._learned: dict[tuple[int, Unit], dict[int, Array]] = {}  # by chunk
        self._model = model
        self._loading = threading.Lock()

    @property
    def schema(self) -> Schema:
        """Columns and fields."""
        return self._index.schema

    @property
    def recipe(self) -> Recipe:
        """Bounds, parents and groups; what only an encoder needs is not in the file."""
        return self._index.recipe

    @property
    def stored_model(self) -> StoredModel | None:
        """What the file says of the model that it needs; None if it has no learned columns."""
        return self._index.model

    @property
    def model(self) -> AnyModel:
        """The model of the learned columns; raises MissingModel if it is kept elsewhere."""
        with self._loading:
            if self._model is None:
                self._model = self._load_model()
            return self._model

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
        for pool in (self._joint_pool, self._pool):
            if pool is not None:
                pool.shutdown(cancel_futures=True)
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
        held = {unit: found for (at, unit), found in self._learned.items() if at == chunk}
        levels = self._levels.of((self.schema.position[name] for name in names), held)
        units = (unit for level in levels for unit in level if unit not in held)
        groups = {self._group_of[unit[0]] for unit in units}
        contents = self._contents(chunk, sorted(groups))
        decoded: dict[int, Array] = {}

        def decode(unit: Unit) -> dict[int, Array]:
            return held[unit] if unit in held else self._decode(chunk, unit, contents, decoded)

        for level in levels:
            joint = [unit for unit in level if self._is_learned(unit)]
            alone = [unit for unit in level if not self._is_learned(unit)]
            together = (map if self._joint_pool is None else self._joint_pool.map)(decode, joint)
            made = itertools.chain(self._map(decode, alone), together)
            for unit, found in zip((*alone, *joint), made, strict=True):
                decoded.update(found)
                self._hold(chunk, unit, found)
        return Chunk(entries, {name: decoded[self.schema.position[name]] for name in names})

    def _decode(
        self,
        chunk: int,
        unit: Unit,
        contents: Mapping[int, Contents],
        decoded: Mapping[int, Array],
    ) -> dict[int, Array]:
        """Return a column, or all columns of a learned group."""
        entries, at = self._entries_of(chunk), unit[0]
        number = self._group_of[at]
        group, column = self.recipe.groups[number], self.schema.columns[at]
        names = f"column {column.name!r}" + " and those coded with it" * group.learned
        with noting(f"in {names}, {self._place(chunk)}"):
            counts = column.counts
            above = None if counts is None else decoded[self.schema.position[counts]]
            sizes = {i: column_size(self.schema.columns[i], entries, above) for i in unit}
            if group.learned:
                there = (contents[number], entries, sizes[at], decoded)
                given = (self.schema, self.recipe, group, unit, *there)
                if self._index.model is not None and self._index.model.latent:
                    return decode_predicted(lambda: self._latent(group), *given)
                return decode_group(lambda: self._joint(group), *given, self._map)
            context = context_of(self.schema, self.recipe, at, decoded)
            payload = contents[number].payloads[group.columns.index(at)]
            return {at: codecs.decode(payload, column.dtype, sizes[at], context)}

    def _joint(self, group: Group) -> Joint:
        if not isinstance(self.model, Model):
            raise Corrupt("a learned group has a latent model")
        return Joint.of(self.model, self.schema, group)

    def _latent(self, group: Group) -> Latent:
        if not isinstance(self.model, LatentModel):
            raise Corrupt("a predicted group has a learned model")
        return Latent.of(self.model, self.schema, group)

    def _hold(self, chunk: int, unit: Unit, found: dict[int, Array]) -> None:
        """Keep the columns of a learned group, for whoever reads column by column."""
        if not self._is_learned(unit):
            return
        self._learned.pop((chunk, unit), None)
        self._learned[chunk, unit] = found
        sizes = [sum(array.nbytes for array in held.values()) for held in self._learned.values()]
        for key in list(self._learned):
            if sum(sizes) <= LEARNED_BYTES:
                break
            del self._learned[key], sizes[0]

    def _load_model(self) -> AnyModel:
        """Return the model in the file."""
        stored = self._index.model
        if stored is None:
            raise UsageError(f"{self._storage.name} has no model, and needs none")
        if not stored.size:
            raise MissingModel(
                f"{self._storage.name} needs the model {stored.sha256.hex()}"
                f"{f' ({stored.name})' if stored.name else ''}, which is kept elsewhere; "
                "model=FILE or --model FILE gives it"
            )
        with noting(f"in the model in {self._storage.name}"):
            data = bytes(self._storage.read(self._index.model_offset, stored.size))
            if hashlib.sha256(data).digest() != stored.sha256:
                raise Corrupt("the model does not have the SHA-256 in the index")
            model = unpack_model(data)
            if isinstance(model, LatentModel) != stored.latent or model.pack() != data:
                raise Corrupt("the model is not of the kind that the file needs")
            return model

    def column_bytes(self) -> dict[str, ColumnBytes]:
        """Return what each column takes and how it is coded; this reads the whole file."""
        found = {column.name: ColumnBytes() for column in self.schema.columns}
        for chunk in range(len(self._index.entries)):
            for number, group in enumerate(self.recipe.groups):
                payloads = self._contents(chunk, [number])[number].payloads
                shares = apportion(int(self._index.sizes[chunk, number]), weights(payloads))
                for at, payload, share in zip(group.columns, payloads, shares, strict=True):
                    column = self.schema.columns[at]
                    with noting(f"in column {column.name!r}, {self._place(chunk)}"):
                        codec = codecs.describe(payload, column.dtype)
                    entry = found[column.name]
                    entry.stored += share
                    entry.codecs[codec] = entry.codecs.get(codec, 0) + 1
                    entry.has_network = group.learned
                    if has_share(payload):
                        entry.learned += share
                        entry.otherwise += codecs.accounted(payload)[1]
        return found

    def totals(self, chunk: int) -> dict[str, int]:
        """Return the sum of each column of counts in a chunk; networks need not decode them."""
        names = {column.counts for column in self.schema.columns}
        groups = [
            number for number, group in enumerate(self.recipe.groups)
            if group.learned and counted(self.schema, group)
        ]  # fmt: skip
        found: dict[str, int] = {}
        for number, contents in self._contents(chunk, groups).items():
            members = counted(self.schema, self.recipe.groups[number])
            for at, total in zip(members, contents.totals, strict=True):
                found[self.schema.columns[at].name] = total
        read = self.read(chunk, [name for name in names if name is not None and name not in found])
        return found | {name: total_of(counts) for name, counts in read.columns.items()}

    def _is_learned(self, unit: Unit) -> bool:
        return self.recipe.groups[self._group_of[unit[0]]].learned

    def _entries_of(self, chunk: int) -> int:
        if not 0 <= chunk < len(self._index.entries):
            raise UsageError(f"there is no chunk {chunk}; the file has {len(self._index.entries)}")
        return int(self._index.entries[chunk])

    def _contents(self, chunk: int, groups: Sequence[int]) -> dict[int, Contents]:
        """Return what is in the blocks of these groups, which are in increasing order."""
        known = self._cache[1] if self._cache[0] == chunk else {}
        stored = self._fetch(chunk, [group for group in groups if group not in known])

        def unpack(group: int) -> Contents:
            return known[group] if group in known else self._unpack(chunk, group, stored[group])

        found = dict(zip(groups, self._map(unpack, groups), strict=True))
        self._remember(chunk, {**known, **found})
        return found

    def _fetch(self, chunk: int, groups: Sequence[int]) -> dict[int, memoryview]:
        """Return stored blocks; those that lie side by side are read at once."""
        offsets, sizes = self._index.offsets[chunk], self._index.sizes[chunk]
        found = {}
        for _, run in groupby(enumerate(groups), lambda pair: pair[1] - pair[0]):
            side_by_side = [group for _, group in run]
            first = int(offsets[side_by_side[0]])
            with noting(f"in the blocks of {self._place(chunk)}"):
                data = self._storage.read(first, int(sizes[side_by_side].sum()))
            for group in side_by_side:
                start = int(offsets[group]) - first
                found[group] = data[start : start + int(sizes[group])]
        return found

    def _unpack(self, chunk: int, group: int, stored: memoryview) -> Contents:
        expected = int(self._index.checksums[chunk, group])
        with noting(f"in block {group}, {self._place(chunk)}"):
            if checksum(stored) != expected:
                raise Corrupt(
                    f"a block has the checksum {checksum(stored):08x}, expected {expected:08x}"
                )
            members = self.recipe.groups[group]
            if members.learned:
                totals = len(counted(self.schema, members))
                return unpack_learned(stored, len(members.columns), totals)
            saved = int(self._index.saved[chunk, group])
            return Contents(unpack_block(stored, saved, len(members.columns)))

    def _remember(self, chunk: int, blocks: Mapping[int, Contents]) -> None:
        """Keep decompressed blocks of this chunk, for whoever reads column by column."""
        kept, room = {}, CACHE_BYTES
        for group, contents in blocks.items():
            size = int(self._index.sizes[chunk, group] + self._index.saved[chunk, group])
            if self._index.saved[chunk, group] and size <= room:
                kept[group] = contents
                room -= size
        self._cache = (chunk, kept)

    def _place(self, chunk: int) -> str:
        return f"chunk {chunk} of {self._storage.name}"

    def _map(self, function: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
        return (map if self._pool is None else self._pool.map)(function, items)


def _read_index(storage: Storage) -> Index:
    """Return the index; the end of the file is read in the hope that all of it is there."""
    start = max(0, storage.size - SPECULATIVE_SIZE)
    end = storage.read(start, storage.size - start)
    header = end[:HEADER_SIZE] if start == 0 else storage.read(0, HEADER_SIZE)
    version = check_header(header)
    tail = unpack_tail(end, storage.size)
    if tail.index_offset >= start:
        index = end[tail.index_offset - start :][: tail.index_size]
    else:
        index = storage.read(tail.index_offset, tail.index_size)
    check_index(tail, header, index)
    return unpack_index(index, tail.index_offset - HEADER_SIZE, version)


def _check_given(stored: StoredModel | None, model: AnyModel | None) -> None:
    if stored is not None and model is not None and model.sha256 != stored.sha256.hex():
        raise MissingModel(
            f"the file needs the model {stored.sha256.hex()}, the one given is {model.sha256}"
        )
