"""A second decoder, written from docs/format.md alone, to show that the page is complete.

It shares no code with the package. Clarity comes before speed: what is done once per column or per
table entry is done in plain Python integers, what is done per value in NumPy. Numbers in comments
are sections of the page.
"""

import json
import lzma
import math
import re
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import zstandard
from pcodec import wrapped

Array = np.ndarray[Any, np.dtype[Any]]
Parents = dict[int, Array]

MAGIC = bytes.fromhex("89424C520D0A1A0A")
ZSTD = bytes.fromhex("28B52FFD")
VOCABULARY = Path(__file__).parents[1] / "src/baler/container/vocabulary.xz"
CODES = ["?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8"]
DTYPES = [np.dtype(code) for code in CODES]
U1, U8, F8 = DTYPES[5], DTYPES[8], DTYPES[11]
LEAF, LIST, STRING, BYTES, FIXED, OPTION, RECORD, TUPLE, NAMED_RECORD, NAMED_TUPLE = range(10)


class Refused(ValueError):
    """The file is not what the page says a file is."""


def require(truth: Any, what: str) -> None:
    """Refuse the file unless something is true."""
    if not truth:
        raise Refused(what)


@dataclass(frozen=True)
class Node:
    """One node of the tree of a field (5.3)."""

    kind: int
    column: int | None = None  # of a leaf's values, a list's counts, an option's mask
    size: int | None = None  # of a fixed list
    name: str | None = None  # of a record that has one
    names: tuple[str, ...] = ()  # of the fields of a record
    contents: tuple["Node", ...] = ()


@dataclass
class Description:
    """All that a file says beside the values of its columns."""

    names: list[str]  # of columns
    dtypes: list[Any]
    counts: list[int | None]
    widths: list[int]
    bounds: list[str]
    parents: list[list[int]]
    groups: list[tuple[list[int], bool]]  # positions of columns; is it solid?
    entries: list[int]  # of each chunk
    fields: dict[str, Node]
    learned: dict[int, tuple[int, list[int]]] = field(
        default_factory=dict
    )  # group: network, parents
    model: tuple[bytes, int, str] | None = None  # SHA-256, size in the file, where it came from
    titles: list[str] | None = None
    source: Any = None
    kept: Any = None
    met: Counter[str] = field(default_factory=Counter)  # what was used, and how often


# ---------------------------------------------------------------- 4. Basic encodings


def from_lzma(data: bytes, size: int) -> bytes:
    """Decompress a raw LZMA2 stream that is known to give so many bytes."""
    coder = {"id": lzma.FILTER_LZMA2, "lc": 3, "lp": 0, "pb": 0, "dict_size": 2**24}
    stream = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[coder])
    plain = stream.decompress(data, size + 1)
    require(len(plain) == size and stream.eof and not stream.unused_data, "bad LZMA stream")
    return plain


def from_vocabulary(data: bytes, size: int) -> bytes:
    """Decompress a zstd frame whose matches may begin in the vocabulary (5)."""
    said = zstandard.get_frame_parameters(data).content_size
    require(said in (size, zstandard.CONTENTSIZE_UNKNOWN), "wrong size in a zstd frame")
    words = zstandard.ZstdCompressionDict(
        lzma.decompress(VOCABULARY.read_bytes()), dict_type=zstandard.DICT_TYPE_RAWCONTENT
    )
    plain = zstandard.ZstdDecompressor(dict_data=words).decompress(
        data, max_output_size=size, allow_extra_data=False
    )
    require(len(plain) == size, "bad zstd frame")
    return plain


def unfold(n: int) -> int:
    """Map 0, 1, 2, 3, 4 to 0, -1, 1, -2, 2."""
    return n // 2 if n % 2 == 0 else -(n + 1) // 2


