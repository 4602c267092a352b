"""What is to be simulated, and the settings of Pythia 8 that this means."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from baler.errors import UsageError

ENERGY = 13000.0  # GeV, of the two beams together
MASS = 1500.0  # GeV, of the Z'
PT_HAT_MIN = 100.0  # GeV

COMMON = [
    f"Beams:eCM = {ENERGY}",
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 10.",  # mm: K-short and Lambda reach the detector
]


@dataclass(frozen=True, slots=True)
class Request:
    """Which events, and how many; raises UsageError for what cannot be simulated.

    ``mass`` and ``width`` (GeV) are of the Z'; without a width it is that of the Standard Model's
    couplings. ``pt_hat_min`` (GeV) is the least transverse momentum of the partons of QCD dijets.
    ``settings`` are further lines for Pythia, for all processes alike.
    """

    processes: tuple[str, ...] = ("qcd",)
    events: int = 1000
    seed: int = 1
    pileup: float = 20.0  # mean number of further collisions per event
    mass: float | None = None
    width: float | None = None
    pt_hat_min: float | None = None
    settings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if unknown := [name for name in self.processes if name not in PROCESSES]:
            raise UsageError(f"no process {unknown[0]!r}; known: {', '.join(PROCESSES)}")
        if not self.processes:
            raise UsageError(f"no process was given; known: {', '.join(PROCESSES)}")
        if self.events < len(self.mixed):
            raise UsageError(
                f"{len(self.mixed)} processes need at least as many events, not {self.events}"
            )
        if self.seed < 0:
            raise UsageError(f"a seed is 0 or larger, not {self.seed}")
        if not 0 <= self.pileup <= 80:
            raise UsageError(f"mean pile-up is 0 to 80, not {self.pileup:g}")
        self._check("zprime", "mass", self.mass, 10.0, ENERGY)
        self._check("zprime", "width", self.width, 0.0, ENERGY)
        self._check("qcd", "pt_hat_min", self.pt_hat_min, 1.0, ENERGY / 2)
        for line in self.settings:
            _check_setting(line)

    def _check(self, process: str, name: str, value: float | None, low: float, high: float) -> None:
        if value is None:
            return
        if process not in self.processes:
            raise UsageError(
                f"{name} is a setting of {process}; the processes are {', '.join(self.processes)}"
            )
        if not low < value < high:
            raise UsageError(f"{name} lies between {low:g} and {high:g} GeV, not at {value:g}")

    @property
    def mixed(self) -> list[str]:
        """The processes, each once, in the order of their numbers."""
        return [name for name in PROCESSES if name in self.processes]

    def share(self, process: str) -> int:
        """Return how many of the events are of a process: equal shares, or one event apart."""
        return len(range(self.mixed.index(process), self.events, len(self.mixed)))

    def lines(self, process: str) -> tuple[str, ...]:
        """Return the settings of Pythia that make a process, those of the request last."""
        return (*COMMON, *PROCESSES[process].lines(self), *self.settings)


@dataclass(frozen=True, slots=True)
class Process:
    """A kind of collision; ``number`` is the value of the branch ``run``."""

    number: int
    lines: Callable[[Request], list[str]]


def _qcd(request: Request) -> list[str]:
    return [
        "HardQCD:all = on",
        f"PhaseSpace:pTHatMin = {float(request.pt_hat_min or PT_HAT_MIN)}",
        "PhaseSpace:bias2Selection = on",  # weight ~ pTHat^-4: hard dijets beside soft ones
        "PhaseSpace:bias2SelectionPow = 4.",
        "PhaseSpace:bias2SelectionRef = 100.",
    ]


def _zprime(request: Request) -> list[str]:
    mass = float(request.mass or MASS)
    width = ["32:doForceWidth = on", f"32:mWidth = {float(request.width)}"] if request.width else []
    return [
        "NewGaugeBoson:ffbar2gmZZprime = on",
        "Zprime:gmZmode = 3",  # the Z' alone, without interference
        f"32:m0 = {mass}",
        f"32:mMin = {min(50.0, mass / 2)}",
        *width,
        "32:onMode = off",
        "32:onIfAny = 1 2 3 4 5",
    ]


def _z(lepton: int) -> Callable[[Request], list[str]]:
    return lambda request: [
        "WeakSingleBoson:ffbar2gmZ = on",
        "PhaseSpace:mHatMin = 40.",
        "23:onMode = off",
        f"23:onIfAny = {lepton}",
    ]


PROCESSES = {
    "qcd": Process(1, _qcd),
    "ttbar": Process(2, lambda request: ["Top:gg2ttbar = on", "Top:qqbar2ttbar = on"]),
    "zprime": Process(3, _zprime),
    "zmumu": Process(4, _z(13)),
    "zee": Process(5, _z(11)),
}


def _check_setting(line: str) -> None:
    """Refuse what is no setting, and what would change the seed, the energy, or what is printed."""
    if not re.fullmatch(r"\s*\w+(:\w+)+\s*=\s*\S.*", line):
        raise UsageError(f"{line!r} is no setting of Pythia like 'PhaseSpace:pTHatMax = 800.'")
    if found := re.match(r"\s*(random|beams|print)\b", line, re.IGNORECASE):
        raise UsageError(f"settings of {found[1]} cannot be changed, as {line.strip()!r} does")
