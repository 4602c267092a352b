"""The threshold of a jet trigger that a bandwidth affords."""

from __future__ import annotations

from dataclasses import dataclass

import awkward as ak
import numpy as np

from baler.errors import UsageError
from baler.physics.analyses.base import Floats
from baler.physics.events import Events
from baler.physics.sensitivity.budget import rate


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """The rate of a trigger on the leading jet, against its threshold."""

    pt: Floats  # (events,), GeV, increasing; of the leading jet
    above: Floats  # (events,), Hz, decreasing: the rate of events with at least such a pt

    @classmethod
    def of(
        cls,
        events: Events,
        *,
        cross_section: float,
        luminosity: float,
        floor: float = 0.0,
        field: str = "Jet_pt",
    ) -> Spectrum:
        """Return the spectrum of simulated events of a cross section, pb, by their weights.

        ``luminosity`` is the instantaneous one, 1/(cm^2 s). Below ``floor``, GeV, nothing is said:
        a sample that was generated above some momentum has no complete spectrum there. Raises
        UsageError if there are no events above it.
        """
        leading = ak.to_numpy(ak.fill_none(ak.max(events[field], axis=1), -np.inf))
        weights = events.weights()
        if not weights.sum() > 0:
            raise UsageError(f"the sum of weights of {events.name} is not positive")
        each = rate(cross_section, luminosity) * weights / weights.sum()
        order = np.argsort(leading, kind="stable")
        pt, each = leading[order].astype(np.float64), each[order]
        above = np.cumsum(each[::-1])[::-1]
        chosen = pt >= floor
        if not chosen.any():
            raise UsageError(f"{events.name} has no events with a jet above {floor:g} GeV")
        return cls(pt[chosen], np.minimum.accumulate(above[chosen]))

    @property
    def most(self) -> float:
        """The rate at the lowest threshold, Hz."""
        return float(self.above[0])

    def at(self, threshold: float) -> float:
        """Return the rate above a threshold, Hz; that of the lowest one below it."""
        at = int(np.searchsorted(self.pt, threshold, "left"))
        return float(self.above[at]) if at < len(self.above) else 0.0

    def threshold(self, bandwidth: float, size: float) -> float:
        """Return the lowest threshold, GeV, whose events fit into a bandwidth, B/s.

        ``size`` are bytes of an event. It is infinite if not even the hardest event fits, and never
        below the lowest pt of the spectrum.
        """
        fits = np.flatnonzero(self.above * size <= bandwidth)
        return float(self.pt[fits[0]]) if fits.size else np.inf

    def prescale(self, threshold: float, bandwidth: float, size: float) -> float:
        """Return the prescale, at least 1, with which a threshold fits into a bandwidth."""
        return max(1.0, self.at(threshold) * size / bandwidth)
