"""What compression does to the variables of an analysis, object by object."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from baler.physics.analyses.base import Observed
from baler.physics.study.binned import Binned, fill
from baler.physics.study.distances import Distance, Floats, Ints, Judge, Rows, effective
from baler.report.distribution import edges_of

BINS = 60
CORE = 0.998
"""Part of the changes that a histogram of them extends over."""


@dataclass(frozen=True, slots=True)
class ObservableChange:
    """A variable of the same objects before and after; objects match by event and rank."""

    role: str
    observable: str
    unit: str
    matched: int
    lost: int  # selected before only
    gained: int  # selected after only
    mean: float  # change of matched objects, weighted
    mean_uncertainty: float
    rms: float  # spread of the change about its mean
    spread: float  # standard deviation of the variable itself
    distance: Distance
    after: Binned
    changes: Binned

    @property
    def pull(self) -> float:
        """The mean change in units of its uncertainty; 0 if nothing changes."""
        return self.mean / self.mean_uncertainty if self.mean_uncertainty > 0 else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class ObservableReference:
    """A variable before compression."""

    before: Binned
    identical: Floats

    @classmethod
    def of(cls, observed: Observed, name: str, judge: Judge) -> ObservableReference:
        """Take the histogram of a variable and its distances between identical samples."""
        one = observed.observables[name]
        label = f"{one.label} [{one.unit}]" if one.unit else one.label
        before = fill(label, one.values, observed.weights_of(name), edges_of(one.values))
        return cls(before, judge.identical(Rows(one.values, one.event)))


def observable_change(
    role: str,
    name: str,
    reference: ObservableReference,
    before: Observed,
    after: Observed,
    judge: Judge,
) -> ObservableChange:
    """Compare a variable with itself."""
    old, new = before.observables[name], after.observables[name]
    _, mine, yours = np.intersect1d(
        _keys(old.event), _keys(new.event), assume_unique=True, return_indices=True
    )
    weights = before.weights_of(name)[mine]
    change = new.values[yours] - old.values[mine]
    there = np.isfinite(change)
    mean, rms = _moments(change[there], weights[there])
    entries = effective(weights[there])
    spread = _moments(old.values[np.isfinite(old.values)],
                      before.weights_of(name)[np.isfinite(old.values)])[1]  # fmt: skip
    label = f"Change of {old.label[:1].lower()}{old.label[1:]}"
    return ObservableChange(
        role=role,
        observable=name,
        unit=old.unit,
        matched=len(mine),
        lost=len(old.values) - len(mine),
        gained=len(new.values) - len(mine),
        mean=mean,
        mean_uncertainty=rms / math.sqrt(entries) if entries else math.nan,
        rms=rms,
        spread=spread,
        distance=judge.distance(
            Rows(old.values, old.event), Rows(new.values, new.event), reference.identical
        ),
        after=fill(
            reference.before.label,
            new.values,
            after.weights_of(name),
            np.array(reference.before.edges),
        ),
        changes=fill(
            f"{label} [{old.unit}]" if old.unit else label, change, weights, _edges(change)
        ),
    )


def _keys(event: Ints) -> Ints:
    """Return a number for each row that is the same for the same rank in the same event."""
    order = np.argsort(event, kind="stable")
    ordered = event[order]
    start = np.searchsorted(ordered, ordered)
    keys = np.empty(len(event), np.int64)
    keys[order] = ordered * (1 << 20) + np.arange(len(event)) - start
    return keys


def _moments(values: Floats, weights: Floats) -> tuple[float, float]:
    """Return weighted mean and standard deviation; nan without weight."""
    total = float(weights.sum())
    if not values.size or not total > 0:
        return math.nan, math.nan
    mean = float((weights * values).sum()) / total
    variance = float((weights * (values - mean) ** 2).sum()) / total
    return mean, math.sqrt(max(variance, 0.0))


def _edges(change: Floats) -> Floats:
    finite = change[np.isfinite(change)]
    reach = float(np.quantile(np.abs(finite), CORE)) if finite.size else 0.0
    return np.linspace(-reach or -1.0, reach or 1.0, BINS + 1)
