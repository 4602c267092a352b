"""What the search sees: what levels cost, and what they do to the first part of the events."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from baler.core.bounds import Bound, Range
from baler.core.schema import columns_of
from baler.errors import UsageError
from baler.physics.compressed import compressed
from baler.physics.events import Events
from baler.physics.tuning import search
from baler.physics.tuning.compressor import column_alone
from baler.physics.tuning.distance import moved
from baler.physics.tuning.finding import Finding, worst
from baler.physics.tuning.ladder import Ladder, in_order, ladders
from baler.physics.tuning.paired import Paired
from baler.physics.tuning.request import Report, Request, matching
from baler.physics.tuning.search import Levels

SAVES = 0.99
"""A column whose bound does not make it smaller than this part of its exact bytes stays exact."""


class Seen:
    """The first part of the events, on which levels of columns are tried; all is remembered."""

    def __init__(self, request: Request, report: Report) -> None:
        """Measure before compression; raises UsageError for what cannot be tested."""
        self.request, self.report = request, report
        self.events = request.seen()
        self.main = next(iter(self.events.values()))
        settings = request.settings
        part = settings.sample_bytes / max(self.main.chunk.nbytes, 1)
        self.sample = self.main.between(0, max(1, round(min(part, 1.0) * len(self.main))))
        self.ladders = _ladders(request, self.main)
        needed = (one for one in self.main.schema.fields if one.name in request.analysis.needs)
        self.read = {n for one in needed for n in columns_of(one.node)} & self.ladders.keys()
        self.paired = Paired(
            request.analysis, self.events, bootstraps=settings.searching, seed=settings.seed
        )
        self.pairs, self.untested = self.paired.testable(request.of_analysis)
        self._decoded: dict[tuple[str, ...], Any] = {}
        self._costs: dict[tuple[str, ...], int] = {}
        self._uses: dict[tuple[tuple[str, float], ...], float] = {}
        self.tops = self._tops()

    def bounds(self, levels: Levels) -> dict[str, Bound]:
        """Return the bounds of levels, in the order of the columns."""
        return {
            name: ladder.bound(levels[name])
            for name, ladder in self.ladders.items() if name in levels
        }  # fmt: skip

    def cost(self, name: str, level: float) -> int:
        """Return the bytes of a column of the sample."""
        bounds = self.bounds({**self.tops, name: level})
        key = _key(name, bounds)
        if key not in self._costs:
            self._costs[key] = column_alone(self.sample, name, bounds)[1]
        return self._costs[key]

    def saves(self, name: str, level: float) -> bool:
        """Tell whether a column of the sample is smaller at a level than exact."""
        return self.cost(name, level) < SAVES * column_alone(self.sample, name, {})[1]

    def findings(self, levels: Levels) -> list[Finding]:
        """Return what the analysis finds with columns at levels, all others exact."""
        after = {}
        for role, events in self.events.items():
            names = [n for n in levels if n in self.read and n in events.schema.by_name]
            after[role] = events.with_columns({n: self._column(role, n, levels) for n in names})
        return self.paired.findings(after, self.pairs)

    def used(self, levels: Levels) -> float:
        """Return the largest part of a limit that this uses."""
        key = tuple(sorted(levels.items()))
        if key not in self._uses:
            found = worst(self.findings(levels), self.request.z)
            self._uses[key] = 0.0 if found is None else found.used(self.request.z)
        return self._uses[key]

    def told(self, levels: Levels) -> float:
        """Return the largest part of a limit on a classifier that all columns at levels use."""
        self.report("a classifier", 0, 0)
        bounds = self.bounds(levels)
        after = compressed(self.main, bounds).events
        found = [
            self.request.tell(one, "seen", self.main, after, bounds)
            for one in self.request.of_events
        ]
        return max((one.used(self.request.z) for one in found), default=0.0)

    def _column(self, role: str, name: str, levels: Levels) -> Any:
        """Return a column there and back."""
        events = self.events[role]
        levels = {**self.tops, **levels}  # those of columns of uncertainties
        bounds = self.bounds({n: at for n, at in levels.items() if n in events.schema.by_name})
        key = (role, *_key(name, bounds))
        if key not in self._decoded:
            self._decoded[key] = column_alone(events, name, bounds)[0]
        return self._decoded[key]

    def _tops(self) -> dict[str, float]:
        """Return the highest levels that the requirements on columns allow."""
        tops: dict[str, float] = {}
        later = next(iter(self.request.held_out(self.request.samples).values()))
        for number, name in enumerate(in_order(self.ladders)):
            self.report(f"distribution of {name}", number, len(self.ladders))
            asked = [one for one in self.request.of_columns if matching(one, [name])]
            top: float | None = self.ladders[name].top
            if asked:
                strictest = min(asked, key=lambda one: one.limit)
                sizes = [one.chunk.columns[name].size for one in (self.sample, later)]
                needed = (1 + self.request.z) / strictest.limit  # one value more would break it
                if min(sizes) < needed:
                    self.untested.append(
                        f"{strictest}: {name}: it has too few values to tell, {min(sizes)}; needed "
                        f"{math.ceil(needed)}; it stays exact"
                    )
                    continue
                use = partial(self._moved, name, strictest.limit, dict(tops))
                top = search.highest(search.climb(self.ladders[name].top, use))
            if top is not None:
                tops[name] = top
        return tops

    def _moved(self, name: str, limit: float, others: Levels, level: float) -> float:
        """Return the part of a limit that the distance of a column at a level uses."""
        bounds = self.bounds({**others, name: level})
        after = column_alone(self.sample, name, bounds)[0]
        found = moved(self.sample.chunk.columns[name], after)
        return (found.value + self.request.z * found.uncertainty) / limit


def _ladders(request: Request, events: Events) -> dict[str, Ladder]:
    start: Sequence[Bound] | None = None
    if request.settings.start is not None:
        asked = request.settings.start.bounds(events.schema)
        start = [
            bound.resolve(events.chunk.columns[column.name]) if isinstance(bound, Range) else bound
            for column, bound in zip(events.schema.columns, asked, strict=True)
        ]
    found = ladders(events.schema, events.chunk, exact=request.settings.exact, start=start)
    if not found:
        raise UsageError(f"{events.name} has no column that may have a bound")
    return found


def _key(name: str, bounds: Mapping[str, Bound]) -> tuple[str, ...]:
    """Return what a column there and back depends on: its bound, and that of its uncertainties."""
    found, at = [name], bounds.get(name)
    while at is not None:
        found.append(str(at))
        at = None if at.parent is None else bounds.get(at.parent)
    return tuple(found)
