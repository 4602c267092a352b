"""Latent networks evaluated number by number, in Python integers, from docs/latent.md."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from baler.latent import nodes
from baler.quantise.elementary import exp

ONE = 1 << 14
LIMIT = (1 << 20) - 1


def clip(x: Any) -> Any:
    return max(-LIMIT, min(LIMIT, x))


def shift(x: Any, bits: Any) -> Any:
    return (x + (1 << bits >> 1)) >> bits


def over(x: Any, by: Any) -> Any:
    """The quotient as a float64, rounded half up."""
    return math.floor(float(x) / float(by) + 0.5)


def e_to(x: Any) -> Any:
    return float(exp(np.array([x]))[0])


def function(name: str, x: Any) -> Any:
    if name == "relu":
        return max(0, x)
    if name == "leaky":
        return x if x >= 0 else (41 * x + 2048) >> 12
    near = max(-8 * ONE, min(8 * ONE, x))
    y = near / ONE
    if name == "tanh":
        y = 2.0 / (1.0 + e_to(-2.0 * y)) - 1.0
    elif name == "sigmoid":
        y = 1.0 / (1.0 + e_to(-y))
    elif name == "gelu":
        y = y / (1.0 + e_to(-1.702 * y))
    else:
        y = y / (1.0 + e_to(-y))
    if name in ("gelu", "silu") and x > 8 * ONE:
        return x
    return math.floor(y * ONE + 0.5)


def run(network: Any, inputs: Any, counts: Any) -> Any:
    """Return the outputs as arrays of objects (Python integers)."""
    given = iter(inputs)
    values = []
    for node in network.nodes:
        if isinstance(node, nodes.Input):
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
    w = node.weights.astype(object) if hasattr(node, "weights") else None
    b = [int(v) for v in node.bias] if hasattr(node, "bias") else []
    starts = [sum(counts[:i]) for i in range(len(counts))]
    match node:
        case nodes.Dense():
            return _channels(x, lambda r: [
                clip(shift(sum(int(w[o, i]) * v for i, v in enumerate(r)) + b[o], node.shift))
                for o in range(w.shape[0])
            ])  # fmt: skip
        case nodes.Affine():
            return _channels(
                x,
                lambda r: [clip(shift(int(w[i]) * v + b[i], node.shift)) for i, v in enumerate(r)],
            )
        case nodes.Activation():
            return _each(x, lambda v: function(node.function, v))
        case nodes.Add():
            return _each(x + inputs[1], clip)
        case nodes.Concat():
            return np.concatenate(inputs, -1)
        case nodes.Norm():
            return _channels(x, _norm)
        case nodes.Attention():
            return _attention(node, inputs, counts, starts)
        case nodes.Pool():
            rows = [
                np.array([over(v, c or 1) for v in x[s : s + c].sum(0)], object)
                if c else np.zeros(x.shape[1], object)
                for s, c in zip(starts, counts, strict=True)
            ]  # fmt: skip
            return np.array(rows, object).reshape(len(counts), x.shape[1])
        case nodes.Spread():
            return x[[i for i, c in enumerate(counts) for _ in range(c)]]
        case nodes.Neighbours():
            return _neighbours(node, inputs, counts, starts)
        case nodes.Gather():
            out = []
            for s, c in zip(starts, counts, strict=True):
                n = min(c - 1, x.shape[1])
                out += [[over(sum(x[i, :n, k]), n or 1) if n else 0 for k in range(x.shape[2])]
                        for i in range(s, s + c)]  # fmt: skip
            return np.array(out, object).reshape(len(x), x.shape[2])
        case nodes.Reshape():
            return x.reshape(-1, *node.shape)
        case nodes.Crop():
            return x[(slice(None), *(slice(0, n) for n in node.shape))]
        case nodes.Conv():
            return _conv(node, x, b)
        case nodes.Divisive():
            return _channels(x, lambda r: _divisive(node, r, w, b))
    raise TypeError(node)


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
            weights = [
                math.floor(e_to(max(z - top, -16 * ONE) / ONE) * 65536 + 0.5) for z in scores
            ]
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
