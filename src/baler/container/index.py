"""The index of a file: everything about it but the values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.container.arrays import (
    Ints,
    pack_steps,
    pack_strings,
    unpack_steps,
    unpack_strings,
)
from baler.container.checks import check_recipe, check_schema
from baler.container.layout import (
    HEADER_SIZE,
    LATENT,
    LEARNED,
    MAX_ENTRIES,
    MAX_ITEMS,
    MAX_SOLID_BYTES,
    PLAIN,
)
from baler.container.parts import pack_part, unpack_part
from baler.container.sections import (
    StoredModel,
    pack_bounds,
    pack_columns,
    pack_groups,
    pack_model,
    pack_parents,
    unpack_bounds,
    unpack_columns,
    unpack_groups,
    unpack_model,
    unpack_parents,
)
from baler.container.trees import pack_fields, unpack_fields
from baler.core.bounds import Free
from baler.core.bytes import ByteReader, varint
from baler.core.recipe import ColumnRecipe, Recipe
from baler.core.schema import Schema
from baler.errors import Corrupt, UsageError

Checksums = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Index:
    """Schema and recipe, the table of chunks and blocks, and metadata.

    Invariants of schema and recipe are checked on construction, those of the table when unpacked.
    """

    schema: Schema
    recipe: Recipe
    entries: Ints  # (chunks,)
    sizes: Ints  # (chunks, groups) bytes of blocks as stored
    saved: Ints  # (chunks, groups) bytes that a block grows by when decompressed; 0: not compressed
    checksums: Checksums  # (chunks, groups) CRC-32 of blocks as stored
    metadata: Mapping[str, Any] = field(default_factory=dict)  # plain JSON, not needed to decode
    model: StoredModel | None = None  # that the networks of learned groups belong to

    def __post_init__(self) -> None:
        """Check schema and recipe."""
        check_schema(self.schema)
        check_recipe(self.schema, self.recipe)
        latent = self.model is not None and self.model.latent
        together = {at for g in self.recipe.groups if g.learned and latent for at in g.columns}
        for at, plan in enumerate(self.recipe.columns):
            if isinstance(plan.bound, Free) and at not in together:
                raise Corrupt(f"column {at} has the bound of a model, and no prediction")
        if (self.model is not None) != any(group.learned for group in self.recipe.groups):
            raise Corrupt("a file has a model if, and only if, one of its groups is learned")

    @property
    def version(self) -> int:
        """Version of the format that the file needs."""
        if self.model is None:
            return PLAIN
        return LATENT if self.model.latent else LEARNED

    @cached_property
    def offsets(self) -> Ints:
        """Where blocks begin in the file; (chunks, groups)."""
        ends = HEADER_SIZE + np.cumsum(self.sizes.reshape(-1), dtype=np.int64)
        return ends.reshape(self.sizes.shape) - self.sizes

    @property
    def model_offset(self) -> int:
        """Where the model begins, if it is in the file: behind the blocks."""
        return HEADER_SIZE + int(self.sizes.sum())


def pack_index(index: Index) -> bytes:
    """Return the index as it is stored."""
    values = int(index.sizes.sum()) + (0 if index.model is None else index.model.size)
    return b"".join(
        (
            pack_part(_pack_core(index), values),
            index.checksums.astype("<u4").tobytes(),
            pack_part(_pack_metadata(index.schema, index.metadata), values),
        )
    )


def unpack_index(data: bytes | memoryview, room: int, version: int = PLAIN) -> Index:
    """Invert `pack_index`, for a file with this number of bytes between header and index."""
    reader = ByteReader(data)
    core = ByteReader(unpack_part(reader))
    schema = _unpack_schema(core)
    recipe = _unpack_recipe(core, schema)
    model = None
    if version != PLAIN:
        latent = version == LATENT
        model, groups_of_model = unpack_model(core, recipe.groups, latent=latent)
        recipe = Recipe(recipe.columns, groups_of_model)
    blocks_size = room - (0 if model is None else model.size)
    if blocks_size < 0:
        raise Corrupt(f"the model is said to have more than the {room} bytes there are")
    chunks, groups = core.varint(), len(recipe.groups)
    if chunks > MAX_ITEMS or 4 * chunks * groups > len(reader):
        raise Corrupt(f"the index has too few checksums for {chunks} chunks of {groups} blocks")
    entries = unpack_steps(core, chunks)
    _check_range("a chunk has a number of entries", entries, MAX_ENTRIES)
    sizes = unpack_steps(core, chunks, columns=groups)
    _check_range("a block has a size", sizes, blocks_size)
    saved = np.zeros_like(sizes)
    saved[:, _solid(recipe)] = unpack_steps(core, chunks, columns=int(_solid(recipe).sum()))
    _check_range("a block shrank by a size", saved, MAX_SOLID_BYTES)
    core.end()
    checksums = np.frombuffer(reader.take(4 * sizes.size), "<u4").reshape(sizes.shape)
    titles, source, metadata = _unpack_metadata(unpack_part(reader), len(schema.fields))
    reader.end()
    if sum(sizes.reshape(-1).tolist()) != blocks_size:
        raise Corrupt(f"the sizes of the blocks do not sum to {blocks_size}, the bytes there are")
    named = zip(schema.fields, titles, strict=True)
    fields = tuple(replace(item, title=title) for item, title in named)
    schema = Schema(schema.columns, fields, source)
    return Index(schema, recipe, entries, sizes, saved, checksums, metadata, model)


def _pack_core(index: Index) -> bytes:
    schema, recipe = index.schema, index.recipe
    return b"".join(
        (
            pack_columns(schema),
            pack_fields(schema),
            pack_bounds(recipe.columns),
            pack_parents(recipe.columns),
            pack_groups(recipe.groups),
            b"" if index.model is None else pack_model(index.model, recipe.groups),
            varint(len(index.entries)),
            pack_steps(index.entries),
            pack_steps(index.sizes),
            pack_steps(index.saved[:, _solid(recipe)]),
        )
    )


def _unpack_schema(reader: ByteReader) -> Schema:
    columns = unpack_columns(reader)
    return Schema(columns, tuple(unpack_fields(reader, [column.name for column in columns])))


def _unpack_recipe(reader: ByteReader, schema: Schema) -> Recipe:
    size = len(schema.columns)
    bounds = unpack_bounds(reader, size)
    parents = unpack_parents(reader, size)
    plans = [ColumnRecipe(bound, above) for bound, above in zip(bounds, parents, strict=True)]
    return Recipe(tuple(plans), unpack_groups(reader, size))


def _solid(recipe: Recipe) -> npt.NDArray[np.bool_]:
    return np.array([group.solid for group in recipe.groups], np.bool_)


def _check_range(what: str, values: Ints, limit: int) -> None:
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= limit:
        raise Corrupt(f"{what} outside 0 to {limit}")


def _pack_metadata(schema: Schema, metadata: Mapping[str, Any]) -> bytes:
    titles = [item.title for item in schema.fields]
    if not (any(titles) or schema.source or metadata):
        return b""
    try:
        documents = [
            json.dumps(dict(document), allow_nan=False, separators=(",", ":"))
            for document in (schema.source, metadata)
        ]
    except (TypeError, ValueError) as error:
        raise UsageError(f"metadata must be plain JSON: {error}") from error
    return pack_strings([*titles, *documents])


def _unpack_metadata(
    part: bytes | memoryview, fields: int
) -> tuple[Sequence[str], dict[str, Any], dict[str, Any]]:
    """Return titles, source and metadata; they are empty where the part was stripped."""
    if not len(part):
        return [""] * fields, {}, {}
    reader = ByteReader(part)
    *titles, source, metadata = unpack_strings(reader, fields + 2)
    reader.end()
    return titles, _unpack_json(source), _unpack_json(metadata)


def _unpack_json(text: str) -> dict[str, Any]:
    try:
        document = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"the metadata are not plain JSON: {error}") from None
    if not isinstance(document, dict):
        raise Corrupt(f"the metadata are a {type(document).__name__}, expected a JSON object")
    return document


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
