"""Columns that a latent model predicts: how they fit it, and how they are decoded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from baler import codecs
from baler.codecs import Context
from baler.container.blocks import Contents
from baler.container.context import context_of, noting
from baler.container.joint import check_totals
from baler.container.layout import MAX_JOINT_VALUES
from baler.core.chunk import Array
from baler.core.recipe import Group, Recipe
from baler.core.schema import Schema
from baler.errors import Corrupt
from baler.latent.latents import unpack_latents
from baler.latent.model import LatentModel
from baler.latent.rows import Layout


def lacking(model: LatentModel, schema: Schema) -> list[str]:
    """Return what a file lacks of that which a latent model needs, in words."""
    width = 1 if model.blocks is None else model.blocks.width
    lacks = []
    for view in model.views:
        column = schema.by_name.get(view.column)
        if column is None:
            lacks.append(f"there is no {view.column!r}")
        elif column.dtype != view.dtype:
            lacks.append(f"{view.column!r} is {column.dtype}, not {view.dtype}")
        elif (column.counts or "") != model.counts or column.width != width:
            lacks.append(f"{view.column!r} has another length than in the model")
    return lacks


@dataclass(frozen=True)
class Prediction:
    """What a network says of the columns of a group, in its order."""

    values: Sequence[Array]
    classes: Sequence[Array] | None

    def context(self, j: int, at: int, others: Context) -> Context:
        """Return the context of column ``j``, which is at position ``at``, with its prediction."""

        def context(position: int) -> Array:
            if position == at:
                return self.values[j]
            if position == codecs.CLASSES:
                if self.classes is None:
                    raise Corrupt("the network of a model tells no classes of uncertainty")
                return self.classes[j]
            return others(position)

        return context


@dataclass(frozen=True, slots=True)
class Latent:
    """A group and the model that predicts it."""

    model: LatentModel
    schema: Schema
    group: Group

    @classmethod
    def of(cls, model: LatentModel, schema: Schema, group: Group) -> Latent:
        """Return a group with its model; raises Corrupt unless they fit each other."""
        names = [schema.columns[at].name for at in group.columns]
        if group.network or group.parents:
            raise Corrupt("a latent model has one network, which looks at no other columns")
        if model.columns != names:
            raise Corrupt(f"the model is one of other columns than {names}")
        if lacks := lacking(model, schema):
            raise Corrupt(f"the model does not fit the file: {lacks[0]}")
        return cls(model, schema, group)

    def layout(self, entries: int, size: int, decoded: Mapping[int, Array]) -> Layout:
        """Return how rows belong together in a chunk with so many values of each column."""
        if size * len(self.group.columns) > MAX_JOINT_VALUES:
            raise Corrupt(f"a network has {size} values of each column to predict, too many")
        counts = decoded[self.schema.position[self.model.counts]] if self.model.counts else None
        return self.model.layout(entries, counts)

    def predict(self, streams: Sequence[bytes | memoryview], layout: Layout, entries: int
    ) -> Prediction:  # fmt: skip
        """Return what the network says, from the streams of a block."""
        if len(streams) != 1:
            raise Corrupt(f"a block has {len(streams)} streams of latents, not 1")
        shapes = self.model.shapes(layout)
        if sum(_cells(shape) for shape in shapes) > MAX_JOINT_VALUES:
            raise Corrupt("a network has too many latents in one chunk")
        latents, coarse = unpack_latents(streams[0], shapes)
        return Prediction(*self.model.decode(latents, layout, entries, coarse))


@dataclass(frozen=True)
class _Late:
    """A prediction that is computed when a column first looks at it."""

    make: Callable[[], Prediction]

    @cached_property
    def found(self) -> Prediction:
        return self.make()


def decode_predicted(
    latent: Callable[[], Latent],
    schema: Schema,
    recipe: Recipe,
    group: Group,
    order: Sequence[int],
    contents: Contents,
    entries: int,
    size: int,
    decoded: Mapping[int, Array],
) -> dict[int, Array]:
    """Return the columns of a predicted group of a chunk; ``size`` is the values of each.

    ``order`` has them in an order in which they can be decoded, ``decoded`` what they need of
    others. The model is asked for only where a column looks at its prediction.
    """

    def make() -> Prediction:
        network = latent()
        return network.predict(contents.streams, network.layout(entries, size, decoded), entries)

    late, known = _Late(make), dict(decoded)
    for at in order:
        j, column = group.columns.index(at), schema.columns[at]
        with noting(f"in column {column.name!r}"):
            context = context_of(schema, recipe, at, known)
            if codecs.is_predicted(contents.payloads[j]):
                context = late.found.context(j, at, context)
            known[at] = codecs.decode(contents.payloads[j], column.dtype, size, context)
    check_totals(schema, group, contents, known)
    return {at: known[at] for at in group.columns}


def _cells(shape: Sequence[int]) -> int:
    cells = 1
    for length in shape:
        cells *= length
    return cells
