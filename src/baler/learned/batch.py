"""The network over many objects at once, all of whose classes and numbers are known.

Its outputs are those of the reference, which is told of one object after the other. The products of
matrices can be left to whatever multiplies float64 exactly: no sum reaches 2**31.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.learned.axis import Axis, Features, Ints
from baler.learned.checks import check_task
from baler.learned.model import Model
from baler.learned.network import Base, CollectionNet, ladder
from baler.learned.placement import activations
from baler.learned.tally import MOST, centroid, log, pull, weights_of
from baler.learned.task import NO_BASE, Task

Floats = npt.NDArray[np.float64]
Matmul = Callable[[Floats, Floats], Floats]
"""The product of (n, k) and (k, m)."""

OBJECTS = 1 << 13
"""So many at a time: their states take some megabytes."""


def multiply(left: Floats, right: Floats) -> Floats:
    """Return the product of two matrices."""
    return np.asarray(left @ right)


@dataclass(frozen=True, slots=True)
class Relations:
    """Which objects, parents and ranks belong to each object; -1 where there is none."""

    event: Ints
    rank: Ints
    left: Ints  # objects that follow in the event
    previous: Ints  # object
    parent: Ints  # of all in the task
    key_rank: Ints
    peer: Ints  # object
    eldest: Ints  # object: the first with the same parent, which may be itself
    order: Ints  # objects: those with the same parent next to each other

    @staticmethod
    def of(axes: Sequence[Axis], net: CollectionNet, task: Task) -> Relations:
        """Find them; those that a key gives are none without one."""
        objects = int(task.counts.sum())
        here = np.arange(objects)
        event = np.repeat(np.arange(task.events), task.counts)
        rank = here - (np.cumsum(task.counts) - task.counts)[event]
        parent = np.full(objects, -1)
        if net.key:
            parent = _parents(axes[net.columns[0].axis].on_lattice, task, event)
        order = np.argsort(parent, kind="stable")
        same = np.zeros(objects, np.bool_)
        same[1:] = (parent[order][1:] == parent[order][:-1]) & (parent[order][1:] >= 0)
        peer, first = np.full(objects, -1), np.zeros(objects, np.int64)
        peer[order[same]] = order[np.flatnonzero(same) - 1]
        first[order] = np.maximum.accumulate(np.where(same, 0, here))
        key_rank = np.zeros(objects, np.int64)
        key_rank[order] = here - first[order]
        return Relations(
            event,
            rank,
            task.counts[event] - 1 - rank,
            np.where(rank > 0, here - 1, -1),
            parent,
            key_rank,
            peer,
            order[first],
            order,
        )

    def among_siblings(self, values: Ints) -> Ints:
        """Return sums over the earlier objects with the same parent."""
        sums = _before(values, self.order)
        return np.asarray(sums - sums[self.eldest])

    def within_event(self, values: Ints) -> Ints:
        """Return sums over the earlier objects of the same event."""
        here = np.arange(values.size)
        sums = _before(values, here)
        return np.asarray(sums - sums[here - self.rank])


def _before(values: Ints, order: Ints) -> Ints:
    """Return sums over all objects that come earlier in an order."""
    sums = np.empty_like(values)
    sums[order] = np.cumsum(values[order]) - values[order]
    return sums


def _parents(on_lattice: int, task: Task, event: Ints) -> Ints:
    """Return the parent that each object's key refers to."""
    means = np.append(task.keys, [-1, -1, -1])
    classes = task.classes[0]
    index = np.where(classes == on_lattice, task.numbers[0], means[classes])
    known = (index >= 0) & (index < task.parent_counts[event])
    first = np.cumsum(task.parent_counts) - task.parent_counts
    return np.where(known, first[event] + index, -1)


def bases(axes: Sequence[Axis], net: CollectionNet, task: Task, relations: Relations) -> Ints:
    """Return the number that each column of each object is placed from, (columns, objects)."""
    found = np.empty_like(task.numbers)
    for j, column in enumerate(net.columns):
        axis, own = axes[column.axis], task.numbers[j]
        match column.base:
            case Base.CENTER:
                found[j] = axis.center
            case Base.PREVIOUS:
                found[j] = _rows(own, relations.previous, axis.center)
            case Base.PEER:
                found[j] = _rows(own, relations.peer, axis.center)
            case Base.PARENT:
                found[j] = _rows(task.parent_bases[j], relations.parent, NO_BASE)
            case Base.OBJECT:
                found[j] = task.object_bases[j]
            case Base.CENTROID:
                found[j] = _centroids(axis, own, relations, weights(axes, net, task, relations))
        found[j][found[j] == NO_BASE] = axis.center
    return found


def weights(axes: Sequence[Axis], net: CollectionNet, task: Task, relations: Relations) -> Ints:
    """Return what each object adds to the tally of its parent; 0 without one."""
    if net.weight < 0:
        return np.zeros_like(relations.parent)
    axis = axes[net.columns[net.weight].axis]
    found = weights_of(axis, net, task, slice(None))
    return np.where((relations.parent >= 0) & (relations.key_rank < MOST), found, 0)


