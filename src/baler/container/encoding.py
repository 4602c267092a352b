"""One column of one chunk to a payload that was decoded and checked before anybody trusts it."""

from __future__ import annotations

from dataclasses import dataclass

from baler import codecs
from baler.core.bounds import Bound, Exact, same_bits
from baler.core.chunk import Array
from baler.core.recipe import ColumnRecipe
from baler.errors import BalerError, FormatError


@dataclass(frozen=True, slots=True)
class Encoded:
    """A payload, what a reader will get from it, and how near that comes to the bound."""

    payload: bytes
    decoded: Array
    worst: float  # largest error / bound; 0 where all bits are the same
    fell_back: bool  # the recipe did not keep its promise, so the column was coded exactly


def encode_checked(
    values: Array,
    plan: ColumnRecipe,
    context: codecs.Context,
    sigma: Array | None,
    *,
    solid: bool,
    seed: int,
) -> Encoded:
    """Return a payload that keeps the bound, by the recipe or, if that fails, exactly."""
    for attempt in (plan, ColumnRecipe(Exact())):
        payload = codecs.encode(values, attempt, context, solid=solid, seed=seed)
        try:
            decoded = codecs.decode(payload, values.dtype, values.size, context)
        except FormatError:
            continue
        worst = worst_of(attempt.bound, values, decoded, sigma)
        if worst <= 1:
            return Encoded(payload, decoded, worst, attempt is not plan)
    raise BalerError("a column does not survive its own exact coding; this is a bug of Baler")


def worst_of(bound: Bound, values: Array, decoded: Array, sigma: Array | None) -> float:
    """Return the largest error / bound; infinite where the promise is broken."""
    if decoded.dtype != values.dtype or decoded.shape != values.shape:
        return float("inf")
    if bound.lossy:
        return float(bound.over(values, decoded, sigma).max(initial=0.0))
    return 0.0 if bool(same_bits(values, decoded).all()) else float("inf")
