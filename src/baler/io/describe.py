"""From the type of a field to its node and columns.

Nodes and columns follow from types alone, never from values, so that they are the same in every
chunk. Columns are named by these rules:

* the values of a field ``F`` are the column ``F``, a member ``m`` of a record in it ``F.m``;
* the lengths of lists are ``F.counts``, and those of lists in these lists ``F.counts.counts``;
* which values are there, where some may be missing, is ``F.mask``;
* a name that is taken gets its last part once more (``.counts``, ``.mask``), or ``#2``, ``#3``, ...
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import awkward as ak
import numpy as np

from baler.core.schema import DTYPES, Column, Fixed, Leaf, List, Node, Option, Record
from baler.errors import SourceError

COUNTS = np.dtype("<u4")
"""The dtype of counts that the source does not hold as a field of their own."""

_MASK = np.dtype("|b1")
_UNKNOWN = np.dtype("<f8")  # what awkward makes of a type that no value has decided
_KINDS: dict[str | None, Literal["string", "bytes"]] = {"string": "string", "bytestring": "bytes"}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the type of a field a node is, and how many rows it has."""

    field: str
    path: str
    rows: str | None = None  # the column whose sum is the number of rows
    width: int = 1
    counts: str | None = None  # the column of lengths, where a list here has a known one
    stored: bool = False  # whether form keys name stored arrays

    def __str__(self) -> str:
        inner = self.path.removeprefix(self.field).removeprefix(".")
        return f"field {self.field!r}" + (f", member {inner!r}," if inner else "")

    def inside(self, rows: str) -> _Place:
        """Return the place of what has as many rows as the values of a column add up to."""
        return replace(self, rows=rows, width=1, counts=None)

    def times(self, size: int) -> _Place:
        """Return the place of what is here ``size`` times per row."""
        return replace(self, width=self.width * size, counts=None)

    def member(self, name: str) -> _Place:
        """Return the place of a member of the record that is here."""
        return replace(self, path=f"{self.path}.{name}", counts=None)


class Describer:
    """Turns the types of fields into nodes, and columns with unique names."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        """Start without columns; ``reserved`` are the names of all fields that are to come."""
        self._reserved = frozenset(reserved)
        self._columns: dict[str, Column] = {}
        self._stored: dict[str, str] = {}  # key of a stored array -> its column

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns so far, each after its counts."""
        return tuple(self._columns.values())

    def field(
        self, name: str, form: ak.forms.Form, counts: str | None = None, *, stored: bool = False
    ) -> Node:
        """Return the node of a field of this type, and remember its columns.

        ``counts`` names a column described before, for lists whose lengths are known to be its
        values. With ``stored``, the form keys of the type name stored arrays: arrays of the same
        key, in whichever fields, become one column. Raises SourceError for a type that columns
        cannot hold; then no column is remembered.
        """
        before = dict(self._columns), dict(self._stored)
        try:
            return self._node(form, _Place(name, name, counts=counts, stored=stored))
        except SourceError:
            self._columns, self._stored = before
            raise

    def counts(self, name: str) -> str:
        """Return the name of a new column of counts for lists that belong together."""
        return self._add(f"{name}.counts", ".counts", COUNTS, _Place(name, name))

    def _node(self, form: ak.forms.Form, at: _Place) -> Node:
        if form.is_union:
            raise SourceError(f"{at} is a union of types, which columns cannot hold")
        if form.is_option:
            mask = self._column(form, at, f"{at.path}.mask", ".mask", _MASK)
            return Option(mask, self._node(form.content, at.inside(mask)))
        if form.is_indexed:
            return self._node(form.content, at)
        if form.is_record:
            members = zip(form.fields, form.contents, strict=True)
            return Record(
                tuple((name, self._node(content, at.member(name))) for name, content in members),
                form.parameters.get("__record__"),
                form.is_tuple,
            )
        kind = _KINDS.get(form.parameters.get("__array__"))
        if form.is_regular and kind is None:
            return Fixed(form.size, self._node(form.content, at.times(form.size)))
        if form.is_list:
            counts = at.counts or self._column(form, at, f"{at.path}.counts", ".counts", COUNTS)
            return List(counts, self._node(form.content, at.inside(counts)), kind or "list")
        if form.is_unknown:
            return Leaf(self._column(form, at, at.path, "", _UNKNOWN))
        return self._numbers(form, at)

    def _numbers(self, form: ak.forms.NumpyForm, at: _Place) -> Node:
        try:
            dtype = np.dtype(form.primitive).newbyteorder("<")
        except TypeError:
            dtype = np.dtype("O")
        if dtype.str not in DTYPES:
            raise SourceError(
                f"{at} has values of type {form.primitive}, which columns cannot hold"
            )
        place = at.times(math.prod(form.inner_shape))
        node: Node = Leaf(self._column(form, place, at.path, "", dtype))
        for size in reversed(form.inner_shape):
            node = Fixed(size, node)
        return node

    def _column(
        self, form: ak.forms.Form, at: _Place, name: str, suffix: str, dtype: np.dtype[Any]
    ) -> str:
        if not at.stored or form.form_key is None:
            return self._add(name, suffix, dtype, at)
        # A field that is the number of items in a list shares the list's offsets on disk.
        key = form.form_key.removesuffix("-cardinality")
        found = self._columns.get(self._stored.get(key, ""))
        if (
            found is not None
            and (found.counts, found.width) == (at.rows, at.width)
            and (found.dtype == dtype or (suffix == ".counts" and found.dtype.kind in "iu"))
        ):
            return found.name
        self._stored[key] = added = self._add(name, suffix, dtype, at)
        return added

    def _add(self, name: str, suffix: str, dtype: np.dtype[Any], at: _Place) -> str:
        own = name == at.field and not suffix
        unique, number = name, 1
        while unique in self._columns or (unique in self._reserved and not own):
            number += 1
            unique = unique + suffix if suffix else f"{name}#{number}"
            own = False
        self._columns[unique] = Column(unique, dtype, at.rows, at.width)
        return unique
