"""A batch of events, from the collision to what is measured of it."""

from __future__ import annotations

from typing import Any

import awkward as ak
import numpy as np
from numpy.random import Generator

from baler.physics.simulate.detector import BEAM_SPOT, detect
from baler.physics.simulate.generator import generate, is_neutrino, stable
from baler.physics.simulate.jets import generated_jets, measured_jets, nearest
from baler.physics.simulate.leptons import isolated, leptons, showers
from baler.physics.simulate.missing import missing_energy
from baler.physics.simulate.pileup import Pool, energy_density, pile_up
from baler.physics.simulate.tables import Table, counts, join, ranges, take, total
from baler.physics.simulate.triggers import triggers


def simulate_batch(
    pythia: Any, events: int, pool: Pool | None, pileup: float, rng: Generator
) -> tuple[Table, dict[str, Table]]:
    """New events, seen by the detector: values per event, and the collections by name.

    Momenta are in GeV, lengths in cm. Without a pool there is no pile-up.
    """
    truth, beam = generate(pythia, events)
    vertex = rng.normal(BEAM_SPOT[0], BEAM_SPOT[1], (events, 3))
    true_pileup = np.maximum(rng.normal(pileup, 0.25 * pileup, events), 0.0)
    collisions = rng.poisson(true_pileup)
    candidates = detect(stable(truth), rng)
    if pool is not None:
        candidates = join([candidates, pile_up(pool, collisions, vertex[:, 2], rng)])
    candidates = take(candidates, np.lexsort((-candidates["pt"], candidates["event"])))
    rho = energy_density(candidates, events)

    objects = {"Jet": measured_jets(candidates, truth, rho, rng)}
    objects["GenJet"] = generated_jets(truth, events)
    objects["Jet"]["genJetIdx"] = nearest(objects["Jet"], objects["GenJet"], events)
    objects["Electron"] = showers(leptons(isolated(candidates, rho, 11, 5.0, 2.5), rng), rng)
    objects["Muon"] = leptons(isolated(candidates, rho, 13, 3.0, 2.4), rng)
    objects["Photon"] = showers(isolated(candidates, rho, 22, 10.0, 2.5), rng)
    objects["GenPart"] = hard_process(truth, events)
    objects["PF"] = take(candidates, candidates["jetIdx"] >= 0)
    objects["PF"]["vtxIdx"] = objects["PF"]["vertex"]

    unseen = take(truth, (truth["status"] > 0) & is_neutrino(truth["id"]))
    gen_x, gen_y = (total(unseen[axis], unseen["event"], events) for axis in ("px", "py"))
    fitted = vertex + rng.normal(0.0, [0.0012, 0.0012, 0.0025], (events, 3))
    event = {
        "genWeight": ak.to_numpy(beam.weights[:, 0]),
        "Generator_x1": ak.to_numpy(beam.x1),
        "Generator_x2": ak.to_numpy(beam.x2),
        "Generator_id1": ak.to_numpy(beam.id1),
        "Generator_id2": ak.to_numpy(beam.id2),
        "Generator_scalePDF": np.sqrt(ak.to_numpy(beam.Q2Fac)),
        "Generator_binvar": np.sqrt(ak.to_numpy(beam.pT2Hat)),
        "Pileup_nPU": collisions,
        "Pileup_nTrueInt": true_pileup,
        "PV_npvs": 1 + rng.binomial(collisions, 0.7),
        "PV_x": fitted[:, 0],
        "PV_y": fitted[:, 1],
        "PV_z": fitted[:, 2],
        "PV_chi2": rng.chisquare(60, events) / 60,
        "fixedGridRhoFastjetAll": rho,
        "GenMET_pt": np.hypot(gen_x, gen_y),
        "GenMET_phi": np.arctan2(gen_y, gen_x),
    }
    event |= missing_energy(candidates, objects["Jet"], events)
    return event | triggers(objects, event, events, rng), objects


def hard_process(truth: Table, events: int) -> Table:
    """Particles of the hard process, with the number of their mother among them or else -1.

    Partons along the beam, which have no pt, have an eta of +-25000.
    """
    status = np.abs(truth["status"])
    chosen = (status >= 21) & (status <= 29)
    number = np.full(len(chosen), -1)
    number[chosen] = ranges(np.zeros(events, int), counts(truth["event"][chosen], events))
    table = take(truth, chosen)
    mother = number[table["mother"]]
    table["eta"] = np.where(table["pt"] > 1e-6, table["eta"], np.sign(table["pz"]) * 2.5e4)
    return table | {"pdgId": table["id"], "status": status[chosen], "genPartIdxMother": mother}
