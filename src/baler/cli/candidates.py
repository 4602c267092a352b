"""Candidates of ``baler evaluate`` that are trained: here evaluation and training meet."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from baler.core.bounds import Bound
from baler.core.chunk import Array, Chunk
from baler.core.schema import Column, Schema
from baler.errors import UsageError, near
from baler.evaluate import candidates as untrained
from baler.evaluate.candidates import (
    Candidate,
    Coded,
    FamilyCandidate,
    LearnedCandidate,
    Ours,
    Setting,
    Told,
)
from baler.evaluate.events import Events
from baler.learned.model import Model
from baler.planning import Policy


@dataclass(frozen=True, slots=True)
class Length:
    """How long each training takes, and what its random numbers are drawn from."""

    minutes: float = 2.0
    steps: int | None = None  # instead of minutes
    seed: int = 0


def select(patterns: str | None, length: Length) -> list[Candidate]:
    """Return the candidates whose names match any of some patterns, separated by commas.

    Without patterns: the usual peers, and ours with and without a model. Raises UsageError if a
    pattern matches none.
    """
    known = all_candidates(length)
    if patterns is None:
        usual = {*untrained.USUAL, Ours().name, LEARNED}
        return [candidate for candidate in known if candidate.name in usual]
    wanted = [pattern.strip() for pattern in patterns.split(",")]
    names = [candidate.name for candidate in known]
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in names):
            hint = near(pattern, names, limit=len(names))
            raise UsageError(f"no candidate matches {pattern!r}{hint}")
    return [c for c in known if any(fnmatchcase(c.name, pattern) for pattern in wanted)]


LEARNED = "baler + learned model"


def all_candidates(length: Length) -> list[Candidate]:
    """Return everything that can be compared."""
    from baler.training.families import families

    why_not = _without_torch()
    return [
        *untrained.peers(),
        Ours(),
        LearnedCandidate(lambda *asked: train_model(length, *asked), why_not, LEARNED),
        *(
            FamilyCandidate(
                name, lambda *asked, name=name: train_family(name, length, *asked), why_not
            )
            for name in families()
        ),
        *(
            FamilyCandidate(
                f"{name} + bounds",
                lambda *asked, name=name: train_bounded(name, length, *asked),
                why_not,
                bounded=True,
            )
            for name in families()
        ),
    ]


def _without_torch() -> str:
    from baler.training import need_torch

    try:
        need_torch()
    except UsageError as error:
        return str(error)
    return ""


def train_model(
    length: Length, events: Events, bounds: Mapping[str, Bound], told: Told, columns: str = "*"
) -> Model | None:
    """Train a learned model on the first part of events; None if it saves nothing.

    ``columns`` has patterns of those to learn; others are only looked at.
    """
    from baler.api.models import load
    from baler.io import create_sink
    from baler.training import Step, train

    def progress(step: Step) -> None:
        told(f"{step.collection} {step.done:.0%}, {step.bits:.2f} bits per value")

    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / f"events{_suffix(events.schema)}", Path(folder) / "model"
        with create_sink(source, events.schema) as sink:
            sink.write(events.trained)
        done = train(
            source, target, policy=Policy.of_columns(bounds), columns=columns,
            minutes=length.minutes, steps=length.steps, seed=length.seed, progress=progress,
        )  # fmt: skip
        model = load(target) if done.written else None
        return model if isinstance(model, Model) else None


def _suffix(schema: Schema) -> str:
    kind = schema.source.get("kind")
    return {"npz": ".npz", "parquet": ".parquet"}.get(str(kind), ".root")


@dataclass(frozen=True)
class _Member:
    """A trained member of a family."""

    trained: Any

    @property
    def model_bytes(self) -> int:
        return int(self.trained.model_bytes)

    @property
    def parameters(self) -> int:
        return int(self.trained.parameters)


@dataclass(frozen=True)
class _Coded(_Member):
    """A member of a family, and what it does not code through a file of ours."""

    coded: tuple[Column, ...]
    others: Schema
    shape: tuple[int, ...]
    bounds: Mapping[str, Bound]

    def code(self, chunk: Chunk) -> Coded:
        """Code the columns of one collection with the family, and all others without a model."""
        import time

        counts = counts_of(self.coded, chunk)
        start = time.process_time()
        latents = self.trained.encode(data_of(self.coded, chunk, self.shape), counts)
        size = int(self.trained.rate(latents))
        middle = time.process_time()
        decoded = self.trained.decode(latents, counts, chunk.entries)
        end = time.process_time()
        columns = {name: np.asarray(values).reshape(-1) for name, values in decoded.items()}
        seconds = [middle - start, end - middle]
        if self.others.columns:
            names = [column.name for column in self.others.columns]
            rest = Chunk(chunk.entries, {name: chunk.columns[name] for name in names})
            bounds = {name: self.bounds[name] for name in names}
            beside = untrained.through_a_file(self.others, rest, bounds)
            size += beside.size
            seconds[0] += beside.compress_seconds
            seconds[1] += beside.decompress_seconds
            columns |= beside.columns
        return Coded(size, columns, seconds[0], seconds[1], _matrix(latents))


def train_family(name: str, length: Length, events: Events, setting: Setting, told: Told) -> _Coded:
    """Train a member of a family on the collection with most values; the rest is coded by ours."""
    coded = columns_for(events)
    trained = _trained(name, length, events, coded, setting.latent or 1, {}, told)
    others = without(events.schema, {column.name for column in coded})
    return _Coded(trained, coded, others, events.shape, events.bounds)


@dataclass(frozen=True)
class _Bounded(_Member):
    """A member of a family as the model of a file of ours, which keeps bounds."""

    schema: Schema
    bounds: Mapping[str, Bound]

    def code(self, chunk: Chunk) -> Coded:
        return untrained.through_a_file(self.schema, chunk, self.bounds, self.trained.model)


def train_bounded(
    name: str, length: Length, events: Events, setting: Setting, told: Told
) -> _Bounded:
    """Train a member of a family for bounds."""
    bounds = events.at(setting.scale)
    coded = columns_for(events)
    trained = _trained(name, length, events, coded, setting.latent or 1, bounds, told)
    return _Bounded(trained, events.schema, bounds)


def _trained(
    name: str,
    length: Length,
    events: Events,
    coded: Sequence[Column],
    latent: int,
    bounds: Mapping[str, Bound],
    told: Told,
) -> Any:
    from baler.training.families import train_family as train

    return train(
        name,
        data_of(coded, events.trained, events.shape),
        latent=latent,
        counts=counts_of(coded, events.trained),
        counts_name=coded[0].counts or "",
        bounds={c.name: bounds[c.name] for c in coded if c.is_float and c.name in bounds},
        minutes=length.minutes,
        steps=length.steps,
        seed=length.seed,
        tell=lambda done, error: told(f"{done:.0%}, held-out loss {error:.3g}"),
    )


def columns_for(events: Events) -> tuple[Column, ...]:
    """Return the columns that a family codes: one field on a grid, or the largest collection.

    Columns of counts are left out; so are booleans and constant columns, which are cheaper exact.
    """
    if events.shape:
        return events.schema.columns
    counts = {column.counts for column in events.schema.columns}
    groups: dict[str | None, list[Column]] = {}
    for column in events.schema.columns:
        values = events.trained.columns[column.name]
        varies = values.size and bool(np.any(values != values[0]))
        if column.width == 1 and column.name not in counts and column.dtype.kind != "b" and varies:
            groups.setdefault(column.counts, []).append(column)
    if not groups:
        raise UsageError("there are no columns of numbers that vary")

    def size(group: Iterable[Column]) -> int:
        return sum(events.trained.columns[column.name].size for column in group)

    return tuple(max(groups.values(), key=size))


def data_of(columns: Iterable[Column], chunk: Chunk, shape: tuple[int, ...]) -> dict[str, Array]:
    """Return arrays as families take them: (objects,), or (entries, *shape) of a grid."""
    found = {column.name: chunk.columns[column.name] for column in columns}
    return {name: values.reshape(-1, *shape) if shape else values for name, values in found.items()}


def counts_of(columns: Sequence[Column], chunk: Chunk) -> Array | None:
    """Return the objects of each event; None for columns of events."""
    counts = columns[0].counts
    return None if counts is None else chunk.columns[counts].astype(np.int64)


def without(schema: Schema, names: set[str]) -> Schema:
    """Return a schema without some columns that are not counts of others, nor fields of them."""
    from baler.core.schema import columns_of

    fields = tuple(f for f in schema.fields if not names & set(columns_of(f.node)))
    columns = tuple(column for column in schema.columns if column.name not in names)
    return Schema(columns, fields, schema.source)


def _matrix(latents: Any) -> Any:
    """Return latents of objects as one matrix; those of whole events are left out."""
    parts = [np.asarray(part) for part in latents]
    rows = max((part.shape[0] for part in parts), default=0)
    wide = [part.reshape(rows, -1) for part in parts if part.ndim and part.shape[0] == rows]
    return np.concatenate(wide, axis=1) if wide else None
