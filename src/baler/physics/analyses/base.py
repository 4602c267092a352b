"""What an analysis is: observables of every event, and numbers measured from them.

The two halves are apart so that the same events can be measured again with other weights: an
uncertainty on *the change* of a number is then that of the same resampled events before and after
compression, without the statistical noise which both share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import hist
import numpy as np
import numpy.typing as npt

from baler.physics.events import Events
from baler.physics.measured import Failure, Floats, Measured, Quantity

__all__ = [
    "Analysis",
    "Failure",
    "Floats",
    "Measured",
    "Observable",
    "Observed",
    "Outcome",
    "Quantity",
]


@dataclass(frozen=True, slots=True, eq=False)
class Observable:
    """A variable of all selected objects: several, one or none in an event."""

    label: str  # for an axis, without its unit: "Dijet mass"
    unit: str  # "GeV"; "" for none
    values: Floats  # (rows,)
    event: npt.NDArray[np.int64]  # (rows,), the event that each belongs to


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """What an analysis makes of a set of events."""

    events: int
    weights: Floats  # (events,)
    observables: Mapping[str, Observable]

    def weights_of(self, name: str) -> Floats:
        """Return the weight of each row of an observable: that of its event."""
        weights: Floats = self.weights[self.observables[name].event]
        return weights

    def reweighted(self, factors: Floats) -> Observed:
        """Return the same events with their weights multiplied, shape (events,)."""
        return Observed(self.events, self.weights * factors, self.observables)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an analysis finds."""

    quantities: Mapping[str, Measured]
    histograms: Mapping[str, hist.Hist[Any]] = field(default_factory=dict)
    curves: Mapping[str, Floats] = field(default_factory=dict)
    """Of the histogram of the same name: what a fitted function expects in each of its bins."""


class Analysis(Protocol):
    """A selection, observables, and what is measured from them; cuts are fields of the class."""

    @property
    def name(self) -> str:
        """The name in commands: ``dijet``."""

    @property
    def title(self) -> str:
        """One line of what it does."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The samples that it needs: ``("data",)``, or ``("background", "signal")``."""

    @property
    def needs(self) -> tuple[str, ...]:
        """The fields that it reads, besides ``genWeight``, which it respects if it is there."""

    def observe(self, events: Events) -> Observed:
        """Select and compute; raises UnknownColumn, which names all fields that are missing."""

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        """Measure from the observables of each role; what fails is a Failure, never a number."""
