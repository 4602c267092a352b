"""Parts made by several processes at once."""

from __future__ import annotations

import multiprocessing
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from typing import cast

from baler.errors import BalerError
from baler.physics.simulate.parts import Part, make
from baler.physics.simulate.store import Store

Report = Callable[[int], None]
"""Called with a number of new events."""


def make_all(parts: Sequence[Part], store: Store, jobs: int, report: Report) -> None:
    """Make parts and store them, in up to ``jobs`` processes.

    After any exception, KeyboardInterrupt included, all processes have ended and what was
    finished is stored. Raises what ``make`` and ``Store.save`` raise, and BalerError if a process
    dies.
    """
    if min(jobs, len(parts)) < 2:
        for part in parts:
            store.save(part, make(part, report))
        return
    context = multiprocessing.get_context("spawn")
    left = list(reversed(parts))
    busy: dict[Connection, Part] = {}
    processes = []
    try:
        for _ in range(min(jobs, len(parts))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, store), daemon=True)
            process.start()
            processes.append(process)
            theirs.close()  # so that the end of the process is the end of the pipe
            busy[ours] = left.pop()
            with _alive(busy[ours]):
                ours.send(busy[ours])
        while busy:
            for connection in cast("list[Connection]", wait(list(busy))):
                with _alive(busy[connection]):
                    if not _finished(connection.recv(), report):
                        continue
                    del busy[connection]
                    if left:
                        busy[connection] = left.pop()
                        connection.send(busy[connection])
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join()


@contextmanager
def _alive(part: Part) -> Iterator[None]:
    """Raise BalerError if the process at the other end of a pipe is gone."""
    try:
        yield
    except (EOFError, ConnectionError):
        raise BalerError(
            f"the process that simulated block {part.block} of {part.process} ended before it was "
            "finished; less memory is needed with fewer jobs"
        ) from None


def _finished(message: object, report: Report) -> bool:
    """Take what a process says: a number of events, an exception, or None at the end of a part."""
    if isinstance(message, Exception):
        raise message
    if isinstance(message, int):
        report(message)
    return message is None


def _work(connection: Connection, store: Store) -> None:
    """Make the parts that come through a pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the process that we work for
    with suppress(EOFError, ConnectionError):
        while True:
            part = connection.recv()
            try:
                store.save(part, make(part, connection.send))
            except (BalerError, OSError) as error:
                connection.send(error)
            except Exception:
                connection.send(RuntimeError(traceback.format_exc()))
            else:
                connection.send(None)
