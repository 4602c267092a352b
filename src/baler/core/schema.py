"""What is known of the data without their values: columns, and how fields are built from them.

A *column* is a flat array. A *field* is what the user sees under one name (a branch of a tree):
a tree of nodes whose leaves are columns. ``vector<float> Jet_pt`` of a NanoAOD file, for example,
is ``List("nJet", Leaf("Jet_pt"))``: the column ``Jet_pt`` holds the values of all events one after
the other, the column ``nJet`` says how many belong to each event.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from baler.errors import Corrupt

DTYPES = ("|b1", "|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8")
"""The dtypes of columns. Their order is part of the file format."""


@dataclass(frozen=True, slots=True)
class Column:
    """A name, a dtype, and the rule that gives its length in a chunk."""

    name: str
    dtype: np.dtype[Any]
    counts: str | None = None  # column whose sum is the number of rows; None: one row per entry
    width: int = 1  # values per row (the product of fixed array sizes)

    @property
    def is_float(self) -> bool:
        """Whether the column may have an error bound; all others are always exact."""
        return self.dtype.kind == "f"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value per row: the end of a branch of the type tree."""

    column: str


@dataclass(frozen=True, slots=True)
class List:
    """A list per row; ``counts`` names the column of lengths. Strings are lists of uint8."""

    counts: str
    content: Node
    kind: Literal["list", "string", "bytes"] = "list"


@dataclass(frozen=True, slots=True)
class Fixed:
    """A list of always ``size`` items per row."""

    size: int
    content: Node


@dataclass(frozen=True, slots=True)
class Record:
    """Named nodes side by side; ``name`` is the class name of the record, if it has one."""

    fields: tuple[tuple[str, Node], ...]
    name: str | None = None
    is_tuple: bool = False


@dataclass(frozen=True, slots=True)
class Option:
    """Values that may be missing: ``mask`` is a bool column, true where there is a value.

    The content has rows only for the values that are there; its columns use ``mask`` as counts.
    """

    mask: str
    content: Node


Node = Leaf | List | Fixed | Record | Option


@dataclass(frozen=True, slots=True)
class Field:
    """What the user sees under one name; ``title`` is its documentation in the source."""

    name: str
    node: Node
    title: str = ""


@dataclass(frozen=True)
class Schema:
    """All columns and fields of a source, and what else is worth keeping of it.

    Invariants, checked on construction: names are unique; a column's counts come before it; every
    column a node refers to exists.
    """

    columns: tuple[Column, ...]
    fields: tuple[Field, ...]
    source: Mapping[str, Any] = field(default_factory=dict)  # plain JSON: kind, tree name, title

    def __post_init__(self) -> None:
        """Check the invariants."""
        seen: set[str] = set()
        for column in self.columns:
            if column.name in seen:
                raise Corrupt(f"two columns are named {column.name!r}")
            if column.dtype.str not in DTYPES:
                raise Corrupt(
                    f"column {column.name!r} has dtype {column.dtype.str}, not one of {DTYPES}"
                )
            if column.counts is not None and column.counts not in seen:
                raise Corrupt(
                    f"counts {column.counts!r} of column {column.name!r} do not come before it"
                )
            if column.width < 0:
                raise Corrupt(f"column {column.name!r} has width {column.width}")
            seen.add(column.name)
        for item in self.fields:
            for name in columns_of(item.node):
                if name not in seen:
                    raise Corrupt(
                        f"field {item.name!r} refers to a column {name!r} that does not exist"
                    )

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Columns by their names."""
        return {column.name: column for column in self.columns}

    @cached_property
    def position(self) -> dict[str, int]:
        """Positions of columns by their names."""
        return {column.name: i for i, column in enumerate(self.columns)}


def columns_of(node: Node) -> Iterator[str]:
    """Yield the names of all columns that a node needs, counts before contents."""
    match node:
        case Leaf(column):
            yield column
        case List(counts, content) | Option(counts, content):
            yield counts
            yield from columns_of(content)
        case Fixed(_, content):
            yield from columns_of(content)
        case Record(fields):
            for _, content in fields:
                yield from columns_of(content)
