"""Jet response: reconstructed over generated transverse momentum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import awkward as ak
import hist
import numpy as np

from baler.physics.analyses.base import Measured, Observed, Outcome, Quantity
from baler.physics.analyses.binned import in_bins, profile
from baler.physics.analyses.cuts import cut
from baler.physics.analyses.objects import objects, observable, observe
from baler.physics.events import Events

EDGES = np.array([30.0, 50.0, 80.0, 120.0, 200.0, 350.0, 600.0, 1000.0, 2000.0])


@dataclass(frozen=True, slots=True)
class Response:
    """Scale and resolution of jets in bins of generated transverse momentum."""

    name: ClassVar[str] = "response"
    title: ClassVar[str] = "jet response and resolution by transverse momentum"
    roles: ClassVar[tuple[str, ...]] = ("data",)
    needs: ClassVar[tuple[str, ...]] = ("Jet_pt", "Jet_eta", "Jet_genJetIdx", "GenJet_pt")

    gen_pt: float = cut(30.0, "generated pt, at least", "GeV")
    eta: float = cut(2.5, "|eta| of the jet, below")

    def observe(self, events: Events) -> Observed:
        """Return the response of jets that have a generated one, and the pt of that."""
        events.require(self.needs)
        jets = objects(events, "Jet", ("pt", "eta", "genJetIdx"))
        generated = ak.values_astype(events["GenJet_pt"], np.float64)
        inside = (jets.genJetIdx >= 0) & (jets.genJetIdx < ak.num(generated))
        jets = jets[inside & (abs(jets.eta) < self.eta)]
        true = generated[jets.genJetIdx]
        kept = np.isfinite(true) & (true >= self.gen_pt) & (true > 0)
        return observe(events, {
            "response": observable("Jet response", "", jets.pt / true, kept),
            "gen_pt": observable("Generated transverse momentum", "GeV", true, kept),
        })  # fmt: skip

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        """Measure scale (median) and resolution (half of the central 68 % over the median)."""
        data = samples["data"]
        values, weights = data.observables["response"].values, data.weights_of("response")
        true = data.observables["gen_pt"].values
        found = in_bins(values, weights, true, EDGES, "GeV", what="jets")
        quantities: dict[str, Measured] = {}
        for label, (scale, width) in found.items():
            quantities[f"scale, {label}"] = scale
            if isinstance(scale, Quantity) and isinstance(width, Quantity):
                width = Quantity(width.value / scale.value, width.uncertainty / scale.value)
            quantities[f"resolution, {label}"] = width
        axis = hist.axis.Regular(100, 0.5, 1.5, name="response", label="Jet response")
        spectrum: hist.Hist[Any] = hist.Hist(axis, storage=hist.storage.Weight())
        histograms = {"response": spectrum.fill(values, weight=weights)}
        for name in ("scale", "resolution"):
            points = [one for key, one in quantities.items() if key.startswith(f"{name}, ")]
            histograms[name] = profile(
                points, EDGES, f"Jet {name}", "Generated transverse momentum [GeV]"
            )
        return Outcome(quantities, histograms)
