"""What compression does to one column: errors, distribution, and the lattice it leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from baler.core.bounds import Absolute, Bound, Relative, Sigma
from baler.core.chunk import Array
from baler.core.schema import Column
from baler.physics.events import Events
from baler.physics.study.binned import Binned, fill, pulls
from baler.physics.study.distances import Distance, Floats, Ints, Judge
from baler.physics.study.tables import first_events, rows_of
from baler.report.distribution import edges_of

ERROR_EDGES = tuple(np.linspace(-1.1, 1.1, 45).tolist())
"""Of histograms of error / bound."""
ROWS = 50_000
"""Distances are judged by the first events that have so many values."""
UNITS = {
    "GeV": ("pt", "mass", "energy", "e", "sumet", "ht", "sumht", "px", "py", "pz"),
    "cm": ("dxy", "dz", "d0", "dxyerr", "dzerr", "d0err"),
    "rad": ("phi",),
}


def axis_label(name: str) -> str:
    """Return the label of a column's axis, with its unit if the name tells it."""
    last = name.rpartition("_")[2].lower()
    unit = next((unit for unit, names in UNITS.items() if last in names), "")
    return f"{name} [{unit}]" if unit else name


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """A column before and after."""

    column: str
    bound: str
    values: int
    mean: float  # error, after - before, of finite values
    rms: float
    largest: float  # in magnitude
    over_bound: float  # largest error / bound; nan where there is no bound
    resolution: float  # RMS of error / the column NAMEErr; nan where there is none
    distance: Distance
    chi2: float  # mean square pull of the bins that are not empty
    after: Binned
    errors: tuple[int, ...]  # histogram of error / bound in `ERROR_EDGES`


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """A column before compression."""

    column: Column
    before: Binned
    identical: Floats  # distances of identical samples
    events: int  # the first ones, by which distances are judged

    @classmethod
    def of(cls, events: Events, column: Column, judge: Judge) -> Reference:
        """Take the histogram and the distances of a column; nothing is nan if it is constant."""
        rows = rows_of(events, column)
        weights = judge.weights[rows.event]
        edges = edges_of(events.chunk.columns[column.name])
        before = fill(axis_label(column.name), rows.values, weights, edges)
        first = first_events(rows.event, len(events), ROWS)
        part = rows_of(events.between(0, first), column)
        return cls(column, before, judge.first(first).identical(part), first)


def column_change(
    reference: Reference, before: Events, after: Events, bound: Bound, judge: Judge
) -> ColumnChange:
    """Compare a column with itself."""
    name = reference.column.name
    rows, changed = rows_of(before, reference.column), rows_of(after, reference.column)
    error = np.full(len(rows.values), np.nan)
    if len(changed.values) == len(rows.values):
        with np.errstate(invalid="ignore", over="ignore"):
            error = changed.values - rows.values
    if axis_label(name).endswith("[rad]"):
        turned = np.remainder(error + np.pi, 2 * np.pi) - np.pi
        error = np.where(error == 0, 0.0, turned)
    there = np.isfinite(error)
    found = error[there]
    pull = _over(bound, before, after, name, error) if bound.lossy else np.empty(0)
    binned = fill(
        reference.before.label,
        changed.values,
        judge.weights[changed.event],
        np.array(reference.before.edges),
    )
    filled = np.array(reference.before.variances) > 0
    part, changed_part = (
        rows_of(one.between(0, reference.events), reference.column) for one in (before, after)
    )
    return ColumnChange(
        column=name,
        bound=str(bound),
        values=len(rows.values),
        mean=float(found.mean()) if found.size else math.nan,
        rms=float(np.sqrt(np.mean(found**2))) if found.size else math.nan,
        largest=float(np.abs(found).max()) if found.size else math.nan,
        over_bound=float(np.abs(pull).max()) if pull.size else math.nan,
        resolution=_resolution(before, reference.column, error),
        distance=judge.first(reference.events).distance(part, changed_part, reference.identical),
        chi2=float(np.mean(pulls(reference.before, binned)[filled] ** 2)) if filled.any() else 0.0,
        after=binned,
        errors=tuple(np.histogram(np.clip(pull, -1.09, 1.09), ERROR_EDGES)[0].tolist()),
    )


def _over(bound: Bound, before: Events, after: Events, name: str, error: Floats) -> Floats:
    """Return error / bound where both are finite and the bound is not 0."""
    if len(error) != len(before.chunk.columns[name]):
        return np.empty(0)
    sigma = None if bound.parent is None else after.chunk.columns[bound.parent]
    limit = np.broadcast_to(
        np.asarray(bound.limit(before.chunk.columns[name], sigma), np.float64), error.shape
    )
    there = np.isfinite(error) & np.isfinite(limit) & (limit > 0)
    return np.asarray(error[there] / limit[there])


