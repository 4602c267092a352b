"""Which columns of a file the networks of a model can code."""

from __future__ import annotations

from baler.container.joint import lacking, other_columns, own_columns
from baler.core.recipe import ColumnRecipe, Group, Recipe, decoding_order
from baler.core.schema import Schema
from baler.errors import Corrupt, UsageError, some
from baler.learned.model import Model
from baler.planning.policy import Policy


def learned_groups(
    model: Model, schema: Schema, policy: Policy
) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """Return the groups that a model's networks can code, and why it cannot use the others.

    A network is used if all of its columns are there, and all others that it looks at. Raises
    UsageError, with what is missing, if none can be used.
    """
    parents = [bound.parent for bound in policy.bounds(schema)]
    plans = tuple(
        ColumnRecipe(bound, () if parent is None else (schema.position[parent],))
        for bound, parent in zip(policy.bounds(schema), parents, strict=True)
    )
    groups: list[Group] = []
    notes: list[str] = []
    for number, net in enumerate(model.collections):
        of = f"the columns counted by {net.counts!r}" if net.counts else "the columns of events"
        lacks = lacking(model, number, schema)
        if lacks:
            notes.append(f"the model cannot code {of}: {some(lacks)}")
            continue
        group = Group(
            tuple(schema.position[name] for name in own_columns(model, number)),
            network=number,
            parents=tuple(schema.position[name] for name in other_columns(model, number)),
        )
        try:
            decoding_order(schema, Recipe(plans, (*groups, group)))
        except Corrupt:
            notes.append(f"the model cannot code {of}: they would depend on themselves")
        else:
            groups.append(group)
    if not groups:
        raise UsageError("the model was made for other columns:\n" + "\n".join(notes))
    return tuple(groups), tuple(notes)
