"""The classifier two-sample test: whether trees can tell events before from events after.

Half of the events before compression is one class, the *other* half after compression the other, so
that to know an event by heart is of no use. The same test between the same halves of the originals
is what identical samples give. Every object is judged by trees that have not seen its event. The
AUC is 0.5 where nothing is to be seen. (D. Lopez-Paz and M. Oquab 2017, "Revisiting Classifier
Two-Sample Tests", https://arxiv.org/abs/1610.06545.)

Trees see spikes first: a value on a lattice, where the originals are smooth, gives itself away with
no physics in it. Therefore what they can tell is tried again with both classes blurred evenly over
the width of the bound, which hides a lattice and little else.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from baler.core.bounds import Bound
from baler.errors import UsageError
from baler.physics.events import Events
from baler.physics.study.distances import Floats, Ints, Rows, Sides, effective
from baler.physics.study.tables import Table, first_events

FOLDS = 3
BINS = 200
ROWS = 20_000
REPLICAS = 100
VISIBLE = 2.0
"""Standard deviations of excess from which blurring is tried."""
TOLD = 5
NEGLIGIBLE = 0.002
TREES: dict[str, Any] = {
    "max_iter": 60,
    "learning_rate": 0.1,
    "max_leaf_nodes": 15,
    "early_stopping": False,
}


@dataclass(frozen=True, slots=True)
class Separation:
    """How well trees tell before from after; nan without events."""

    table: str
    rows: int
    effective: float  # events, of weight 1, that say as much
    auc: float
    uncertainty: float
    identical: float  # the same between halves of the originals
    identical_uncertainty: float
    excess: float  # auc - identical
    excess_uncertainty: float  # by the same resampled events
    blurred: float  # AUC if both are blurred by the bounds; nan where there was nothing to tell
    blurred_uncertainty: float
    telling: tuple[str, ...]  # columns without which they would tell less, most first


def need_sklearn() -> None:
    """Raise UsageError if scikit-learn is not installed."""
    if importlib.util.find_spec("sklearn") is None:
        raise UsageError("the two-sample test needs scikit-learn; pip install 'baler[physics]'")


class Classifier:
    """Trees that are trained on a table of originals; the calibration is made once."""

    def __init__(
        self, events: Events, table: Table, weights: Floats, half: Sides, seed: int
    ) -> None:
        """Take the first events that have `ROWS` objects, and train on identical samples."""
        need_sklearn()
        every = table.rows(events)
        self.events = first_events(every.event, len(events), ROWS)
        self.table, self.seed = table, seed
        self.before = table.rows(events.between(0, self.events))
        self.weights, self.half = np.abs(weights[: self.events]), half[: self.events]
        random = np.random.default_rng([seed, 14])
        self.fold = random.integers(0, FOLDS, self.events)
        self.factors = random.poisson(1.0, (REPLICAS, self.events)).astype(np.float64)
        self.identical = self._aucs(self.before, self.before)

    def judge(self, before: Events, after: Events, bounds: Mapping[str, Bound]) -> Separation:
        """Train on events before and after compression."""
        changed = self.table.rows(after.between(0, self.events))
        same = np.array_equal(self.before.values, changed.values, equal_nan=True)
        found = self.identical if same else self._aucs(self.before, changed)
        excess = found - self.identical
        error = float(excess[1:].std(ddof=1))
        blurred, telling = np.full(2, np.nan), tuple[str, ...]()
        if error > 0 and excess[0] > VISIBLE * error:
            telling = self._telling(changed)
            blurred = self._aucs(*self._blurred(before, changed, bounds))
        return Separation(
            table=self.table.name,
            rows=len(self.before.values),
            effective=effective(self.weights),
            auc=float(found[0]),
            uncertainty=_spread(found),
            identical=float(self.identical[0]),
            identical_uncertainty=_spread(self.identical),
            excess=float(excess[0]),
            excess_uncertainty=error,
            blurred=float(blurred[0]),
            blurred_uncertainty=_spread(blurred),
            telling=telling,
        )

    def _blurred(
        self, before: Events, changed: Rows, bounds: Mapping[str, Bound]
    ) -> tuple[Rows, Rows]:
        random = np.random.default_rng([self.seed, 15])
        part = before.between(0, self.events)
        width = np.zeros(self.before.values.shape)
        for place, column in enumerate(self.table.columns):
            bound = bounds.get(column.name)
            if bound is not None and bound.lossy and column.is_float:
                sigma = None if bound.parent is None else part.chunk.columns[bound.parent]
                limit = bound.limit(part.chunk.columns[column.name], sigma)
                width[:, place] = np.where(np.isfinite(limit), np.maximum(limit, 0.0), 0.0)
        return Rows(
            self.before.values + width * random.uniform(-1, 1, width.shape), self.before.event
        ), Rows(changed.values + width * random.uniform(-1, 1, width.shape), changed.event)

    def _telling(self, after: Rows) -> tuple[str, ...]:
        """Return the columns whose values, shuffled, cost most AUC (L. Breiman 2001)."""
        test = self._tested(self.before, after)
        if test is None:
            return ()
        random = np.random.default_rng([self.seed, 16])
        whole = _auc_of(test.weights, test.label, test.scores(test.values))
        lost = {}
        for place, column in enumerate(self.table.columns):
            shuffled = test.values.copy()
            shuffled[:, place] = random.permutation(shuffled[:, place])
            lost[column.name] = whole - _auc_of(test.weights, test.label, test.scores(shuffled))
        ranked = sorted(lost, key=lambda name: -lost[name])
        return tuple(name for name in ranked[:TOLD] if lost[name] > NEGLIGIBLE)

    def _aucs(self, before: Rows, after: Rows) -> Floats:
        """Return the AUC, and those of resampled events; shape (1 + replicas,)."""
        test = self._tested(before, after)
        if test is None:
            return np.full(1 + REPLICAS, np.nan)
        score = test.scores(test.values)
        factors = (np.ones(self.events), *self.factors)
        return np.array(
            [_auc_of(test.weights * one[test.event], test.label, score) for one in factors]
        )

    def _tested(self, before: Rows, after: Rows) -> _Tested | None:
        """Train on all folds but one, for each; None for too few rows."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        one, other = self.half[before.event], ~self.half[after.event]
        values = np.concatenate([before.values[one], after.values[other]])
        event = np.concatenate([before.event[one], after.event[other]])
        label = np.repeat([0, 1], [int(one.sum()), int(other.sum())])
        used = self.weights[event] > 0
        values, event, label = _in_bins(values[used]), event[used], label[used]
        fold = self.fold[event]
        if any(len(np.unique(label[fold != held])) < 2 for held in range(FOLDS)):
            return None
        weights = self.weights[event]
        weights = weights / np.bincount(label, weights)[label] * len(label) / 2
        trees = []
        for held in range(FOLDS):
            grown = HistGradientBoostingClassifier(random_state=self.seed, **TREES)
            trees.append(grown.fit(values[fold != held], label[fold != held],
                                   sample_weight=weights[fold != held]))  # fmt: skip
        return _Tested(values, event, label, weights, fold, trees)


