"""Files to an autoencoder in a file of a model."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from baler.core.bounds import Bound, Range
from baler.core.chunk import Array, join_chunks
from baler.core.replacing import check_target, replacing
from baler.core.schema import Column, Fixed, Leaf, Node, Schema, columns_of
from baler.core.size import parse_size
from baler.errors import UsageError, some
from baler.planning import Policy
from baler.training.families.registry import family as family_of
from baler.training.results import Step
from baler.training.sample import sample_of
from baler.training.settings import Settings
from baler.training.train import MOST_BYTES, learnable, need_torch


@dataclass(frozen=True, slots=True)
class ColumnError:
    """How a column of held-out events comes back."""

    name: str
    error: float  # root mean square, in the unit of the column
    relative: float  # the same over the standard deviation


@dataclass(frozen=True, slots=True)
class Autoencoder:
    """What came of a training."""

    target: str
    family: str
    model_bytes: int  # that decoding needs
    sha256: str
    parameters: int
    steps: int
    seconds: float
    held_out: int  # events
    bits: float  # of latents, per value of all columns
    columns: tuple[ColumnError, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        columns = [asdict(column) for column in self.columns]
        return {**asdict(self), "columns": columns, "notes": list(self.notes)}


def train_autoencoder(
    family: str,
    sources: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    target: str | os.PathLike[str],
    *,
    policy: Policy | None = None,
    columns: str = "*",
    latent: int | None = None,
    block: str | Sequence[int] | None = None,
    minutes: float = 10.0,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    memory: str | int = MOST_BYTES,
    tree: str | None = None,
    skip_unreadable: bool = False,
    overwrite: bool = False,
    progress: Callable[[Step], None] | None = None,
) -> Autoencoder:
    """Train an autoencoder of a family on one or several files of a schema and write it.

    ``columns`` has patterns, separated by commas, of columns of one collection (or of fields of
    one shape, for grids). ``latent`` is the number of latents of an object, an event or a block,
    by default a third of the columns. All other arguments are those of `baler.train`.

    Raises UsageError (no such family, columns it cannot take, too few events, no PyTorch),
    SourceError, OSError.
    """
    info = family_of(family)
    settings = Settings(minutes, steps, device, seed)
    check_target(Path(target), overwrite=overwrite)
    need_torch()
    settings.torch_device()
    from baler.training.families.trained import train_family

    many = [sources] if isinstance(sources, str | os.PathLike) else list(sources)
    grid = info.kind == "grid"
    sample = sample_of(
        many, parse_size(memory), tree=tree, skip_unreadable=skip_unreadable, grid=grid
    )
    schema, whole = sample.schema, join_chunks([sample.trained, sample.held_out])
    asked = policy or Policy()
    wanted, notes = learnable(schema, asked, columns)
    chosen = one_collection(schema, wanted, grid=grid)
    frame = frame_of(schema, chosen[0]) if chosen[0].width > 1 else None
    counts = None if chosen[0].counts is None else whole.columns[chosen[0].counts]
    data = {column.name: whole.columns[column.name] for column in chosen}
    bounds = resolved_bounds(schema, asked, data)

    def tell(done: float, error: float) -> None:
        if progress is not None:
            progress(Step(family, done, error, None))

    trained = train_family(
        family,
        data,
        latent=latent or max(1, len(chosen) // 3),
        counts=counts,
        minutes=minutes,
        steps=steps,
        seed=seed,
        bounds=bounds,
        frame=frame,
        block=_shape(block),
        counts_name=chosen[0].counts or "",
        held_out=sample.held_out.entries,
        device=settings.torch_device().type,
        tell=tell,
    )
    judged = sample.held_out
    if not judged.entries:
        judged = whole
        notes = [*notes, "too few events to hold any out: errors are those of the training"]
    held = {column.name: judged.columns[column.name] for column in chosen}
    held_counts = None if counts is None else judged.columns[chosen[0].counts or ""]
    latents = trained.encode(held, held_counts)
    with replacing(Path(target), overwrite=overwrite) as path:
        path.write_bytes(trained.model.pack_all())
    back = trained.decode(latents, held_counts, judged.entries)
    values = max(1, sum(column.size for column in held.values()))
    if trained.unseen:
        notes = [*notes, f"{trained.unseen:,} values that are not finite were left out"]
    return Autoencoder(
        target=os.fspath(target),
        family=family,
        model_bytes=trained.model_bytes,
        sha256=trained.model.sha256,
        parameters=trained.parameters,
        steps=trained.steps,
        seconds=trained.seconds,
        held_out=sample.held_out.entries,
        bits=8 * trained.rate(latents) / values,
        columns=tuple(error_of(name, held[name], back[name]) for name in held),
        notes=(*sample.notes, *notes),
    )


def error_of(name: str, original: Array, decoded: Array) -> ColumnError:
    """Return how a column comes back; angles that look like ones differ by less than a turn."""
    seen = np.isfinite(original)
    x = original[seen].astype(np.float64)
    apart = decoded[seen].astype(np.float64) - x
    if name.lower().endswith("phi"):
        apart = np.remainder(apart + math.pi, 2 * math.pi) - math.pi
    error = float(np.sqrt((apart * apart).mean())) if x.size else 0.0
    deviation = float(x.std()) if x.size else 0.0
    return ColumnError(name, error, error / deviation if deviation else 0.0)


def one_collection(schema: Schema, wanted: set[str], *, grid: bool) -> list[Column]:
    """Return the wanted columns; raises UsageError unless they have equal lengths."""
    text = {name for item in schema.fields for name in _text(item.node)}
    counting = {column.counts for column in schema.columns}
    usable = [
        column for column in schema.columns
        if column.name in wanted and column.name not in text | counting
        and (column.width > 1) == grid
    ]  # fmt: skip
    if not usable:
        what = "fields of a grid" if grid else "columns with one value per object"
        raise UsageError(f"there are no {what} to learn")
    lengths = {(column.counts, column.width) for column in usable}
    if len(lengths) > 1:
        examples = [next(c.name for c in usable if (c.counts, c.width) == x) for x in lengths]
        raise UsageError(
            f"an autoencoder takes columns of one collection, but {some(sorted(examples))} differ "
            "in their lengths; choose some with columns"
        )
    return usable


def _text(node: Node) -> set[str]:
    """Return the columns of strings."""
    match node:
        case Leaf() | Fixed():
            return set()
    kind = getattr(node, "kind", "list")
    if kind in ("string", "bytes"):
        return set(columns_of(node))
    contents = getattr(node, "fields", None)
    if contents is not None:
        return set().union(*(_text(part) for _, part in contents)) if contents else set()
    return _text(node.content)  # type: ignore[union-attr]


def frame_of(schema: Schema, column: Column) -> tuple[int, ...]:
    """Return the shape of one entry of a grid."""
    for item in schema.fields:
        node, shape = item.node, []
        while isinstance(node, Fixed):
            shape.append(node.size)
            node = node.content
        if isinstance(node, Leaf) and node.column == column.name:
            return tuple(shape)
    return (column.width,)


def resolved_bounds(schema: Schema, policy: Policy, data: dict[str, Array]) -> dict[str, Bound]:
    """Return the bounds of columns, those that depend on a range as absolute ones."""
    found = {}
    for column, bound in zip(schema.columns, policy.bounds(schema), strict=True):
        if column.name in data and column.is_float:
            values = data[column.name]
            found[column.name] = bound.resolve(values) if isinstance(bound, Range) else bound
    return found


def _shape(block: str | Sequence[int] | None) -> tuple[int, ...] | None:
    if block is None:
        return None
    try:
        shape = tuple(int(n) for n in (block.split(",") if isinstance(block, str) else block))
    except ValueError:
        raise UsageError(f"cannot read {block!r} as a shape such as 1,25,25") from None
    if min(shape, default=0) < 1:
        raise UsageError(f"a block has a positive number of cells along each axis, not {shape}")
    return shape
