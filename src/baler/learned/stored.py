"""Models as bytes: a head that says what there is, then all numbers of one kind after another.

::

    magic, version (1 byte), CRC-32 of all that follows, structure, notes, weights, rows, offsets,
    odds, tables

Each part from the structure on has its length before it. Numbers are payloads of codecs, like the
columns of a file; how many there are follows from the structure.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.codecs import decode, encode
from baler.core.bounds import Exact
from baler.core.bytes import ByteReader, sized, sized_text, unzigzag, varint, zigzag
from baler.core.recipe import ColumnRecipe
from baler.core.schema import DTYPES
from baler.errors import Corrupt, NotABalerFile, TooNew, Truncated
from baler.learned import checks
from baler.learned.axis import MAX_ATOMS, Axis, Feature, Kind
from baler.learned.network import (
    NODES,
    ODDS,
    Base,
    CollectionNet,
    ColumnNet,
    ObjectSource,
    Shapes,
    Source,
    collection_shapes,
    column_shapes,
    object_width,
    source_width,
)
from baler.quantise.stored import read_lattice

Array = npt.NDArray[Any]

MAGIC = b"\x89BLM\r\n\x1a\n"
VERSION = 1
STRING = "a string in a model"
MAX_NUMBERS = 1 << 24
"""Weights of a model, or numbers of its tables; no reader allocates more."""
MAX_TEXT = 1 << 24
"""Bytes of structure, and of notes."""
_HEAD = len(MAGIC) + 1 + 4
_WEIGHTS = ("event", "parent", "previous", "peer", "object", "tally", "slot", "own", "heads")
_SECOND, _ACROSS = 1, 2


def pack_model(
    axes: Sequence[Axis],
    collections: Sequence[CollectionNet],
    odds: npt.NDArray[np.uint16],
    notes: Mapping[str, Any],
) -> bytes:
    """Return a model as bytes, the same ones each time."""
    structure = b"".join(
        (
            varint(len(axes)),
            *map(_pack_axis, axes),
            varint(len(collections)),
            *map(_pack_net, collections),
        )
    )
    text = json.dumps(
        dict(notes), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    arrays = list(_arrays(collections))
    body = b"".join(
        (
            _pack_text(structure),
            _pack_text(text.encode("utf-8")),
            _pack_numbers([a for name, a in arrays if name in _WEIGHTS], np.int16),
            _pack_numbers([a for name, a in arrays if _is_row(name)], np.int16),
            _pack_numbers([a for name, a in arrays if name == "offsets"], np.int32),
            _pack_numbers([np.diff(odds, prepend=odds.dtype.type(0))], np.uint16),
            _pack_tables([a for name, a in arrays if name == "tables"]),
        )
    )
    return MAGIC + bytes([VERSION]) + zlib.crc32(body).to_bytes(4, "little") + body


def unpack_model(
    data: bytes | memoryview,
) -> tuple[tuple[Axis, ...], tuple[CollectionNet, ...], npt.NDArray[np.uint16], Mapping[str, Any]]:
    """Invert `pack_model`; that networks fit their axes and each other is not yet checked."""
    body = _checked(data)
    structure = ByteReader(_unpack_text(body))
    notes = _unpack_notes(_unpack_text(body))
    axes = tuple(_unpack_axis(structure) for _ in _times(structure, checks.MAX_AXES, "axes"))
    plans = [_Plan(structure, axes) for _ in _times(structure, checks.MAX_COLLECTIONS, "networks")]
    structure.end()
    shapes = [shape for plan in plans for shape in plan.shapes()]
    weights = _Supply(body, np.int16, (shape for name, shape in shapes if name in _WEIGHTS))
    rows = _Supply(body, np.int16, (shape for name, shape in shapes if _is_row(name)))
    offsets = _Supply(body, np.int32, (shape for name, shape in shapes if name == "offsets"))
    odds = _unpack_numbers(body, ODDS, np.uint16)
    tables = _Tables(body, sum(shape[0] for name, shape in shapes if name == "tables"))
    body.end()
    supplies: dict[str, Callable[[tuple[int, ...]], Array]] = {
        "offsets": offsets.take,
        "tables": tables.take,
        **dict.fromkeys(_WEIGHTS, weights.take),
    }

    def fill(shapes: Shapes) -> dict[str, Array]:
        return {name: supplies.get(name, rows.take)(shape) for name, shape in shapes.items()}

    collections = tuple(plan.net(fill) for plan in plans)
    return axes, collections, np.cumsum(odds, dtype=np.uint16), notes


def _checked(data: bytes | memoryview) -> ByteReader:
    """Return the body of a model whose head and checksum are right."""
    start = bytes(data[: len(MAGIC)])
    if not MAGIC.startswith(start):
        raise NotABalerFile(f"not a model: it begins with {start.hex(' ')}, not {MAGIC.hex(' ')}")
    if len(data) < _HEAD:
        raise Truncated(f"a model has {len(data)} bytes; its head alone has {_HEAD}")
    version = data[len(MAGIC)]
    if version > VERSION:
        raise TooNew(f"a model has version {version}; this reader knows up to {VERSION}")
    if not version:
        raise Corrupt("a model has version 0, which there never was")
    body = memoryview(data)[_HEAD:]
    if zlib.crc32(body) != int.from_bytes(data[len(MAGIC) + 1 : _HEAD], "little"):
        raise Corrupt("a model does not match its checksum, or its end is missing")
    return ByteReader(body)


def _times(reader: ByteReader, limit: int, what: str) -> range:
    number = reader.varint()
    if number > limit:
        raise Corrupt(f"a model has {number} {what}; allowed are {limit}")
    return range(number)


# Structure


def _pack_axis(axis: Axis) -> bytes:
    return b"".join(
        (
            *map(sized_text, (axis.column, axis.counts, axis.bound)),
            bytes([DTYPES.index(axis.dtype.str), axis.lattice.code]),
            axis.lattice.parameters(),
            varint(len(axis.atoms)),
            *axis.atoms,
            bytes([axis.numeric | axis.signed << 1]),
            varint(axis.period),
            varint(zigzag(axis.center)),
            varint(len(axis.features)),
            *map(_pack_feature, axis.features),
        )
    )


def _unpack_axis(reader: ByteReader) -> Axis:
    column, counts, bound = (reader.text(STRING) for _ in range(3))
    code = reader.byte()
    if code >= len(DTYPES):
        raise Corrupt(f"a model has a column of unknown dtype {code}")
    dtype = np.dtype(DTYPES[code])
    lattice = read_lattice(reader.byte(), reader, dtype)
    atoms = tuple(bytes(reader.take(dtype.itemsize)) for _ in _times(reader, MAX_ATOMS, "atoms"))
    flags = reader.byte()
    if flags > 3:
        raise Corrupt(f"an axis of a model has the unknown flags {flags}")
    return Axis(
        column=column,
        dtype=dtype,
        counts=counts,
        bound=bound,
        lattice=lattice,
        atoms=atoms,
        numeric=bool(flags & 1),
        signed=bool(flags & 2),
        period=reader.varint(),
        center=unzigzag(reader.varint()),
        features=tuple(
            _unpack_feature(reader)
            for _ in _times(reader, checks.MAX_FEATURES, "features of a column")
        ),
    )


def _pack_feature(feature: Feature) -> bytes:
    head = bytes([feature.kind | feature.relative << 2, feature.shift])
    return head + varint(zigzag(feature.center)) + varint(zigzag(feature.multiplier))


def _unpack_feature(reader: ByteReader) -> Feature:
    flags, shift = reader.byte(), reader.byte()
    if flags > 7 or flags & 3 > max(Kind):
        raise Corrupt(f"a feature has the unknown kind {flags}")
    center, multiplier = (unzigzag(reader.varint()) for _ in range(2))
    return Feature(Kind(flags & 3), center, multiplier, shift, bool(flags & 4))


def _pack_sources(sources: Sequence[Source]) -> bytes:
    pairs = (varint(source.axis) + varint(source.rank) for source in sources)
    return varint(len(sources)) + b"".join(pairs)


def _unpack_sources(reader: ByteReader) -> tuple[Source, ...]:
    times = _times(reader, checks.MAX_SOURCES, "sources")
    return tuple(Source(reader.varint(), reader.varint()) for _ in times)


def _pack_object_source(source: ObjectSource) -> bytes:
    numbers = (source.kind, source.axis, zigzag(source.constant), len(source.inputs))
    return b"".join(map(varint, (*numbers, *source.inputs)))


def _unpack_object_source(reader: ByteReader) -> ObjectSource:
    kind, axis, constant = (reader.varint() for _ in range(3))
    inputs = tuple(reader.varint() for _ in _times(reader, checks.MAX_INPUTS, "inputs"))
    return ObjectSource(kind, axis, inputs, unzigzag(constant))


def _pack_weight(net: CollectionNet) -> bytes:
    if net.weight < 0:
        return varint(0)
    head = varint(net.weight + 1) + varint(zigzag(net.weight_first)) + varint(net.weight_count)
    return head + struct.pack("<d", net.weight_unit) + varint(net.slots)


def _unpack_weight(reader: ByteReader) -> dict[str, Any]:
    """Return the fields of weights that are not as without them."""
    weight = reader.varint() - 1
    if weight < 0:
        return {}
    first, count = unzigzag(reader.varint()), reader.varint()
    unit = struct.unpack("<d", reader.take(8))[0]
    return {
        "weight": weight,
        "weight_first": first,
        "weight_count": count,
        "weight_unit": unit,
        "slots": reader.varint(),
    }


def _pack_net(net: CollectionNet) -> bytes:
    return b"".join(
        (
            sized_text(net.counts),
            sized_text(net.key),
            *map(varint, (net.width // checks.STEP, net.rectified, len(net.rank_rows))),
            _pack_sources(net.event_sources),
            _pack_sources(net.parent_sources),
            varint(len(net.object_sources)),
            *map(_pack_object_source, net.object_sources),
            _pack_weight(net),
            varint(len(net.columns)),
            *map(_pack_column, net.columns),
        )
    )


def _pack_column(column: ColumnNet) -> bytes:
    numbers = (
        column.axis,
        column.base,
        column.base_axis,
        column.unit,
        zigzag(column.level),
        len(column.tables),
    )
    return b"".join(map(varint, numbers))


class _Plan:
    """The structure of one network, of which only the arrays are missing."""

    def __init__(self, reader: ByteReader, axes: Sequence[Axis]) -> None:
        """Read it."""
        self.counts, self.key = reader.text(STRING), reader.text(STRING)
        self.width, self.rectified = reader.varint() * checks.STEP, reader.varint()
        self.ranks = reader.varint()
        self.events, self.parents = _unpack_sources(reader), _unpack_sources(reader)
        times = _times(reader, checks.MAX_SOURCES, "sources")
        self.objects = tuple(_unpack_object_source(reader) for _ in times)
        self.weight = _unpack_weight(reader)
        times = _times(reader, checks.MAX_COLUMNS, "columns of a network")
        self.columns = [[reader.varint() for _ in range(6)] for _ in times]
        used = [source.axis for source in (*self.events, *self.parents)]
        used += [source.axis for source in self.objects]
        used += [column[0] for column in self.columns]
        if max(used, default=0) >= len(axes):
            raise Corrupt(f"a network uses axis {max(used)} of {len(axes)}")
        if self.width > checks.MAX_WIDTH or self.ranks > checks.MAX_RANKS:
            raise Corrupt(f"a network has {self.width} units and rows for {self.ranks} ranks")
        slots = self.weight.get("slots", 0)
        if slots > checks.MAX_SLOTS:
            raise Corrupt(f"a network has {slots} slots, not 0 to {checks.MAX_SLOTS}")
        if any(column[1] >= len(Base) or column[5] > checks.MAX_TABLES for column in self.columns):
            raise Corrupt("a network has a column with an unknown base, or too many tables")
        self._shapes = collection_shapes(
            self.width,
            self.ranks,
            sum(source_width(axes[source.axis]) for source in self.events),
            sum(source_width(axes[source.axis]) for source in self.parents),
            sum(len(axes[column[0]].features) for column in self.columns),
            has_key=bool(self.key),
            objects=object_width(axes, self.objects),
            has_weight=bool(self.weight),
            slots=slots,
        )
        self._column_shapes = [
            column_shapes(axes[column[0]], self.width, column[5]) for column in self.columns
        ]

    def shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Return names and shapes of all arrays, those of columns first."""
        for shapes in (*self._column_shapes, self._shapes):
            yield from shapes.items()

    def net(self, fill: Callable[[Shapes], dict[str, Array]]) -> CollectionNet:
        """Return the network with its arrays, which ``fill`` makes."""
        columns = tuple(
            ColumnNet(axis, Base(base), base_axis, unit, unzigzag(level), **fill(shapes))
            for (axis, base, base_axis, unit, level, _), shapes in zip(
                self.columns, self._column_shapes, strict=True
            )
        )
        return CollectionNet(
            counts=self.counts,
            key=self.key,
            rectified=self.rectified,
            columns=columns,
            event_sources=self.events,
            parent_sources=self.parents,
            object_sources=self.objects,
            **(self.weight | fill(self._shapes)),
        )


