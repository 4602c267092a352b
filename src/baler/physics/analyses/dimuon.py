"""The spectrum of opposite-sign muon pairs: positions and widths of the narrow resonances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import awkward as ak
import hist

from baler.physics.analyses.base import Failure, Floats, Measured, Observed, Outcome
from baler.physics.analyses.cuts import cut
from baler.physics.analyses.objects import KINEMATICS, invariant_mass, objects, observable, observe
from baler.physics.events import Events
from baler.physics.fits import peaks
from baler.physics.fits.peaks import Window

# Masses are those of the Particle Data Group, Phys. Rev. D 110 (2024) 030001, GeV.
UPSILON = 9.4604
LABEL = "Dimuon mass [GeV]"
WINDOWS: Mapping[str, Window] = {
    "J/psi": Window(2.8, 3.4, 3.0969, 0.03, power=3.0),
    "psi'": Window(3.4, 4.0, 3.6861, 0.04, tails=(1.5, 1.5)),
    "Upsilon(1S)": Window(
        8.5, 11.5, UPSILON, 0.09, companions=(10.0234 / UPSILON, 10.3551 / UPSILON),
        tails=(1.5, 1.5),
    ),
    "Z": Window(70.0, 110.0, 91.19, 2.0, power=2.0),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dimuon:
    """Peaks of the dimuon spectrum."""

    name: ClassVar[str] = "dimuon"
    title: ClassVar[str] = "dimuon spectrum: J/psi, psi', Upsilon and Z peaks"
    roles: ClassVar[tuple[str, ...]] = ("data",)
    needs: ClassVar[tuple[str, ...]] = (
        *(f"Muon_{field}" for field in KINEMATICS),
        "Muon_charge",
    )

    pt: float = cut(3.0, "pt of both muons, at least", "GeV")
    eta: float = cut(2.4, "|eta| of both muons, below")
    muons: int = cut(2, "muons of an event that pass, exactly; 0 for any number")

    def observe(self, events: Events) -> Observed:
        """Return the mass of each pair of muons of opposite charge, and their momenta."""
        found = objects(events, "Muon", (*KINEMATICS, "charge"))
        found = found[(found.pt >= self.pt) & (abs(found.eta) < self.eta)]
        passing = ak.num(found) == (self.muons or ak.num(found))
        first, second = ak.unzip(ak.combinations(found, 2))
        opposite = passing & (first.charge * second.charge < 0)
        return observe(events, {
            "mass": observable("Dimuon mass", "GeV", invariant_mass([first, second]), opposite),
            "pt": observable("Muon transverse momentum", "GeV", found.pt, passing),
            "eta": observable("Muon pseudorapidity", "", found.eta, passing),
        })  # fmt: skip

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        """Fit each peak in its window."""
        data = samples["data"]
        mass, weights = data.observables["mass"].values, data.weights_of("mass")
        quantities: dict[str, Measured] = {}
        histograms: dict[str, hist.Hist[Any]] = {"mass": _spectrum(mass, weights)}
        curves: dict[str, Floats] = {}
        for name, window in WINDOWS.items():
            axis = hist.axis.Regular(60, window.low, window.high, name="mass", label=LABEL)
            histograms[name] = hist.Hist(axis, storage=hist.storage.Weight())
            histograms[name].fill(mass, weight=weights)
            fitted = peaks.fit(mass, weights, window, what=f"{name} pairs")
            if isinstance(fitted, Failure):
                quantities |= {f"{name} mass": fitted, f"{name} width": fitted}
            else:
                quantities |= {f"{name} mass": fitted.mean, f"{name} width": fitted.sigma}
                curves[name] = fitted.curve(axis.centers, axis.widths[0])
        return Outcome(quantities, histograms, curves)


def _spectrum(mass: Floats, weights: Floats) -> hist.Hist[Any]:
    logarithm = hist.axis.transform.log
    axis = hist.axis.Regular(300, 2.0, 120.0, name="mass", label=LABEL, transform=logarithm)
    spectrum: hist.Hist[Any] = hist.Hist(axis, storage=hist.storage.Weight())
    return spectrum.fill(mass, weight=weights)
