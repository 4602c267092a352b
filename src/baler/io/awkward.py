"""Between awkward arrays and flat columns: take arrays apart and put them together again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from baler.core.schema import (
    Column,
    Field,
    Fixed,
    Leaf,
    List,
    Node,
    Option,
    Record,
    columns_of,
)
from baler.errors import SourceError

Array = npt.NDArray[Any]

_STRINGS = {"string": ("string", "char"), "bytes": ("bytestring", "byte")}


def disassemble(
    fields: Iterable[tuple[Field, ak.Array | ak.contents.Content]],
    columns: Mapping[str, Column],
) -> dict[str, Array]:
    """Return the flat arrays of all columns that the fields refer to.

    Where fields share a column they must agree on its values. Raises SourceError, with the name
    of the field, if they do not, or if an array is not of the type that its node describes.
    """
    arrays: dict[str, Array] = {}
    for field, array in fields:
        layout = ak.to_layout(array)
        try:
            _Disassembly(columns, arrays).take(field.node, layout)
        except SourceError as error:
            raise SourceError(f"field {field.name!r}: {error}") from None
    return arrays


def assemble(node: Node, columns: Mapping[str, Array], rows: int) -> ak.Array:
    """Return the array of a field, of ``rows`` entries, from flat arrays; undoes `disassemble`."""
    return ak.Array(_layout(node, columns, rows))


class _Disassembly:
    """A walk down a node and a layout of its type, which collects flat arrays on the way."""

    def __init__(self, columns: Mapping[str, Column], arrays: dict[str, Array]) -> None:
        self._columns = columns
        self._arrays = arrays

    def take(self, node: Node, layout: ak.contents.Content) -> None:
        """Put the arrays of all columns of the node into the collection."""
        if layout.is_unknown:
            for name in columns_of(node):
                self._put(name, np.empty(0, self._columns[name].dtype))
            return
        if layout.is_option:
            layout = layout.to_IndexedOptionArray64()  # masks of other kinds are ambiguous
        if isinstance(node, Option):
            there = (
                np.asarray(layout.index) >= 0 if layout.is_option else np.ones(layout.length, bool)
            )
            self._put(node.mask, there)
            self.take(node.content, layout.project() if layout.is_option else layout)
            return
        if layout.is_option:
            layout = _without_option(layout)
        if layout.is_indexed:
            layout = layout.project()
        if layout.is_numpy and layout.purelist_depth > 1:
            layout = layout.to_RegularArray()
        self._take_plain(node, layout)

    def _take_plain(self, node: Node, layout: ak.contents.Content) -> None:
        match node:
            case Leaf(column) if layout.is_numpy:
                self._put(column, layout.data)
            case List(counts, content) if layout.is_list:
                offsets = layout.to_ListOffsetArray64(True)
                starts = np.asarray(offsets.offsets)
                self._put(counts, np.diff(starts))
                self.take(content, offsets.content[: starts[-1]])
            case Fixed(size, content) if layout.is_regular and layout.size == size:
                self.take(content, layout.content[: layout.length * size])
            case Record(members) if layout.is_record and len(members) == len(layout.fields):
                for name, content in members:
                    self.take(content, layout.content(name)[: layout.length])
            case _:
                raise SourceError(f"expected {_expected(node)}, found {layout.form.type}")

    def _put(self, name: str, values: Array) -> None:
        dtype = self._columns[name].dtype
        flat = np.ascontiguousarray(values.astype(dtype, copy=False)).reshape(-1)
        if flat.dtype.kind != values.dtype.kind and not np.array_equal(flat, values):
            raise SourceError(f"values of type {values.dtype} do not fit column {name!r} ({dtype})")
        if dtype.kind == "b":  # files hold booleans of any byte, which is then true
            flat = flat.view(np.uint8) != 0
        present = self._arrays.setdefault(name, flat)
        if present is flat:
            return
        if not np.array_equal(present.view(np.uint8), flat.view(np.uint8)):
            raise SourceError(f"does not agree with the values of {name!r}{_first(present, flat)}")


def _without_option(layout: ak.contents.IndexedOptionArray) -> ak.contents.Content:
    missing = int(np.count_nonzero(np.asarray(layout.index) < 0))
    if missing:
        raise SourceError(f"{missing} values are missing, which its type does not allow")
    return layout.project()


def _expected(node: Node) -> str:
    match node:
        case Fixed(size):
            return f"lists of {size}"
        case List():
            return "lists"
        case Record(members):
            return f"records of {len(members)} members"
        case _:
            return "numbers"


def _first(a: Array, b: Array) -> str:
    if a.size != b.size:
        return f" ({b.size} rows instead of {a.size})"
    (index,) = np.nonzero(a != b)
    return f" (row {index[0]}: {b[index[0]]} instead of {a[index[0]]})" if index.size else ""


def _layout(node: Node, columns: Mapping[str, Array], rows: int) -> ak.contents.Content:
    match node:
        case Leaf(column):
            return ak.contents.NumpyArray(columns[column])
        case List(counts, content, kind):
            offsets = np.zeros(rows + 1, np.int64)
            np.cumsum(columns[counts], out=offsets[1:])
            inner = _layout(content, columns, int(offsets[-1]))
            parameters = None
            if kind != "list":
                outer, letter = _STRINGS[kind]
                inner = ak.with_parameter(inner, "__array__", letter, highlevel=False)
                parameters = {"__array__": outer}
            return ak.contents.ListOffsetArray(
                ak.index.Index64(offsets), inner, parameters=parameters
            )
        case Fixed(size, content):
            inner = _layout(content, columns, rows * size)
            return ak.contents.RegularArray(inner, size, zeros_length=rows)
        case Record(members, name, is_tuple):
            return ak.contents.RecordArray(
                [_layout(content, columns, rows) for _, content in members],
                None if is_tuple else [member for member, _ in members],
                length=rows,
                parameters=None if name is None else {"__record__": name},
            )
        case Option(mask, content):
            there = columns[mask]
            index = np.where(there, np.cumsum(there, dtype=np.int64) - 1, -1)
            inner = _layout(content, columns, int(np.count_nonzero(there)))
            return ak.contents.IndexedOptionArray.simplified(ak.index.Index64(index), inner)
