"""The native kernel makes the bits of the reference, at every level, and ends like it on damage."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.errors import Corrupt, FormatError, Truncated
from baler.learned import reference
from baler.learned.model import Model
from baler.learned.network import CollectionNet
from baler.learned.task import Task
from baler.quantise.lattice import Integers
from tests.learned.models import (
    CHILDREN,
    EVENTS,
    PARENTS,
    blank,
    make_axis,
    random_model,
    random_task,
    same,
    single,
    single_task,
)

native = pytest.importorskip("baler.learned.native")
SEEDS = st.integers(0, 1 << 32)
LEVELS = pytest.mark.parametrize("level", native.LEVELS)


def check(model: Model, net: CollectionNet, task: Task, lanes: int) -> None:
    """Assert that all kernels make the same streams, and read them."""
    expected = reference.encode(model, net, task, lanes)
    for level in native.LEVELS:
        encoded = native.encode(model, net, task, lanes, level=level)
        assert encoded.streams == expected.streams
        assert encoded.bits == pytest.approx(expected.bits)
        found = blank(task)
        native.decode(model, net, found, expected.streams, level=level)
        assert same(found, task)


@settings(max_examples=60)
@given(
    SEEDS,
    st.sampled_from([EVENTS, PARENTS, CHILDREN, CHILDREN]),
    st.integers(1, 20),
    st.lists(st.integers(0, 7), max_size=3),
    st.sampled_from([32, 64, 96, 160, 288]),
)
def test_all_kernels_are_equal(
    seed: int, which: int, lanes: int, known: list[int], width: int
) -> None:
    rng = np.random.default_rng(seed)
    strength = int(rng.choice([1, 30, 200, 600])) if width == 32 else 100
    ranks = int(rng.choice([1, 2, 9, 20]))
    model = random_model(rng, width=width, ranks=ranks, strength=strength)
    net = model.collections[which]
    events, most = int(rng.integers(0, 25)), int(rng.choice([3, 6, 30]))
    task = random_task(rng, model, net, given=known, events=events, most=most)
    check(model, net, task, lanes)


def test_many_objects_of_one_event() -> None:
    rng = np.random.default_rng(7)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net, events=2, most=500)
    assert task.counts.max() > 100
    check(model, net, task, 1)


@pytest.mark.parametrize("which", [EVENTS, PARENTS, CHILDREN])
def test_no_objects(which: int) -> None:
    rng = np.random.default_rng(which)
    model = random_model(rng)
    net = model.collections[which]
    check(model, net, random_task(rng, model, net, events=5, most=0), 3)
    check(model, net, random_task(rng, model, net, events=0), 64)


@pytest.mark.parametrize("level", [0, 47, 55, 56, 63, 64, 200, 351])
def test_numbers_at_the_ends_of_tables(level: int) -> None:
    axis = make_axis("x", "", "<i8", Integers(), center=1 << 50)
    model = single(axis, level=level)
    shift = max(0, level // 8 - 6)
    first = (((1 << 50) >> shift) - 128) << shift
    numbers = [first + (k << shift) + d for k in range(257) for d in (-1, 0)]
    check(model, model.collections[0], single_task([0] * len(numbers), numbers), 1)


@pytest.mark.parametrize("period", [1, 2, 3, 255, 629, 1 << 40, 1 << 53])
def test_numbers_around_a_turn(period: int) -> None:
    axis = make_axis("x", "", "<i8", Integers(), period=period, center=-(period >> 1))
    model = single(axis, level=60, location=64)
    half = period >> 1
    numbers = [-half, period - half - 1, 0, -half - 1, period - half, 12345678, -87654321]
    numbers = [number for number in numbers if abs(number) < 1 << 53]
    check(model, model.collections[0], single_task([0] * len(numbers), numbers), 1)


def test_a_column_with_many_atoms_and_a_sign() -> None:
    atoms = range(64)
    axis = make_axis("x", "", "<i8", Integers(), atoms=atoms, signed=True, center=7)
    model = single(axis, level=50)
    classes = [*atoms, 64, 65, 66, 64]
    numbers = [7] * 64 + [100, 100, 7, 0]
    check(model, model.collections[0], single_task(classes, numbers, atoms=64), 1)


def outcome(
    model: Model, net: CollectionNet, task: Task, streams: Sequence[bytes], level: str
) -> tuple[type[FormatError] | None, Task]:
    """Return the error of decoding what may be damaged, and what was decoded."""
    found = blank(task)
    try:
        if level == "reference":
            reference.decode(model, net, found, streams)
        else:
            native.decode(model, net, found, streams, level=level)
    except FormatError as error:
        return type(error), found
    return None, found


def ends_alike(model: Model, net: CollectionNet, task: Task, streams: Sequence[bytes]) -> None:
    error, expected = outcome(model, net, task, streams, "reference")
    for level in native.LEVELS:
        other, found = outcome(model, net, task, streams, level)
        assert other == error
        assert error or same(found, expected)


@settings(max_examples=40)
@given(SEEDS, st.sampled_from([EVENTS, PARENTS, CHILDREN]), st.integers(1, 6), st.data())
def test_damage_ends_as_in_the_reference(
    seed: int, which: int, lanes: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng, strength=int(rng.choice([1, 30, 200])))
    net = model.collections[which]
    task = random_task(rng, model, net)
    streams = reference.encode(model, net, task, lanes).streams
    lane = data.draw(st.integers(0, lanes - 1))
    stream = bytearray(streams[lane])
    for _ in range(data.draw(st.integers(1, 3))):
        bit = data.draw(st.integers(0, 8 * len(stream) - 1))
        stream[bit // 8] ^= 1 << bit % 8
    streams[lane] = bytes(stream)
    ends_alike(model, net, task, streams)
    streams[lane] = bytes(stream[: data.draw(st.integers(0, len(stream)))])
    ends_alike(model, net, task, streams)
    streams[lane] = rng.bytes(data.draw(st.integers(0, 400)))
    ends_alike(model, net, task, streams)


def test_every_truncation_and_every_extension_is_refused() -> None:
    rng = np.random.default_rng(4)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net)
    (stream,) = reference.encode(model, net, task, 1).streams
    for level in native.LEVELS:
        for size in range(len(stream)):
            with pytest.raises((Corrupt, Truncated)):
                native.decode(model, net, blank(task), [stream[:size]], level=level)
        for more in (b"\0", b"\0\0\0\0", b"\1\2\3\4" * 300):
            with pytest.raises(Corrupt):
                native.decode(model, net, blank(task), [stream + more], level=level)


def test_an_empty_stream_for_an_enormous_task_ends_at_once() -> None:
    rng = np.random.default_rng(5)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net, events=20)
    for level in native.LEVELS:
        with pytest.raises(Truncated, match="stream 1 ends before its last symbol"):
            native.decode(
                model, net, blank(task), [reference_lane(model, net, task), b""], level=level
            )


def reference_lane(model: Model, net: CollectionNet, task: Task) -> bytes:
    return reference.encode(model, net, task, 2).streams[0]


@LEVELS
def test_a_task_that_its_axes_do_not_have_is_refused(level: str) -> None:
    axis = make_axis("x", "", "<i8", Integers(), atoms=[3], center=5)
    model = single(axis)
    net = model.collections[0]
    with pytest.raises(ValueError, match="classes that its axes do not have"):
        native.encode(model, net, single_task([2], [5], atoms=1), 1, level=level)
    with pytest.raises(ValueError, match="not the centre"):
        native.encode(model, net, single_task([0], [6], atoms=1), 1, level=level)
    with pytest.raises(Corrupt, match="class above"):
        native.encode(model, net, single_task([4], [5], atoms=1), 1, level=level)


def test_there_are_levels() -> None:
    assert native.LEVELS[0] == "portable"
    model = single(make_axis("x", "", "<i8", Integers()))
    with pytest.raises(ValueError, match="no level avx9"):
        native.encode(model, model.collections[0], single_task([0], [0]), 1, level="avx9")


def test_threads_share_a_kernel() -> None:
    rng = np.random.default_rng(6)
    model = random_model(rng, width=128)
    net = model.collections[CHILDREN]
    tasks = [random_task(rng, model, net, events=200) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        streams = list(pool.map(lambda task: native.encode(model, net, task, 3).streams, tasks))
        found = [blank(task) for task in tasks for _ in range(4)]
        list(
            pool.map(
                lambda task, k: native.decode(model, net, task, streams[k // 4]),
                found,
                range(len(found)),
            )
        )
    assert all(same(task, tasks[k // 4]) for k, task in enumerate(found))


def test_inputs_stay_as_they_are() -> None:
    rng = np.random.default_rng(8)
    model = random_model(rng)
    net = model.collections[CHILDREN]
    task = random_task(rng, model, net, given=[0, 2])
    before = replace(task, classes=task.classes.copy(), numbers=task.numbers.copy())
    native.encode(model, net, task, 2)
    assert same(task, before)
