"""The order of decoding: whatever is needed comes before what needs it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.core.bounds import Exact
from baler.core.recipe import ColumnRecipe, Group, Recipe, decoding_order, dependencies
from baler.core.schema import Column, Schema
from baler.errors import Corrupt

I4 = np.dtype("<i4")


def build(parents: list[list[int]], counts: list[int | None]) -> tuple[Schema, Recipe]:
    """Return columns with these parents and counts."""
    columns = tuple(
        Column(f"c{i}", I4, None if n is None else f"c{n}") for i, n in enumerate(counts)
    )
    recipes = tuple(ColumnRecipe(Exact(), tuple(p)) for p in parents)
    return Schema(columns, ()), Recipe(recipes, ())


@given(st.data(), st.integers(1, 12))
@settings(max_examples=150)
def test_needs_come_first_or_there_is_a_circle(data: st.DataObject, n: int) -> None:
    parents = [data.draw(st.lists(st.integers(0, n - 1), max_size=2)) for _ in range(n)]
    counts = [data.draw(st.none() | st.integers(0, i - 1)) if i else None for i in range(n)]
    schema, recipe = build(parents, counts)
    needs = dependencies(schema, recipe)
    left = set(range(n))
    while ready := {i for i in left if not left & set(needs[i])}:
        left -= ready
    if left:
        with pytest.raises(Corrupt, match="depends on itself"):
            decoding_order(schema, recipe)
        return
    order = decoding_order(schema, recipe)
    assert sorted(order) == list(range(n))
    for i in range(n):
        assert all(order.index(p) < order.index(i) for p in needs[i])


def test_columns_without_needs_keep_their_order() -> None:
    schema, recipe = build([[], [3], [], [], [0]], [None, None, None, None, 2])
    assert decoding_order(schema, recipe) == (0, 3, 1, 2, 4)
    assert dependencies(schema, recipe)[4] == (2, 0)


def test_a_column_that_needs_itself_is_named() -> None:
    schema, recipe = build([[], [1]], [None, None])
    with pytest.raises(Corrupt, match="column 'c1' depends on itself"):
        decoding_order(schema, recipe)


def test_long_chains_do_not_exhaust_the_stack() -> None:
    n = 20_000
    schema, recipe = build([[i + 1] for i in range(n - 1)] + [[]], [None] * n)
    assert decoding_order(schema, recipe) == tuple(reversed(range(n)))


def test_columns_of_a_learned_group_need_what_any_of_them_needs() -> None:
    schema, recipe = build([[], [], [5], [2], [], []], [None, 0, None, None, None, None])
    learned = Group((1, 2, 3), network=0, parents=(4,))
    recipe = Recipe(recipe.columns, (Group((0, 4, 5)), learned))
    needs = dependencies(schema, recipe)
    assert [set(needs[i]) for i in (1, 2)] == [{0, 4, 5}] * 2
    assert set(needs[3]) == {0, 2, 4, 5}
    order = decoding_order(schema, recipe)
    at = order.index(1)
    assert sorted(order[at : at + 3]) == [1, 2, 3]
    assert order.index(2) < order.index(3)
    assert max(map(order.index, (0, 4, 5))) < at


def test_learned_columns_come_as_early_as_they_can() -> None:
    schema, recipe = build([[], [3], [], [], []], [None] * 5)
    recipe = Recipe(recipe.columns, (Group((0, 1, 2)), Group((3, 4), network=0, parents=(2,))))
    assert decoding_order(schema, recipe) == (2, 3, 4, 0, 1)


@pytest.mark.parametrize("parents", [(3,), (2,)])
def test_columns_coded_together_do_not_depend_on_each_other_through_others(
    parents: tuple[int, ...],
) -> None:
    """Column 2 needs 0, which is coded together with 1; so neither may need 2, nor what needs 2."""
    schema, recipe = build([[], [], [0], [2]], [None] * 4)
    groups = (Group((0, 1), network=0, parents=parents), Group((2, 3)))
    with pytest.raises(Corrupt, match="depends on itself"):
        decoding_order(schema, Recipe(recipe.columns, groups))
    assert decoding_order(schema, Recipe(recipe.columns, (Group((0, 1), network=0), groups[1])))
