"""How many events a budget of bytes keeps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from baler.errors import UsageError

PER_SECOND, IN_ALL = "B/s", "B"
CM2_PER_PB = 1e-36


@dataclass(frozen=True, slots=True)
class Offer:
    """The events that there are to be kept: so many per second (a trigger), or in all (a disk)."""

    events: float
    unit: Literal["B/s", "B"] = "B/s"  # of a budget

    def __post_init__(self) -> None:
        """Refuse what is not a positive finite number."""
        _positive(self.events, "number of events" if self.unit == IN_ALL else "rate of events")

    def kept(self, budget: float, size: float) -> float:
        """Return the part of the events that a budget keeps at ``size`` bytes each: at most 1."""
        _positive(budget, "budget")
        _positive(size, "size of an event")
        return min(1.0, budget / (self.events * size))

    def budget(self, size: float, part: float = 1.0) -> float:
        """Return the bytes, or bytes per second, that keep a part of the events."""
        return part * self.events * size


def rate(cross_section: float, luminosity: float) -> float:
    """Return events per second of a cross section, pb, at a luminosity, 1/(cm^2 s)."""
    _positive(luminosity, "luminosity")
    return cross_section * CM2_PER_PB * luminosity


def _positive(value: float, what: str) -> None:
    if not 0 < value < math.inf:
        raise UsageError(f"the {what} has to be positive and finite, not {value:g}")
