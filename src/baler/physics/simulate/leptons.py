"""Electrons, muons and photons: how isolated they are, and what they left in the detector."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from baler.physics.simulate.momenta import distance
from baler.physics.simulate.tables import Array, Table, pairs, take, total


def isolated(candidates: Table, rho: Array, kind: int, pt_min: float, eta_max: float) -> Table:
    """Candidates of one kind, with the pt around them relative to their own."""
    near = (np.abs(candidates["pdgId"]) == kind) & (np.abs(candidates["eta"]) < eta_max)
    rows = np.flatnonzero(near & (candidates["pt"] > pt_min))
    chosen = take(candidates, rows)
    left, right = pairs(chosen["event"], candidates["event"], len(rho))
    other = take(candidates, right)
    apart = np.where(rows[left] == right, np.inf, distance(take(chosen, left), other))
    charged = np.isin(other["vertex"], (0, 1))
    density = 0.5 * rho[chosen["event"]]  # tracks of pile-up are gone already

    def around(radius: float, select: Array) -> Array:
        return total(other["pt"] * select * (apart < radius), left, len(rows))

    chosen["pfRelIso03_chg"] = around(0.3, charged) / chosen["pt"]
    for name, radius in (("pfRelIso03_all", 0.3), ("pfRelIso04_all", 0.4)):
        cone = around(radius, np.ones(len(left), bool)) - density * np.pi * radius**2
        chosen[name] = np.maximum(cone, 0.0) / chosen["pt"]
    return chosen


def leptons(table: Table, rng: Generator) -> Table:
    """Impact parameters under their names in NanoAOD, and what the track was made of."""
    table |= {"dxy": table["d0"], "dxyErr": table["d0Err"]}
    table["ip3d"] = np.hypot(table["d0"], table["dz"])
    table["sip3d"] = table["ip3d"] / np.hypot(table["d0Err"], table["dzErr"])
    size = len(table["pt"])
    table["nTrackerLayers"] = np.clip(np.rint(rng.normal(13.5, 1.6, size)), 5, 18)
    table["nStations"] = np.clip(np.rint(rng.normal(3.6, 0.7, size)), 0, 4)
    table["tightId"] = (rng.random(size) < 0.93) & (np.abs(table["d0"]) < 0.2)
    return table


def showers(table: Table, rng: Generator) -> Table:
    """Width, compactness and hadronic leakage of an electromagnetic shower."""
    width, leak, tail = rng.standard_normal((3, len(table["pt"])))
    barrel = np.abs(table["eta"]) < 1.48
    table["sieie"] = np.where(barrel, 0.0095, 0.026) * np.exp(0.06 * width)
    table["r9"] = np.clip(0.96 - 0.05 * np.abs(tail), 0.0, 1.0)
    table["hoe"] = np.maximum(0.02 * leak, 0.0)
    return table