@dataclass(frozen=True, slots=True, eq=False)
class _Tested:
    """Rows of both classes, and the trees that have not seen those of each fold."""

    values: Floats
    event: Ints
    label: Ints
    weights: Floats
    fold: Ints
    trees: Sequence[Any]

    def scores(self, values: Floats) -> Floats:
        """Return how much each row looks like after compression."""
        found = np.zeros(len(values))
        for fold, trees in enumerate(self.trees):
            held = self.fold == fold
            if held.any():
                found[held] = trees.decision_function(values[held])
        return found


def _in_bins(values: Floats) -> Floats:
    """Return the number of the bin of each value, column by column; not a number stays it.

    There are about `BINS` bins of equal contents, as boosted trees make them of what they are
    given, but a value that fills bins alone, like zero, is separated from both its neighbours.
    """
    found = np.full(values.shape, np.nan)
    for column, out in zip(values.T, found.T, strict=True):
        there = ~np.isnan(column)
        if there.any():
            part = np.arange(1, BINS) / BINS
            edges, times = np.unique(
                np.quantile(column[there], part, method="lower"), return_counts=True
            )
            edges = np.union1d(edges, np.nextafter(edges[times > 1], -np.inf))
            out[there] = np.searchsorted(edges, column[there], "left")
    return found


def _auc_of(weights: Floats, label: Ints, score: Floats) -> float:
    """Return the area under the ROC curve; equal scores count half."""
    order = np.argsort(score, kind="stable")
    weights, label, score = weights[order], label[order], score[order]
    ties = np.flatnonzero(np.append(np.diff(score) != 0, True))
    negative = np.cumsum(weights * (label == 0))[ties]
    positive = np.diff(np.cumsum(weights * label)[ties], prepend=0.0)
    below = np.concatenate([[0.0], negative[:-1]])
    area = float((positive * (below + negative)).sum()) / 2
    whole = float(negative[-1] * positive.sum())
    return area / whole if whole else math.nan


def _spread(aucs: Floats) -> float:
    replicas = aucs[1:]
    return float(replicas.std(ddof=1)) if len(replicas) > 1 else math.nan
