"""A collection of a sample as arrays that a batch is picked from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from baler.core.chunk import Array, Chunk
from baler.learned.axis import Axis, Classes, Features
from baler.learned.inputs import event_features, parent_base, parent_features
from baler.learned.network import Base
from baler.learned.task import NO_BASE
from baler.training.design import CollectionDesign
from baler.training.neighbours import Neighbours


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """All objects of one collection; d columns, N objects."""

    near: Neighbours
    classes: Classes  # (N, d)
    residuals: npt.NDArray[np.float32]  # (N, numeric columns) numbers less their bases
    features: Features  # (N, features of all columns)
    event: Features  # (events, event features)
    parent: Features  # (parents, parent features)

    @classmethod
    def of(cls, axes: Sequence[Axis], plan: CollectionDesign, chunk: Chunk) -> Dataset:
        """Return the objects of a collection in a chunk."""

        def column(name: str) -> Array:
            return chunk.columns[name]

        key = (plan.columns[0].axis, plan.key) if plan.key else None
        near = Neighbours.of(axes, plan.counts, key, chunk)
        classes, residuals, features = [], [], []
        for part in plan.columns:
            axis = axes[part.axis]
            cls_, numbers = axis.split(column(axis.column))
            if part.base is Base.PREVIOUS:
                bases = near.take(numbers, near.previous)
            elif part.base is Base.PEER:
                bases = near.take(numbers, near.peer)
            elif part.base is Base.PARENT:
                bases = near.of_parent(parent_base(axis, column(axes[part.base_axis].column)))
            else:
                bases = np.full(numbers.size, axis.center)
            bases = np.where(bases == NO_BASE, axis.center, bases)
            classes.append(cls_)
            features.append(axis.features_of(cls_, numbers, bases))
            if axis.numeric:
                residuals.append(axis.wrap(numbers - bases).astype(np.float32))
        size = near.rank.size
        events = int(near.event[-1]) + 1 if not plan.counts and size else chunk.entries
        parents = int(column(plan.key).sum(dtype=np.int64)) if plan.key else 0
        return cls(
            near=near,
            classes=np.stack(classes, 1),
            residuals=np.stack(residuals, 1) if residuals else np.zeros((size, 0), np.float32),
            features=np.concatenate(features, 1),
            event=event_features(axes, plan.event_sources, events, column),
            parent=parent_features(axes, plan.parent_sources, parents, column),
        )

    @property
    def size(self) -> int:
        """Number of objects."""
        return int(self.near.rank.size)
