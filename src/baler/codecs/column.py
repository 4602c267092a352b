"""A column to a payload and back, with its bound, its predictions and its context."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from baler.codecs.base import Array, Context, decode_payload, describe_payload
from baler.codecs.contextual import encode_copy, masked_head, selected
from baler.codecs.grid import Keeps, encode_grid
from baler.codecs.search import Search, excerpt, is_constant
from baler.core.bounds import Absolute, Bound, Exact, Relative, Sigma, same_bits, special
from baler.core.bytes import ByteReader
from baler.core.recipe import ColumnRecipe, Mask, Prediction
from baler.quantise.dither import shifts
from baler.quantise.lattice import Bits, Integers, Lattice, Scaled, Uniform, logarithmic, rounded

FEW, SOME = 32, 1 << 10
"""Few distinct values (in a sample) are coded exactly; for some, both ways are tried."""


def decode(payload: bytes | memoryview, dtype: np.dtype[Any], size: int, context: Context) -> Array:
    """Return the values of a column; raises a FormatError for any payload that is not valid."""
    return decode_payload(ByteReader(payload), dtype, size, context)


def describe(payload: bytes | memoryview, dtype: np.dtype[Any]) -> str:
    """Return the names of the codecs in a payload, outermost first, joined by ``>``."""
    return describe_payload(ByteReader(payload), dtype)


def encode(
    values: Array,
    recipe: ColumnRecipe,
    context: Context,
    *,
    solid: bool = False,
    seed: int = 0,
    level: int = 8,
) -> bytes:
    """Return the smallest payload found for a column that keeps its bound.

    ``context`` gives the decoded values of the recipe's parents. ``seed`` keys the dither, which
    only lossy payloads have.
    """
    search = Search(level, solid)
    if not values.size or is_constant(values):
        return search.smallest(values)
    bound = recipe.bound if values.dtype.kind == "f" else Exact()
    sigma = context(recipe.parents[0]) if isinstance(bound, Sigma) else None
    keeps = partial(_keeps, bound=bound, sigma=sigma)
    for prediction in recipe.predictions:
        if prediction.formula == "same":
            (parent,) = prediction.parents
            if (payload := encode_copy(values, context(parent), parent, keeps)) is not None:
                return payload
    for mask in recipe.masks:
        if (payload := _masked(values, mask, recipe, context, solid, seed, level)) is not None:
            return payload
    if not bound.lossy:
        best = search.smallest(values)
        if recipe.predictions:
            lattice: Lattice = Bits(0) if values.dtype.kind == "f" else Integers()
            for payload in _predicted(values, lattice, recipe, context, search, keeps, None):
                best = min(best, payload, key=search.cost)
        return best
    return _lossy(values, sigma, recipe, context, search, keeps, seed)


def _lossy(
    values: Array,
    sigma: Array | None,
    recipe: ColumnRecipe,
    context: Context,
    search: Search,
    keeps: Keeps,
    seed: int,
) -> bytes:
    key = seed if recipe.dither else None
    sample = excerpt(values)
    distinct = np.unique(sample.view(f"u{sample.itemsize}")).size
    lattice = _lattice(values, recipe, sigma, key) if distinct > FEW else None
    if isinstance(lattice, Bits):
        key = None
    payloads: list[bytes] = []
    if lattice is not None:
        plain = encode_grid(
            values, lattice, search.symbols, keeps=keeps, exact=sentinels(values, key), seed=key
        )
        payloads += [] if plain is None else [plain]
        payloads += _predicted(values, lattice, recipe, context, search, keeps, key)
    if not payloads or distinct < min(SOME, sample.size // 2):
        payloads.append(search.smallest(values))
    return min(payloads, key=search.cost)


def _predicted(
    values: Array,
    lattice: Lattice,
    recipe: ColumnRecipe,
    context: Context,
    search: Search,
    keeps: Keeps,
    seed: int | None,
) -> list[bytes]:
    exact = sentinels(values, seed) if recipe.bound.lossy else None
    payloads = (
        encode_grid(
            values, lattice, search.symbols, keeps=keeps, exact=exact,
            prediction=prediction, context=context, seed=seed,
        )
        for prediction in recipe.predictions
    )  # fmt: skip
    return [payload for payload in payloads if payload is not None]


def _masked(
    values: Array,
    mask: Mask,
    recipe: ColumnRecipe,
    context: Context,
    solid: bool,
    seed: int,
    level: int,
) -> bytes | None:
    """Return a masked payload; None if the parent does not give the masked values away."""
    parent = context(mask.parent)
    hidden = np.frombuffer(mask.hidden, parent.dtype)
    value = np.frombuffer(mask.value, values.dtype)
    covered = same_bits(parent, hidden)
    if not covered.any() or not same_bits(values[covered], value).all():
        return None
    rest = replace(recipe, masks=())
    inner = encode(
        values[~covered], rest, selected(context, ~covered), solid=solid, seed=seed, level=level
    )
    return masked_head(parent, hidden, value, mask.parent) + inner


def _keeps(values: Array, decoded: Array, bound: Bound, sigma: Array | None) -> Array:
    if not bound.lossy:
        return same_bits(values, decoded)
    return bound.holds(values, decoded, sigma)


def _lattice(
    values: Array, recipe: ColumnRecipe, sigma: Array | None, seed: int | None
) -> Lattice | None:
    """Return the coarsest lattice that should keep the bound; None if exact coding is as good."""
    bound = recipe.bound
    shift = None if seed is None else shifts(seed, values.size)
    if isinstance(bound, Relative):
        lattice = logarithmic(bound.fraction, values.dtype, dithered=seed is not None)
        if lattice is None:
            return rounded(bound.fraction, values.dtype)
        return replace(lattice, shifts=shift)
    if isinstance(bound, Absolute):
        step = uniform_step(bound.epsilon, values)
        return None if step is None else Uniform(step, shift)
    if isinstance(bound, Sigma) and sigma is not None:
        scale = 2 * bound.fraction * (1 - 2.0**-12)
        return Scaled(scale, sigma.astype(np.float64), recipe.parents[0], shift)
    raise TypeError(f"bound {bound} has no lattice")


def uniform_step(epsilon: float, values: Array) -> float | None:
    """Return a step of a little less than twice epsilon, so that rounding to the dtype fits in.

    Half a unit in the last place of the largest distinct values (but for one in a thousand) is left.
    None if that leaves less than half of epsilon.
    """
    magnitudes = np.abs(np.unique(excerpt(values)).astype(np.float64))
    magnitudes = magnitudes[np.isfinite(magnitudes)]
    largest = np.quantile(magnitudes, 0.999) if magnitudes.size else 0.0
    with np.errstate(over="ignore"):
        unit = float(np.spacing(np.asarray(largest).astype(values.dtype)))
    left = epsilon - 0.505 * unit
    return 2 * left if left > epsilon / 2 else None


def sentinels(values: Array, seed: int | None) -> Array:
    """Return values so frequent that they mean something of their own, to be kept exactly.

    Zero has its own place on every lattice, unless that is dithered.
    """
    sample = excerpt(values)
    bits, counts = np.unique(sample.view(f"u{sample.itemsize}"), return_counts=True)
    frequent = bits[counts >= max(8, sample.size // 50)].view(values.dtype)
    zero = (frequent == 0) & ~np.signbit(frequent)
    plain = ~zero if seed is None else np.ones(frequent.size, bool)
    return frequent[plain][:16] if frequent.size else frequent
