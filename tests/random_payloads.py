"""Random payloads by docs/format.md: all that a decoder must know, likely or not.

Sizes and parameters are not what an encoder would choose; codes and combinations are what one may.
"""

from __future__ import annotations

import lzma
import struct
from typing import Any

import numpy as np
import zstandard
from pcodec import ChunkConfig, wrapped

Array = np.ndarray[Any, np.dtype[Any]]
Parents = dict[int, Array]

CODES = ["?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8"]
DTYPES = [np.dtype(code) for code in CODES]
ARITIES = [
    1, 2, 2, 2, 2, 1, 1, 2, 2, 3, 3, 4, 2, 3, 4, 2, 1, 2, 2, 3, 3, 2, 2, 2, 2, 2, 3, 4, 2, 8, 6, 8,
    6,
]  # of formulas  # fmt: skip
INTEGER_FORMULAS = [0, 1, 2, 3, 6, 16, 17]
LOOKUPS = (16, 17)
SPECIAL = [0.0, -0.0, 1, -1, -2, 0.5, np.inf, -np.inf, np.nan, 1e-320, 6e-8, 65504, 1e308]
LZMA = [{"id": lzma.FILTER_LZMA2, "lc": 3, "lp": 0, "pb": 0, "dict_size": 2**24}]


def varint(value: int) -> bytes:
    """Return an unsigned integer in base 128."""
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def sized(body: bytes) -> bytes:
    """Return bytes after their size."""
    return varint(len(body)) + body


def bits(values: Array) -> Array:
    """See values as unsigned integers."""
    return values.view(f"<u{values.dtype.itemsize}")