def _resolution(before: Events, column: Column, error: Floats) -> float:
    sigma = before.schema.by_name.get(f"{column.name}Err")
    if sigma is None or (sigma.counts, sigma.width) != (column.counts, column.width):
        return math.nan
    resolution = before.chunk.columns[sigma.name].astype(np.float64)
    there = np.isfinite(error) & np.isfinite(resolution) & (resolution > 0)
    return float(np.sqrt(np.mean((error[there] / resolution[there]) ** 2))) if there.any() else 0.0


FINE = 0.5
"""Bins of the histogram that lattices are looked for in, in units of the bound."""
SMOOTH = 16
"""Bins of the moving average that they are compared with: four steps of a lattice."""
MOST_BINS = 1 << 20
SHOWN = 128
"""Bins that are kept for a plot, about the densest place."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Spikes of a histogram that is finer than the bound.

    ``ripple`` is the RMS of what goes beyond statistics in its bins, over their content: 0 for a
    smooth distribution, sqrt(3) for one on a lattice of two bounds' width.
    """

    column: str
    ripple: float
    significance: float  # of its square, in standard deviations
    before: float  # the ripple before compression
    shown: Binned  # the densest part of the histogram, in units of the bound
    shown_before: Binned


def lattice(
    events: Events, after: Events, column: Column, bound: Bound, weights: Floats
) -> Lattice | None:
    """Look for a lattice in a column; None where its bound has no width of its own."""
    old = _in_bounds(events, after, column.name, bound)
    new = _in_bounds(after, after, column.name, bound)
    if old is None or new is None or len(old) != len(new):
        return None
    there = np.isfinite(old) & np.isfinite(new)
    if not there.any():
        return None
    old, new = old[there], new[there]
    own = weights[rows_of(events, column).event[there]]
    low, high = np.quantile(old, (0.01, 0.99))
    if not high > low:
        return None
    count = min(MOST_BINS, max(2 * SMOOTH, math.ceil((high - low) / FINE)))
    start = max(low, float(np.median(old)) - count * FINE / 2)
    edges = start + FINE * np.arange(count + 1)
    at_first, _, histogram_before = _ripple(old, own, edges)
    ripple, significance, histogram = _ripple(new, own, edges)
    label = f"{column.name} / bound" if not isinstance(bound, Relative) else (
        f"log |{column.name}| / bound"
    )  # fmt: skip
    densest = _densest(histogram_before[0])
    shown = slice(densest, densest + SHOWN)
    made = [
        Binned(
            label,
            tuple((edges[densest : densest + SHOWN + 1] - edges[densest]).tolist()),
            tuple(contents[shown].tolist()),
            tuple(variances[shown].tolist()),
        )
        for contents, variances in (histogram, histogram_before)
    ]
    return Lattice(column.name, ripple, significance, at_first, made[0], made[1])


def _in_bounds(events: Events, after: Events, name: str, bound: Bound) -> Floats | None:
    """Return values in units of the bound: logarithms for a relative one."""
    values: Array = events.chunk.columns[name].astype(np.float64)
    with np.errstate(all="ignore"):
        match bound:
            case Absolute(epsilon):
                return np.asarray(values / epsilon)
            case Relative(fraction):
                return np.asarray(
                    np.log(np.where(values != 0, np.abs(values), np.nan)) / math.atanh(fraction)
                )
            case Sigma(fraction, column):
                return np.asarray(values / (fraction * after.chunk.columns[column]))
    return None


def _ripple(
    values: Floats, weights: Floats, edges: Floats
) -> tuple[float, float, tuple[Floats, Floats]]:
    """Return ripple, significance, and the histogram with its variances."""
    bins = np.floor((values - edges[0]) / FINE)
    inside = (bins >= 0) & (bins < len(edges) - 1)
    where = bins[inside].astype(np.int64)
    contents, variances, fourth = (_counted(where, weights[inside] ** power, len(edges) - 1)
                                   for power in (1, 2, 4))  # fmt: skip
    smooth, noise, quartic = (_averaged(one) for one in (contents, variances, fourth))
    own = 1 - 1 / SMOOTH  # the average has a part of each bin in it
    excess = float(((contents - smooth) ** 2 - own * noise).sum())
    spread = math.sqrt(float((2 * noise**2 + quartic).sum()))
    level = float((smooth**2).sum())
    ripple = math.sqrt(max(excess, 0.0) / level) if level else 0.0
    return ripple, excess / spread if spread else 0.0, (contents, variances)


def _counted(where: Ints, weights: Floats, bins: int) -> Floats:
    return np.bincount(where, weights, bins).astype(np.float64)


def _averaged(contents: Floats) -> Floats:
    """Return a moving average over `SMOOTH` bins, fewer at the ends."""
    sums = np.concatenate([[0.0], np.cumsum(contents)])
    at = np.arange(len(contents))
    low, high = np.maximum(at - SMOOTH // 2, 0), np.minimum(at + SMOOTH // 2, len(contents))
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _densest(contents: Floats) -> int:
    """Return the first of the `SHOWN` neighbouring bins that hold most."""
    if len(contents) <= SHOWN:
        return 0
    sums = np.cumsum(np.concatenate([[0.0], contents]))
    return int(np.argmax(sums[SHOWN:] - sums[:-SHOWN]))
