"""Writing ROOT files, with a TTree or an RNTuple in them."""

from __future__ import annotations

import abc
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from baler.core.chunk import Array, Chunk
from baler.core.schema import (
    Column,
    Field,
    Fixed,
    Leaf,
    List,
    Node,
    Option,
    Record,
    Schema,
    columns_of,
)
from baler.errors import UsageError, some
from baler.io.awkward import assemble
from baler.io.sink import FileSink

FORMS = ("ttree", "rntuple")
DEFAULT_TREE = "Events"

_FORBIDDEN = re.compile(r"[./\\\s\x00-\x1f\x7f]")  # in names of RNTuple fields
_HALF = np.dtype("<f2")


def create_root(target: Path, schema: Schema, *, form: str | None, overwrite: bool) -> FileSink:
    """Return a sink for a TTree or an RNTuple; without ``form``, like the original if possible."""
    if form not in (None, *FORMS):
        raise UsageError(f"no form {form!r} of ROOT files; known are {', '.join(FORMS)}")
    if not schema.fields:
        raise UsageError(f"there are no fields to write to {str(target)!r}")
    misfits = [field.name for field in schema.fields if not _fits_tree(field.node)]
    if form == "ttree" and misfits:
        raise UsageError(f"a TTree cannot hold {len(misfits)} of the fields: {', '.join(misfits)}")
    wanted = form or schema.source.get("kind", "ttree")
    if wanted == "rntuple" or misfits:
        why = [] if wanted == "rntuple" else misfits
        return NTupleSink(target, schema, overwrite=overwrite, misfits=why)
    return TreeSink(target, schema, overwrite=overwrite)


def _fits_tree(node: Node) -> bool:
    """Tell whether a branch can hold a field: numbers, arrays of fixed size, jagged, strings."""
    match node:
        case List(_, Leaf(), kind):
            return kind != "bytes"
        case Fixed(size, content):
            return size > 0 and isinstance(content, Leaf | Fixed) and _fits_tree(content)
        case _:
            return isinstance(node, Leaf)


class _RootSink(FileSink):
    """What writing either kind of tree has in common."""

    def __init__(self, target: Path, schema: Schema, *, overwrite: bool) -> None:
        super().__init__(target, schema, overwrite=overwrite)
        self._name = str(schema.source.get("name") or DEFAULT_TREE)
        self._title = str(schema.source.get("title") or "")
        self._file: Any = None
        self._tree: Any = None
        self._half = [column.name for column in schema.columns if column.dtype == _HALF]
        if self._half:
            self.add_note(f"half-precision numbers are written as float32: {some(self._half)}")
        if titled := sum(bool(field.title) for field in schema.fields):
            self.add_note(f"the titles of {titled} branches are not written")
        if schema.source.get("kind") in FORMS:
            self.add_note("other objects of the original file are not written")

    def _open(self, path: Path) -> None:
        self._file = uproot.recreate(path, compression=uproot.ZSTD(5))
        self._tree = self._make()

    def _close(self, *, complete: bool) -> None:
        if self._file is not None:
            self._file.close()

    @abc.abstractmethod
    def _make(self) -> Any:
        """Create an empty tree in the file."""

    def _widened(self, columns: Mapping[str, Array]) -> Mapping[str, Array]:
        half = {name: columns[name].astype(np.float32) for name in self._half if name in columns}
        return {**columns, **half}

    def _empty(self, node: Node) -> ak.Array:
        columns = {name: np.empty(0, self._schema.by_name[name].dtype) for name in columns_of(node)}
        return assemble(node, self._widened(columns), 0)


class TreeSink(_RootSink):
    """Writes a TTree; branches that shared a counter share it again."""

    def __init__(self, target: Path, schema: Schema, *, overwrite: bool) -> None:
        """Decide which counters there will be."""
        super().__init__(target, schema, overwrite=overwrite)
        self._counters = _counters(schema)
        self._add_notes()

    def _add_notes(self) -> None:
        fields = {field.name for field in self._schema.fields}
        invented = sorted(set(self._counters.values()) - fields)
        if invented:
            self.add_note(f"counters that the original does not show are added: {some(invented)}")
        changed = sorted(
            name
            for name in set(self._counters.values()) & fields
            if self._schema.by_name[name].dtype != np.dtype("<i4")
        )
        if changed:
            self.add_note(f"counters become 32-bit signed integers: {some(changed)}")

    def _make(self) -> Any:
        types = {field.name: self._empty(field.node).type.content for field in self._schema.fields}
        return self._file.mktree(
            self._name, types, self._title, counter_name=self._counters.__getitem__
        )

    def write(self, chunk: Chunk) -> None:
        """Append the entries of a chunk."""
        columns = self._widened(chunk.columns)
        arrays = {
            field.name: assemble(field.node, columns, chunk.entries)
            for field in self._schema.fields
        }
        self._tree.extend(arrays)


