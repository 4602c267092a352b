"""Tallies: the weights of those objects of a parent that are known (docs/learned.md, section 3)."""

from __future__ import annotations

from typing import Any

import numpy as np

from baler.learned.axis import Axis, Ints
from baler.learned.checks import MAX_WEIGHT
from baler.learned.network import FEATURE_LIMIT, CollectionNet, bit_length
from baler.learned.task import Task

Numbers = Any  # int64, or an array of it

MOST = 1 << 16
"""So many objects of a parent count."""
FARTHEST = 1 << 24
"""So far from the first object is any other for a centroid."""


def weight_table(axis: Axis, net: CollectionNet) -> Ints:
    """Return the weights of the numbers from the first on, of the column with this axis."""
    numbers = net.weight_first + np.arange(net.weight_count, dtype=np.int64)
    with np.errstate(all="ignore"):
        ratio = axis.lattice.values(numbers, axis.dtype).astype(np.float64) / net.weight_unit
        known = np.isfinite(ratio)
        limited = np.clip(np.rint(np.where(known, ratio, 1.0)), 1.0, float(MAX_WEIGHT))
    return limited.astype(np.int64)


def weights_of(axis: Axis, net: CollectionNet, task: Task, which: int | slice) -> Ints:
    """Return the weights of objects whose weight column, with this axis, is known."""
    numbers = task.numbers[net.weight, which]
    place = np.clip(numbers - net.weight_first, 0, task.weights.size - 1)
    on = task.classes[net.weight, which] == axis.on_lattice
    return np.asarray(np.where(on, task.weights[place], 0), np.int64)


def log(sums: Numbers) -> Ints:
    """Return the feature of sums of weights: their logarithms, 16 for an octave."""
    total = np.asarray(sums, np.int64)
    octave = np.maximum(bit_length(total) - 1, 0)
    feature = np.clip(16 * octave + ((total << 4) >> octave) - 272, -FEATURE_LIMIT, 511)
    return np.asarray(np.where(total == 0, -FEATURE_LIMIT, feature), np.int64)


def pull(axis: Axis, numbers: Numbers, first: Numbers, weights: Numbers) -> Ints:
    """Return the moments of numbers around that of the first object."""
    return np.asarray(weights * np.clip(axis.wrap(numbers - first), -FARTHEST, FARTHEST))


def centroid(axis: Axis, first: Numbers, moments: Numbers, sums: Numbers) -> Ints:
    """Return the mean of numbers by their weights; sums are not 0."""
    return axis.wrap(first + (2 * moments + sums) // (2 * sums))
