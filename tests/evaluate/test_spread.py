"""Histograms of any magnitude, and of the values of columns."""

from __future__ import annotations

import math

import numpy as np
import pytest

from baler.evaluate.spread import HIGHEST, LOWEST, Spread, together
from baler.report.distribution import counts_in, edges_of


def test_every_finite_number_is_counted_once() -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=1000) * 10.0 ** random.integers(-14, 10, 1000)
    values[:3] = 0.0, math.nan, math.inf
    found = Spread.of(values)
    assert found.total == 998
    assert sum(found.positive[1]) == np.count_nonzero((values >= 10.0**LOWEST) & (values < np.inf))
    assert Spread.from_json(found.to_json()) == found


def test_a_histogram_has_the_fractions_of_its_window() -> None:
    values = np.random.default_rng(1).normal(size=20_000)
    edges = np.linspace(-2, 2, 21)
    exact = np.histogram(values, edges)[0] / values.size
    assert Spread.of(values).histogram(edges) == pytest.approx(exact, abs=0.01)


def test_a_bin_holds_its_outer_edge() -> None:
    found = Spread.of(np.array([1.0, -1.0, 1.0]))
    assert found.histogram(np.array([-1.0, 0.0, 1.0])) == pytest.approx([1 / 3, 2 / 3])
    sizes, left = found.beyond()
    assert sizes[-1] == pytest.approx(1.0)
    assert left[-1] == 0.0


def test_zeros_stay_at_zero() -> None:
    found = Spread.of(np.array([0.0, 0.0, 0.0, 1.0]))
    assert found.histogram(np.array([-0.5, -0.1, 0.1, 0.5])) == pytest.approx([0, 0.75, 0])
    assert found.beyond()[1][0] == 0.25


def test_sizes_are_those_of_what_is_not_zero() -> None:
    found = Spread.of(np.array([0.0] * 1000 + [0.1] * 99 + [5.0]))
    assert found.size(0.98) == pytest.approx(0.1, rel=0.2)
    assert found.size(1.0) == pytest.approx(5.0, rel=0.2)
    assert Spread().size(0.5) == 0.0


def test_nothing_and_too_large_numbers() -> None:
    assert Spread.of(np.empty(0)) == Spread()
    assert Spread().histogram(np.array([-1.0, 0.0, 1.0])).tolist() == [0.0, 0.0]
    assert Spread().beyond()[0].size == 0
    assert Spread.of(np.array([10.0 ** (HIGHEST + 3)])).total == 1


def test_spreads_add_up() -> None:
    values = np.random.default_rng(2).normal(size=500)
    assert together([Spread.of(values[:200]), Spread.of(values[200:])]) == Spread.of(values)
    assert together([]) == Spread()


@pytest.mark.parametrize(
    "values",
    [
        np.empty(0),
        np.full(5, math.nan),
        np.full(5, 3.0),
        np.full(5, 1e300),
        np.zeros(5, np.int32),
        np.arange(5, dtype=np.uint8),
        np.arange(100_000, dtype=np.int64),
        np.geomspace(1, 1e6, 100),
        np.linspace(-1, 1, 100, dtype=np.float32),
        np.array([0.0] * 99 + [1e30]),
    ],
)
def test_bins_suit_any_column(values: np.ndarray) -> None:
    edges = edges_of(values)
    assert (np.diff(edges) > 0).all()
    assert len(edges) <= 42
    assert sum(counts_in(values, edges)) == np.isfinite(values).sum()


def test_what_lies_beyond_is_in_the_outer_bins() -> None:
    edges = np.array([0.0, 1.0, 2.0])
    assert counts_in(np.array([-5.0, 0.5, 9.0, math.inf]), edges) == (2, 1)
