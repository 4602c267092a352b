"""Lattices: what is on them stays, what is near goes to the nearest, nothing warns."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.core.bounds import same_bits
from baler.core.chunk import Array
from baler.quantise.dither import shifts
from baler.quantise.lattice import (
    LIMIT,
    Bits,
    Decimal,
    Integers,
    Lattice,
    Logarithmic,
    Scaled,
    Uniform,
    logarithmic,
)
from baler.quantise.logarithm import ONE

FLOATS = ("<f2", "<f4", "<f8")
STEPS = st.sampled_from([1.0, 0.1, 2.0**-10, 5e-324, 1e300, 1.7e308]) | st.floats(1e-300, 1e300)
NUMBERS = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-100, 100)


def any_lattice(data: st.DataObject, size: int) -> Lattice:
    """Return a lattice of floats with parameters that a payload may have."""
    seed = data.draw(st.none() | st.integers(0, (1 << 64) - 1))
    shift = None if seed is None else shifts(seed, size)
    match data.draw(st.sampled_from(["bits", "decimal", "uniform", "scaled", "log"])):
        case "bits":
            return Bits(data.draw(st.integers(0, 15)))
        case "decimal":
            return Decimal(data.draw(st.integers(0, Decimal.most)))
        case "uniform":
            return Uniform(data.draw(STEPS), shift)
        case "scaled":
            kinds = st.floats(width=32) | st.sampled_from([0.0, np.inf, np.nan, -1.0])
            sigma = data.draw(st.lists(kinds, min_size=size, max_size=size))
            return Scaled(data.draw(STEPS), np.array(sigma, np.float64), 3, shift)
    return Logarithmic(
        data.draw(st.integers(1, 5000)), 1 << data.draw(st.integers(0, 6)),
        data.draw(st.integers(0, ONE - 1)), data.draw(st.integers(-(1 << 40), 1 << 40)),
        data.draw(st.floats(0, 1)), shift,
    )  # fmt: skip


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
@settings(max_examples=100)
def test_every_number_has_a_value_and_no_value_warns(dtype: str, data: st.DataObject) -> None:
    numbers = np.array(data.draw(st.lists(NUMBERS, min_size=1, max_size=9)), np.int64)
    lattice = any_lattice(data, numbers.size)
    values = lattice.values(numbers, np.dtype(dtype))
    assert values.dtype == np.dtype(dtype)
    assert values.shape == numbers.shape
    assert same_bits(values, lattice.values(numbers.copy(), np.dtype(dtype))).all()
    if not isinstance(lattice, Bits):  # a NaN has other bits on other machines
        assert not np.isnan(values).any()


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
@settings(max_examples=100)
def test_every_bit_pattern_has_a_number_and_none_warns(dtype: str, data: st.DataObject) -> None:
    width = int(dtype[2])
    patterns = st.lists(st.binary(min_size=width, max_size=width), min_size=1, max_size=9)
    values = np.frombuffer(b"".join(data.draw(patterns)), dtype)
    lattice = any_lattice(data, values.size)
    numbers = lattice.nearest(values)
    assert numbers.dtype == np.int64
    assert numbers.shape == values.shape


def at_edges(step: float, dtype: str) -> tuple[Array, Array]:
    """Return lattice points, and values half-way between two, with their neighbours."""
    number = np.dtype(dtype).type
    points = (np.arange(-40, 41) * step).astype(dtype)
    middle = ((np.arange(-40, 41) + 0.5) * step).astype(dtype)
    near = [middle, np.nextafter(middle, number(np.inf)), np.nextafter(middle, number(-np.inf))]
    return points, np.concatenate(near)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("step", [1.0, 0.25, 0.1, 0.003, 7.7])
def test_uniform_points_stay_and_others_go_to_the_nearest(dtype: str, step: float) -> None:
    points, between = at_edges(step, dtype)
    lattice = Uniform(step)
    assert np.array_equal(lattice.nearest(points), np.arange(-40, 41))
    assert np.array_equal(lattice.values(lattice.nearest(points), points.dtype), points)
    exact = between.astype(np.float64)
    found = lattice.nearest(between) * step
    assert (np.abs(found - exact) <= step / 2 * (1 + 1e-12)).all()
    scaled = Scaled(1.0, np.full(between.size, step), 0)
    assert np.array_equal(scaled.nearest(between), lattice.nearest(between))
    assert same_bits(
        scaled.values(scaled.nearest(between), between.dtype),
        lattice.values(lattice.nearest(between), between.dtype),
    ).all()


@pytest.mark.parametrize("step", [1.0, 0.1])
def test_dithered_points_stay(step: float) -> None:
    shift = shifts(5, 1000)
    numbers = np.arange(-500, 500)
    for lattice in (Uniform(step, shift), Scaled(step, np.ones(1000), 0, shift)):
        values = lattice.values(numbers, np.dtype("<f8"))
        assert np.array_equal(lattice.nearest(values), numbers)
        assert not lattice.is_table
        assert np.abs(values - numbers * step).max() <= step / 2


def test_shifts_are_those_of_splitmix64() -> None:
    # the first outputs of SplitMix64 from the state 1234567
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    expected = [(z >> 11) / 2**53 - 0.5 for z in known]
    assert shifts(1234567, 3).tolist() == expected
    assert shifts((1 << 64) - 1, 0).size == 0
    many = shifts(0, 100_000)
    assert -0.5 <= many.min() < -0.49
    assert 0.49 < many.max() < 0.5
    assert abs(many.mean()) < 0.005
    assert np.array_equal(many[:10], shifts(0, 10))


@pytest.mark.parametrize("dtype", ["|b1", "|i1", "<u2", "<i4", "<u4", "<i8", "<u8"])
def test_integers_wrap_around(dtype: str) -> None:
    kind = np.dtype(dtype)
    limits = [0, 1] if kind.kind == "b" else [np.iinfo(kind).min, np.iinfo(kind).max]
    values = np.array(limits, kind)
    assert np.array_equal(Integers().values(Integers().nearest(values), kind), values)


@pytest.mark.parametrize("dtype", FLOATS)
def test_bits_without_shift_are_all_floats_in_order(dtype: str) -> None:
    width = 8 * int(dtype[2])
    rng = np.random.default_rng(3)
    bits = rng.integers(0, 1 << 16, 3000).astype(np.uint64) << np.uint64(width - 16)
    bits |= rng.integers(0, 1 << 16, 3000).astype(np.uint64)
    values = bits.astype(f"<u{width // 8}").view(dtype)
    numbers = Bits(0).nearest(values)
    assert same_bits(Bits(0).values(numbers, values.dtype), values).all()
    finite = np.sort(values[np.isfinite(values)])
    assert (np.diff(Bits(0).nearest(finite)) >= 0).all()


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("digits", [0, 1, 3, 12, 18])
def test_decimals_come_back(dtype: str, digits: int) -> None:
    numbers = np.arange(-300, 300)
    lattice = Decimal(digits)
    values = lattice.values(numbers, np.dtype(dtype))
    again = lattice.values(lattice.nearest(values), np.dtype(dtype))
    if dtype != "<f2":
        assert np.array_equal(again, values)
    assert lattice.values(np.array([LIMIT]), np.dtype("<f2")).dtype == np.float16


def test_lattices_describe_themselves() -> None:
    assert Integers().parameters() == b""
    assert Bits(7).parameters() == b"\x07"
    assert Decimal(3).parameters() == b"\x03"
    assert Uniform(0.5).parameters() == np.float64(0.5).tobytes()
    assert Scaled(0.5, np.ones(1), 300).parameters() == np.float64(0.5).tobytes() + b"\xac\x02"
    assert Uniform(1.0).is_table
    assert Integers().is_table
    assert not Scaled(0.5, np.ones(1), 3).is_table
    for dtype in ("<f4", "<f8"):
        for fraction in (0.9999999, 0.999, 0.5):
            for dithered in (True, False):
                lattice = logarithmic(fraction, np.dtype(dtype), dithered)
                assert lattice is None or lattice.parameters()


def test_numbers_out_of_reach_are_zero() -> None:
    hard: Any = [np.nan, np.inf, -np.inf, 1e300, float(LIMIT), -float(LIMIT)]
    assert Uniform(1.0).nearest(np.array(hard)).tolist() == [0] * 6
    assert Uniform(1.0).nearest(np.array([float(LIMIT - 1024)])).tolist() == [LIMIT - 1024]
    assert Scaled(1.0, np.array([0.0, np.nan, np.inf]), 0).nearest(np.ones(3)).tolist() == [0] * 3
