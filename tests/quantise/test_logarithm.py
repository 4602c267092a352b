"""Logarithmic lattices against decimal arithmetic of sixty digits."""

from __future__ import annotations

import decimal
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.core.bounds import Relative, special
from baler.core.chunk import Array
from baler.quantise.dither import shifts
from baler.quantise.lattice import LOWEST, MAX_BINS, Bits, Logarithmic, logarithmic, rounded
from baler.quantise.logarithm import ONE, exp2, progression

CONTEXT = decimal.Context(prec=60, Emin=-99999, Emax=99999)
LN2 = CONTEXT.ln(Decimal(2))
TINY, LARGEST = float(np.finfo(np.float64).tiny), float(np.finfo(np.float64).max)


def power(exponent: Decimal) -> Decimal:
    """Return 2**exponent to sixty digits."""
    return CONTEXT.exp(CONTEXT.multiply(exponent, LN2))


EXPONENTS = st.integers(0, ONE - 1) | st.integers(0, 200) | st.integers(ONE - 200, ONE - 1)


@given(st.lists(EXPONENTS, min_size=1, max_size=30))
@settings(max_examples=60)
def test_powers_of_two_are_right_to_fifty_bits(exponents: list[int]) -> None:
    found = exp2(np.array(exponents, np.uint64))
    for exponent, q61 in zip(exponents, found, strict=True):
        exact = power(CONTEXT.divide(Decimal(exponent), Decimal(ONE)))
        assert abs(Decimal(int(q61)) / Decimal(ONE) / exact - 1) < Decimal(2) ** -50
        assert ONE <= int(q61) < 2 * ONE


