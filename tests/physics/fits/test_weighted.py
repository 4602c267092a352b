"""Statistics of weighted events: laws, and answers that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from baler.physics.fits.weighted import (
    centre_and_width,
    effective,
    efficiency,
    quantiles,
    too_few,
)
from baler.physics.measured import Failure, Floats, Quantity

VALUES = arrays(np.float64, st.integers(1, 50), elements=st.floats(-1e6, 1e6))
POINTS = np.array([0.0, 0.16, 0.5, 0.84, 1.0])


@given(VALUES, st.floats(1e-3, 1e3))
def test_equal_weights_of_any_size_are_no_weights(values: Floats, weight: float) -> None:
    ones = np.ones(values.size)
    assert effective(weight * ones) == pytest.approx(values.size)
    np.testing.assert_allclose(
        quantiles(values, weight * ones, POINTS), quantiles(values, ones, POINTS), rtol=1e-9, atol=1
    )


@given(VALUES)
def test_quantiles_rise_and_lie_between_the_extremes(values: Floats) -> None:
    found = quantiles(values, np.ones(values.size), POINTS)
    assert np.all(np.diff(found) >= 0)
    assert values.min() <= found[0]
    assert found[-1] <= values.max()


@given(VALUES)
def test_an_event_of_weight_zero_is_none(values: Floats) -> None:
    more = np.append(values, 1e9)
    weights = np.append(np.ones(values.size), 0.0)
    found = quantiles(more, weights, POINTS[1:4])
    np.testing.assert_array_equal(found, quantiles(values, np.ones(values.size), POINTS[1:4]))
    assert effective(weights) == pytest.approx(values.size)


def test_negative_weights_take_away_what_positive_ones_add() -> None:
    values = np.array([1.0, 2.0, 3.0, 100.0, 100.0])
    weights = np.array([1.0, 1.0, 1.0, 1.0, -1.0])
    assert quantiles(values, weights, np.array([0.5])) == pytest.approx([2.0])
    assert effective(weights) == pytest.approx(9 / 5)


@given(VALUES.flatmap(lambda values: st.tuples(st.just(values), arrays(
    np.float64, values.size, elements=st.floats(-0.9, 1.0)))))  # fmt: skip
def test_quantiles_rise_whatever_the_weights(pair: tuple[Floats, Floats]) -> None:
    values, weights = pair
    if np.sum(weights) > 0:
        assert np.all(np.diff(quantiles(values, weights, POINTS)) >= 0)


def test_quantiles_stay_where_negative_weights_let_the_sum_fall() -> None:
    values, weights = np.arange(5.0), np.array([2.0, -1.0, -1.0, 1.0, 2.0])
    assert quantiles(values, weights, np.array([0.5]))[0] == pytest.approx(3.0)


def test_median_and_width_of_a_normal_distribution_have_their_uncertainties() -> None:
    rng = np.random.default_rng(1)
    toys = [centre_and_width(rng.normal(10, 2, 1000), np.ones(1000), "GeV") for _ in range(200)]
    for each, truth in zip(zip(*toys, strict=True), (10.0, 2.0), strict=True):
        values = np.array([one.value for one in each])
        told = np.mean([one.uncertainty for one in each])
        assert abs(values.mean() - truth) < 4 * values.std() / math.sqrt(values.size)
        assert told == pytest.approx(values.std(), rel=0.2)


def test_one_more_event_than_is_needed_makes_a_number_of_a_failure() -> None:
    values = np.arange(20.0)
    assert centre_and_width(values[:19], np.ones(19), "GeV")[0] == Failure(
        "too few events: 19; needed: 20"
    )
    assert isinstance(centre_and_width(values, np.ones(20), "GeV")[0], Quantity)


def test_uneven_weights_count_as_fewer_events() -> None:
    weights = np.append(np.full(100, 0.01), 1.0)
    assert too_few(weights, 20, "jets") == Failure("too few jets: 101 (4.0 effective); needed: 20")


def test_an_efficiency_of_equal_weights_is_binomial() -> None:
    found = efficiency(np.repeat([1.0, 0.0], [30, 70]), np.ones(100))
    assert found.value == pytest.approx(0.3)
    assert found.uncertainty == pytest.approx(math.sqrt(0.3 * 0.7 / 100))


@pytest.mark.parametrize("passing", [0.0, 1.0])
def test_an_efficiency_of_none_or_all_is_not_certain(passing: float) -> None:
    found = efficiency(np.full(50, passing), np.ones(50))
    assert found == Quantity(passing, pytest.approx(1 / 50))
