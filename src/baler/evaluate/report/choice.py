"""Which points of curves are shown where only one per candidate can be."""

from __future__ import annotations

import math

from baler.evaluate.result import Evaluation, Point, Score

SHOWN = 7
"""Candidates in plots that would be too crowded with all of them."""


def common_rate(found: Evaluation, events: str) -> float:
    """Return bits per value at which candidates are compared.

    That is the rate of ours without a model at bounds as asked for; without such, the median.
    """
    rates = []
    for point in found.points:
        if (score := point.score(events)) is None:
            continue
        rates.append(found.rate(score))
        if point.kind == "baler" and point.scale == 1:
            return rates[-1]
    return sorted(rates)[len(rates) // 2] if rates else math.nan


def nearest(found: Evaluation, events: str) -> dict[str, Point]:
    """Return the point of each candidate whose rate is nearest to the common one."""
    rate = common_rate(found, events)
    chosen: dict[str, tuple[float, Point]] = {}
    for point in found.points:
        if (score := point.score(events)) is None or not score.size:
            continue
        away = abs(math.log(found.rate(score) / rate)) if rate > 0 else 0.0
        if point.candidate not in chosen or away < chosen[point.candidate][0]:
            chosen[point.candidate] = away, point
    return {name: point for name, (_, point) in chosen.items()}


def shown(found: Evaluation, events: str) -> dict[str, Point]:
    """Return the points of a few candidates.

    Ours are among them, then families and peers in turns, those with the smallest errors for their
    rates first; exact ones are not, as there is nothing to see.
    """
    points = {
        name: point
        for name, point in nearest(found, events).items()
        if (score := point.score(events)) is not None and score.by_deviation > 0
    }
    if not points:
        return {}
    same: dict[tuple[float, float], str] = {}  # those that round alike have the same errors
    for name in sorted(points, key=lambda n: found.rate(_score(points[n], events))):
        score = _score(points[name], events)
        same.setdefault((score.by_deviation, score.largest), name)
    points = {
        name: point
        for name, point in points.items()
        if name in same.values() or point.kind in ("baler", "learned")
    }

    def bits(name: str) -> float:
        """Return the rate that this candidate would need for an error of 1, six dB per bit."""
        score = _score(points[name], events)
        return found.rate(score) + math.log2(score.by_deviation)

    queues = {
        kind: sorted((n for n in points if points[n].kind == kind), key=bits)
        for kind in ("learned", "baler", "family", "peer")
    }
    wanted = [*queues["learned"], *queues["baler"]]
    for turn in range(max(len(queues["family"]), len(queues["peer"]))):
        wanted += [queues[kind][turn] for kind in ("family", "peer") if turn < len(queues[kind])]
    few = set(wanted[:SHOWN])
    return {name: point for name, point in points.items() if name in few}


def _score(point: Point, events: str) -> Score:
    found = point.score(events)
    assert found is not None
    return found
