"""Bits of floats in order, and bytes by significance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler.core.bounds import same_bits
from baler.core.schema import DTYPES
from baler.quantise.lattice import Bits
from baler.transforms import shuffled, unshuffled

FLOATS = ("<f2", "<f4", "<f8")


def test_all_half_floats_are_in_order() -> None:
    values = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    integers = Bits(0).nearest(values)
    assert np.unique(integers).size == 1 << 16
    assert same_bits(Bits(0).values(integers, values.dtype), values).all()
    numbers = ~np.isnan(values)
    by_integer = values[numbers][np.argsort(integers[numbers])]
    assert (np.diff(by_integer.astype(np.float64)[1:-1]) >= 0).all()
    assert Bits(0).nearest(np.array([-0.0, 0.0], "<f2")).tolist() == [-1, 0]


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
def test_every_pattern_comes_back(dtype: str, data: st.DataObject) -> None:
    width = int(dtype[2])
    raw = data.draw(st.lists(st.binary(min_size=width, max_size=width), max_size=20).map(b"".join))
    values = np.frombuffer(raw, dtype)
    assert Bits(0).values(Bits(0).nearest(values), values.dtype).tobytes() == raw
    numbers = np.sort(values[~np.isnan(values)])
    assert (
        np.diff(Bits(0).nearest(numbers).astype(object)) >= -1
    ).all()  # -0.0 and 0.0 sort as equal


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [0, 1, 2, 9])
def test_bytes_by_significance_come_back(dtype: str, size: int) -> None:
    raw = bytes(range(1, 1 + size * np.dtype(dtype).itemsize))
    values = np.frombuffer(raw, dtype) if dtype != "|b1" else np.ones(size, bool)
    octets = shuffled(values)
    assert octets.dtype == np.uint8
    assert octets.size == values.nbytes
    assert unshuffled(octets, values.dtype).tobytes() == values.tobytes()


def test_first_bytes_come_first() -> None:
    assert shuffled(np.array([0x0201, 0x0403], "<u2")).tolist() == [1, 3, 2, 4]
