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
    split: bool = False  # encoder only: whether there are classes of uncertainty to split by
    dither: bool = False  # encoder only; payloads say themselves whether they are dithered
    shape: tuple[int, ...] = ()  # encoder only: sizes of the dimensions of a row


@dataclass(frozen=True, slots=True)
class Group:
    """Columns whose payloads are stored side by side in one block per chunk.

    A solid group is compressed as a whole: small, similar columns share their statistics. A
    learned group is coded by a network, its columns together.
    """

    columns: tuple[int, ...]
    solid: bool = False
    network: int | None = None  # of the file's model, that codes a learned group
    parents: tuple[int, ...] = ()  # columns outside a learned group that its network looks at

    @property
    def learned(self) -> bool:
        """Whether a network codes the columns."""
        return self.network is not None


@dataclass(frozen=True, slots=True)
class Recipe:
    """Column recipes in the order of the schema, and the groups that every chunk is stored in."""

    columns: tuple[ColumnRecipe, ...]
    groups: tuple[Group, ...]


def decoding_order(schema: Schema, recipe: Recipe) -> tuple[int, ...]:
    """Return column positions such that whatever a column needs comes before it.

    Columns without dependencies keep the order of the schema, but those of learned groups come as
    early as they can, so that others may follow from them, and one after the other. Raises Corrupt
    for a cycle.
    """
    learned = {at for group in recipe.groups if group.learned for at in group.columns}

    def is_plain(at: int) -> bool:
        return at not in learned

    needs = [sorted(above, key=is_plain) for above in dependencies(schema, recipe)]
    order: list[int] = []
    state = [0] * len(needs)  # 0: not seen, 1: waiting for its needs, 2: placed
    for first in sorted(range(len(needs)), key=is_plain):
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
    place = {at: i for i, at in enumerate(order)}
    for group in recipe.groups:
        if group.learned:
            first = min(place[at] for at in group.columns)
            place.update(dict.fromkeys(group.columns, first))
    return tuple(sorted(order, key=place.__getitem__))


def dependencies(schema: Schema, recipe: Recipe) -> Sequence[tuple[int, ...]]:
    """Return for each column the positions of its counts and parents.

    The columns of a learned group are coded together: each needs whatever any of them needs of
    columns outside the group.
    """
    needs = [
        (*(() if column.counts is None else (schema.position[column.counts],)), *plan.parents)
        for column, plan in zip(schema.columns, recipe.columns, strict=True)
    ]
    for group in recipe.groups:
        if group.learned:
            members = set(group.columns)
            above = dict.fromkeys(group.parents)
            above |= {at: None for i in group.columns for at in needs[i] if at not in members}
            for i in group.columns:
                needs[i] = (*above, *(at for at in needs[i] if at in members))
    return needs