# Numbers


def _is_row(name: str) -> bool:
    return name not in (*_WEIGHTS, "offsets", "tables")


def _arrays(collections: Sequence[CollectionNet]) -> Iterator[tuple[str, Array]]:
    """Return names and arrays of all networks, in the order of `_Plan.shapes`."""
    for net in collections:
        parts: tuple[ColumnNet | CollectionNet, ...] = (*net.columns, net)
        for part in parts:
            for name in part.__slots__:
                if isinstance(array := getattr(part, name), np.ndarray):
                    yield name, array


def _nothing(position: int) -> Array:
    raise Corrupt(f"a payload in a model looks at column {position}")


def _pack_payload(numbers: Array) -> bytes:
    if numbers.size > MAX_NUMBERS:
        raise Corrupt(f"a model has {numbers.size} numbers of one kind; allowed are {MAX_NUMBERS}")
    return encode(numbers, ColumnRecipe(Exact()), _nothing) if numbers.size else b""


def _unpack_numbers(body: ByteReader, size: int, dtype: type[Any]) -> Array:
    if size > MAX_NUMBERS:
        raise Corrupt(f"a model has {size} numbers of one kind; allowed are {MAX_NUMBERS}")
    payload = body.sized()
    if not size and not payload:
        return np.empty(0, dtype)
    return decode(bytes(payload), np.dtype(dtype), size, _nothing)


