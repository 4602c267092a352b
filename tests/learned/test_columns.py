"""Native code makes of columns and their axes what the methods of axes make, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.core.bounds import Absolute, Bound, Exact, Relative, Sigma
from baler.errors import Corrupt
from baler.learned import columns, kernel
from baler.learned.axis import MAX_NUMBER, Axis, Feature, Kind
from baler.learned.network import source_width
from baler.quantise.lattice import (
    Bits,
    Decimal,
    Integers,
    Lattice,
    Logarithmic,
    Scaled,
    Uniform,
    logarithmic,
)
from tests.learned.models import make_axis

native = pytest.importorskip("baler.learned.native")
Array = npt.NDArray[Any]

FLOATS = ("<f4", "<f8")
WHOLE = ("|i1", "<i2", "<i4", "<i8", "|u1", "<u2", "<u4", "<u8")
FEATURES = (
    Feature(Kind.CLAMP, 3, (1 << 20) - 1, 12),
    Feature(Kind.MAGNITUDE, 0, -77, 5),
    Feature(Kind.CLAMP, 0, 1, 0, relative=True),
    Feature(Kind.WAVE, -(1 << 52), 1 << 10, 40),
    Feature(Kind.WAVE, 5, 333, 0),
)


@pytest.fixture(autouse=True, params=native.LEVELS)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(kernel.VARIABLE, request.param)


def lattices(dtype: np.dtype[Any], size: int, rng: np.random.Generator) -> list[Lattice]:
    """Return lattices of all kinds that a column of a dtype may have."""
    if dtype.kind in "iu":
        return [Integers()]
    sigma = rng.choice([0.5, 1e-3, 0.0, -1.0, np.nan, np.inf, 1e30], size).astype(dtype)
    relative = logarithmic(2.0**-9, dtype, dithered=False)
    coarse = logarithmic(0.3, dtype, dithered=False)
    assert relative is not None
    assert coarse is not None
    low = Logarithmic(relative.bins, relative.octaves, relative.phase, -4_000_000)
    return [
        Bits(0), Bits(1), Bits(13), Bits(62), Decimal(0), Decimal(3), Decimal(18),
        Uniform(0.1), Uniform(5e-324), Uniform(1e300), Uniform(2.0**-40),
        Scaled(0.1, sigma, 0), relative, coarse, low,
        Logarithmic(1, 256, 5 << 60, 3), Logarithmic(3, 1, 1 << 60, 10_000),
    ]  # fmt: skip


def edges(dtype: np.dtype[Any], rng: np.random.Generator, size: int) -> Array:
    """Return values at the edges, random patterns of bits, and what is near lattice values."""
    patterns = rng.integers(0, 1 << 64, size, np.uint64).view(dtype)[:size]
    if dtype.kind != "f":
        ends = np.iinfo(dtype)
        some = np.array([ends.min, ends.max, 0, 1, 2, 7, ends.max // 2], dtype)
        return np.where(rng.random(size) < 0.5, rng.choice(some, size), patterns)
    some = np.array(
        [0.0, -0.0, np.nan, -np.nan, np.inf, -np.inf, 1.0, -1.0, 0.05, 0.15, 0.25, 2.5, 1e30,
         5e-324, 1.2e-38, 1e-45, 2.0**53, 2.0**52 + 0.5, 2.0**62, -(2.0**63), 9.2e18],
    )  # fmt: skip
    with np.errstate(over="ignore"):
        near = np.round(rng.normal(size=size) * 10.0 ** rng.integers(-3, 5, size), 2)
        near = np.where(rng.random(size) < 0.3, np.nextafter(near, np.inf), near)
        values = np.where(rng.random(size) < 0.5, rng.choice(some, size), near).astype(dtype)
    return np.where(rng.random(size) < 0.2, patterns, values)


def axis_of(lattice: Lattice, values: Array, rng: np.random.Generator, signed: bool) -> Axis:
    """Return an axis with some of the values as atoms."""
    size = int(rng.integers(0, 12))
    atoms = [bytes(value.tobytes()) for value in rng.choice(values, size)] if values.size else []
    axis = make_axis("x", "", values.dtype.str, lattice, signed=signed, features=FEATURES)
    center = int(rng.integers(-5, 5))
    fields = {name: getattr(axis, name) for name in Axis.__dataclass_fields__}
    return Axis(**{**fields, "atoms": tuple(atoms), "center": center})


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 1 << 32), st.sampled_from(FLOATS + WHOLE), st.sampled_from([0, 1, 7, 600, 1100])
)
def test_columns_are_those_of_the_reference(seed: int, name: str, size: int) -> None:
    rng, dtype = np.random.default_rng(seed), np.dtype(name)
    values = edges(dtype, rng, size)
    sigma = rng.choice([0.5, 1e-3, 0.0, -1.0, np.nan, 1e300], size)
    bounds: list[Bound] = [Exact()]
    if dtype.kind == "f":
        bounds += [Absolute(0.05), Absolute(1e300), Relative(2.0**-9), Sigma(0.5, "s")]
    for lattice in lattices(dtype, size, rng):
        axis = axis_of(lattice, values, rng, signed=bool(rng.integers(0, 2)))
        check_column(axis, values, bounds, sigma)


def check_column(axis: Axis, values: Array, bounds: list[Bound], sigma: Array) -> None:
    """Compare everything that is made of a column."""
    assert columns._native(axis, values) is not None
    classes, numbers = axis.split(values)
    assert all(map(np.array_equal, columns.split(axis, values), (classes, numbers)))
    check_features(axis, classes, numbers)
    for bound in bounds:
        found, expected = (
            (np.full(values.size, 77, np.uint8), np.full(values.size, 77)) for _ in range(2)
        )
        told = columns.fit(axis, values, bound, sigma, *found)
        fitted = axis.fit(values, bound, sigma, *expected)
        assert all(map(np.array_equal, found, expected))
        assert told.decoded.tobytes() == fitted.decoded.tobytes()
        assert (told.kept, told.worst) == (fitted.kept, fitted.worst)
        kept = values[expected[0] == axis.verbatim]
        joined = np.empty_like(values)
        columns.join(axis, *expected, kept, joined)
        assert joined.tobytes() == axis.join(*expected, kept).tobytes()
        assert joined.tobytes() == told.decoded.tobytes()
        if told.worst <= 1:
            assert (bound.over(values, joined, sigma) <= 1).all() or not bound.lossy


def check_features(axis: Axis, classes: Array, numbers: Array) -> None:
    """Compare what others are told, in some columns of a table."""
    table = np.full((classes.size, source_width(axis) + 3), 77, np.int16)
    columns.source_features(axis, classes, numbers, table[:, 1:-2])
    assert np.array_equal(table[:, 1:-2], axis.source_features(classes, numbers))
    assert (table[:, [0, -2, -1]] == 77).all()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from(FLOATS + WHOLE))
def test_any_numbers_are_joined_alike(seed: int, name: str) -> None:
    """A damaged stream may say anything that lies within the range of numbers."""
    rng, dtype, size = np.random.default_rng(seed), np.dtype(name), 700
    reach = rng.choice([3, 1000, 1 << 40, MAX_NUMBER - 1], size)
    numbers = rng.integers(-reach, reach + 1)
    values = edges(dtype, rng, size)
    for lattice in lattices(dtype, size, rng):
        axis = axis_of(lattice, values, rng, signed=bool(rng.integers(0, 2)))
        classes = rng.integers(0, axis.classes, size).astype(np.uint8)
        classes = np.where(rng.random(size) < 0.6, np.uint8(axis.on_lattice), classes)
        kept = values[classes == axis.verbatim]
        with np.errstate(all="ignore"):
            expected = axis.join(classes, numbers, kept)
        joined = np.empty_like(values)
        columns.join(axis, classes, numbers, kept, joined)
        assert joined.tobytes() == expected.tobytes()
        check_features(axis, classes, numbers)


@pytest.mark.parametrize(("classes", "kept"), [([2], 0), ([0], 1), ([3], 0), ([3], 1), ([2, 2], 1)])
def test_verbatim_values_are_counted(classes: list[int], kept: int) -> None:
    axis = make_axis("x", "", "<f4", Uniform(0.5))
    numbers, verbatim = np.zeros(len(classes), np.int64), np.zeros(kept, np.float32)
    values = np.empty(len(classes), np.float32)
    with pytest.raises(Corrupt, match="are verbatim, not"):
        columns.join(axis, np.array(classes, np.uint8), numbers, verbatim, values)


@pytest.mark.parametrize(
    ("name", "lattice"),
    [
        ("<f2", Uniform(0.5)),
        ("|b1", Integers()),
        ("<f4", Integers()),
        ("<i4", Uniform(0.5)),
        ("<f8", Bits(63)),
        ("<f8", Uniform(0.5, np.zeros(4))),
        ("<f8", Logarithmic(3, 512, 0, 0)),
        ("<f8", Logarithmic(3, 1, 0, 1 << 50)),
    ],
)
def test_what_is_unusual_is_left_to_the_reference(name: str, lattice: Lattice) -> None:
    axis = make_axis("x", "", name, lattice)
    values = np.array([0, 1, 0, 1], axis.dtype)
    assert columns._native(axis, values) is None
    with np.errstate(all="ignore"):
        expected = axis.split(values)
    assert all(map(np.array_equal, columns.split(axis, values), expected))


def test_the_reference_may_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    axis = make_axis("x", "", "<f4", Uniform(0.5))
    assert columns._native(axis, np.zeros(1, np.float32)) is not None
    assert columns._native(axis, np.zeros(1, np.float64)) is None
    monkeypatch.setenv(kernel.VARIABLE, "reference")
    assert columns._native(axis, np.zeros(1, np.float32)) is None
    values = np.empty(1, np.float32)
    columns.join(axis, np.zeros(1, np.uint8), np.ones(1, np.int64), np.zeros(0, np.float32), values)
    assert values.tolist() == [0.5]
