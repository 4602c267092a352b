"""Laws of the reference kernel: exact, as small as it says, and safe from damaged streams."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.core.bytes import zigzag
from baler.errors import Corrupt, FormatError, Truncated, UsageError
from baler.learned import kernel, reference
from baler.learned.axis import MAX_NUMBER, Axis, Ints
from baler.learned.batch import Floats, forward
from baler.learned.model import Model
from baler.learned.network import BINS, ESCAPES, LEVELS, SLOTS, CollectionNet
from baler.learned.placement import INVERSE, Placement, frequency, place
from baler.learned.rans import Encoder
from baler.learned.task import Task, lane_ends
from baler.quantise.lattice import Integers
from tests.learned.models import (
    CHILDREN,
    EVENTS,
    PARENTS,
    blank,
    make_axis,
    random_model,
    random_tables,
    random_task,
    same,
    single,
    single_task,
)

SEEDS = st.integers(0, 1 << 32)


def there_and_back(model: Model, net: CollectionNet, task: Task, lanes: int) -> list[bytes]:
    encoded = reference.encode(model, net, task, lanes)
    found = blank(task)
    reference.decode(model, net, found, encoded.streams)
    assert same(found, task)
    assert len(encoded.streams) == lanes
    size = 8 * sum(map(len, encoded.streams))
    overhead = 1e-3 * task.numbers.size * 80
    assert encoded.bits.sum() - overhead <= size <= encoded.bits.sum() + 64 * lanes + overhead
    return encoded.streams


@settings(max_examples=30)
@given(
    SEEDS,
    st.sampled_from([EVENTS, PARENTS, CHILDREN, CHILDREN]),
    st.integers(1, 5),
    st.lists(st.integers(0, 9), max_size=3),
)
def test_what_was_encoded_is_decoded(seed: int, which: int, lanes: int, known: list[int]) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng, strength=int(rng.choice([1, 30, 200, 600])))
    net = model.collections[which]
    task = random_task(rng, model, net, given=known, events=int(rng.integers(0, 12)))
    there_and_back(model, net, task, lanes)


def test_a_task_has_everything_in_it() -> None:
    """Check the test's own material: each class, parents and none, far and near."""
    rng = np.random.default_rng(3)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net, events=100)
    ranks = len(net.rank_rows)
    assert task.counts.min() == 0
    assert task.counts.max() > ranks
    for column, classes in zip(net.columns, task.classes, strict=True):
        axis = model.axes[column.axis]
        known = [k for k in range(axis.classes) if k != axis.on_lattice + 1 or axis.signed]
        assert set(np.unique(classes)) == set(known)
    assert np.abs(task.numbers).max() == MAX_NUMBER - 1


@pytest.mark.parametrize("which", [EVENTS, PARENTS, CHILDREN])
def test_no_objects_are_empty_streams(which: int) -> None:
    rng = np.random.default_rng(which)
    model = random_model(rng)
    net = model.collections[which]
    task = random_task(rng, model, net, events=5, most=0)
    assert set(there_and_back(model, net, task, 3)) == {bytes([0, 0, 0, 128, 0, 0, 0, 0])}
    task = random_task(rng, model, net, events=0)
    there_and_back(model, net, task, 64)


def test_all_columns_given_cost_nothing() -> None:
    rng = np.random.default_rng(0)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net, given=range(10))
    encoded = reference.encode(model, net, task, 1)
    assert len(encoded.streams[0]) == 8
    assert not encoded.bits.any()


def test_bits_are_those_of_each_column() -> None:
    rng = np.random.default_rng(1)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net)
    bits = reference.encode(model, net, task, 2).bits
    for j in range(len(net.columns)):
        given_too = replace(task, given=np.arange(len(net.columns)) != j)
        alone = reference.encode(model, net, given_too, 3).bits
        assert np.array_equal(alone > 0, ~given_too.given)
        assert alone[j] == pytest.approx(bits[j])


def test_lanes_are_coded_apart() -> None:
    assert lane_ends(7, 3) == [2, 4, 7]
    assert lane_ends(1, 2) == [0, 1]
    rng = np.random.default_rng(2)
    model = random_model(rng)
    net = model.collections[PARENTS]
    task = random_task(rng, model, net, events=4)
    for e, stream in enumerate(reference.encode(model, net, task, 4).streams):
        objects = slice(int(task.counts[:e].sum()), int(task.counts[: e + 1].sum()))
        alone = replace(
            task,
            counts=task.counts[e : e + 1],
            parent_counts=task.parent_counts[e : e + 1],
            event_features=task.event_features[e : e + 1],
            object_features=task.object_features[objects],
            object_bases={j: bases[objects] for j, bases in task.object_bases.items()},
            classes=task.classes[:, objects].copy(),
            numbers=task.numbers[:, objects].copy(),
        )
        assert reference.encode(model, net, alone, 1).streams == [stream]


