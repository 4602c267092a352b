"""The search for levels: cheap bytes against the part of the requirements that they use up.

Nothing here knows of events: columns have ladders, a level has a cost, and a state (the levels of
all columns) uses a part of what is allowed, 1 being all of it. What a state uses is taken to grow
with its levels. Every state that is returned was measured itself; where use does not grow, a
cheaper state may be missed, but none that breaks a requirement is taken.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

Levels = Mapping[str, float]
Use = Callable[[Levels], float]
Cost = Callable[[str, float], float]

LEAP = 5
"""Levels that are never leapt over at once."""
PARTS = 4
"""The last steps are parts of a doubling."""


def climb(top: float, use: Callable[[float], float]) -> dict[float, float]:
    """Return what levels of one column use, from 0 to the highest that is allowed, and one more.

    It leaps as far as it may if use doubled with every level, but never by the last two.
    """
    found: dict[float, float] = {}
    level = 0.0
    while True:
        found[level] = use(level)
        if found[level] > 1 or level >= top:
            break
        ahead = -math.log2(max(found[level], 2.0**-LEAP))
        level = min(top, level + max(1.0, min(LEAP, math.floor(ahead)) - 1))
    if found[level] > 1:  # the one below, if it was leapt over
        below = [one for one in found if found[one] <= 1]
        low, high = (max(below) if below else -1.0), level
        while high - low > 1:
            middle = low + math.ceil((high - low) / 2)
            found[middle] = use(middle)
            low, high = (middle, high) if found[middle] <= 1 else (low, middle)
    return found


def highest(found: Mapping[float, float]) -> float | None:
    """Return the highest level below which all that were tried are allowed; None if none is."""
    allowed = None
    for level in sorted(found):
        if found[level] > 1:
            break
        allowed = level
    return allowed


def between(found: Mapping[float, float], level: float) -> float:
    """Return what a level uses, from the nearest that were tried, on a logarithmic scale."""
    if level in found:
        return found[level]
    low = max(one for one in found if one < level)
    high = min(one for one in found if one > level)
    part = (level - low) / (high - low)
    ends = [max(found[one], 1e-9) for one in (low, high)]
    return float(ends[0] ** (1 - part) * min(ends[1], 1e9) ** part)


def path(tops: Levels, cost: Cost, harm: Cost) -> list[tuple[str, float]]:
    """Return steps from level 0 of all columns to their tops, the best bargains first.

    A bargain is bytes saved per square of what the step uses: random errors of columns that are
    independent add up in squares. Steps that are no bargain by themselves go with the next one of
    the same column, so that the steps of a column are in the order of their worth.
    """
    bargains = []
    for name, top in tops.items():
        points = [(level, cost(name, level), harm(name, level) ** 2) for level in _rungs(top)]
        start = 0
        while start < len(points) - 1:
            worths = [
                (_worth(points[start], points[end]), end) for end in range(start + 1, len(points))
            ]
            worth, end = max(worths)
            bargains += [(-worth, points[at][0], name) for at in range(start + 1, end + 1)]
            start = end
    return [(name, level) for _, level, name in sorted(bargains)]


def _rungs(top: float) -> list[float]:
    return [*(float(level) for level in range(math.ceil(top))), top]


def _worth(low: tuple[float, float, float], high: tuple[float, float, float]) -> float:
    saved, used = low[1] - high[1], high[2] - low[2]
    return saved / max(used, 1e-18)


def last_allowed(states: Sequence[Levels], use: Use, guess: int) -> int | None:
    """Return a state that is allowed whose next one is not, by doubling from a guess and bisection.

    ``states`` are ever coarser. None if not even the first is allowed.
    """
    low, high = -1, len(states)
    at, stride = min(max(guess, 0), len(states) - 1), 1
    while high - low > 1:
        if use(states[at]) <= 1:
            low = at
            at = at + stride if high == len(states) else (low + high) // 2
        else:
            high = at
            at = at - stride if low == -1 else (low + high) // 2
        stride *= 2
        at = min(max(at, low + 1), high - 1)
    return None if low < 0 else low


def tuned(tops: Levels, alone: Mapping[str, Mapping[float, float]], cost: Cost, use: Use) -> Levels:
    """Return the levels of columns, up to their tops, that save most within what is allowed.

    ``alone`` is what levels of single columns use, all others exact. A column whose finest bound
    together with those of others uses too much is left out, the one that uses most first.
    """
    left = dict(tops)
    while left:
        steps = path(left, cost, lambda name, level: between(alone[name], level))
        states: list[dict[str, float]] = [dict.fromkeys(left, 0.0)]
        for name, level in steps:
            states.append({**states[-1], name: level})
        squares = [sum(between(alone[n], at) ** 2 for n, at in state.items()) for state in states]
        guess = max((i for i, square in enumerate(squares) if square <= 1), default=0)
        found = last_allowed(states, use, guess)
        if found is not None:
            return widened(states[found], left, use)
        del left[max(left, key=lambda name: alone[name][0.0])]
    return {}


def widened(levels: Levels, tops: Levels, use: Use) -> Levels:
    """Return levels raised all together by a part of a doubling, as far as that is allowed."""
    best, low, high = dict(levels), 0, PARTS
    while high - low > 1:
        middle = (low + high) // 2
        raised = {n: min(tops[n], level + middle / PARTS) for n, level in levels.items()}
        if use(raised) <= 1:
            best, low = raised, middle
        else:
            high = middle
    return best
