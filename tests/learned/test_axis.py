"""Axes: every value has one class and number, and comes back; features are as documented."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler.core.bounds import same_bits
from baler.errors import Corrupt
from baler.learned.axis import MAX_NUMBER, Axis, Feature, Ints, Kind
from baler.quantise.lattice import Bits, Integers, Logarithmic, Uniform
from tests.learned.models import axes, make_axis

NOTHING = np.empty(0, np.int64)


def wave(t: int) -> int:
    """Return the wave of the document, written down another way."""
    w = t % 512
    return (1 if t % 1024 < 512 else -1) * (w * (512 - w) // 128)


@given(
    st.integers(1 - MAX_NUMBER, MAX_NUMBER - 1),
    st.integers(1 - MAX_NUMBER, MAX_NUMBER - 1),
    st.integers(1 - (1 << 20), (1 << 20) - 1),
    st.integers(0, 62),
)
def test_features_are_those_of_the_document(
    number: int, center: int, multiplier: int, shift: int
) -> None:
    t = (min(max(number - center, -(1 << 40)), 1 << 40) * multiplier) >> shift
    clamped = min(max(t, -512), 511)
    expected = {Kind.CLAMP: clamped, Kind.MAGNITUDE: abs(clamped), Kind.WAVE: wave(t)}
    for kind, value in expected.items():
        feature = Feature(kind, center, multiplier, shift)
        found = feature.of(np.array([number]))
        assert found.tolist() == [value]
        assert abs(value) <= 512
        assert found.dtype == np.int16


@pytest.mark.parametrize(
    "wrong", [(MAX_NUMBER, 1, 0), (0, 1 << 20, 0), (0, -(1 << 20), 0), (0, 1, 63), (0, 1, -1)]
)
def test_features_that_could_overflow_are_refused(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(Corrupt, match="feature has parameters out of range"):
        Feature(Kind.CLAMP, *wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"atoms": range(65)}, "bad atoms"),
        ({"period": -1}, "period"),
        ({"period": MAX_NUMBER + 1}, "period"),
        ({"center": MAX_NUMBER}, "centre"),
        ({"signed": True, "period": 7}, "sign and no magnitude"),
        ({"signed": True, "numeric": False}, "sign and no magnitude"),
    ],
)
def test_axes_out_of_range_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(Corrupt, match=message):
        make_axis("x", "", "<i8", Integers(), **change)


@pytest.mark.parametrize("period", [1, 2, 3, 100, 101, 1 << 53])
def test_wrapped_numbers_lie_within_half_a_turn(period: int) -> None:
    axis = make_axis("x", "", "<i8", Integers(), period=period)
    numbers = np.concatenate([np.arange(-300, 300), np.array([2 - (1 << 54), (1 << 54) - 2])])
    wrapped = axis.wrap(numbers)
    assert (wrapped >= -(period // 2)).all()
    assert (wrapped < period - period // 2).all()
    assert ((numbers - wrapped) % period == 0).all()
    assert np.array_equal(axis.wrap(wrapped), wrapped)


def bits(values: npt.NDArray[Any]) -> npt.NDArray[np.uint64]:
    return values.view(f"u{values.dtype.itemsize}").astype(np.uint64)


def back(axis: Axis, values: npt.NDArray[Any]) -> None:
    """Check that values come back: the lattice's own, atoms and verbatim ones exactly."""
    classes, numbers = axis.split(values, same_bits)
    assert classes.max(initial=0) <= axis.verbatim
    assert np.abs(numbers).max(initial=0) < MAX_NUMBER
    kept = classes == axis.verbatim
    assert (numbers[kept | (classes < axis.on_lattice)] == axis.center).all()
    if axis.signed:
        assert (numbers[classes == axis.on_lattice] >= 0).all()
        assert (numbers[classes == axis.on_lattice + 1] > 0).all()
    else:
        assert not (classes == axis.on_lattice + 1).any()
    found = axis.join(classes, numbers, values[kept])
    assert found.dtype == values.dtype
    assert np.array_equal(bits(found), bits(values))