def _centroids(axis: Axis, numbers: Ints, relations: Relations, weight: Ints) -> Ints:
    """Return the centroid of the earlier objects of each object's parent; NO_BASE if none."""
    first, sums = numbers[relations.eldest], relations.among_siblings(weight)
    moments = relations.among_siblings(pull(axis, numbers, first, weight))
    found = centroid(axis, first, moments, np.maximum(sums, 1))
    return np.where(sums > 0, found, NO_BASE)


def slots(net: CollectionNet, task: Task, relations: Relations, weight: Ints) -> Features:
    """Return the features of the tallies of an event's first parents, (objects, slots)."""
    first = (np.cumsum(task.parent_counts) - task.parent_counts)[relations.event]
    found = np.empty((weight.size, net.slots), np.int16)
    for p in range(net.slots):
        mine = np.where(relations.parent == first + p, weight, 0)
        found[:, p] = log(relations.within_event(mine))
    return found


def forward(
    model: Model, net: CollectionNet, task: Task, *, matmul: Matmul = multiply
) -> list[Ints]:
    """Return the outputs of every column, (objects, outputs), given or not."""
    check_task(model.axes, net, task, 1, np.ones_like(task.given))
    relations = Relations.of(model.axes, net, task)
    placed_from = bases(model.axes, net, task, relations)
    features = [
        model.axes[column.axis].features_of(task.classes[j], task.numbers[j], placed_from[j])
        for j, column in enumerate(net.columns)
    ]
    weight = weights(model.axes, net, task, relations)
    tallies, of_slots = relations.among_siblings(weight), slots(net, task, relations, weight)
    work = _Batch(net, task, relations, tallies, of_slots, features, matmul)
    objects = relations.event.size
    outputs = [np.empty((objects, len(column.offsets)), np.int64) for column in net.columns]
    for first in range(0, objects, OBJECTS):
        some = slice(first, min(first + OBJECTS, objects))
        work.fill([array[some] for array in outputs], some)
    return outputs


@dataclass(frozen=True, slots=True)
class _Batch:
    net: CollectionNet
    task: Task
    relations: Relations
    tallies: Ints  # of each object's parent, when the object begins
    slots: Features  # (objects, slots)
    features: list[Features]  # of each column
    matmul: Matmul

    def fill(self, outputs: list[Ints], some: slice) -> None:
        """Write the outputs of some objects."""
        state = self._first_state(some)
        for j, column in enumerate(self.net.columns):
            active = activations(state, column.bias, self.net.rectified)
            outputs[j][:] = column.offsets + self._product(active, column.heads)
            state += self._product(self.features[j][some], column.own)
            state += 64 * _wide(column.own_rows)[self.task.classes[j, some]]
            if j == 0 and self.net.key:
                state += self._of_key(some)

    def _first_state(self, some: slice) -> Ints:
        net, relations = self.net, self.relations
        event = relations.event[some]
        first = int(event[0])
        events = self._product(self.task.event_features[first : event[-1] + 1], net.event)
        state = 64 * _wide(net.bias) + events[event - first]
        state += self._product(self.task.object_features[some], net.object)
        state += self._product(self.slots[some], net.slot)
        state += 64 * _wide(net.rank_rows)[ladder(relations.rank[some], len(net.rank_rows))]
        state += 64 * _wide(net.left_rows)[ladder(relations.left[some], len(net.left_rows))]
        previous = relations.previous[some]
        state += self._of_others(net.previous, previous)
        state[previous < 0] += 64 * _wide(net.first_row)
        for j, column in enumerate(net.columns):
            classes = self.task.classes[j, previous]
            state += np.where(previous < 0, 0, 64)[:, None] * _wide(column.prev_rows)[classes]
        return state

    def _of_key(self, some: slice) -> Ints:
        """Return what is added when the key is known."""
        net, relations = self.net, self.relations
        parent, peer = relations.parent[some], relations.peer[some]
        ranks = ladder(relations.key_rank[some], len(net.key_rank_rows))
        state = 64 * _wide(net.key_rank_rows)[ranks]
        features = _rows(self.task.parent_features, parent, 0)
        state += self._product(features, net.parent) + self._of_others(net.peer, peer)
        if net.weight >= 0:
            tallies = np.where(parent < 0, 0, log(self.tallies[some]))
            state += self._product(tallies[:, None], net.tally)
        state[parent < 0] += 64 * _wide(net.orphan_row)
        state[peer < 0] += 64 * _wide(net.lonely_row)
        return state

    def _of_others(self, weights: Features, which: Ints) -> Ints:
        """Return what the features of all columns of other objects add."""
        parts = [_rows(features, which, 0) for features in self.features]
        return self._product(np.concatenate(parts, 1), weights)

    def _product(self, features: npt.NDArray[Any], weights: Features) -> Ints:
        left, right = features.astype(np.float64), weights.T.astype(np.float64)
        return np.asarray(self.matmul(left, right), np.float64).astype(np.int64)


def _rows(table: npt.NDArray[Any], which: Ints, missing: int) -> npt.NDArray[Any]:
    """Return rows of a table; ``missing`` for those with the number -1."""
    if not len(table):
        return np.full((which.size, *table.shape[1:]), missing, table.dtype)
    rows = table[which]
    rows[which < 0] = missing
    return rows


def _wide(weights: Features) -> Ints:
    return weights.astype(np.int64)