# Places


def codes(axis: Axis, numbers: Sequence[int], **place: int) -> float:
    """Return the bits of numbers on the lattice of an axis, which must come back."""
    model = single(axis, **place)
    task = single_task([axis.on_lattice] * len(numbers), numbers, len(axis.atoms))
    there_and_back(model, model.collections[0], task, 1)
    return float(reference.encode(model, model.collections[0], task, 1).bits.sum())


NUMBERS = st.integers(1 - MAX_NUMBER, MAX_NUMBER - 1)
ESCAPE = math.log2(SLOTS / ESCAPES)


@given(NUMBERS, st.integers(-1000, 1000), st.integers(0, LEVELS - 1), st.integers(-300, 300))
def test_numbers_come_back_from_everywhere(
    center: int, location: int, level: int, apart: int
) -> None:
    axis = make_axis("x", "", "<i8", Integers(), center=center)
    near = [center + apart + (apart << k) for k in (0, 20, 30, 37, 50)]
    edges = [1 - MAX_NUMBER, MAX_NUMBER - 1, 0, -1, 1]
    codes(axis, [n for n in (*near, *edges) if abs(n) < MAX_NUMBER], location=location, level=level)


@pytest.mark.parametrize("level", [0, 47, 55, 56, 63, 64, 200, LEVELS - 1])
def test_bins_end_where_escapes_begin(level: int) -> None:
    shift = max(0, level // 8 - 6)
    axis = make_axis("x", "", "<i8", Integers(), center=1 << 50)
    first = (((1 << 50) >> shift) - 128) << shift
    last = first + (256 << shift) - 1
    for inside in (first, last):
        assert codes(axis, [inside], level=level) < 16.1 + shift
    for outside in (first - 1, last + 1):
        apart = 2 * abs(outside - (1 << 50)) - (outside < 1 << 50)
        escaped = codes(axis, [outside], level=level)
        assert escaped == pytest.approx(ESCAPE + 6 + apart.bit_length())


@pytest.mark.parametrize("period", [1, 2, 3, 255, 256, 629, 1 << 40, 1 << 53])
@pytest.mark.parametrize("level", [0, 60, LEVELS - 1])
def test_a_turn_makes_the_ends_neighbours(period: int, level: int) -> None:
    half = period >> 1
    inside = [-half, period - half - 1, 0]
    outside = [-half - 1, period - half, 12345678, -87654321]
    for center in (-half, 0, period - half - 1):
        axis = make_axis("x", "", "<i8", Integers(), period=period, center=center)
        for location in (-64, 0, 64):
            known = [n for n in inside + outside if abs(n) < MAX_NUMBER]
            codes(axis, known, level=level, location=location)
        far_side = inside[1] if center == -half else inside[0]
        if center and level:
            assert codes(axis, [far_side], level=60) < 12


def test_a_number_that_is_turned_too_far_is_escaped() -> None:
    axis = make_axis("x", "", "<i8", Integers(), period=100)
    assert codes(axis, [49], level=60) < 12
    assert codes(axis, [50], level=60) == pytest.approx(ESCAPE + 6 + 7)
    assert codes(axis, [-51], level=60) == pytest.approx(ESCAPE + 6 + 7)


def test_verbatim_and_signs() -> None:
    axis = make_axis("x", "", "<i8", Integers(), atoms=[0, 1], signed=True, center=7)
    model = single(axis, level=50)
    task = single_task([0, 1, 2, 3, 4, 3], [7, 7, 9, 1, 7, 0], atoms=2)
    there_and_back(model, model.collections[0], task, 1)
    verbatim = single_task([4], [7], atoms=2)
    bits = reference.encode(model, model.collections[0], verbatim, 1).bits
    assert bits == pytest.approx(2 + 1 + ESCAPE + 6)


def test_columns_without_tables_escape_at_once() -> None:
    axis = make_axis("x", "", "<i8", Integers(), atoms=[1], numeric=False, center=5)
    assert codes(axis, [0]) == pytest.approx(1 + 6)
    assert codes(axis, [-3]) == pytest.approx(1 + 6 + 3)
    assert codes(axis, [1 - MAX_NUMBER]) == pytest.approx(1 + 6 + 54)


# Arithmetic


def test_inverse_scales_are_rounded() -> None:
    exact = [2.0 ** (16 - t / 8) for t in range(56)]
    assert np.abs(INVERSE - exact).max() <= 0.5
    assert INVERSE[[0, 8, 55]].tolist() == [65536, 32768, 558]


@given(SEEDS, st.integers(-(1 << 59), 1 << 59), st.integers(0, LEVELS - 1))
def test_every_bin_has_slots(seed: int, mu: int, level: int) -> None:
    tables = random_tables(np.random.default_rng(seed), 4)
    for shape in range(4):
        bins = Placement(tables, shape, mu, level).cumulative(np.arange(BINS + 1))
        assert bins[0] == 0
        assert bins[-1] == SLOTS - ESCAPES
        assert (np.diff(bins) > 0).all()


def test_a_table_is_placed_around_its_number() -> None:
    tables = np.zeros((1, 514), np.uint16)
    tables[:, 257:] = 65248  # all in the middle
    tables[:, 256] = 32624
    for level in (0, 32, 60, 100, 300):
        placement = Placement(tables, 0, 64_000_000, level)
        bins = placement.cumulative(np.arange(BINS + 1))
        shift = int(placement.low_bits)
        widest = int(np.argmax(np.diff(bins))) + int(placement.first)
        assert abs((widest << shift) - 1_000_000) <= 2 << shift


def test_locations_are_limited_and_rounded_down() -> None:
    axis = make_axis("x", "", "<i8", Integers())
    column = single(axis, unit=3).collections[0].columns[0]
    locations = np.array([-(1 << 30), -(1 << 24), -1, 0, 1, 1 << 24, 1 << 30])
    outputs = np.stack([locations, 0 * locations, 0 * locations], 1)
    expected = [-192, -192, -1, 0, 0, 192, 192]
    assert place(axis, column, outputs, np.full(7, 5)).mu.tolist() == [320 + d for d in expected]


def test_decisions_go_up_with_the_output() -> None:
    odds = np.arange(1, 385).astype(np.uint16)
    outputs = [-(2**31) + 2**17, -(192 << 14) - 8193, -(192 << 14) - 8192, -8193, -8192, 0, 8191]
    outputs += [8192, (191 << 14) - 8193, (191 << 14) - 8192, 2**31 - 2**17]
    levels = [1, 1, 1, 192, 193, 193, 193, 194, 383, 384, 384]
    assert frequency(odds, np.array(outputs)).tolist() == levels


class Spy(reference.Walk):
    """A walk that notes what the network says."""

    seen: dict[tuple[int, int], Ints]

    def outputs(self, this: reference.Known, j: int) -> Ints:
        outputs = super().outputs(this, j)
        self.seen[j, this.at] = outputs
        return outputs


def object_product(left: Floats, right: Floats) -> Floats:
    """Multiply matrices in Python's integers."""
    return (left.astype(int).astype(object) @ right.astype(int).astype(object)).astype(np.float64)


@settings(max_examples=20)
@given(SEEDS, st.sampled_from([EVENTS, PARENTS, CHILDREN, CHILDREN]))
def test_objects_at_once_are_objects_in_turn(seed: int, which: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    net = model.collections[which]
    task = random_task(rng, model, net, events=int(rng.integers(0, 9)))
    Spy.seen = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "Walk", Spy)
        reference.encode(model, net, task, 2)
        patch.setattr("baler.learned.batch.OBJECTS", int(rng.integers(1, 20)))
        outputs = forward(model, net, task)
    for (j, at), expected in Spy.seen.items():
        assert np.array_equal(outputs[j][at], expected)
    assert len(Spy.seen) == task.numbers.size
    for found, expected in zip(
        forward(model, net, task, matmul=object_product), outputs, strict=True
    ):
        assert np.array_equal(found, expected)


def test_a_child_follows_its_key() -> None:
    """Check one object by hand: which rows its state is made of."""
    rng = np.random.default_rng(5)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    key = model.axes[net.columns[0].axis]
    task = random_task(rng, model, net, events=1)
    on = key.on_lattice
    columns = task.classes.shape[0]
    task = replace(
        task,
        counts=np.array([5]),
        parent_counts=np.array([2]),
        parent_features=rng.integers(-512, 512, (2, net.parent.shape[1])).astype(np.int16),
        parent_bases={j: np.array([2 * j, 2 * j + 1]) for j in task.parent_bases},
        object_features=np.zeros((5, net.object.shape[1]), np.int16),
        object_bases={j: np.full(5, 7) for j in task.object_bases},
        classes=np.repeat(np.array([[on, 1, 2, on, on + 2]], np.uint8), columns, 0),
        numbers=np.zeros((columns, 5), np.int64),
    )
    for j, column in enumerate(net.columns):
        axis = model.axes[column.axis]
        task.classes[j] = axis.on_lattice if j else task.classes[j]
        task.numbers[j] = axis.center + 1 if j else [1, 0, 0, 2, 0]
    seen: list[tuple[int | None, int | None]] = []

    class Look(reference.Walk):
        def outputs(self, this: reference.Known, j: int) -> Ints:
            if j == 1:
                seen.append((this.parent, None if this.peer is None else this.peer.at))
            return super().outputs(this, j)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "Walk", Look)
        reference.encode(model, net, task, 1)
    # keys: number 1; atom 0; atom 77 (no such parent); number 2 (no such parent); verbatim
    assert seen == [(1, None), (0, None), (None, None), (None, None), (None, None)]
    task.classes[0] = [1, on, 1, on, 1]
    task.numbers[0] = [0, 1, 0, 0, 0]
    seen.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "Walk", Look)
        reference.encode(model, net, task, 1)
    assert seen == [(0, None), (1, None), (0, 0), (0, 2), (0, 3)]


