"""Events and an analysis whose harm is a known function of the bound."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import awkward as ak
import numpy as np

from baler.core.chunk import Array, Chunk
from baler.core.schema import Column, Field, Leaf, Schema
from baler.physics.analyses.base import (
    Failure,
    Measured,
    Observable,
    Observed,
    Outcome,
    Quantity,
)
from baler.physics.events import Events

F4 = np.dtype("<f4")


def events_of(**columns: Array) -> Events:
    known = [Column(name, F4) for name in columns]
    fields = [Field(name, Leaf(name)) for name in columns]
    arrays = {name: values.astype(F4) for name, values in columns.items()}
    size = len(next(iter(arrays.values())))
    return Events("made", Schema(tuple(known), tuple(fields)), Chunk(size, arrays))


def made(events: int = 4000, seed: int = 0) -> Events:
    """Return x and y around 100 with deviation 1, and a column that no analysis reads."""
    random = np.random.default_rng(seed)
    return events_of(
        x=random.normal(100, 1, events),
        y=random.normal(100, 1, events),
        free=random.normal(0, 1, events),
        genWeight=np.ones(events),
    )


@dataclass(frozen=True, slots=True)
class Means:
    """The weighted means of some fields: rounding to a step 2e moves one by 1.2 e / sqrt(n).

    The uncertainty of a mean is 1 / sqrt(n), so that a shift in its units has the deviation
    e / sqrt(3) for columns of deviation 1, whatever the number of events.
    """

    fields: tuple[str, ...] = ("x", "y")
    needed: int = 10
    name: str = "means"
    title: str = "means of columns"
    roles: tuple[str, ...] = ("data",)

    @property
    def needs(self) -> tuple[str, ...]:
        return self.fields

    def observe(self, events: Events) -> Observed:
        events.require(self.fields)
        at = np.arange(len(events))
        values = {name: ak.to_numpy(events[name]).astype(np.float64) for name in self.fields}
        return Observed(
            len(events),
            events.weights(),
            {name: Observable(name, "GeV", one, at) for name, one in values.items()},
        )

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        data = samples["data"]
        found: dict[str, Measured] = {}
        for name in self.fields:
            values, weights = data.observables[name].values, data.weights_of(name)
            if len(values) < self.needed:
                few = Failure(f"too few events: {len(values)}; needed: {self.needed}")
                found |= {f"{name} mass": few, f"{name} width": few}
                continue
            mean = float(np.average(values, weights=weights))
            width = float(np.sqrt(np.average((values - mean) ** 2, weights=weights)))
            error = width / np.sqrt(len(values))
            found[f"{name} mass"] = Quantity(mean, error, "GeV")
            found[f"{name} width"] = Quantity(width, error / np.sqrt(2), "GeV")
        return Outcome(found)
