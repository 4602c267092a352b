"""The slow, clear kernel that defines the truth: one object after the other, in NumPy.

Encoder and decoder walk the very same code. They differ in the coder alone: one is told each symbol
and writes it down, the other is told something meaningless and reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from baler.core.bytes import unzigzag, zigzag
from baler.errors import Corrupt
from baler.learned import rans
from baler.learned.axis import MAX_NUMBER, Axis, Features, Ints
from baler.learned.checks import check_task
from baler.learned.model import Model
from baler.learned.network import BINS, SLOTS, Base, CollectionNet, ColumnNet, ladder
from baler.learned.placement import Placement, activations, frequency, place
from baler.learned.tally import MOST, centroid, log, pull, weights_of
from baler.learned.task import NO_BASE, Encoded, Task, lane_ends

_ALL_BINS = np.arange(BINS + 1)
_ESCAPE = BINS
_LENGTH_BITS = 6
_LONGEST = 56
_VERBATIM = 63


def encode(model: Model, net: CollectionNet, task: Task, lanes: int) -> Encoded:
    """Return the streams of the columns that are not given, and what each column costs."""
    check_task(model.axes, net, task, lanes, np.ones_like(task.given))
    told = replace(task, classes=task.classes.copy(), numbers=task.numbers.copy())
    walk = Walk(model, net, told)
    bits = np.zeros(len(net.columns))
    streams = []
    ends = lane_ends(task.events, lanes)
    for first, last in zip([0, *ends[:-1]], ends, strict=True):
        writer = _Writer(bits)
        walk.events(writer, first, last)
        streams.append(writer.stream())
    if not np.array_equal(told.classes, task.classes):
        raise ValueError("a task has classes that its axes do not have")
    if not np.array_equal(told.numbers, task.numbers):
        raise ValueError("a task has numbers of values off the lattice that are not the centre")
    return Encoded(streams, bits)


def decode(
    model: Model,
    net: CollectionNet,
    task: Task,
    streams: Sequence[bytes],
    ends: Sequence[int] | None = None,
) -> None:
    """Fill in classes and numbers of the columns that are not given.

    ``ends`` are the first events that are after each lane, if these are not all of a block.
    """
    check_task(model.axes, net, task, len(streams), task.given)
    task.classes[~task.given] = 0
    task.numbers[~task.given] = 0
    walk = Walk(model, net, task)
    first = 0
    for stream, last in zip(streams, ends or lane_ends(task.events, len(streams)), strict=True):
        reader = _Reader(stream)
        walk.events(reader, first, last)
        reader.end()
        first = last


class _Coder(Protocol):
    """What a walk asks about symbols; it says what an encoder knows, and is told what holds."""

    def column(self, position: int) -> None:
        """Say which column the next symbols belong to."""

    def symbol(self, cumulative: Ints, index: int) -> int:
        """Code one of several symbols; the k-th begins at the k-th of ``cumulative`` slots."""

    def raw(self, width: int, bits: int) -> int:
        """Code some bits as they are."""


class _Writer:
    """Writes down what it is told, and what that costs."""

    def __init__(self, bits: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
        self._bits = bits
        self._column = 0
        self._symbols: list[tuple[int, int, bool]] = []

    def column(self, position: int) -> None:
        self._column = position

    def symbol(self, cumulative: Ints, index: int) -> int:
        start, stop = cumulative[index : index + 2].tolist()
        self._symbols.append((start, stop - start, False))
        self._bits[self._column] += math.log2(SLOTS / (stop - start))
        return index

    def raw(self, width: int, bits: int) -> int:
        low = bits & ((1 << width) - 1)
        self._symbols += [
            (low >> at & ((1 << size) - 1), size, True) for at, size in _pieces(width)
        ]
        self._bits[self._column] += width
        return low

    def stream(self) -> bytes:
        encoder = rans.Encoder()
        for what, size, is_raw in reversed(self._symbols):
            (encoder.push_raw if is_raw else encoder.push)(what, size)
        return encoder.stream()


class _Reader:
    """Reads a stream, whatever it is told."""

    def __init__(self, stream: bytes) -> None:
        self._decoder = rans.Decoder(stream)

    def column(self, position: int) -> None:
        pass

    def symbol(self, cumulative: Ints, index: int) -> int:
        found = int(np.searchsorted(cumulative, self._decoder.slot(), side="right")) - 1
        start, stop = cumulative[found : found + 2].tolist()
        self._decoder.pop(start, stop - start)
        return found

    def raw(self, width: int, bits: int) -> int:
        return sum(self._decoder.pop_raw(size) << at for at, size in _pieces(width))

    def end(self) -> None:
        self._decoder.end()


def _pieces(width: int) -> list[tuple[int, int]]:
    """Return offset and size of the pieces that raw bits are coded in."""
    return [(at, min(rans.PIECE, width - at)) for at in range(0, width, rans.PIECE)]


@dataclass(slots=True)
class _Event:
    """What is known of an event while its objects are coded."""

    state: Ints  # (H,)
    first: int  # object
    count: int
    first_parent: int
    parents: int
    children: dict[int, list[Known]] = field(default_factory=dict)  # by parent's position
    tallies: dict[int, _Tally] = field(default_factory=dict)  # the same


@dataclass(slots=True)
class _Tally:
    """What the objects of a parent that are known entirely come to."""

    first: int  # of them, position in the arrays of the task
    objects: int = 0
    weight: int = 0
    moments: dict[int, int] = field(default_factory=dict)  # of columns with a centroid


@dataclass(slots=True)
class Known:
    """What is known of an object while its columns are coded, and after."""

    at: int  # position in the arrays of the task
    state: Ints  # (H,)
    previous: Known | None
    parent: int | None = None  # position in the arrays of the task
    peer: Known | None = None
    tally: _Tally | None = None  # of its parent
    features: list[Features] = field(default_factory=list)  # of each column so far

    def all_features(self) -> Features:
        """Return those of all columns, one after the other."""
        return np.concatenate(self.features)


class Walk:
    """The objects of a collection in the order of coding, and what places their symbols."""

    def __init__(self, model: Model, net: CollectionNet, task: Task) -> None:
        self._net, self._task = net, task
        self._axes = [model.axes[column.axis] for column in net.columns]
        self._odds = model.odds
        self._first_parent = np.cumsum(task.parent_counts) - task.parent_counts
        self._first_object = np.cumsum(task.counts) - task.counts

    def events(self, coder: _Coder, first: int, last: int) -> None:
        """Code some events."""
        for e in range(first, last):
            event = _Event(
                64 * _wide(self._net.bias) + _wide(self._net.event) @ self._task.event_features[e],
                int(self._first_object[e]),
                int(self._task.counts[e]),
                int(self._first_parent[e]),
                int(self._task.parent_counts[e]),
            )
            previous = None
            for rank in range(event.count):
                previous = self._object(coder, event, rank, previous)

    def _object(self, coder: _Coder, event: _Event, rank: int, previous: Known | None) -> Known:
        this = Known(event.first + rank, self._first_state(event, rank, previous), previous)
        for j, (axis, column) in enumerate(zip(self._axes, self._net.columns, strict=True)):
            base = self._base(this, j)
            if not self._task.given[j]:
                coder.column(j)
                self._code(coder, this, j, base)
            self._settle(this, j, axis, column, base)
            if j == 0 and self._net.key:
                self._follow_key(this, event)
        if self._net.weight >= 0 and this.parent is not None:
            self._count(this, event.tallies.setdefault(this.parent, _Tally(this.at)))
        return this

    def _first_state(self, event: _Event, rank: int, previous: Known | None) -> Ints:
        """Return the state before the first column."""
        net = self._net
        tallies = [self._log(event.tallies.get(event.first_parent + p)) for p in range(net.slots)]
        state: Ints = (
            event.state
            + _wide(net.object) @ self._task.object_features[event.first + rank]
            + _wide(net.slot) @ np.array(tallies, np.int64)
            + 64 * _wide(net.rank_rows[ladder(rank, len(net.rank_rows))])
            + 64 * _wide(net.left_rows[ladder(event.count - 1 - rank, len(net.left_rows))])
        )
        if previous is None:
            return state + 64 * _wide(net.first_row)
        state += _wide(net.previous) @ previous.all_features()
        for j, column in enumerate(net.columns):
            state += 64 * _wide(column.prev_rows[self._task.classes[j, previous.at]])
        return state

    def _settle(self, this: Known, j: int, axis: Axis, column: ColumnNet, base: int) -> None:
        """Add to the state what is known with a column."""
        one = slice(this.at, this.at + 1)
        classes, numbers = self._task.classes[j, one], self._task.numbers[j, one]
        this.features.append(axis.features_of(classes, numbers, np.array([base]))[0])
        this.state += _wide(column.own) @ this.features[j]
        this.state += 64 * _wide(column.own_rows[classes[0]])

    def _follow_key(self, this: Known, event: _Event) -> None:
        """Add to the state what is known with the key."""
        net, task = self._net, self._task
        on = self._axes[0].on_lattice
        kind, number = int(task.classes[0, this.at]), int(task.numbers[0, this.at])
        index = int(task.keys[kind]) if kind < on else number if kind == on else -1
        siblings: list[Known] = []
        if 0 <= index < event.parents:
            this.parent = event.first_parent + index
            siblings = event.children.setdefault(this.parent, [])
            this.tally = event.tallies.get(this.parent)
            this.state += _wide(net.parent) @ task.parent_features[this.parent]
            if net.weight >= 0:
                this.state += _wide(net.tally[:, 0]) * self._log(this.tally)
        else:
            this.state += 64 * _wide(net.orphan_row)
        this.state += 64 * _wide(net.key_rank_rows[ladder(len(siblings), len(net.key_rank_rows))])
        if siblings:
            this.peer = siblings[-1]
            this.state += _wide(net.peer) @ this.peer.all_features()
        else:
            this.state += 64 * _wide(net.lonely_row)
        siblings.append(this)

    def _log(self, tally: _Tally | None) -> int:
        return int(log(0 if tally is None else tally.weight))

    def _count(self, this: Known, tally: _Tally) -> None:
        """Add an object that is known entirely to the tally of its parent."""
        if tally.objects == MOST:
            return
        task, net = self._task, self._net
        weight = weights_of(self._axes[net.weight], net, task, this.at)
        tally.objects += 1
        tally.weight += int(weight)
        for j, (axis, column) in enumerate(zip(self._axes, net.columns, strict=True)):
            if column.base is Base.CENTROID:
                numbers = task.numbers[j]
                moment = pull(axis, numbers[this.at], numbers[tally.first], weight)
                tally.moments[j] = tally.moments.get(j, 0) + int(moment)

    def _base(self, this: Known, j: int) -> int:
        """Return the number that a column is placed from."""
        task, base, center = self._task, self._net.columns[j].base, self._axes[j].center
        if base is Base.PREVIOUS and this.previous is not None:
            return int(task.numbers[j, this.previous.at])
        if base is Base.PEER and this.peer is not None:
            return int(task.numbers[j, this.peer.at])
        if base is Base.PARENT and this.parent is not None:
            number = int(task.parent_bases[j][this.parent])
            return center if number == NO_BASE else number
        if base is Base.OBJECT:
            number = int(task.object_bases[j][this.at])
            return center if number == NO_BASE else number
        if base is Base.CENTROID and this.tally is not None and this.tally.weight:
            first = task.numbers[j, this.tally.first]
            return int(centroid(self._axes[j], first, this.tally.moments[j], this.tally.weight))
        return center

    def _code(self, coder: _Coder, this: Known, j: int, base: int) -> None:
        """Code class and number of a column, and put what holds where what was known has been."""
        axis, column = self._axes[j], self._net.columns[j]
        classes, numbers = self._task.classes[j], self._task.numbers[j]
        outputs = self.outputs(this, j)
        known, number = int(classes[this.at]), int(numbers[this.at])
        numbers[this.at] = axis.center
        for atom in range(axis.on_lattice):
            if self._decide(coder, int(outputs[atom]), known == atom):
                classes[this.at] = atom
                return
        negative = axis.signed and self._decide(
            coder, int(outputs[axis.on_lattice]), known == axis.on_lattice + 1
        )
        wanted = None if known == axis.verbatim else number
        placement = place(axis, column, outputs, base) if axis.numeric else None
        found = _number(coder, axis, placement, wanted)
        if found is None:
            classes[this.at] = axis.verbatim
        elif abs(found) < MAX_NUMBER:
            classes[this.at] = axis.on_lattice + negative
            numbers[this.at] = found
        else:
            raise Corrupt(f"column {axis.column!r} has the number {found}, which is out of range")

    def outputs(self, this: Known, j: int) -> Ints:
        """Return what the network says about a column, given all that came before."""
        column = self._net.columns[j]
        active = activations(this.state, column.bias, self._net.rectified)
        return column.offsets + _wide(column.heads) @ active

    def _decide(self, coder: _Coder, output: int, is_so: bool) -> bool:
        yes = int(frequency(self._odds, output))
        return coder.symbol(np.array([0, yes, SLOTS]), 0 if is_so else 1) == 0


def _number(
    coder: _Coder, axis: Axis, placement: Placement | None, wanted: int | None
) -> int | None:
    """Code a number; None stands for a verbatim value."""
    if placement is None:
        return _escape(coder, 0, wanted)
    center, first, low_bits = (
        int(placement.center),
        int(placement.first),
        int(placement.low_bits),
    )
    index, turned = _ESCAPE, 0
    if wanted is not None and _wrap(axis, wanted) == wanted:
        turned = center + _wrap(axis, wanted - center)
        index = (turned >> low_bits) - first
    if not 0 <= index < BINS:
        index = _ESCAPE
    index = coder.symbol(np.append(placement.cumulative(_ALL_BINS), SLOTS), index)
    if index == _ESCAPE:
        return _escape(coder, center, wanted)
    return _wrap(axis, (first + index << low_bits) + coder.raw(low_bits, turned))


def _escape(coder: _Coder, center: int, wanted: int | None) -> int | None:
    """Code how far a number is from where it was expected."""
    code = 0 if wanted is None else zigzag(wanted - center)
    length = coder.raw(_LENGTH_BITS, _VERBATIM if wanted is None else code.bit_length())
    if length == _VERBATIM:
        return None
    if length > _LONGEST:
        raise Corrupt(f"an escape has {length} bits; allowed are {_LONGEST}")
    return unzigzag(coder.raw(length, code)) + center


def _wrap(axis: Axis, number: int) -> int:
    """Return a number within half a turn of 0; as it is if there is no period."""
    period = axis.period
    return number - period * ((number + (period >> 1)) // period) if period else number


def _wide(weights: Features) -> Ints:
    return weights.astype(np.int64)
