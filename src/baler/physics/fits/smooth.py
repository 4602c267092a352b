"""A smooth function through a falling mass spectrum, as dijet searches fit it.

dN/dm = p0 (1 - x)^p1 x^-(p2 + p3 ln x + p4 ln^2 x) with x = m / sqrt(s); three parameters end at
p2, four at p3 (CDF, Phys. Rev. D 79 (2009) 112002; CMS, JHEP 08 (2018) 130; ATLAS, JHEP 03 (2020)
145). Its logarithm is linear in the parameters, so that the likelihood has one maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from baler.physics.measured import Failure, Floats

SIMPSON = np.array([1.0, 4.0, 1.0]) / 6


@dataclass(frozen=True, slots=True, eq=False)
class SmoothFit:
    """A fitted function, integrated over bins."""

    edges: Floats  # (bins + 1,), GeV
    root_s: float  # GeV
    parameters: Floats  # (k,): ln p0, p1, -p2, -p3, ...
    expected: Floats  # (bins,)
    gradient: Floats  # (k, bins), of ``expected`` by the parameters
    scale: Floats  # (bins,), weight of an event
    deviance: float
    ndf: int

    def variations(self, luminosity: float | None = None) -> Floats:
        """Return what the fit leaves open, (k, bins): uncorrelated, one standard deviation each.

        These are the eigenvectors of the covariance of the parameters, as changes of the expected
        events: of the weighted events that were fitted, or of ``luminosity`` times as many, with
        Poisson uncertainties, if that is given.
        """
        factor, scale = (1.0, self.scale) if luminosity is None else (luminosity, 1.0)
        sigma = np.sqrt(factor * scale * self.expected)
        # In units of standard deviations of the bins, the gradient's right singular vectors.
        _, size, turned = np.linalg.svd(factor * self.gradient / sigma, full_matrices=False)
        kept: Floats = (turned * sigma)[size > size[0] * 1e-12]
        return kept


def fit(
    edges: Floats, sums: Floats, squares: Floats, root_s: float, parameters: int
) -> SmoothFit | Failure:
    """Fit the function with 3, 4 or 5 parameters to sums of weights and of their squares, by bin.

    The likelihood is that of scaled Poisson counts: a bin of weights w counts as (sum w)^2 /
    sum w^2 events (G. Bohm and G. Zech, Nucl. Instrum. Meth. A 748 (2014) 1); an empty bin scales
    as its neighbours do, one with a negative sum counts as empty. The maximum is found by Fisher
    scoring.
    """
    filled = int(np.count_nonzero(sums > 0))
    if filled <= parameters:
        return Failure(f"background: {filled} bins with events; needed: {parameters + 1}")
    scale = _scales(sums, squares)
    counts = np.maximum(sums, 0.0) / scale
    points = np.stack([edges[:-1], (edges[:-1] + edges[1:]) / 2, edges[1:]])
    basis = _basis(points / root_s, parameters)  # (k, 3, bins)
    measure = SIMPSON[:, None] * np.diff(edges)

    # Orthogonal in the bins that count: the parameters themselves are almost degenerate.
    flat = basis[:, 1] * np.sqrt(counts)
    _, mixing = np.linalg.qr(flat.T)
    if np.min(np.abs(np.diag(mixing))) < 1e-9 * np.max(np.abs(mixing)):
        return Failure(f"background: {filled} bins with events do not fix {parameters} parameters")
    turn = np.linalg.inv(mixing)
    basis = np.einsum("kpb,kj->jpb", basis, turn)

    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            found = _maximum(basis, measure, counts, scale, np.diff(edges))
        except np.linalg.LinAlgError:
            found = None
    if found is None:
        return Failure("background: the fit did not converge")
    theta, deviance, expected, gradient = found
    return SmoothFit(
        edges, root_s, turn @ theta, expected, gradient, scale, deviance, sums.size - parameters
    )


def _maximum(
    basis: Floats, measure: Floats, counts: Floats, scale: Floats, widths: Floats
) -> tuple[Floats, float, Floats, Floats] | None:
    """Return parameters, deviance, expectation and gradient at the maximum, or None."""
    root = np.sqrt(counts)
    start = np.log(np.maximum(counts, 0.5) * scale / widths)
    theta = np.linalg.lstsq((basis[:, 1] * root).T, start * root, rcond=None)[0]
    here, expected, gradient = _at(theta, basis, measure, counts, scale)
    for _ in range(200):
        slope = gradient @ ((counts - expected / scale) / expected)
        step = np.linalg.solve((gradient / (scale * expected)) @ gradient.T, slope)
        gain = float(step @ slope)
        size, there = 1.0, _at(theta + step, basis, measure, counts, scale)
        while there[0] > here + 1e-9 * (1 + here) and size > 1e-8:
            size /= 2
            there = _at(theta + size * step, basis, measure, counts, scale)
        theta, (here, expected, gradient) = theta + size * step, there
        if gain < 1e-9 * (1 + here):
            good = np.isfinite(here) and np.all(expected > 0)
            return (theta, here, expected, gradient) if good else None
    return None


def choose(
    edges: Floats,
    sums: Floats,
    squares: Floats,
    root_s: float,
    candidates: Sequence[int] = (3, 4, 5),
    level: float = 0.05,
) -> SmoothFit | Failure:
    """Return the fit with the fewest parameters that one more does not improve by an F-test.

    One more is taken where an improvement as large would come by chance with a probability below
    ``level`` (R. A. Fisher; as in CMS, JHEP 08 (2018) 130).
    """
    from scipy.special import fdtrc

    best = fit(edges, sums, squares, root_s, candidates[0])
    for parameters in candidates[1:]:
        if isinstance(best, Failure):
            return best
        more = fit(edges, sums, squares, root_s, parameters)
        if isinstance(more, Failure) or more.ndf < 1 or more.deviance <= 0:
            return best
        ratio = max(best.deviance - more.deviance, 0.0) / (more.deviance / more.ndf)
        if fdtrc(1, more.ndf, ratio) > level:
            return best
        best = more
    return best


def _basis(x: Floats, parameters: int) -> Floats:
    log = np.log(x)
    powers = [np.ones_like(x), np.log1p(-x), *(log**n for n in range(1, parameters - 1))]
    return np.stack(powers)


def _at(
    theta: Floats, basis: Floats, measure: Floats, counts: Floats, scale: Floats
) -> tuple[float, Floats, Floats]:
    values = np.exp(np.tensordot(theta, basis, 1)) * measure
    expected = values.sum(0)
    gradient = np.sum(basis * values, axis=1)
    # each term is small near the minimum, so that the sum keeps its digits
    excess = expected / scale - counts
    ratio = np.divide(excess, counts, out=np.zeros_like(excess), where=counts > 0)
    terms = np.where(counts > 0, counts * (ratio - np.log1p(ratio)), excess)
    deviance = 2 * float(np.sum(terms))
    return (deviance if np.isfinite(deviance) else np.inf), expected, gradient


def _scales(sums: Floats, squares: Floats) -> Floats:
    known = np.flatnonzero((sums > 0) & (squares > 0))
    logs = np.log(squares[known] / sums[known])
    return np.exp(np.interp(np.arange(sums.size), known, logs))
