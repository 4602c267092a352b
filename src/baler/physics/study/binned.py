"""Weighted histograms as they are kept in a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import hist
import numpy as np

from baler.physics.study.distances import Floats


@dataclass(frozen=True, slots=True)
class Binned:
    """A histogram; ``curve`` is a function at the centres of its bins, if there is one."""

    label: str  # of its axis, with its unit
    edges: tuple[float, ...]
    contents: tuple[float, ...]
    variances: tuple[float, ...]
    curve: tuple[float, ...] = ()


def binned(histogram: hist.Hist[Any], curve: Floats | None = None) -> Binned:
    """Return a histogram of one axis without what is beyond it."""
    axis = histogram.axes[0]
    contents, variances = histogram.values(), histogram.variances()
    return Binned(
        str(axis.label or axis.name),
        tuple(axis.edges.tolist()),
        tuple(contents.tolist()),
        tuple((contents if variances is None else variances).tolist()),
        () if curve is None else tuple(np.asarray(curve, np.float64).tolist()),
    )


def fill(label: str, values: Floats, weights: Floats, edges: Floats) -> Binned:
    """Return a histogram of finite values; those beyond are in the first and the last bin."""
    there = np.isfinite(values)
    inside = np.clip(values[there], edges[0], edges[-1])
    contents, _ = np.histogram(inside, edges, weights=weights[there])
    variances, _ = np.histogram(inside, edges, weights=weights[there] ** 2)
    return Binned(label, tuple(edges.tolist()), tuple(contents.tolist()), tuple(variances.tolist()))


def pulls(before: Binned, after: Binned) -> Floats:
    """Return the change of each bin in units of its statistical uncertainty; 0 in empty bins.

    The uncertainty is that of the larger content: an empty bin has none of its own.
    """
    old, new = np.array(before.contents), np.array(after.contents)
    sigma = np.sqrt(np.maximum(before.variances, after.variances))
    return np.asarray(np.divide(new - old, sigma, out=np.zeros(old.shape), where=sigma > 0))
