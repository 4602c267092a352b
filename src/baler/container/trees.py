"""Fields and their node trees, as the index stores them: one list per kind of information.

The nodes of all fields are written in preorder. What most fields have in common (a leaf for the
next column, in a list with the counts of the field before) becomes zeros, which cost next to
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from baler.container.arrays import (
    pack_steps,
    pack_strings,
    pack_words,
    unpack_steps,
    unpack_strings,
    unpack_words,
)
from baler.container.layout import MAX_DEPTH, MAX_ITEMS
from baler.core.bytes import ByteReader, varint
from baler.core.schema import Field, Fixed, Leaf, List, Node, Option, Record, Schema
from baler.errors import Corrupt

LEAF, LIST, STRING, BYTES, FIXED, OPTION, RECORD, TUPLE, NAMED_RECORD, NAMED_TUPLE = range(10)

_LISTS: dict[int, Literal["list", "string", "bytes"]] = {
    LIST: "list",
    STRING: "string",
    BYTES: "bytes",
}
_LIST_CODES = {kind: code for code, kind in _LISTS.items()}


def pack_fields(schema: Schema) -> bytes:
    """Return names and node trees of all fields of a schema; titles are kept elsewhere."""
    streams = _Streams()
    own_names, names = [], []
    for item in schema.fields:
        streams.add(item.node, schema.position)
        own = not streams.leaves or item.name != schema.columns[streams.leaves[-1]].name
        own_names.append(int(own))
        names += [item.name] * own
    if max(len(streams.kinds), len(schema.fields)) > MAX_ITEMS:
        raise Corrupt(f"the fields have {len(streams.kinds)} nodes, more than {MAX_ITEMS}")
    return b"".join(
        (
            varint(len(schema.fields)),
            varint(len(streams.kinds)),
            pack_words(streams.kinds),
            pack_steps(streams.leaves, ramp=1),
            pack_steps(streams.counts),
            pack_words(streams.sizes),
            pack_words(streams.lengths),
            pack_strings(streams.names),
            pack_words(own_names),
            pack_strings(names),
        )
    )


def unpack_fields(reader: ByteReader, columns: Sequence[str]) -> list[Field]:
    """Invert `pack_fields`; the fields have no titles yet."""
    size, nodes = reader.varint(), reader.varint()
    if max(size, nodes) > MAX_ITEMS:
        raise Corrupt(f"the index has {size} fields of {nodes} nodes, more than {MAX_ITEMS}")
    source = _Source(reader, nodes, columns)
    own_names = unpack_words(reader, size).tolist()
    if not set(own_names) <= {0, 1}:
        raise Corrupt("a field has a name of an unknown kind")
    names = iter(unpack_strings(reader, sum(own_names)))
    fields = []
    for own in own_names:
        node = source.node()
        if not own and source.last is None:
            raise Corrupt("a field is named after a column, but there is none before it")
        fields.append(Field(next(names) if own else str(source.last), node))
    source.end()
    return fields


@dataclass(slots=True)
class _Streams:
    """What nodes consist of, in preorder."""

    kinds: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)  # positions of the columns of leaves
    counts: list[int] = field(default_factory=list)  # positions of counts and masks
    sizes: list[int] = field(default_factory=list)  # of fixed lists
    lengths: list[int] = field(default_factory=list)  # numbers of fields of records
    names: list[str] = field(default_factory=list)  # of records, if they have one, and their fields

    def add(self, node: Node, position: Mapping[str, int], depth: int = 1) -> None:
        """Append a node and all nodes in it."""
        if depth > MAX_DEPTH:
            raise Corrupt(f"a field is nested deeper than {MAX_DEPTH} nodes")
        contents: Sequence[Node] = ()
        match node:
            case Leaf(column):
                self.kinds.append(LEAF)
                self.leaves.append(position[column])
            case List(counts, content, kind):
                self.kinds.append(_LIST_CODES[kind])
                self.counts.append(position[counts])
                contents = (content,)
            case Option(mask, content):
                self.kinds.append(OPTION)
                self.counts.append(position[mask])
                contents = (content,)
            case Fixed(size, content):
                self.kinds.append(FIXED)
                self.sizes.append(size)
                contents = (content,)
            case Record(fields, name, is_tuple):
                self.kinds.append(_record_code(name is not None, is_tuple))
                self.lengths.append(len(fields))
                self.names += [*(() if name is None else (name,)), *(key for key, _ in fields)]
                contents = [content for _, content in fields]
        for content in contents:
            self.add(content, position, depth + 1)


class _Source:
    """Builds nodes from what `_Streams` held."""

    def __init__(self, reader: ByteReader, nodes: int, columns: Sequence[str]) -> None:
        """Read all streams."""
        kinds = unpack_words(reader, nodes).tolist()
        if kinds and max(kinds) > NAMED_TUPLE:
            raise Corrupt(f"the index has a node of unknown kind {max(kinds)}")
        number = [kinds.count(kind) for kind in range(NAMED_TUPLE + 1)]
        self.last: str | None = None  # the column of the leaf before
        self._kinds = iter(kinds)
        leaves = unpack_steps(reader, number[LEAF], ramp=1).tolist()
        self._leaves = _named(leaves, columns)
        counts = unpack_steps(reader, sum(number[LIST : BYTES + 1]) + number[OPTION]).tolist()
        self._counts = _named(counts, columns)
        self._sizes = iter(unpack_words(reader, number[FIXED]).tolist())
        lengths = unpack_words(reader, sum(number[RECORD:])).tolist()
        if sum(lengths) > nodes:
            raise Corrupt(f"records have {sum(lengths)} fields, more than there are nodes")
        self._lengths = iter(lengths)
        self._names = iter(unpack_strings(reader, sum(number[NAMED_RECORD:]) + sum(lengths)))

    def node(self, depth: int = 1) -> Node:
        """Return the next node with all nodes in it."""
        if depth > MAX_DEPTH:
            raise Corrupt(f"a field is nested deeper than {MAX_DEPTH} nodes")
        kind = next(self._kinds, None)
        if kind is None:
            raise Corrupt("the nodes of the fields end too early")
        if kind == LEAF:
            self.last = next(self._leaves)
            return Leaf(self.last)
        if kind in _LISTS:
            return List(next(self._counts), self.node(depth + 1), _LISTS[kind])
        if kind == OPTION:
            return Option(next(self._counts), self.node(depth + 1))
        if kind == FIXED:
            return Fixed(next(self._sizes), self.node(depth + 1))
        name = next(self._names) if kind in (NAMED_RECORD, NAMED_TUPLE) else None
        keys = [next(self._names) for _ in range(next(self._lengths))]
        fields = tuple((key, self.node(depth + 1)) for key in keys)
        return Record(fields, name, kind in (TUPLE, NAMED_TUPLE))

    def end(self) -> None:
        """Raise Corrupt if there are nodes that belong to no field."""
        if next(self._kinds, None) is not None:
            raise Corrupt("there are more nodes than the fields need")


def _record_code(named: bool, is_tuple: bool) -> int:
    return RECORD + is_tuple + 2 * named


def _named(positions: Sequence[int], columns: Sequence[str]) -> Iterator[str]:
    if positions and not 0 <= min(positions) <= max(positions) < len(columns):
        raise Corrupt(f"a node refers to a column outside 0 to {len(columns) - 1}")
    return (columns[at] for at in positions)
