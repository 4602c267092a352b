"""Jets as the detector sees them, and as they were generated."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from baler.physics.simulate.clustering import area_ghosts, cluster, flavour_ghosts
from baler.physics.simulate.generator import is_neutrino, stable
from baler.physics.simulate.momenta import distance
from baler.physics.simulate.tables import (
    Array,
    Table,
    counts,
    join,
    largest,
    pairs,
    ranges,
    starts,
    take,
    total,
)


def generated_jets(truth: Table, events: int) -> Table:
    """Jets of all stable particles but neutrinos, pt > 15 GeV, hardest first."""
    visible = stable(truth)
    jets, _, _ = cluster(take(visible, ~is_neutrino(visible["id"])), events, 15.0)
    return take(jets, np.lexsort((-jets["pt"], jets["event"])))


def measured_jets(candidates: Table, truth: Table, rho: Array, rng: Generator) -> Table:
    """Corrected jets with pt > 20 GeV, hardest first; ``candidates`` learn the jet they are in."""
    events = len(rho)
    area, ghost_area = area_ghosts(events, rng)
    flavour = flavour_ghosts(truth)
    inputs = [candidates, flavour, area]
    kinematics = ("event", "pt", "eta", "phi", "mass")
    tagged = [
        {name: table[name] for name in kinematics}
        | {"source": np.full(len(table["pt"]), i), "row": np.arange(len(table["pt"]))}
        for i, table in enumerate(inputs)
    ]
    particles = join(tagged)
    jets, jet, member = cluster(particles, events, 10.0)
    size = len(jets["pt"])
    source, row = particles["source"][member], particles["row"][member]
    real = source == 0
    members = take(candidates, row[real])
    members["distance"] = distance(members, take(jets, jet[real]))
    jets |= composition(members, jet[real], size)
    jets["btag"] = b_tag(members, jet[real], jets["phi"], rng)
    jets |= flavours(take(flavour, row[source == 1]), jet[source == 1], size)
    jets["area"] = counts(jet[source == 2], size) * ghost_area

    raw = jets["pt"]
    response = 0.995 + 0.05 * np.exp(-raw / 60.0) + 0.004 * np.abs(jets["eta"])
    scale = np.maximum(raw - rho[jets["event"]] * jets["area"], 1.0) * response / raw
    jets |= {"pt": raw * scale, "mass": jets["mass"] * scale, "rawFactor": 1 - 1 / scale}
    jets["rawPt"] = raw
    clean = (jets["neHEF"] < 0.9) & (jets["neEmEF"] < 0.9) & (jets["nConstituents"] > 1)
    jets["jetId"] = 2 * clean + 4 * (clean & (jets["muEF"] < 0.8))

    order = np.lexsort((-jets["pt"], jets["event"]))
    keep = (jets["pt"] > 20.0) & (np.abs(jets["eta"]) < 4.8) & (jets["nConstituents"] > 0)
    order = order[keep[order]]
    number = np.full(size, -1)
    number[order] = ranges(np.zeros(events, int), counts(jets["event"][order], events))
    candidates["jetIdx"] = np.full(len(candidates["pt"]), -1)
    candidates["jetIdx"][row[real]] = number[jet[real]]
    return take(jets, order)


def nearest(jets: Table, truth: Table, events: int) -> Array:
    """Number within the event of the closest generated jet in a distance of 0.25, or else -1."""
    left, right = pairs(jets["event"], truth["event"], events)
    apart = distance(take(jets, left), take(truth, right))
    left, right, apart = left[apart < 0.25], right[apart < 0.25], apart[apart < 0.25]
    order = np.argsort(-apart, kind="stable")
    match = np.full(len(jets["pt"]), -1)
    first = starts(counts(truth["event"], events))
    match[left[order]] = (right - first[truth["event"][right]])[order]
    return match


def composition(members: Table, jet: Array, size: int) -> Table:
    """Which part of a jet's energy each kind of candidate carries, and how it is spread.

    ``members`` are candidates, ``jet`` is the number of the one that each is in. The charge is the
    mean of those of the tracks, each weighted with the square root of its pt (D. Krohn et al. 2012,
    https://arxiv.org/abs/1209.2421).
    """
    energy, pt, kind = members["pt"] * np.cosh(members["eta"]), members["pt"], members["pdgId"]
    names = {"chHEF": 211, "neHEF": 130, "chEmEF": 11, "neEmEF": 22, "muEF": 13}
    names |= {"hfHEF": 1, "hfEmEF": 2}
    whole = np.maximum(total(energy, jet, size), 1e-9)
    table = {n: total(energy * (np.abs(kind) == k), jet, size) / whole for n, k in names.items()}
    scalar = np.maximum(total(pt, jet, size), 1e-9)
    root = np.sqrt(pt) * (members["charge"] != 0)
    table["width"] = total(pt * members["distance"], jet, size) / scalar
    table["ptD"] = np.sqrt(total(pt**2, jet, size)) / scalar
    weight = np.maximum(total(root, jet, size), 1e-9)
    table["charge"] = total(root * members["charge"], jet, size) / weight
    track = members["vertex"] >= 0
    table["leadTrackPt"] = largest(pt[track], jet[track], size, 1)[:, 0]
    table["nConstituents"] = counts(jet, size)
    table["nCharged"] = counts(jet[track], size)
    return table


def b_tag(members: Table, jet: Array, jet_phi: Array, rng: Generator) -> Array:
    """A discriminant in (0, 1) from the three most displaced tracks; -1 without tracks."""
    size = len(jet_phi)
    ahead = np.sign(members["d0"] * np.sin(jet_phi[jet] - members["phi"]))
    significance = ahead * np.abs(members["d0"]) / np.maximum(members["d0Err"], 1e-6)
    useful = (members["vertex"] >= 0) & (members["vertex"] != 2) & (members["pt"] > 1.0)
    useful &= significance > 0
    top = np.log1p(largest(significance[useful], jet[useful], size, 3))
    score = 0.9 * top @ np.array([1.0, 1.4, 1.0]) - 5.5 + 0.35 * rng.standard_normal(size)
    tracks = counts(jet[members["vertex"] >= 0], size)
    return np.where(tracks > 0, 1 / (1 + np.exp(-score)), -1.0)


def flavours(ghosts: Table, jet: Array, size: int) -> Table:
    """Heaviest hadron and hardest parton of each jet, from the ghosts that ended up in it."""
    hadron, parton = np.zeros(size, int), np.zeros(size, int)
    np.maximum.at(hadron, jet, ghosts["flavour"])
    partons = np.flatnonzero(ghosts["flavour"] == 0)
    partons = partons[np.argsort(ghosts["hard"][partons], kind="stable")]
    parton[jet[partons]] = ghosts["id"][partons]  # the last one written is the hardest
    return {"hadronFlavour": hadron, "partonFlavour": parton}