# Damage


def small() -> tuple[Model, CollectionNet, Task, list[bytes]]:
    rng = np.random.default_rng(20)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net, events=2, most=2)
    return model, net, task, reference.encode(model, net, task, 1).streams


def attempt(model: Model, net: CollectionNet, task: Task, streams: Sequence[bytes]) -> bool:
    """Decode what may be damaged; False if it is refused."""
    found = blank(task)
    try:
        reference.decode(model, net, found, streams)
    except FormatError:
        return False
    assert np.abs(found.numbers).max() < MAX_NUMBER
    for column, classes in zip(net.columns, found.classes, strict=True):
        assert classes.max() <= model.axes[column.axis].verbatim
    return True


def test_every_truncation_is_refused() -> None:
    model, net, task, (stream,) = small()
    assert attempt(model, net, task, [stream])
    for size in range(len(stream)):
        assert not attempt(model, net, task, [stream[:size]])
    for size in range(8, len(stream), 4):
        with pytest.raises(Truncated):
            reference.decode(model, net, blank(task), [stream[:size]])


def test_every_flip_ends() -> None:
    model, net, task, (stream,) = small()
    survived = 0
    for bit in range(8 * len(stream)):
        damaged = bytearray(stream)
        damaged[bit // 8] ^= 1 << bit % 8
        survived += attempt(model, net, task, [bytes(damaged)])
    assert survived < 8 * len(stream) / 3  # raw bits, none of which is checked


@settings(max_examples=50)
@given(st.binary(min_size=8, max_size=400), SEEDS)
def test_noise_ends(noise: bytes, seed: int) -> None:
    model, net, task, _ = small()
    size = len(noise) // 4 * 4
    attempt(model, net, task, [noise[: size - 1] + b"\1"])
    state = noise[:7] + b"\1"
    attempt(model, net, task, [state + noise[8:size]])


def test_numbers_out_of_range_are_refused() -> None:
    axis = make_axis("x", "", "<i8", Integers(), center=MAX_NUMBER - 1)
    for level in (0, 60, LEVELS - 1):
        model = single(axis, level=level)
        tables = model.collections[0].columns[0].tables
        placement = Placement(tables, 0, 64 * axis.center, level)
        start, stop = placement.cumulative(np.array([200, 201])).tolist()
        encoder = Encoder()
        for at in reversed(range(0, int(placement.low_bits), 16)):
            encoder.push_raw(0, min(16, int(placement.low_bits) - at))
        encoder.push(start, stop - start)
        with pytest.raises(Corrupt, match="which is out of range"):
            reference.decode(model, model.collections[0], single_task([0], [0]), [encoder.stream()])
    escape = make_axis("x", "", "<i8", Integers(), numeric=False)
    model = single(escape)
    for number in (MAX_NUMBER, -MAX_NUMBER):
        encoder = Encoder()
        code, width = zigzag(number), zigzag(number).bit_length()
        for at in reversed(range(0, width, 16)):
            encoder.push_raw(code >> at & 0xFFFF, min(16, width - at))
        encoder.push_raw(width, 6)
        with pytest.raises(Corrupt, match=f"the number {number}, which is out of range"):
            reference.decode(model, model.collections[0], single_task([0], [0]), [encoder.stream()])


def test_escapes_too_long_are_refused() -> None:
    axis = make_axis("x", "", "<i8", Integers(), numeric=False)
    model = single(axis)
    for length in range(57, 63):
        encoder = Encoder()
        encoder.push_raw(length, 6)
        with pytest.raises(Corrupt, match=f"escape has {length} bits"):
            reference.decode(model, model.collections[0], single_task([0], [0]), [encoder.stream()])


@pytest.mark.parametrize("lanes", [0, 65])
def test_lanes_are_limited(lanes: int) -> None:
    model, net, task, _ = small()
    with pytest.raises(Corrupt, match=f"{lanes} lanes, not 1 to 64"):
        reference.encode(model, net, task, lanes)
    with pytest.raises(Corrupt, match=f"{lanes} lanes, not 1 to 64"):
        reference.decode(model, net, task, [b""] * lanes)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("classes", np.full((10, 3), 0, np.uint8), "classes of a .* shape"),
        ("counts", np.array([-1, 4]), "-1 to 4 objects"),
        ("counts", np.array([1 << 40, 4]), "objects"),
        ("event_features", np.full((2, 4), 513, np.int16), "event_features|not within 512"),
        ("keys", np.zeros(0, np.int64), "keys"),
        ("given", np.zeros(10, np.int64), "given"),
        ("object_features", np.zeros((3, 7), np.int16), "object_features of"),
        ("object_features", np.full((4, 7), -513, np.int16), "feature is out of range"),
        ("object_bases", {}, "bases are those of the columns"),
        ("object_bases", {8: np.zeros(2, np.int64)}, "bases of"),
        ("object_bases", {8: np.full(4, MAX_NUMBER)}, "objects' bases are out of range"),
        ("weights", np.ones(0, np.int64), "weights of"),
        ("weights", np.zeros(2, np.int64), "a weight is not 1 to 1048576"),
        ("weights", np.full(2, (1 << 20) + 1), "a weight is not 1 to 1048576"),
    ],
)
def test_tasks_that_do_not_fit_are_refused(name: str, value: object, message: str) -> None:
    model, net, task, streams = small()
    with pytest.raises(Corrupt, match=message):
        reference.decode(model, net, replace(task, **{name: value}), streams)


