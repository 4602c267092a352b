"""Bounds: what they promise, at the edge and one unit in the last place either side of it."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.core.bounds import (
    Absolute,
    Bound,
    Exact,
    Range,
    Relative,
    Sigma,
    parse,
    same_bits,
    special,
)
from baler.errors import BadBound

Array = npt.NDArray[Any]
FLOATS = ("<f2", "<f4", "<f8")
POSITIVE = st.floats(0, exclude_min=True, allow_infinity=False)
NAMES = st.text(min_size=1, max_size=8).filter(lambda name: name == name.strip())
BOUNDS = st.one_of(
    st.just(Exact()),
    POSITIVE.map(Absolute),
    st.floats(0, 1, exclude_min=True, exclude_max=True).map(Relative),
    st.integers(-1074, -1).map(lambda power: Relative(2.0**power)),
    st.builds(Sigma, POSITIVE, NAMES),
    POSITIVE.map(Range),
)


def floats(dtype: str, bits: list[int]) -> Array:
    """Return floats with these bits."""
    return np.array(bits, f"<u{dtype[2]}").view(dtype)


def patterns(dtype: str) -> st.SearchStrategy[Array]:
    """Return pairs of arrays of any bits, often neighbours of one another."""
    width = 8 * int(dtype[2])
    bits = st.integers(0, (1 << width) - 1)
    pair = st.tuples(bits, bits | st.integers(-3, 3).map(lambda step: -1 - step))

    def build(pairs: list[tuple[int, int]]) -> Array:
        rows = [(a, b if b >= 0 else (a - 1 - b) % (1 << width)) for a, b in pairs]
        return np.stack([floats(dtype, [a for a, _ in rows]), floats(dtype, [b for _, b in rows])])

    return st.lists(pair, min_size=1, max_size=12).map(build)


@given(BOUNDS)
@settings(max_examples=300)
def test_what_is_written_is_read(bound: Bound) -> None:
    assert parse(str(bound)) == bound
    assert parse(f"  {bound}\n") == bound
    assert hash(parse(str(bound))) == hash(bound)


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("exact", Exact()),
        ("abs 1e-3", Absolute(1e-3)),
        ("abs 2^-10", Absolute(2.0**-10)),
        ("abs 2^3", Absolute(8.0)),
        ("rel 2^-11", Relative(2.0**-11)),
        ("bits 10", Relative(2.0**-11)),
        ("bits 0", Relative(0.5)),
        ("sigma 0.1 Muon_dxyErr", Sigma(0.1, "Muon_dxyErr")),
        ("sigma 0.1 two words", Sigma(0.1, "two words")),
        ("range 1e-3", Range(1e-3)),
    ],
)
def test_the_forms(text: str, bound: Bound) -> None:
    assert parse(text) == bound


def test_powers_of_two_are_written_as_such() -> None:
    assert str(parse("bits 10")) == "rel 2^-11"
    assert str(Relative(0.001)) == "rel 0.001"


@pytest.mark.parametrize("number", [np.float64(0.001), np.float32(0.25), 1])
def test_numbers_of_other_types_are_written_as_floats(number: float) -> None:
    assert parse(str(Absolute(number))) == Absolute(float(number))
    assert parse(str(Sigma(number, "s"))) == Sigma(float(number), "s")
    assert parse(str(Range(number))) == Range(float(number))
    assert parse(str(Relative(number / 2))) == Relative(float(number / 2))


@pytest.mark.parametrize(
    "text",
    ["", "abs", "abs 1 2", "exact 1", "rel", "bits", "bits ten", "bits 100", "bits -1", "sigma 0.1",
     "range", "absolute 1", "abs one", "abs 2^x", "abs 2^99999", "abs 2^9999", "rel 2^-9999"],
)  # fmt: skip
def test_what_does_not_parse_is_named_in_the_message(text: str) -> None:
    with pytest.raises(BadBound) as caught:
        parse(text)
    message = str(caught.value)
    assert repr(text) in message or "must be positive" in message


@pytest.mark.parametrize("number", ["0", "-1", "nan", "inf", "-inf", "-0.0", "1e999"])
@pytest.mark.parametrize("form", ["abs {}", "rel {}", "sigma {} s", "range {}"])
def test_only_positive_finite_numbers_are_bounds(form: str, number: str) -> None:
    with pytest.raises(BadBound, match="must be positive and"):
        parse(form.format(number))


def test_messages_say_what_is_allowed() -> None:
    with pytest.raises(BadBound, match=r"cannot read bound 'foo 1'; expected 'exact', 'abs 1e-3'"):
        parse("foo 1")
    with pytest.raises(BadBound, match=r"cannot read 'x' in bound 'abs x' as a number"):
        parse("abs x")
    with pytest.raises(BadBound, match=r"'rel' bound must be positive and below 1, got 1\.0"):
        parse("rel 1")


def allowed(bound: Bound, x: float, sigma: float) -> Fraction | None:
    """Return the largest error allowed; None where only the bits are."""
    if x == 0 or not math.isfinite(x):
        return None
    match bound:
        case Absolute(epsilon):
            return Fraction(epsilon)
        case Relative(fraction):
            limit = fraction * abs(x)  # in float64, which is part of the promise
            return Fraction(limit) if limit > 0 else None
        case Sigma(fraction, _):
            step = fraction * sigma
            return Fraction(step) if math.isfinite(step) and step > 0 else None
    return None


LOSSY = st.one_of(
    st.floats(1e-40, 1e40).map(Absolute),
    st.floats(1e-9, 0.99).map(Relative),
    st.sampled_from([2.0**-11, 0.5, 2.0**-52, 2.0**-24]).map(Relative),
    st.floats(1e-9, 100).map(lambda part: Sigma(part, "s")),
    st.just(Exact()),
)


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
@settings(max_examples=150)
def test_the_promise_is_kept_or_it_is_not(dtype: str, data: st.DataObject) -> None:
    original, decoded = data.draw(patterns(dtype))
    bound = data.draw(LOSSY)
    sigma = np.resize(data.draw(patterns(data.draw(st.sampled_from(FLOATS))))[0], original.size)
    with np.errstate(invalid="ignore"):
        wide, spread = original.astype(np.float64), sigma.astype(np.float64)
        errors = np.abs(decoded.astype(np.float64) - wide) if dtype != "<f8" else None
    over = bound.over(original, decoded, sigma)
    assert not np.isnan(over).any()
    assert (over >= 0).all()
    assert np.array_equal(over <= 1, bound.holds(original, decoded, sigma))
    same = same_bits(original, decoded)
    for i, held in enumerate(over <= 1):
        limit = allowed(bound, float(wide[i]), float(spread[i]))
        if same[i]:
            assert over[i] == 0
        elif limit is None or not np.isfinite(decoded[i]):
            assert over[i] == np.inf
        elif errors is not None:
            assert held == (Fraction(float(errors[i])) <= limit)
        else:  # the difference of float64s is rounded once
            with np.errstate(over="ignore"):
                error = float(np.abs(decoded[i] - original[i]))
            assert held == (math.isfinite(error) and Fraction(error) <= limit)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "bound", [Absolute(1e30), Relative(0.999), Sigma(1e30, "s"), Exact()], ids=str
)
def test_special_values_are_special(dtype: str, bound: Bound) -> None:
    limits = np.finfo(np.dtype(dtype))
    infinity = int(np.array([np.inf], dtype).view(f"<u{dtype[2]}")[0])
    sign = 1 << (8 * int(dtype[2]) - 1)
    quiet = infinity | 1 << (limits.nmant - 1)
    bits = [0, infinity, infinity + 1, infinity + 2, quiet, quiet + 1]
    values = floats(dtype, bits + [b | sign for b in bits])
    sigma = np.ones(1)
    assert special(values).all()
    for i, value in enumerate(values):
        here = values[i : i + 1]
        for other in (*values, limits.smallest_subnormal, limits.max, np.asarray(1, dtype)):
            there = np.array([other], dtype)
            with np.errstate(invalid="ignore"):
                there = there if other.dtype != values.dtype else np.asarray(other).reshape(1)
            expected = bool(same_bits(here, there)[0])
            assert bool(bound.holds(here, there, sigma)[0]) == expected, (value, other)


@pytest.mark.parametrize("dtype", FLOATS)
def test_one_unit_in_the_last_place_beyond_the_limit_is_too_much(dtype: str) -> None:
    number = np.dtype(dtype).type
    for x in (1.0, -1.0, 3.0):
        original = np.array([x], dtype)
        edge = original + number(0.25)
        beyond, within = np.nextafter(edge, number(np.inf)), np.nextafter(edge, number(-np.inf))
        for bound in (Absolute(0.25), Sigma(0.25, "s"), Relative(0.25 / abs(x))):
            if isinstance(bound, Relative) and abs(x) not in (1.0,):
                continue
            assert bound.holds(original, edge, np.ones(1))[0]
            assert bound.holds(original, within, np.ones(1))[0]
            assert not bound.holds(original, beyond, np.ones(1))[0]


@pytest.mark.parametrize("dtype", FLOATS)
def test_subnormals_have_bounds_too(dtype: str) -> None:
    least = np.finfo(np.dtype(dtype)).smallest_subnormal
    original, decoded = np.array([least * 4] * 3), np.array([least * 4, least * 5, least * 6])
    assert decoded.dtype == np.dtype(dtype)
    assert Absolute(float(least)).holds(original, decoded).tolist() == [True, True, False]
    assert Relative(0.25).holds(original, decoded).tolist() == [True, True, False]
    assert Relative(0.001).holds(original, decoded).tolist() == [True, False, False]


@pytest.mark.parametrize("sigma", [0.0, -0.0, -1.0, np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["<f4", "<f8"])
def test_without_an_uncertainty_values_are_kept_exactly(sigma: float, kind: str) -> None:
    original = np.array([1.5, 1.5, 0.0, 0.0], np.float32)
    decoded = np.array([1.5, np.nextafter(np.float32(1.5), np.float32(2)), 0.0, -0.0], np.float32)
    bound = Sigma(0.5, "s")
    assert bound.over(original, decoded, np.full(4, sigma, kind)).tolist() == [0, np.inf, 0, np.inf]


def test_no_uncertainty_is_no_limit() -> None:
    sigma = np.array([0.0, -0.0, -1.0, np.nan, np.inf, 1e308, 2.0])
    with np.errstate(over="ignore"):
        assert Sigma(8.0, "s").limit(np.ones(7), sigma).tolist() == [-1, -1, -1, -1, -1, -1, 16]


def test_uncertainties_may_be_integers() -> None:
    original, decoded = np.zeros(3) + 1.0, np.array([2.0, 2.0, 2.0])
    held = Sigma(0.5, "s").holds(original, decoded, np.array([1, 2, 0], np.uint8))
    assert held.tolist() == [False, True, False]


def test_sigma_needs_its_column() -> None:
    with pytest.raises(BadBound, match="needs the decoded values of 's'"):
        Sigma(0.5, "s").limit(np.ones(1), None)


def test_exact_tells_zeros_apart() -> None:
    assert Exact().holds(np.zeros(1), -np.zeros(1)).tolist() == [False]
    assert not Exact().lossy
    assert Exact().parent is None
    assert all(bound.lossy for bound in (Absolute(1), Relative(0.1), Sigma(1, "s"), Range(1)))
    assert Sigma(1, "s").parent == "s"


def test_range_becomes_abs() -> None:
    sample = np.concatenate([np.linspace(0, 100, 1001), [np.nan, np.inf, -np.inf]])
    found = Range(1e-3).resolve(sample)
    assert isinstance(found, Absolute)
    assert found.epsilon == pytest.approx(0.09)
    assert type(found.epsilon) is float


@pytest.mark.parametrize(
    "sample",
    [np.empty(0), np.array([np.nan]), np.ones(9), np.array([-1.7e308] * 10 + [1.7e308] * 10),
     np.array([np.inf, -np.inf]), np.array([0.0, 5e-324])],
)  # fmt: skip
def test_a_range_without_a_span_is_exact(sample: Array) -> None:
    assert Range(1e-3).resolve(sample) == Exact()


def test_a_range_has_no_limit_of_its_own() -> None:
    with pytest.raises(BadBound, match="has to be resolved to 'abs' first"):
        Range(0.1).holds(np.ones(1), np.ones(1))


@pytest.mark.parametrize("bits", [0x7F800001, 0xFF800001, 0x7FBFFFFF])
def test_a_signalling_nan_is_no_warning(bits: int) -> None:
    values = np.array([bits, 0x3F800000], np.uint32).view(np.float32)
    for bound in (Exact(), Absolute(1), Relative(0.1), Sigma(0.1, "s")):
        assert bound.holds(values, values.copy(), values).all()
    assert Range(0.1).resolve(values) == Exact()
