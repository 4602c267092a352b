"""Flat tables, against the same things said with lists."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler.physics.simulate.momenta import distance, polar, wrap
from baler.physics.simulate.tables import (
    counts,
    join,
    largest,
    pairs,
    ranges,
    starts,
    take,
    total,
)

EVENTS = 6
numbers = st.lists(st.integers(0, EVENTS - 1), max_size=20)
values = st.floats(0.01, 1e6)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 5))))
def test_ranges_lie_back_to_back(runs: list[tuple[int, int]]) -> None:
    first, lengths = np.array(runs, int).reshape(-1, 2).T
    expected = [number for start, length in runs for number in range(start, start + length)]
    assert ranges(first, lengths).tolist() == expected
    assert starts(lengths).tolist() == [int(lengths[:i].sum()) for i in range(len(runs))]


@given(numbers, numbers)
def test_pairs_are_all_of_an_event(left: list[int], right: list[int]) -> None:
    right = sorted(right)
    rows, others = pairs(np.array(left, int), np.array(right, int), EVENTS)
    expected = [(i, j) for i, a in enumerate(left) for j, b in enumerate(right) if a == b]
    assert list(zip(rows.tolist(), others.tolist(), strict=True)) == expected


@given(st.lists(st.tuples(st.integers(0, EVENTS - 1), values), max_size=20), st.integers(1, 4))
def test_the_largest_values_come_first_and_zeros_last(
    rows: list[tuple[int, float]], k: int
) -> None:
    index, column = np.array([row[0] for row in rows], int), np.array([row[1] for row in rows])
    for i, found in enumerate(largest(column, index, EVENTS, k).tolist()):
        own = sorted((value for j, value in rows if i == j), reverse=True)
        assert found == [*own, *[0.0] * k][:k]


def test_sums_and_counts_are_of_each_index() -> None:
    index = np.array([2, 0, 2])
    assert counts(index, 4).tolist() == [1, 0, 2, 0]
    assert total(np.array([1.0, 2.0, 4.0]), index, 4).tolist() == [2, 0, 5, 0]


def test_tables_are_joined_in_order_of_event_and_then_as_they_came() -> None:
    left = {"event": np.array([0, 1, 1]), "pt": np.array([1, 2, 3])}
    right = {"event": np.array([0, 2]), "pt": np.array([4, 5]), "eta": np.zeros(2)}
    joined = join([left, right])
    assert joined["pt"].tolist() == [1, 4, 2, 3, 5]
    assert list(joined) == ["event", "pt"]
    assert take(joined, joined["event"] == 1)["pt"].tolist() == [2, 3]


@given(st.floats(-1e3, 1e3))
def test_a_wrapped_angle_is_the_same_angle(angle: float) -> None:
    wrapped = float(wrap(np.array([angle]))[0])
    assert -np.pi <= wrapped < np.pi
    assert np.cos(wrapped) == pytest.approx(np.cos(angle), abs=1e-9)
    assert np.sin(wrapped) == pytest.approx(np.sin(angle), abs=1e-9)


@given(values, st.floats(-5, 5), st.floats(-3.1, 3.1))
def test_a_momentum_survives_polar_coordinates(pt: float, eta: float, phi: float) -> None:
    vector = (pt * np.array([f]) for f in (np.cos(phi), np.sin(phi), np.sinh(eta)))
    assert np.allclose(np.ravel(polar(*vector)), [pt, eta, phi], rtol=1e-9, atol=1e-9)


def test_distance_goes_the_short_way_round() -> None:
    left = {"eta": np.array([0.0]), "phi": np.array([3.1])}
    right = {"eta": np.array([0.3]), "phi": np.array([-3.1])}
    assert distance(left, right)[0] == pytest.approx(np.hypot(0.3, 2 * np.pi - 6.2))
