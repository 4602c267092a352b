"""A model for one file that is being compressed, if it saves more bytes than it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from baler.core.chunk import Chunk
from baler.core.recipe import Recipe
from baler.core.schema import Schema
from baler.core.size import format_size
from baler.learned.model import Model
from baler.learned.network import collection_shapes, column_shapes, object_width, source_width
from baler.learned.subset import paying
from baler.training.results import Step
from baler.training.sample import LEAST_EVENTS, Sample
from baler.training.settings import Settings
from baler.training.train import learnable, need_torch, resolved

if TYPE_CHECKING:
    from baler.training.design import CollectionDesign, Design
    from baler.training.learning import Learned

LIKELY_GAIN = 0.1
"""Part of its bytes that a collection is thought to lose to a network, before that is trained."""
WIDTHS = (128, 64, 32)
"""Hidden units that come into question."""
BYTES_PER_WEIGHT = 0.5
"""That a weight takes in a model, about: many are zero."""
BYTES_PER_TABLE = 110
MARGIN = 0.25
"""A network may take this part of what it is thought to save; else a smaller one is tried."""


@dataclass(frozen=True, slots=True)
class ForThisFile:
    """Makes a model for a file that is being compressed; to be given to `compress` as ``model``.

    No model is made if none is likely to save its own bytes, or if none does.
    """

    settings: Settings = field(default_factory=Settings)
    columns: str = "*"  # patterns of those to learn, separated by commas
    progress: Callable[[Step], None] | None = None

    def __call__(
        self, schema: Schema, recipe: Recipe, first: Chunk, entries: int
    ) -> tuple[Model | None, tuple[str, ...]]:
        """Return a model for a file of so many entries that begins with a chunk, and reasons."""
        model, why = train_for_file(
            schema, recipe, first, entries, self.settings, self.columns, self.progress
        )
        return model, tuple(f"--model auto: {reason}" for reason in why)


def train_for_file(
    schema: Schema,
    recipe: Recipe,
    chunk: Chunk,
    entries: int,
    settings: Settings,
    columns: str = "*",
    progress: Callable[[Step], None] | None = None,
) -> tuple[Model | None, tuple[str, ...]]:
    """Train on a chunk of a file with so many entries; None if no network pays. Says why.

    Of what the networks save on held-out events is concluded what they save on the whole file.
    Hidden units are as many as it may pay for, at most those of the settings.
    """
    need_torch()
    from baler.training.design import design
    from baler.training.learning import columns_of, learn, made_of
    from baler.training.measure import columns_read, without_model, worth_learning

    if chunk.entries < LEAST_EVENTS:
        return None, (f"no model; {chunk.entries} events are too few to train one",)
    policy = resolved(schema, recipe)
    wanted, notes = learnable(schema, policy, columns)
    sample = Sample.of(schema, [chunk], entries)
    wanted = worth_learning(schema, recipe, sample.held_out, wanted)
    made = design(schema, sample.trained, policy, wanted)
    read = columns_read(made)
    whole, held = (without_model(schema, recipe, part, read) for part in (chunk, sample.held_out))
    times = entries / chunk.entries
    takes = {p.counts: times * sum(whole.sizes[n] for n in columns_of(made, p))
             for p in made.collections}  # fmt: skip
    widths = {p.counts: width(made, p, settings, LIKELY_GAIN * takes[p.counts])
              for p in made.collections}  # fmt: skip
    parts = tuple(part for part in made.collections if widths[part.counts])
    if not parts:
        total = format_size(sum(takes.values()))
        why = f"no model; what can be learned takes {total}, too little to pay for one"
        return None, (why, *notes)
    learned = learn(
        sample,
        replace(made, collections=parts),
        held,
        replace(settings, uses=1.0),
        tell=progress,
        widths=widths,
    )
    saved = []
    for part in learned:
        names = [made.axes[column.axis].column for column in part.net.columns]
        fewer = (whole.bits(names) - part.coded).clip(min=0).sum()
        saved.append(float(fewer) * whole.originals[names[0]].size * times / 8)

    def model(kept: Sequence[bool]) -> Model:
        told = {**settings.notes(), "events": sample.trained.entries}
        return made_of(made.axes, learned, kept, told)

    def size(kept: Sequence[bool]) -> int:
        return len(model(kept).pack()) if any(kept) else 0

    kept = paying(saved, size)
    return (model(kept) if any(kept) else None), (verdict(learned, saved, kept, size), *notes)


def width(design: Design, part: CollectionDesign, settings: Settings, gain: float) -> int:
    """Return the hidden units that a network may have if it saves so many bytes; 0 for none."""
    most = settings.units(len(part.columns))
    widths = [most, *(w for w in WIDTHS if w < most)]
    for units in widths:
        if estimated_bytes(design, part, units, settings.shapes) < MARGIN * gain:
            return units
    return widths[-1] if estimated_bytes(design, part, widths[-1], settings.shapes) < gain else 0


def estimated_bytes(design: Design, part: CollectionDesign, units: int, shapes: int) -> float:
    """Return about how many bytes a network takes in a model."""
    from baler.training.dataset import ROWS

    axes = [design.axes[column.axis] for column in part.columns]
    arrays = [
        collection_shapes(
            units,
            ROWS,
            sum(source_width(design.axes[source.axis]) for source in part.event_sources),
            sum(source_width(design.axes[source.axis]) for source in part.parent_sources),
            sum(len(axis.features) for axis in axes),
            has_key=bool(part.key),
            objects=object_width(design.axes, part.object_sources),
            has_weight=part.weight >= 0,
            slots=part.slots,
        ),
        *(column_shapes(axis, units, 0) for axis in axes),
    ]
    weights = sum(math.prod(shape) for found in arrays for shape in found.values())
    tables = shapes * sum(axis.numeric for axis in axes)
    return BYTES_PER_WEIGHT * weights + BYTES_PER_TABLE * tables


def verdict(
    learned: Sequence[Learned],
    saved: Sequence[float],
    kept: Sequence[bool],
    size: Callable[[Sequence[bool]], int],
) -> str:
    """Return what was decided, and why."""
    everything = [True] * len(kept)
    chosen = kept if any(kept) else everything
    names = ", ".join(part.name for part, keep in zip(learned, chosen, strict=True) if keep)
    bytes_saved = format_size(sum(s for s, keep in zip(saved, chosen, strict=True) if keep))
    takes = format_size(size(chosen))
    if not any(kept):
        return f"no model; one of {names} takes {takes} and saves about {bytes_saved}"
    left = [part.name for part, keep in zip(learned, kept, strict=True) if not keep]
    without = f"; {', '.join(left)} would not pay" if left else ""
    return f"a model of {names} takes {takes} and saves about {bytes_saved}{without}"
