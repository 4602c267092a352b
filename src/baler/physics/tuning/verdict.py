"""What a policy does to all events, and to those that the search did not see."""

from __future__ import annotations

from collections.abc import Mapping

from baler.core.bounds import Bound
from baler.physics.compressed import Compressed, compressed
from baler.physics.events import Events
from baler.physics.tuning.distance import moved
from baler.physics.tuning.finding import Finding
from baler.physics.tuning.paired import Paired
from baler.physics.tuning.request import Request, matching
from baler.physics.tuning.requirements import Requirement
from baler.physics.tuning.seen import SAVES

ALL, HELD_OUT = "all", "held out"


class Verdict:
    """All events, before compression and after: what requirements are judged by."""

    def __init__(self, request: Request) -> None:
        """Measure before compression."""
        self.request = request
        self.before = {HELD_OUT: request.held_out(request.samples), ALL: request.samples}
        settings = request.settings
        self.paired = {
            which: Paired(
                request.analysis, events, bootstraps=settings.bootstraps, seed=settings.seed + 1
            )
            for which, events in self.before.items()
        }
        self.pairs, untested = {}, dict[str, list[str]]()
        for which, paired in self.paired.items():
            self.pairs[which], reasons = paired.testable(request.of_analysis)
            for why in reasons:
                untested.setdefault(why, []).append(which)
        self.untested = [
            why if len(sets) == len(self.paired) else f"{why} ({sets[0]} events)"
            for why, sets in untested.items()
        ]
        self.exact = compressed(request.main, {})

    def compressed(self, bounds: Mapping[str, Bound]) -> dict[str, Compressed]:
        """Return all events of each role there and back."""
        return {
            role: compressed(one, {n: b for n, b in bounds.items() if n in one.schema.by_name})
            for role, one in self.request.samples.items()
        }

    def saves(self, name: str, whole: Compressed) -> bool:
        """Tell whether a column is smaller than without a bound."""
        return whole.columns[name] < SAVES * self.exact.columns[name]

    def judge(
        self, whole: Mapping[str, Compressed], bounds: Mapping[str, Bound]
    ) -> dict[str, list[Finding]]:
        """Return what became of each requirement, by the events that tell."""
        request = self.request
        every = {role: one.events for role, one in whole.items()}
        after = {HELD_OUT: request.held_out(every), ALL: every}
        found = {}
        for which, paired in self.paired.items():
            before, later = (next(iter(one[which].values())) for one in (self.before, after))
            findings = paired.findings(after[which], self.pairs[which])
            findings += [
                _distance(requirement, name, before, later)
                for requirement in request.of_columns
                for name in matching(requirement, bounds)
            ]
            findings += [
                request.tell(one, which, before, later, bounds) for one in request.of_events
            ]
            found[which] = findings
        return found


def _distance(requirement: Requirement, name: str, before: Events, after: Events) -> Finding:
    found = moved(before.chunk.columns[name], after.chunk.columns[name])
    return Finding(requirement, name, found.value, found.uncertainty)
