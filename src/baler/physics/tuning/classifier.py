"""How well trees tell events from what became of them, for a requirement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from baler.core.bounds import Bound
from baler.physics.events import Events
from baler.physics.study.classifier import Classifier
from baler.physics.study.distances import Judge
from baler.physics.study.tables import table_of
from baler.physics.tuning.finding import Estimate


class Trees:
    """The two-sample test of a study, trained on originals once for each set of events."""

    def __init__(self, needs: Sequence[str], seed: int) -> None:
        """Remember the fields of an analysis: its collection is the default."""
        self._needs, self._seed = needs, seed
        self._made: dict[tuple[str, str | None], Classifier] = {}

    def columns(self, events: Events, collection: str | None) -> set[str]:
        """Return the columns that the trees see; raises UsageError for an unknown collection."""
        return {column.name for column in table_of(events, self._needs, collection).columns}

    def __call__(
        self,
        which: str,
        before: Events,
        after: Events,
        bounds: Mapping[str, Bound],
        collection: str | None,
    ) -> Estimate:
        """Return 1/2 + what the AUC is above that of identical samples.

        ``which`` names the set of events. Raises UsageError for an unknown collection.
        """
        key = which, collection
        if key not in self._made:
            table = table_of(before, self._needs, collection)
            judge = Judge.of(before.weights(), self._seed, permutations=1)
            self._made[key] = Classifier(before, table, judge.weights, judge.half, self._seed)
        found = self._made[key].judge(before, after, bounds)
        return Estimate(0.5 + found.excess, found.excess_uncertainty)
