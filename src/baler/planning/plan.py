"""The plan of a file: resolved bounds, parents, predictions and groups, from its first chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.codecs.search import excerpt
from baler.core.bounds import Bound, Range
from baler.core.chunk import Chunk
from baler.core.recipe import ColumnRecipe, Group, Prediction, Recipe, decoding_order
from baler.core.schema import Column, Schema
from baler.entropy.lz import zstd_compress
from baler.planning.policy import Policy
from baler.planning.relations import Proposal, copies, formulas, masks
from baler.transforms import shuffled

Array = npt.NDArray[Any]

SMALL = 1 << 12
"""A column thought to be smaller (bytes in a chunk) shares a solid block with others."""
PREDICTIONS = 2
"""Formulas that the encoder tries for a column."""
BLOCK = 1 << 17
"""Blocks of several columns hold about as many bytes in a chunk."""


def plan(schema: Schema, chunk: Chunk, policy: Policy) -> Recipe:
    """Return the recipe for a file whose first entries are in the chunk.

    ``range`` bounds take their span from the chunk, in a sample of which copies, masks and
    formulas are looked for. Raises what `Policy.bounds` raises.
    """
    arrays = [chunk.columns[column.name] for column in schema.columns]
    bounds = [
        bound.resolve(excerpt(values)) if isinstance(bound, Range) else bound
        for bound, values in zip(policy.bounds(schema), arrays, strict=True)
    ]
    sigmas = [_sigma_parent(schema, bound) for bound in bounds]
    order = decoding_order(schema, Recipe(tuple(map(ColumnRecipe, bounds, sigmas)), ()))
    copied = copies(arrays, order)
    masked = masks(arrays, [i for i in order if i not in copied])
    needs = [set(sigma) for sigma in sigmas]
    for i, parent in copied.items():
        needs[i].add(parent)
    for i, mask in masked.items():
        needs[i].add(mask.parent)
    counts = [() if c.counts is None else (schema.position[c.counts],) for c in schema.columns]
    predicted = _accepted(formulas(schema.columns, arrays, order, set(copied)), needs, counts)
    for i, parent in copied.items():
        predicted[i] = [Prediction("same", (parent,))]
    recipes = [
        ColumnRecipe(
            bound,
            parents=(*sigmas[i], *sorted(needs[i] - set(sigmas[i]))),
            predictions=tuple(predicted.get(i, ())),
            masks=(masked[i],) if i in masked else (),
            dither=policy.dither,
        )
        for i, bound in enumerate(bounds)
    ]
    return Recipe(tuple(recipes), groups(schema.columns, arrays, bounds))


def _accepted(
    proposals: Sequence[Proposal], needs: list[set[int]], counts: Sequence[tuple[int, ...]]
) -> dict[int, list[Prediction]]:
    """Return the best predictions that do not make a column depend on itself; ``needs`` grows."""
    accepted: dict[int, list[Prediction]] = {}
    for proposal in proposals:
        known = accepted.setdefault(proposal.target, [])
        parents = set(proposal.prediction.parents)
        if len(known) < PREDICTIONS and proposal.target not in _ancestry(parents, needs, counts):
            known.append(proposal.prediction)
            needs[proposal.target] |= parents
    return accepted


def _ancestry(
    positions: set[int], needs: Sequence[set[int]], counts: Sequence[tuple[int, ...]]
) -> set[int]:
    """Return the columns and all that they need, directly or not."""
    found, new = set(positions), set(positions)
    while new:
        new = set().union(*(needs[i].union(counts[i]) for i in new)) - found
        found |= new
    return found


def _sigma_parent(schema: Schema, bound: Bound) -> tuple[int, ...]:
    return () if bound.parent is None else (schema.position[bound.parent],)


def groups(
    columns: Sequence[Column], arrays: Sequence[Array], bounds: Sequence[Bound]
) -> tuple[Group, ...]:
    """Return groups: small columns in solid blocks, medium ones side by side, large ones alone."""
    sizes = [estimate(values, bound) for values, bound in zip(arrays, bounds, strict=True)]
    small = [i for i, size in enumerate(sizes) if size < SMALL]
    small.sort(key=lambda i: (columns[i].dtype.kind == "f", columns[i].dtype.str, i))
    plain_bytes = [min(a.nbytes, 16 * size + 64) for a, size in zip(arrays, sizes, strict=True)]
    solid = _runs(small, plain_bytes, 4 * BLOCK)
    medium = [i for i, size in enumerate(sizes) if size >= SMALL]
    plain = _runs(medium, sizes, BLOCK)
    return tuple(Group(tuple(run), solid=True) for run in solid) + tuple(
        Group(tuple(run)) for run in plain
    )


def _runs(positions: Sequence[int], sizes: Sequence[int], most: int) -> list[list[int]]:
    """Return the positions in runs whose sizes add up to at most ``most`` (or of one)."""
    runs: list[list[int]] = []
    total = most + 1
    for i in positions:
        total += sizes[i]
        if total > most:
            runs.append([])
            total = sizes[i]
        runs[-1].append(i)
    return runs


def estimate(values: Array, bound: Bound) -> int:
    """Return about how many bytes a column will take, from how zstd fares on a sample of it."""
    if not values.size:
        return 0
    sample = excerpt(values)
    plain = sample.view(np.uint8) if sample.itemsize == 1 else shuffled(sample)
    size = len(zstd_compress(plain.tobytes(), 1)) * values.size // sample.size
    return size // 2 if bound.lossy else size
