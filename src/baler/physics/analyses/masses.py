"""Masses of jet systems: pairs, and hadronic W bosons and top quarks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import awkward as ak
import hist
import numpy as np

from baler.physics.analyses.base import Failure, Floats, Measured, Observed, Outcome
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
from baler.physics.fits import peaks
from baler.physics.fits.peaks import Window
from baler.physics.fits.weighted import centre_and_width

WINDOWS: Mapping[str, Window] = {
    "W": Window(50.0, 150.0, 78.0, 8.0, bins=100, tails=(1.5, 1.5)),
    "top": Window(110.0, 300.0, 165.0, 18.0, bins=100, tails=(1.5, 1.5)),
}


@dataclass(frozen=True, slots=True)
class Masses:
    """Dijet masses, and the top quark in the three jets whose sum has the largest pt."""

    name: ClassVar[str] = "masses"
    title: ClassVar[str] = "masses of jet pairs, W bosons and top quarks"
    roles: ClassVar[tuple[str, ...]] = ("data",)

    pt: float = cut(30.0, "pt of a jet, at least", "GeV")
    eta: float = cut(2.5, "|eta| of a jet, below")
    jets: int = cut(6, "leading jets that are combined, at most")
    discriminator: str = cut("btag", "field of the jets: larger for b jets")
    tagged: float = cut(0.3, "discriminator of a b jet, at least")
    w_low: float = cut(60.0, "mass of a W boson in a top quark, at least", "GeV")
    w_high: float = cut(100.0, "mass of a W boson in a top quark, below", "GeV")

    @property
    def needs(self) -> tuple[str, ...]:
        """The fields that it reads."""
        return *(f"Jet_{field}" for field in KINEMATICS), f"Jet_{self.discriminator}"

    def observe(self, events: Events) -> Observed:
        """Return masses of the leading pair, of all pairs, and of W and top candidates.

        Candidates are the three jets, one of them b-tagged, whose vector sum has the largest pt
        (M3 of the Tevatron and LHC experiments); the two that are not tagged are the W boson. No
        mass is used to choose a W boson, so that none is pulled towards what is expected.
        """
        jets = by_pt(objects(events, "Jet", (*KINEMATICS, self.discriminator)))
        jets = jets[(jets.pt >= self.pt) & (abs(jets.eta) < self.eta)][:, : self.jets]
        padded = ak.pad_none(jets, 2)
        leading = invariant_mass([padded[:, 0], padded[:, 1]])
        all_pairs = invariant_mass(ak.unzip(ak.combinations(jets, 2)))
        top, w = self._three(jets)
        return observe(events, {
            "dijet": observable("Mass of leading jets", "GeV", leading),
            "pairs": observable("Mass of jet pairs", "GeV", all_pairs),
            "W": observable("W-boson candidate mass", "GeV", w),
            "top": observable(
                "Top-quark candidate mass", "GeV", top, (w >= self.w_low) & (w < self.w_high)
            ),
        })  # fmt: skip

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        """Fit the peaks of W and top; median and width of the leading pair's mass."""
        data = samples["data"]
        quantities: dict[str, Measured] = {}
        histograms: dict[str, hist.Hist[Any]] = {}
        curves: dict[str, Floats] = {}
        row, weights = data.observables["dijet"], data.weights_of("dijet")
        centre, width = centre_and_width(row.values, weights, "GeV")
        quantities |= {"dijet mass": centre, "dijet width": width}
        for name in ("dijet", "pairs"):
            row = data.observables[name]
            axis = hist.axis.Regular(100, 0, 2000, name="mass", label=f"{row.label} [GeV]")
            histograms[name] = hist.Hist(axis, storage=hist.storage.Weight())
            histograms[name].fill(row.values, weight=data.weights_of(name))
        for name, window in WINDOWS.items():
            row, weights = data.observables[name], data.weights_of(name)
            label = f"{row.label} [GeV]"
            axis = hist.axis.Regular(50, window.low, window.high, name="mass", label=label)
            histograms[name] = hist.Hist(axis, storage=hist.storage.Weight())
            histograms[name].fill(row.values, weight=weights)
            fitted = peaks.fit(row.values, weights, window, what=f"{name} candidates")
            if isinstance(fitted, Failure):
                quantities |= {f"{name} mass": fitted, f"{name} width": fitted}
            else:
                quantities |= {f"{name} mass": fitted.mean, f"{name} width": fitted.sigma}
                curves[name] = fitted.curve(axis.centers, axis.widths[0])
        return Outcome(quantities, histograms, curves)

    def _three(self, jets: ak.Array) -> tuple[ak.Array, ak.Array]:
        """Return masses of the three jets and of the two that are not tagged, None for none."""
        parts = ak.unzip(ak.combinations(jets, 3))
        marks = [part[self.discriminator] >= self.tagged for part in parts]
        one = sum(ak.values_astype(mark, np.int8) for mark in marks) == 1
        _, px, py, _ = (sum(each) for each in zip(*map(cartesian, parts), strict=True))
        score = ak.where(one, px**2 + py**2, -1.0)
        best = ak.argmax(score, axis=1, keepdims=True)
        a, b, c = (ak.firsts(part[best]) for part in parts)
        a_tagged, b_tagged, _ = (ak.firsts(mark[best]) for mark in marks)
        rest = ak.where(
            a_tagged,
            invariant_mass([b, c]),
            ak.where(b_tagged, invariant_mass([a, c]), invariant_mass([a, b])),
        )
        chosen = ak.fill_none(ak.firsts(one[best]), False)
        return ak.mask(invariant_mass([a, b, c]), chosen), ak.mask(rest, chosen)
