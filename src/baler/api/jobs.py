"""How many threads work, and how they tell how far they are."""

from __future__ import annotations

import os
from collections.abc import Callable

from baler.errors import UsageError

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