def _pack_numbers(arrays: Sequence[Array], dtype: type[Any]) -> bytes:
    parts = [array.reshape(-1) for array in arrays]
    return sized(_pack_payload(np.concatenate([np.empty(0, dtype), *parts], dtype=dtype)))


def _pack_text(text: bytes) -> bytes:
    return varint(len(text)) + sized(_pack_payload(np.frombuffer(text, np.uint8)))


def _unpack_text(body: ByteReader) -> bytes:
    size = body.varint()
    if size > MAX_TEXT:
        raise Corrupt(f"a part of a model has {size} bytes; allowed are {MAX_TEXT}")
    return _unpack_numbers(body, size, np.uint8).tobytes()


def _unpack_notes(text: bytes) -> Mapping[str, Any]:
    try:
        notes = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"the notes of a model are not JSON: {error}") from None
    if not isinstance(notes, dict):
        raise Corrupt(f"the notes of a model are a {type(notes).__name__}, not a mapping")
    return notes


class _Supply:
    """Numbers of one kind that arrays of known shapes are cut from."""

    def __init__(
        self, body: ByteReader, dtype: type[Any], shapes: Iterator[tuple[int, ...]]
    ) -> None:
        """Read them all."""
        size = sum(int(np.prod(shape, dtype=object)) for shape in shapes)
        self._numbers = _unpack_numbers(body, size, dtype)
        self._at = 0

    def take(self, shape: tuple[int, ...]) -> Array:
        """Return the next array."""
        first = self._at
        self._at += int(np.prod(shape))
        return self._numbers[first : self._at].reshape(shape).copy()


