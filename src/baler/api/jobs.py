"""How many threads work, and how they tell how far they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from baler.errors import UsageError

T = TypeVar("T")

Progress = Callable[[float, int], None]
"""Called with the fraction that is done (0 to 1) and the bytes of column data behind it."""


def threads(jobs: int | None) -> int:
    """Return the number of threads for ``jobs``; None stands for all cores of this process."""
    if jobs is None:
        return (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
    if jobs < 1:
        raise UsageError(f"cannot work with {jobs} jobs")
    return jobs


def ahead(items: Iterator[T], workers: int) -> Iterator[T]:
    """Yield items; with more than one worker, a thread makes the next one meanwhile."""
    if workers == 1:
        yield from items
        return
    end = object()
    with ThreadPoolExecutor(1, "baler-ahead") as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield item  # type: ignore[misc]
