"""Files to a model."""

from __future__ import annotations

import importlib.util
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from baler.core.bounds import Bound, Range
from baler.core.recipe import Recipe
from baler.core.replacing import check_target, replacing
from baler.core.schema import Schema
from baler.core.size import parse_size
from baler.errors import UsageError, some
from baler.planning import Policy, matching, plan
from baler.training.results import Step, Training
from baler.training.sample import Sample, sample_of
from baler.training.settings import Settings

MOST_BYTES = "512 MB"
"""Column data that are held in memory for training."""


def train(
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    bounds: Mapping[str, str | Bound] | None = None,
    policy: Policy | str | os.PathLike[str] | None = None,
    columns: str = "*",
    minutes: float = 10.0,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    hidden: int | None = None,
    shapes: int = 8,
    uses: float = 20.0,
    memory: str | int = MOST_BYTES,
    tree: str | None = None,
    skip_unreadable: bool = False,
    overwrite: bool = False,
    progress: Callable[[Step], None] | None = None,
) -> Training:
    """Train a model on one or several files of a schema and write it.

    ``bounds`` and ``policy`` are those of `compress`. ``columns`` has patterns, separated by
    commas, of the columns to learn. Of every file 15 % of the events, in runs spread over it, are
    held out; all figures are theirs. With ``steps`` (of every network) instead of ``minutes`` the
    same seed gives the same model on the same machine. An interrupted training goes on where it was
    when it is started again with the same arguments; until then its state lies beside the target,
    with ``.partial`` at the end of its name. The model is to pay for its bytes on ``uses`` times
    the events of all sources: one for few is smaller. Networks have ``hidden`` units, by default
    more for many columns. Nothing is written if no network makes anything smaller.

    Raises UsageError (bad bounds, nothing to learn, too few events, PyTorch is not installed),
    SourceError, OSError.
    """
    start = time.perf_counter()
    settings = Settings(minutes, steps, device, seed, hidden, shapes, uses)
    check_target(Path(target), overwrite=overwrite)
    need_torch()
    settings.torch_device()
    from baler.training.design import design
    from baler.training.learning import checkpoint_of, learn, made_of
    from baler.training.measure import columns_read, without_model, worth_learning

    asked = policy if isinstance(policy, Policy) else Policy.load(policy) if policy else Policy()
    asked = asked.then(Policy.of(bounds or {}))
    many = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    sample = sample_of(many, parse_size(memory), tree=tree, skip_unreadable=skip_unreadable)
    wanted, notes = learnable(sample.schema, asked, columns)
    recipe = plan(sample.schema, sample.trained, asked)
    notes += range_notes(sample.schema, asked, recipe)
    wanted = worth_learning(sample.schema, recipe, sample.held_out, wanted)
    made = design(sample.schema, sample.trained, resolved(sample.schema, recipe), wanted)
    if not made.collections:
        raise UsageError(
            f"there is nothing to learn in {some(sample.sources)}: every column is constant, text, "
            "nested, a copy of another, or has too few values"
        )
    plain = without_model(sample.schema, recipe, sample.held_out, columns_read(made))
    checkpoint = checkpoint_of(Path(target), sample, made, asked, settings)
    learned = learn(sample, made, plain, settings, checkpoint, progress)
    kept = [part.pays for part in learned]
    model = made_of(made.axes, learned, kept, {**settings.notes(), **asked_notes(asked, sample)})
    if any(kept):
        with replacing(Path(target), overwrite=overwrite) as path:
            path.write_bytes(model.pack())
    checkpoint.remove()
    return Training(
        target=os.fspath(target),
        written=any(kept),
        model_bytes=len(model.pack()) if any(kept) else 0,
        sha256=model.sha256 if any(kept) else "",
        seconds=time.perf_counter() - start,
        entries=sample.trained.entries,
        held_out=sample.held_out.entries,
        steps={part.name: part.steps for part in learned},
        figures=tuple(part.figures(kept=k) for part, k in zip(learned, kept, strict=True)),
        notes=(*sample.notes, *notes, *checkpoint.notes),
    )


def need_torch() -> None:
    """Raise UsageError if PyTorch is not installed."""
    if importlib.util.find_spec("torch") is None:
        raise UsageError("training needs PyTorch; pip install 'baler[train]'")


def learnable(schema: Schema, policy: Policy, columns: str = "*") -> tuple[set[str], list[str]]:
    """Return the columns that match one of some patterns, but for dithered ones, and notes.

    Raises UnknownColumn for a pattern that matches nothing.
    """
    names = [column.name for column in schema.columns]
    wanted = matching(names, columns)
    if not policy.dither:
        return wanted, []
    bounds = zip(names, policy.bounds(schema), strict=True)
    lossy = [name for name, bound in bounds if bound.lossy and name in wanted]
    notes = [f"dithered columns are not learned: {some(lossy)}"] if lossy else []
    return wanted - set(lossy), notes


def resolved(schema: Schema, recipe: Recipe) -> Policy:
    """Return a policy that has the bounds of a recipe."""
    bounds = {
        column.name: part.bound
        for column, part in zip(schema.columns, recipe.columns, strict=True)
    }  # fmt: skip
    return Policy.of_columns(bounds, dither=any(part.dither for part in recipe.columns))


def range_notes(schema: Schema, policy: Policy, recipe: Recipe) -> list[str]:
    """Return a note on the bounds that depend on the sample, if there are any."""
    found = [
        f"{column.name!r} {part.bound}"
        for column, bound, part in zip(
            schema.columns, policy.bounds(schema), recipe.columns, strict=True
        )
        if isinstance(bound, Range)
    ]
    if not found:
        return []
    return [
        f"range bounds became {some(found)}; the model serves only files that are compressed with "
        "just these"
    ]


def asked_notes(policy: Policy, sample: Sample) -> dict[str, Any]:
    """Return what a model says of the data that it was made for."""
    return {
        "policy": [[glob, str(bound)] for glob, bound in policy.rules],
        "sources": list(sample.sources),
        "events": sample.trained.entries,
    }