def _counters(schema: Schema) -> dict[str, str]:
    """Return the name of the counter of every jagged branch."""
    scalars = {
        field.node.column: field.name
        for field in schema.fields
        if isinstance(field.node, Leaf) and _can_count(schema.by_name[field.node.column])
    }
    taken = {field.name for field in schema.fields}
    names: dict[str, str] = {}  # counts column -> counter
    counters = {}
    for field in schema.fields:
        if not isinstance(field.node, List) or field.node.kind != "list":
            continue
        counts = field.node.counts
        if counts not in names:
            name = scalars.get(counts)
            if name is None:
                name = "n" + counts.removesuffix(".counts")
                while name in taken:
                    name += "_"
                taken.add(name)
            names[counts] = name
        counters[field.name] = names[counts]
    return counters


def _can_count(column: Column) -> bool:
    return column.dtype.kind in "iu" and column.counts is None and column.width == 1


class NTupleSink(_RootSink):
    """Writes an RNTuple; ``misfits`` are fields for which it is one instead of a TTree."""

    def __init__(
        self, target: Path, schema: Schema, *, overwrite: bool, misfits: Sequence[str] = ()
    ) -> None:
        """Give names that an RNTuple may have to all fields."""
        super().__init__(target, schema, overwrite=overwrite)
        if misfits:
            because = f"the file holds an RNTuple, because a TTree cannot hold {some(misfits)}"
            self._notes.insert(0, because)
        self._fields = list(_renamed(schema.fields))
        pairs = zip(schema.fields, self._fields, strict=True)
        changed = [f"{old.name} ({new.name})" for old, new in pairs if old.name != new.name]
        if changed:
            self.add_note(f"fields get names that an RNTuple may have: {some(changed)}")
        self._add_notes()

    def _add_notes(self) -> None:
        records = [field.name for field in self._fields if any(map(_is_named, _walk(field.node)))]
        if records:
            self.add_note(f"class names of records are not written: {some(records)}")
        texts = [field.name for field in self._fields if any(map(_is_bytes, _walk(field.node)))]
        if texts:
            self.add_note(f"byte strings are written as lists of uint8: {some(texts)}")

    def _make(self) -> Any:
        forms = [self._empty(field.node).layout.form for field in self._fields]
        form = ak.forms.RecordForm(forms, [field.name for field in self._fields])
        return self._file.mkrntuple(self._name, form, self._title)

    def write(self, chunk: Chunk) -> None:
        """Append the entries of a chunk."""
        columns = self._widened(chunk.columns)
        layouts = [assemble(field.node, columns, chunk.entries).layout for field in self._fields]
        names = [field.name for field in self._fields]
        self._tree.extend(ak.Array(ak.contents.RecordArray(layouts, names, chunk.entries)))


def _renamed(fields: Iterable[Field]) -> Iterable[Field]:
    fields = list(fields)
    taken = {field.name for field in fields if not _FORBIDDEN.search(field.name)}
    for field in fields:
        name = field.name
        if _FORBIDDEN.search(name):
            name = _FORBIDDEN.sub("_", name)
            while name in taken:
                name += "_"
            taken.add(name)
        yield replace(field, name=name, node=_members_renamed(field.node))


def _members_renamed(node: Node) -> Node:
    match node:
        case Record(fields, name, is_tuple):
            inner = [Field(member, content) for member, content in fields]
            return Record(tuple((f.name, f.node) for f in _renamed(inner)), name, is_tuple)
        case List() | Fixed() | Option():
            return replace(node, content=_members_renamed(node.content))
        case _:
            return node


def _walk(node: Node) -> Iterator[Node]:
    yield node
    match node:
        case Record(fields):
            for _, content in fields:
                yield from _walk(content)
        case List() | Fixed() | Option():
            yield from _walk(node.content)
        case _:
            pass


def _is_named(node: Node) -> bool:
    return isinstance(node, Record) and node.name is not None


def _is_bytes(node: Node) -> bool:
    return isinstance(node, List) and node.kind == "bytes"