def test_powers_of_two_grow_with_their_exponents() -> None:
    dense = np.arange(50_000, dtype=np.uint64) * np.uint64(ONE // 50_000)
    assert (np.diff(exp2(dense).astype(np.int64)) > 0).all()
    near = np.arange(0, 1 << 16, dtype=np.uint64) << np.uint64(9)  # multiples of the last bit used
    assert (np.diff(exp2(near).astype(np.int64)) >= 0).all()
    assert exp2(np.zeros(1, np.uint64))[0] == ONE


@given(st.integers(1, 3000), st.integers(0, 6), st.integers(0, ONE - 1))
@settings(max_examples=25)
def test_progressions_are_geometric(bins: int, log_octaves: int, phase: int) -> None:
    octaves = 1 << log_octaves
    table = progression(bins, octaves, phase)
    assert table.size == bins
    assert not table.flags.writeable
    last = octaves * ONE - 1  # where a large phase takes the last ones
    rising = sum((i * octaves << 61) // bins + phase < last for i in range(bins))
    assert (np.diff(table[:rising]) > 0).all()
    assert (np.diff(table) >= 0).all()
    for i in {0, 1, bins // 2, bins - 1} & set(range(bins)):
        exponent = min(Decimal(i) * octaves / bins + Decimal(phase) / ONE, Decimal(octaves))
        ratio = Decimal(float(table[i])) / power(exponent)
        assert abs(ratio - 1) < Decimal(2) ** -49


def test_the_largest_tables_grow_too() -> None:
    for bins, octaves in ((MAX_BINS, 1), (MAX_BINS, 16), (1, 64), (3, 64)):
        assert (np.diff(progression(bins, octaves, 0)) > 0).all()
        assert progression(bins, octaves, 0)[0] == 1.0


def hard_floats(lattice: Logarithmic) -> Array:
    """Return floats at all edges of bins near 1 and at some far away, with their neighbours."""
    edges = progression(lattice.bins, lattice.octaves, 0)
    chosen = edges[np.unique(np.linspace(0, edges.size - 1, 500).astype(int))]
    periods = [0, 1, -1, 5, -5]
    exponents = [p * lattice.octaves for p in periods if abs(p * lattice.octaves) < 900]
    at = np.concatenate([np.ldexp(chosen, e) for e in exponents])
    at = np.concatenate([at, [TINY, 2.0, 2.0**1023, np.nextafter(LARGEST, 0), 1.0]])
    beside = [np.nextafter(at, np.inf), np.nextafter(at, 0.0)]
    values = np.concatenate([at, *beside])
    return np.asarray(values[(values >= TINY) & np.isfinite(values)])


FRACTIONS = [0.999, 0.9, 0.5, 0.3, 0.1, 0.01, 2.0**-7, 2.0**-11, 1e-4, 2.0**-17]


@pytest.mark.parametrize("fraction", FRACTIONS)
def test_bins_are_where_decimals_say(fraction: float) -> None:
    lattice = logarithmic(fraction, np.dtype("<f8"), dithered=False)
    assert lattice is not None
    values = hard_floats(lattice)
    bins, inside = lattice.bin(values)
    assert inside.all()
    width = Decimal(lattice.octaves) / Decimal(lattice.bins)
    for value, k in list(zip(values, bins, strict=True))[:: max(1, values.size // 400)]:
        place = CONTEXT.divide(CONTEXT.ln(Decimal(float(value))), LN2) / width
        assert int(k) - Decimal("1e-6") < place < int(k) + 1 + Decimal("1e-6")


@pytest.mark.parametrize("fraction", FRACTIONS)
def test_every_normal_float_is_served(fraction: float) -> None:
    lattice = logarithmic(fraction, np.dtype("<f8"), dithered=False)
    assert lattice is not None
    rng = np.random.default_rng(2)
    anywhere = rng.integers(TINY_BITS, MAX_BITS, 20_000).view(np.float64)
    values = np.concatenate([hard_floats(lattice), anywhere])
    values = np.concatenate([values, -values])
    fitted, numbers = lattice.fitted(values)
    found = fitted.values(numbers, values.dtype)
    assert Relative(fraction).holds(values, found).all()
    assert np.array_equal(np.sign(found), np.sign(values))
    normal = found[np.abs(found) >= TINY]
    assert normal.size > values.size - 200
    again, same = fitted.fitted(normal)
    assert np.array_equal(again.values(same, values.dtype), normal)
    assert np.array_equal(fitted.nearest(values), numbers)
    ascending = np.sort(values)
    assert (np.diff(fitted.nearest(ascending)) >= 0).all()


TINY_BITS = int(np.array([TINY]).view(np.int64)[0])
MAX_BITS = int(np.array([np.inf]).view(np.int64)[0])


@pytest.mark.parametrize("dtype", ["<f2", "<f4"])
@pytest.mark.parametrize("fraction", [0.9, 0.3, 0.01, 2.0**-8, 2.0**-10, 1e-3])
def test_narrow_floats_are_served(dtype: str, fraction: float) -> None:
    lattice = logarithmic(fraction, np.dtype(dtype), dithered=False)
    if lattice is None:
        assert fraction <= float(np.finfo(dtype).eps) * 1.02
        return
    if dtype == "<f2":
        values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    else:
        rng = np.random.default_rng(4)
        values = np.frombuffer(rng.bytes(200_000), np.float32)
    normal = np.abs(values) >= np.finfo(values.dtype).tiny
    values = values[normal & ~special(values)]
    fitted, numbers = lattice.fitted(values)
    found = fitted.values(numbers, values.dtype)
    below = np.abs(values) < np.finfo(values.dtype).max * (1 - fraction)  # others may overflow
    assert Relative(fraction).holds(values[below], found[below]).all()


@pytest.mark.parametrize("fraction", [0.5, 0.1, 0.01, 2.0**-11])
@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_dithered_bins_keep_the_bound(fraction: float, dtype: str) -> None:
    rng = np.random.default_rng(8)
    values = (rng.lognormal(0, 20, 50_000) * rng.choice([-1, 1], 50_000)).astype(dtype)
    values = values[np.abs(values) > np.finfo(dtype).tiny * 4]
    plain = logarithmic(fraction, values.dtype, dithered=True)
    assert plain is not None
    lattice = Logarithmic(
        plain.bins, plain.octaves, plain.phase, 0, plain.spread, shifts(11, values.size)
    )
    assert not lattice.is_table
    fitted, numbers = lattice.fitted(values)
    held = Relative(fraction).holds(values, fitted.values(numbers, values.dtype))
    assert held.mean() > 0.999


def test_numbers_begin_at_one_and_zero_is_zero() -> None:
    lattice = logarithmic(0.01, np.dtype("<f8"), dithered=False)
    assert lattice is not None
    values = np.array([3.0, -1e-200, 0.0, np.nan, np.inf, 1e200, 5e-324])
    fitted, numbers = lattice.fitted(values)
    assert numbers[[2, 3, 4, 6]].tolist() == [0, 0, 0, 0]
    assert numbers[1] == -1
    assert (numbers[[0, 5]] > 1).all()
    empty, none = lattice.fitted(np.array([0.0, np.nan]))
    assert empty.lowest == 0
    assert none.tolist() == [0, 0]
    assert abs(fitted.lowest) < LOWEST


@pytest.mark.parametrize("bins", [1, 3, 1 << 17])
@pytest.mark.parametrize("octaves", [1, 16, 64])
@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
def test_far_numbers_are_infinite_or_nothing(bins: int, octaves: int, dtype: str) -> None:
    far = np.array([1 << 45, -(1 << 45), 1 << 62, -(1 << 62), (1 << 63) - 1, -(1 << 63)])
    for lowest in (0, LOWEST, -5000):
        found = Logarithmic(bins, octaves, 0, lowest).values(far, np.dtype(dtype))
        assert np.array_equal(found, np.copysign(np.inf, far).astype(dtype))
    found = Logarithmic(bins, octaves, 0, -LOWEST).values(np.array([1, -1]), np.dtype(dtype))
    assert found.tolist() == [0.0, 0.0]
    assert np.signbit(found).tolist() == [False, True]


def test_bins_are_as_wide_as_the_bound_allows() -> None:
    for fraction in FRACTIONS[1:]:
        lattice = logarithmic(fraction, np.dtype("<f8"), dithered=False)
        assert lattice is not None
        widest = math.log2((1 + fraction) / (1 - fraction))
        assert lattice.octaves / lattice.bins <= widest
        assert lattice.octaves / lattice.bins > 0.7 * widest
        if fraction <= 0.1:
            assert lattice.octaves / lattice.bins > 0.98 * widest


def test_what_is_too_fine_for_a_table_rounds_mantissas() -> None:
    f2, f4, f8 = (np.dtype(name) for name in ("<f2", "<f4", "<f8"))
    assert logarithmic(2.0**-20, f8, dithered=False) is None
    assert logarithmic(2.0**-24, f4, dithered=False) is None
    assert logarithmic(2.0**-11, f2, dithered=False) is None
    assert rounded(2.0**-20, f8) == Bits(33)
    assert rounded(2.0**-20, f4) == Bits(4)
    assert rounded(2.0**-10, f2) == Bits(1)
    assert rounded(2.0**-11, f2) is None
    assert rounded(5e-324, f8) is None


@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8"])
@pytest.mark.parametrize("fraction", [2.0**-6, 2.0**-9, 1e-3, 2.0**-20, 3e-7, 2.0**-45])
def test_rounded_mantissas_keep_the_bound(dtype: str, fraction: float) -> None:
    lattice = rounded(fraction, np.dtype(dtype))
    if lattice is None:
        assert fraction < float(np.finfo(dtype).eps)
        return
    values = np.frombuffer(np.random.default_rng(4).bytes(80_000), dtype)
    limits = np.finfo(np.dtype(dtype))
    values = values[np.isfinite(values) & (np.abs(values) >= limits.tiny)]
    values = values[np.abs(values) < limits.max / 2]
    half = 1 << lattice.shift >> 1
    bits = values.view(f"<u{limits.bits // 8}")
    kept = bits & ~np.array((1 << lattice.shift) - 1).astype(bits.dtype)
    hard = [(kept | np.array(n).astype(bits.dtype)).view(dtype) for n in (half, half - 1)]
    for these in (values, *hard):
        found = lattice.values(lattice.nearest(these), these.dtype)
        assert Relative(fraction).holds(these, found).all()
