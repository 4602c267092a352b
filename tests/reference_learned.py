"""The second decoder's half for learned columns, written from docs/learned.md alone.

It shares no code with the package. Numbers in comments are sections of that page; those of
docs/format.md are named as such. One object is decoded after the other, in plain Python integers.
"""

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.reference_decoder import (
    DTYPES,
    F8,
    LATTICES,
    Array,
    Cursor,
    asinh,
    atan2,
    bits_of,
    cos,
    cosh,
    decode_payload,
    require,
    sin,
    sinh,
    unfold,
)

CENTER, PREVIOUS, PEER, PARENT, OBJECT, CENTROID = range(6)
Values = Callable[[str], Array]
Seen = tuple[list[int], list[int]]
"""Classes and numbers of a column."""
NOTHING = np.zeros(0)


def limits(dtype: Any) -> tuple[int, int]:
    return int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)


def clamp(x: int, a: int, b: int) -> int:
    return min(max(x, a), b)


@dataclass(frozen=True)
class Feature:
    kind: int
    relative: bool
    shift: int
    center: int
    multiplier: int

    def of(self, v: int) -> int:
        """Make a feature of a number (2)."""
        t = (clamp(v - self.center, -(2**40), 2**40) * self.multiplier) >> self.shift
        if self.kind == 2:
            u = t & 1023
            w = u & 511
            p = (w * (512 - w)) >> 7
            return p if u < 512 else -p
        t = clamp(t, -512, 511)
        return abs(t) if self.kind == 1 else t


