"""Some networks of a model as a model of their own: those that pay for their bytes in a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.learned.axis import Axis
from baler.learned.model import Model
from baler.learned.network import Base, CollectionNet, Source
from baler.quantise.lattice import Scaled


def paying(saved: Sequence[float], size: Callable[[Sequence[bool]], int]) -> list[bool]:
    """Return which networks save more bytes than they take; ``size`` tells those of any choice."""
    kept = [bytes_saved > 0 for bytes_saved in saved]
    for i in sorted(range(len(saved)), key=saved.__getitem__):
        if kept[i]:
            without = [keep and j != i for j, keep in enumerate(kept)]
            kept[i] = saved[i] > size(kept) - size(without)
    return kept


def subset(model: Model, kept: Sequence[bool]) -> Model:
    """Return a model of those networks alone that are to be kept; the model itself if all are."""
    if all(kept):
        return model
    nets = [net for net, keep in zip(model.collections, kept, strict=True) if keep]
    return model_of(model.axes, nets, model.odds, model.notes)


def model_of(
    axes: Sequence[Axis],
    nets: Sequence[CollectionNet],
    odds: npt.NDArray[np.uint16],
    notes: Mapping[str, Any],
) -> Model:
    """Return the model of some networks, with only those axes that they code or look at."""
    used: set[int] = set()
    for net in nets:
        used |= {s.axis for s in (*net.event_sources, *net.parent_sources)}
        used |= {s.axis for s in net.object_sources}
        used |= {i for source in net.object_sources for i in source.inputs}
        used |= {column.axis for column in net.columns}
        used |= {column.base_axis for column in net.columns if column.base is Base.PARENT}
    while True:
        lattices = [axes[i].lattice for i in used]
        above = {lattice.parent for lattice in lattices if isinstance(lattice, Scaled)}
        if above <= used:
            break
        used |= above
    place = {old: new for new, old in enumerate(sorted(used))}
    return Model(
        tuple(_axis_at(axes[old], place) for old in place),
        tuple(_net_at(net, place) for net in nets),
        odds,
        notes,
    )


def _axis_at(axis: Axis, place: dict[int, int]) -> Axis:
    lattice = axis.lattice
    if not isinstance(lattice, Scaled):
        return axis
    return replace(axis, lattice=replace(lattice, parent=place[lattice.parent]))


def _net_at(net: CollectionNet, place: dict[int, int]) -> CollectionNet:
    """Return a network whose axes are at other places."""

    def moved(sources: Sequence[Source]) -> tuple[Source, ...]:
        return tuple(replace(source, axis=place[source.axis]) for source in sources)

    columns = (
        replace(
            column,
            axis=place[column.axis],
            base_axis=(place[column.base_axis] if column.base is Base.PARENT else column.base_axis),
        )
        for column in net.columns
    )
    derived = (
        replace(source, axis=place[source.axis], inputs=tuple(place[i] for i in source.inputs))
        for source in net.object_sources
    )
    return replace(
        net,
        columns=tuple(columns),
        object_sources=tuple(derived),
        event_sources=moved(net.event_sources),
        parent_sources=moved(net.parent_sources),
    )
