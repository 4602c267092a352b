"""A simulation from the request to the file."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from baler.api.jobs import threads
from baler.core.replacing import check_target, replacing
from baler.core.size import format_size
from baler.errors import UsageError
from baler.physics.simulate.generator import make_pythia
from baler.physics.simulate.packages import need_generator
from baler.physics.simulate.parts import parts_of
from baler.physics.simulate.request import Request
from baler.physics.simulate.store import Store
from baler.physics.simulate.workers import make_all
from baler.physics.simulate.writing import Share, rounds, shares, write

BYTES_PER_EVENT = 9_000
"""About what an event takes, in a finished part and in the file together."""

Progress = Callable[[int, int], None]
"""Called with the number of events that are done, and of all."""


@dataclass(frozen=True, slots=True)
class Simulation:
    """What was simulated."""

    target: str
    events: int
    new: int
    """Events that were simulated now; others were finished before."""

    bytes: int
    seconds: float
    shares: tuple[Share, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON."""
        return asdict(self)


def partial(target: str | os.PathLike[str]) -> Path:
    """Return the folder where finished parts of an unfinished simulation are."""
    return Path(f"{os.fspath(target)}.partial")


def simulate(
    target: str | os.PathLike[str],
    request: Request,
    *,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: Progress = lambda done, total: None,
) -> Simulation:
    """Simulate events and write them to a ROOT file; needs pythia8mc and fastjet.

    The same request gives the same values, whatever ``jobs``, the number of processes (by default
    one per core). Finished parts are kept in a folder beside the target, whose name ends in
    ``.partial``, until the file is written; the same request goes on with them.

    Raises UsageError for packages that are missing, settings that Pythia refuses, too little
    space; TargetExists, BalerError if Pythia gives up, OSError.
    """
    start = time.monotonic()
    path, store = Path(target), Store(partial(target))
    need_generator()
    check_target(path, overwrite=overwrite)
    workers = threads(jobs)
    parts = parts_of(request)
    left = [part for part in parts if not store.holds(part)]
    _check_space(path.parent, sum(part.events for part in left))
    for process in {part.process for part in left}:
        make_pythia(request.lines(process), seed=1)
    others, new = store.others(parts), sum(part.events for part in left)
    done = request.events - new
    progress(done, request.events)

    def report(events: int) -> None:
        nonlocal done
        done += events
        progress(done, request.events)

    try:
        make_all(left, store, workers, report)
        with replacing(path, overwrite=overwrite) as temporary:
            found = shares(request, parts, store)
            write(temporary, rounds(request, parts, store, found))
    except OSError as error:
        store.tidy()
        parts_left = f"; finished parts are in {store.folder}" if store.folder.exists() else ""
        error.add_note(f"{path} is not written{parts_left}")
        raise
    finally:
        store.tidy()
    notes = []
    if new < request.events:
        notes.append(f"{request.events - new:,} events were found in {store.folder}")
    if others:
        notes.append(f"{store.folder} held {others} parts of other commands, which were not used")
    store.remove()
    seconds = time.monotonic() - start
    size = path.stat().st_size
    return Simulation(
        os.fspath(target), request.events, new, size, seconds, tuple(found.values()), tuple(notes)
    )


def _check_space(folder: Path, events: int) -> None:
    need, free = events * BYTES_PER_EVENT, shutil.disk_usage(folder).free
    if need > free:
        raise UsageError(
            f"{events:,} events need about {format_size(need)}; {str(folder)!r} has "
            f"{format_size(free)} left"
        )