@dataclass(frozen=True)
class Axis:
    column: str
    counts: str
    dtype: Any
    lattice: int
    parameters: bytes
    unit: int | None  # axis of the uncertainties of a scaled lattice
    atoms: list[bytes]
    numeric: bool
    signed: bool
    period: int
    center: int
    features: list[Feature]

    @property
    def a(self) -> int:
        return len(self.atoms)

    def wrap(self, x: int) -> int:
        return x - self.period * ((x + (self.period >> 1)) // self.period) if self.period else x

    def maps(self, n: int, units: Array) -> Any:
        """Give the maps between numbers and points."""
        known = {} if self.unit is None else {self.unit: units}
        body = Cursor(self.parameters)
        found = LATTICES[self.lattice](body, self.dtype, n, known, None)
        body.end()
        return found

    def split(self, values: Array, units: Array = NOTHING) -> Seen:
        """Give classes and numbers of values that are known (1)."""
        floats = self.dtype.kind == "f"
        x = values.astype(F8 if floats else np.int64)
        finite = np.isfinite(x) if floats else np.ones(len(x), bool)
        numbers = self.maps(len(values), units)[1](np.where(finite, x, 0)).tolist()
        classes = []
        for i, pattern in enumerate(bits_of(values)):
            bits = pattern.tobytes()
            if bits in self.atoms:
                classes.append(self.atoms.index(bits))
            elif not finite[i] or abs(numbers[i]) >= 2**53:
                classes.append(self.a + 2)
            elif self.signed and numbers[i] < 0:
                classes.append(self.a + 1)
                numbers[i] = -numbers[i]
                continue
            else:
                classes.append(self.a)
                continue
            numbers[i] = self.center
        return classes, numbers

    def convert_and_split(self, values: Array) -> Seen:
        """Give classes and numbers of values of another dtype (7)."""
        if values.dtype.kind != "f" or self.dtype.kind == "f":
            return self.split(values.astype(self.dtype))
        whole = [round(x) if np.isfinite(x) else 2**60 for x in values.tolist()]
        low, high = (0, 1) if self.dtype.kind == "b" else limits(self.dtype)
        fits = [max(low, -(2**53)) <= x <= min(high, 2**53) for x in whole]
        whole = [x if there else 0 for x, there in zip(whole, fits, strict=True)]
        classes, numbers_ = self.split(np.array(whole, self.dtype))
        off = self.a + 2, self.center
        pairs = [
            pair if there else off for *pair, there in zip(classes, numbers_, fits, strict=True)
        ]
        return [c for c, _ in pairs], [q for _, q in pairs]

    def join(self, seen: Seen, verbatim: Array, units: Array) -> Array:
        """Give the values of classes and numbers."""
        classes, numbers = seen
        q = [-n if c == self.a + 1 else n for c, n in zip(classes, numbers, strict=True)]
        on = [c in (self.a, self.a + 1) for c in classes]
        q = [n if there else 0 for n, there in zip(q, on, strict=True)]
        point_of = self.maps(len(q), units)[0]
        values = np.array(point_of(np.array(q, np.int64)), self.dtype)
        left = iter(verbatim)
        for i, c in enumerate(classes):
            if c < self.a:
                values[i] = np.frombuffer(self.atoms[c], self.dtype)[0]
            elif c == self.a + 2:
                one = next(left, None)
                require(one is not None, "too few verbatim values")
                values[i] = one
        require(next(left, None) is None, "too many verbatim values")
        return values

    def features_of(self, c: int, n: int, base: int | None) -> list[int]:
        """Give the features of one value; without a base those that are not relative."""
        used = [f for f in self.features if base is not None or not f.relative]
        if c not in (self.a, self.a + 1):
            return [0] * len(used)
        return [f.of(self.wrap(n - (base or 0)) if f.relative else n) for f in used]

    def source_features(self, c: int, n: int) -> list[int]:
        """Give what one value tells other collections (7)."""
        marks = [64 * (c == k) for k in range(min(self.a, 8))]
        return [*self.features_of(c, n, None), *marks, *[64 * (c == self.a + 1)] * self.signed]

    def source_width(self) -> int:
        return len(self.source_features(self.a + 2, 0))


@dataclass
class Column:
    axis: int
    base: int
    base_axis: int
    unit: int
    level: int
    shapes: int
    arrays: dict[str, Array] = field(default_factory=dict)


@dataclass
class Network:
    counts: str
    key: str
    h: int
    rectified: int
    r: int
    events: list[tuple[int, int]]  # axis and rank
    parents: list[tuple[int, int]]
    objects: list[tuple[int, int, int, list[int]]]  # kind, axis, constant, inputs
    weight: int | None
    weight_first: int
    weights: int
    weight_unit: float
    slots: int
    columns: list[Column]
    arrays: dict[str, Array] = field(default_factory=dict)


@dataclass
class Model:
    axes: list[Axis]
    networks: list[Network]
    odds: list[int]


# ---------------------------------------------------------------- 9. A model as bytes


def read_model(data: bytes) -> Model:
    require(data[:8] == bytes.fromhex("89424C4D0D0A1A0A"), "not a model")
    require(data[8] == 1, "a model of another version")
    require(zlib.crc32(data[13:]) == int.from_bytes(data[9:13], "little"), "damaged model")
    body = Cursor(data[13:])
    structure = Cursor(text(body))
    require(isinstance(json.loads(text(body)), dict), "notes are no object")
    axes = [read_axis(structure) for _ in times(structure, 2**14)]
    networks = [read_network(structure) for _ in times(structure, 2**10)]
    structure.end()
    shapes = [s for network in networks for s in shapes_of(axes, network)]
    for kind, dtype in (("weights", "<i2"), ("rows", "<i2"), ("constants", "<i4")):
        chosen = [s for s in shapes if s[3] == kind]
        left = numbers(body, sum(rows * row for *_, (rows, row) in chosen), np.dtype(dtype))
        for arrays, name, _, _, (rows, row) in chosen:
            arrays[name] = left[: rows * row].reshape(rows, row).astype(np.int64)
            left = left[rows * row :]
    odds = np.cumsum(numbers(body, 384, DTYPES[6]).astype(np.int64)) % 2**16
    tables = Cursor(body.sized())
    body.end()
    form = tables.byte()
    require(form < 4, "unknown form of tables")
    chosen = [s for s in shapes if s[3] == "tables"]
    total = sum(rows for *_, (rows, _) in chosen)
    require(total * 514 <= 2**24, "too many tables")
    steps = decode_payload(tables.rest(), DTYPES[2], total * 514, {}, Counter()) if total else []
    tables.end()
    table = np.array(steps, np.int64).reshape(total, 514)
    if form & 2:
        table = np.cumsum(table, 0)
    for _ in range(1 + (form & 1)):
        table = np.cumsum(table, 1)
    table %= 2**16
    for arrays, name, _, _, (rows, _) in chosen:
        arrays[name], table = table[:rows], table[rows:]
    return Model(axes, networks, odds.tolist())


def times(body: Cursor, most: int) -> range:
    number = body.varint()
    require(number <= most, "too many parts of a model")
    return range(number)


def numbers(body: Cursor, n: int, dtype: Any) -> Array:
    require(n <= 2**24, "too many numbers in a model")
    payload = body.sized()
    if not n:
        require(not payload, "a payload of nothing")
        return np.zeros(0, dtype)
    return decode_payload(payload, dtype, n, {}, Counter())


def text(body: Cursor) -> bytes:
    n = body.varint()
    require(n <= 2**24, "a text too long")
    return numbers(body, n, DTYPES[5]).tobytes()


def string(body: Cursor) -> str:
    return body.sized().decode("utf-8", "surrogatepass")


def signed(body: Cursor) -> int:
    return unfold(body.varint())


def read_axis(body: Cursor) -> Axis:
    column, counts, _ = string(body), string(body), string(body)
    code = body.byte()
    require(code < len(DTYPES), "unknown dtype")
    dtype, kind, unit = DTYPES[code], body.byte(), None
    require(kind < len(LATTICES), "unknown lattice")
    require((kind == 0) == (dtype.kind != "f"), "lattice of another dtype")
    start = body.at
    if kind == 4:
        body.positive()
        unit = body.varint()
    else:
        LATTICES[kind](body, dtype, 0, {}, None)
    parameters = body.data[start : body.at]
    atoms = [body.take(dtype.itemsize) for _ in times(body, 64)]
    marks = body.byte()
    require(marks < 4, "unknown marks of an axis")
    period, center = body.varint(), signed(body)
    features = []
    for _ in times(body, 64):
        what, shift = body.byte(), body.byte()
        require(what < 8 and what & 3 < 3 and shift <= 62, "unknown feature")
        features.append(Feature(what & 3, bool(what & 4), shift, signed(body), signed(body)))
        require(abs(features[-1].multiplier) < 2**20, "a multiplier too large")
    numeric, is_signed = bool(marks & 1), bool(marks & 2)
    return Axis(
        column, counts, dtype, kind, parameters, unit, atoms, numeric, is_signed, period, center,
        features,
    )  # fmt: skip


def read_network(body: Cursor) -> Network:
    counts, key = string(body), string(body)
    h, rectified, r = 32 * body.varint(), body.varint(), body.varint()
    require(32 <= h <= 1024 and rectified <= h and 1 <= r <= 256, "sizes out of range")
    events, parents = (
        [(body.varint(), body.varint()) for _ in times(body, 4096)] for _ in range(2)
    )
    objects = [
        (body.varint(), body.varint(), signed(body), [body.varint() for _ in times(body, 16)])
        for _ in times(body, 4096)
    ]
    weight = body.varint()
    weights = (
        (signed(body), body.varint(), body.double(), body.varint()) if weight else (0, 0, 0, 0)
    )
    columns = [
        Column(
            body.varint(), body.varint(), body.varint(), body.varint(), signed(body), body.varint()
        )
        for _ in times(body, 1024)
    ]
    return Network(
        counts, key, h, rectified, r, list(events), list(parents), objects,
        weight - 1 if weight else None, *weights, columns,
    )  # fmt: skip


Shape = tuple[dict[str, Array], str, Any, str, tuple[int, int]]


def shapes_of(axes: list[Axis], net: Network) -> list[Shape]:
    """List all arrays of a network: where they go, name, kind, rows and length of a row."""
    found: list[Shape] = []
    own = sum(len(axes[c.axis].features) for c in net.columns)
    for c in net.columns:
        axis = axes[c.axis]
        outputs = axis.a + axis.signed + 3 * axis.numeric
        found += [
            (c.arrays, name, c, kind, shape)
            for name, kind, shape in (
                ("own", "weights", (net.h, len(axis.features))),
                ("own_rows", "rows", (axis.a + 3, net.h)),
                ("prev_rows", "rows", (axis.a + 3, net.h)),
                ("bias", "rows", (1, net.h)),
                ("v", "weights", (outputs, net.h)),
                ("c", "constants", (1, outputs)),
                ("tables", "tables", (c.shapes, 514)),
            )
        ]
    widths = [
        sum(axes[source[at]].source_width() for source in sources)
        for sources, at in ((net.events, 0), (net.parents, 0), (net.objects, 1))
    ]
    found += [
        (net.arrays, name, net, kind, shape)
        for name, kind, shape in (
            ("bias", "rows", (1, net.h)),
            ("event", "weights", (net.h, widths[0])),
            ("parent", "weights", (net.h, widths[1])),
            ("prev", "weights", (net.h, own)),
            ("peer", "weights", (net.h, own if net.key else 0)),
            ("object", "weights", (net.h, widths[2])),
            ("tally", "weights", (net.h, int(net.weight is not None))),
            ("slot", "weights", (net.h, net.slots)),
            ("rank_rows", "rows", (net.r, net.h)),
            ("left_rows", "rows", (net.r, net.h)),
            ("key_rank_rows", "rows", (net.r, net.h)),
            ("first_row", "rows", (1, net.h)),
            ("orphan_row", "rows", (1, net.h)),
            ("lonely_row", "rows", (1, net.h)),
        )
    ]
    return found


# ---------------------------------------------------------------- 5. Entropy coding


class Stream:
    """One lane, from its first symbol to its last."""

    def __init__(self, data: bytes) -> None:
        require(len(data) >= 8 and len(data) % 4 == 0, "a stream of a wrong size")
        self.x = int.from_bytes(data[:8], "little")
        require(2**31 <= self.x < 2**63, "a stream begins with a wrong state")
        words = range(8, len(data), 4)
        self.words = iter([int.from_bytes(data[i : i + 4], "little") for i in words])

    def refill(self) -> None:
        if self.x < 2**31:
            word = next(self.words, None)
            require(word is not None, "a stream is too short")
            self.x = self.x << 32 | (word or 0)

    def slot(self) -> int:
        return self.x & 65535

    def symbol(self, start: int, frequency: int) -> None:
        self.x = frequency * (self.x >> 16) + self.slot() - start
        self.refill()

    def decision(self, frequency: int) -> bool:
        yes = self.slot() < frequency
        self.symbol(*(0, frequency) if yes else (frequency, 65536 - frequency))
        return yes

    def raw(self, k: int) -> int:
        value = 0
        for at in range(0, k, 16):
            piece = min(16, k - at)
            value |= (self.x & (2**piece - 1)) << at
            self.x >>= piece
            self.refill()
        return value

    def end(self) -> None:
        require(self.x == 2**31 and next(self.words, None) is None, "a stream ends wrongly")


# ---------------------------------------------------------------- 3. States, 4. Heads


INVERSE = [round(2 ** (16 - t / 8)) for t in range(56)]


def ladder(k: int, rows: int) -> int:
    bits = k.bit_length()
    return min(k if k < 8 else 4 * bits - 8 + ((k >> (bits - 3)) & 3), rows - 1)


def log(x: int) -> int:
    if x == 0:
        return -512
    bits = x.bit_length()
    return clamp(16 * (bits - 1) + ((x << 4) >> (bits - 1)) - 272, -512, 511)


@dataclass
class Object:
    at: int
    features: list[int] = field(default_factory=list)
    bases: list[int] = field(default_factory=list)
    parent: int | None = None  # of the event


@dataclass
class Task:
    """What is known before the streams are read, and what they say."""

    model: Model
    net: Network
    counts: list[int]
    parents: list[int]  # of each event
    event_features: Array
    parent_features: Array
    parent_bases: list[list[int | None]]
    object_features: Array
    object_bases: list[list[int | None]]
    weights: list[int]
    seen: list[Seen | None]  # of each column; those of learned ones are filled in

    def decode(self, streams: Sequence[bytes]) -> list[Seen]:
        events = len(self.counts)
        n = sum(self.counts)
        self.learned = [s is None for s in self.seen]
        self.all: list[Seen] = [([0] * n, [0] * n) if s is None else s for s in self.seen]
        for k, data in enumerate(streams):
            stream = Stream(data)
            for e in range(events * k // len(streams), events * (k + 1) // len(streams)):
                self.event(stream, e)
            stream.end()
        return self.all

    def axis(self, j: int) -> Axis:
        return self.model.axes[self.net.columns[j].axis]

    def event(self, stream: Stream, e: int) -> None:
        arrays = self.net.arrays
        first, first_parent = sum(self.counts[:e]), sum(self.parents[:e])
        state = 64 * arrays["bias"][0] + arrays["event"] @ self.event_features[e]
        done: list[Object] = []
        for rank in range(self.counts[e]):
            this = Object(first + rank)
            previous = done[-1] if done else None
            h = state + arrays["object"] @ self.object_features[this.at]
            h = h + arrays["slot"] @ self.slots(done)
            h = h + 64 * arrays["rank_rows"][ladder(rank, self.net.r)]
            h = h + 64 * arrays["left_rows"][ladder(self.counts[e] - 1 - rank, self.net.r)]
            if previous is None:
                h = h + 64 * arrays["first_row"][0]
            else:
                h = h + arrays["prev"] @ np.array(previous.features, np.int64)
                for j, c in enumerate(self.net.columns):
                    h = h + 64 * c.arrays["prev_rows"][self.all[j][0][previous.at]]
            for j, c in enumerate(self.net.columns):
                base = self.base(this, j, done, first_parent)
                if self.learned[j]:
                    self.column(stream, j, this, h, base)
                kind, number = (part[this.at] for part in self.all[j])
                features = self.axis(j).features_of(kind, number, base)
                this.features += features
                h = h + c.arrays["own"] @ np.array(features, np.int64)
                h = h + 64 * c.arrays["own_rows"][kind]
                if j == 0 and self.net.key:
                    h = h + self.after_key(this, done, first_parent, self.parents[e])
            done.append(this)

    def siblings(self, done: list[Object], parent: int) -> list[Object]:
        return [o for o in done if o.parent == parent]

    def after_key(self, this: Object, done: list[Object], first_parent: int, parents: int) -> Array:
        arrays, axis = self.net.arrays, self.axis(0)
        kind, number = (part[this.at] for part in self.all[0])
        index = -1
        if kind < axis.a:
            index = int(np.frombuffer(axis.atoms[kind], axis.dtype)[0])
        elif kind == axis.a:
            index = number
        before: list[Object] = []
        if 0 <= index < parents:
            this.parent = index
            before = self.siblings(done, index)
            h = arrays["parent"] @ self.parent_features[first_parent + index]
            if self.net.weight is not None:
                h = h + arrays["tally"][:, 0] * log(self.sum_of_weights(before))
        else:
            h = 64 * arrays["orphan_row"][0]
        h = h + 64 * arrays["key_rank_rows"][ladder(len(before), self.net.r)]
        if before:
            return h + arrays["peer"] @ np.array(before[-1].features, np.int64)
        return h + 64 * arrays["lonely_row"][0]

    def weight_of(self, o: Object) -> int:
        j = self.net.weight or 0
        kind, number = (part[o.at] for part in self.all[j])
        if kind != self.axis(j).a:
            return 0
        return self.weights[clamp(number - self.net.weight_first, 0, len(self.weights) - 1)]

    def sum_of_weights(self, objects: list[Object]) -> int:
        return sum(self.weight_of(o) for o in objects[:65536])

    def slots(self, done: list[Object]) -> Array:
        parents = range(self.net.slots)
        found = [log(self.sum_of_weights(self.siblings(done, p))) for p in parents]
        return np.array(found, np.int64)

    def base(self, this: Object, j: int, done: list[Object], first_parent: int) -> int:
        c, axis, found = self.net.columns[j], self.axis(j), None
        before = [] if this.parent is None else self.siblings(done, this.parent)
        numbers_ = self.all[j][1]
        if c.base == PREVIOUS and done:
            found = numbers_[done[-1].at]
        elif c.base == PEER and before:
            found = numbers_[before[-1].at]
        elif c.base == PARENT and this.parent is not None:
            found = self.parent_bases[j][first_parent + this.parent]
        elif c.base == OBJECT:
            found = self.object_bases[j][this.at]
        elif c.base == CENTROID and (s := self.sum_of_weights(before)):
            f = numbers_[before[0].at]
            b = sum(
                self.weight_of(o) * clamp(axis.wrap(numbers_[o.at] - f), -(2**24), 2**24)
                for o in before[:65536]
            )
            found = axis.wrap(f + (2 * b + s) // (2 * s))
        return axis.center if found is None else found

    def column(self, stream: Stream, j: int, this: Object, h: Array, base: int) -> None:
        """Decode class and number of one column of one object (4)."""
        c, axis = self.net.columns[j], self.axis(j)
        low = np.where(np.arange(self.net.h) < self.net.rectified, 0, -8192)
        active = np.clip((h + 64 * c.arrays["bias"][0]) >> 8, low, 8191)
        outputs = iter((c.arrays["c"][0] + c.arrays["v"] @ active).tolist())
        classes, numbers_ = self.all[j]
        numbers_[this.at] = axis.center
        for k in range(axis.a):
            if stream.decision(self.frequency(next(outputs))):
                classes[this.at] = k
                return
        negative = axis.signed and stream.decision(self.frequency(next(outputs)))
        if axis.numeric:
            found = self.number(stream, c, axis, base, *outputs)
        else:
            found = self.escape(stream, 0)
        if found is None:
            classes[this.at] = axis.a + 2
            return
        require(abs(found) < 2**53, "a number out of range")
        classes[this.at], numbers_[this.at] = axis.a + negative, found

    def frequency(self, output: int) -> int:
        return self.model.odds[clamp(((output + 2**13) >> 14) + 192, 0, 383)]

    def number(
        self, stream: Stream, c: Column, axis: Axis, base: int, place: int, scale: int, shape: int
    ) -> int | None:
        mu = base * 64 + ((clamp(place, -(2**24), 2**24) * c.unit) >> 18)
        t = clamp(((scale + 2**14) >> 15) + c.level, 0, 351)
        table = c.arrays["tables"][clamp((shape + 2**17) >> 18, 0, c.shapes - 1)].tolist()
        b = max(0, (t >> 3) - 6)
        m = mu >> b
        first = (m >> 6) - 128

        def cum(i: int) -> int:
            if i in (0, 256):
                return 65504 if i else 0
            x = ((first + i) * 64 - (32 >> b)) - m
            z = clamp((x * INVERSE[t - 8 * b]) >> 8, -16384, 16384) + 16384
            low, high = table[z >> 6], table[(z >> 6) + 1]
            return int(low + (((high - low) * (z & 63)) >> 6) + i)

        slot = stream.slot()
        if slot >= 65504:
            stream.symbol(65504, 32)
            return self.escape(stream, mu >> 6)
        i = max(k for k in range(256) if cum(k) <= slot)
        stream.symbol(cum(i), cum(i + 1) - cum(i))
        return axis.wrap(((first + i) << b) + stream.raw(b))

    def escape(self, stream: Stream, center: int) -> int | None:
        length = stream.raw(6)
        if length == 63:
            return None
        require(length <= 56, "an escape too long")
        return unfold(stream.raw(length)) + center


# ---------------------------------------------------------------- 7. Sources


def table(rows: list[list[int]]) -> Array:
    return np.array(rows, np.int64).reshape(len(rows), len(rows[0]) if rows else 0)


def task_of(
    model: Model, net: Network, entries: int, column: Values, seen: list[Seen | None]
) -> Task:
    """Give the task of a chunk; ``column`` gives decoded values by name."""
    if net.counts:
        counts = [int(k) for k in column(net.counts)]
    else:
        counts = [min(256, entries - i) for i in range(0, entries, 256)]
    parents = [int(k) for k in column(net.key)] if net.key else [0] * len(counts)
    known: dict[int, Seen] = {}

    def split(at: int) -> Seen:
        if at not in known:
            known[at] = model.axes[at].split(column(model.axes[at].column))
        return known[at]

    def event_row(e: int) -> list[int]:
        row: list[int] = []
        for at, rank in net.events:
            axis = model.axes[at]
            inside = [int(k) for k in column(axis.counts)] if axis.counts else [1] * len(counts)
            if rank < inside[e]:
                i = sum(inside[:e]) + rank
                row += axis.source_features(split(at)[0][i], split(at)[1][i])
            else:
                row += [0] * axis.source_width()
        return row

    def parent_row(p: int) -> list[int]:
        rows = (model.axes[at].source_features(*(s[p] for s in split(at))) for at, _ in net.parents)
        return [feature for row in rows for feature in row]

    n = sum(counts)
    derived = [
        model.axes[at].convert_and_split(derive(model, column, kind, constant, inputs, counts))
        for kind, at, constant, inputs in net.objects
    ]

    def bases_of(c: Column, base: int) -> list[int | None]:
        axis = model.axes[c.axis]
        if c.base != base or base not in (PARENT, OBJECT):
            return []
        if base == PARENT:
            classes, numbers_ = axis.convert_and_split(column(model.axes[c.base_axis].column))
        else:
            require(net.objects[c.base_axis][1] == c.axis, "a base of another axis")
            classes, numbers_ = derived[c.base_axis]
        on = (axis.a, axis.a + 1)
        return [q if k in on else None for k, q in zip(classes, numbers_, strict=True)]

    def object_row(o: int) -> list[int]:
        pairs = zip(net.objects, derived, strict=True)
        rows = (model.axes[at].source_features(s[0][o], s[1][o]) for (_, at, *_), s in pairs)
        return [feature for row in rows for feature in row]

    weights: list[int] = []
    if net.weight is not None:
        axis = model.axes[net.columns[net.weight].axis]
        points = axis.maps(net.weights, NOTHING)[0](net.weight_first + np.arange(net.weights))
        quotient = np.array(points, axis.dtype).astype(F8) / net.weight_unit
        weights = [clamp(round(q), 1, 2**20) if np.isfinite(q) else 1 for q in quotient.tolist()]
    return Task(
        model, net, counts, parents,
        table([event_row(e) for e in range(len(counts))]),
        table([parent_row(p) for p in range(sum(parents))]),
        [bases_of(c, PARENT) for c in net.columns],
        table([object_row(o) for o in range(n)]),
        [bases_of(c, OBJECT) for c in net.columns],
        weights,
        seen,
    )  # fmt: skip


# ---------------------------------------------------------------- 8. Derived quantities


def derive(
    model: Model, column: Values, kind: int, constant: int, inputs: list[int], counts: list[int]
) -> Array:
    """Give a quantity of each object; ``counts`` are those of the objects."""
    require(kind <= 14 and len(inputs) == (2 if kind == 14 else 6), "unknown quantity")
    axes = [model.axes[at] for at in inputs]
    require(len({axis.counts for axis in axes}) == 1 and axes[0].counts, "not of one collection")
    require(axes[0].dtype.kind in "iu", "a key that is not of integers")
    inside = [int(k) for k in column(axes[0].counts)]
    require(len(inside) == len(counts), "a key of other events")
    children: list[list[int]] = [[] for _ in range(sum(counts))]
    key, at = column(axes[0].column).tolist(), 0
    for e, number in enumerate(inside):
        for i in range(at, at + number):
            if 0 <= key[i] < counts[e]:
                children[sum(counts[:e]) + key[i]].append(i)
        at += number
    values = [column(axis.column).astype(F8) for axis in axes[1:]]
    if kind == 14:
        found = [values[0][own[0]] if own else np.nan for own in children]
    else:
        with np.errstate(all="ignore"):
            found = [quantity(kind, constant, *(v[own] for v in values)) for own in children]
    return np.array([x if x == x else np.nan for x in found], F8)


def total(x: Array) -> Any:
    found = np.float64(0)
    for one in x:
        found = found + one
    return found


def quantity(
    kind: int, constant: int, pt: Array, eta: Array, phi: Array, mass: Array, s: Array
) -> Any:
    """Give a quantity of one object from its children."""
    e = np.float64(2.0**-40)
    zero = np.float64(0)
    chosen = np.abs(s) == constant
    if constant in (-2, -1):
        chosen = (s != 0) | (constant == -2)
    p = pt * cosh(eta)
    if kind == 0:
        return np.float64(chosen.sum())
    if kind == 5:
        return total(np.where(chosen, p, 0.0)) / np.maximum(total(p), e)
    if kind == 7:
        return np.sqrt(total(pt * pt)) / np.maximum(total(pt), e)
    if kind == 10:
        root = np.sqrt(pt)
        return total(s * root) / np.maximum(total(np.where(s != 0, root, 0.0)), e)
    if kind in (11, 12, 13):
        ordered = sorted(pt[chosen].tolist(), key=lambda x: (x == x, x), reverse=True)
        return ordered[kind - 11] if len(ordered) > kind - 11 else 0.0
    x, y, z = total(pt * cos(phi)), total(pt * sin(phi)), total(pt * sinh(eta))
    t = np.sqrt(x * x + y * y)
    if kind == 4:
        energy = total(np.sqrt(p * p + mass * mass))
        return np.sqrt(np.maximum(((energy * energy - x * x) - y * y) - z * z, zero))
    h = asinh(np.array([z / np.maximum(t, e)]))[0]
    f = atan2(np.array([y]), np.array([x]))[0]
    if kind in (1, 2, 3):
        return (t, h, f)[kind - 1] if t > 0 else np.nan
    pi = float.fromhex("1.921fb54442d18p+1")
    a, d = eta - h, phi - f
    b = d - 2 * pi * np.floor((d + pi) / (2 * pi))
    if kind == 6:
        return total(pt * np.sqrt(a * a + b * b)) / np.maximum(total(pt), e)
    w = pt * pt
    whole = np.maximum(total(w), e)
    m, n = total(w * a) / whole, total(w * b) / whole
    aa = total(w * (a * a)) / whole - m * m
    bb = total(w * (b * b)) / whole - n * n
    ab = total(w * (a * b)) / whole - m * n
    r = np.sqrt(np.maximum((aa - bb) * (aa - bb) + 4 * (ab * ab), zero))
    return np.sqrt(np.maximum(((aa + bb) + (r if kind == 8 else -r)) / 2, zero))


# ---------------------------------------------------------------- format.md, 6.1


def network_of(model: Model, sha256: bytes, data: bytes, number: int, names: list[str]) -> Network:
    """Give the network of a group, which must code the columns with these names."""
    require(hashlib.sha256(data).digest() == sha256, "another model")
    require(number < len(model.networks), "no such network")
    net = model.networks[number]
    require([model.axes[c.axis].column for c in net.columns] == names, "other columns")
    return net


def decode_group(
    model: Model,
    net: Network,
    n: int,
    entries: int,
    column: Values,
    given: dict[int, Array],
    verbatim: dict[int, Array],
    streams: Sequence[bytes],
) -> dict[int, Array]:
    """Give the learned columns of a group, by position in the network, from the given ones."""
    values = dict(given)

    def units(j: int) -> Array:
        """Give the uncertainties of column j, if its lattice is scaled."""
        at = model.axes[net.columns[j].axis].unit
        if at is None:
            return NOTHING
        own = [k for k, c in enumerate(net.columns) if c.axis == at]
        if not own:
            return column(model.axes[at].column)
        require(own[0] in values, "a column is known before its uncertainties")
        return values[own[0]]

    seen: list[Seen | None] = [None] * len(net.columns)
    for j in given:
        seen[j] = model.axes[net.columns[j].axis].split(given[j], units(j))
    found = task_of(model, net, entries, column, seen).decode(streams)
    waiting = [j for j in range(len(net.columns)) if j not in given]
    while waiting:
        j = waiting.pop(0)
        at = model.axes[net.columns[j].axis].unit
        if any(net.columns[k].axis == at for k in waiting):
            waiting.append(j)
            continue
        values[j] = model.axes[net.columns[j].axis].join(found[j], verbatim[j], units(j))
    require(all(len(values[j]) == n for j in values), "columns of different lengths")
    return {j: values[j] for j in values if j not in given}
