"""Events, an analysis and treatments that are small and have known answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import awkward as ak
import hist
import numpy as np

from baler.core.bounds import Absolute, Bound, Relative
from baler.core.chunk import Array, Chunk
from baler.core.schema import Column, Field, Leaf, List, Schema
from baler.physics.analyses.base import (
    Failure,
    Floats,
    Measured,
    Observable,
    Observed,
    Outcome,
    Quantity,
)
from baler.physics.events import Events
from baler.physics.treatment import Treated, Treatment

F4, I4 = np.dtype("<f4"), np.dtype("<i4")


def events_of(counts: Array, **columns: Array) -> Events:
    """Return events with jets; ``columns`` without underscore are those of events."""
    known = [Column("nJet", I4), Column("genWeight", F4)]
    arrays: dict[str, Array] = {
        "nJet": counts.astype(I4),
        "genWeight": columns.pop("genWeight", np.ones(len(counts))).astype(F4),
    }
    fields = [Field("nJet", Leaf("nJet")), Field("genWeight", Leaf("genWeight"))]
    for name, values in columns.items():
        known.append(Column(name, F4, "nJet"))
        arrays[name] = values.astype(F4)
        fields.append(Field(name, List("nJet", Leaf(name))))
    return Events("made", Schema(tuple(known), tuple(fields)), Chunk(len(counts), arrays))


def jets(events: int = 1500, seed: int = 0) -> Events:
    """Return events of one to three jets; the leading one is near 100 GeV."""
    random = np.random.default_rng(seed)
    counts = random.integers(1, 4, events)
    total = int(counts.sum())
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    pt = 20 + random.exponential(15, total)
    pt[first] = random.normal(100, 10, events)
    return events_of(
        counts,
        genWeight=random.uniform(0.5, 1.5, events),
        Jet_pt=pt,
        Jet_eta=random.normal(0, 1.5, total),
        Jet_mass=pt * random.uniform(0.097, 0.103, total),
        Jet_constant=np.full(total, 3.0),
    )


@dataclass(frozen=True)
class Leading:
    """Mean and width of the transverse momentum of the leading jet."""

    threshold: float = 50.0
    name: str = "leading"
    title: str = "The leading jet"
    roles: tuple[str, ...] = ("data",)
    needs: tuple[str, ...] = ("Jet_pt", "Jet_mass")

    def observe(self, events: Events) -> Observed:
        """Select events with a leading jet above the threshold."""
        events.require(self.needs)
        pt = ak.to_numpy(ak.fill_none(ak.max(events["Jet_pt"], axis=1), np.nan)).astype(float)
        (chosen,) = np.nonzero(pt > self.threshold)
        return Observed(
            len(events),
            events.weights(),
            {"pt": Observable("Leading pT", "GeV", pt[chosen], chosen)},
        )

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        """Return the mean, the efficiency, and what there is no number for."""
        data = samples["data"]
        values, weights = data.observables["pt"].values, data.weights_of("pt")
        found: dict[str, Measured] = {"peak": Failure("the fit did not converge")}
        total = float(weights.sum())
        if len(values) < 10 or total <= 0:
            found["mean"] = Failure(f"{len(values)} events; 10 are needed")
            return Outcome(found)
        mean = float((weights * values).sum()) / total
        spread = float(np.sqrt((weights * (values - mean) ** 2).sum() / total))
        error = spread * float(np.sqrt((weights**2).sum())) / total
        found["mean"] = Quantity(mean, error, "GeV")
        found["width"] = Quantity(spread, error / np.sqrt(2), "GeV")
        histogram = hist.Hist(
            hist.axis.Regular(30, 50, 150, label="Leading pT [GeV]"), storage=hist.storage.Weight()
        )
        histogram.fill(values, weight=weights)
        return Outcome(found, {"data": histogram}, {"data": np.full(30, total / 30)})


def treatment(
    name: str,
    change: Callable[[str, Array], Array],
    bounds: Mapping[str, Bound] | None = None,
    policy: str = "exact",
) -> Treatment:
    """Return what changes columns one by one, at a byte a value."""

    def apply(events: Events) -> Treated:
        columns = {
            column: change(column, values).astype(values.dtype)
            for column, values in events.chunk.columns.items()
        }
        return Treated(events.with_columns(columns), sum(map(len, columns.values())))

    return Treatment(name, policy, bounds or {}, apply)


EXACT = treatment("exact", lambda name, values: values.copy())


def biased(factor: float = 1.02) -> Treatment:
    """Return a codec that scales transverse momenta, within a bound."""
    return treatment(
        "biased",
        lambda name, values: values * factor if name == "Jet_pt" else values,
        {"Jet_pt": Relative(0.03)},
        "rel 0.03",
    )


def rounded(epsilon: float = 20.0, *, dither: bool = False, name: str = "rounded") -> Treatment:
    """Return a codec that puts transverse momenta on a lattice, with subtractive dither or not."""

    def change(column: str, values: Array) -> Array:
        if column != "Jet_pt":
            return values
        shift: Floats = np.zeros(len(values))
        if dither:
            shift = np.random.default_rng(3).uniform(-0.5, 0.5, len(values))
        return np.asarray((np.rint(values / (2 * epsilon) + shift) - shift) * 2 * epsilon)

    return treatment(name, change, {"Jet_pt": Absolute(epsilon * 1.001)}, f"abs {epsilon:g}")
