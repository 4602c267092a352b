"""What came of it: one JSON file, from which every table and plot is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from baler.report.plain import from_plain, load, save, to_plain

VERSION = 1
WHAT = "result of baler sensitivity"
COSTS = 0.01
"""A loss of significance with the same events that counts, if it is twice its uncertainty."""


@dataclass(frozen=True, slots=True)
class Treated:
    """A codec with a policy: what an event takes, and what the search makes of the same events."""

    codec: str
    policy: str
    bytes_per_event: float
    model_bytes: int
    significance: float  # expected, all events kept; nan where there is none
    limit: float  # 95 % CL, pb
    spurious: float  # strength of a signal that background alone seems to have; 1: as the signal's
    loss: float  # 1 - significance / that without compression
    loss_uncertainty: float  # by the same resampled events
    failure: str = ""

    @property
    def name(self) -> str:
        """The name in tables and plots."""
        return self.codec if self.policy == "exact" else f"{self.codec}, {self.policy}"

    @property
    def costs(self) -> bool:
        """Whether precision is lost that the search would miss."""
        return self.loss > max(COSTS, 2 * self.loss_uncertainty) or bool(self.failure)


@dataclass(frozen=True, slots=True)
class Curve:
    """A treatment at each budget."""

    treatment: str
    kept: tuple[float, ...]  # part of the events
    significance: tuple[float, ...]
    limit: tuple[float, ...]  # pb
    threshold: tuple[float, ...] = ()  # GeV, of a trigger that keeps all events above it
    prescale: tuple[float, ...] = ()  # of a trigger at its lowest threshold


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """All treatments at all budgets."""

    about: Mapping[str, Any]  # plain JSON: what was asked
    unit: str  # of a budget, "B/s" or "B"
    events: float  # that there are to be kept, per second or in all
    reference: Treated  # without compression
    treated: tuple[Treated, ...]
    budgets: tuple[float, ...]  # increasing
    asked: tuple[float, ...]  # those of them that were asked for
    curves: tuple[Curve, ...]
    version: int = VERSION

    def of(self, name: str) -> Treated:
        """Return a treatment by its name."""
        return next(one for one in (*self.treated, self.reference) if one.name == name)

    def curve(self, name: str) -> Curve:
        """Return the curve of a treatment."""
        return next(one for one in self.curves if one.treatment == name)

    @property
    def codecs(self) -> tuple[str, ...]:
        """The codecs, in their order."""
        return tuple(dict.fromkeys(one.codec for one in self.treated))

    def best(self, codec: str, what: str = "significance") -> tuple[str, ...]:
        """Return for each budget the treatment of a codec with most significance, or least limit.

        The coarsest of equals, so that a ladder of equal rungs is no ladder of gains.
        """
        chosen = [one for one in self.treated if one.codec == codec and not one.failure]
        if not chosen:
            return ()
        sign = 1 if what == "significance" else -1
        chosen.sort(key=lambda one: one.bytes_per_event)
        table = np.array([getattr(self.curve(one.name), what) for one in chosen])
        ranked = np.where(np.isnan(table), -np.inf, sign * table)
        return tuple(chosen[at].name for at in np.argmax(ranked, axis=0))

    def where_it_costs(self, codec: str) -> Treated | None:
        """Return the finest treatment of a codec that loses significance by itself, if any does."""
        found = [one for one in self.treated if one.codec == codec and one.costs]
        return max(found, key=lambda one: one.bytes_per_event, default=None)

    def free(self, codec: str) -> Treated | None:
        """Return the smallest treatment of a codec that loses at most COSTS, for all we know."""
        found = [
            one for one in self.treated
            if one.codec == codec and not one.failure
            and one.loss + one.loss_uncertainty <= COSTS
        ]  # fmt: skip
        return min(found, key=lambda one: one.bytes_per_event, default=None)

    def with_about(self, about: Mapping[str, Any]) -> Sensitivity:
        """Return it with more said of what was asked."""
        return replace(self, about={**self.about, **about})

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Sensitivity:
        """Invert `to_json`."""
        found: Sensitivity = from_plain(cls, content)
        return found

    def save(self, path: Path) -> None:
        """Write JSON, under its name when it is complete."""
        save(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Sensitivity:
        """Read what `save` wrote; raises UsageError for anything else."""
        return load(path, cls, WHAT, VERSION)
