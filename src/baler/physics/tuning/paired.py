"""How quantities fare against requirements, measured with the same events before and after."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from baler.errors import UsageError
from baler.physics.analyses.base import Analysis, Failure, Measured, Quantity
from baler.physics.events import Events
from baler.physics.resampled import spread
from baler.physics.study.shifts import FEWEST, NEEDED, Measurement, Resampling
from baler.physics.tuning.finding import Estimate, Finding
from baler.physics.tuning.requirements import Requirement, width_of


class Paired:
    """An analysis of the same events before and after compression."""

    def __init__(
        self, analysis: Analysis, samples: Mapping[str, Events], *, bootstraps: int, seed: int
    ) -> None:
        """Measure before compression; ``samples`` are events by role."""
        self.analysis = analysis
        sizes = {role: len(events) for role, events in samples.items()}
        self._resampling = Resampling(sizes, bootstraps, seed)
        self.reference = self._measured(samples)

    def _measured(self, samples: Mapping[str, Events]) -> Measurement:
        observed = {role: self.analysis.observe(events) for role, events in samples.items()}
        return self._resampling.measure(self.analysis, observed)

    def findings(
        self, samples: Mapping[str, Events], requirements: Sequence[tuple[Requirement, str]]
    ) -> list[Finding]:
        """Return what became of quantities; ``samples`` are the same events after compression."""
        if not requirements:
            return []
        after = self._measured(samples)
        return [finding(one, name, self.reference, after) for one, name in requirements]

    def testable(
        self, requirements: Sequence[Requirement]
    ) -> tuple[list[tuple[Requirement, str]], list[str]]:
        """Return the quantities to test for each requirement, and why others cannot be tested.

        Raises UsageError for a requirement that means nothing that the analysis measures, or only
        what it cannot measure with these events.
        """
        quantities = self.reference.outcome.quantities
        found: list[tuple[Requirement, str]] = []
        untested: list[str] = []
        for requirement in requirements:
            reasons = []
            names = requirement.select(quantities)
            for name in names:
                if why := self._untestable(requirement, name):
                    reasons.append(f"{name}: {why}")
                else:
                    found.append((requirement, name))
            if len(reasons) == len(names):
                raise UsageError(f"{str(requirement)!r} cannot be tested: {'; '.join(reasons)}")
            untested += [f"{requirement}: {reason}" for reason in reasons]
        return found, untested

    def _untestable(self, requirement: Requirement, name: str) -> str:
        """Say why a requirement on a quantity cannot be tested; nothing if it can."""
        quantities = self.reference.outcome.quantities
        needed = {name}
        if requirement.unit == "% width":
            try:
                needed.add(width_of(name, quantities))
            except UsageError as error:
                return str(error)
        for one in needed:
            measured = quantities[one]
            if isinstance(measured, Failure):
                return measured.reason
            succeeded = sum(isinstance(again[one], Quantity) for again in self.reference.resampled)
            if succeeded < max(NEEDED, FEWEST * len(self.reference.resampled)):
                return (
                    f"measured in {succeeded} of {len(self.reference.resampled)} resamplings only"
                )
        measured = quantities[name]
        assert isinstance(measured, Quantity)
        if requirement.unit == "sigma" and not 0 < measured.uncertainty < math.inf:
            return f"its statistical uncertainty is {measured.uncertainty:g}"
        if requirement.unit == "%" and not abs(measured.value) > 0:
            return f"it is {measured.value:g}, of which there is no part"
        own = requirement.unit not in ("", "sigma", "%", "% width")
        if own and requirement.unit != measured.unit:
            return f"it is in {measured.unit or 'no unit'}, not in {requirement.unit}"
        return ""


def finding(
    requirement: Requirement, name: str, before: Measurement, after: Measurement
) -> Finding:
    """Return how a quantity fares against a requirement."""
    start, end = before.outcome.quantities[name], after.outcome.quantities.get(name)
    if not isinstance(start, Quantity):
        return Finding(requirement, name, math.nan, math.nan, start.reason)
    if not isinstance(end, Quantity):
        reason = "is no longer measured" if end is None else f"after compression: {end.reason}"
        return Finding(requirement, name, math.nan, math.nan, reason)
    changes = [
        later.value - earlier.value
        for one, other in zip(before.resampled, after.resampled, strict=True)
        if isinstance(earlier := one[name], Quantity) and isinstance(later := other[name], Quantity)
    ]
    if len(changes) < max(NEEDED, FEWEST * len(before.resampled)):
        reason = f"after compression measured in {len(changes)} of {len(before.resampled)} only"
        return Finding(requirement, name, math.nan, math.nan, reason)
    change = Estimate(end.value - start.value, spread(changes))
    scale = _scale(requirement, name, before.outcome.quantities, start)
    value = change.value if requirement.measure == "width" else abs(change.value)
    return Finding(requirement, name, value / scale, change.uncertainty / scale)


def _scale(
    requirement: Requirement, name: str, quantities: Mapping[str, Measured], start: Quantity
) -> float:
    """Return what one of the limit's unit is, in the unit of the quantity."""
    match requirement.unit:
        case "sigma":
            return start.uncertainty
        case "%":
            return abs(start.value) / 100
        case "% width":
            width = quantities[width_of(name, quantities)]
            assert isinstance(width, Quantity)
            return abs(width.value) / 100
    return 1.0
