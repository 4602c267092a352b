"""Flat tables: columns of equal length, and which event each of their rows belongs to."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Table = dict[str, Array]
"""Columns of equal length; ``event`` says to which event each row belongs, counted from 0."""


def take(table: Table, rows: Array) -> Table:
    """The rows of a table that an index or a mask selects."""
    return {name: column[rows] for name, column in table.items()}


def join(tables: list[Table]) -> Table:
    """One table under the other, with the columns that the first one has, in order of event."""
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    return take(joined, np.argsort(joined["event"], kind="stable"))


def counts(index: Array, size: int) -> Array:
    """How often each of ``0 .. size - 1`` occurs."""
    return np.bincount(index, minlength=size)


def total(values: Array, index: Array, size: int) -> Array:
    """Sum of the values that share an index."""
    return np.bincount(index, weights=values, minlength=size)


def starts(lengths: Array) -> Array:
    """Where each run begins, when runs of these lengths lie back to back."""
    return np.cumsum(lengths) - lengths


def ranges(first: Array, lengths: Array) -> Array:
    """The integers ``first .. first + length - 1`` of every run, back to back."""
    numbers: Array = np.arange(lengths.sum()) + np.repeat(first - starts(lengths), lengths)
    return numbers


def pairs(left: Array, right: Array, events: int) -> tuple[Array, Array]:
    """Rows of all pairs within an event, from the event numbers of two tables (right sorted)."""
    have = counts(right, events)
    return np.repeat(np.arange(len(left)), have[left]), ranges(starts(have)[left], have[left])


def largest(values: Array, index: Array, size: int, k: int) -> Array:
    """The ``k`` largest values of each index, descending, zero where there are fewer; (size, k)."""
    order = np.lexsort((-values, index))
    rank = ranges(np.zeros(size, int), counts(index, size))
    top = order[rank < k]
    result = np.zeros((size, k))
    result[index[top], rank[rank < k]] = values[top]
    return result
