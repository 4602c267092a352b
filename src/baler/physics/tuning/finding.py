"""What was measured against a requirement."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

from baler.physics.tuning.requirements import Requirement


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and one standard deviation of it."""

    value: float
    uncertainty: float


@dataclass(frozen=True, slots=True)
class Finding:
    """A requirement on one quantity: harm and uncertainty in the unit of the limit."""

    requirement: Requirement
    quantity: str
    value: float  # nan where it could not be measured
    uncertainty: float
    reason: str = ""  # why it could not

    def __str__(self) -> str:
        """Return it for people."""
        if self.reason:
            return f"{self.quantity}: {self.reason}"
        unit = f" {self.requirement.unit}" if self.requirement.unit else ""
        return f"{self.quantity}: {self.value:.3g} +- {self.uncertainty:.2g}{unit}"

    def used(self, z: float) -> float:
        """Return the part of its limit that value + z * uncertainty takes; at most 1 if it holds.

        The part of an AUC counts from 1/2, which is what events that cannot be told apart have.
        """
        if self.reason or not math.isfinite(self.value + z * self.uncertainty):
            return math.inf
        start = 0.5 if self.requirement.measure == "auc" else 0.0
        over = self.value - start + z * self.uncertainty
        return max(0.0, over) / (self.requirement.limit - start)

    def holds(self, z: float) -> bool:
        """Tell whether value + z * uncertainty stays within the limit."""
        return self.used(z) <= 1.0


def worst(findings: Iterable[Finding], z: float) -> Finding | None:
    """Return the finding nearest to its limit, or farthest beyond it; None if there are none."""
    return max(findings, key=lambda one: one.used(z), default=None)


def quantile(confidence: float) -> float:
    """Return how many standard deviations a one-sided confidence is."""
    return NormalDist().inv_cdf(confidence)
