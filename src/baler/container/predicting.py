"""The columns of a predicted group to payloads and latents: by the network where it is better."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from baler import codecs
from baler.container.blocks import apportion
from baler.container.choosing import EncodedGroup
from baler.container.context import context_of
from baler.container.encoding import Encoded, encode_checked, worst_of
from baler.container.joint import contents_of
from baler.container.latent import Latent, Prediction
from baler.core.bounds import Exact, Free
from baler.core.chunk import Array
from baler.core.recipe import ColumnRecipe, Recipe
from baler.core.recipe import Prediction as Hint
from baler.errors import FormatError
from baler.latent.latents import pack_latents
from baler.latent.model import FINEST
from baler.learned.task import Map


@dataclass(frozen=True)
class PredictedEncoder:
    """A predicted group in one chunk. Positions are those of the schema."""

    latent: Latent
    recipe: Recipe
    order: Sequence[int]  # of the group's columns: parents first
    entries: int
    values: Mapping[int, Array]  # the originals of the group's columns
    decoded: Mapping[int, Array]  # of all columns outside the group that they need
    seed: Callable[[int], int]
    map: Map
    coarse: int = FINEST
    _ordinary: dict[tuple[int, ...], Encoded] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Values of each column."""
        return self.values[self.order[0]].size

    @property
    def free(self) -> set[int]:
        """The columns that may come back as whatever the network predicts."""
        return {at for at in self.order if isinstance(self.recipe.columns[at].bound, Free)}

    def encode(self) -> EncodedGroup:
        """Return the smaller block: with the network or without it."""
        if not self.size:
            return self.plain()
        try:
            found = self.predicted()
        except FormatError:  # such as of an event with more objects than a network takes
            return self.plain(fell_back=True)
        if self.free:
            return found
        plain = self.plain()
        return found if _bytes(found) < _bytes(plain) else plain

    # ------------------------------------------------------------------------- without

    def plain(self, *, fell_back: bool = False) -> EncodedGroup:
        """Return all columns in ordinary payloads; those without a bound exactly."""
        columns: dict[int, Encoded] = {}
        for at in self.order:
            columns[at] = self.ordinary(at, columns)
        if fell_back:
            columns = {at: replace(c, fell_back=True) for at, c in columns.items()}
        return self.block(columns, ())

    def ordinary(self, at: int, before: Mapping[int, Encoded]) -> Encoded:
        """Return an ordinary payload; the same ones if parents come out the same."""
        plan, context, sigma = self.hints(at, before)
        key = (at, *(id(before[p].decoded) for p in plan.parents if p in before))
        if key not in self._ordinary:
            if at in self.free:
                plan = replace(plan, bound=Exact())
            self._ordinary[key] = encode_checked(
                self.values[at], plan, context, sigma, solid=False, seed=self.seed(at)
            )
        return self._ordinary[key]

    def hints(
        self, at: int, before: Mapping[int, Encoded]
    ) -> tuple[ColumnRecipe, codecs.Context, Array | None]:
        """Return recipe, context and uncertainties of a column, with columns coded before it."""
        plan, schema = self.recipe.columns[at], self.latent.schema
        known = {**self.decoded, **{p: column.decoded for p, column in before.items()}}
        sigma = None if plan.bound.parent is None else known[schema.position[plan.bound.parent]]
        return plan, context_of(schema, self.recipe, at, known), sigma

    # ---------------------------------------------------------------------------- with

    def predicted(self) -> EncodedGroup:
        """Return the block with latents; columns look at the prediction where that is smaller."""
        model = self.latent.model
        layout = self.latent.layout(self.entries, self.size, self.decoded)
        columns = [self.values[at] for at in self.latent.group.columns]
        latents = model.encode(columns, layout, self.coarse)
        stream = pack_latents(latents, self.coarse)
        prediction = self.latent.predict([stream], layout, self.entries)
        found: dict[int, Encoded] = {}
        share = len(stream) // len(self.order)
        for at in self.order:
            other = None if at in self.free else self.ordinary(at, found)
            ours = self.with_prediction(at, found, prediction, share, other)
            found[at] = ours if other is None or len(ours.payload) < len(other.payload) else other
        using = [at for at in self.order if codecs.is_predicted(found[at].payload)]
        if not using:
            return self.block(found, ())
        for at, part in zip(using, apportion(len(stream), [1] * len(using)), strict=True):
            otherwise = codecs.accounted(found[at].payload)[1]
            inner = found[at].payload[len(codecs.encode_predicted(share, otherwise, b"")) :]
            payload = codecs.encode_predicted(part, otherwise, inner)
            found[at] = replace(found[at], payload=payload)
        return self.block(found, (stream,))

    def with_prediction(
        self,
        at: int,
        before: Mapping[int, Encoded],
        prediction: Prediction,
        share: int,
        other: Encoded | None,
    ) -> Encoded:
        """Return the payload of a column that looks at its prediction."""
        plan, outside, sigma = self.hints(at, before)
        j, values = self.latent.group.columns.index(at), self.values[at]
        context = prediction.context(j, at, outside)
        hints = replace(
            plan, predictions=(Hint("same", (at,)),), split=prediction.classes is not None
        )
        wanted = values
        if at in self.free:
            wanted = np.where(np.isfinite(values), prediction.values[j], values)
            hints = replace(hints, bound=Exact(), masks=())
        inner = codecs.encode(wanted, hints, context, seed=self.seed(at))
        otherwise = values.nbytes if other is None else len(other.payload)
        payload = codecs.encode_predicted(share, otherwise, inner)
        decoded = codecs.decode(payload, values.dtype, values.size, context)
        worst = worst_of(plan.bound, values, decoded, sigma)
        if worst > 1:
            return self.ordinary(at, before) if other is None else other
        return Encoded(payload, decoded, worst, fell_back=False)

    def block(self, columns: Mapping[int, Encoded], streams: Sequence[bytes]) -> EncodedGroup:
        """Return the block of payloads, and what came of the columns."""
        contents = contents_of(self.latent.schema, self.latent.group, columns, streams)
        return EncodedGroup(contents, columns)


def _bytes(group: EncodedGroup) -> int:
    return sum(map(len, (*group.contents.payloads, *group.contents.streams)))
