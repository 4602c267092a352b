"""The fast kernel, in C++: the same bits as baler.learned.reference, on every processor."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from baler import _native
from baler._native import AxisColumns, Kernel, Status, largest, levels, sums
from baler.errors import Corrupt, Truncated
from baler.learned.axis import Axis
from baler.learned.checks import check_task
from baler.learned.model import Model
from baler.learned.network import CollectionNet
from baler.learned.task import Encoded, Map, Task, lane_ends

__all__ = ["LEVELS", "axis_columns", "decode", "encode", "largest", "momenta", "sums"]

TOGETHER = 8
"""Lanes that are worked on at once."""
AT_ONCE = 32
"""Lanes that are encoded by one call: those that come later use the same memory again."""
Floats = npt.NDArray[np.float64]
LEVELS: tuple[str, ...] = tuple(levels())
"""The levels of instructions that this processor has, the slowest first."""

_kernels: WeakKeyDictionary[Model, dict[tuple[CollectionNet, str], Kernel]] = WeakKeyDictionary()
_lock = threading.Lock()


def encode(
    model: Model,
    net: CollectionNet,
    task: Task,
    lanes: int,
    *,
    level: str = LEVELS[-1],
    map: Map = map,
) -> Encoded:
    """Return the streams of the columns that are not given, and what each column costs."""
    check_task(model.axes, net, task, lanes, np.ones_like(task.given))
    ends, kernel = lane_ends(task.events, lanes), _kernel(model, net, level)
    bits = np.zeros((-(-lanes // TOGETHER), len(net.columns)))

    def some(first: int) -> list[bytes]:
        count = min(AT_ONCE, lanes - first)
        rows = bits[first // TOGETHER : -(-(first + count) // TOGETHER)]
        status, lane, streams = kernel.encode(task, ends, first, count, rows)
        if status is Status.BAD_CLASS:
            raise ValueError("a task has classes that its axes do not have")
        if status is Status.BAD_NUMBER:
            raise ValueError("a task has numbers of values off the lattice that are not the centre")
        _check(status, first + lane)
        return streams

    streams = [stream for made in map(some, range(0, lanes, AT_ONCE)) for stream in made]
    return Encoded(streams, bits.sum(0))


def decode(
    model: Model,
    net: CollectionNet,
    task: Task,
    streams: Sequence[bytes],
    ends: Sequence[int] | None = None,
    *,
    level: str = LEVELS[-1],
) -> None:
    """Fill in classes and numbers of the columns that are not given."""
    check_task(model.axes, net, task, len(streams), task.given)
    known = lane_ends(task.events, len(streams)) if ends is None else list(ends)
    _check(*_kernel(model, net, level).decode(task, known, list(streams)))


def axis_columns(
    axis: Axis, parameters: Mapping[str, Any], *, level: str = LEVELS[-1]
) -> AxisColumns:
    """Return an axis as native code reads it; ``parameters`` are those of its lattice."""
    return AxisColumns(level, axis, axis.dtype.str[1:], axis.lattice.name, **parameters)


def momenta(pt: Floats, eta: Floats, phi: Floats, *, level: str = LEVELS[-1]) -> tuple[Floats, ...]:
    """Return the x, y and z components of momenta, and their magnitudes."""
    found = np.empty((4, pt.size))
    _native.momenta(level, pt, eta, phi, found)
    return tuple(found)


def _kernel(model: Model, net: CollectionNet, level: str) -> Kernel:
    """Return the network as a kernel reads it, which is made once."""
    with _lock:
        known = _kernels.setdefault(model, {})
        if (net, level) not in known:
            axes = [model.axes[column.axis] for column in net.columns]
            known[net, level] = Kernel(level, net, axes, model.odds)
        return known[net, level]


def _check(status: Status, lane: int) -> None:
    match status:
        case Status.OK:
            return
        case Status.TOO_SHORT:
            raise Truncated(f"stream {lane} ends before its last symbol")
        case Status.BAD_STATE:
            raise Corrupt(f"stream {lane} does not begin or end as an encoder leaves it")
        case Status.BAD_LENGTH:
            raise Corrupt(f"stream {lane} has an escape that is too long")
        case Status.BAD_NUMBER:
            raise Corrupt(f"stream {lane} has a number that is out of range")
    raise AssertionError(f"unexpected {status} in stream {lane}")