def _pack_tables(tables: Sequence[Array]) -> bytes:
    """Return the differences of all tables, in whichever order is smallest."""
    rows = np.concatenate([np.empty((0, NODES), np.uint16), *tables])
    forms = (bytes([form]) + _pack_payload(_differences(rows, form)) for form in range(4))
    return sized(min(forms, key=len))


def _differences(rows: Array, form: int) -> Array:
    """Return differences along rows, once or twice, and perhaps between rows; modulo 2**16."""
    zero = rows.dtype.type(0)
    steps = np.diff(rows, axis=1, prepend=zero)
    if form & _SECOND:
        steps = np.diff(steps, axis=1, prepend=zero)
    if form & _ACROSS:
        steps = np.diff(steps, axis=0, prepend=zero)
    return steps.view(np.int16).reshape(-1)


class _Tables:
    """All tables of a model, one after the other."""

    def __init__(self, body: ByteReader, size: int) -> None:
        """Read them all."""
        if size * NODES > MAX_NUMBERS:
            raise Corrupt(f"a model has {size} tables; allowed are {MAX_NUMBERS // NODES}")
        part = ByteReader(body.sized())
        form = part.byte()
        if form > _SECOND | _ACROSS:
            raise Corrupt(f"the tables of a model have the unknown form {form}")
        steps = np.empty(0, np.int16)
        if size:
            steps = decode(bytes(part.rest()), np.dtype(np.int16), size * NODES, _nothing)
        part.end()
        rows = steps.view(np.uint16).reshape(size, NODES)
        if form & _ACROSS:
            rows = np.cumsum(rows, axis=0, dtype=np.uint16)
        for _ in range(2 if form & _SECOND else 1):
            rows = np.cumsum(rows, axis=1, dtype=np.uint16)
        self._rows, self._at = rows, 0

    def take(self, shape: tuple[int, ...]) -> Array:
        """Return the next tables."""
        first = self._at
        self._at += shape[0]
        return self._rows[first : self._at].copy()
