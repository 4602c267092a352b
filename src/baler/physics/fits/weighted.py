"""What weighted events allow to say: effective numbers, quantiles, means, efficiencies.

Weights may be zero or negative. ``effective`` is the number of unweighted events with the same
relative uncertainty (sum w)^2 / sum w^2 (e.g. Cowan, Statistical Data Analysis, 1998, section 1.5).
"""

from __future__ import annotations

import numpy as np

from baler.physics.measured import Failure, Floats, Measured, Quantity

CORE = 0.682689492137086  # of a normal distribution, within one standard deviation


def effective(weights: Floats) -> float:
    """Return the effective number of events; 0 for none."""
    squares = float(np.sum(weights**2))
    return float(np.sum(weights)) ** 2 / squares if squares else 0.0


def total(weights: Floats, unit: str = "") -> Quantity:
    """Return the sum of weights."""
    return Quantity(float(np.sum(weights)), float(np.sqrt(np.sum(weights**2))), unit)


def too_few(weights: Floats, needed: int, what: str) -> Failure | None:
    """Return a Failure that says what was found and needed, or None if there are enough."""
    found = effective(weights)
    if found >= needed and np.sum(weights) > 0:
        return None
    if found >= needed:
        return Failure(f"{what}: the sum of weights is {np.sum(weights):.4g}; needed: more than 0")
    size = f"{weights.size}" if found == weights.size else f"{weights.size} ({found:.1f} effective)"
    return Failure(f"too few {what}: {size}; needed: {needed}")


def quantiles(values: Floats, weights: Floats, points: Floats) -> Floats:
    """Return weighted quantiles at ``points`` in [0, 1], linear between the values.

    The sum of weights must be positive. Where negative weights let it fall, the cumulative sum
    stays at its height.
    """
    order = np.argsort(values, kind="stable")
    order = order[weights[order] != 0]
    values, weights = values[order], weights[order]
    cumulative = np.maximum.accumulate(np.cumsum(weights) - weights / 2)
    found: Floats = np.interp(np.asarray(points) * np.sum(weights), cumulative, values)
    return found


def centre_and_width(
    values: Floats, weights: Floats, unit: str, *, needed: int = 20, what: str = "events"
) -> tuple[Measured, Measured]:
    """Return the median, and half the width of the central 68.3 %.

    Uncertainties are those of quantiles: p (1 - p) / n divided by the squared density, which is
    measured between the quantiles one standard deviation below and above (Woodruff, J. Am. Stat.
    Assoc. 47 (1952) 635).
    """
    if failure := too_few(weights, needed, what):
        return failure, failure
    n = effective(weights)
    p = np.array([0.5, 0.5 - CORE / 2, 0.5 + CORE / 2])
    sigma = np.sqrt(p * (1 - p) / n)
    at = np.clip(np.concatenate([p, p - sigma, p + sigma]), 0.0, 1.0)
    middle, below, above = quantiles(values, weights, at).reshape(3, 3)
    slope = (above - below) / (2 * sigma)  # inverse density
    low, high = slope[1], slope[2]
    both = p[1] * (1 - p[2])
    variance = low**2 * p[1] * (1 - p[1]) + high**2 * p[2] * (1 - p[2]) - 2 * both * low * high
    return (
        Quantity(float(middle[0]), float(slope[0] * sigma[0]), unit),
        Quantity(
            float(middle[2] - middle[1]) / 2, float(np.sqrt(max(variance, 0.0) / n)) / 2, unit
        ),
    )


def efficiency(passing: Floats, all_: Floats, *, needed: int = 1, what: str = "rows") -> Measured:
    """Return sum of passing weights / sum of all weights, with the binomial uncertainty.

    For weighted events its variance is [(1 - e)^2 sum_pass w^2 + e^2 sum_fail w^2] / (sum w)^2,
    which is e (1 - e) / n for equal weights; at 0 and 1 it is that of one effective event.
    """
    if failure := too_few(all_, needed, what):
        return failure
    passed = np.array([np.sum(passing)]), np.array([np.sum(passing**2)])
    (value,), (sigma,) = _binomial(*passed, all_)
    return Quantity(float(value), float(sigma))


def efficiencies(values: Floats, weights: Floats, cuts: Floats) -> tuple[Floats, Floats]:
    """Return the efficiency of ``values`` above each cut, and its uncertainty, (cuts,) each."""
    order = np.argsort(values, kind="stable")
    at = np.searchsorted(values[order], cuts, side="right")
    passed, squares = (
        np.append(np.cumsum(one[::-1])[::-1], 0.0)[at]
        for one in (weights[order], weights[order] ** 2)
    )
    return _binomial(passed, squares, weights)


def _binomial(passed: Floats, squares: Floats, weights: Floats) -> tuple[Floats, Floats]:
    whole = np.sum(weights)
    value = passed / whole
    rest = np.sum(weights**2) - squares
    sigma = np.sqrt(((1 - value) ** 2 * squares + value**2 * np.maximum(rest, 0.0)) / whole**2)
    return value, np.where(sigma > 0, sigma, 1 / effective(weights))
