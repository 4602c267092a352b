"""What a codec may look at besides its own payload, and where it was when something failed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from baler.codecs import Context
from baler.core.chunk import Array
from baler.core.recipe import Recipe
from baler.core.schema import Schema
from baler.errors import Corrupt, FormatError


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
        if at not in decoded:
            raise Corrupt(
                f"column {schema.columns[position].name!r} looks at column {at}, "
                "which a network decodes later"
            )
        return decoded[at]

    return context


@contextmanager
def noting(place: str) -> Iterator[None]:
    """Say where, should a FormatError pass."""
    try:
        yield
    except FormatError as error:
        error.add_note(place)
        raise
