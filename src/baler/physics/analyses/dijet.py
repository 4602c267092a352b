"""A search for a resonance in the mass of two jets, in the style of trigger-level analyses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import awkward as ak
import hist
import numpy as np

from baler.errors import UsageError
from baler.physics.analyses.base import (
    Failure,
    Floats,
    Measured,
    Observed,
    Outcome,
    Quantity,
)
from baler.physics.analyses.cuts import cut
from baler.physics.analyses.objects import (
    by_pt,
    cartesian,
    delta_phi,
    invariant_mass,
    objects,
    observable,
    observe,
)
from baler.physics.events import Events
from baler.physics.fits import peaks, search, smooth
from baler.physics.fits.peaks import Window
from baler.physics.fits.search import Expected
from baler.physics.fits.weighted import centre_and_width, efficiency, too_few

# The binning of CMS, of about the mass resolution (JHEP 08 (2018) 130, arXiv:1806.00843), GeV.
EDGES = np.array([
    1, 3, 6, 10, 16, 23, 31, 40, 50, 61, 74, 88, 103, 119, 137, 156, 176, 197, 220, 244, 270, 296,
    325, 354, 386, 419, 453, 489, 526, 565, 606, 649, 693, 740, 788, 838, 890, 944, 1000, 1058,
    1118, 1181, 1246, 1313, 1383, 1455, 1530, 1607, 1687, 1770, 1856, 1945, 2037, 2132, 2231, 2332,
    2438, 2546, 2659, 2775, 2895, 3019, 3147, 3279, 3416, 3558, 3704, 3854, 4010, 4171, 4337, 4509,
    4686, 4869, 5058, 5253, 5455, 5663, 5877, 6099, 6328, 6564, 6808, 7060, 7320, 7589, 7866, 8152,
    8447, 8752, 9067, 9391, 9726, 10072, 10430, 10798, 11179, 11571, 11977, 12395, 12827, 13272,
    13732, 14000,
], dtype=np.float64)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """What a search is made of: expected events by bin, per inverse femtobarn."""

    background: smooth.SmoothFit
    signal: Floats  # (bins,)
    signal_squares: Floats  # (bins,), variances by the number of simulated events

    def at(self, luminosity: float) -> search.Templates:
        """Return the model at a luminosity, 1/fb: background as open as those data leave it."""
        return search.templates(
            luminosity * self.background.expected,
            luminosity * self.signal,
            self.background.variations(luminosity),
        )

    def expected(self, luminosity: float, truth: Spectra | None = None) -> Expected | Failure:
        """Return what a search with these templates expects in data made of them, or of ``truth``.

        ``truth`` from events after compression and templates from events before it, or the other
        way round, include the bias of a wrong template.
        """
        data = self if truth is None else truth
        return search.expected(
            self.at(luminosity),
            background=luminosity * data.background.expected,
            signal=luminosity * data.signal,
        )


@dataclass(frozen=True, slots=True)
class Dijet:
    """A dijet resonance search: two leading jets, a smooth background, a signal template."""

    name: ClassVar[str] = "dijet"
    title: ClassVar[str] = "dijet resonance search: peak, significance and limit"
    roles: ClassVar[tuple[str, ...]] = ("background", "signal")
    needs: ClassVar[tuple[str, ...]] = ("Jet_pt", "Jet_eta", "Jet_phi", "Jet_mass")

    pt: float = cut(150.0, "pt of the leading jet, at least", "GeV")
    pt2: float = cut(60.0, "pt of the second jet, at least", "GeV")
    eta: float = cut(2.5, "|eta| of both jets, below")
    delta_eta: float = cut(1.3, "difference in eta, below")
    wide: float = cut(1.1, "radius within which jets are added to the two; 0 for none")
    extra_pt: float = cut(30.0, "pt of jets that are added, at least", "GeV")
    start: float = cut(565.0, "mass where the spectrum starts, unbiased by the cuts on pt", "GeV")
    stop: float = cut(3147.0, "mass where the spectrum stops", "GeV")
    parameters: int = cut(0, "parameters of the background function; 0: 3 to 5 by an F-test")
    root_s: float = cut(13000.0, "energy of the collisions", "GeV")
    mass: float = cut(1500.0, "mass of the resonance, for the fit of its peak", "GeV")
    luminosity: float = cut(10.0, "integrated luminosity of the search", "1/fb")
    background_pb: float = cut(1.31e6, "cross section of all background events; 0: as below", "pb")
    signal_pb: float = cut(1.33, "cross section of all signal events; 0: their weights' sum", "pb")

    def __post_init__(self) -> None:
        """Check what the search needs of its cuts; raises UsageError."""
        if not 0 < self.start < self.stop < self.root_s or self.edges.size < 7:
            raise UsageError(
                f"dijet: start={self.start:g} and stop={self.stop:g} leave no spectrum of 6 bins "
                f"below root_s={self.root_s:g} GeV"
            )
        if self.parameters not in (0, 3, 4, 5):
            raise UsageError(f"dijet: parameters={self.parameters} is not 0, 3, 4 or 5")
        for name in ("mass", "luminosity"):
            if getattr(self, name) <= 0:
                raise UsageError(f"dijet: {name}={getattr(self, name):g} is not positive")
        for name in ("background_pb", "signal_pb"):
            if getattr(self, name) < 0:
                raise UsageError(f"dijet: {name}={getattr(self, name):g} is negative")

    def observe(self, events: Events) -> Observed:
        """Return the dijet mass of selected events, and what it is made of."""
        jets = by_pt(objects(events, "Jet"))
        jets = jets[abs(jets.eta) < self.eta]
        padded = ak.pad_none(jets, 2)
        first, second = padded[:, 0], padded[:, 1]
        distance = abs(first.eta - second.eta)
        chosen = (first.pt >= self.pt) & (second.pt >= self.pt2) & (distance < self.delta_eta)
        mass = self._mass(jets, first, second)
        return observe(events, {
            "mass": observable("Dijet mass", "GeV", mass, chosen),
            "pt": observable("Leading-jet transverse momentum", "GeV", first.pt, chosen),
            "pt2": observable("Second-jet transverse momentum", "GeV", second.pt, chosen),
            "delta_eta": observable("Pseudorapidity separation", "", distance, chosen),
        })  # fmt: skip

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        """Measure the signal's peak, and what a search at the luminosity expects."""
        signal = samples["signal"]
        masses, weights = signal.observables["mass"].values, signal.weights_of("mass")
        position, width = centre_and_width(masses, weights, "GeV", what="signal events")
        core = peaks.fit(masses, weights, self.window, what="signal events")
        quantities: dict[str, Measured] = {
            "signal mass": position,
            "signal width": width,
            "signal core mass": core if isinstance(core, Failure) else core.mean,
            "signal core width": core if isinstance(core, Failure) else core.sigma,
            "signal efficiency": efficiency(weights, signal.weights, what="signal events"),
            "background efficiency": efficiency(
                samples["background"].weights_of("mass"), samples["background"].weights,
                what="background events",
            ),
        }  # fmt: skip
        spectra = self.spectra(samples)
        quantities |= self._search(spectra, self.picobarn("signal", signal))
        if isinstance(spectra, Failure):
            return Outcome(quantities)
        histograms = {
            role: self.histogram(one) * (self.luminosity * self._per_fb(role, one))
            for role, one in samples.items()
        }
        curves = {"background": self.luminosity * spectra.background.expected}
        return Outcome(quantities, histograms, curves)

    def spectra(self, samples: Mapping[str, Observed]) -> Spectra | Failure:
        """Return the fitted background and the signal, per 1/fb."""
        sums: dict[str, Floats] = {}
        squares: dict[str, Floats] = {}
        for role in self.roles:
            sample = samples[role]
            weights = sample.weights_of("mass")
            if failure := too_few(weights, 20, f"{role} events"):
                return failure
            if np.sum(sample.weights) <= 0:
                return Failure(f"{role}: the sum of weights is not positive")
            spectrum = self.histogram(sample)
            scale = self._per_fb(role, sample)
            sums[role] = scale * np.asarray(spectrum.values(), np.float64)
            squares[role] = scale**2 * np.asarray(spectrum.variances(), np.float64)
        candidates = (self.parameters,) if self.parameters else (3, 4, 5)
        background = smooth.choose(
            self.edges, sums["background"], squares["background"], self.root_s, candidates
        )
        if isinstance(background, Failure):
            return background
        return Spectra(background, sums["signal"], squares["signal"])

    def like(self, spectra: Spectra) -> Dijet:
        """Return the search with as many parameters of the background as a fit of it has.

        For events before and after compression: what the F-test decides may hang on a hair.
        """
        return replace(self, parameters=spectra.background.parameters.size)

    @property
    def edges(self) -> Floats:
        """The edges of the bins of the search, GeV."""
        return EDGES[(self.start <= EDGES) & (self.stop >= EDGES)]

    @property
    def window(self) -> Window:
        """Where the peak of the signal is fitted: the tails of a broad resonance fall slowly."""
        low, high, mean, sigma = (ratio * self.mass for ratio in (0.6, 1.3, 0.97, 0.03))
        return Window(low, high, mean, sigma, power=1.5, background=False)

    def histogram(self, observed: Observed) -> hist.Hist[Any]:
        """Return the mass spectrum of a sample, in the bins of the search."""
        axis = hist.axis.Variable(self.edges, name="mass", label="Dijet mass [GeV]")
        spectrum: hist.Hist[Any] = hist.Hist(axis, storage=hist.storage.Weight())
        mass = observed.observables["mass"].values
        return spectrum.fill(mass, weight=observed.weights_of("mass"))

    def _per_fb(self, role: str, observed: Observed) -> float:
        total = float(np.sum(observed.weights))
        return 1000 * self.picobarn(role, observed) / total

    def picobarn(self, role: str, observed: Observed) -> float:
        """Return the cross section of a sample: the cut, or the sum of its weights."""
        given = self.background_pb if role == "background" else self.signal_pb
        return given or float(np.sum(observed.weights))

    def _search(self, spectra: Spectra | Failure, picobarn: float) -> dict[str, Measured]:
        if isinstance(spectra, Failure):
            return {"significance": spectra, "limit": spectra}
        found = spectra.expected(self.luminosity)
        if isinstance(found, Failure):
            return {"significance": found, "limit": found}
        relative = search.relative_uncertainty(
            spectra.at(self.luminosity),
            self.luminosity**2 * spectra.signal_squares,
            self.luminosity * spectra.background.variations(),
        )
        limit = found.limit * picobarn
        return {
            "significance": Quantity(found.significance, relative * found.significance),
            "limit": Quantity(limit, relative * limit, "pb"),
        }

    def _mass(self, jets: ak.Array, first: ak.Array, second: ak.Array) -> ak.Array:
        """Return the mass of the two jets, each with those near it (CMS, JHEP 08 (2018) 130)."""
        if not self.wide:
            return invariant_mass([first, second])
        others = jets[:, 2:]
        others = others[others.pt >= self.extra_pt]
        radii = [
            np.hypot(others.eta - one.eta, delta_phi(others.phi, one.phi))
            for one in (first, second)
        ]
        near = others[(radii[0] < self.wide) | (radii[1] < self.wide)]
        momentum = (
            one + two + ak.sum(more, axis=1)
            for one, two, more in zip(*map(cartesian, (first, second, near)), strict=True)
        )
        energy, px, py, pz = momentum
        return np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
