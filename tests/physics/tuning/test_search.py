"""The search for levels, where cost and harm are known functions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from baler.physics.tuning import search

TOPS = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 12).map(float), min_size=1)


@given(st.integers(0, 16).map(float), st.floats(1e-6, 1e3))
def test_climbing_finds_the_highest_level_that_is_allowed(top: float, first: float) -> None:
    found = search.climb(top, lambda level: first * 2**level)
    expected = math.floor(-math.log2(first)) if first <= 1 else -1
    highest = search.highest(found)
    assert highest == (None if expected < 0 else min(top, expected))


@given(st.integers(0, 16).map(float))
def test_what_never_harms_ends_at_the_top(top: float) -> None:
    assert search.highest(search.climb(top, lambda level: 0.0)) == top


@given(TOPS, st.data())
def test_a_path_leads_each_column_from_0_to_its_top_in_order(
    tops: dict[str, float], data: st.DataObject
) -> None:
    harm = {name: data.draw(st.floats(0, 1), name) for name in tops}
    saved = {name: data.draw(st.floats(0, 1e6), name) for name in tops}
    steps = search.path(
        tops, lambda name, level: -saved[name] * level, lambda name, level: harm[name] * 2**level
    )
    for name, top in tops.items():
        levels = [level for one, level in steps if one == name]
        assert levels == [float(level + 1) for level in range(int(top))]


@given(st.integers(1, 40), st.integers(-1, 40), st.integers(-5, 50))
def test_bisection_finds_the_last_state_that_is_allowed(n: int, last: int, guess: int) -> None:
    states: list[Mapping[str, float]] = [{"a": float(at)} for at in range(n)]
    found = search.last_allowed(states, lambda state: 0.0 if state["a"] <= last else 2.0, guess)
    assert found == (None if last < 0 else min(last, n - 1))


def test_columns_share_what_is_allowed_by_what_they_save() -> None:
    # Two columns that harm alike; one has ten times as many values to save bits of.
    harm = {"many": 2.0**-10, "few": 2.0**-10}
    values = {"many": 1000.0, "few": 100.0}
    tops = dict.fromkeys(harm, 10.0)
    alone = {name: {float(at): harm[name] * 2**at for at in range(12)} for name in harm}

    def use(levels: search.Levels) -> float:
        return math.sqrt(sum((harm[name] * 2**level) ** 2 for name, level in levels.items()))

    found = search.tuned(tops, alone, lambda name, level: -values[name] * level, use)
    assert use(found) <= 1
    assert found["many"] > found["few"]
    for name in found:  # nothing was left lying about: half a doubling of all is too much
        assert use({**found, name: found[name] + 1}) > 1


def test_a_column_that_does_not_fit_beside_the_others_is_left_out() -> None:
    alone = {"a": {0.0: 0.9, 1.0: 1.8}, "b": {0.0: 0.8, 1.0: 1.6}}

    def use(levels: search.Levels) -> float:
        return math.sqrt(sum(alone[name][0.0] ** 2 * 4**level for name, level in levels.items()))

    found = search.tuned({"a": 0.0, "b": 0.0}, alone, lambda name, level: 0.0, use)
    assert found == {"b": 0.0}
