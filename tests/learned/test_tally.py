"""Laws of ladders, tallies and centroids, against what docs/learned.md says, word by word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.learned import reference
from baler.learned.axis import MAX_NUMBER, Axis, Ints
from baler.learned.batch import Relations, bases, forward, slots, weights
from baler.learned.model import Model
from baler.learned.network import Base, CollectionNet, bit_length, ladder
from baler.learned.part import part_of
from baler.learned.tally import MOST, centroid, log, pull, weight_table, weights_of
from baler.learned.task import NO_BASE, Task
from baler.quantise.lattice import Decimal, Integers, Lattice, Logarithmic, Uniform
from tests.learned.models import CHILDREN, blank, make_axis, random_model, random_task, same

SEEDS = st.integers(0, 1 << 32)


def step(k: int) -> int:
    length = k.bit_length()
    return k if k < 8 else 4 * length - 8 + ((k >> (length - 3)) & 3)


@given(st.lists(st.integers(0, (1 << 31) - 1)), st.integers(1, 256))
def test_ladders_are_those_of_the_page(ranks: list[int], rows: int) -> None:
    expected = [min(step(k), rows - 1) for k in ranks]
    assert ladder(np.array(ranks, np.int64), rows).tolist() == expected
    assert [int(ladder(k, rows)) for k in ranks] == expected


def test_ladders_rise_by_one() -> None:
    steps = ladder(np.arange(1 << 16), 256)
    assert set(np.diff(steps).tolist()) == {0, 1}
    assert steps[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8, 9, 9]
    assert ladder(np.arange(12), 9)[-3:].tolist() == [8, 8, 8]


@given(st.integers(0, (1 << 63) - 1))
def test_bits_are_counted(number: int) -> None:
    for n in (number, number >> 40, 1 << number.bit_length() >> 1):
        assert bit_length(n) == n.bit_length()


def log_of(x: int) -> int:
    if not x:
        return -512
    length = x.bit_length()
    return max(-512, min(16 * (length - 1) + ((x << 4) >> (length - 1)) - 272, 511))


@given(st.lists(st.integers(0, MOST << 20)))
def test_logarithms_are_those_of_the_page(sums: list[int]) -> None:
    sums += [0, 1, 2, 3, (1 << 20) - 1, 1 << 20, MOST << 20]
    assert log(np.array(sums)).tolist() == [log_of(x) for x in sums]
    assert [int(log(x)) for x in sums] == [log_of(x) for x in sums]
    assert (np.diff(log(np.array(sorted(sums)))) >= 0).all()
    assert log([1, 2, 1 << 20, MOST << 20]).tolist() == [-256, -240, 64, 320]


def weighted(axis: Axis, first: int, count: int, unit: float) -> CollectionNet:
    """Return a network of which only the weights matter; its weight column is the first."""
    net = random_model(np.random.default_rng(0)).collections[CHILDREN]
    return replace(net, weight=0, weight_first=first, weight_count=count, weight_unit=unit)


@pytest.mark.parametrize(
    ("lattice", "dtype", "first", "unit", "expected"),
    [
        (Integers(), "<i4", -1, 1.0, [1, 1, 1, 2]),
        (Integers(), "<i4", 1, 2.0, [1, 1, 2, 2]),  # 0.5, 1, 1.5, 2: halves to even
        (Integers(), "<i8", (1 << 20) - 2, 1.0, [(1 << 20) - 2, (1 << 20) - 1, 1 << 20, 1 << 20]),
        (Uniform(0.1), "<f4", 10, 0.1, [10, 11, 12, 13]),
        (Decimal(2), "<f8", 1 - MAX_NUMBER, 1e-9, [1, 1, 1, 1]),
        (Uniform(1e30), "<f4", 0, 1e-300, [1, 1, 1, 1]),  # not finite
        (Uniform(1e-30), "<f4", MAX_NUMBER - 4, 1e300, [1, 1, 1, 1]),
        (Logarithmic(1, 1, 0, 0), "<f8", 4, 1.0, [8, 16, 32, 64]),
        (Logarithmic(1, 1, 0, 1 << 30), "<f8", 4, 1.0, [1, 1, 1, 1]),  # infinite
    ],
)
def test_weights_are_values_in_units(
    lattice: Lattice, dtype: str, first: int, unit: float, expected: list[int]
) -> None:
    axis = make_axis("x", "nCand", dtype, lattice)
    assert weight_table(axis, weighted(axis, first, 4, unit)).tolist() == expected


def test_weights_end_where_the_table_does() -> None:
    axis = make_axis("x", "nCand", "<i8", Integers(), atoms=[3], center=-7)
    net = weighted(axis, -6, 3, 1.0)
    rng = np.random.default_rng(0)
    model = random_model(rng)
    task = random_task(rng, model, model.collections[CHILDREN])
    numbers = np.array([[1 - MAX_NUMBER, -6, -5, -4, 0, MAX_NUMBER - 1, -7, -7, -7]])
    classes = np.array([[1, 1, 1, 1, 1, 1, 0, 2, 3]], np.uint8)
    task = replace(task, numbers=numbers, classes=classes, weights=np.array([5, 6, 9]))
    assert weights_of(axis, net, task, slice(None)).tolist() == [5, 5, 6, 9, 9, 9, 0, 0, 0]
    assert int(weights_of(axis, net, task, 2)) == 6


# Tallies as the page defines them


class Page:
    """What section 3 and 4 say of one object, by summing over all that came before."""

    def __init__(self, model: Model, net: CollectionNet, task: Task, most: int) -> None:
        self.net, self.task, self.most = net, task, most
        self.axes = [model.axes[column.axis] for column in net.columns]
        self.event = np.repeat(np.arange(task.events), task.counts)
        self.keys = [self.key(i) for i in range(self.event.size)]

    def key(self, i: int) -> int | None:
        on, cls = self.axes[0].on_lattice, int(self.task.classes[0, i])
        index = int(self.task.numbers[0, i]) if cls == on else -1
        index = int(self.task.keys[cls]) if cls < on else index
        return index if 0 <= index < self.task.parent_counts[self.event[i]] else None

    def weight(self, i: int) -> int:
        at, table = self.net.weight, self.task.weights.tolist()
        if self.task.classes[at, i] != self.axes[at].on_lattice:
            return 0
        n = int(self.task.numbers[at, i]) - self.net.weight_first
        return int(table[max(0, min(n, len(table) - 1))])

    def before(self, i: int, p: int | None) -> list[int]:
        """Return the objects that count for a parent when object ``i`` begins."""
        of_event = [k for k in range(i) if self.event[k] == self.event[i]]
        return [k for k in of_event if self.keys[k] == p and p is not None][: self.most]

    def tally(self, i: int, p: int | None) -> int:
        return sum(map(self.weight, self.before(i, p)))

    def centroid(self, i: int, j: int) -> int:
        axis, objects = self.axes[j], self.before(i, self.keys[i])
        total = self.tally(i, self.keys[i])
        if not total:
            return axis.center
        q = [int(self.task.numbers[j, k]) for k in objects]
        moment = 0
        for k, n in zip(objects, q, strict=True):
            apart = wrap(axis.period, n - q[0])
            moment += self.weight(k) * max(-(1 << 24), min(apart, 1 << 24))
        return wrap(axis.period, q[0] + (2 * moment + total) // (2 * total))


def wrap(period: int, x: int) -> int:
    return x - period * ((x + (period >> 1)) // period) if period else x


@settings(max_examples=30)
@given(SEEDS, st.sampled_from([1, 2, MOST]))
def test_tallies_are_those_of_the_page(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net, events=int(rng.integers(1, 7)))
    page = Page(model, net, task, most)
    relations = Relations.of(model.axes, net, task)
    everything = range(page.event.size)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baler.learned.batch.MOST", most)
        weight = weights(model.axes, net, task, relations)
        found = bases(model.axes, net, task, relations)
    expected = [page.tally(i, page.keys[i]) for i in everything]
    assert relations.among_siblings(weight).tolist() == expected
    table = slots(net, task, relations, weight)
    for p in range(net.slots):
        assert table[:, p].tolist() == [log_of(page.tally(i, p)) for i in everything]
    for j, column in enumerate(net.columns):
        if column.base is Base.CENTROID:
            assert found[j].tolist() == [page.centroid(i, j) for i in everything]
        if column.base is Base.OBJECT:
            center = page.axes[j].center
            own = task.object_bases[j].tolist()
            assert found[j].tolist() == [center if b == NO_BASE else b for b in own]


class Spy(reference.Walk):
    """A walk that notes what the network says."""

    seen: dict[tuple[int, int], Ints]

    def outputs(self, this: reference.Known, j: int) -> Ints:
        outputs = super().outputs(this, j)
        self.seen[j, this.at] = outputs
        return outputs


@settings(max_examples=10)
@given(SEEDS, st.sampled_from([1, 2, 5]))
def test_objects_beyond_the_most_do_not_count(seed: int, most: int) -> None:
    """Both kernels agree about which ones these are, and so do encoder and decoder."""
    rng = np.random.default_rng(seed)
    model = random_model(rng, ranks=20)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net, events=3, most=12)
    Spy.seen = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("baler.learned.batch.MOST", most)
        patch.setattr("baler.learned.reference.MOST", most)
        outputs = forward(model, net, task)
        patch.setattr(reference, "Walk", Spy)
        encoded = reference.encode(model, net, task, 2)
        for (j, at), expected in Spy.seen.items():
            assert np.array_equal(outputs[j][at], expected)
        found = blank(task)
        reference.decode(model, net, found, encoded.streams)
    assert same(found, task)


def crowd(numbers: Ints, weight: int) -> tuple[Model, CollectionNet, Task]:
    """Return objects of one parent, all of the same weight; the numbers are of every column."""
    rng = np.random.default_rng(0)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net, events=1)
    axes = [model.axes[column.axis] for column in net.columns]
    shape, size = (len(axes), numbers.size), numbers.size
    changes: dict[str, Any] = {
        "counts": np.array([size]),
        "parent_counts": np.array([1]),
        "classes": np.repeat(np.array([[a.on_lattice] for a in axes], np.uint8), size, 1),
        "numbers": np.ascontiguousarray(np.broadcast_to(numbers, shape)),
        "weights": np.full(net.weight_count, weight),
    }
    changes["numbers"][0] = 0
    return model, net, replace(task, **changes)


def test_the_largest_tallies_fit() -> None:
    numbers = np.full(MOST + 4000, MAX_NUMBER - 1)
    numbers[0] = 1 - MAX_NUMBER
    model, net, task = crowd(numbers, 1 << 20)
    relations = Relations.of(model.axes, net, task)
    weight = weights(model.axes, net, task, relations)
    tallies = relations.among_siblings(weight)
    assert tallies[:3].tolist() == [0, 1 << 20, 2 << 20]
    assert tallies[MOST - 1 : MOST + 2].tolist() == [(MOST - 1) << 20, MOST << 20, MOST << 20]
    assert tallies[-1] == MOST << 20
    found = bases(model.axes, net, task, relations)
    names = [model.axes[column.axis].column for column in net.columns]
    total, moment = MOST << 20, (MOST - 1) << 20 << 24
    exact = 1 - MAX_NUMBER + (2 * moment + total) // (2 * total)
    assert found[names.index("Cand_err")][-1] == exact


@given(st.integers(-50, 50), st.integers(-(MOST << 44), MOST << 44), st.integers(1, MOST << 20))
def test_centroids_are_rounded_means(first: int, moment: int, total: int) -> None:
    axis = make_axis("x", "", "<i8", Integers(), period=101)
    exact = first + (2 * moment + total) // (2 * total)
    assert int(centroid(axis, np.int64(first), np.int64(moment), np.int64(total))) == wrap(
        101, exact
    )
    straight = make_axis("x", "", "<i8", Integers())
    assert centroid(straight, first, moment, total) == exact


def test_moments_take_the_shorter_way() -> None:
    axis = make_axis("x", "", "<i8", Integers(), period=100)
    numbers, first = np.array([49, -50, 0, 3]), np.array([-49, 49, 0, 2])
    assert pull(axis, numbers, first, np.array([3, 5, 7, 9])).tolist() == [-6, 5, 0, 9]
    straight = make_axis("x", "", "<i8", Integers())
    far = np.array([1 - MAX_NUMBER, MAX_NUMBER - 1])
    assert pull(straight, far, far[::-1], 2).tolist() == [-(2 << 24), 2 << 24]


def test_parts_have_their_own_objects() -> None:
    rng = np.random.default_rng(4)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net)
    streams = [
        reference.encode(model, net, part_of(task, e, e + 1), 1).streams[0]
        for e in range(task.events)
    ]
    assert streams == reference.encode(model, net, task, task.events).streams