def test_an_encoder_is_told_when_a_task_makes_no_sense() -> None:
    axis = make_axis("x", "", "<i8", Integers(), atoms=[5], center=5)
    model = single(axis)
    with pytest.raises(ValueError, match="classes that its axes do not have"):
        reference.encode(model, model.collections[0], single_task([2], [9], 1), 1)
    with pytest.raises(ValueError, match="not the centre"):
        reference.encode(model, model.collections[0], single_task([0], [6], 1), 1)
    with pytest.raises(Corrupt, match="a class above 3"):
        reference.encode(model, model.collections[0], single_task([4], [5], 1), 1)
    with pytest.raises(Corrupt, match="numbers of 'x' are out of range"):
        reference.encode(model, model.collections[0], single_task([1], [MAX_NUMBER], 1), 1)


# Golden


def test_streams_do_not_change() -> None:
    """Equal input makes equal bytes, for ever and on every machine."""
    rng = np.random.default_rng(20_241_122)
    model = random_model(rng)
    digest = hashlib.sha256()
    for net in model.collections:
        task = random_task(rng, model, net, events=40)
        for stream in reference.encode(model, net, task, 4).streams:
            digest.update(len(stream).to_bytes(4, "little") + stream)
    assert digest.hexdigest() == GOLDEN


GOLDEN = "0ba8c417b959ceca4ddc1c68d772a91210a765c5c15eeb61071df74b1917c01e"


# Choice of a kernel


def test_a_kernel_can_be_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    model, net, task, streams = small()
    monkeypatch.setenv(kernel.VARIABLE, "reference")
    assert kernel.encode(model, net, task, 1).streams == streams
    found = blank(task)
    kernel.decode(model, net, found, streams)
    assert same(found, task)
    monkeypatch.setenv(kernel.VARIABLE, "no such")
    with pytest.raises(UsageError, match="BALER_KERNEL is 'no such'"):
        kernel.encode(model, net, task, 1)
