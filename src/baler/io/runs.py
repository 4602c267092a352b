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


def equal_chunks(
    entries: int, target_bytes: int, read: Callable[[int, int], Chunk]
) -> Iterator[Chunk]:
    """Read all entries in equal runs of about ``target_bytes`` of columns each.

    The size of an entry is learnt from samples at the beginning, in the middle and at the end.
    """
    if entries == 0:
        return
    if entries <= 3 * SAMPLE:
        whole = read(0, entries)
        if whole.nbytes <= target_bytes:
            yield whole
            return
        size = whole.nbytes
    else:
        starts = (0, entries // 2, entries - SAMPLE)
        sampled = sum(read(start, start + SAMPLE).nbytes for start in starts)
        size = sampled * entries // (len(starts) * SAMPLE)
    wanted = math.ceil(size / max(target_bytes, 1))
    for start, stop in equal_runs(entries, min(max(wanted, 1), entries)):
        yield read(start, stop)
