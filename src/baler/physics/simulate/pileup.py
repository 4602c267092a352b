"""Pile-up: soft collisions that are seen together with the hard one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from baler.physics.simulate.detector import BEAM_SPOT, detect
from baler.physics.simulate.generator import generate, make_pythia, stable
from baler.physics.simulate.momenta import wrap
from baler.physics.simulate.request import COMMON
from baler.physics.simulate.tables import Array, Table, counts, ranges, starts, take, total

BATCH = 100  # collisions simulated at once
SOFT = "SoftQCD:inelastic = on"


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Candidates of soft collisions, to be drawn from."""

    candidates: Table
    collisions: int


def minimum_bias(seed: int, collisions: int = 1500) -> Pool:
    """Simulate inelastic collisions, almost all of them soft."""
    pythia = make_pythia([*COMMON, SOFT], seed)
    batches = []
    for done in range(0, collisions, BATCH):
        truth, _ = generate(pythia, min(BATCH, collisions - done))
        truth["event"] += done
        batches.append(stable(truth))
    particles = {name: np.concatenate([one[name] for one in batches]) for name in batches[0]}
    return Pool(detect(particles, np.random.default_rng(seed)), collisions)


def pile_up(pool: Pool, collisions: Array, vertex_z: Array, rng: Generator) -> Table:
    """Candidates of so many further collisions per event, turned in phi and moved along the beam.

    ``collisions`` and ``vertex_z``, where the collision of interest is (cm), have shape (events,).
    Tracks that point away from the main vertex are dropped (charged-hadron subtraction).
    """
    event = np.repeat(np.arange(len(collisions)), collisions)
    lengths = counts(pool.candidates["event"], pool.collisions)
    drawn = rng.integers(0, pool.collisions, len(event))
    lengths, first = lengths[drawn], starts(lengths)[drawn]
    candidates = take(pool.candidates, ranges(first, lengths))
    turn = rng.uniform(-np.pi, np.pi, len(event))
    shift = rng.normal(BEAM_SPOT[0, 2], BEAM_SPOT[1, 2], len(event)) - vertex_z[event]
    track = candidates["vertex"] >= 0
    candidates["event"] = np.repeat(event, lengths)
    candidates["phi"] = wrap(candidates["phi"] + np.repeat(turn, lengths))
    candidates["dz"] = np.where(track, candidates["dz"] + np.repeat(shift, lengths), 0.0)
    candidates["vertex"] = np.where(track, 2, -1)
    return take(candidates, ~track | (np.abs(candidates["dz"]) < 0.1))


def energy_density(candidates: Table, events: int) -> Array:
    """Median pt per unit area over a grid of 16 x 10 cells in |eta| < 4.8: rho; (events,), GeV.

    M. Cacciari, G. P. Salam 2008, https://arxiv.org/abs/0707.1378.
    """
    inside = take(candidates, np.abs(candidates["eta"]) < 4.8)
    row = np.floor((inside["eta"] + 4.8) / 0.6).astype(int)
    column = np.floor((inside["phi"] + np.pi) / (2 * np.pi) * 10).astype(int) % 10
    cells = total(inside["pt"], inside["event"] * 160 + row * 10 + column, events * 160)
    return np.median(cells.reshape(events, 160), axis=1) / (0.6 * 2 * np.pi / 10)
