"""All candidates on the same events."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from baler.core.bounds import Bound
from baler.core.chunk import Array, Chunk
from baler.core.verdict import judge
from baler.errors import BalerError, UsageError
from baler.evaluate.candidates import Candidate, Coded
from baler.evaluate.errors import Extent, column_errors, correlations, overall
from baler.evaluate.events import Events
from baler.evaluate.result import Evaluation, EventSet, Latent, Point, Score
from baler.evaluate.spread import Spread, together
from baler.report.distribution import counts_in, edges_of

Progress = Callable[[str, str, int, int], None]
"""Called with the names of candidate and step, the points done and the points in all."""

CORRELATED = 32
"""Columns whose correlations are looked at, at most."""


def evaluate(
    events: Events,
    candidates: Sequence[Candidate],
    *,
    scales: Sequence[float] = (1.0,),
    latents: Sequence[int] = (4, 8, 14),
    about: Mapping[str, Any] | None = None,
    earlier: Evaluation | None = None,
    save: Callable[[Evaluation], None] = lambda found: None,
    progress: Progress = lambda name, step, done, total: None,
) -> Evaluation:
    """Try each candidate at each of its settings on each set of events.

    Points that ``earlier`` has are kept, and not measured again. ``save`` is called after each
    point. A candidate that cannot be used, or that fails, is skipped with the reason. Raises
    UsageError if ``earlier`` is of other events or bounds, or was asked for otherwise.
    """
    about = {**_about(), **(about or {})}
    known = {name: str(bound) for name, bound in events.bounds.items() if bound.lossy}
    sets = tuple(_described(events, name, chunk) for name, chunk in events.sets.items())
    found = Evaluation(about, sets, known)
    if earlier is not None:
        _check_same(found, earlier)
        found = replace(found, points=earlier.points)
    skipped = {c.name: reason for c in candidates if (reason := c.missing())}
    wanted = [
        (candidate, setting)
        for candidate in candidates
        if candidate.name not in skipped
        for setting in candidate.settings(events, scales, latents)
    ]
    for done, (candidate, setting) in enumerate(wanted):
        name = candidate.name
        if found.has(name, str(setting)) or name in skipped:
            continue

        def told(step: str, name: str = f"{name}, {setting}", done: int = done) -> None:
            progress(name, step, done, len(wanted))

        told("preparing")
        try:
            coder = candidate.coder(events, setting, told)
            coded = {}
            for events_name, chunk in events.sets.items():
                told(events_name)
                coded[events_name] = coder.code(chunk)
        except Exception as error:  # what foreign compressors and networks raise is not known
            said = (
                str(error) if isinstance(error, BalerError) else f"{type(error).__name__}: {error}"
            )
            skipped[name] = f"{setting}: {said}"
            continue
        point = Point(
            candidate=name,
            kind=candidate.kind,
            setting=str(setting),
            scale=setting.scale,
            latent=setting.latent,
            model_bytes=coder.model_bytes,
            parameters=coder.parameters,
            train_seconds=coder.train_seconds,
            scores=tuple(
                _score(events, events_name, candidate, setting.scale, there_and_back)
                for events_name, there_and_back in coded.items()
            ),
        )
        found = found.with_point(point)
        save(found)
    return Evaluation(about, sets, known, found.points, skipped)


MAY_DIFFER = ("baler", "python", "machine", "date", "scales", "latents")
"""What need not be the same for a result to be added to."""


def _check_same(now: Evaluation, earlier: Evaluation) -> None:
    """Raise UsageError unless points of both can stand in one plot."""
    keys = sorted((now.about.keys() | earlier.about.keys()) - set(MAY_DIFFER))
    differ = [key for key in keys if now.about.get(key) != earlier.about.get(key)]
    if now.bounds != earlier.bounds:
        differ.append("bounds")
    if [(s.name, s.entries, s.values) for s in now.sets] != [
        (s.name, s.entries, s.values) for s in earlier.sets
    ]:
        differ.append("events")
    if differ:
        raise UsageError(f"the result that is there was asked for otherwise: {', '.join(differ)}")


def _about() -> dict[str, Any]:
    return {
        "baler": _version(),
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }


def _version() -> str:
    try:
        return importlib.metadata.version("baler")
    except importlib.metadata.PackageNotFoundError:
        return ""


def judged(events: Events) -> list[str]:
    """Return the columns whose errors are looked at: all but booleans and counts of others."""
    counts = {column.counts for column in events.schema.columns}
    return [
        column.name
        for column in events.schema.columns
        if column.name not in counts and column.dtype.kind != "b"
    ]


def correlated(events: Events) -> list[str]:
    """Return columns of one length: those of the largest collection."""
    groups: dict[str | None, list[str]] = {}
    for name in judged(events):
        column = events.schema.by_name[name]
        if column.width == 1:
            groups.setdefault(column.counts, []).append(name)
    largest = max(groups.values(), key=len, default=[])
    return largest[:CORRELATED] if len(largest) > 1 else []


def _described(events: Events, name: str, chunk: Chunk) -> EventSet:
    columns = judged(events)
    edges = {column: edges_of(chunk.columns[column]) for column in columns}
    names = correlated(events)
    return EventSet(
        name=name,
        entries=chunk.entries,
        values=sum(array.size for array in chunk.columns.values()),
        original=chunk.nbytes,
        extents={column: Extent.of(column, chunk.columns[column]) for column in columns},
        edges={column: tuple(found.tolist()) for column, found in edges.items()},
        counts={column: counts_in(chunk.columns[column], edges[column]) for column in columns},
        correlated=tuple(names),
        correlations=_matrix({column: chunk.columns[column] for column in names}),
    )


def _matrix(columns: Mapping[str, Array]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row) for row in correlations(columns).tolist()) if columns else ()


def _score(events: Events, name: str, candidate: Candidate, scale: float, coded: Coded) -> Score:
    original = events.sets[name]
    promise = _promise(events, original, coded, scale) if candidate.bounded else None
    extents = {column: Extent.of(column, original.columns[column]) for column in judged(events)}
    detailed = name == next(iter(events.sets))  # spreads are most of the result's bytes
    errors, pulls = [], []
    for column, extent in extents.items():
        bound = events.bounds[column]
        sigma = None if bound.parent is None else original.columns[bound.parent]
        decoded = coded.columns[column]
        values = original.columns[column]
        one, pull = column_errors(column, values, decoded, extent, bound, sigma)
        errors.append(one if detailed else replace(one, spread=Spread(), responses=Spread()))
        pulls.append(pull)
    by_deviation, by_range, largest = overall(errors, extents)
    return Score(
        events=name,
        size=coded.size,
        compress_seconds=coded.compress_seconds,
        decompress_seconds=coded.decompress_seconds,
        verified=None if promise is None else promise.kept,
        zeros_moved=0 if promise is None else promise.zeros_moved,
        worst=float("nan") if promise is None else promise.worst,
        by_deviation=by_deviation,
        by_range=by_range,
        largest=largest,
        pulls=together(pulls),
        columns=tuple(errors),
        counts={
            column: counts_in(coded.columns[column], edges_of(original.columns[column]))
            for column in extents
        },
        correlations=_matrix({column: coded.columns[column] for column in correlated(events)}),
        latents=_occupancy(coded),
    )


@dataclass(frozen=True, slots=True)
class _Promise:
    kept: bool
    worst: float
    zeros_moved: int


def _promise(events: Events, original: Chunk, coded: Coded, scale: float) -> _Promise:
    """Return whether every value of every column is within its bound."""
    bounds: Mapping[str, Bound] = events.at(scale)
    verdicts = [
        judge(
            bound,
            original.columns[column],
            coded.columns[column],
            None if bound.parent is None else coded.columns[bound.parent],
        )
        for column, bound in bounds.items()
    ]
    return _Promise(
        all(verdict.kept for verdict in verdicts),
        max((verdict.worst for verdict in verdicts), default=0.0),
        sum(verdict.zeros_moved for verdict in verdicts),
    )


def _occupancy(coded: Coded) -> tuple[Latent, ...]:
    """Return the entropy of each latent, and how many values it takes."""
    if coded.latents is None:
        return ()
    found = []
    for column in np.asarray(coded.latents).reshape(len(coded.latents), -1).T:
        _, counts = np.unique(column, return_counts=True)
        part = counts / max(counts.sum(), 1)
        found.append(Latent(float(-(part * np.log2(part)).sum()) + 0.0, int(counts.size)))
    return tuple(found)
