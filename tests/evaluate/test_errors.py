"""Errors of columns, against cases worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from baler.core.bounds import Absolute, Bound, Exact, Relative, Sigma
from baler.core.chunk import Array
from baler.evaluate.errors import (
    ColumnErrors,
    Extent,
    column_errors,
    correlations,
    errors_of,
    overall,
)
from baler.evaluate.spread import Spread


def measured(
    original: Any, decoded: Any, bound: Bound | None = None, name: str = "x", sigma: Any = None
) -> ColumnErrors:
    before, after = np.array(original), np.array(decoded)
    extent = Extent.of(name, before)
    return column_errors(name, before, after, extent, bound or Exact(), sigma)[0]


def test_hand_made_errors() -> None:
    found = measured([1.0, 2.0, 4.0, 0.0], [1.5, 1.0, 4.0, 1.0])
    assert found.values == 4
    assert found.lost == 0
    assert found.bias == pytest.approx((0.5 - 1 + 0 + 1) / 4)
    assert found.rms == pytest.approx(math.sqrt((0.25 + 1 + 0 + 1) / 4))
    assert found.largest == 1.0
    assert found.response_mean == pytest.approx((0.5 - 0.5 + 0) / 3)  # zero has no response
    assert found.response_rms == pytest.approx(math.sqrt((0.25 + 0.25) / 3))
    assert math.isnan(found.pull_rms)  # there is no bound
    assert found.worst == 0.0


def test_pulls_are_in_units_of_the_bound() -> None:
    found = measured([1.0, 2.0, 4.0], [1.1, 2.0, 3.6], Absolute(0.2))
    assert found.pull_mean == pytest.approx((0.5 + 0 - 2) / 3)
    assert found.pull_rms == pytest.approx(math.sqrt((0.25 + 0 + 4) / 3))
    assert found.worst == pytest.approx(2.0)
    relative = measured([1.0, -2.0, 0.0], [1.1, -2.4, 5.0], Relative(0.1))
    assert relative.pull_rms == pytest.approx(math.sqrt((1 + 4) / 2))  # zero has no bound
    sigma = np.array([0.5, 2.0, 0.0])
    by_sigma = measured([1.0, 1.0, 1.0], [1.5, 1.5, 1.5], Sigma(1.0, "s"), sigma=sigma)
    assert by_sigma.worst == pytest.approx(1.0)
    assert by_sigma.pull_mean == pytest.approx((1 + 0.25) / 2)


def test_angles_go_the_shorter_way_round() -> None:
    turns: Array = np.linspace(-3.1, 3.1, 9)
    extent = Extent.of("Jet_phi", turns)
    assert extent.angle
    error, lost = errors_of(np.array([3.1, -3.1]), np.array([-3.1, 3.1]), angle=True)
    assert lost == 0
    assert error == pytest.approx([2 * math.pi - 6.2, 6.2 - 2 * math.pi])
    assert Extent.of("phi", np.linspace(0, 6.28, 9)).angle
    assert not Extent.of("Jet_eta", turns).angle
    assert not Extent.of("Jet_phi", np.linspace(-180, 180, 9)).angle  # degrees
    assert not Extent.of("Jet_phi", np.linspace(0, 1, 9)).angle  # not a whole turn


def test_special_values_are_kept_or_lost_but_never_poison() -> None:
    nan, inf = math.nan, math.inf
    kept = measured([nan, inf, -inf, 1.0], [nan, inf, -inf, 2.0], Absolute(1.0))
    assert (kept.lost, kept.rms, kept.largest, kept.worst) == (0, 1.0, 1.0, 1.0)
    lost = measured([nan, inf, 1.0, 3.0], [0.0, -inf, nan, 3.0], Absolute(1.0))
    assert (lost.lost, lost.rms, lost.worst) == (3, 0.0, inf)


@pytest.mark.parametrize("values", [[], [math.nan, math.inf]])
def test_columns_without_numbers_have_no_errors(values: list[float]) -> None:
    found = measured(np.array(values), np.array(values))
    assert math.isnan(found.rms)
    assert math.isnan(found.bias)
    assert found.lost == 0
    assert math.isnan(Extent.of("x", np.array(values)).deviation)
    assert found.spread == Spread()


def test_an_array_of_another_size_is_lost() -> None:
    assert measured([1.0, 2.0], [1.0]).lost == 2
    assert measured([1.0, 2.0], [1.0]).worst == math.inf


def test_constant_columns_have_no_unit() -> None:
    constant = measured([2.0, 2.0], [2.0, 2.0])
    extent = Extent.of("x", np.array([2.0, 2.0]))
    assert (extent.range, extent.deviation) == (0.0, 0.0)
    assert constant.spread.total == 0
    assert overall([constant], {"x": extent}) == pytest.approx((math.nan,) * 3, nan_ok=True)


def test_large_and_small_numbers_do_not_overflow() -> None:
    found = measured([1e300, -1e300], [-1e300, 1e300])
    assert found.rms == pytest.approx(2e300)
    assert Extent.of("x", np.array([1e300, -1e300])).deviation == pytest.approx(1e300)
    wide = measured(np.array([3e38, -3e38], np.float32), np.array([-3e38, 3e38], np.float32))
    assert wide.largest == pytest.approx(6e38, rel=1e-6)


def test_integers_have_errors_too() -> None:
    found = measured(np.array([1, 2, 250], np.uint8), np.array([2, 2, 249], np.uint8))
    assert (found.bias, found.largest) == (0.0, 1.0)


def test_many_columns_in_three_numbers() -> None:
    a, b = measured([0.0, 2.0], [0.0, 1.0], name="a"), measured([0.0, 4.0], [1.0, 4.0], name="b")
    constant = measured([1.0, 1.0], [1.0, 1.0], name="c")
    extents = {
        "a": Extent.of("a", np.array([0.0, 2.0])),
        "b": Extent.of("b", np.array([0.0, 4.0])),
        "c": Extent.of("c", np.array([1.0, 1.0])),
    }
    rms = math.sqrt(0.5)
    by_deviation, by_range, largest = overall([a, b, constant], extents)
    assert by_deviation == pytest.approx((rms / 1 + rms / 2) / 2)
    assert by_range == pytest.approx((rms / 2 + rms / 4) / 2)
    assert largest == 0.5


def test_correlations_equal_those_of_numpy() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=200)
    columns = {"x": x, "y": x + random.normal(size=200), "n": (5 * x).astype(np.int64)}
    assert correlations(columns) == pytest.approx(np.corrcoef(np.stack(list(columns.values()))))


def test_correlations_leave_out_what_is_not_finite() -> None:
    x = np.array([1.0, 2.0, 3.0, math.nan])
    y = np.array([2.0, 4.0, 6.0, 9.0])
    found = correlations({"x": x, "y": y, "c": np.ones(4), "none": np.full(4, math.nan)})
    assert found[0, 1] == pytest.approx(1.0)
    assert np.isnan(found[2]).all()
    assert np.isnan(found[3]).all()
    assert correlations({"x": np.empty(0)}).shape == (1, 1)
