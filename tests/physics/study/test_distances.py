"""Distances: known ones, laws, and what they are judged by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.physics.study.distances import (
    Judge,
    Rows,
    directions,
    effective,
    halved,
    standardised,
)

SAMPLE = np.random.default_rng(5)


def rows(values: np.ndarray) -> Rows:
    return Rows(np.asarray(values, float), np.arange(len(values)))


def test_the_distance_of_a_shifted_half_is_known() -> None:
    judge = Judge.of(np.ones(4), 0, 10)
    before, after = rows(np.array([1.0, 2, 3, 4])), rows(np.array([1.0, 2, 13, 14]))
    assert judge.distance(before, after, judge.identical(before)).paired == 0.5


def test_weights_are_respected() -> None:
    judge = Judge.of(np.array([3.0, 1.0, 0.0]), 0, 10)
    before, after = rows(np.array([1.0, 2, 3])), rows(np.array([1.0, 5, 99]))
    assert judge.distance(before, after, judge.identical(before)).paired == 0.25


def test_an_event_twice_is_an_event_of_weight_2() -> None:
    values, moved = SAMPLE.normal(size=60), SAMPLE.normal(size=60)
    weights = np.where(np.arange(60) < 20, 2.0, 1.0)
    twice = np.concatenate([np.arange(60), np.arange(20)])
    once = Judge.of(weights, 0, 10)
    more = Judge.of(np.ones(80), 0, 10)
    first = once.distance(rows(values), rows(moved), once.identical(rows(values)))
    second = more.distance(
        rows(values[twice]), rows(moved[twice]), more.identical(rows(values[twice]))
    )
    assert first.paired == pytest.approx(second.paired, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(width=32, allow_subnormal=False), min_size=2, max_size=40),
       st.integers(0, 9))  # fmt: skip
def test_nothing_that_does_not_change_is_apart(values: list[float], seed: int) -> None:
    column = rows(np.array(values))
    judge = Judge.of(np.ones(len(values)), seed, 5)
    found = judge.distance(column, column, judge.identical(column))
    assert found.paired in (0.0,) or np.isnan(found.paired)
    assert found.systematic in (1.0,) or np.isnan(found.systematic)
    assert not found.paired > 0


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(0, 1000))
def test_a_distance_does_not_depend_on_order_or_scale(events: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values, moved = random.normal(size=(2, events)).round(1)
    weights = random.uniform(0, 2, events)
    order = random.permutation(events)

    def distance(values: np.ndarray, moved: np.ndarray, weights: np.ndarray) -> float:
        judge = Judge.of(weights, 0, 2)
        return judge.distance(rows(values), rows(moved), np.zeros(2)).paired

    expected = distance(values, moved, weights)
    again = distance(7 * values[order] + 3, 7 * moved[order] + 3, 5 * weights[order])
    if np.isfinite(expected) and np.isfinite(again):  # nan where a half has no weight
        assert again == pytest.approx(expected, abs=1e-9)


def test_noise_is_not_systematic_and_bias_is() -> None:
    values = SAMPLE.normal(size=2000)
    noisy = values + SAMPLE.normal(0, 0.2, 2000)
    judge = Judge.of(np.ones(2000), 1)
    identical = judge.identical(rows(values))
    wide = Rows(values * np.sqrt(1.04), np.arange(2000))
    unbiased = judge.distance(wide, rows(noisy), identical)
    assert unbiased.systematic > 0.05
    biased = judge.distance(rows(values), rows(values + 0.03), identical)
    assert biased.systematic < 0.02
    assert not biased.visible
    large = judge.distance(rows(values), rows(values + 0.5), identical)
    assert large.visible
    assert large.p_value < 0.02


def test_p_values_of_identical_samples_are_even() -> None:
    values = SAMPLE.normal(size=300)
    found = []
    for seed in range(60):
        judge = Judge.of(np.ones(300), seed, 40)
        found.append(judge.distance(rows(values), rows(values), judge.identical(rows(values))))
    assert 0.3 < np.mean([one.p_value for one in found]) < 0.7
    assert sum(one.visible for one in found) < 9


def test_sliced_distances_see_a_correlation_that_columns_do_not() -> None:
    x = SAMPLE.normal(size=3000)
    values = np.stack([x, 0.8 * x + 0.6 * SAMPLE.normal(size=3000)], axis=1)
    shuffled = np.stack([x, SAMPLE.permutation(values[:, 1])], axis=1)
    judge = Judge.of(np.ones(3000), 2, 60)
    before, after = Rows(values, np.arange(3000)), Rows(shuffled, np.arange(3000))
    one = judge.distance(rows(values[:, 1]), rows(shuffled[:, 1]), judge.identical(rows(x)))
    assert one.paired < 1e-9
    chosen = directions(2, 20, 0)
    sliced = judge.sliced(before, after, chosen, judge.sliced_identical(before, chosen))
    assert sliced.visible
    assert sliced.systematic < 0.05


def test_constant_columns_and_none_at_all() -> None:
    judge = Judge.of(np.ones(10), 0, 5)
    constant = rows(np.full(10, 3.0))
    found = judge.distance(constant, constant, judge.identical(constant))
    assert (found.paired, found.halves, found.p_value) == (0.0, 0.0, 1.0)
    nothing = Rows(np.empty(0), np.empty(0, int))
    assert np.isnan(judge.distance(nothing, nothing, judge.identical(nothing)).halves)
    (scaled,) = standardised([Rows(np.zeros((10, 2)), np.arange(10))])
    assert np.all(scaled.values == 0)


def test_halves_and_effective_events() -> None:
    half = halved(11, np.random.default_rng(0))
    assert half.sum() == 5
    assert effective(np.array([1.0, 1, 1, 1])) == 4
    assert effective(np.array([2.0, 0, 0])) == 1
    assert effective(np.zeros(3)) == 0
    assert np.allclose(np.linalg.norm(directions(5, 8, 1), axis=1), 1)
