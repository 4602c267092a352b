"""Which columns of a file a latent model predicts, and what may become of them."""

from __future__ import annotations

from baler.container.latent import lacking
from baler.core.bounds import Free
from baler.core.recipe import ColumnRecipe, Group, Recipe, decoding_order
from baler.core.schema import Schema
from baler.errors import Corrupt, UsageError, some
from baler.latent.model import LatentModel
from baler.planning.policy import Policy


def latent_group(model: LatentModel, schema: Schema, policy: Policy) -> Group:
    """Return the group of columns that a model predicts.

    Raises UsageError, with what is missing, if the model was made for other columns.
    """
    if lacks := lacking(model, schema):
        raise UsageError(f"the model was made for other columns: {some(lacks)}")
    group = Group(tuple(schema.position[name] for name in model.columns), network=0)
    bounds = policy.bounds(schema)
    plans = tuple(
        ColumnRecipe(b, () if b.parent is None else (schema.position[b.parent],)) for b in bounds
    )
    try:
        decoding_order(schema, Recipe(plans, (group,)))
    except Corrupt:
        raise UsageError(
            "the model cannot predict columns that others of its columns are counted by, or have "
            "uncertainties in that depend on them"
        ) from None
    return group


def freed(model: LatentModel, policy: Policy) -> Policy:
    """Return a policy in which the model's floats without a bound need not keep any."""
    floats = (view.column for view in model.views if view.dtype.kind == "f")
    return Policy.of_columns(dict.fromkeys(floats, Free())).then(policy)
