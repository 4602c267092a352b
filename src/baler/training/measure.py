"""What columns take: without a model, and with an integer network, in real bits of real coders."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from baler import codecs
from baler.container.choosing import MOST_VERBATIM
from baler.container.context import context_of
from baler.container.encoding import encode_checked
from baler.container.joint import other_columns, own_columns
from baler.core.bounds import Bound, Exact, same_bits
from baler.core.chunk import Array, Chunk
from baler.core.recipe import ColumnRecipe, Recipe, decoding_order, dependencies
from baler.core.schema import Schema
from baler.learned import kernel
from baler.learned.axis import Axis
from baler.learned.inputs import task_of
from baler.learned.model import Model
from baler.learned.network import ODDS
from baler.quantise.lattice import Scaled
from baler.training.dataset import untrained
from baler.training.design import Design

Floats = npt.NDArray[np.float64]

FREE = 0.01
"""A column of which a value takes fewer bits without a model is not worth a place in a network."""
FOLLOWS = 0.1
"""Nor is one that, given others, takes less than this part of what it takes by itself."""
PAYLOAD = 16
"""Bytes of a payload, whatever is in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """Columns of some events as they are without a model."""

    entries: int
    originals: Mapping[str, Array]
    decoded: Mapping[str, Array]
    bounds: Mapping[str, Bound]
    sizes: Mapping[str, int]  # bytes

    def bits(self, names: Iterable[str]) -> Floats:
        """Return bits per value of columns."""
        return np.array([8 * self.sizes[n] / max(self.originals[n].size, 1) for n in names])


def without_model(schema: Schema, recipe: Recipe, chunk: Chunk, wanted: Iterable[str]) -> Plain:
    """Return what the columns wanted, and those that they need, take by themselves."""
    needs = dependencies(schema, recipe)
    left, needed = [schema.position[name] for name in wanted], set[int]()
    while left:
        at = left.pop()
        if at not in needed:
            needed.add(at)
            left += needs[at]
    decoded: dict[int, Array] = {}
    sizes: dict[str, int] = {}
    for at in decoding_order(schema, recipe):
        if at in needed:
            name, column = schema.columns[at].name, recipe.columns[at]
            unit = column.bound.parent
            encoded = encode_checked(
                np.ascontiguousarray(chunk.columns[name]),
                column,
                context_of(schema, recipe, at, decoded),
                None if unit is None else decoded[schema.position[unit]],
                solid=False,
                seed=0,
            )
            decoded[at], sizes[name] = encoded.decoded, len(encoded.payload)
    names = {at: schema.columns[at].name for at in decoded}
    return Plain(
        entries=chunk.entries,
        originals={name: chunk.columns[name] for name in names.values()},
        decoded={names[at]: values for at, values in decoded.items()},
        bounds={names[at]: recipe.columns[at].bound for at in decoded},
        sizes=sizes,
    )


def worth_learning(schema: Schema, recipe: Recipe, chunk: Chunk, wanted: Set[str]) -> set[str]:
    """Return the columns wanted but for those that are next to free without a model.

    These are nearly constant, or follow from others by a formula, a table or a common mask.
    """
    plain = without_model(schema, recipe, chunk, wanted)
    helped = {
        column.name
        for column, part in zip(schema.columns, recipe.columns, strict=True)
        if column.name in wanted and (part.predictions or part.masks)
    }
    parts = [replace(part, predictions=(), masks=()) for part in recipe.columns]
    alone = without_model(schema, replace(recipe, columns=tuple(parts)), chunk, helped)

    def is_free(name: str) -> bool:
        size = plain.sizes[name] - PAYLOAD
        by_itself = alone.sizes.get(name, plain.sizes[name])
        return 8 * size < FREE * plain.originals[name].size or size < FOLLOWS * by_itself

    return {name for name in wanted if not is_free(name)}


@dataclass(frozen=True, slots=True, eq=False)
class Coded:
    """Bits per object of each column that the one network of a model codes."""

    streams: Floats  # entropy-coded
    verbatim: Floats  # of values that are not on the axis; infinite if these are too many

    @property
    def total(self) -> Floats:
        """Both together."""
        return np.asarray(self.streams + self.verbatim)


def with_model(model: Model, number: int, plain: Plain) -> Coded:
    """Return what the columns of a network take: they are coded, the others are as decoded."""
    net = model.collections[number]
    own, verbatim = {}, []
    for j, part in enumerate(net.columns):
        axis = _with_units(model.axes, model.axes[part.axis], plain)
        own[j], bits = _on_axis(axis, plain)
        verbatim.append(bits)
    task = task_of(model.axes, net, plain.entries, plain.decoded.__getitem__, own)
    task = replace(task, given=np.zeros_like(task.given))
    objects = max(int(task.counts.sum()), 1)
    coded = kernel.encode(model, net, task, 1)
    return Coded(coded.bits / objects, np.array(verbatim) / objects)


def _with_units(axes: Sequence[Axis], axis: Axis, plain: Plain) -> Axis:
    """Return an axis that knows the uncertainties of which its numbers are multiples."""
    if not isinstance(axis.lattice, Scaled):
        return axis
    sigma = plain.decoded[axes[axis.lattice.parent].column]
    return replace(axis, lattice=replace(axis.lattice, sigma=sigma))


def _on_axis(axis: Axis, plain: Plain) -> tuple[tuple[Any, Any], float]:
    """Return classes and numbers of a column, and the bits of what has to be kept beside them."""
    values, bound = plain.originals[axis.column], plain.bounds[axis.column]
    sigma = None if bound.parent is None else plain.decoded[bound.parent]

    def keeps(values: Array, decoded: Array) -> npt.NDArray[np.bool_]:
        return bound.holds(values, decoded, sigma) if bound.lossy else same_bits(values, decoded)

    classes, numbers = axis.split(values, keeps)
    kept = values[classes == axis.verbatim]
    if kept.size > MOST_VERBATIM * values.size:
        return (classes, numbers), np.inf
    bits = 8.0 * len(codecs.encode(kept, ColumnRecipe(Exact()), _nothing)) if kept.size else 0.0
    return (classes, numbers), bits


def columns_read(design: Design) -> set[str]:
    """Return all columns that networks code or look at; raises Corrupt if there can be none."""
    nets = tuple(untrained(design.axes, part) for part in design.collections)
    model = Model(design.axes, nets, np.ones(ODDS, np.uint16))
    read: set[str] = set()
    for number in range(len(nets)):
        read |= {*own_columns(model, number), *other_columns(model, number)}
    return read


def _nothing(position: int) -> Array:
    raise AssertionError(f"verbatim values look at column {position}")
