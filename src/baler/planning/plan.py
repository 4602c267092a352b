"""The plan of a file: resolved bounds, parents, predictions and groups, from its first chunk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.codecs.lorenzo import MAX_DIMENSIONS
from baler.codecs.search import excerpt
from baler.core.bounds import Bound, Free, Range
from baler.core.chunk import Chunk
from baler.core.recipe import ColumnRecipe, Group, Prediction, Recipe, decoding_order
from baler.core.schema import Column, Fixed, Leaf, List, Node, Option, Record, Schema
from baler.entropy.lz import zstd_compress
from baler.errors import UsageError
from baler.planning.derived import Proposal, derived
from baler.planning.policy import Policy
from baler.planning.relations import copies, masks
from baler.transforms import shuffled

Array = npt.NDArray[Any]

SMALL = 1 << 12
"""A column thought to be smaller (bytes in a chunk) shares a solid block with others."""
PREDICTIONS = 2
"""Formulas that the encoder tries for a column."""
SECOND = 0.5
"""Bits per value by which a second formula may be worse than the first."""
BLOCK = 1 << 17
"""Blocks of several columns hold about as many bytes in a chunk."""


def plan(schema: Schema, chunk: Chunk, policy: Policy, learned: Sequence[Group] = ()) -> Recipe:
    """Return the recipe for a file whose first entries are in the chunk.

    ``range`` bounds take their span from the chunk, in a sample of which copies, masks and
    formulas are looked for. ``learned`` are the groups that networks are to code. Raises what
    `Policy.bounds` raises.
    """
    arrays = [chunk.columns[column.name] for column in schema.columns]
    bounds = [
        bound.resolve(excerpt(values)) if isinstance(bound, Range) else bound
        for bound, values in zip(policy.bounds(schema), arrays, strict=True)
    ]
    predicted_ones = {i for group in learned for i in group.columns}
    for i, bound in enumerate(bounds):
        if isinstance(bound, Free) and i not in predicted_ones:
            raise UsageError(
                f"{schema.columns[i].name!r} has the bound 'model', but no model predicts it"
            )
    sigmas = [_sigma_parent(schema, bound) for bound in bounds]
    order = decoding_order(schema, Recipe(tuple(map(ColumnRecipe, bounds, sigmas)), tuple(learned)))
    copied = copies(arrays, order)
    masked = masks(arrays, [i for i in order if i not in copied])
    needs = [set(sigma) for sigma in sigmas]
    for i, parent in copied.items():
        needs[i].add(parent)
    for i, mask in masked.items():
        needs[i].add(mask.parent)
    proposals = derived(schema.columns, arrays, bounds, order, set(copied))
    predicted = _accepted(proposals, needs, _Together(schema, learned))
    for i, parent in copied.items():
        predicted[i] = [Prediction("same", (parent,))]
    shapes = row_shapes(schema)
    recipes = [
        ColumnRecipe(
            bound,
            parents=(*sigmas[i], *sorted(needs[i] - set(sigmas[i]))),
            predictions=tuple(predicted.get(i, ())),
            masks=(masked[i],) if i in masked else (),
            shape=shapes[schema.columns[i].name],
            dither=policy.dither,
        )
        for i, bound in enumerate(bounds)
    ]
    joint = {i for group in learned for i in group.columns}
    alone = [i for i in range(len(bounds)) if i not in joint]
    return Recipe(tuple(recipes), (*groups(schema.columns, arrays, bounds, alone), *learned))


def row_shapes(schema: Schema) -> dict[str, tuple[int, ...]]:
    """Return for each column the sizes of its rows' dimensions, none if rows are single values.

    A payload knows only so many dimensions: the last of more are taken as one.
    """
    shapes: dict[str, tuple[int, ...]] = {c.name: (c.width,) for c in schema.columns}

    def visit(node: Node, shape: tuple[int, ...]) -> None:
        match node:
            case Leaf(column):
                shapes[column] = shape
            case Fixed(size, content):
                visit(content, (*shape, size))
            case List(_, content) | Option(_, content):
                visit(content, ())
            case Record(fields):
                for _, content in fields:
                    visit(content, shape)

    for field in schema.fields:
        visit(field.node, ())
    for name, shape in shapes.items():
        long = tuple(size for size in shape if size != 1)
        last = long[MAX_DIMENSIONS - 2 :]
        shapes[name] = long[: MAX_DIMENSIONS - 2] + ((math.prod(last),) if last else ())
    return shapes


class _Together:
    """What columns need whatever is predicted, and which of them are coded together."""

    def __init__(self, schema: Schema, learned: Sequence[Group]) -> None:
        self.units: list[set[int]] = [{i} for i in range(len(schema.columns))]
        self.fixed: list[set[int]] = [
            set() if c.counts is None else {schema.position[c.counts]} for c in schema.columns
        ]
        for group in learned:
            members = set(group.columns)
            for i in members:
                self.units[i] = members
                self.fixed[i] |= set(group.parents)


def _accepted(
    proposals: Sequence[Proposal], needs: list[set[int]], together: _Together
) -> dict[int, list[Prediction]]:
    """Return the best predictions that do not make a column depend on itself; ``needs`` grows.

    A second one, if it is nearly as good, is taken only after all columns have had their first.
    """
    accepted: dict[int, list[Prediction]] = {}
    best: dict[int, float] = {}
    for number in range(PREDICTIONS):
        for proposal in proposals:
            target = proposal.target
            known = accepted.setdefault(target, [])
            if len(known) > number or proposal.loss > best.get(target, np.inf) + SECOND:
                continue
            parents = set(proposal.prediction.parents)
            if any(other.formula == proposal.prediction.formula for other in known):
                continue
            if not _in_circle(target, parents, needs, together):
                known.append(proposal.prediction)
                best.setdefault(target, proposal.loss)
                needs[target] |= parents
    return accepted


def _in_circle(
    target: int, parents: set[int], needs: Sequence[set[int]], together: _Together
) -> bool:
    """Tell whether a column would depend on itself, or columns coded together on each other."""
    unit = together.units[target]
    found, new = set[int](), parents & unit
    while new:
        found |= new
        new = set[int]().union(*(needs[i] & unit for i in new)) - found
    if target in found:
        return True
    found, new = set(), parents - unit
    while new:
        found |= new
        new = set[int]().union(*(together.units[i] for i in new))
        new = set[int]().union(*(needs[i] | together.fixed[i] for i in new)) - found - new
    return bool(found & unit)


def _sigma_parent(schema: Schema, bound: Bound) -> tuple[int, ...]:
    return () if bound.parent is None else (schema.position[bound.parent],)


def groups(
    columns: Sequence[Column],
    arrays: Sequence[Array],
    bounds: Sequence[Bound],
    members: Sequence[int],
) -> tuple[Group, ...]:
    """Return groups: small columns in solid blocks, medium ones side by side, large ones alone."""
    sizes = {i: estimate(arrays[i], bounds[i]) for i in members}
    small = [i for i, size in sizes.items() if size < SMALL]
    small.sort(key=lambda i: (columns[i].dtype.kind == "f", columns[i].dtype.str, i))
    plain_bytes = {i: min(arrays[i].nbytes, 16 * size + 64) for i, size in sizes.items()}
    solid = _runs(small, plain_bytes, 4 * BLOCK)
    medium = [i for i, size in sizes.items() if size >= SMALL]
    plain = _runs(medium, sizes, BLOCK)
    return tuple(Group(tuple(run), solid=True) for run in solid) + tuple(
        Group(tuple(run)) for run in plain
    )


def _runs(positions: Sequence[int], sizes: Mapping[int, int], most: int) -> list[list[int]]:
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
