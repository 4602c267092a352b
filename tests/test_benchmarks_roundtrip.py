"""The comparison of the round-trip benchmark notices what it claims to notice."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def roundtrip(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("resource")  # there is none on Windows
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("roundtrip")


def nan(payload: int) -> Any:
    return np.array([0x7FC00000 + payload], np.uint32).view(np.float32)


EQUAL = {
    "numbers": ([1.0, 2.0], [1.0, 2.0]),
    "lists": ([[1], [], [2, 3]], [[1], [], [2, 3]]),
    "missing": ([1, None], [1, None]),
    "records": ([{"x": 1, "y": [2]}], [{"x": 1, "y": [2]}]),
    "bytes that are true": (np.array([2, 0], "u1").view("?"), np.array([1, 0], "u1").view("?")),
}

DIFFERENT = {
    "payloads of NaN": (nan(1), nan(2)),
    "the sign of zero": ([0.0], [-0.0]),
    "one bit": ([1.0], [float(np.nextafter(1, 2))]),
    "lengths of lists": ([[1], [2, 3]], [[1, 2], [3]]),
    "numbers of entries": ([1, 2], [1]),
    "which are missing": ([1, None, 1], [None, 1, 1]),
    "a member": ([{"x": 1, "y": 2}], [{"x": 1, "y": 3}]),
    "depth": ([[1]], [1]),
    "values that another dtype does not hold": (np.array([1, 2], "i4"), np.array([1, 300], "i8")),
}


@pytest.mark.parametrize("what", EQUAL)
def test_equal_arrays_are_equal(roundtrip: Any, what: str) -> None:
    a, b = (ak.to_layout(ak.Array(values)) for values in EQUAL[what])
    roundtrip.compare(a, b, what, {})


@pytest.mark.parametrize("what", DIFFERENT)
def test_a_difference_is_noticed(roundtrip: Any, what: str) -> None:
    a, b = (ak.to_layout(ak.Array(values)) for values in DIFFERENT[what])
    with pytest.raises(roundtrip.Unequal):
        roundtrip.compare(a, b, what, {})


def test_a_change_of_dtype_is_told(roundtrip: Any) -> None:
    changes: dict[str, None] = {}
    a, b = (ak.to_layout(ak.Array(np.array([1, 2], dtype))) for dtype in ("u4", "i4"))
    roundtrip.compare(a, b, "nMuon", changes)
    assert list(changes) == ["nMuon: uint32 to int32"]