AXES = {axis.column: axis for axis in axes() if axis.column != "Cand_dxy"}


@pytest.mark.parametrize("name", sorted(AXES))
@given(seed=st.integers(0, 1 << 32))
def test_every_bit_pattern_comes_back(name: str, seed: int) -> None:
    axis, rng = AXES[name], np.random.default_rng(seed)
    if axis.dtype.kind == "b":
        back(axis, rng.integers(0, 2, 50).astype(np.bool_))
        return
    back(axis, np.frombuffer(rng.bytes(50 * axis.dtype.itemsize), axis.dtype))
    back(axis, axis.lattice.values(rng.integers(-1000, 1000, 50), axis.dtype))
    atoms = [np.frombuffer(atom, axis.dtype) for atom in axis.atoms]
    back(axis, np.concatenate([np.zeros(1, axis.dtype), *atoms]))


def test_classes_in_their_order() -> None:
    axis = make_axis("x", "", "<f4", Uniform(0.5), atoms=[-1.0, np.nan], signed=True, center=4)
    values = np.array([-1.0, np.nan, 1.0, -2.0, 0.0, np.inf, -1e30], np.float32)
    classes, numbers = axis.split(values)
    assert classes.tolist() == [0, 1, 2, 3, 2, 4, 2]  # what is far away has the number 0
    assert numbers.tolist() == [4, 4, 2, 4, 0, 4, 0]
    classes, _ = axis.split(values, same_bits)
    assert classes.tolist() == [0, 1, 2, 3, 2, 4, 4]


def test_zeros_differ_and_large_integers_are_verbatim() -> None:
    axis = make_axis("x", "", "<f4", Bits(0), signed=True)
    classes, _ = axis.split(np.array([0.0, -0.0], np.float32), same_bits)
    assert classes.tolist() == [0, 1]
    whole = make_axis("x", "", "<i8", Integers())
    edges = [MAX_NUMBER - 1, MAX_NUMBER, 1 - MAX_NUMBER, -MAX_NUMBER, -(1 << 63)]
    assert whole.split(np.array(edges))[0].tolist() == [0, 2, 0, 2, 2]


@pytest.mark.parametrize(("classes", "kept"), [([2], 0), ([0], 1), ([3], 0), ([3], 1)])
def test_joining_what_does_not_fit_is_refused(classes: list[int], kept: int) -> None:
    axis = make_axis("x", "", "<i8", Integers())
    with pytest.raises(Corrupt, match="'x' are verbatim"):
        axis.join(np.array(classes, np.uint8), np.zeros(1, np.int64), np.zeros(kept, np.int64))


def test_features_are_relative_wrapped_and_zero_off_the_lattice() -> None:
    plain, apart = Feature(Kind.CLAMP, 1, 1, 0), Feature(Kind.CLAMP, 0, 1, 0, relative=True)
    axis = make_axis("x", "", "<i8", Integers(), atoms=[5], period=100, features=(plain, apart))
    classes = np.array([1, 1, 0, 3], np.uint8)
    numbers = np.array([49, -20, 9, 9])
    bases: Ints = np.array([-50, 10, 0, 0])
    table = axis.features_of(classes, numbers, bases)
    assert table.tolist() == [[48, -1], [-21, -30], [0, 0], [0, 0]]
    assert axis.features_of(classes, numbers, None).tolist() == [[48], [-21], [0], [0]]


def test_sources_say_features_atoms_and_sign() -> None:
    axis = make_axis(
        "x", "", "<f8", Logarithmic(1000, 1, 1 << 59, 0), atoms=range(9), signed=True, center=3
    )
    classes = np.array([0, 7, 8, 9, 10, 11], np.uint8)
    table = axis.source_features(classes, np.full(6, 3))
    assert table.shape == (6, 1 + 8 + 1)
    assert not table[:, 0].any()
    rows, columns = np.nonzero(table)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(0, 1), (1, 8), (4, 9)]
    assert (table[rows, columns] == 64).all()
