"""The second decoder's half for predicted columns, written from docs/latent.md alone.

It shares no code with the package. Numbers in comments are sections of that page. Networks are
evaluated number by number, in Python integers.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.reference_decoder import (
    DTYPES,
    F8,
    Array,
    Cursor,
    Refused,
    atan2,
    decode_payload,
    exp,
    require,
    sinh,
)

ONE = 1 << 14
LIMIT = (1 << 20) - 1
RELU, LEAKY, TANH, SIGMOID, GELU, SILU = range(6)
I2, I4, I8 = DTYPES[2], DTYPES[3], DTYPES[4]
NONE = np.zeros(0, object)


@dataclass
class Node:
    """One node; what it does not have is 0 or empty."""

    kind: int
    inputs: list[int]
    level: int = 0
    shape: tuple[int, ...] = ()
    shift: int = 0
    weights: Any = field(default_factory=lambda: NONE)
    bias: Any = field(default_factory=lambda: NONE)
    code_of_function: int = 0
    heads: int = 1
    most: int = 0
    stride: int = 1
    up: int = 0
    inverse: int = 0


@dataclass
class Network:
    """Nodes and which of them come out."""

    nodes: list[Node]
    outputs: list[int]

    @property
    def inputs(self) -> list[Node]:
        return [node for node in self.nodes if node.kind == 0]


@dataclass
class View:
    """How one column is seen (2)."""

    column: str
    dtype: Any
    scale: int
    centre: float
    spread: float
    unit: float

    def values(self, numbers: Any) -> Array:
        """Give the values of numbers, (values, channels)."""
        x = np.array(numbers, F8).reshape(len(numbers), -1)
        if self.scale == 3:
            y = atan2(x[:, 1], x[:, 0]) * (self.unit / (2 * float.fromhex("1.921fb54442d18p+1")))
        else:
            y = self.centre + self.spread * (x[:, 0] / ONE)
            if self.scale == 1:
                y = np.array([exp(v) for v in y])
            if self.scale == 2:
                y = self.unit * sinh(y)
        if self.dtype.kind == "b":
            return y >= 0.5
        if self.dtype.kind == "f":
            most = float(np.finfo(self.dtype).max)
            return np.clip(y, -most, most).astype(self.dtype)
        limits = np.iinfo(self.dtype)
        low, high = max(int(limits.min), -(2**53)), min(int(limits.max), 2**53)
        return np.array([max(low, min(high, round(v))) for v in y.tolist()], self.dtype)


@dataclass
class Model:
    """What a model says (5)."""

    kind: int
    counts: str
    views: list[View]
    frame: tuple[int, ...]
    block: tuple[int, ...]
    decoder: Network
    steps: list[list[int]]


def read_model(data: bytes, sha256: bytes) -> Model:
    """Read a model (5)."""
    require(hashlib.sha256(data).digest() == sha256, "another model")
    require(data[:8] == bytes.fromhex("89424C410D0A1A0A") and data[8] == 1, "not a model")
    require(zlib.crc32(data[13:]) == int.from_bytes(data[9:13], "little"), "damaged model")
    outer = Cursor(data[13:])
    body = Cursor(outer.sized())
    outer.end()
    kind = body.byte()
    require(kind < 3, "unknown kind")
    counts = body.sized().decode("utf-8", "surrogatepass")
    views = [read_view(body) for _ in range(body.varint())]
    frame = block = ()
    if kind == 2:
        frame, block = read_shape(body), read_shape(body)
    decoder = read_network(body)
    steps = [read_numbers(body, node.shape[-1:], I4).tolist() for node in decoder.inputs]
    require(isinstance(json.loads(body.sized()), dict), "notes that are no object")
    body.end()
    return Model(kind, counts, views, frame, block, decoder, steps)


def read_view(body: Cursor) -> View:
    name = body.sized().decode("utf-8", "surrogatepass")
    dtype, scale = DTYPES[body.byte()], body.byte()
    require(scale < 4, "unknown scale")
    return View(name, dtype, scale, body.double(), body.positive(), body.positive())


def read_shape(body: Cursor) -> tuple[int, ...]:
    axes = body.byte()
    require(axes <= 5, "too many axes")
    return tuple(body.varint() for _ in range(axes))


def read_numbers(body: Cursor, shape: tuple[int, ...], dtype: Any) -> Array:
    from collections import Counter

    found = decode_payload(body.sized(), dtype, math.prod(shape), {}, Counter())
    return found.reshape(shape)


def read_network(body: Cursor) -> Network:
    """Read nodes and outputs (3, 5)."""
    nodes = [read_node(body) for _ in range(body.varint())]
    return Network(nodes, [body.varint() for _ in range(body.varint())])


def read_node(body: Cursor) -> Node:
    kind = body.byte()
    node = Node(kind, [body.varint() for _ in range(body.varint())])
    match kind:
        case 0:
            node.level, node.shape = body.byte(), read_shape(body)
        case 3:
            node.code_of_function = body.byte()
        case 7:
            node.heads = body.varint()
        case 10:
            node.most = body.varint()
        case 12 | 15:
            node.shape = read_shape(body)
        case 13:
            node.stride, node.up = body.byte(), body.byte()
        case 14:
            node.inverse = body.byte()
    if kind in (1, 2, 13, 14):
        node.shift = body.byte()
        shape = read_shape(body)
        node.weights = read_numbers(body, shape, I2).astype(object)
        node.bias = read_numbers(body, shape[:1], I8).astype(object)
    return node


def predict(
    model: Model, stream: bytes, counts: list[int], entries: int
) -> tuple[list[Array], list[Array] | None]:
    """Give the predicted values of all columns, and their classes (4)."""
    numbers = [-(-n // b) for n, b in zip((entries, *model.frame), model.block, strict=False)]
    if model.kind == 2:
        counts = [1] * math.prod(numbers)
    body = Cursor(stream)
    coarse = body.varint()
    require(1 <= coarse <= 2**20, "coarseness")
    inputs = []
    for node, steps in zip(model.decoder.inputs, model.steps, strict=True):
        rows = sum(counts) if node.level == 0 else len(counts)
        lines = []
        for step in steps:
            size = rows * math.prod(node.shape[:-1])
            line = read_numbers(body, (size,), I4).astype(object)
            lines.append(line * max(1, min(LIMIT, (step * coarse * 2 + 256) // 512)))
        inputs.append(np.stack(lines, -1).reshape(rows, *node.shape))
    body.end()
    found, *classes = run(model.decoder, inputs, counts)
    if model.kind == 2:
        found, *classes = (joined(model, x, numbers, entries) for x in (found, *classes))
    values, at = [], 0
    for view in model.views:
        channels = 2 if view.scale == 3 else 1
        values.append(view.values(found[:, at : at + channels]))
        at += channels
    if not classes:
        return values, None
    split = [[max(0, min(15, (y + 8192) >> 14)) for y in column] for column in classes[0].T]
    return values, [np.array(column, np.uint8) for column in split]


def joined(model: Model, x: Any, numbers: list[int], entries: int) -> Any:
    """Put blocks together, cell by cell."""
    whole = x.reshape(*numbers, *model.block, x.shape[-1])
    cells = itertools.product(range(entries), *map(range, model.frame))
    places = (
        (*(c // b for c, b in zip(cell, model.block, strict=True)),
         *(c % b for c, b in zip(cell, model.block, strict=True)))
        for cell in cells
    )  # fmt: skip
    rows = [whole[place] for place in places]
    return np.array(rows, object).reshape(len(rows), x.shape[-1])


def clip(x: Any) -> Any:
    return max(-LIMIT, min(LIMIT, x))


def shift(x: Any, bits: Any) -> Any:
    return (x + (1 << bits >> 1)) >> bits


def over(x: Any, by: Any) -> Any:
    """The quotient as a float64, rounded half up."""
    return math.floor(float(x) / float(by) + 0.5)


def function(code: int, x: int) -> Any:
    if code == RELU:
        return max(0, x)
    if code == LEAKY:
        return x if x >= 0 else (41 * x + 2048) >> 12
    near = max(-8 * ONE, min(8 * ONE, x))
    y = near / ONE
    if code == TANH:
        y = 2.0 / (1.0 + exp(-2.0 * y)) - 1.0
    elif code == SIGMOID:
        y = 1.0 / (1.0 + exp(-y))
    elif code == GELU:
        y = y / (1.0 + exp(-1.702 * y))
    else:
        y = y / (1.0 + exp(-y))
    if code in (GELU, SILU) and x > 8 * ONE:
        return x
    return math.floor(y * ONE + 0.5)


def run(network: Any, inputs: Any, counts: Any) -> Any:
    """Return the outputs as arrays of objects (Python integers)."""
    given = iter(inputs)
    values = []
    for node in network.nodes:
        if node.kind == 0:
            x = np.vectorize(clip, otypes=[object])(next(given).astype(np.int64).astype(object))
        else:
            x = _node(node, [values[at] for at in node.inputs], [int(c) for c in counts])
        values.append(x)
    return [values[at] for at in network.outputs]


def _channels(x: Any, of: Any) -> Any:
    """Apply a function of the list of channels."""
    flat = x.reshape(-1, x.shape[-1])
    found = [of(list(row)) for row in flat]
    out = np.empty((len(found), len(of([0] * x.shape[-1]))), object)
    for i, row in enumerate(found):
        out[i] = row
    return out.reshape(*x.shape[:-1], out.shape[1])


def _each(x: Any, of: Any) -> Any:
    return np.vectorize(of, otypes=[object])(x) if x.size else x


def _node(node: Any, inputs: Any, counts: Any) -> Any:
    x = inputs[0]
    w, b = node.weights, [int(v) for v in node.bias]
    starts = [sum(counts[:i]) for i in range(len(counts))]
    match node.kind:
        case 1:  # dense
            return _channels(x, lambda r: [
                clip(shift(sum(int(w[o, i]) * v for i, v in enumerate(r)) + b[o], node.shift))
                for o in range(w.shape[0])
            ])  # fmt: skip
        case 2:  # affine
            return _channels(
                x,
                lambda r: [clip(shift(int(w[i]) * v + b[i], node.shift)) for i, v in enumerate(r)],
            )
        case 3:  # activation
            return _each(x, lambda v: function(node.code_of_function, v))
        case 4:  # add
            return _each(x + inputs[1], clip)
        case 5:  # concat
            return np.concatenate(inputs, -1)
        case 6:  # norm
            return _channels(x, _norm)
        case 7:  # attention
            return _attention(node, inputs, counts, starts)
        case 8:  # pool
            rows = [
                np.array([over(v, c or 1) for v in x[s : s + c].sum(0)], object)
                if c else np.zeros(x.shape[1], object)
                for s, c in zip(starts, counts, strict=True)
            ]  # fmt: skip
            return np.array(rows, object).reshape(len(counts), x.shape[1])
        case 9:  # spread
            return x[[i for i, c in enumerate(counts) for _ in range(c)]]
        case 10:  # neighbours
            return _neighbours(node, inputs, counts, starts)
        case 11:  # gather
            out = []
            for s, c in zip(starts, counts, strict=True):
                n = min(c - 1, x.shape[1])
                out += [[over(sum(x[i, :n, k]), n or 1) if n else 0 for k in range(x.shape[2])]
                        for i in range(s, s + c)]  # fmt: skip
            return np.array(out, object).reshape(len(x), x.shape[2])
        case 12:  # reshape
            return x.reshape(-1, *node.shape)
        case 15:  # crop
            return x[(slice(None), *(slice(0, n) for n in node.shape))]
        case 13:  # conv
            return _conv(node, x, b)
        case 14:  # divisive
            return _channels(x, lambda r: _divisive(node, r, w, b))
    raise Refused("unknown node")


def _norm(row: Any) -> Any:
    n = len(row)
    mean = over(sum(row), n)
    apart = [v - mean for v in row]
    variance = math.floor(float(sum(a * a for a in apart)) / n) + 1
    return [clip(over(a * ONE, math.sqrt(variance))) for a in apart]


def _attention(node: Any, inputs: Any, counts: Any, starts: Any) -> Any:
    q, k, v = inputs
    width = q.shape[1] // node.heads
    scale = 2.0**14 * math.sqrt(width)
    out = np.zeros(q.shape, object)
    for s, c in zip(starts, counts, strict=True):
        for i, h in itertools.product(range(s, s + c), range(node.heads)):
            at = slice(h * width, (h + 1) * width)
            scores = [over(sum(q[i, at] * k[j, at]), scale) for j in range(s, s + c)]
            top = max(scores)
            weights = [math.floor(exp(max(z - top, -16 * ONE) / ONE) * 65536 + 0.5) for z in scores]
            for d in range(at.start, at.stop):
                total = sum(w * v[s + j, d] for j, w in enumerate(weights))
                out[i, d] = clip(over(total, sum(weights)))
    return out


def _neighbours(node: Any, inputs: Any, counts: Any, starts: Any) -> Any:
    x, position = inputs
    out = np.zeros((len(x), node.most, x.shape[1] + 3), object)
    for s, c in zip(starts, counts, strict=True):
        for i in range(s, s + c):
            found = []
            for j in range(s, s + c):
                if i == j:
                    continue
                (ei, ci, si), (ej, cj, sj) = position[i], position[j]
                eta = ej - ei
                cosine, sine = shift(ci * cj + si * sj, 14), shift(sj * ci - cj * si, 14)
                found.append((eta * eta + 2 * ONE * (ONE - cosine), j, eta, cosine, sine))
            for place, (_, j, *rest) in enumerate(sorted(found)[: node.most]):
                out[i, place] = [clip(v) for v in (*x[j], *rest)]
    return out


def _conv(node: Any, x: Any, b: Any) -> Any:
    kernel, axes = node.weights.shape[1:-1], range(1, x.ndim - 1)
    steps = 1 if node.up else node.stride
    sizes = [n * node.stride if node.up else n for n in x.shape[1:-1]]
    out_sizes = [-(-n // steps) for n in sizes]
    out = np.zeros((x.shape[0], *out_sizes, node.weights.shape[0]), object)
    before = [
        max((m - 1) * steps + k - n, 0) // 2
        for m, k, n in zip(out_sizes, kernel, sizes, strict=True)
    ]

    def cell(row: Any, place: Any) -> Any:
        if any(not 0 <= p < n for p, n in zip(place, sizes, strict=True)):
            return None
        if node.up:
            if any(p % node.stride for p in place):
                return None
            place = tuple(p // node.stride for p in place)
        return x[(row, *place)]

    assert len(kernel) == len(axes)
    for row, place in itertools.product(
        range(x.shape[0]), itertools.product(*map(range, out_sizes))
    ):
        sums = list(b)
        for offset in itertools.product(*map(range, kernel)):
            at = tuple(p * steps + o - q for p, o, q in zip(place, offset, before, strict=True))
            seen = cell(row, at)
            if seen is not None:
                for o in range(len(sums)):
                    weights = node.weights[(o, *offset)]
                    sums[o] += sum(int(w) * v for w, v in zip(weights, seen, strict=True))
        out[(row, *place)] = [clip(shift(total, node.shift)) for total in sums]
    return out


def _divisive(node: Any, row: Any, w: Any, b: Any) -> Any:
    near = [max(1 - (1 << 18), min((1 << 18) - 1, v)) for v in row]
    found = []
    for o, v in enumerate(row):
        total = sum(int(w[o, i]) * n * n for i, n in enumerate(near)) + b[o]
        root = math.floor(math.sqrt(total >> node.shift)) + 1
        found.append(
            clip(shift(v * min(root, 1 << 30), 14)) if node.inverse else clip(over(v * ONE, root))
        )
    return found
