"""Which columns are momenta, angles, energies and masses of one particle, by their names.

Names only propose: whether a formula holds is found out from values.
"""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

QUANTITIES = {
    "px": "x", "py": "y", "pz": "z", "pt": "pt", "p": "p", "ptot": "p", "eta": "eta", "phi": "phi",
    "e": "e", "energy": "e", "pe": "e", "m": "m", "mass": "m",
}  # fmt: skip
_OF_MOMENTUM = {"x": "x", "y": "y", "z": "z"}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^A-Za-z0-9]+")

PARTICLES = 12
"""Masses of two are looked for among so many particles of a collection."""
MASSES = (0.0, 0.1056584, 105.6584)
"""Of leptons whose masses are not columns, in GeV and MeV; electrons have none to speak of."""

Particle = dict[str, int]
Attempt = tuple[str, tuple[int, ...], float | None]
"""A formula, its parents, and its constant; None: the one that fits the target."""


def particles(names: Sequence[str]) -> list[Particle]:
    """Return for each particle the positions of its quantities (x, y, z, pt, eta, phi, e, m, p)."""
    found: dict[str, Particle] = defaultdict(dict)
    for i, name in enumerate(names):
        stem, quantity = _parsed(name)
        if quantity is not None:
            found[stem].setdefault(quantity, i)
    return [particle for particle in found.values() if len(particle) > 1]


def _parsed(name: str) -> tuple[str, str | None]:
    """Return a name without the word for a quantity, and the quantity."""
    words = _WORD.findall(name)
    for at in reversed(range(len(words))):
        word = words[at].lower()
        before = next((w.lower() for w in reversed(words[:at]) if w.isalpha()), "")
        quantity = _OF_MOMENTUM.get(word) if before == "momentum" else QUANTITIES.get(word)
        if quantity is not None:
            return "".join((*words[:at], "*", *words[at + 1 :])), quantity
    return name, None


def attempts(found: Sequence[Particle]) -> Iterator[Attempt]:
    """Yield formulas of one particle, then those of two."""
    for particle in found:
        for name, quantities, constant in ONE:
            if particle.keys() >= set(quantities):
                yield name, tuple(particle[q] for q in quantities), constant
    for pair in itertools.combinations(found[:PARTICLES], 2):
        for name, quantities, constants in TWO:
            if all(particle.keys() >= set(quantities) for particle in pair):
                parents = tuple(particle[q] for particle in pair for q in quantities)
                for constant in constants:
                    yield name, parents, constant


ONE: tuple[tuple[str, tuple[str, ...], float | None], ...] = (
    ("norm2", ("x", "y"), 0.0),
    ("norm2", ("pt", "z"), 0.0),
    ("norm3", ("x", "y", "z"), 0.0),
    ("phi", ("x", "y"), None),
    ("eta", ("x", "y", "z"), 0.0),
    ("eta of pt", ("pt", "z"), 0.0),
    ("x", ("pt", "phi"), 0.0),
    ("y", ("pt", "phi"), 0.0),
    ("z", ("pt", "eta"), 0.0),
    ("energy", ("x", "y", "z"), None),
    ("energy of jet", ("x", "y", "z"), None),
    ("energy of mass", ("x", "y", "z", "m"), 0.0),
    ("energy of pt", ("pt", "eta"), 0.0),
    ("energy of pt", ("pt", "eta"), None),
    ("energy of pt and mass", ("pt", "eta", "m"), 0.0),
    ("mass", ("e", "x", "y", "z"), 0.0),
    ("mass of p", ("e", "p"), 0.0),
)
TWO: tuple[tuple[str, tuple[str, ...], tuple[float, ...]], ...] = (
    ("mass of two", ("e", "x", "y", "z"), (0.0,)),
    ("mass of two of momenta", ("x", "y", "z"), MASSES),
    ("mass of two of pt", ("pt", "eta", "phi"), MASSES),
    ("mass of two of pt and mass", ("pt", "eta", "phi", "m"), (0.0,)),
)
