"""How coarse the latents of a file are: for a rate that was asked for, or the smallest file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from baler.api.trials import left_out, saved_in_trial
from baler.container import UsedModel
from baler.container.latent import Latent
from baler.core.bounds import Free
from baler.core.chunk import Chunk, slice_chunk
from baler.core.recipe import Group, Recipe
from baler.core.schema import Schema
from baler.errors import UsageError
from baler.latent.latents import pack_latents
from baler.latent.model import FINEST, MOST_COARSE, LatentModel
from baler.planning import Policy, freed, latent_group, plan

TRIAL_EVENTS = 2000
"""Events that are tried; of a grid, twenty frames."""
QUARTERS = (-32, 48)
"""Latents may be coarser and finer than a model's own by so many quarters of an octave."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a latent model may take where nothing else is promised; nothing for bounds only."""

    bits: float | None = None  # of a latent
    ratio: float | None = None  # of the columns without a bound, in their dtypes, to their latents

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.bits is not None and self.ratio is not None:
            raise UsageError("either a number of bits or a ratio sets the rate, not both")
        if any(value is not None and not value > 0 for value in (self.bits, self.ratio)):
            raise UsageError("a number of bits, or a ratio, is positive")

    @property
    def fixed(self) -> bool:
        """Whether there is a rate."""
        return self.bits is not None or self.ratio is not None


def planned(
    model: LatentModel,
    schema: Schema,
    first: Chunk,
    policy: Policy,
    entries: int,
    rate: Rate,
    *,
    embedded: bool,
    name: str,
) -> tuple[Recipe, UsedModel | None, tuple[str, ...]]:
    """Return the recipe of a file, the model with the coarseness of latents, and notes.

    Without a rate, a model that would save fewer bytes than it takes is left out.
    """
    if rate.fixed:
        policy = freed(model, policy)
    group = latent_group(model, schema, policy)
    recipe = plan(schema, first, policy, (group,))
    trial = slice_chunk(schema, first, 0, min(first.entries, _events(model)))
    used = UsedModel(model, embedded, name)
    if rate.fixed:
        free = [i for i in group.columns if isinstance(recipe.columns[i].bound, Free)]
        if not free:
            raise UsageError("every column of the model has a bound, so that no rate can be set")
        coarse = _for_rate(Latent.of(model, schema, group), trial, rate, free)
        return recipe, UsedModel(model, embedded, name, coarse), ()
    if not trial.entries:
        return recipe, used, ()
    coarse, saved = _smallest(used, schema, recipe, group, trial)
    saved *= entries / trial.entries
    if embedded and saved < len(model.pack()):
        return plan(schema, first, policy), None, (left_out(len(model.pack()), saved),)
    return recipe, UsedModel(model, embedded, name, coarse), ()


def _events(model: LatentModel) -> int:
    return TRIAL_EVENTS if model.blocks is None else max(20, 2 * model.blocks.block[0])


def _for_rate(latent: Latent, trial: Chunk, rate: Rate, free: list[int]) -> int:
    """Return the finest coarseness at which latents take no more than asked."""
    model, schema = latent.model, latent.schema
    columns = [trial.columns[name] for name in model.columns]
    decoded = {i: trial.columns[c.name] for i, c in enumerate(schema.columns)}
    layout = latent.layout(trial.entries, columns[0].size, decoded)
    seen = model.seen(columns, layout)
    raw = sum(trial.columns[schema.columns[i].name].nbytes for i in free)

    def fits(coarse: int) -> bool:
        latents = model.rounded(seen, coarse)
        size = len(pack_latents(latents, coarse))
        if rate.bits is not None:
            return 8 * size <= rate.bits * max(1, sum(x.size for x in latents))
        return rate.ratio is None or size * rate.ratio <= raw

    return first_that(fits)


def first_that(fits: Callable[[int], bool]) -> int:
    """Return the finest coarseness that fits, by halving; the coarsest one if none does."""
    low, high = QUARTERS
    while low < high:
        middle = (low + high) // 2
        if fits(_coarse(middle)):
            high = middle
        else:
            low = middle + 1
    return _coarse(low)


def _coarse(quarters: int) -> int:
    return max(1, min(MOST_COARSE, round(FINEST * 2 ** (quarters / 4))))


def _smallest(
    used: UsedModel, schema: Schema, recipe: Recipe, group: Group, trial: Chunk
) -> tuple[int, float]:
    """Return the coarseness that makes a trial smallest, and how many bytes the model saves."""
    names = [schema.columns[at].name for at in group.columns]
    best, saved = FINEST, -1.0
    for quarters in (0, 4, 8, 12, -4):
        model = UsedModel(used.model, embedded=False, coarse=_coarse(quarters))
        by_column = saved_in_trial(schema, recipe, model, trial)
        found = float(sum(by_column[name] for name in names))
        if found > saved:
            best, saved = model.coarse, found
    return best, saved
