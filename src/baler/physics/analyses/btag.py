"""How well a discriminator finds b jets: efficiency against mistag rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import hist
import numpy as np

from baler.errors import UsageError
from baler.physics.analyses.base import Floats, Measured, Observed, Outcome, Quantity
from baler.physics.analyses.cuts import cut
from baler.physics.analyses.objects import objects, observable, observe
from baler.physics.events import Events
from baler.physics.fits.weighted import effective, efficiencies, quantiles, too_few

FLAVOURS = {"b": 5, "c": 4, "light": 0}
MISTAGS = 10
"""Light jets that a working point must let pass."""


@dataclass(frozen=True, slots=True)
class Btag:
    """Efficiency for b and c jets, where light jets are mistaken at given rates."""

    name: ClassVar[str] = "btag"
    title: ClassVar[str] = "b-tag efficiency against mistag rate"
    roles: ClassVar[tuple[str, ...]] = ("data",)

    pt: float = cut(30.0, "pt of a jet, at least", "GeV")
    eta: float = cut(2.5, "|eta| of a jet, below")
    discriminator: str = cut("btag", "field of the jets: larger for b jets")
    loose: float = cut(0.1, "mistag rate of the loose working point")
    medium: float = cut(0.01, "mistag rate of the medium working point")
    tight: float = cut(0.001, "mistag rate of the tight working point")

    def __post_init__(self) -> None:
        """Check the working points; raises UsageError."""
        for name in ("loose", "medium", "tight"):
            if not 0 < getattr(self, name) < 1:
                raise UsageError(f"btag: {name}={getattr(self, name):g} is not between 0 and 1")

    @property
    def needs(self) -> tuple[str, ...]:
        """The fields that it reads."""
        return "Jet_pt", "Jet_eta", f"Jet_{self.discriminator}", "Jet_hadronFlavour"

    def observe(self, events: Events) -> Observed:
        """Return the discriminator of b, c and light jets."""
        jets = objects(events, "Jet", [one.removeprefix("Jet_") for one in self.needs])
        jets = jets[(jets.pt >= self.pt) & (abs(jets.eta) < self.eta)]
        return observe(events, {
            name: observable(
                f"Discriminator of {name} jets", "",
                jets[self.discriminator], abs(jets.hadronFlavour) == flavour,
            )
            for name, flavour in FLAVOURS.items()
        })  # fmt: skip

    def measure(self, samples: Mapping[str, Observed]) -> Outcome:
        """Measure efficiencies at the working points, and the curve between them.

        Uncertainties include that of the cut on the discriminator, which the light jets fix.
        """
        data = samples["data"]
        quantities: dict[str, Measured] = {}
        points = {"loose": self.loose, "medium": self.medium, "tight": self.tight}
        for flavour in ("b", "c"):
            found = _efficiency(data, flavour, np.array(list(points.values())))
            quantities |= {
                f"{flavour} efficiency, {point}": one
                for point, one in zip(points, found, strict=True)
            }
        axis = hist.axis.Regular(
            30, self.tight, 1.0, name="mistag", label="Mistag rate of light jets",
            transform=hist.axis.transform.log,
        )  # fmt: skip
        roc: hist.Hist[Any] = hist.Hist(
            axis, storage=hist.storage.Weight(), label="Efficiency for b jets"
        )
        for at, one in enumerate(_efficiency(data, "b", np.asarray(axis.centers))):
            if isinstance(one, Quantity):
                roc[at] = one.value, one.uncertainty**2
        return Outcome(quantities, {"b efficiency": roc})


def _efficiency(data: Observed, flavour: str, rates: Floats) -> list[Measured]:
    light, weights = data.observables["light"].values, data.weights_of("light")
    values, mine = data.observables[flavour].values, data.weights_of(flavour)
    if failure := too_few(mine, 20, f"{flavour} jets"):
        return [failure] * rates.size
    sigma = np.sqrt(rates * (1 - rates) / max(effective(weights), 1.0))
    cuts = np.zeros((3, rates.size))
    if light.size:
        cuts = quantiles(light, weights, 1 - rates + np.outer([0, -1, 1], sigma))
    (value, lower, upper), (binomial, _, _) = (
        one.reshape(3, -1) for one in efficiencies(values, mine, cuts.ravel())
    )
    uncertainty = np.hypot(binomial, (lower - upper) / 2)
    found: list[Measured] = []
    for rate, one, its in zip(rates, value, uncertainty, strict=True):
        needed = int(np.ceil(MISTAGS / rate))
        few = too_few(weights, needed, f"light jets for {rate:g}")
        found.append(few or Quantity(float(one), float(its)))
    return found
