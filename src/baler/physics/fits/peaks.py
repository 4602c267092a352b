"""Peaks on a falling background: an extended likelihood in fine bins, minimised by Minuit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from baler.errors import UsageError
from baler.physics.fits.shapes import crystal_ball
from baler.physics.fits.weighted import too_few
from baler.physics.measured import Failure, Floats, Quantity

Limits = tuple[float | None, float | None]

TOLERANCE = 1e-3
"""Of Minuit: parameters are within a few thousandths of their uncertainties of the minimum."""

NO_TAIL = 6.0
"""Standard deviations from which on a tail is none."""


@dataclass(frozen=True, slots=True)
class Window:
    """Where a peak is fitted, and with what."""

    low: float
    high: float
    mean: float  # where to start
    sigma: float  # where to start; must be within a factor of 4
    companions: tuple[float, ...] = ()  # masses of other peaks, as multiples of the mean
    power: float = 3.0  # of the tails
    tails: tuple[float, float] | None = None  # fixed: where they begin; None: they are fitted
    background: bool = True
    needed: int = 100  # events in the window
    bins: int = 240


@dataclass(frozen=True, slots=True, eq=False)
class PeakFit:
    """A peak that was fitted."""

    window: Window
    mean: Quantity
    sigma: Quantity  # of the normal core
    events: Quantity
    chi2: float
    ndf: int
    theta: Floats

    def curve(self, at: Floats, width: float) -> Floats:
        """Return the expected events of bins of a width, centred at ``at``."""
        curve: Floats = width * _density(self.window, self.theta[:, None], at)[0]
        return curve


def fit(
    values: Floats, weights: Floats, window: Window, unit: str = "GeV", what: str = "events"
) -> PeakFit | Failure:
    """Fit a Crystal Ball function with two tails and its companions on an exponential, if any.

    Companions share the resolution: their sigma is the same fraction of their mass, their tails are
    the same. The likelihood is that of Poisson counts; weights scale it by sum w^2 / sum w, so that
    uncertainties are those of the effective number of events (G. Bohm and G. Zech, Nucl. Instrum.
    Meth. A 748 (2014) 1). Bins with a negative sum of weights count as empty. A tail that wants to
    begin beyond four standard deviations is left out. A Failure says why there is no fit: too few
    events, no convergence, no covariance, a parameter at its limit, a peak of less than three
    standard deviations.

    Raises UsageError without iminuit.
    """
    try:
        from iminuit import Minuit
    except ImportError:
        raise UsageError("iminuit is missing: pip install 'baler[physics]'") from None

    inside = (values >= window.low) & (values < window.high)
    chosen = weights[inside]
    if failure := too_few(
        chosen, window.needed, f"{what} in {window.low:g}-{window.high:g} {unit}"
    ):
        return failure
    centres, width = _centres(window)
    scale = float(np.sum(chosen**2) / np.sum(chosen))
    counts = np.maximum(_shared(values, weights, window), 0.0) / scale
    filled = np.where(counts > 0, counts, 1.0)

    def means(theta: Floats) -> Floats:
        expected: Floats = width / scale * _density(window, theta, centres)
        return expected

    def deviance(theta: Floats) -> float:
        expected = np.maximum(means(theta[:, None])[0], 1e-300)
        excess = expected - counts
        # each term is small near the minimum, so that the sum keeps its digits
        return 2 * float(np.sum(excess - counts * np.log(expected / filled)))

    names, start, limits = _parameters(window, float(np.sum(chosen)))
    small = 1e-6 * np.maximum(np.abs(start), 1e-3)

    def slopes(theta: Floats) -> tuple[Floats, Floats]:
        shifted = np.concatenate([theta[:, None] + d * np.diag(small) for d in (0, 1, -1)], axis=1)
        found = np.maximum(means(shifted[:, :, None]), 1e-300)
        up, down = found[theta.size : 2 * theta.size], found[2 * theta.size :]
        return found[0], (up - down) / (2 * small[:, None])

    def gradient(theta: Floats) -> Floats:
        expected, change = slopes(theta)
        total: Floats = 2 * change @ (1 - counts / expected)
        return total

    minuit = Minuit(deviance, start, grad=gradient, name=names)
    minuit.errordef, minuit.tol = 1.0, TOLERANCE
    for name, limit in zip(names, limits, strict=True):
        minuit.limits[name] = limit
    with np.errstate(over="ignore", invalid="ignore"):
        minuit.migrad()
        if not minuit.valid:
            minuit.simplex().migrad()
        if absent := [one for one in ("left", "right") if one in names and minuit.values[one] > 4]:
            for one in absent:
                minuit.values[one], minuit.fixed[one] = NO_TAIL, True
            minuit.migrad()
    if not minuit.valid:
        return Failure(f"{what}: the fit did not converge")
    theta, free = np.array(minuit.values), ~np.array(minuit.fixed)
    expected, change = slopes(theta)
    errors = np.zeros(theta.size)
    information = change[free] / np.sqrt(expected)
    size = np.linalg.norm(information, axis=1, keepdims=True)
    turned = np.linalg.svd(information / np.maximum(size, 1e-300), full_matrices=False)
    if turned.S[-1] < 1e-6:
        return Failure(f"{what}: the fit has no valid covariance")
    errors[free] = np.linalg.norm(turned.U / turned.S, axis=1) / size[:, 0]
    if failure := _problem(names, theta, errors, limits, what):
        return failure
    plain = np.histogram(values, window.bins, (window.low, window.high), weights=weights)[0]
    chi2, bins = _chi2(plain / scale, expected)
    found = {n: Quantity(float(v), float(e)) for n, v, e in zip(names, theta, errors, strict=True)}
    return PeakFit(
        window,
        Quantity(found["mean"].value, found["mean"].uncertainty, unit),
        Quantity(found["sigma"].value, found["sigma"].uncertainty, unit),
        found["events"],
        chi2,
        bins - minuit.nfit,
        theta,
    )


def _parameters(window: Window, total: float) -> tuple[list[str], Floats, list[Limits]]:
    names, start = ["mean", "sigma", "events"], [window.mean, window.sigma, total / 2]
    limits: list[Limits] = [
        (window.mean - 3 * window.sigma, window.mean + 3 * window.sigma),
        (window.sigma / 4, window.sigma * 4),
        (0, None),
    ]
    if window.background:
        names += ["background", "slope"]
        start += [total / 2 / (window.high - window.low), -1.0]
        limits += [(0, None), (-30, 30)]
    if window.tails is None:
        names += ["left", "right"]
        start += [1.5, 1.5]
        limits += [(0.2, NO_TAIL), (0.2, NO_TAIL)]
    names += [f"companion {k + 1}" for k in range(len(window.companions))]
    start += [total / 8] * len(window.companions)
    limits += [(0, None)] * len(window.companions)
    return names, np.array(start), limits


def _density(window: Window, theta: Floats, x: Floats) -> Floats:
    """Return expected events per unit of mass, (sets, points); theta is (k, sets or 1, 1)."""
    mean, sigma, events, *rest = theta.reshape(theta.shape[0], -1, 1)
    found = np.zeros_like(mean)
    if window.background:
        background, slope, *rest = rest
        middle, span = (window.low + window.high) / 2, window.high - window.low
        found = background * np.exp(slope * (x - middle) / span)
    if window.tails is None:
        left, right, *rest = rest
    else:
        left, right = (np.full_like(mean, one) for one in window.tails)
    area = _area(left, window.power) + _area(right, window.power)
    for amount, ratio in zip((events, *rest), (1.0, *window.companions), strict=True):
        shape = crystal_ball(x, ratio * mean, ratio * sigma, left, right, window.power)
        found = found + amount / (ratio * sigma * area) * shape
    return np.asarray(found)


def _centres(window: Window) -> tuple[Floats, float]:
    edges = np.linspace(window.low, window.high, window.bins + 1)
    centres: Floats = (edges[:-1] + edges[1:]) / 2
    return centres, (window.high - window.low) / window.bins


def _shared(values: Floats, weights: Floats, window: Window) -> Floats:
    """Return sums of weights; an event is shared between the two bins whose centres are nearest.

    A small shift of an event is then a small change of the fit, where whole events would jump from
    bin to bin. It adds a sixth of the squared width of a bin to the variance of a peak.
    """
    _, width = _centres(window)
    at = (values - window.low) / width - 0.5
    near = (at > -1) & (at < window.bins)
    at, weights = at[near], weights[near]
    left = np.floor(at).astype(np.int64)
    right = at - left
    bins = window.bins + 2
    sums = np.bincount(left + 1, weights * (1 - right), bins)
    sums += np.bincount(left + 2, weights * right, bins)
    return np.asarray(sums[1:-1])


def _area(edge: Floats, power: float) -> Floats:
    """Return the integral of one side of a Crystal Ball function of unit sigma."""
    from scipy.special import erf

    core = np.sqrt(np.pi / 2) * erf(edge / np.sqrt(2))
    tail = np.exp(-0.5 * edge**2) * power / (edge * (power - 1))
    return np.asarray(core + tail)


def _problem(
    names: Sequence[str], theta: Floats, errors: Floats, limits: Sequence[Limits], what: str
) -> Failure | None:
    for name, value, error, limit in zip(names, theta, errors, limits, strict=True):
        if any(one is not None and abs(value - one) < 1e-3 * error for one in limit):
            return Failure(f"{what}: {name} of the fit is at its limit, {value:.4g}")
    events, error = theta[names.index("events")], errors[names.index("events")]
    if events < 3 * error:
        return Failure(
            f"{what}: a peak of {events:.0f} +- {error:.0f} events; needed: three standard "
            "deviations"
        )
    return None


def _chi2(counts: Floats, expected: Floats, least: float = 10.0) -> tuple[float, int]:
    """Return Pearson's chi2 in neighbouring bins, joined until enough is expected, and how many."""
    group = np.floor(np.cumsum(expected) / least).astype(np.int64)
    observed, means = np.bincount(group, counts), np.bincount(group, expected)
    full = means > least / 2
    return float(np.sum((observed - means)[full] ** 2 / means[full])), int(np.sum(full))