class Cursor:
    """Reads bytes from first to last."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, size: int) -> bytes:
        require(0 <= size <= self.left(), "ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def rest(self) -> bytes:
        return self.take(self.left())

    def end(self) -> None:
        require(self.left() == 0, "bytes left over")

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value = 0
        for shift in range(0, 70, 7):
            byte = self.byte()
            value |= (byte & 127) << shift
            if byte < 128:
                require((byte or shift == 0) and value < 2**64, "varint too long or too large")
                return value
        raise Refused("varint too long")

    def double(self) -> float:
        return float(struct.unpack("<d", self.take(8))[0])

    def positive(self) -> float:
        value = self.double()
        require(0 < value < math.inf, "a step that is not positive and finite")
        return value

    def sized(self) -> bytes:
        return self.take(self.varint())

    def values(self, n: int, dtype: Any) -> Array:
        """Read n values as they are."""
        return as_values(self.take(n * dtype.itemsize), n, dtype)

    def words(self, n: int) -> list[int]:
        w = self.byte()
        require(w <= 8, "words wider than 8 bytes")
        planes = self.take(w * n)
        require(any(planes[(w - 1) * n :]) if w else True, "a plane too many")
        total = np.zeros(n, U8)
        for i in range(w):
            plane = np.frombuffer(planes, U1, n, i * n)
            total |= plane.astype(U8) << np.uint64(8 * i)
        return [int(x) for x in total]

    def signed(self, n: int) -> list[int]:
        return [unfold(word) for word in self.words(n)]

    def steps(self, n: int, ramp: int, m: int = 1) -> list[list[int]]:
        """Read n rows of m integers."""
        differences, rows, last = self.signed(n * m), [], [0] * m
        for i in range(n):
            row = differences[i * m : (i + 1) * m]
            total = (a + b + ramp for a, b in zip(last, row, strict=True))
            last = [(x + 2**63) % 2**64 - 2**63 for x in total]
            rows.append(last)
        return rows

    def column(self, n: int, ramp: int) -> list[int]:
        """Read steps of one integer each."""
        return [row[0] for row in self.steps(n, ramp)]

    def strings(self, n: int | None) -> list[str]:
        data = self.sized()
        require(not data or data[-1] == 0, "string without an end")
        parts = data.split(b"\0")[:-1]
        require(n is None or len(parts) == n, "wrong number of strings")
        return [p.replace(b"\xc0\x80", b"\0").decode("utf-8", "surrogatepass") for p in parts]

    def part(self) -> bytes:
        """Read one of the two large parts of the index (5)."""
        size, stored = self.varint(), self.varint()
        require(stored <= size <= 2**28, "bad size of a part of the index")
        data = self.take(stored)
        if stored == size:
            return data
        return from_vocabulary(data, size) if data[:4] == ZSTD else from_lzma(data, size)


def as_values(data: bytes, n: int, dtype: Any) -> Array:
    """Take bytes as little-endian values; booleans are 0 or 1."""
    require(len(data) == n * dtype.itemsize, "wrong number of bytes")
    require(dtype.kind != "b" or not data or max(data) <= 1, "a boolean that is neither 0 nor 1")
    return np.frombuffer(data, dtype, n)


# ---------------------------------------------------------------- 5. Index


def read_core(
    core: Cursor, room: int, version: int
) -> tuple[Description, list[list[int]], list[list[int]]]:
    """Read the core; room is what is left in the index behind it."""
    added = core.strings(None)
    c = len(added)
    require(c <= 2**20, "too many columns")
    names: list[str] = []
    for text, kept in zip(added, core.words(c), strict=True):
        before = names[-1] if names else ""
        require(kept <= min(255, len(before)), "takes over too much of a name")
        names.append(before[:kept] + text)
    require(len(set(names)) == c, "columns of the same name")

    codes = core.words(c)
    require(all(code < 12 for code in codes), "unknown dtype")
    counts = [k - 1 if k else None for k in core.column(c, 0)]
    require(all(k is None or 0 <= k < i for i, k in enumerate(counts)), "bad position of counts")
    require(all(k is None or codes[k] < 9 for k in counts), "counts that are not integers")
    widths = core.words(c)
    require(all(w <= 2**30 for w in widths), "column too wide")
    d = Description(names, [DTYPES[k] for k in codes], counts, widths, [], [], [], [], {})
    read_fields(core, d)

    bounds = ["exact", *core.strings(None)]
    require(len(set(bounds)) == len(bounds) <= c + 1, "bounds that are not distinct")
    which = core.words(c)
    require(all(k < len(bounds) for k in which), "unknown bound")
    d.bounds = [bounds[k] for k in which]

    numbers = core.words(c)
    require(sum(numbers) <= 2**20, "too many parents")
    offsets = iter(core.signed(sum(numbers)))
    d.parents = [[i - next(offsets) for _ in range(k)] for i, k in enumerate(numbers)]
    for parents in d.parents:
        require(all(0 <= p < c for p in parents), "bad position of a parent")
        require(len(set(parents)) == len(parents), "parents that are not distinct")
    check_bounds(d)

    g = core.varint()
    require(g <= c, "too many groups")
    sizes = core.words(g)
    order = core.column(c, 1)
    require(sorted(order) == list(range(c)), "a column must be in one group")
    members = iter(order)
    d.groups = [([next(members, -1) for _ in range(k // 2)], bool(k % 2)) for k in sizes]
    require(sum(k // 2 for k in sizes) == c and all(k > 1 for k in sizes), "bad sizes of groups")

    if version > 1:
        read_networks(core, d, version)

    free = {i for i, bound in enumerate(d.bounds) if bound == "model"}
    together = {i for j in d.learned for i in d.groups[j][0]} if version == 3 else set()
    require(free <= together, "the bound of a model, and no prediction")

    n = core.varint()
    require(n <= 2**20, "too many chunks")
    require(4 * n * g <= room, "more blocks than checksums")
    d.entries = core.column(n, 0)
    require(all(0 <= k <= 2**40 for k in d.entries), "bad number of entries")
    stored = core.steps(n, 0, g)
    solid = core.steps(n, 0, sum(s for _, s in d.groups))
    require(all(k >= 0 for table in (stored, solid) for row in table for k in row), "bad size")
    core.end()
    return d, stored, solid


def read_networks(core: Cursor, d: Description, version: int) -> None:
    """Read which model there is, and which of its networks codes each group."""
    d.model = (core.take(32), core.varint(), core.strings(1)[0])
    require(d.model[1] <= 2**26, "model too large")
    networks = core.words(len(d.groups))
    learned = [j for j, k in enumerate(networks) if k]
    require(learned, "a model and no learned group")
    numbers = core.words(len(learned))
    require(sum(numbers) <= 2**20, "too many parents of groups")
    offsets = iter(core.signed(sum(numbers)))
    for j, number in zip(learned, numbers, strict=True):
        members, is_solid = d.groups[j]
        parents = [members[0] - next(offsets) for _ in range(number)]
        require(not is_solid, "a learned group that is solid")
        require(len({d.counts[i] for i in members}) == 1, "a learned group of several counts")
        require(len({d.widths[i] for i in members}) == 1, "a learned group of several widths")
        require(version == 3 or d.widths[members[0]] == 1, "a learned column that is wide")
        require(len({*parents, *members}) == number + len(members), "bad parents of a group")
        require(all(0 <= p < len(d.names) for p in parents), "bad position of a parent")
        d.learned[j] = networks[j] - 1, parents


def read_fields(core: Cursor, d: Description) -> None:
    """Read the trees of fields (5.3)."""
    f, m = core.varint(), core.varint()
    require(f <= 2**20 and m <= 2**20, "too many fields or nodes")
    kinds = core.words(m)
    require(all(k <= NAMED_TUPLE for k in kinds), "unknown kind of node")
    records = [k for k in kinds if k >= RECORD]
    leaves = core.column(kinds.count(LEAF), 1)
    listed = core.column(sum(k in (LIST, STRING, BYTES, OPTION) for k in kinds), 0)
    fixed = core.words(kinds.count(FIXED))
    arities = core.words(len(records))
    total = sum(a + (k >= NAMED_RECORD) for a, k in zip(arities, records, strict=True))
    require(total <= 2 * m, "more fields of records than nodes")
    texts = iter(core.strings(total))
    own = core.words(f)
    require(all(k <= 1 for k in own), "unknown kind of name")
    named = iter(core.strings(sum(own)))

    next_kind, next_leaf, next_listed = iter(kinds), iter(leaves), iter(listed)
    next_fixed, next_arity = iter(fixed), iter(arities)
    last: int | None = None

    def column(position: int, counts: int | None, width: int) -> int:
        require(0 <= position < len(d.names), "bad position in a field")
        require(
            (d.counts[position], d.widths[position]) == (counts, width), "does not fit its node"
        )
        return position

    def node(depth: int, counts: int | None, width: int, product: int = 1) -> Node:
        nonlocal last
        require(depth <= 64, "nodes too deep")
        kind = next(next_kind, -1)
        require(kind >= 0, "fewer nodes than fields need")
        if kind == LEAF:
            last = column(next(next_leaf), counts, width)
            return Node(kind, last)
        if kind == FIXED:
            size = next(next_fixed)
            require(product * size <= 2**30, "fixed lists too large")
            return Node(
                kind, size=size, contents=(node(depth + 1, counts, width * size, product * size),)
            )
        if kind >= RECORD:
            arity = next(next_arity)
            name = next(texts) if kind >= NAMED_RECORD else None
            names = tuple(next(texts) for _ in range(arity))
            require(len(set(names)) == arity, "fields of a record of the same name")
            contents = tuple(node(depth + 1, counts, width, product) for _ in range(arity))
            return Node(kind, name=name, names=names, contents=contents)
        position = column(next(next_listed), counts, width)
        require(kind != OPTION or d.dtypes[position].kind == "b", "mask that is not boolean")
        inner = node(depth + 1, position, 1, product)
        if kind in (STRING, BYTES):
            fits = inner.column is not None and inner.kind == LEAF and d.dtypes[inner.column] == U1
            require(fits, "string that is not of bytes")
        return Node(kind, position, contents=(inner,))

    for has_own in own:
        tree = node(1, None, 1)
        require(has_own or last is not None, "no column to be named like")
        name = next(named) if has_own else d.names[last or 0]
        require(name not in d.fields, "fields of the same name")
        d.fields[name] = tree
    require(next(next_kind, None) is None, "nodes left over")


def check_bounds(d: Description) -> None:
    """Refuse bounds that section 5.4 does not define."""
    for i, bound in enumerate(d.bounds):
        if bound == "exact":
            continue
        require(d.dtypes[i].kind == "f", "bound of something that is not a float")
        if bound == "model":
            continue
        number = r"(2\^[+-]?\d+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
        match = re.fullmatch(rf"(abs|rel) {number}|sigma {number} (.+)", bound, re.DOTALL)
        require(match, f"unknown bound {bound}")
        assert match
        text = match[2] or match[3]
        value = 2.0 ** int(text[2:]) if text.startswith("2^") else float(text)
        require(0 < value < (1 if match[1] == "rel" else math.inf), "bound out of range")
        if match[4]:
            require(d.parents[i] and d.names[d.parents[i][0]] == match[4], "sigma is no parent")
            first = d.parents[i][0]
            same = (d.counts[first], d.widths[first]) == (d.counts[i], d.widths[i])
            require(same, "sigma of another shape")


def order_of(d: Description) -> list[int]:
    """Order columns so that counts and parents come first (5.5)."""
    order: list[int] = []
    needs = [
        [*above, *([] if c is None else [c])] for above, c in zip(d.parents, d.counts, strict=True)
    ]
    for j, (_, parents) in d.learned.items():
        members = d.groups[j][0]
        outside = {p for i in members for p in needs[i] if p not in members} | set(parents)
        for i in members:
            needs[i] = [*outside, *(p for p in needs[i] if p in members)]
    state = [0] * len(d.names)  # 1: begun, 2: in order
    for start in range(len(d.names)):
        stack = [start]
        while stack:
            i = stack[-1]
            first = needs[i]
            if state[i] == 0:
                state[i] = 1
                waiting = [p for p in first if state[p] != 2]
                require(all(state[p] == 0 for p in waiting), "columns need each other")
                stack += waiting
            else:
                if state[i] == 1:
                    require(all(state[p] == 2 for p in first), "a cycle")
                    state[i] = 2
                    order.append(i)
                stack.pop()
    return order


# ---------------------------------------------------------------- 7. Payloads


def decode_payload(
    data: bytes, dtype: Any, n: int, parents: Parents, met: Counter[str], depth: int = 0
) -> Array:
    """Decode n values of a dtype."""
    require(depth <= 12, "payloads nested too deep")
    body = Cursor(data)
    code = body.byte()
    require(code < len(CODECS), "unknown codec")
    met[f"codec {code}"] += 1

    def inner(data: bytes, dtype: Any, n: int, parents: Parents = parents) -> Array:
        return decode_payload(data, dtype, n, parents, met, depth + 1)

    values = CODECS[code](body, dtype, n, parents, inner, met)
    body.end()
    assert values.dtype == dtype
    assert values.shape == (n,)
    return values


Inner = Callable[..., Array]


def parent_of(body: Cursor, parents: Parents, n: int) -> Array:
    """Read the position of a parent, and give its values."""
    position = body.varint()
    require(position in parents, "refers to a column that is no parent")
    require(len(parents[position]) == n, "refers to a column of another length")
    return parents[position]


def bits_of(values: Array) -> Array:
    """See values as the unsigned integers of their bits."""
    return values.view(f"<u{values.dtype.itemsize}")


def raw(body: Cursor, dtype: Any, n: int, *_: Any) -> Array:
    return body.values(n, dtype)


def constant(body: Cursor, dtype: Any, n: int, *_: Any) -> Array:
    return body.values(1, dtype).repeat(n)


def pco(body: Cursor, dtype: Any, n: int, *_: Any) -> Array:
    number = U1 if dtype.kind == "b" else dtype
    values = np.zeros(n, number)
    file, size = wrapped.FileDecompressor.new(body.data[body.at :])
    body.take(size)
    for start in range(0, n, 2**20):
        run = values[start : start + 2**20]
        name = f"{number.kind}{8 * number.itemsize}"
        chunk, size = file.chunk_decompressor(body.data[body.at :], name)
        body.take(size)
        progress, size = chunk.read_page_into(body.data[body.at :], len(run), run)
        body.take(size)
        require(progress.n_processed == len(run) and progress.finished, "page not complete")
    return as_values(values.tobytes(), n, dtype)


def zstd(body: Cursor, dtype: Any, n: int, *_: Any) -> Array:
    require(n > 0, "a frame of nothing")
    frame = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj()
    plain = frame.decompress(body.rest())
    require(frame.eof and not frame.unused_data, "not one frame")
    return as_values(plain, n, dtype)


def from_raw_lzma(body: Cursor, dtype: Any, n: int, *_: Any) -> Array:
    return as_values(from_lzma(body.rest(), n * dtype.itemsize), n, dtype)


def shuffle(body: Cursor, dtype: Any, n: int, _: Any, inner: Inner, *__: Any) -> Array:
    require(dtype.kind != "b", "shuffled booleans")
    planes = inner(body.rest(), U1, n * dtype.itemsize).reshape(dtype.itemsize, n)
    return as_values(planes.T.tobytes(), n, dtype)


def flags(body: Cursor, dtype: Any, n: int, _: Any, inner: Inner, *__: Any) -> Array:
    require(dtype.kind == "b", "flags that are not booleans")
    bits = np.unpackbits(inner(body.rest(), U1, (n + 7) // 8), bitorder="little")
    require(not bits[n:].any(), "unused bits are not zero")
    return bits[:n].astype(bool)


def rank(body: Cursor, dtype: Any, n: int, _: Any, inner: Inner, *__: Any) -> Array:
    d = body.varint()
    require(1 <= d <= 65536, "bad number of ranked values")
    values = inner(body.sized(), dtype, d)
    ranks = inner(body.rest(), U1 if d <= 256 else DTYPES[6], n)
    require((ranks < d).all(), "rank of no value")
    return values[ranks]


def copy(body: Cursor, dtype: Any, n: int, parents: Parents, *_: Any) -> Array:
    parent = parent_of(body, parents, n)
    if parent.dtype == dtype:
        return parent
    require(parent.dtype.kind in "biu" and dtype.kind in "biu", "copy of another dtype")
    values = parent.astype(dtype)
    require(values.tolist() == parent.tolist(), "copy of a value that does not fit")
    return values


def masked(
    body: Cursor, dtype: Any, n: int, parents: Parents, inner: Inner, met: Counter[str]
) -> Array:
    parent = parent_of(body, parents, n)
    hidden = body.values(1, parent.dtype)
    values = body.values(1, dtype).repeat(n)
    seen = bits_of(parent) != bits_of(hidden)
    visible = {p: v[seen] for p, v in parents.items() if len(v) == n}
    bits_of(values)[seen] = bits_of(inner(body.rest(), dtype, int(seen.sum()), visible))
    return values


def lorenzo(body: Cursor, dtype: Any, n: int, _: Any, inner: Inner, *__: Any) -> Array:
    require(dtype.kind in "iu", "residuals of what are no integers")
    head = body.byte()
    require(head < 16, "unknown bits")
    sizes = [body.varint() for _ in range(head & 7)]
    times = [body.byte() for _ in range(1 + len(sizes))]
    require(max(times) <= 7, "too many differences")
    cells = math.prod(sizes)
    require(1 <= cells <= 2**30 and n % cells == 0, "no whole number of rows")
    stored = inner(body.rest(), np.dtype(f"<u{dtype.itemsize}"), n)
    whole = (stored >> 1) ^ (0 - (stored & 1))
    shape = [n // cells, *sizes]
    if head & 8:
        whole = whole.reshape(shape[::-1]).transpose()
    whole = whole.reshape(shape).copy()
    for dimension, often in enumerate(times):
        along = np.moveaxis(whole, dimension, 0)
        for _ in range(often):
            for i in range(1, len(along)):
                along[i] += along[i - 1]
    return whole.reshape(n).view(dtype)


# ---------------------------------------------------------------- 7.3 grid


def grid(
    body: Cursor, dtype: Any, n: int, parents: Parents, inner: Inner, met: Counter[str]
) -> Array:
    head = body.byte()
    kind, centred, dithered, predicted = head & 31, head & 32, bool(head & 64), bool(head & 128)
    require(kind < len(LATTICES), "unknown lattice")
    require((kind == 0) == (dtype.kind != "f"), "lattice of another dtype")
    require(not dithered or kind >= 3, "a lattice that cannot be dithered")
    met[f"lattice {kind}"] += 1
    met["dithered"] += dithered
    met["predicted"] += predicted
    t = shifts(int.from_bytes(body.take(8), "little"), n) if dithered else None
    point_of, number_of, centred_at = LATTICES[kind](body, dtype, n, parents, t)

    prediction, keys = np.zeros(n, np.int64), None
    require(not centred or (kind >= 3 and predicted and not dithered), "cannot be centred")
    if predicted:
        guess = formula(body, dtype, n, parents, met)
        require(not centred or not isinstance(guess, list), "a lookup cannot be centred")
        if isinstance(guess, list):
            keys = guess
        else:
            if centred:
                met["centred"] += 1
                point_of, number_of = centred_at(guess)
            prediction = number_of(guess)
    base = unfold(body.varint())
    a = body.varint()
    require(a <= 64, "too many atoms")
    atoms = body.values(a, dtype)
    e = body.varint()
    require(e <= n, "more escapes than values")
    escapes = inner(body.sized(), dtype, e) if e else np.zeros(0, dtype)
    met["atoms"] += a
    met["escapes"] += e
    width = body.byte()
    require(width < 4, "unknown width of symbols")
    symbols = inner(body.rest(), DTYPES[5 + width], n).astype(U8)

    if keys is not None:
        symbols = with_lookups(symbols, keys)
    special = a + (1 if e else 0)
    numbers = symbols + np.uint64((base - special) % 2**64) + prediction.astype(np.int64).view(U8)
    values = point_of(numbers.view(np.int64)).copy()
    is_atom = symbols < a
    is_escape = (symbols == a) & (e > 0)
    require(is_escape.sum() == e, "wrong number of escapes")
    bits_of(values)[is_atom] = bits_of(atoms)[symbols[is_atom].astype(np.int64)]
    bits_of(values)[is_escape] = bits_of(escapes)
    return values


def with_lookups(stored: Array, keys: list[Array]) -> Array:
    """Give symbols: 0 stands for that of the first row with the same keys."""
    first: dict[bytes, int] = {}
    symbols = stored.copy()
    for i, number in enumerate(stored.tolist()):
        k = first.setdefault(b"".join(parent[i].tobytes() for parent in keys), i)
        require(number > 0 or k < i, "looked up in vain")
        symbols[i] = number - 1 if number else symbols[k]
    return symbols


def shifts(seed: int, n: int) -> Array:
    """Give the shifts t of n values; NumPy's arrays of uint64 wrap around."""
    z = np.uint64(seed) + (np.arange(n, dtype=U8) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ z >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    z = z ^ z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(F8) / 2.0**53 - 0.5


def nearest(y: Array) -> Array:
    """Round as round(y) in 7.3."""
    whole = np.rint(y)
    with np.errstate(all="ignore"):
        return np.where(np.abs(whole) < 2.0**62, whole, 0.0).astype(np.int64)


Maps = tuple[Callable[[Array], Array], Callable[[Array], Array]]
"""From numbers to points, and from predicted values to numbers."""
Lattice = tuple[Callable[[Array], Array], Callable[[Array], Array], Callable[[Array], Maps]]
"""Also: the same of the lattice that is centred at predicted values."""


def never(guess: Array) -> Maps:
    raise Refused("a lattice that cannot be centred")


def integers(body: Cursor, dtype: Any, *_: Any) -> Lattice:
    if dtype.kind == "b":
        return lambda q: q != 0, lambda x: x, never
    return lambda q: q.astype(dtype), lambda x: x, never  # NumPy keeps the lowest bits


def bits(body: Cursor, dtype: Any, *_: Any) -> Lattice:
    s, w = body.byte(), 8 * dtype.itemsize
    require(s < w, "more bits than there are")
    sign, rest = 2 ** (w - 1), 2 ** (w - 1) - 1

    def point_of(q: Array) -> Array:
        m = np.where(q < 0, -1 - q, q).view(U8) << np.uint64(s) & np.uint64(rest)
        m |= np.where(q < 0, np.uint64(sign), np.uint64(0))
        return m.astype(f"<u{dtype.itemsize}").view(dtype)

    def number_of(x: Array) -> Array:
        pattern = bits_of(x.astype(dtype)).astype(U8)
        m = pattern & np.uint64(rest)
        r = m >> np.uint64(s)
        if s:
            r += m >> np.uint64(s - 1) & np.uint64(1)
        r = r.view(np.int64)
        return np.where(pattern & np.uint64(sign), -1 - r, r)

    return point_of, number_of, never


def decimal(body: Cursor, dtype: Any, *_: Any) -> Lattice:
    d = body.byte()
    require(d <= 18, "too many decimals")
    power = float(10**d)
    return lambda q: (q.astype(F8) / power).astype(dtype), lambda x: nearest(x * power), never


def multiples(step: Any, dtype: Any, t: Array | None) -> Lattice:
    """Make a lattice of a step, or of a step for each value."""

    def shifted(t: Array) -> Maps:
        return lambda q: ((q.astype(F8) + t) * step).astype(dtype), lambda x: nearest(x / step - t)

    def centred_at(guess: Array) -> Maps:
        y = guess / step
        return shifted(np.where(np.abs(y) < 2.0**52, y - np.rint(y), 0.0))

    if t is None:
        plain = lambda q: (q.astype(F8) * step).astype(dtype)  # noqa: E731
        return plain, lambda x: nearest(x / step), centred_at
    return *shifted(t), centred_at


def uniform(body: Cursor, dtype: Any, n: int, parents: Parents, t: Array | None) -> Lattice:
    return multiples(np.float64(body.positive()), dtype, t)


def scaled(body: Cursor, dtype: Any, n: int, parents: Parents, t: Array | None) -> Lattice:
    step = body.positive() * parent_of(body, parents, n).astype(F8)
    return multiples(np.where(np.isfinite(step), step, 0.0), dtype, t)


def logarithmic(body: Cursor, dtype: Any, n: int, parents: Parents, t: Array | None) -> Lattice:
    bins, p, phase = body.varint(), body.byte(), body.varint()
    lowest = body.varint() - 2**40
    require(1 <= bins <= 2**17 and p <= 6 and phase < 2**61 and lowest <= 2**40, "bad table")
    spread = body.double()
    require(0 <= spread <= 1, "bad spread")
    octaves = 2**p

    def above(c: Array, i: Array) -> Array:
        """Give T_phase[i] * 2^(c * P)."""
        exponent = np.clip(c * octaves, -1200, 1200).astype(np.int32)
        return np.ldexp(table_of(bins, octaves, phase)[i], exponent)

    def place(x: Array) -> tuple[Array, Array, Array]:
        """Give c and i, and where they are defined."""
        usual = (np.abs(x) >= 2.0**-1022) & (np.abs(x) < np.inf)
        half, exponent = np.frexp(np.where(usual, np.abs(x), 1.0))  # 1/2 <= half < 1
        c = (exponent.astype(np.int64) - 1) // octaves
        y = np.ldexp(half, (exponent - c * octaves).astype(np.int32))
        return c, np.searchsorted(table_of(bins, octaves, 0), y, side="right") - 1, usual

    def stretched(factor: Array) -> Maps:
        def point_of(q: Array) -> Array:
            size = np.minimum(np.where(q < 0, -1 - q, q - 1), 2**50)  # |q| - 1; 2^50 is infinite
            v = above(*np.divmod(size + lowest, bins))
            return np.where(q == 0, 0.0, np.copysign(v, q) * factor).astype(dtype)

        def number_of(x: Array) -> Array:
            x = x / factor
            c, i, usual = place(x)
            number = np.maximum(c * bins + i - lowest + 1, 1)
            return np.where(usual, np.where(x < 0, -number, number), 0)

        return point_of, number_of

    def centred_at(guess: Array) -> Maps:
        c, i, usual = place(guess)
        factor = np.abs(guess) / above(c, i)
        return stretched(np.where(usual & (factor > 0.25) & (factor < 4), factor, 1.0))

    return *stretched(np.ones(n) if t is None else 1 + spread * t), centred_at


@lru_cache
def table_of(bins: int, octaves: int, phase: int) -> Array:
    """Make the table T of a phase (7.4)."""
    one = 2**61
    roots = [0, math.isqrt(2 * 2**122)]
    for _ in range(51):
        roots.append(math.isqrt(roots[-1] * one))

    def product(a: int, b: int) -> int:
        (a1, a0), (b1, b0) = divmod(a, 2**31), divmod(b, 2**31)
        return 2 * a1 * b1 + (a1 * b0 + a0 * b1) // 2**30

    table = []
    for i in range(bins):
        e = min(i * octaves * one // bins + phase, octaves * one - 1)
        w, x = divmod(e, one)
        power = one
        for j in range(1, 53):
            if x >> (61 - j) & 1:
                power = product(power, roots[j])
        table.append(math.ldexp(float(power), w - 61))
    return np.array(table)


LATTICES: list[Callable[..., Lattice]] = [integers, bits, decimal, uniform, scaled, logarithmic]

# 7.6: elementary functions, number by number


def poly(y: float, *numbers: str) -> float:
    total = float.fromhex(numbers[0])
    for number in numbers[1:]:
        total = total * y
        total = total + float.fromhex(number)
    return total


def each(function: Callable[..., float]) -> Callable[..., Array]:
    """Make a function of arrays, NaN where any argument is."""

    def of_arrays(*arrays: Array) -> Array:
        rows = zip(*(array.tolist() for array in arrays), strict=True)
        found = [math.nan if any(x != x for x in row) else function(*row) for row in rows]
        return np.array(found, F8)

    return of_arrays


def divided(a: float, b: float) -> float:
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def sine_and_cosine(x: float) -> tuple[float, float]:
    if not abs(x) < 2**20:
        return math.nan, math.nan
    h = float.fromhex
    k = round(x * h("1.45f306dc9c883p-1"))  # ties to even
    r = ((x - k * h("1.921fb544p+0")) - k * h("1.0b4611a6p-34")) - k * h("1.3198a2e037073p-69")
    s = r * r
    sine = r + (r * s) * poly(
        s, "1.5d93a5acfd57cp-33", "-1.ae5e68a2b9cebp-26", "1.71de357b1fe7dp-19",
        "-1.a01a019c161d5p-13", "1.111111110f8a6p-7", "-1.5555555555549p-3",
    )  # fmt: skip
    j = 0.5 * s
    w = 1 - j
    rest = (s * s) * poly(
        s, "-1.8fae9be8838d4p-37", "1.1ee9ebdb4b1c4p-29", "-1.27e4f809c52adp-22",
        "1.a01a019cb159p-16", "-1.6c16c16c15177p-10", "1.555555555554cp-5",
    )  # fmt: skip
    cosine = w + (((1 - w) - j) + rest)
    return [(sine, cosine), (cosine, -sine), (-sine, -cosine), (-cosine, sine)][k % 4]


def angle_of(y: float, x: float) -> float:
    low, high = sorted((abs(y), abs(x)))
    q = 0.0 if high == 0 else divided(low, high)
    u = (q - 1) / (q + 1) if q > 0.4375 else q
    s = u * u
    v = u - u * (
        s * poly(
            s, "1.0ad3ae322da11p-6", "-1.2b4442c6a6c2fp-5", "1.97b4b24760debp-5",
            "-1.dde2d52defd9ap-5", "1.10d66a0d03d51p-4", "-1.3b0f2af749a6dp-4",
            "1.745cdc54c206ep-4", "-1.c71c6fe231671p-4", "1.24924920083ffp-3",
            "-1.999999998ebc4p-3", "1.555555555550dp-2",
        )
    )  # fmt: skip
    high_part, low_part = float.fromhex("1.921fb54442d18p+1"), float.fromhex("1.1a62633145c07p-53")
    if q > 0.4375:
        v = high_part / 4 + (v + low_part / 4)
    if abs(y) > abs(x):
        v = high_part / 2 - (v - low_part / 2)
    if math.copysign(1, x) < 0:
        v = high_part - (v - low_part)
    return math.copysign(v, y)


LN2, LN2_LOW = float.fromhex("1.62e42feep-1"), float.fromhex("1.a39ef35793c76p-33")


def exp(x: float) -> float:
    x = max(-708.0, min(708.0, x))
    k = round(x * float.fromhex("1.71547652b82fep+0"))
    h, low = x - k * LN2, k * LN2_LOW
    r = h - low
    s = r * r
    c = r - s * poly(
        s, "1.6376972bea4dp-25", "-1.bbd41c5d26bf1p-20", "1.1566aaf25de2cp-14",
        "-1.6c16c16bebd93p-9", "1.555555555553ep-3",
    )  # fmt: skip
    return math.ldexp(1 - ((low - (r * c) / (2 - c)) - h), k)


def log(x: float) -> float:
    if not 0 < x < math.inf:
        return math.nan
    m, k = math.frexp(x)
    if m < float.fromhex("1.6a09e667f3bcdp-1"):
        m, k = 2 * m, k - 1
    f = m - 1
    t = f / (2 + f)
    s = t * t
    j = (0.5 * f) * f
    rest = s * poly(
        s, "1.2f112df3e5244p-3", "1.39a09d078c69fp-3", "1.7466496cb03dep-3", "1.c71c51d8e78afp-3",
        "1.2492494229359p-2", "1.999999997fa04p-2", "1.5555555555593p-1",
    )  # fmt: skip
    return k * LN2 - ((j - (t * (j + rest) + k * LN2_LOW)) - f)


def hyperbolic_sine(x: float) -> float:
    if abs(x) < 1:
        s = x * x
        quotients = [(1 / math.factorial(n)).hex() for n in (19, 17, 15, 13, 11, 9, 7, 5, 3)]
        return x + (x * s) * poly(s, *quotients)
    e = exp(abs(x))
    return math.copysign(0.5 * (e - 1 / e), x)


def hyperbolic_cosine(x: float) -> float:
    e = exp(abs(x))
    return 0.5 * (e + 1 / e)


def inverse_of_sinh(x: float) -> float:
    a = abs(x)
    if a < 2**28:
        s = a * a
        u = a + s / (1 + math.sqrt(1 + s))
        w = 1 + u
        return math.copysign(log(w) - ((w - 1) - u) / w, x)
    return math.copysign(log(a) + (LN2 + LN2_LOW), x)


sin, cos = each(lambda x: sine_and_cosine(x)[0]), each(lambda x: sine_and_cosine(x)[1])
sinh, cosh, asinh = each(hyperbolic_sine), each(hyperbolic_cosine), each(inverse_of_sinh)
atan2 = each(angle_of)


def turned(w: Array, z: float) -> Array:
    return np.where(w < z, w + 2 * float.fromhex("1.921fb54442d18p+1"), w)


def root(y: Array) -> Array:
    return np.copysign(np.sqrt(np.abs(y)), y)


def energy(p: Array, n: Array, m: Any) -> Array:
    q = p * cosh(n)
    return np.sqrt(q * q + m * m)


def whole(x: Array, y: Array, z: Array, m: float) -> Array:
    return np.sqrt(x * x + y * y + z * z + m * m)


def vector(p: Array, n: Array, w: Array, m: Any) -> tuple[Array, ...]:
    return energy(p, n, m), p * cos(w), p * sin(w), p * sinh(n)


def mass(*v: Array) -> Array:
    e, x, y, z = (v[i] + v[i + 4] for i in range(4))
    return root(((e * e - x * x) - y * y) - z * z)


def LOOKUP(z: float, *keys: Array) -> Array:  # noqa: N802
    raise NotImplementedError


# 7.5: how many parents, whether integers may be predicted, and the value
FORMULAS: list[tuple[int, bool, Callable[..., Array]]] = [
    (1, True, lambda z, a: a),
    (2, True, lambda z, a, b: a + b),
    (2, True, lambda z, a, b: a - b),
    (2, True, lambda z, a, b: a * b),
    (2, False, lambda z, a, b: a / b),
    (1, False, lambda z, a: a * z),
    (1, True, lambda z, a: np.negative(a)),
    (2, False, lambda z, a, b: a * (1 - b)),
    (2, False, lambda z, a, b: np.sqrt(a * a + b * b)),
    (3, False, lambda z, a, b, c: np.sqrt(a * a + b * b + c * c)),
    (3, False, lambda z, a, b, c: np.sqrt(a * a + b * b + c * c + z * z)),
    (4, False, lambda z, a, b, c, d: np.sqrt(a * a + b * b + c * c + d * d)),
    (2, False, lambda z, a, b: (z - a) - b),
    (3, False, lambda z, a, b, c: ((z - a) - b) - c),
    (4, False, lambda z, a, b, c, d: (((z - a) - b) - c) - d),
    (2, False, lambda z, a, b: a / (1 - b)),
    (1, True, LOOKUP),
    (2, True, LOOKUP),
    (2, False, lambda z, a, b: turned(atan2(b, a), z)),
    (3, False, lambda z, a, b, c: asinh(c / np.sqrt(a * a + b * b))),
    (3, False, lambda z, a, b, c: np.sqrt((a * a + b * b) * z + c * c)),
    (2, False, lambda z, a, b: asinh(b / a)),
    (2, False, lambda z, a, b: a * cos(b)),
    (2, False, lambda z, a, b: a * sin(b)),
    (2, False, lambda z, a, b: a * sinh(b)),
    (2, False, lambda z, a, b: energy(a, b, z)),
    (3, False, lambda z, a, b, c: energy(a, b, c)),
    (4, False, lambda z, a, b, c, d: root(((a * a - b * b) - c * c) - d * d)),
    (2, False, lambda z, a, b: root(a * a - b * b)),
    (8, False, lambda z, *p: mass(*p)),
    (6, False, lambda z, *p: mass(*vector(*p[:3], z), *vector(*p[3:], z))),
    (8, False, lambda z, *p: mass(*vector(*p[:4]), *vector(*p[4:]))),
    (6, False, lambda z, *p: mass(whole(*p[:3], z), *p[:3], whole(*p[3:], z), *p[3:])),
]


def formula(
    body: Cursor, dtype: Any, n: int, parents: Parents, met: Counter[str]
) -> Array | list[Array]:
    """Give what a formula predicts; the keys of a lookup."""
    code = body.byte()
    require(code < len(FORMULAS), "unknown formula")
    met[f"formula {code}"] += 1
    number, for_integers, value = FORMULAS[code]
    operands = [parent_of(body, parents, n) for _ in range(number)]
    z = np.float64(body.double())
    if value is LOOKUP:
        return operands
    if dtype.kind == "f":
        x = value(z, *(a.astype(F8) for a in operands))
        return np.where(np.isfinite(x), x, 0.0)
    require(for_integers, "formula that does not predict integers")
    require(all(a.dtype.kind != "f" for a in operands), "integer predicted from floats")
    return value(z, *(a.astype(np.int64) for a in operands))  # arrays of int64 wrap around


def learned(*_: Any) -> Array:
    raise Refused("a learned payload where no network codes it")


def predicted(body: Cursor, dtype: Any, n: int, parents: Parents, inner: Inner, *_: Any) -> Array:
    _, _ = body.varint(), body.varint()
    return inner(body.rest(), dtype, n, parents)


CLASSES = -1
"""Where classes of uncertainty are among the parents."""


def split(body: Cursor, dtype: Any, n: int, parents: Parents, inner: Inner, *_: Any) -> Array:
    number = body.varint()
    require(CLASSES in parents and number <= 16, "split where there are no classes")
    classes = parents[CLASSES]
    require(all(k < number for k in classes.tolist()), "a class that has no values")
    values = np.zeros(n, dtype)
    for k in range(number):
        chosen = classes == k
        rows = {p: v[chosen] for p, v in parents.items() if len(v) == n}
        bits_of(values)[chosen] = bits_of(inner(body.sized(), dtype, int(chosen.sum()), rows))
    return values


CODECS: list[Callable[..., Array]] = [
    raw, constant, pco, zstd, from_raw_lzma, shuffle, flags, rank, copy, masked, grid, learned,
    predicted, split, lorenzo,
]  # fmt: skip


# ---------------------------------------------------------------- 1, 2, 3, 6. The file


def decode(data: bytes, model: bytes | None = None) -> tuple[dict[str, Array], Description]:
    """Decode a whole file: the values of each column, chunks joined, and all that is said."""
    try:
        return decode_file(data, model)
    except (lzma.LZMAError, zstandard.ZstdError, RuntimeError, ValueError, OverflowError) as error:
        raise Refused(str(error)) from error


def decode_file(data: bytes, model: bytes | None) -> tuple[dict[str, Array], Description]:
    """Decode a whole file; errors of other libraries go through."""
    require(sys.byteorder == "little", "this decoder is for little-endian machines only")
    require(data[:8] == MAGIC, "not such a file")
    require(data[8:10] in (b"\1\0", b"\2\0", b"\3\0"), "too new")
    require(data[10:12] == b"\0\0", "reserved bytes are not 0")
    require(len(data) >= 36 and data[-8:] == MAGIC, "truncated")
    start, size, checksum = struct.unpack("<QII", data[-24:-8])
    require(start >= 12 and start + size + 24 == len(data), "truncated")
    index = data[start:-24]
    require(zlib.crc32(data[:12] + index + data[-24:-12]) == checksum, "damaged index")

    cursor = Cursor(index)
    core = Cursor(cursor.part())
    d, stored, solid = read_core(core, cursor.left(), data[8])
    checksums = cursor.values(len(d.entries) * len(d.groups), DTYPES[7]).reshape(len(d.entries), -1)
    metadata = cursor.part()
    cursor.end()
    if metadata:
        texts = Cursor(metadata)
        *d.titles, source, kept = texts.strings(len(d.fields) + 2)
        texts.end()
        d.source, d.kept = json.loads(source), json.loads(kept)
        require(isinstance(d.source, dict) and isinstance(d.kept, dict), "not an object")
    end = start - (d.model[1] if d.model else 0)
    require(12 + sum(map(sum, stored)) == end, "sizes of blocks do not add up")
    learned = Learned(d, data[end:start] or model, data[8])

    order = order_of(d)
    blocks = Cursor(data[:end])
    blocks.take(12)
    chunks = []
    with np.errstate(all="ignore"):
        for k, entries in enumerate(d.entries):
            payloads: dict[int, bytes] = {}
            learned.blocks.clear()
            growths = iter(solid[k])
            for j, (members, is_solid) in enumerate(d.groups):
                block = blocks.take(stored[k][j])
                require(zlib.crc32(block) == checksums[k, j], "damaged block")
                if is_solid and (growth := next(growths)):
                    require(len(block) + growth <= 2**26, "block too large")
                    block = from_lzma(block, len(block) + growth)
                    d.met["compressed block"] += 1
                if j in d.learned:
                    learned.blocks[j] = block
                else:
                    payloads.update(split_block(block, members))
            chunks.append(decode_chunk(d, order, entries, payloads, learned))
    return {
        name: np.concatenate([np.zeros(0, d.dtypes[i]), *(chunk[i] for chunk in chunks)])
        for i, name in enumerate(d.names)
    }, d


def split_block(block: bytes, members: list[int]) -> Iterator[tuple[int, bytes]]:
    """Give the payloads of the columns of a group (6)."""
    cursor = Cursor(block)
    sizes = [cursor.varint() for _ in members[1:]]
    sizes.append(cursor.left() - sum(sizes))
    for i, size in zip(members, sizes, strict=True):
        yield i, cursor.take(size)


class Learned:
    """The blocks of learned groups of a chunk, and their model (6.1)."""

    def __init__(self, d: Description, data: bytes | None, version: int) -> None:
        self.d, self.data, self.version = d, data, version
        self.blocks: dict[int, bytes] = {}
        self.group_of = {i: j for j in d.learned for i in d.groups[j][0]}

    def decode(
        self, j: int, n: int, entries: int, order: list[int], values: dict[int, Array]
    ) -> dict[int, Array]:
        """Decode all columns of a group."""
        d, members, found = self.d, self.d.groups[j][0], {}
        cursor = Cursor(self.blocks[j])
        sizes = [cursor.varint() for _ in members]
        counted = [i for i in members if i in d.counts]
        totals = [cursor.varint() for _ in counted]
        payloads = {i: cursor.take(size) for i, size in zip(members, sizes, strict=True)}
        number = cursor.varint()
        require(number <= 64, "too many streams")
        lengths = [cursor.varint() for _ in range(number - 1)]
        streams = [cursor.take(length) for length in lengths]
        streams += [cursor.rest()] if number else []
        cursor.end()
        verbatim: dict[int, Array] = {}
        looked: dict[int, dict[int, Array]] = {}
        for i in sorted(members, key=order.index):
            if payloads[i][:1] == b"\x0b":
                verbatim[i] = self.verbatim(payloads[i], d.dtypes[i], n)
                continue
            known = {**values, **found}
            require(all(p in known or p in members for p in d.parents[i]), "no such parent")
            parents = {p: known[p] for p in d.parents[i] if p in known}
            if payloads[i][:1] == b"\x0c":
                require(self.version == 3, "a predicted column in an older file")
                looked = looked or self.predict(j, n, entries, values, streams)
                parents |= looked[i]
                d.met["looked"] += 1
            found[i] = decode_payload(payloads[i], d.dtypes[i], n, parents, d.met)
        require(
            bool(verbatim or looked) == bool(streams),
            "streams without learned columns, or these without",
        )
        require(self.version == 2 or not verbatim, "a learned column in a file of version 3")
        if streams and not looked:
            d.met["learned"] += len(verbatim)
            found |= self.decode_streams(j, n, entries, values, found, verbatim, streams)
        for i, total in zip(counted, totals, strict=True):
            require(sum(found[i].tolist()) == total, "counts with another sum")
        return found

    def predict(
        self, j: int, n: int, entries: int, values: dict[int, Array], streams: list[bytes]
    ) -> dict[int, dict[int, Array]]:
        """Give what the network says of each column of a group, as parents of it (6.2)."""
        from tests import reference_latent as page

        d, members = self.d, self.d.groups[j][0]
        require(self.data is not None and d.model and len(streams) == 1, "the model is missing")
        model = page.read_model(self.data, d.model[0])
        require(d.learned[j] == (0, []), "another network than the first")
        require([v.column for v in model.views] == [d.names[i] for i in members], "other columns")
        require([v.dtype for v in model.views] == [d.dtypes[i] for i in members], "other dtypes")
        above = d.counts[members[0]]
        require(model.counts == ("" if above is None else d.names[above]), "other counts")
        counts = [1] * n if model.kind == 0 or above is None else values[above].tolist()
        found, classes = page.predict(model, streams[0], counts, entries)
        parents = {i: {i: x} for i, x in zip(members, found, strict=True)}
        for i, x in zip(members, classes or [], strict=False):
            parents[i][CLASSES] = x
        return parents

    def verbatim(self, payload: bytes, dtype: Any, n: int) -> Array:
        """Decode the values in the payload of a learned column."""
        body = Cursor(payload[1:])
        _, _, number = body.varint(), body.varint(), body.varint()
        require(number <= n, "too many verbatim values")
        values = np.zeros(0, dtype)
        if number:
            values = decode_payload(body.sized(), dtype, number, {}, self.d.met)
        body.end()
        self.d.met["verbatim"] += number
        return values

    def decode_streams(
        self,
        j: int,
        n: int,
        entries: int,
        values: dict[int, Array],
        given: dict[int, Array],
        verbatim: dict[int, Array],
        streams: list[bytes],
    ) -> dict[int, Array]:
        from tests import reference_learned as page

        d, members = self.d, self.d.groups[j][0]
        number, parents = d.learned[j]
        require(self.data is not None and d.model, "the model is missing")
        assert self.data is not None
        assert d.model is not None
        model = page.read_model(self.data)
        names = [d.names[i] for i in members]
        net = page.network_of(model, d.model[0], self.data, number, names)
        seen = {d.names[p]: p for p in [*parents, d.counts[members[0]]] if p is not None}

        def column(name: str) -> Array:
            require(name in seen, "a network looks at a column that is no parent")
            return values[seen[name]]

        place = {i: k for k, i in enumerate(members)}
        learned = page.decode_group(
            model,
            net,
            n,
            entries,
            column,
            {place[i]: array for i, array in given.items()},
            {place[i]: array for i, array in verbatim.items()},
            streams,
        )
        return {members[k]: array for k, array in learned.items()}


def decode_chunk(
    d: Description, order: list[int], entries: int, payloads: dict[int, bytes], learned: Learned
) -> dict[int, Array]:
    """Decode all columns of a chunk."""
    values: dict[int, Array] = {}
    for i in order:
        if i in values:
            continue
        rows, counted_by = entries, d.counts[i]
        if counted_by is not None:
            counts = values[counted_by].tolist()
            require(min(counts, default=0) >= 0, "negative counts")
            rows = sum(counts)
        n = rows * d.widths[i]
        require(n * d.dtypes[i].itemsize <= 2**30, "column too large")
        if i in learned.group_of:
            values |= learned.decode(learned.group_of[i], n, entries, order, values)
            continue
        parents = {p: values[p] for p in d.parents[i]}
        values[i] = decode_payload(payloads[i], d.dtypes[i], n, parents, d.met)
    return values
