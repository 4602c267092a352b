"""Latent models as bytes (docs/latent.md, section 4).

::

    magic, version (1 byte), CRC-32 of all that follows, sized(structure and numbers)

and, in a file of a model but not in a ``.baler`` file, the encoder: CRC-32, sized(network).
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.codecs import decode, encode
from baler.core.bounds import Exact
from baler.core.bytes import ByteReader, sized, sized_text, varint
from baler.core.recipe import ColumnRecipe
from baler.core.schema import DTYPES
from baler.errors import Corrupt, NotABalerFile, TooNew, Truncated
from baler.latent.arithmetic import FUNCTIONS
from baler.latent.blocks import Blocks
from baler.latent.network import MOST_NODES, Network
from baler.latent.nodes import (
    KINDS,
    Activation,
    Affine,
    Attention,
    Conv,
    Crop,
    Dense,
    Divisive,
    Input,
    Neighbours,
    Node,
    Reshape,
)
from baler.latent.rows import Level
from baler.latent.views import Scale, View

Array = npt.NDArray[Any]
Parts = tuple[
    int, str, tuple[View, ...], Blocks | None, Network, tuple[npt.NDArray[np.int64], ...],
    Mapping[str, Any],
]  # fmt: skip

MAGIC = b"\x89BLA\r\n\x1a\n"
VERSION = 1
STRING = "a string in a model"
MOST_NUMBERS = 1 << 24
"""Weights and biases of a model's part; no reader allocates more."""
MOST_COLUMNS = 1 << 12
MOST_TEXT = 1 << 20
_HEAD = len(MAGIC) + 1 + 4


class _Body(ByteReader):
    """A part of a model, and how many numbers were read of it."""

    numbers = 0


def pack_decoding(
    kind: int,
    counts: str,
    views: Sequence[View],
    blocks: Blocks | None,
    decoder: Network,
    steps: Sequence[npt.NDArray[np.int64]],
    notes: Mapping[str, Any],
) -> bytes:
    """Return what decoding needs, the same bytes each time."""
    text = json.dumps(
        dict(notes), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
    body = b"".join(
        (
            bytes([kind]),
            sized_text(counts),
            varint(len(views)),
            *map(_pack_view, views),
            *(() if blocks is None else (_pack_shape(blocks.frame), _pack_shape(blocks.block))),
            pack_network(decoder),
            *(_pack_numbers(s.astype(np.int32)) for s in steps),
            sized(text.encode("utf-8")),
        )
    )
    body = sized(body)
    return MAGIC + bytes([VERSION]) + _crc(body) + body


def unpack_decoding(data: bytes | memoryview) -> tuple[Parts, int]:
    """Invert `pack_decoding`; tells how many bytes that took. What fits what is not yet checked."""
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
    body, size = _checked(memoryview(data)[_HEAD - 4 :])
    kind = body.byte()
    if kind > 2:
        raise Corrupt(f"a model is of the unknown kind {kind}")
    counts = body.text(STRING)
    views = tuple(_unpack_view(body) for _ in _times(body, MOST_COLUMNS, "columns"))
    blocks = Blocks(_unpack_shape(body), _unpack_shape(body)) if kind == 2 else None
    decoder = unpack_network(body)
    steps = tuple(
        _unpack_numbers(body, (form.channels,), np.int32).astype(np.int64)
        for form in decoder.inputs
    )
    notes = _unpack_notes(body.sized())
    body.end()
    return (kind, counts, views, blocks, decoder, steps, notes), _HEAD - 4 + size


def pack_encoding(encoder: Network) -> bytes:
    """Return the part of a model's file that only encoding needs."""
    body = sized(pack_network(encoder))
    return _crc(body) + body


def unpack_encoding(data: bytes | memoryview) -> Network:
    """Invert `pack_encoding`."""
    body, size = _checked(memoryview(data))
    if size != len(data):
        raise Corrupt(f"{len(data) - size} bytes are left over at the end of a model")
    network = unpack_network(body)
    body.end()
    return network


def _crc(body: bytes | memoryview) -> bytes:
    return zlib.crc32(body).to_bytes(4, "little")


def _checked(data: memoryview) -> tuple[_Body, int]:
    """Return a body that has its checksum and its size before it, and the size of all three."""
    reader = ByteReader(data)
    crc = bytes(reader.take(4))
    body = reader.sized()
    size = len(data) - len(reader)
    if crc != _crc(data[4:size]):
        raise Corrupt("a model does not match its checksum")
    return _Body(body), size


# Networks


def pack_network(network: Network) -> bytes:
    """Return nodes, each with its inputs and what it needs, and the outputs."""
    return b"".join(
        (
            varint(len(network.nodes)),
            *map(_pack_node, network.nodes),
            _pack_places(network.outputs),
        )
    )


def unpack_network(body: _Body) -> Network:
    """Invert `pack_network`."""
    nodes = tuple(_unpack_node(body) for _ in _times(body, MOST_NODES, "nodes"))
    return Network(nodes, _unpack_places(body))


def _pack_node(node: Node) -> bytes:
    head = bytes([node.code]) + _pack_places(node.inputs)
    match node:
        case Input():
            return head + bytes([node.level]) + _pack_shape(node.shape)
        case Conv():
            return head + bytes([node.stride, node.up]) + _pack_linear(node)
        case Divisive():
            return head + bytes([node.inverse]) + _pack_linear(node)
        case Dense() | Affine():
            return head + _pack_linear(node)
        case Activation():
            return head + bytes([FUNCTIONS.index(node.function)])
        case Attention():
            return head + varint(node.heads)
        case Neighbours():
            return head + varint(node.most)
        case Reshape() | Crop():
            return head + _pack_shape(node.shape)
    return head


def _unpack_node(body: _Body) -> Node:
    code = body.byte()
    if code >= len(KINDS):
        raise Corrupt(f"a network has a node of the unknown kind {code}")
    kind, inputs = KINDS[code], _unpack_places(body)
    if kind is Input:
        level = body.byte()
        if level > max(Level):
            raise Corrupt(f"a network has an input of the unknown level {level}")
        return Input(inputs, Level(level), _unpack_shape(body))
    if kind is Conv:
        stride, up = body.byte(), _flag(body)
        return Conv(inputs, *_unpack_linear(body), stride, up)
    if kind is Divisive:
        inverse = _flag(body)
        return Divisive(inputs, *_unpack_linear(body), inverse)
    if kind is Dense or kind is Affine:
        return kind(inputs, *_unpack_linear(body))
    if kind is Activation:
        function = body.byte()
        if function >= len(FUNCTIONS):
            raise Corrupt(f"a network has the unknown activation {function}")
        return Activation(inputs, FUNCTIONS[function])
    if kind is Attention or kind is Neighbours:
        return kind(inputs, body.varint())
    if kind is Reshape or kind is Crop:
        return kind(inputs, _unpack_shape(body))
    return kind(inputs)


def _flag(body: ByteReader) -> bool:
    value = body.byte()
    if value > 1:
        raise Corrupt(f"a flag in a network is {value}")
    return bool(value)


def _pack_linear(node: Dense | Affine | Conv | Divisive) -> bytes:
    return b"".join(
        (
            bytes([node.shift]),
            _pack_shape(node.weights.shape),
            _pack_numbers(node.weights.reshape(-1)),
            _pack_numbers(node.bias),
        )
    )


def _unpack_linear(
    body: _Body,
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64], int]:
    shift, shape = body.byte(), _unpack_shape(body)
    weights = _unpack_numbers(body, shape, np.int16)
    return weights, _unpack_numbers(body, shape[:1], np.int64), shift


