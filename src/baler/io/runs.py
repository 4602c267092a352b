"""Cutting the entries of a source into runs of equal size."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from baler.core.chunk import Chunk

SAMPLE = 100
"""How many entries are read to learn how large an entry is."""

Run = tuple[int, int]
"""The first entry and the entry after the last."""


def equal_runs(entries: int, runs: int) -> Iterator[Run]:
    """Yield ``runs`` runs over all entries, whose lengths differ by at most one."""
    for i in range(runs):
        yield entries * i // runs, entries * (i + 1) // runs


def runs_of(entries: int, target_bytes: int, read: Callable[[int, int], Chunk]) -> list[Run]:
    """Return equal runs over all entries of about ``target_bytes`` of columns each.

    The size of an entry is learnt from samples at the beginning, in the middle and at the end.
    """
    if entries == 0:
        return []
    sampled = [
        (at, min(at + SAMPLE, entries)) for at in {0, entries // 2, max(entries - SAMPLE, 0)}
    ]
    if entries <= 3 * SAMPLE:
        sampled = [(0, entries)]
    size = sum(read(*run).nbytes for run in sampled)
    count = sum(stop - start for start, stop in sampled)
    wanted = math.ceil(entries / count * size / max(target_bytes, 1))
    return list(equal_runs(entries, min(max(wanted, 1), entries)))
