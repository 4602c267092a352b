"""The hadronic recoil against a Z boson that decays to muons: missing energy without true one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import awkward as ak
import hist
import numpy as np

from baler.physics.analyses.base import Measured, Observed, Outcome
from baler.physics.analyses.binned import in_bins, profile
from baler.physics.analyses.cuts import cut
from baler.physics.analyses.objects import (
    KINEMATICS,
    by_pt,
    cartesian,
    invariant_mass,
    objects,
    observable,
    observe,
)
from baler.physics.events import Events

EDGES = np.array([10.0, 20.0, 40.0, 70.0, 120.0, 250.0])
LABELS = {
    "parallel": "Recoil along the Z boson plus its transverse momentum",
    "perpendicular": "Recoil across the Z boson",
    "response": "Recoil response",
}


@dataclass(frozen=True, slots=True)
class Recoil:
    """Response and resolution of the recoil in bins of the transverse momentum of the Z boson."""

    name: ClassVar[str] = "recoil"
    title: ClassVar[str] = "hadronic recoil against Z to two muons: response and resolution"
    roles: ClassVar[tuple[str, ...]] = ("data",)
    needs: ClassVar[tuple[str, ...]] = (
        *(f"Muon_{field}" for field in KINEMATICS),
        "Muon_charge",
        "MET_pt",
        "MET_phi",
    )

    pt: float = cut(20.0, "pt of both muons, at least", "GeV")
    eta: float = cut(2.4, "|eta| of both muons, below")
    low: float = cut(76.0, "mass of the pair, at least", "GeV")
    high: float = cut(106.0, "mass of the pair, below", "GeV")

    def observe(self, events: Events) -> Observed:
        """Return the recoil u = - (missing momentum + Z momentum), along the Z boson and across.

        The pair is that of the two leading muons, which must have opposite charges (CMS, JINST 14
        (2019) P07004).
        """
        events.require(self.needs)
        found = by_pt(objects(events, "Muon", (*KINEMATICS, "charge")))
        found = ak.pad_none(found[(found.pt >= self.pt) & (abs(found.eta) < self.eta)], 2)
        first, second = found[:, 0], found[:, 1]
        mass = invariant_mass([first, second])
        chosen = (first.charge * second.charge < 0) & (mass >= self.low) & (mass < self.high)
        _, x, y, _ = (one + two for one, two in zip(*map(cartesian, (first, second)), strict=True))
        met, phi = (ak.values_astype(events[name], np.float64) for name in ("MET_pt", "MET_phi"))
        momentum = np.hypot(x, y)
        recoil_x, recoil_y = -met * np.cos(phi) - x, -met * np.sin(phi) - y
        along = (recoil_x * x + recoil_y * y) / momentum
        across = (recoil_y * x - recoil_x * y) / momentum
        chosen = ak.fill_none(chosen & np.isfinite(met + phi) & (momentum >= EDGES[0]), False)
        return observe(events, {
            "pt": observable("Transverse momentum of the Z boson", "GeV", momentum, chosen),
            "parallel": observable(LABELS["parallel"], "GeV", along + momentum, chosen),
            "perpendicular": observable(LABELS["perpendicular"], "GeV", across, chosen),
            "response": observable(LABELS["response"], "", -along / momentum, chosen),
        })  # fmt: skip

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        """Measure the median response and half of the central 68 % of both components."""
        data = samples["data"]
        momentum, weights = data.observables["pt"].values, data.weights_of("pt")
        quantities: dict[str, Measured] = {}
        histograms: dict[str, hist.Hist[Any]] = {}
        for name, at in (("response", 0), ("parallel", 1), ("perpendicular", 1)):
            row = data.observables[name]
            bins = in_bins(row.values, weights, momentum, EDGES, "GeV", unit=row.unit)
            points = [both[at] for both in bins.values()]
            what = f"{name} resolution" if at else name
            quantities |= {f"{what}, {label}": one for label, one in zip(bins, points, strict=True)}
            unit = f" [{row.unit}]" if row.unit else ""
            title = f"Resolution of the recoil, {name}{unit}" if at else row.label
            histograms[what] = profile(
                points, EDGES, title, "Transverse momentum of the Z boson [GeV]"
            )
        return Outcome(quantities, histograms)