# Small things


def _times(body: ByteReader, limit: int, what: str) -> range:
    number = body.varint()
    if number > limit:
        raise Corrupt(f"a model has {number} {what}; allowed are {limit}")
    return range(number)


def _pack_places(places: Sequence[int]) -> bytes:
    return varint(len(places)) + b"".join(map(varint, places))


def _unpack_places(body: ByteReader) -> tuple[int, ...]:
    return tuple(body.varint() for _ in _times(body, MOST_NODES, "inputs or outputs of a node"))


def _pack_shape(shape: Sequence[int]) -> bytes:
    return bytes([len(shape)]) + b"".join(map(varint, shape))


def _unpack_shape(body: ByteReader) -> tuple[int, ...]:
    axes = body.byte()
    if axes > 5:
        raise Corrupt(f"an array of a model has {axes} axes")
    shape = tuple(body.varint() for _ in range(axes))
    if math.prod(shape) > MOST_NUMBERS or not all(shape):
        raise Corrupt(f"an array of a model has the shape {shape}")
    return shape


def _pack_numbers(numbers: Array) -> bytes:
    return sized(encode(numbers, ColumnRecipe(Exact()), _nothing))


def _unpack_numbers(body: _Body, shape: tuple[int, ...], dtype: type[Any]) -> Array:
    payload, size = body.sized(), math.prod(shape)
    body.numbers += size
    if body.numbers > MOST_NUMBERS:
        raise Corrupt(f"a model has more than {MOST_NUMBERS} numbers")
    return decode(payload, np.dtype(dtype), size, _nothing).reshape(shape)


def _nothing(position: int) -> Array:
    raise Corrupt(f"numbers of a model look at column {position}")


def _pack_view(view: View) -> bytes:
    head = sized_text(view.column) + bytes([DTYPES.index(view.dtype.str), view.scale])
    return head + struct.pack("<ddd", view.centre, view.spread, view.unit)


def _unpack_view(body: ByteReader) -> View:
    column, dtype, scale = body.text(STRING), body.byte(), body.byte()
    if dtype >= len(DTYPES) or scale > max(Scale):
        raise Corrupt(f"the view of {column!r} has dtype {dtype} and scale {scale}")
    numbers = (body.float64() for _ in range(3))
    return View(column, np.dtype(DTYPES[dtype]), Scale(scale), *numbers)


def _unpack_notes(text: memoryview) -> Mapping[str, Any]:
    if len(text) > MOST_TEXT:
        raise Corrupt(f"the notes of a model have {len(text)} bytes, more than {MOST_TEXT}")
    try:
        notes = json.loads(bytes(text).decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"the notes of a model are not JSON: {error}") from None
    if not isinstance(notes, dict):
        raise Corrupt("the notes of a model are not a JSON object")
    return notes
