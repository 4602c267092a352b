"""Parts of a task: some of its events, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from baler.learned.task import Task, lane_ends

VALUES = 1 << 21
"""About so many values are decoded together: their classes and numbers take 20 megabytes."""
FEWEST = 8
"""Lanes that are decoded together, if there are so many: they keep a core busy."""


@dataclass(frozen=True, slots=True)
class Part:
    """Some lanes of a task that is to be decoded."""

    events: range
    lanes: slice
    ends: list[int]  # of lanes: how many events come before the end of each


def parts_of(task: Task, lanes: int) -> list[Part]:
    """Return the parts of a task that are decoded one after the other, or at once."""
    ends, values = [0, *lane_ends(task.events, lanes)], int(np.prod(task.shape()))
    step = max(VALUES * lanes // max(values, 1) // FEWEST, 1) * FEWEST
    found = []
    for k in range(0, lanes, step):
        first, *some = ends[k : k + step + 1]
        ends_here = [end - first for end in some]
        found.append(Part(range(first, some[-1]), slice(k, k + step), ends_here))
    return found


def begun(task: Task, part: Part) -> tuple[Task, slice]:
    """Return a part of which no column is known yet, and which objects it has."""
    outside, objects = _outside(task, part.events.start, part.events.stop)
    shape = len(task.classes), objects.stop - objects.start
    classes, numbers = np.empty(shape, np.uint8), np.empty(shape, np.int64)
    return replace(outside, classes=classes, numbers=numbers), objects


def part_of(task: Task, first: int, last: int) -> Task:
    """Return the events of a task from ``first`` to before ``last``."""
    outside, objects = _outside(task, first, last)
    return replace(
        outside,
        classes=np.ascontiguousarray(task.classes[:, objects]),
        numbers=np.ascontiguousarray(task.numbers[:, objects]),
    )


def _outside(task: Task, first: int, last: int) -> tuple[Task, slice]:
    """Return a part of what is known besides classes and numbers, and which objects it has."""
    events = slice(first, last)
    objects, parents = _within(task.counts, events), _within(task.parent_counts, events)
    part = replace(
        task,
        counts=task.counts[events],
        parent_counts=task.parent_counts[events],
        event_features=task.event_features[events],
        parent_features=task.parent_features[parents],
        parent_bases={j: bases[parents] for j, bases in task.parent_bases.items()},
        object_features=task.object_features[objects],
        object_bases={j: bases[objects] for j, bases in task.object_bases.items()},
    )
    return part, objects


def _within(counts: np.ndarray[tuple[int], np.dtype[np.int64]], events: slice) -> slice:
    """Return which objects belong to some events."""
    first = int(counts[: events.start].sum())
    return slice(first, first + int(counts[events].sum()))
