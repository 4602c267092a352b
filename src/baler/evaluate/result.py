"""What came of an evaluation: one JSON file, from which every table and plot is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baler.evaluate.errors import ColumnErrors, Extent
from baler.evaluate.spread import Spread
from baler.report import plain

VERSION = 1
WHAT = "result of an evaluation"


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
        content: dict[str, Any] = {"version": VERSION, **plain.to_plain(self)}
        for point in content["points"]:
            for score in point["scores"]:
                own, whole = self.events(score["events"]), score["size"] + point["model_bytes"]
                score["bits_per_value"] = plain.to_plain(8 * score["size"] / max(own.values, 1))
                score["ratio"] = plain.to_plain(own.original / max(score["size"], 1))
                score["ratio_with_model"] = plain.to_plain(own.original / max(whole, 1))
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Evaluation:
        """Invert `to_json`; raises UsageError for what is no such result."""
        return plain.parsed(content, cls, WHAT, VERSION)

    def save(self, path: Path) -> None:
        """Write the file, under its name when it is complete."""
        plain.save(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Evaluation:
        """Read the file; raises UsageError for what is no such result."""
        return plain.load(path, cls, WHAT, VERSION)
