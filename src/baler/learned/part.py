"""A part of a task: some of its events, one after the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from baler.learned.task import Task


def part_of(task: Task, first: int, last: int) -> Task:
    """Return the events of a task from ``first`` to before ``last``."""
    events = slice(first, last)
    objects, parents = _within(task.counts, events), _within(task.parent_counts, events)
    return replace(
        task,
        counts=task.counts[events],
        parent_counts=task.parent_counts[events],
        event_features=task.event_features[events],
        parent_features=task.parent_features[parents],
        parent_bases={j: bases[parents] for j, bases in task.parent_bases.items()},
        object_features=task.object_features[objects],
        object_bases={j: bases[objects] for j, bases in task.object_bases.items()},
        classes=np.ascontiguousarray(task.classes[:, objects]),
        numbers=np.ascontiguousarray(task.numbers[:, objects]),
    )


def _within(counts: np.ndarray[tuple[int], np.dtype[np.int64]], events: slice) -> slice:
    """Return which objects belong to some events."""
    first = int(counts[: events.start].sum())
    return slice(first, first + int(counts[events].sum()))
