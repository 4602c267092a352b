"""All treatments of the same events, one after the other."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from baler.core.bounds import Exact, Free
from baler.core.verdict import judge as verdict_on
from baler.errors import BalerError, UsageError
from baler.physics.analyses.base import Analysis
from baler.physics.events import Events
from baler.physics.study.classifier import Classifier, need_sklearn
from baler.physics.study.columns import Reference, column_change, lattice
from baler.physics.study.distances import Judge, directions, effective, standardised
from baler.physics.study.observables import ObservableReference, observable_change
from baler.physics.study.result import Effect, Originals, Sample, Size, Study
from baler.physics.study.shifts import Resampling, shifts, spectra
from baler.physics.study.tables import first_events, floats_of, table_of
from baler.physics.treatment import Treated, Treatment

DIRECTIONS = 40
SLICED_ROWS = 20_000
Progress = Callable[[str, str, int, int], None]
"""Called with the names of treatment and step, the treatments done and those in all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What to look at."""

    replicas: int = 50
    seed: int = 0
    collection: str | None = None  # for what looks at all its columns; None: the analysis's own
    all_columns: bool = False  # look at all floating-point columns, not the analysis's alone


def study(
    analysis: Analysis,
    samples: Mapping[str, Events],
    treatments: Sequence[Treatment],
    asked: Asked | None = None,
    *,
    about: Mapping[str, Any] | None = None,
    earlier: Study | None = None,
    save: Callable[[Study], None] = lambda found: None,
    progress: Progress = lambda name, step, done, total: None,
) -> Study:
    """Apply each treatment to all samples, and compare with what was before.

    ``samples`` are events by role. Columns and the classifier look at the first role. Effects that
    ``earlier`` has are kept. ``save`` is called after each treatment. One that fails is skipped
    with the reason. Raises UsageError if a role is missing or has no events, or ``earlier`` is of
    other events or was asked for otherwise; UnknownColumn, with all names, for missing fields.
    """
    asked = asked or Asked()
    need_sklearn()
    for role in analysis.roles:
        if role not in samples or not len(samples[role]):
            raise UsageError(f"{analysis.name} needs events of the role {role!r}")
    described = tuple(
        Sample(
            role, events.name, len(events), effective(events.weights()), events.chunk.nbytes,
            "genWeight" in events,
        )
        for role, events in samples.items()
    )  # fmt: skip
    settings = {"replicas": asked.replicas, "seed": asked.seed, "collection": asked.collection,
                "all columns": asked.all_columns}  # fmt: skip
    found = Study(
        {**_about(), **settings, **(about or {})}, analysis.name, analysis.title, described,
        Originals({}, {}, {}),
    )  # fmt: skip
    if earlier is not None:
        _check_same(found, earlier, treatments)
        found = replace(found, originals=earlier.originals, effects=earlier.effects)
    left = [one for one in treatments if not found.has(one.codec, one.policy)]
    if not left:
        return found
    total = len(treatments)
    before = Before(analysis, samples, asked, lambda step: progress("originals", step, 0, total))
    found = replace(found, originals=before.originals)
    skipped: dict[str, str] = {}
    for done, treatment in enumerate(left, start=total - len(left)):

        def told(step: str, name: str = treatment.name, done: int = done) -> None:
            progress(name, step, done, total)

        try:
            treated = {}
            for role, events in samples.items():
                told(f"compressing {role}")
                treated[role] = treatment.apply(events)
            effect = before.effect(treatment, treated, told)
        except Exception as error:  # what foreign compressors and networks raise is not known
            own = isinstance(error, BalerError)
            skipped[treatment.name] = str(error) if own else f"{type(error).__name__}: {error}"
            continue
        found = found.with_effect(effect)
        save(found)
    return replace(found, skipped=skipped)


class Before:
    """Everything that treatments are compared with, measured once."""

    def __init__(
        self,
        analysis: Analysis,
        samples: Mapping[str, Events],
        asked: Asked,
        told: Callable[[str], None],
    ) -> None:
        """Measure the originals."""
        self.analysis, self.samples = analysis, samples
        self.judges = {
            role: Judge.of(events.weights(), asked.seed) for role, events in samples.items()
        }
        told("observables")
        self.observed = {role: analysis.observe(events) for role, events in samples.items()}
        self.resampling = Resampling(
            {role: len(events) for role, events in samples.items()}, asked.replicas, asked.seed
        )
        self.measured = self.resampling.measure(
            analysis, self.observed, lambda done: told(f"replica {done + 1} of {asked.replicas}")
        )
        self.observables = {
            (role, name): ObservableReference.of(observed, name, self.judges[role])
            for role, observed in self.observed.items()
            for name in observed.observables
        }
        told("columns")
        self.first = next(iter(samples.values()))
        judge = self.judges[next(iter(samples))]
        every = [field.name for field in self.first.schema.fields]
        columns = floats_of(self.first, every if asked.all_columns else analysis.needs)
        self.columns = {c.name: Reference.of(self.first, c, judge) for c in columns}
        self.table = table_of(self.first, analysis.needs, asked.collection)
        told("classifier")
        self.classifier = Classifier(self.first, self.table, judge.weights, judge.half, asked.seed)
        told("projections")
        self.sliced_events = first_events(
            self.table.rows(self.first).event, len(self.first), SLICED_ROWS
        )
        self.directions = directions(len(self.table.columns), DIRECTIONS, asked.seed)
        rows = self.table.rows(self.first.between(0, self.sliced_events))
        self.sliced = judge.first(self.sliced_events).sliced_identical(
            standardised([rows])[0], self.directions
        )

    @property
    def originals(self) -> Originals:
        """What plots need of the originals."""
        return Originals(
            {name: one.before for name, one in self.columns.items()},
            {f"{role}: {name}": one.before for (role, name), one in self.observables.items()},
            spectra(self.measured.outcome),
        )

    def effect(
        self, treatment: Treatment, treated: Mapping[str, Treated], told: Callable[[str], None]
    ) -> Effect:
        """Compare samples after a treatment with what they were."""
        told("analysis")
        after = {role: self.analysis.observe(one.events) for role, one in treated.items()}
        again = self.resampling.measure(
            self.analysis, after, lambda done: told(f"replica {done + 1}")
        )
        told("columns")
        role = next(iter(self.samples))
        judge, changed = self.judges[role], treated[role].events
        bounds = treatment.bounds
        columns = [
            column_change(one, self.first, changed, bounds.get(name, Exact()), judge)
            for name, one in self.columns.items()
        ]
        spikes = [
            lattice(self.first, changed, one.column, bounds.get(name, Exact()), judge.weights)
            for name, one in self.columns.items()
        ]
        told("projections")
        rows, rows_after = standardised(
            [self.table.rows(one.between(0, self.sliced_events)) for one in (self.first, changed)]
        )
        sliced = judge.first(self.sliced_events).sliced(
            rows, rows_after, self.directions, self.sliced
        )
        told("classifier")
        separation = self.classifier.judge(self.first, changed, bounds)
        return Effect(
            codec=treatment.codec,
            policy=treatment.policy,
            bounds={name: str(bound) for name, bound in bounds.items()},
            promised=not any(isinstance(bound, Free) for bound in bounds.values()),
            model_bytes=max(one.model_bytes for one in treated.values()),
            sizes=tuple(
                _size(role, treatment, self.samples[role], one) for role, one in treated.items()
            ),
            shifts=shifts(self.measured, again),
            observables=tuple(
                observable_change(
                    role, name, one, self.observed[role], after[role], self.judges[role]
                )
                for (role, name), one in self.observables.items()
            ),
            spectra=spectra(again.outcome),
            columns=tuple(columns),
            lattices=tuple(one for one in spikes if one is not None),
            sliced=sliced,
            separation=separation,
        )


def _size(role: str, treatment: Treatment, before: Events, treated: Treated) -> Size:
    """Verify every value of every column."""
    worst, zeros, broken = 0.0, 0, []
    after = treated.events.chunk.columns
    for name, original in before.chunk.columns.items():
        bound = treatment.bounds.get(name, Exact())
        if isinstance(bound, Free):
            continue
        sigma = None if bound.parent is None else after[bound.parent]
        verdict = verdict_on(bound, original, after[name], sigma)
        worst, zeros = max(worst, verdict.worst), zeros + verdict.zeros_moved
        broken += [] if verdict.kept else [name]
    return Size(
        role, treated.size, treated.compress_seconds, treated.decompress_seconds, worst,
        tuple(broken), zeros,
    )  # fmt: skip


MAY_DIFFER = ("baler", "python", "machine", "date", "scales", "codecs", "policies")
"""What need not be the same for a result to be added to."""


def _check_same(now: Study, earlier: Study, treatments: Sequence[Treatment]) -> None:
    """Raise UsageError unless effects of both can stand in one plot."""
    keys = sorted((now.about.keys() | earlier.about.keys()) - set(MAY_DIFFER))
    differ = [key for key in keys if now.about.get(key) != earlier.about.get(key)]
    if now.analysis != earlier.analysis:
        differ.append("analysis")
    if [(s.role, s.name, s.events, s.original) for s in now.samples] != [
        (s.role, s.name, s.events, s.original) for s in earlier.samples
    ]:
        differ.append("samples")
    for one in treatments:
        effect = earlier.has(one.codec, one.policy)
        if effect and effect.bounds != {name: str(bound) for name, bound in one.bounds.items()}:
            differ.append(f"the bounds of {one.name!r}")
    if differ:
        raise UsageError(
            f"the result that is there was asked for otherwise: {', '.join(differ)}; "
            "--force measures anew"
        )


def _about() -> dict[str, Any]:
    try:
        version = importlib.metadata.version("baler")
    except importlib.metadata.PackageNotFoundError:
        version = ""
    return {
        "baler": version,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
