"""What was decided for a file, as opposed to what was asked: one recipe, stored in its index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from baler.core.bounds import Bound
from baler.core.schema import Schema
from baler.errors import Corrupt


@dataclass(frozen=True, slots=True)
class Prediction:
    """A formula over parents that may predict a column; a hint to the encoder, not stored."""

    formula: str  # a name from baler.codecs.formulas
    parents: tuple[int, ...]  # positions of columns
    constant: float = 0.0


@dataclass(frozen=True, slots=True)
class Mask:
    """Wherever a parent has the value ``hidden``, a column has ``value``; a hint, not stored."""

    parent: int
    hidden: bytes  # one value of the parent's dtype
    value: bytes  # one value of the column's dtype


@dataclass(frozen=True, slots=True)
class ColumnRecipe:
    """How one column is coded: its resolved bound and the columns it may look at.

    The first parent of a column with a ``sigma`` bound is the column of uncertainties.
    """

    bound: Bound
    parents: tuple[int, ...] = ()  # positions; decoded values of these are the column's context
    predictions: tuple[Prediction, ...] = ()  # encoder only
    masks: tuple[Mask, ...] = ()  # encoder only
    dither: bool = False  # encoder only; payloads say themselves whether they are dithered


@dataclass(frozen=True, slots=True)
class Group:
    """Columns whose payloads are stored side by side in one block per chunk.

    A solid group is compressed as a whole: small, similar columns share their statistics.
    """

    columns: tuple[int, ...]
    solid: bool = False


@dataclass(frozen=True, slots=True)
class Recipe:
    """Column recipes in the order of the schema, and the groups that every chunk is stored in."""

    columns: tuple[ColumnRecipe, ...]
    groups: tuple[Group, ...]


def decoding_order(schema: Schema, recipe: Recipe) -> tuple[int, ...]:
    """Return column positions such that counts and parents come before the columns that need them.

    Columns without dependencies keep the order of the schema. Raises Corrupt for a cycle.
    """
    needs = dependencies(schema, recipe)
    order: list[int] = []
    state = [0] * len(needs)  # 0: not seen, 1: waiting for its needs, 2: placed
    for first in range(len(needs)):
        stack = [first]
        while stack:
            at = stack[-1]
            missing = [p for p in needs[at] if state[p] != 2] if state[at] != 2 else []
            if any(state[p] == 1 for p in missing):
                raise Corrupt(f"column {schema.columns[at].name!r} depends on itself")
            if missing:
                state[at] = 1
                stack.extend(reversed(missing))
            else:
                stack.pop()
                if state[at] != 2:
                    state[at] = 2
                    order.append(at)
    return tuple(order)


def dependencies(schema: Schema, recipe: Recipe) -> Sequence[tuple[int, ...]]:
    """Return for each column the positions of its counts and parents."""
    return [
        (*(() if column.counts is None else (schema.position[column.counts],)), *plan.parents)
        for column, plan in zip(schema.columns, recipe.columns, strict=True)
    ]
