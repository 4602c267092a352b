"""Learned models as they are given: by path, by URL, as they are, or made for the occasion."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from baler.container import UsedModel
from baler.container.context import noting
from baler.container.layout import MAX_MODEL_BYTES
from baler.container.storage import Storage
from baler.core.chunk import Chunk
from baler.core.recipe import Recipe
from baler.core.schema import Schema
from baler.errors import Corrupt, UsageError
from baler.learned.model import Model
from baler.planning import Policy, learned_groups, plan

GivenModel = str | os.PathLike[str] | Model | None
"""The path or URL of a model, or a model."""

ModelMaker = Callable[[Schema, Recipe, Chunk, int], tuple[Model | None, tuple[str, ...]]]
"""Makes a model for a file of so many entries, of which this is the first chunk; None if that is
not worth it. Says why, in notes."""

NONE = "none"


def load(given: GivenModel) -> Model | None:
    """Return a model; raises a FormatError that names the file if it is none."""
    if given is None or isinstance(given, Model):
        return given
    storage = Storage(given)
    try:
        with noting(f"in {storage.name}"):
            if storage.size > MAX_MODEL_BYTES:
                raise Corrupt(f"a model has {storage.size} bytes, more than {MAX_MODEL_BYTES}")
            return Model.unpack(bytes(storage.read(0, storage.size)))
    finally:
        storage.close()


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller of ``compress`` said about models."""

    model: Model | ModelMaker | None
    embedded: bool
    name: str

    @classmethod
    def of(cls, given: GivenModel | ModelMaker, *, reference: bool) -> Asked:
        """Load what was given; "none" is the same as None."""
        if given == NONE:
            given = None
        if given is None and reference:
            raise UsageError("there is no model to refer to")
        if given is None or isinstance(given, Model) or callable(given):
            return cls(given, not reference, "")
        name = os.path.basename(os.fspath(given))  # noqa: PTH119 (of a URL, too)
        return cls(load(given), not reference, name)

    def planned(
        self, schema: Schema, first: Chunk, policy: Policy, entries: int
    ) -> tuple[Recipe, UsedModel | None, tuple[str, ...]]:
        """Return the recipe of a file, the model that it uses, and notes on this one."""
        if self.model is None:
            return plan(schema, first, policy), None, ()
        model = self.model
        reasons: tuple[str, ...] = ()
        if not isinstance(model, Model):
            recipe = plan(schema, first, policy)
            made, reasons = model(schema, recipe, first, entries)
            if made is None:
                return recipe, None, reasons
            model = made
        groups, notes = learned_groups(model, schema, policy)
        used = UsedModel(model, self.embedded, self.name)
        return plan(schema, first, policy, groups), used, (*reasons, *notes)