class Maker:
    """Makes payloads and the columns that they look at, from a seed."""

    def __init__(self, seed: int) -> None:
        self.g = np.random.default_rng(seed)

    def pick(self, options: Any) -> Any:
        return options[int(self.g.integers(len(options)))]

    def column(self, dtype: Any, n: int) -> Array:
        """Return values of all kinds."""
        g = self.g
        if dtype.kind == "b":
            return g.random(n) < 0.5
        kind = g.integers(4)
        if kind == 0:
            return np.frombuffer(g.bytes(n * dtype.itemsize), dtype)
        if dtype.kind != "f":
            return g.integers(0, [2, 5, 100][kind - 1], n).astype(dtype)
        if kind == 1:
            values = g.choice(np.array(SPECIAL), n)
        else:
            values = g.normal(0, 1, n) if kind == 2 else np.exp(g.normal(0, 30, n))
        with np.errstate(over="ignore", under="ignore"):
            return values.astype(dtype)

    def parents(self, n: int) -> Parents:
        """Return some columns, and one of another length."""
        positions = self.g.choice(300, int(self.g.integers(7)), replace=False)
        return {int(p): self.column(self.pick(DTYPES), n) for p in positions} | {
            400: self.column(self.pick(DTYPES), n + 1)
        }

    def exact(self, x: Array, parents: Parents, depth: int) -> bytes:
        """Return a payload of given values."""
        n, dtype, data = len(x), x.dtype, x.tobytes()
        fitting = [p for p, v in parents.items() if len(v) == n]
        options = [0, 0, 2, 2, 3, 3, 4]
        if n and data == data[: dtype.itemsize] * n:
            options += [1] * 6
        if depth < 9:
            options += [6] * 6 if dtype.kind == "b" else [5] * 2
            options += [14] * 2 * (dtype.kind in "iu")
            options += [7] * 2 * (n > 0) + [9] * 2 * bool(fitting)
        code = self.pick(options)
        if code == 0:
            body = data
        elif code == 1:
            body = data[: dtype.itemsize]
        elif code == 2:
            body = pco(x.view("u1") if dtype.kind == "b" else x)
        elif code == 3:
            body = zstandard.ZstdCompressor(write_content_size=False).compress(data)
        elif code == 4:
            body = lzma.compress(data, lzma.FORMAT_RAW, filters=LZMA)
        elif code == 5:
            planes = np.frombuffer(data, "u1").reshape(n, dtype.itemsize).T.tobytes()
            body = self.exact(np.frombuffer(planes, "u1"), parents, depth + 1)
        elif code == 6:
            body = self.exact(np.packbits(x, bitorder="little"), parents, depth + 1)
        elif code == 7:
            distinct, ranks = np.unique(bits(x), return_inverse=True)
            body = varint(len(distinct))
            body += sized(self.exact(distinct.view(dtype), parents, depth + 1))
            width = "u1" if len(distinct) <= 256 else "<u2"
            body += self.exact(ranks.astype(width), parents, depth + 1)
        elif code == 14:
            body = self.residuals(x, parents, depth)
        else:
            position, hidden, seen, rest = self.mask(n, parents, fitting)
            value = x[~seen][:1] if not seen.all() else np.zeros(1, dtype)
            if x[~seen].tobytes() != value.tobytes() * int((~seen).sum()):
                return b"\0" + data
            body = varint(position) + hidden + value.tobytes()
            body += self.exact(x[seen], rest, depth + 1)
        return bytes([code]) + body

    def residuals(self, x: Array, parents: Parents, depth: int) -> bytes:
        """Return the body of residuals of integers."""
        sizes: list[int] = []
        rows = len(x)
        while len(sizes) < 7 and self.g.random() < 0.7:
            sizes.append(self.pick([d for d in (1, 2, 3, 5, rows) if d and rows % d == 0]))
            rows //= sizes[-1]
        times = [self.pick([0, 0, 1, 1, 2, 7]) for _ in range(1 + len(sizes))]
        whole = bits(x).reshape(rows, *sizes)
        for dimension, often in enumerate(times):
            for _ in range(often):
                whole = np.diff(whole, axis=dimension, prepend=whole.dtype.type(0))
        reverse = self.g.random() < 0.5
        stored = (whole.T if reverse else whole).reshape(-1)
        stored = np.where(stored >> (8 * x.itemsize - 1), ~(stored << 1), stored << 1)
        head = bytes([len(sizes) + 8 * reverse]) + b"".join(map(varint, sizes)) + bytes(times)
        return head + self.exact(stored, parents, depth + 1)

    def mask(
        self, n: int, parents: Parents, fitting: list[int]
    ) -> tuple[int, bytes, Array, Parents]:
        """Return a parent, its hidden value, where it is not hidden, and what is seen there."""
        position = self.pick(fitting)
        values = parents[position]
        hidden = np.array([self.pick(values)]) if n else np.zeros(1, values.dtype)
        seen = bits(values) != bits(hidden)
        return position, hidden.tobytes(), seen, {p: parents[p][seen] for p in fitting}

    def payload(self, dtype: Any, n: int, parents: Parents, depth: int = 0) -> bytes:
        """Return a payload of values that only a decoder will know."""
        fitting = [p for p, v in parents.items() if len(v) == n]
        kind = self.g.integers(10)
        if kind < 2 or depth > 7:
            return self.exact(self.column(dtype, n), parents, depth)
        if kind == 2 and fitting:
            position = self.pick(fitting)
            other = parents[position].dtype
            if other == dtype or (other.kind in "biu" and dtype.kind in "biu"):
                return b"\x08" + varint(position)
        if kind == 3 and fitting:
            position, hidden, seen, rest = self.mask(n, parents, fitting)
            head = b"\x09" + varint(position) + hidden + self.column(dtype, 1).tobytes()
            return head + self.payload(dtype, int(seen.sum()), rest, depth + 1)
        return b"\x0a" + self.grid(dtype, n, parents, fitting, depth)

    def positive(self) -> bytes:
        """Return a positive number of any size."""
        return struct.pack("<d", np.exp(self.g.normal(0, self.pick([0.1, 1, 3, 10, 100]))))

    def grid(self, dtype: Any, n: int, parents: Parents, fitting: list[int], depth: int) -> bytes:
        """Return the body of a grid."""
        g = self.g
        lattice = self.pick([1, 2, 3, 5, 5] + [4, 4] * bool(fitting)) if dtype.kind == "f" else 0
        dithered = lattice >= 3 and g.random() < 0.5
        usable = [p for p in fitting if dtype.kind == "f" or parents[p].dtype.kind != "f"]
        predicted = bool(usable) and g.random() < 0.6
        formula = self.pick(range(len(ARITIES)) if dtype.kind == "f" else INTEGER_FORMULAS)
        centred = lattice >= 3 and predicted and not dithered and formula not in LOOKUPS
        centred = centred and g.random() < 0.7
        head = lattice | centred * 32 | dithered * 64 | predicted * 128
        body = bytes([head]) + (g.bytes(8) if dithered else b"")
        if lattice == 1:
            body += bytes([int(g.integers(8 * dtype.itemsize))])
        elif lattice == 2:
            body += bytes([int(g.integers(19))])
        elif lattice == 3:
            body += self.positive()
        elif lattice == 4:
            body += self.positive() + varint(self.pick(fitting))
        elif lattice == 5:
            phase, lowest = (
                int(g.integers(2 ** int(g.integers(1, 62)))),
                self.pick([0, 1, -5, -9999]),
            )
            body += varint(self.pick([1, 2, 3, 7, 100, 1000])) + bytes([int(g.integers(7))])
            body += varint(phase) + varint(lowest + 2**40)
            body += struct.pack("<d", self.pick([0, 1, g.random()]))
        if predicted:
            body += bytes([formula])
            chosen = [self.pick(usable) for _ in range(ARITIES[formula])]
            body += b"".join(map(varint, chosen)) + self.positive()
        huge = [2**62, 2**63 - 1, -(2**63), int(g.integers(-(2**40), 2**40))]
        base = self.pick([0, 0, 0, -1, 5, -100, 2000, *huge])
        atoms = self.pick([0, 0, 1, 3, 64])
        body += varint(2 * base if base >= 0 else -2 * base - 1)
        body += varint(atoms) + self.column(dtype, atoms).tobytes()
        width = int(g.integers(4))
        highest = min(self.pick([1, 3, 80, 200, 2**40]), 2 ** (8 << width) - 1)
        symbols = g.integers(0, highest, n, dtype=np.uint64, endpoint=True)
        escapes = int((symbols == atoms).sum()) if g.random() < 0.6 else 0
        if predicted and formula in LOOKUPS:
            highest = min(highest, 2 ** (8 << width) - 2)
            symbols = np.minimum(symbols, np.uint64(highest))
            escapes = min(escapes, int((symbols == atoms).sum()))
            symbols = looked_up(symbols, [parents[p] for p in chosen])
        body += varint(escapes)
        if escapes:
            body += sized(self.payload(dtype, escapes, parents, depth + 1))
        return (
            body
            + bytes([width])
            + self.exact(symbols.astype(DTYPES[5 + width]), parents, depth + 1)
        )


def looked_up(symbols: Array, keys: list[Array]) -> Array:
    """Return what a lookup stores: often 0 where the first row with the same keys has the same."""
    first: dict[bytes, int] = {}
    stored = symbols + np.uint64(1)
    for i, symbol in enumerate(symbols.tolist()):
        k = first.setdefault(b"".join(key[i].tobytes() for key in keys), i)
        if k < i and symbols[k] == symbol and i % 7:
            stored[i] = 0
    return stored


def pco(values: Array) -> bytes:
    """Return numbers in pcodec's wrapped format."""
    file = wrapped.FileCompressor()
    body: bytes = file.write_header()
    if len(values):
        chunk = file.chunk_compressor(np.ascontiguousarray(values), ChunkConfig(enable_8_bit=True))
        body += chunk.write_meta() + chunk.write_page(0)
    return body
