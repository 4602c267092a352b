"""The sections of the index that describe columns: schema, bounds, parents, groups, model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from baler.container.arrays import (
    pack_signed,
    pack_steps,
    pack_strings,
    pack_words,
    unpack_signed,
    unpack_steps,
    unpack_strings,
    unpack_words,
)
from baler.container.layout import MAX_ITEMS, MAX_MODEL_BYTES, MAX_SHARED
from baler.core.bounds import Bound, Exact, parse
from baler.core.bytes import ByteReader, varint
from baler.core.recipe import ColumnRecipe, Group
from baler.core.schema import DTYPES, Column, Schema
from baler.errors import BadBound, Corrupt


@dataclass(frozen=True, slots=True)
class StoredModel:
    """Which model the learned groups of a file need, and where that is."""

    sha256: bytes
    size: int = 0  # of the model in this file; 0 if it is kept elsewhere
    name: str = ""  # where it came from: a hint for people
    latent: bool = False  # a latent model, not a learned one

    def __post_init__(self) -> None:
        """Check the size."""
        if self.size > MAX_MODEL_BYTES:
            raise Corrupt(f"the model has {self.size} bytes, more than {MAX_MODEL_BYTES}")


def pack_columns(schema: Schema) -> bytes:
    """Return names, dtypes, counts and widths of all columns."""
    columns = schema.columns
    counts = [0 if c.counts is None else schema.position[c.counts] + 1 for c in columns]
    return b"".join(
        (
            _pack_names([column.name for column in columns]),
            pack_words([DTYPES.index(column.dtype.str) for column in columns]),
            pack_steps(counts),
            pack_words([column.width for column in columns]),
        )
    )


def unpack_columns(reader: ByteReader) -> tuple[Column, ...]:
    """Invert `pack_columns`."""
    names = _unpack_names(reader)
    size = len(names)
    codes = unpack_words(reader, size).tolist()
    if codes and max(codes) >= len(DTYPES):
        raise Corrupt(f"the index has a column of unknown dtype {max(codes)}")
    counts = unpack_steps(reader, size).tolist()
    if counts and not 0 <= min(counts) <= max(counts) <= size:
        raise Corrupt(f"counts are columns outside 0 to {size - 1}")
    widths = unpack_words(reader, size).tolist()
    dtypes = [np.dtype(name) for name in DTYPES]
    above = (None, *names)
    rows = zip(names, codes, counts, widths, strict=True)
    return tuple(Column(name, dtypes[code], above[at], width) for name, code, at, width in rows)


def _pack_names(names: Sequence[str]) -> bytes:
    """Return names without what each begins with like the name before, and how much that is."""
    shared = [_shared(*pair) for pair in zip(names, ("", *names), strict=False)]
    ends = [name[start:] for name, start in zip(names, shared, strict=True)]
    return pack_strings(ends) + pack_words(shared)


def _shared(name: str, before: str) -> int:
    pairs = zip(name[:MAX_SHARED], before, strict=False)
    same = takewhile(lambda pair: pair[0] == pair[1], pairs)
    return sum(1 for _ in same)


def _unpack_names(reader: ByteReader) -> list[str]:
    ends = unpack_strings(reader)
    if len(ends) > MAX_ITEMS:
        raise Corrupt(f"the index has {len(ends)} columns, more than {MAX_ITEMS}")
    names, name = [], ""
    for start, end in zip(unpack_words(reader, len(ends)).tolist(), ends, strict=True):
        if start > min(len(name), MAX_SHARED):
            raise Corrupt(f"a name shares {start} characters with {name!r}")
        name = name[:start] + end
        names.append(name)
    return names


def pack_bounds(plans: Sequence[ColumnRecipe]) -> bytes:
    """Return the distinct bounds as they are written in a policy, and which one each column has."""
    texts = {"exact": 0}
    chosen = [texts.setdefault(str(plan.bound), len(texts)) for plan in plans]
    return pack_strings(list(texts)[1:]) + pack_words(chosen)


def unpack_bounds(reader: ByteReader, size: int) -> list[Bound]:
    """Invert `pack_bounds` for ``size`` columns."""
    texts = unpack_strings(reader)
    if len({"exact", *texts}) <= len(texts) or len(texts) > size:
        raise Corrupt(f"the index lists {len(texts)} bounds, some twice or one too many")
    try:
        bounds = [Exact(), *(parse(text) for text in texts)]
    except BadBound as error:
        raise Corrupt(f"the index has a bound that does not parse: {error}") from None
    chosen = unpack_words(reader, size).tolist()
    if chosen and max(chosen) >= len(bounds):
        raise Corrupt(f"a column has bound {max(chosen)}, the index lists {len(bounds)}")
    return [bounds[at] for at in chosen]


def pack_parents(plans: Sequence[ColumnRecipe]) -> bytes:
    """Return how many parents each column has, and how far before the column they are."""
    steps = [at - above for at, plan in enumerate(plans) for above in plan.parents]
    return pack_words([len(plan.parents) for plan in plans]) + pack_signed(steps)


def unpack_parents(reader: ByteReader, size: int) -> list[tuple[int, ...]]:
    """Invert `pack_parents`; the positions are not yet checked."""
    numbers = unpack_words(reader, size).tolist()
    if sum(numbers) > MAX_ITEMS:
        raise Corrupt(f"the columns have {sum(numbers)} parents, more than {MAX_ITEMS}")
    steps = iter(unpack_signed(reader, sum(numbers)).tolist())
    return [tuple(at - next(steps) for _ in range(number)) for at, number in enumerate(numbers)]


def pack_groups(groups: Sequence[Group]) -> bytes:
    """Return the sizes of groups, which are solid, and the columns of one after the other."""
    return b"".join(
        (
            varint(len(groups)),
            pack_words([2 * len(group.columns) + group.solid for group in groups]),
            pack_steps([at for group in groups for at in group.columns], ramp=1),
        )
    )


def unpack_groups(reader: ByteReader, size: int) -> tuple[Group, ...]:
    """Invert `pack_groups` for ``size`` columns; that each is there once is not yet checked."""
    number = reader.varint()
    if number > size:
        raise Corrupt(f"the index has {number} groups for {size} columns")
    codes = unpack_words(reader, number).tolist()
    if sum(code >> 1 for code in codes) != size:
        raise Corrupt("the groups do not hold every column exactly once")
    positions = unpack_steps(reader, size, ramp=1).tolist()
    groups, first = [], 0
    for code in codes:
        groups.append(Group(tuple(positions[first : first + (code >> 1)]), bool(code & 1)))
        first += code >> 1
    return tuple(groups)


def pack_model(model: StoredModel, groups: Sequence[Group]) -> bytes:
    """Return which model it is, which network codes each group, and what else that looks at."""
    networks = [0 if group.network is None else group.network + 1 for group in groups]
    learned = [group for group in groups if group.learned]
    steps = [group.columns[0] - at for group in learned for at in group.parents]
    return b"".join(
        (
            model.sha256,
            varint(model.size),
            pack_strings([model.name]),
            pack_words(networks),
            pack_words([len(group.parents) for group in learned]),
            pack_signed(steps),
        )
    )


def unpack_model(
    reader: ByteReader, groups: Sequence[Group], *, latent: bool
) -> tuple[StoredModel, tuple[Group, ...]]:
    """Invert `pack_model`: return the model and the groups, some of them learned."""
    sha256, size = bytes(reader.take(32)), reader.varint()
    (name,) = unpack_strings(reader, 1)
    networks = unpack_words(reader, len(groups)).tolist()
    numbers = iter(unpack_words(reader, sum(network > 0 for network in networks)).tolist())
    parents = [next(numbers) if network else 0 for network in networks]
    if sum(parents) > MAX_ITEMS:
        raise Corrupt(f"the groups have {sum(parents)} parents, more than {MAX_ITEMS}")
    steps = iter(unpack_signed(reader, sum(parents)).tolist())
    found = []
    for group, network, above in zip(groups, networks, parents, strict=True):
        if network and not group.columns:
            raise Corrupt("a group has no columns")
        places = tuple(group.columns[0] - next(steps) for _ in range(above))
        learned = replace(group, network=network - 1, parents=places)
        found.append(learned if network else group)
    return StoredModel(sha256, size, name, latent), tuple(found)
