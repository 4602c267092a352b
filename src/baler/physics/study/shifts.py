"""How the numbers of an analysis move, measured with the same events before and after.

The uncertainty of a shift is that of a bootstrap (B. Efron 1979, "Bootstrap Methods: Another Look
at the Jackknife", https://doi.org/10.1214/aos/1176344552) in which each event counts k times, k
Poisson-distributed with mean 1, the same k before and after. What both have in common, the
statistical noise of the sample, drops out of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from baler.errors import UsageError
from baler.physics.analyses.base import Analysis, Failure, Floats, Measured, Observed, Outcome
from baler.physics.study.binned import Binned, binned

FEWEST = 0.75
"""Part of the resampled measurements that have to succeed."""
NEEDED = 8
"""Resampled measurements for an uncertainty."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A number of an analysis before and after; nan where there is none, and the reason why."""

    quantity: str
    unit: str
    before: float
    statistical: float  # uncertainty of the number before
    after: float
    shift: float  # after - before
    uncertainty: float  # of the shift
    failure: str = ""

    @property
    def relative(self) -> float:
        """The shift in units of the statistical uncertainty; nan where there is none."""
        return self.shift / self.statistical if self.statistical > 0 else math.nan

    @property
    def relative_uncertainty(self) -> float:
        """The uncertainty of `relative`."""
        return self.uncertainty / self.statistical if self.statistical > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Measurement:
    """What an analysis finds with all events, and with each resampling."""

    outcome: Outcome
    resampled: tuple[Mapping[str, Measured], ...]


@dataclass(frozen=True, slots=True)
class Resampling:
    """Many resamplings of the events of each role."""

    events: Mapping[str, int]
    count: int
    seed: int

    def __post_init__(self) -> None:
        """Refuse too few resamplings."""
        if self.count < NEEDED:
            raise UsageError(f"at least {NEEDED} replicas are needed, not {self.count}")

    def factors(self, number: int) -> dict[str, Floats]:
        """Return how often each event counts in a resampling, by role."""
        return {
            role: np.random.default_rng([self.seed, 13, number, at])
            .poisson(1.0, size)
            .astype(np.float64)
            for at, (role, size) in enumerate(self.events.items())
        }

    def measure(
        self,
        analysis: Analysis,
        observed: Mapping[str, Observed],
        told: Callable[[int], None] = lambda done: None,
    ) -> Measurement:
        """Measure with all events and with each resampling."""
        resampled = []
        for number in range(self.count):
            told(number)
            factors = self.factors(number)
            again = {role: one.reweighted(factors[role]) for role, one in observed.items()}
            resampled.append(analysis.measure(again).quantities)
        return Measurement(analysis.measure(observed), tuple(resampled))


def shifts(before: Measurement, after: Measurement) -> tuple[Shift, ...]:
    """Return the shift of each number that there is before or after."""
    names = {**before.outcome.quantities, **after.outcome.quantities}
    return tuple(_shift(name, before, after) for name in names)


def _shift(name: str, before: Measurement, after: Measurement) -> Shift:
    absent = Failure("is not measured")
    start = before.outcome.quantities.get(name, absent)
    end = after.outcome.quantities.get(name, absent)
    found = [one for one in (start, end) if not isinstance(one, Failure)]
    unit = found[0].unit if found else ""
    first = math.nan if isinstance(start, Failure) else start.value
    statistical = math.nan if isinstance(start, Failure) else start.uncertainty
    last = math.nan if isinstance(end, Failure) else end.value
    if isinstance(start, Failure) or isinstance(end, Failure):
        reasons = {
            when: one.reason
            for when, one in (("before", start), ("after", end))
            if isinstance(one, Failure)
        }
        failure = "; ".join(f"{when}: {reason}" for when, reason in reasons.items())
        return Shift(name, unit, first, statistical, last, math.nan, math.nan, failure)
    changes: list[float] = []
    unmeasured: set[str] = set()
    for one, other in zip(before.resampled, after.resampled, strict=True):
        earlier, later = one.get(name, absent), other.get(name, absent)
        if isinstance(earlier, Failure) or isinstance(later, Failure):
            failed = earlier if isinstance(earlier, Failure) else later
            unmeasured.add(failed.reason if isinstance(failed, Failure) else "")
        else:
            changes.append(later.value - earlier.value)
    failure, uncertainty = "", math.nan
    if len(changes) < max(NEEDED, FEWEST * len(before.resampled)):
        failure = (
            f"measured in {len(changes)} of {len(before.resampled)} resamplings only: "
            f"{min(unmeasured)}"
        )
    else:
        uncertainty = float(np.std(changes, ddof=1))
    return Shift(name, unit, first, statistical, last, last - first, uncertainty, failure)


def spectra(outcome: Outcome) -> dict[str, Binned]:
    """Return the histograms of an outcome, with the curves that belong to them."""
    return {
        name: binned(histogram, outcome.curves.get(name))
        for name, histogram in outcome.histograms.items()
        if len(histogram.axes) == 1
    }
