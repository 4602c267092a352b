"""From requirements to a policy, and the evidence that it keeps them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from baler.api.card import Card
from baler.errors import UsageError, some
from baler.physics.tuning import search
from baler.physics.tuning.evidence import card
from baler.physics.tuning.finding import Finding, worst
from baler.physics.tuning.request import Report, Request, matching
from baler.physics.tuning.search import Levels
from baler.physics.tuning.seen import Seen
from baler.physics.tuning.verdict import Verdict
from baler.planning import Policy

LOOKS = 8
"""How often the held-out events are asked, with ever finer bounds."""
BACK, MOST_BACK = 0.25, 2.0
"""Doublings that columns are made finer by if those do not agree: as harm shrinks with the step, as
many as it is too large by, but at least so many, once more at each look, and at most so many."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """A policy, and its report card."""

    policy: Policy
    card: Card


def tune(request: Request, report: Report = lambda what, done, total: None) -> Tuned:
    """Return the policy that takes the fewest bytes of those tried that keep all requirements.

    The search sees the first part of the events; the policy is judged by the rest, and by all. If
    they do not agree, the columns concerned are made finer until they do, and the card says how
    often they were asked.

    Raises UsageError for a requirement that cannot be tested with these events, or that no bound
    keeps.
    """
    report("the analysis before compression", 0, 0)
    verdict = Verdict(request)  # first, as it says what cannot be tested
    seen = Seen(request, report)
    free = {name: top for name, top in seen.tops.items() if name not in seen.read}
    levels: Levels = {**free, **_for_analysis(seen)}
    if request.of_events:
        levels = _for_classifier(seen, levels)
    broken: list[Finding] = []
    for look in range(1, LOOKS + 1):
        report(f"verdict {look}", 0, 0)
        whole = verdict.compressed(seen.bounds(levels))
        main = next(iter(whole.values()))
        useless = [name for name in levels if not verdict.saves(name, main)]
        if useless:
            levels = {name: level for name, level in levels.items() if name not in useless}
            whole = verdict.compressed(seen.bounds(levels))
            main = next(iter(whole.values()))
        bounds = seen.bounds(levels)
        judged = verdict.judge(whole, bounds)
        broken = [one for found in judged.values() for one in found if not one.holds(request.z)]
        if not broken:
            evidence = card(
                request, judged, bounds, exact=verdict.exact, tuned=main, looks=look,
                untested=[*seen.untested, *verdict.untested], notes=_notes(seen, levels),
            )  # fmt: skip
            return Tuned(Policy.of_columns(bounds), evidence)
        told = request.told_of() if request.of_events else set()
        levels = _finer(levels, broken, seen.read, told, request.z, BACK * look)
    last = worst(broken, request.z)
    raise UsageError(
        f"the held-out events do not agree after {LOOKS} looks, with ever finer bounds: "
        f"{last.requirement if last else ''}, {last}; more events are needed"
    )


def _for_analysis(seen: Seen) -> Levels:
    """Return the levels of the columns that the analysis reads."""
    tops = {name: top for name, top in seen.tops.items() if name in seen.read}
    if not seen.pairs or not tops:
        return tops
    alone = {}
    for number, name in enumerate(tops):
        seen.report(f"harm of {name}", number, len(tops))
        alone[name] = search.climb(tops[name], partial(_used_by, seen, name))
    allowed = {name: top for name in tops if (top := search.highest(alone[name])) is not None}
    seen.report("all columns together", 0, 0)
    found = search.tuned(allowed, alone, seen.cost, seen.used)
    limiting = {
        name: min((at for at in used if used[at] > 1), default=None) for name, used in alone.items()
    }
    if not any(seen.saves(name, level) for name, level in found.items()):
        for name, level in limiting.items():
            if level is not None:
                raise _unmet(seen, name, level)
    return found


def _unmet(seen: Seen, name: str, level: float) -> UsageError:
    """Return the error that no bound that is of use keeps a requirement."""
    finding = worst(seen.findings({name: level}), seen.request.z)
    assert finding is not None
    return UsageError(
        f"no bound that saves bytes keeps {str(finding.requirement)!r}: with {name!r} at "
        f"{str(seen.ladders[name].bound(level))!r}, {finding}; allow more, take more events, or "
        "leave the columns that the analysis reads exact"
    )


def _used_by(seen: Seen, name: str, level: float) -> float:
    return seen.used({name: level})


def _for_classifier(seen: Seen, levels: Levels) -> Levels:
    """Return levels, those of columns that a classifier sees lowered until it cannot tell."""
    asked = seen.request.of_events
    for requirement in asked:
        same = seen.request.tell(requirement, "seen", seen.main, seen.main, {})
        if not same.holds(seen.request.z):
            raise UsageError(
                f"{str(requirement)!r} cannot be told with {len(seen.main)} events: for these and "
                f"themselves, {same}; allow more, or take more events"
            )
    told = seen.request.told_of()
    tops = {name: level for name, level in levels.items() if name in told}
    harm = {name: seen.ladders[name].part for name in tops}
    steps = search.path(tops, seen.cost, lambda name, level: harm[name] * 2.0**level)
    states: list[Levels] = [{**levels, **dict.fromkeys(tops, 0.0)}]
    for name, level in steps:
        states.append({**states[-1], name: level})
    found = search.last_allowed(states, seen.told, len(states) - 1)
    if found is None:
        raise UsageError(
            f"no bound that was tried keeps {' and '.join(map(repr, map(str, asked)))}: not even "
            "the finest of all columns that it sees; leave columns exact, allow more, or take "
            "more events"
        )
    return states[found]


def _finer(
    levels: Levels,
    broken: Iterable[Finding],
    read: set[str],
    told: set[str],
    z: float,
    least: float,
) -> Levels:
    """Return levels with finer steps of the columns that broke a requirement."""
    back: dict[str, float] = {}
    for one in broken:
        measure = one.requirement.measure
        names = {one.quantity} if measure == "ks" else told if measure == "auc" else read
        by = max(least, min(math.log2(one.used(z)), MOST_BACK))
        back |= {name: max(by, back.get(name, 0.0)) for name in names}
    finer = {name: level - back.get(name, 0.0) for name, level in levels.items()}
    return {name: level for name, level in finer.items() if level >= 0}


def _notes(seen: Seen, levels: Levels) -> list[str]:
    """Say which columns stay exact, and which are coarse because nothing was required of them."""
    notes = []
    if exact := [name for name in seen.ladders if name not in levels]:
        notes.append(
            f"exact, as no bound keeps the requirements and saves bytes: {some(sorted(exact))}"
        )
    told = seen.request.told_of() if seen.request.of_events else set()
    of_columns = seen.request.of_columns
    free = [
        name for name in levels
        if name not in seen.read | told and not any(matching(one, [name]) for one in of_columns)
    ]  # fmt: skip
    if free:
        notes.append(f"nothing is required of {some(free)}, which are as coarse as a ladder goes")
    return notes
