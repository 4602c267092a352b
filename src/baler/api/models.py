"""Learned models as they are given: by path, by URL, as they are, or made for the occasion."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from baler.api.latents import Rate, planned
from baler.api.trials import left_out, saved_in_trial
from baler.container import UsedModel
from baler.container.context import noting
from baler.container.joint import own_columns
from baler.container.layout import MAX_MODEL_BYTES
from baler.container.models import AnyModel, unpack_model
from baler.container.storage import Storage
from baler.core.chunk import Chunk, slice_chunk
from baler.core.recipe import Recipe
from baler.core.schema import Schema
from baler.core.size import format_size
from baler.errors import Corrupt, UsageError, some
from baler.latent.model import LatentModel
from baler.learned.model import Model
from baler.learned.subset import paying, subset
from baler.planning import Policy, learned_groups, plan

GivenModel = str | os.PathLike[str] | AnyModel | None
"""The path or URL of a model, or a model."""

ModelMaker = Callable[[Schema, Recipe, Chunk, int], tuple[Model | None, tuple[str, ...]]]
"""Makes a model for a file of so many entries, of which this is the first chunk; None if that is
not worth it. Says why, in notes."""

NONE = "none"
TRIAL_EVENTS = 1000
TRIAL_PART = 1 / 16
"""Of the first chunk, at least `TRIAL_EVENTS`, is compressed to see which networks pay."""


def load(given: GivenModel) -> AnyModel | None:
    """Return a model; raises a FormatError that names the file if it is none."""
    if given is None or isinstance(given, AnyModel):
        return given
    storage = Storage(given)
    try:
        with noting(f"in {storage.name}"):
            if storage.size > MAX_MODEL_BYTES:
                raise Corrupt(f"a model has {storage.size} bytes, more than {MAX_MODEL_BYTES}")
            return unpack_model(bytes(storage.read(0, storage.size)))
    finally:
        storage.close()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller of ``compress`` said about models."""

    model: AnyModel | ModelMaker | None
    embedded: bool
    name: str
    rate: Rate = field(default_factory=Rate)

    @classmethod
    def of(
        cls, given: GivenModel | ModelMaker, *, reference: bool, rate: Rate | None = None
    ) -> Asked:
        """Load what was given; "none" is the same as None."""
        asked = cls._of(given, reference=reference)
        if rate is None or not rate.fixed:
            return asked
        if not isinstance(asked.model, LatentModel):
            raise UsageError("only a latent model, one of a family, can have a rate")
        return replace(asked, rate=rate)

    @classmethod
    def _of(cls, given: GivenModel | ModelMaker, *, reference: bool) -> Asked:
        if given == NONE:
            given = None
        if given is None and reference:
            raise UsageError("there is no model to refer to")
        if given is None or isinstance(given, AnyModel) or callable(given):
            return cls(given, not reference, "")
        name = os.path.basename(os.fspath(given))  # noqa: PTH119 (of a URL, too)
        return cls(load(given), not reference, name)

    def planned(
        self, schema: Schema, first: Chunk, policy: Policy, entries: int
    ) -> tuple[Recipe, UsedModel | None, tuple[str, ...]]:
        """Return the recipe of a file, the model that it uses, and notes on this one."""
        if self.model is None:
            return plan(schema, first, policy), None, ()
        if isinstance(self.model, LatentModel):
            return planned(
                self.model, schema, first, policy, entries, self.rate,
                embedded=self.embedded, name=self.name,
            )  # fmt: skip
        model = self.model
        reasons: tuple[str, ...] = ()
        if not isinstance(model, Model):
            recipe = plan(schema, first, policy)
            made, reasons = model(schema, recipe, first, entries)
            if made is None:
                return recipe, None, reasons
            model = made
        elif self.embedded:
            part, reasons = worth_embedding(model, schema, first, policy, entries)
            if part is None:
                return plan(schema, first, policy), None, reasons
            model = part
        groups, notes = learned_groups(model, schema, policy)
        used = UsedModel(model, self.embedded, self.name)
        return plan(schema, first, policy, groups), used, (*reasons, *notes)


def worth_embedding(
    model: Model, schema: Schema, first: Chunk, policy: Policy, entries: int
) -> tuple[Model | None, tuple[str, ...]]:
    """Return the networks that will save more bytes of a file than they take in it, and notes.

    ``first`` is the first chunk of the file, of so many entries; the beginning of it is compressed
    for a trial. Raises UsageError if the model is for other columns.
    """
    size = max(TRIAL_EVENTS, round(TRIAL_PART * first.entries))
    trial = slice_chunk(schema, first, 0, min(size, first.entries))
    if not trial.entries:
        return model, ()
    groups, notes = learned_groups(model, schema, policy)
    usable = {group.network for group in groups}
    recipe = plan(schema, trial, policy, groups)
    by_column = saved_in_trial(schema, recipe, UsedModel(model, embedded=False), trial)
    saved = [0.0] * len(model.collections)
    for number in (group.network for group in groups if group.network is not None):
        bytes_saved = sum(by_column[name] for name in own_columns(model, number))
        saved[number] = bytes_saved * entries / trial.entries

    def size_of(kept: Sequence[bool]) -> int:
        return len(subset(model, kept).pack()) if any(kept) else 0

    kept = paying(saved, size_of)
    if all(kept):
        return model, ()
    everything = [True] * len(kept)
    if not any(kept):
        return None, (*notes, left_out(size_of(everything), sum(saved)))
    left = [
        net.name for number, (net, keep) in enumerate(zip(model.collections, kept, strict=True))
        if number in usable and not keep
    ]  # fmt: skip
    if left:
        takes = format_size(size_of(everything) - size_of(kept))
        notes += (f"left out are the networks of {some(left)}: they take {takes} and save less",)
    return subset(model, kept), notes
