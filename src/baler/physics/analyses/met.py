"""Missing transverse energy against what was generated."""

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
from baler.physics.analyses.objects import observable, observe
from baler.physics.events import Events
from baler.physics.fits.weighted import centre_and_width

EDGES = np.array([0.0, 250.0, 500.0, 750.0, 1000.0, 1500.0, 2000.0, 3000.0])


@dataclass(frozen=True, slots=True)
class MissingEnergy:
    """Resolution of missing transverse energy, and its response where there is true one."""

    name: ClassVar[str] = "met"
    title: ClassVar[str] = "missing transverse energy: resolution and response"
    roles: ClassVar[tuple[str, ...]] = ("data",)
    needs: ClassVar[tuple[str, ...]] = (
        "MET_pt", "MET_phi", "MET_sumEt", "GenMET_pt", "GenMET_phi",
    )  # fmt: skip

    gen_met: float = cut(30.0, "generated missing energy for the response, at least", "GeV")

    def observe(self, events: Events) -> Observed:
        """Return measured minus generated missing energy: along x, y, and the generated one."""
        events.require(self.needs)
        met, phi, total, true, axis = (
            ak.to_numpy(events[field]).astype(np.float64) for field in self.needs
        )
        known = np.isfinite(met + phi + total + true + axis)
        x = met * np.cos(phi) - true * np.cos(axis)
        y = met * np.sin(phi) - true * np.sin(axis)
        large = known & (true >= self.gen_met) & (true > 0)
        parallel = x * np.cos(axis) + y * np.sin(axis)
        across = y * np.cos(axis) - x * np.sin(axis)
        rows = {
            "x": ("Missing energy minus generated, x", "GeV", x, known),
            "y": ("Missing energy minus generated, y", "GeV", y, known),
            "sumEt": ("Scalar sum of transverse energy", "GeV", total, known),
            "parallel": ("Missing energy minus generated, along it", "GeV", parallel, large),
            "perpendicular": ("Missing energy minus generated, across it", "GeV", across, large),
            "response": ("Missing-energy response", "", 1 + parallel / np.maximum(true, 1), large),
        }
        return observe(events, {
            name: observable(label, unit, ak.Array(values), ak.Array(where))
            for name, (label, unit, values, where) in rows.items()
        })  # fmt: skip

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        """Measure medians, and half of the central 68 %, of residuals and response."""
        data = samples["data"]
        quantities: dict[str, Measured] = {}
        histograms: dict[str, hist.Hist[Any]] = {}
        for name in ("x", "y", "parallel", "perpendicular", "response"):
            row, weights = data.observables[name], data.weights_of(name)
            shift, width = centre_and_width(row.values, weights, row.unit)
            quantities |= {f"{name} shift": shift, f"{name} resolution": width}
            low, high = (0.0, 2.0) if name == "response" else (-150.0, 150.0)
            label = f"{row.label} [{row.unit}]" if row.unit else row.label
            axis = hist.axis.Regular(100, low, high, name=name, label=label)
            histograms[name] = hist.Hist(axis, storage=hist.storage.Weight())
            histograms[name].fill(row.values, weight=weights)
        quantities["response"] = quantities.pop("response shift")
        both = np.concatenate([data.observables[name].values for name in "xy"])
        weights = np.concatenate([data.weights_of(name) for name in "xy"])
        total = np.tile(data.observables["sumEt"].values, 2)
        found = in_bins(both, weights, total, EDGES, "GeV", unit="GeV")
        points = []
        for label, (_, width) in found.items():
            quantities[f"resolution, {label}"] = width
            points.append(width)
        histograms["resolution"] = profile(
            points, EDGES, "Resolution of a component [GeV]", "Sum of transverse energy [GeV]"
        )
        return Outcome(quantities, histograms)
