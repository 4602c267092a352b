"""What is asked of a tuning: events, an analysis, requirements, and how hard to look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from baler.core.bounds import Bound
from baler.errors import UsageError
from baler.physics.analyses.base import Analysis
from baler.physics.events import Events
from baler.physics.tuning.finding import Estimate, Finding, quantile
from baler.physics.tuning.requirements import Requirement
from baler.planning import Policy

WEIGHTS = ("*eight*",)
"""Columns that stay exact unless others are named: events count by them."""
SAMPLE_BYTES = 24_000_000
"""Column data of the events by which bytes and distributions of single columns are judged."""

Report = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is (0: unknown)."""
Told = Callable[[str, Events, Events, Mapping[str, Bound], str | None], Estimate]
"""Measures the AUC of a classifier: the name of a set of events, these before and after, the bounds
in between, and the collection whose columns it sees."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a policy is looked for."""

    held_out: float = 0.5  # part of the events, the last ones, that the search does not see
    confidence: float = 0.95  # one-sided, with which requirements have to hold
    searching: int = 20  # resamplings for an uncertainty during the search
    bootstraps: int = 50  # and for the verdict
    seed: int = 0
    exact: tuple[str, ...] = WEIGHTS  # patterns of columns that stay exact
    start: Policy | None = None  # bounds to start from
    sample_bytes: int = SAMPLE_BYTES

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if not 0 < self.held_out < 1:
            raise UsageError(f"a part of the events is held out, not {self.held_out:g}")
        if not 0.5 <= self.confidence < 1:
            raise UsageError(f"a confidence lies from 0.5 to below 1, not {self.confidence:g}")
        if self.seed < 0:
            raise UsageError(f"a seed is not negative, as {self.seed} is")


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Everything that is asked; ``samples`` are the events of each role of the analysis."""

    analysis: Analysis
    samples: Mapping[str, Events]
    requirements: tuple[Requirement, ...]
    settings: Settings = field(default_factory=Settings)
    told: Told | None = None  # the trees of a study, unless another one is given

    def __post_init__(self) -> None:
        """Refuse what cannot be answered; raises UsageError, UnknownColumn."""
        if not self.requirements:
            raise UsageError("without a requirement there is nothing to tune for")
        for events in self.samples.values():
            events.require(self.analysis.needs)
        names = [column.name for column in self.main.schema.columns if column.is_float]
        for requirement in self.of_columns:
            requirement.select(names)
        if self.of_events and self.told is None:
            from baler.physics.study.classifier import need_sklearn
            from baler.physics.tuning.classifier import Trees

            need_sklearn()
            object.__setattr__(self, "told", Trees(self.analysis.needs, self.settings.seed))

    @property
    def main(self) -> Events:
        """The events whose bytes and distributions count."""
        return next(iter(self.samples.values()))

    @property
    def z(self) -> float:
        """Standard deviations of the confidence."""
        return quantile(self.settings.confidence)

    @property
    def of_analysis(self) -> list[Requirement]:
        """The requirements on what the analysis measures."""
        return [one for one in self.requirements if not one.of_columns]

    @property
    def of_columns(self) -> list[Requirement]:
        """The requirements on distributions of single columns."""
        return [one for one in self.requirements if one.measure == "ks"]

    @property
    def of_events(self) -> list[Requirement]:
        """The requirements on all columns together."""
        return [one for one in self.requirements if one.measure == "auc"]

    def cut(self, events: Events) -> int:
        """Return how many events the search sees: the first ones."""
        cut = len(events) - round(self.settings.held_out * len(events))
        if not 0 < cut < len(events):
            raise UsageError(f"{events.name} has too few events ({len(events)}) to hold some out")
        return cut

    def seen(self) -> dict[str, Events]:
        """Return the events that the search sees."""
        return {role: one.between(0, self.cut(one)) for role, one in self.samples.items()}

    def held_out(self, samples: Mapping[str, Events]) -> dict[str, Events]:
        """Return the events that it does not see, of the samples or of what became of them."""
        return {role: one.between(self.cut(one), len(one)) for role, one in samples.items()}

    def told_of(self) -> set[str]:
        """Return the columns that a classifier of any requirement sees."""
        from baler.physics.tuning.classifier import Trees

        if not isinstance(self.told, Trees):
            return set(self.main.schema.by_name)
        collections = [None if one.glob == "*" else one.glob for one in self.of_events]
        return {name for one in collections for name in self.told.columns(self.main, one)}

    def tell(
        self,
        requirement: Requirement,
        which: str,
        before: Events,
        after: Events,
        bounds: Mapping[str, Bound],
    ) -> Finding:
        """Return how well a classifier tells a set of events from what became of them."""
        assert self.told is not None
        collection = None if requirement.glob == "*" else requirement.glob
        found = self.told(which, before, after, bounds, collection)
        return Finding(requirement, collection or "events", found.value, found.uncertainty)


def matching(requirement: Requirement, names: Iterable[str]) -> list[str]:
    """Return the columns that a requirement is about."""
    return [name for name in names if fnmatchcase(name, requirement.glob)]
