"""Jets by FastJet, and the ghosts that measure their areas and flavours."""

from __future__ import annotations

import awkward as ak
import numpy as np
from numpy.random import Generator

from baler.physics.simulate.momenta import polar
from baler.physics.simulate.tables import Array, Table, counts, starts, take


def area_ghosts(events: int, rng: Generator) -> tuple[Table, float]:
    """Particles too soft to change a jet, evenly strewn to measure its area; the area of each.

    M. Cacciari, G. P. Salam, G. Soyez 2008, https://arxiv.org/abs/0802.1188.
    """
    eta = np.arange(-4.725, 4.8, 0.15)
    phi = np.linspace(-np.pi, np.pi, 42, endpoint=False)
    grid_eta, grid_phi = (np.tile(axis.ravel(), events) for axis in np.meshgrid(eta, phi))
    size = len(grid_eta)
    ghosts = {
        "event": np.repeat(np.arange(events), len(eta) * len(phi)),
        "pt": 1e-30 * (1 + rng.random(size)),
        "eta": grid_eta + rng.uniform(-0.07, 0.07, size),
        "phi": grid_phi + rng.uniform(-0.07, 0.07, size),
        "mass": np.zeros(size),
    }
    return ghosts, 0.15 * 2 * np.pi / len(phi)


def flavour_ghosts(truth: Table) -> Table:
    """Heavy hadrons at the end of their chain and partons of the hard process, made too soft."""
    heavy, mother = truth["flavour"] > 0, truth["mother"]
    decays_on = np.zeros(len(heavy), bool)
    decays_on[mother[heavy & (truth["flavour"][mother] == truth["flavour"])]] = True
    hadron = heavy & ~decays_on
    kind = np.abs(truth["id"])
    parton = (np.abs(truth["status"]) == 23) & ((kind <= 5) | (kind == 21))
    chosen = take(truth, (hadron | parton) & (truth["pt"] > 3.0))
    size = len(chosen["pt"])
    ghosts = {name: chosen[name] for name in ("event", "eta", "phi", "flavour", "id")}
    return ghosts | {"pt": np.full(size, 1e-18), "mass": np.zeros(size), "hard": chosen["pt"]}


def cluster(particles: Table, events: int, pt_min: float) -> tuple[Table, Array, Array]:
    """Anti-kt jets with R = 0.4, and the jet and the particle of each of their constituents.

    M. Cacciari, G. P. Salam, G. Soyez 2008, https://arxiv.org/abs/0802.1189. Particles must be
    in order of event; jets come so, but not in order of pt. ``pt_min`` and momenta are in GeV.
    """
    import fastjet
    from fastjet._swig import ClusterSequence

    ClusterSequence.set_fastjet_banner_stream(None)  # standard output is for data
    pt, eta, phi = particles["pt"], particles["eta"], particles["phi"]
    momentum = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
    energy = np.hypot(pt * np.cosh(eta), particles["mass"])
    lengths = counts(particles["event"], events)
    records = ak.zip(momentum | {"E": energy}, with_name="Momentum4D")
    sequence = fastjet.ClusterSequence(
        ak.unflatten(records, lengths), fastjet.JetDefinition(fastjet.antikt_algorithm, 0.4)
    )
    found = sequence.inclusive_jets(min_pt=pt_min)
    members = sequence.constituent_index(min_pt=pt_min)
    event = np.repeat(np.arange(events), ak.to_numpy(ak.num(found)))
    px, py, pz, energy = (ak.to_numpy(ak.flatten(found[name])) for name in ("px", "py", "pz", "E"))
    jets = dict(zip(("pt", "eta", "phi"), polar(px, py, pz), strict=True)) | {"event": event}
    jets["mass"] = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
    jet = np.repeat(np.arange(len(event)), ak.to_numpy(ak.flatten(ak.num(members, axis=2))))
    within = ak.to_numpy(ak.flatten(members, axis=None))
    return jets, jet, starts(lengths)[event[jet]] + within
