"""The sections of the index that describe columns: schema, bounds, parents and groups."""

from __future__ import annotations

from collections.abc import Sequence
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
from baler.container.layout import MAX_ITEMS, MAX_SHARED
from baler.core.bounds import Bound, Exact, parse
from baler.core.bytes import ByteReader, varint
from baler.core.recipe import ColumnRecipe, Group
from baler.core.schema import DTYPES, Column, Schema
from baler.errors import BadBound, Corrupt


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
