"""What a codec may look at besides its own payload."""

from __future__ import annotations

from collections.abc import Mapping

from baler.codecs import Context
from baler.core.chunk import Array
from baler.core.recipe import Recipe
from baler.core.schema import Schema
from baler.errors import Corrupt


def context_of(
    schema: Schema, recipe: Recipe, position: int, decoded: Mapping[int, Array]
) -> Context:
    """Return the context of a column: the decoded values of its parents and of no other column."""
    parents = recipe.columns[position].parents

    def context(at: int) -> Array:
        if at not in parents:
            raise Corrupt(
                f"column {schema.columns[position].name!r} looks at column {at}, "
                f"but its parents are {list(parents)}"
            )
        return decoded[at]

    return context
