"""What came of an evaluation: one JSON file, from which every table and plot is made."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from baler.errors import UsageError
from baler.evaluate.errors import ColumnErrors, Extent
from baler.evaluate.spread import Spread

VERSION = 1


@dataclass(frozen=True, slots=True)
class EventSet:
    """Events that candidates are judged by, as they were."""

    name: str
    entries: int
    values: int
    original: int  # bytes of all columns
    extents: Mapping[str, Extent]  # of columns that are judged
    edges: Mapping[str, tuple[float, ...]]  # of histograms of values
    counts: Mapping[str, tuple[int, ...]]
    correlated: tuple[str, ...] = ()  # columns of one length
    correlations: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Latent:
    """What one latent of a family says over all objects."""

    bits: float  # entropy of its values
    distinct: int


@dataclass(frozen=True, slots=True)
class Score:
    """A set of events through a candidate at a setting."""

    events: str
    size: int  # bytes, without a model
    compress_seconds: float  # CPU
    decompress_seconds: float
    verified: bool | None  # every value within its bound; None where none is promised
    zeros_moved: int
    worst: float  # largest error / bound at this setting; nan where none is promised
    by_deviation: float  # mean of columns of RMS error / standard deviation
    by_range: float  # mean of columns of RMS error / range
    largest: float  # largest error / range
    pulls: Spread  # of all columns, in units of their bounds at scale 1
    columns: tuple[ColumnErrors, ...]
    counts: Mapping[str, tuple[int, ...]]  # histograms of decoded values
    correlations: tuple[tuple[float, ...], ...] = ()
    latents: tuple[Latent, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A candidate at a setting."""

    candidate: str
    kind: str
    setting: str
    scale: float
    latent: int | None
    model_bytes: int
    parameters: int
    train_seconds: float  # CPU
    scores: tuple[Score, ...]

    def score(self, events: str) -> Score | None:
        """Return the score on a set of events."""
        return next((score for score in self.scores if score.events == events), None)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All candidates on the same events."""

    about: Mapping[str, Any]  # plain JSON: what was asked, with which version, where
    sets: tuple[EventSet, ...]
    bounds: Mapping[str, str]  # at scale 1
    points: tuple[Point, ...] = ()
    skipped: Mapping[str, str] | None = None  # candidate -> reason

    def with_point(self, point: Point) -> Evaluation:
        """Return the evaluation with one more point."""
        return replace(self, points=(*self.points, point))

    def has(self, candidate: str, setting: str) -> bool:
        """Tell whether a point is there."""
        return any((p.candidate, p.setting) == (candidate, setting) for p in self.points)

    @property
    def candidates(self) -> tuple[str, ...]:
        """The names of the candidates that have points."""
        return tuple(dict.fromkeys(point.candidate for point in self.points))

    def of(self, candidate: str) -> tuple[Point, ...]:
        """Return the points of a candidate."""
        return tuple(point for point in self.points if point.candidate == candidate)

    def events(self, name: str) -> EventSet:
        """Return a set of events by its name."""
        return next(events for events in self.sets if events.name == name)

    def rate(self, score: Score, model_bytes: int = 0) -> float:
        """Return bits per value, of a model too if its bytes are given."""
        return 8 * (score.size + model_bytes) / max(self.events(score.events).values, 1)

    def ratio(self, score: Score, model_bytes: int = 0) -> float:
        """Return original bytes over bytes, of a model too if its bytes are given."""
        size = score.size + model_bytes
        return self.events(score.events).original / size if size else math.nan

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON: nan is null, infinities are strings; floats have six digits."""
        content: dict[str, Any] = {"version": VERSION, **_plain(self)}
        for point in content["points"]:
            for score in point["scores"]:
                own, whole = self.events(score["events"]), score["size"] + point["model_bytes"]
                score["bits_per_value"] = _plain(8 * score["size"] / max(own.values, 1))
                score["ratio"] = _plain(own.original / max(score["size"], 1))
                score["ratio_with_model"] = _plain(own.original / max(whole, 1))
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Evaluation:
        """Invert `to_json`; raises UsageError for what is no such result."""
        if content.get("version") != VERSION:
            found = content.get("version")
            raise UsageError(f"this is no result of an evaluation of version {VERSION}: {found!r}")
        try:
            return _evaluation(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(f"this is no result of an evaluation: {error!r}") from error

    def save(self, path: Path) -> None:
        """Write the file, under its name when it is complete."""
        beside = path.with_name(path.name + ".new")
        text = json.dumps(self.to_json(), allow_nan=False, separators=(",", ":"))
        beside.write_text(text + "\n", "utf-8")
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> Evaluation:
        """Read the file; raises UsageError for what is no such result."""
        try:
            content = json.loads(path.read_text("utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"{path} is not JSON: {error}") from error
        if not isinstance(content, dict):
            raise UsageError(f"{path} is no result of an evaluation")
        try:
            return cls.from_json(content)
        except UsageError as error:
            error.add_note(f"in {path}")
            raise


def _plain(value: Any) -> Any:
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            if math.isnan(value):
                return None
            return float(f"{value:.6g}") if math.isfinite(value) else str(value)
        case Spread():
            return value.to_json()
        case Mapping():
            return {str(name): _plain(item) for name, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
    return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _flat(kind: type[Any], content: Mapping[str, Any], **made: Any) -> Any:
    """Return a dataclass of plain members, but for those that are made already."""
    members = {
        f.name: _number(content[f.name]) if f.type == "float" else content[f.name]
        for f in fields(kind)
        if f.name not in made
    }
    return kind(**members, **made)


def _numbers(rows: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(row) for name, row in rows.items()}


def _matrix(rows: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(map(_number, row)) for row in rows)


def _evaluation(content: Mapping[str, Any]) -> Evaluation:
    sets = tuple(
        _flat(
            EventSet,
            one,
            extents={name: _flat(Extent, extent) for name, extent in one["extents"].items()},
            edges=_numbers(one["edges"]),
            counts=_numbers(one["counts"]),
            correlated=tuple(one["correlated"]),
            correlations=_matrix(one["correlations"]),
        )
        for one in content["sets"]
    )
    points = tuple(
        _flat(Point, one, scores=tuple(map(_score, one["scores"]))) for one in content["points"]
    )
    return _flat(Evaluation, content, sets=sets, points=points)  # type: ignore[no-any-return]


def _score(content: Mapping[str, Any]) -> Score:
    spreads = ("spread", "responses")
    return _flat(  # type: ignore[no-any-return]
        Score,
        content,
        pulls=Spread.from_json(content["pulls"]),
        columns=tuple(
            _flat(ColumnErrors, one, **{name: Spread.from_json(one[name]) for name in spreads})
            for one in content["columns"]
        ),
        counts=_numbers(content["counts"]),
        correlations=_matrix(content["correlations"]),
        latents=tuple(_flat(Latent, one) for one in content["latents"]),
    )
