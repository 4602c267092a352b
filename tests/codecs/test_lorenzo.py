"""Residuals along dimensions: exact whatever wraps around, and worth it where data are smooth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.codecs import decode, describe, encode
from baler.codecs.lorenzo import MAX_CELLS, MAX_TIMES, encode_lorenzo
from baler.codecs.plain import encode_raw
from baler.codecs.search import BOX, climbed, middle
from baler.core.bounds import Absolute, Bound, Exact, Relative, same_bits
from baler.core.bytes import varint
from baler.core.chunk import Array
from baler.core.recipe import ColumnRecipe
from baler.core.schema import DTYPES
from baler.transforms import folded, unfolded

WHOLE = [np.dtype(name) for name in DTYPES if name[1] in "iu"]


def nothing(position: int) -> Array:
    """Return no column."""
    raise AssertionError(f"column {position} was looked at")


def field(shape: tuple[int, ...], seed: int = 3) -> Array:
    """Return a smooth field of float64 with a little noise."""
    rng = np.random.default_rng(seed)
    axes = np.meshgrid(*(np.linspace(0, 5, n) for n in shape), indexing="ij")
    return np.asarray(np.sin(sum(axes)) * np.cos(axes[-1]) + 1e-4 * rng.normal(size=shape))


@st.composite
def arrays(draw: st.DrawFn) -> Array:
    """Integers in up to eight dimensions, the ends of their range among them."""
    dtype = draw(st.sampled_from(WHOLE))
    shape = (draw(st.integers(0, 5)), *draw(st.lists(st.integers(1, 4), max_size=7)))
    while np.prod(shape) > 400:
        shape = shape[:-1]
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    values = np.frombuffer(rng.bytes(int(np.prod(shape)) * dtype.itemsize), dtype).copy()
    limits = np.iinfo(dtype)
    chosen = rng.random(values.size) < draw(st.sampled_from([0.0, 0.5, 1.0]))
    values[chosen] = rng.choice(np.array([limits.min, limits.max, 0, 1], dtype), chosen.sum())
    return values.reshape(shape)


@given(arrays(), st.data())
@settings(max_examples=200)
def test_every_array_comes_back(values: Array, data: st.DataObject) -> None:
    often = st.integers(0, MAX_TIMES) | st.integers(0, 1)
    times = data.draw(st.lists(often, min_size=values.ndim, max_size=values.ndim))
    reverse = data.draw(st.booleans())
    payload = encode_lorenzo(values, times, encode_raw, reverse=reverse)
    found = decode(payload, values.dtype, values.size, nothing)
    assert found.dtype == values.dtype
    assert found.flags.writeable
    assert found.tobytes() == values.tobytes()
    assert describe(payload, values.dtype) == "lorenzo>raw"


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ((0, 0), [10, 11, 13, 12]), ((1, 0), [10, 11, 3, 1]), ((0, 1), [10, 1, 13, -1]),
        ((1, 1), [10, 1, 3, -2]), ((2, 0), [10, 11, -7, -10]), ((0, 2), [10, -9, 13, -14]),
    ],
)  # fmt: skip
def test_residuals_are_those_of_the_page(times: tuple[int, int], expected: list[int]) -> None:
    values = np.array([[10, 11], [13, 12]], "|i1")
    octets = bytes(2 * e if e >= 0 else -2 * e - 1 for e in expected)
    payload = encode_lorenzo(values, times, encode_raw, reverse=False)
    assert payload == b"\x0e\x01\x02" + bytes([*times, 0]) + octets
    payload = encode_lorenzo(values, times, encode_raw, reverse=True)
    octets = bytes([octets[0], octets[2], octets[1], octets[3]])
    assert payload == b"\x0e\x09\x02" + bytes([*times, 0]) + octets


def test_the_ends_of_the_range_wrap_around() -> None:
    low, high = -(1 << 63), (1 << 63) - 1
    values = np.array([[low, high], [high, low], [low, low]])
    for times in ((1, 0), (0, 1), (1, 1), (7, 7)):
        payload = encode_lorenzo(values, times, encode_raw, reverse=False)
        assert decode(payload, values.dtype, 6, nothing).tolist() == values.reshape(-1).tolist()
    # high - low is -1
    payload = encode_lorenzo(values[:, :1], (1, 0), encode_raw, reverse=False)
    assert np.frombuffer(payload[-24:], "<u8").tolist() == [(1 << 64) - 1, 1, 2]


@pytest.mark.parametrize("dtype", ["|u1", "<u2", "<u4", "<u8"])
def test_numbers_near_zero_are_folded_to_small_ones(dtype: str) -> None:
    bits = 8 * np.dtype(dtype).itemsize
    values = np.array([0, -1, 1, -2, (1 << (bits - 1)) - 1, -(1 << (bits - 1))], f"<i{bits // 8}")
    found = folded(values.view(dtype))
    assert found.dtype == np.dtype(dtype)
    assert found.tolist() == [0, 1, 2, 3, (1 << bits) - 2, (1 << bits) - 1]
    assert unfolded(found).tolist() == values.view(dtype).tolist()


@pytest.mark.parametrize("sizes", [(MAX_CELLS,), (1 << 15, 1, 1 << 15), (1,) * 7, ()])
def test_no_rows_may_have_any_shape(sizes: tuple[int, ...]) -> None:
    head = bytes([14, len(sizes)]) + b"".join(map(varint, sizes))
    payload = head + bytes([7] * (1 + len(sizes))) + b"\0"
    assert decode(payload, np.dtype("<i8"), 0, nothing).size == 0


@pytest.mark.parametrize(
    ("bound", "share"),
    [(Absolute(1e-4), 0.6), (Absolute(1e-3), 0.6), (Relative(2.0**-9), 0.7), (Exact(), 0.94)],
)
def test_smooth_fields_are_smaller(bound: Bound, share: float) -> None:
    values = field((30, 20, 25)).reshape(-1)
    flat = encode(values, ColumnRecipe(bound), nothing)
    payload = encode(values, ColumnRecipe(bound, shape=(20, 25)), nothing)
    assert payload == encode(values.copy(), ColumnRecipe(bound, shape=(20, 25)), nothing)
    assert describe(payload, values.dtype).split(">")[1] == "lorenzo"
    assert len(payload) < share * len(flat)
    found = decode(payload, values.dtype, values.size, nothing)
    if bound.lossy:
        assert bound.holds(values, found, None).all()
    else:
        assert same_bits(values, found).all()


@pytest.mark.parametrize("dtype", ["<i8", "<i2", "<u4"])
def test_smooth_integers_are_smaller(dtype: str) -> None:
    rng = np.random.default_rng(3)
    walks = rng.integers(0, 9999, 60) + np.cumsum(rng.integers(-2, 3, (40, 60)), 0) + 99
    values = walks.astype(dtype).reshape(-1)
    flat = encode(values, ColumnRecipe(Exact()), nothing)
    payload = encode(values, ColumnRecipe(Exact(), shape=(60,)), nothing)
    assert describe(payload, values.dtype).startswith("int>lorenzo>")
    assert len(payload) < 0.95 * len(flat)
    assert same_bits(values, decode(payload, values.dtype, values.size, nothing)).all()


def test_vectors_are_stored_component_by_component_if_that_is_smaller() -> None:
    rng = np.random.default_rng(3)
    steps = np.cumsum(rng.integers(-1, 2, (4000, 1)), 0)
    values = np.hstack([steps, 1 << 20 | rng.integers(0, 2, (4000, 1))]).astype("<i4").reshape(-1)
    flat = encode(values, ColumnRecipe(Exact()), nothing)
    assert len(encode(values, ColumnRecipe(Exact(), shape=(2,)), nothing)) < 0.8 * len(flat)


@pytest.mark.parametrize("bound", [Absolute(1e-3), Exact()])
def test_shapes_that_are_none_change_nothing(bound: Bound) -> None:
    values = field((50, 40)).reshape(-1)
    flat = encode(values, ColumnRecipe(bound), nothing)
    for shape in ((), (1,), (1, 1), (0,), (7,), (4000,)):
        assert encode(values, ColumnRecipe(bound, shape=shape), nothing) == flat
    noise = np.random.default_rng(3).normal(size=2000)
    flat = encode(noise, ColumnRecipe(bound), nothing)
    assert len(encode(noise, ColumnRecipe(bound, shape=(40,)), nothing)) <= len(flat)


@given(
    st.sampled_from(DTYPES), st.integers(0, 40), st.lists(st.integers(0, 4), max_size=3),
    st.sampled_from(["noise", "ramp", "field"]), st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_shaped_columns_come_back(
    name: str, rows: int, shape: list[int], kind: str, solid: bool
) -> None:
    size, dtype = rows * int(np.prod(shape, dtype=int)), np.dtype(name)
    made: dict[str, Any] = {
        "noise": np.random.default_rng(rows).normal(0, 50, size),
        "ramp": np.arange(size) - size // 2,
        "field": np.sin(np.arange(size) / 9) * 99,
    }
    with np.errstate(invalid="ignore"):
        values = np.asarray(made[kind]).astype(np.int64 if dtype.kind in "iu" else dtype)
    values = values.astype(dtype)
    payload = encode(values, ColumnRecipe(Exact(), shape=tuple(shape)), nothing, solid=solid)
    assert same_bits(values, decode(payload, dtype, size, nothing)).all()


@pytest.mark.parametrize(
    "shape", [(3,), (BOX,), (BOX + 1,), (10, 300, 300), (1 << 20, 3), (7,) * 8]
)
def test_a_sample_is_a_box_in_the_middle(shape: tuple[int, ...]) -> None:
    found = middle(np.broadcast_to(np.zeros(1, np.uint8), shape))
    assert min(BOX, math.prod(shape)) / 4 <= found.size <= BOX
    assert found.ndim == len(shape)


def test_the_middle_of_what_is_too_long() -> None:
    values = np.arange(24).reshape(4, 6)
    assert middle(values, 24).tolist() == values.tolist()
    assert middle(values, 23).tolist() == values[:, 1:4].tolist()
    assert middle(values, 11).tolist() == values[1:3, 1:4].tolist()


def test_climbing_ends_where_no_neighbour_costs_less() -> None:
    def cost(choice: tuple[int, ...]) -> float:
        seen.append(choice)
        return (choice[0] - 9) ** 2 + abs(choice[1] - 1) + 5 * (1 - choice[2])

    seen: list[tuple[int, ...]] = []
    assert climbed((0, 3, 0), cost, (7, 7, 1)) == ((7, 1, 1), 4.0)
    assert all(0 <= a <= 7 and 0 <= b <= 7 and 0 <= c <= 1 for a, b, c in seen)
    assert climbed((2, 0), lambda _: 1.0, (7, 1)) == ((2, 0), 1.0)
