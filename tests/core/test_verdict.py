"""Verdicts: what is counted as broken, what apart, and how badly."""

from __future__ import annotations

import numpy as np
import pytest

from baler.core.bounds import Absolute, Exact, Relative
from baler.core.chunk import Array
from baler.core.verdict import Verdict, judge


def test_violations_and_worst_are_counted() -> None:
    original = np.array([1.0, 2.0, 3.0, np.nan, 5.0])
    decoded = np.array([1.0, 2.05, 3.2, np.nan, 5.1])
    assert judge(Absolute(0.1), original, decoded).violations == 1
    assert judge(Absolute(0.1), original, decoded).worst == pytest.approx(2.0)


def test_a_lost_special_value_is_infinitely_wrong() -> None:
    verdict = judge(Absolute(1e9), np.array([np.inf, np.nan]), np.array([np.inf, 0.0]))
    assert verdict == Verdict(np.inf, 1)


def test_zeros_that_move_within_the_bound_are_counted_apart() -> None:
    verdict = judge(Absolute(0.1), np.array([0.0, 0.0, 0.0]), np.array([0.05, 0.2, 0.0]))
    assert (verdict.violations, verdict.zeros_moved, verdict.worst) == (1, 1, np.inf)
    verdict = judge(Relative(0.1), np.array([0.0, 1.0]), np.array([1e-30, 1.0]))
    assert (verdict.violations, verdict.zeros_moved) == (1, 0)


def test_integers_are_compared_beyond_float64() -> None:
    original = np.array([2**60, 0])
    assert judge(Exact(), original, original + np.array([1, 0])) == Verdict(np.inf, 1)


@pytest.mark.parametrize("decoded", [np.zeros(2), np.zeros(3, np.float32)])
def test_another_size_or_dtype_is_lost(decoded: Array) -> None:
    assert judge(Absolute(1.0), np.zeros(3), decoded) == Verdict(np.inf, 3)
