"""What a search expects with the events that a budget keeps.

Data are made of events after compression, templates of events before it, so that a bias counts
against the compressor; what background alone would seem to have of the signal is taken off the
significance, and what it would seem to lack is added to the limit. Events that are not kept scale
the luminosity: a prescale does not choose.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from baler.errors import UsageError
from baler.physics.analyses.base import Analysis, Failure, Observed
from baler.physics.events import Events
from baler.physics.fits.search import Expected
from baler.physics.resampled import spread
from baler.physics.sensitivity.budget import Offer
from baler.physics.sensitivity.result import Curve, Sensitivity, Treated
from baler.physics.sensitivity.threshold import Spectrum
from baler.physics.study.shifts import FEWEST, Resampling
from baler.physics.treatment import Treatment

POINTS = 60
"""Budgets of a curve."""
DECADES = 3.0
"""Below the budget that keeps all events without compression."""
NONE = "uncompressed"
"""What events without compression are called."""

Report = Callable[[str, str, int, int], None]


class Model(Protocol):
    """Spectra of background and signal, for a search at any luminosity."""

    def expected(self, luminosity: float, truth: Model | None = None) -> Expected | Failure:
        """Return what a search with these templates expects in data made of ``truth``."""


class Search(Analysis, Protocol):
    """An analysis that looks for a signal."""

    @property
    def luminosity(self) -> float:
        """Of all events, 1/fb."""

    def picobarn(self, role: str, observed: Observed) -> float:
        """Return the cross section of a sample, pb."""

    def like(self, spectra: Any) -> Search:
        """Return the search with whatever choices it made for these spectra."""

    def spectra(self, samples: Mapping[str, Observed]) -> Model | Failure:
        """Return the model of samples by role."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The budgets, and how uncertainties are found."""

    offer: Offer
    budgets: tuple[float, ...] = ()  # besides those of the curve
    spectrum: Spectrum | None = None  # of a trigger
    replicas: int = 20
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Samples through a treatment."""

    model: Model | Failure
    resampled: tuple[float, ...]  # significances; nan where there is none


def sensitivity(
    search: Search,
    samples: Mapping[str, Events],
    treatments: Sequence[Treatment],
    asked: Asked,
    report: Report = lambda whose, part, done, total: None,
) -> Sensitivity:
    """Return significance and limit of each treatment at each budget.

    Bytes per event are those of the first sample, the background. Raises UsageError if the search
    fails without compression.
    """
    runner = _Runner(search, samples, asked)
    sizes: dict[str, float] = {}
    models: dict[str, Model] = {}
    treated: list[Treated] = []
    for number, treatment in enumerate(treatments):
        report(treatment.name, "", number, len(treatments))
        after, models_bytes = {}, 0
        for role, events in samples.items():
            done = treatment.apply(events)
            after[role] = done.events
            sizes.setdefault(treatment.name, done.bytes_per_event)
            models_bytes = done.model_bytes
        model, one = runner.treated(treatment, after, sizes[treatment.name], models_bytes)
        models[treatment.name] = model
        treated.append(one)
    first = next(iter(samples.values()))
    raw = first.chunk.nbytes / max(1, len(first))
    reference = runner.reference(raw)
    budgets = _budgets(asked, [raw, *sizes.values()])
    curves = []
    for number, one in enumerate((*treated, reference)):
        report(one.name, "budgets", number, len(treated) + 1)
        if not one.failure:
            curves.append(runner.curve(one, models.get(one.name, runner.model), budgets))
    return Sensitivity(
        about={"analysis": search.name, "samples": {r: e.name for r, e in samples.items()},
               "simulated": {role: len(events) for role, events in samples.items()}},
        unit=asked.offer.unit, events=asked.offer.events, reference=reference,
        treated=tuple(treated), budgets=budgets, asked=asked.budgets, curves=tuple(curves),
    )  # fmt: skip


class _Runner:
    def __init__(self, search: Search, samples: Mapping[str, Events], asked: Asked) -> None:
        self.asked = asked
        sizes = {role: len(events) for role, events in samples.items()}
        self.resampling = Resampling(sizes, asked.replicas, asked.seed)
        observed = {role: search.observe(events) for role, events in samples.items()}
        model = search.spectra(observed)
        if isinstance(model, Failure):
            raise UsageError(f"{search.name} without compression: {model.reason}")
        self.model = model
        self.search = search = search.like(model)  # a choice made anew would be no effect of bytes
        self.signal_pb = search.picobarn("signal", observed["signal"])
        self.whole = self._found(model, model, 1.0)
        if isinstance(self.whole, Failure):
            raise UsageError(f"{search.name} without compression: {self.whole.reason}")
        self.again = [search.spectra(self._resampled(observed, n)) for n in range(asked.replicas)]

    def _resampled(self, observed: Mapping[str, Observed], number: int) -> dict[str, Observed]:
        factors = self.resampling.factors(number)
        return {role: one.reweighted(factors[role]) for role, one in observed.items()}

    def _found(self, model: Model, truth: Model, kept: float) -> Expected | Failure:
        return model.expected(kept * self.search.luminosity, truth)

    def reference(self, raw: float) -> Treated:
        """Return events as they are in memory."""
        assert isinstance(self.whole, Expected)
        limit = self.whole.limit * self.signal_pb
        return Treated(NONE, "exact", raw, 0, self.whole.significance, limit, 0.0, 0.0, 0.0)

    def treated(
        self, treatment: Treatment, after: Mapping[str, Events], size: float, model_bytes: int
    ) -> tuple[Model, Treated]:
        """Return the model of events after compression, and what all of them give."""
        observed = {role: self.search.observe(events) for role, events in after.items()}
        truth = self.search.spectra(observed)
        found = truth if isinstance(truth, Failure) else self._found(self.model, truth, 1.0)
        if isinstance(truth, Failure) or isinstance(found, Failure):
            reason = next(one.reason for one in (truth, found) if isinstance(one, Failure))
            missing = (math.nan,) * 5
            return self.model, Treated(
                treatment.codec, treatment.policy, size, model_bytes, *missing, reason
            )
        assert isinstance(self.whole, Expected)
        losses = []
        for number, before in enumerate(self.again):
            later = self.search.spectra(self._resampled(observed, number))
            if not isinstance(before, Failure) and not isinstance(later, Failure):
                one, other = self._found(before, before, 1.0), self._found(before, later, 1.0)
                if isinstance(one, Expected) and isinstance(other, Expected):
                    losses.append(1 - net(other) / one.significance)
        enough = len(losses) >= FEWEST * len(self.again)
        return truth, Treated(
            treatment.codec, treatment.policy, size, model_bytes, net(found),
            honest(found) * self.signal_pb, found.spurious,
            1 - net(found) / self.whole.significance,
            spread(losses) if enough else math.nan,
        )  # fmt: skip

    def curve(self, one: Treated, truth: Model, budgets: Sequence[float]) -> Curve:
        """Return a treatment at budgets; what does not converge is nan."""
        kept, significance, limit = [], [], []
        for budget in budgets:
            kept.append(self.asked.offer.kept(budget, one.bytes_per_event))
            found = self._found(self.model, truth, kept[-1])
            if isinstance(found, Failure):
                significance.append(math.nan)
                limit.append(math.nan)
            else:
                significance.append(net(found))
                limit.append(honest(found) * self.signal_pb)
        spectrum = self.asked.spectrum
        if spectrum is None:
            return Curve(one.name, tuple(kept), tuple(significance), tuple(limit))
        size, lowest = one.bytes_per_event, float(spectrum.pt[0])
        return Curve(
            one.name, tuple(kept), tuple(significance), tuple(limit),
            tuple(spectrum.threshold(budget, size) for budget in budgets),
            tuple(spectrum.prescale(lowest, budget, size) for budget in budgets),
        )  # fmt: skip


def net(found: Expected) -> float:
    """Return the significance less what background alone would seem to have of it."""
    if found.strength <= 0:
        return 0.0
    return found.significance * max(0.0, 1 - abs(found.spurious) / found.strength)


def honest(found: Expected) -> float:
    """Return the limit without the gain from background that seems to lack some signal."""
    return found.limit + max(0.0, -found.spurious)


def _budgets(asked: Asked, sizes: Sequence[float]) -> tuple[float, ...]:
    """Return the budgets of a curve, up to twice what keeps all events at any of the sizes."""
    most = math.log10(2 * asked.offer.budget(max(sizes)))
    least = math.log10(asked.offer.budget(min(sizes))) - DECADES / 2
    spread = np.logspace(min(least, most - DECADES), most, POINTS)
    return tuple(sorted({*map(float, spread), *asked.budgets}))
