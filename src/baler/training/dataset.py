"""A collection of a sample as arrays that a batch is picked from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from baler.core.chunk import Array, Chunk
from baler.learned.axis import Axis, Classes, Features, Ints
from baler.learned.batch import Relations, bases, weights
from baler.learned.inputs import task_of
from baler.learned.network import (
    NODES,
    TOP,
    CollectionNet,
    ColumnNet,
    collection_shapes,
    column_shapes,
    ladder,
    object_width,
    source_width,
)
from baler.learned.tally import log
from baler.training.design import CollectionDesign

WIDTH = 32
ROWS = 32
"""Ranks that are told apart."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """All objects of one collection; d columns, N objects. Positions are -1 for none."""

    classes: Classes  # (N, d)
    residuals: npt.NDArray[np.float32]  # (N, numeric columns) numbers less their bases
    features: Features  # (N, features of all columns)
    event_features: Features  # (events, event features)
    parent_features: Features  # (parents, parent features)
    object_features: Features  # (N, object features)
    slots: Features  # (N, slots)
    tally: Features  # (N, 1), or (N, 0) without a weight
    event: Ints
    previous: Ints
    parent: Ints
    peer: Ints
    rank: Ints  # steps of the ladder, like the next two
    left: Ints
    key_rank: Ints

    @classmethod
    def of(cls, axes: Sequence[Axis], plan: CollectionDesign, chunk: Chunk) -> Dataset:
        """Return the objects of a collection in a chunk of decoded values."""

        def column(name: str) -> Array:
            return chunk.columns[name]

        net = untrained(axes, plan)
        own = {
            j: axes[part.axis].split(column(axes[part.axis].column))
            for j, part in enumerate(plan.columns)
        }
        task = task_of(axes, net, chunk.entries, column, own)
        near = Relations.of(axes, net, task)
        placed = bases(axes, net, task, near)
        features, residuals = [], []
        for j, part in enumerate(plan.columns):
            axis, numbers = axes[part.axis], task.numbers[j]
            features.append(axis.features_of(task.classes[j], numbers, placed[j]))
            if axis.numeric:
                residuals.append(axis.wrap(numbers - placed[j]).astype(np.float32))
        size = near.rank.size
        slots = np.zeros((size, plan.slots), np.int16)
        tally = np.zeros((size, int(plan.weight >= 0)), np.int16)
        if plan.weight >= 0:
            weight = weights(axes, net, task, near)
            tally[:, 0] = log(near.among_siblings(weight))
            first = (np.cumsum(task.parent_counts) - task.parent_counts)[near.event]
            for k in range(plan.slots):
                mine = (near.parent == first + k) & (k < task.parent_counts[near.event])
                slots[:, k] = log(near.within_event(np.where(mine, weight, 0)))
        return cls(
            classes=np.ascontiguousarray(task.classes.T),
            residuals=np.stack(residuals, 1) if residuals else np.zeros((size, 0), np.float32),
            features=np.concatenate(features, 1),
            event_features=task.event_features,
            parent_features=task.parent_features,
            object_features=task.object_features,
            slots=slots,
            tally=tally,
            event=near.event,
            previous=near.previous,
            parent=near.parent,
            peer=near.peer,
            rank=ladder(near.rank, ROWS),
            left=ladder(near.left, ROWS),
            key_rank=ladder(near.key_rank, ROWS),
        )

    @property
    def size(self) -> int:
        """Number of objects."""
        return int(self.rank.size)

    @property
    def widths(self) -> tuple[int, int, int]:
        """Numbers of features of events, of parents and of objects."""
        return (
            self.event_features.shape[1],
            self.parent_features.shape[1],
            self.object_features.shape[1],
        )


def untrained(axes: Sequence[Axis], plan: CollectionDesign) -> CollectionNet:
    """Return the network of a design with all weights zero."""

    def zeros(shapes: dict[str, tuple[int, ...]]) -> dict[str, Array]:
        made: dict[str, Array] = {name: np.zeros(shape, np.int16) for name, shape in shapes.items()}
        if "offsets" in made:
            made["offsets"] = made["offsets"].astype(np.int32)
            made["tables"] = straight[: len(made["tables"])]
        return made

    straight = np.append(np.linspace(0, TOP, NODES - 1), TOP).astype(np.uint16)[None]
    columns = tuple(
        ColumnNet(
            part.axis, part.base, part.base_axis, 0, 0,
            **zeros(column_shapes(axes[part.axis], WIDTH, int(axes[part.axis].numeric))),
        )
        for part in plan.columns
    )  # fmt: skip
    first, count, unit = plan.weights
    return CollectionNet(
        counts=plan.counts,
        key=plan.key,
        rectified=0,
        columns=columns,
        event_sources=plan.event_sources,
        parent_sources=plan.parent_sources,
        object_sources=plan.object_sources,
        weight=plan.weight,
        weight_first=first,
        weight_count=count,
        weight_unit=unit,
        slots=plan.slots,
        **zeros(
            collection_shapes(
                WIDTH,
                ROWS,
                sum(source_width(axes[s.axis]) for s in plan.event_sources),
                sum(source_width(axes[s.axis]) for s in plan.parent_sources),
                sum(len(axes[part.axis].features) for part in plan.columns),
                has_key=bool(plan.key),
                objects=object_width(axes, plan.object_sources),
                has_weight=plan.weight >= 0,
                slots=plan.slots,
            )
        ),
    )
