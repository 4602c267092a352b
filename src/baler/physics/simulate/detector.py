"""A detector with Gaussian errors: what it makes of the particles that reach it.

Acceptance and resolutions have the size of those of CMS (JINST 3, 2008, S08004); it is no model of
any real detector.
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from baler.physics.simulate.generator import is_neutrino
from baler.physics.simulate.momenta import wrap
from baler.physics.simulate.tables import Array, Table, take

BEAM_SPOT = np.array([[0.011, 0.042, 0.5], [0.001, 0.001, 3.5]])  # cm, mean and width of x, y, z
TRACKER = 2.5  # |eta| where tracks end
ENDCAP = 3.0  # |eta| where the forward calorimeter begins
MASS = {11: 0.000511, 13: 0.10566, 211: 0.13957}  # GeV, assumed for tracks


def track_resolution(pt: Array, eta: Array) -> Array:
    """Relative error of pt from the curvature of a track."""
    return np.sqrt(0.008**2 + (1.5e-4 * pt) ** 2 + (0.004 * eta) ** 2)


def calorimeter_resolution(energy: Array, eta: Array, electromagnetic: Array) -> Array:
    """Relative error of an energy: stochastic, noise and constant terms."""
    energy = np.maximum(energy, 0.1)
    photon = np.sqrt(0.028**2 / energy + (0.12 / energy) ** 2 + 0.003**2)
    hadron = np.sqrt(0.85**2 / energy + 0.05**2)
    forward = np.sqrt(1.5**2 / energy + 0.08**2)
    return np.where(np.abs(eta) > ENDCAP, forward, np.where(electromagnetic, photon, hadron))


def impact_parameters(particles: Table, rng: Generator) -> Table:
    """Transverse and longitudinal distance to the collision, measured, with errors, in cm."""
    pt, eta = np.maximum(particles["pt"], 0.3), np.clip(particles["eta"], -TRACKER, TRACKER)
    ux, uy = np.cos(particles["phi"]), np.sin(particles["phi"])
    along = particles["vx"] * ux + particles["vy"] * uy
    d0 = 0.1 * (particles["vy"] * ux - particles["vx"] * uy)
    dz = 0.1 * (particles["vz"] - along * np.sinh(eta))
    scattering = np.cosh(eta) / pt
    d0_error = np.sqrt(0.0012**2 + (0.0075 / pt) ** 2 * np.cosh(eta))
    dz_error = np.sqrt(0.0025**2 + (0.0100 * scattering) ** 2)
    d0_noise, dz_noise, d0_spread, dz_spread = rng.standard_normal((4, len(pt)))
    return {
        "d0": d0 + d0_error * d0_noise,
        "d0Err": d0_error * np.exp(0.08 * d0_spread),
        "dz": dz + dz_error * dz_noise,
        "dzErr": dz_error * np.exp(0.08 * dz_spread),
    }


def detect(particles: Table, rng: Generator) -> Table:
    """Candidates that the detector makes of stable particles: one each, or none.

    Charged particles leave tracks; others, and charged ones that lost their track, calorimeter
    deposits. ``vertex`` is 0 for tracks of the collision, 1 for displaced ones, -1 without a track.
    """
    size = len(particles["pt"])
    kind, eta, charge = np.abs(particles["id"]), particles["eta"], particles["charge"]
    electron, muon = kind == 11, kind == 13
    electromagnetic, forward = electron | (kind == 22), np.abs(eta) > ENDCAP

    found = rng.random(size) < np.where(muon, 0.98, 0.95)
    track = found & (charge != 0) & (np.abs(eta) < TRACKER) & (particles["pt"] > 0.4)
    curls_up = (charge != 0) & ~forward & (particles["pt"] < 1.0)
    deposit = ~track & ~muon & ~is_neutrino(kind) & ~curls_up & (np.abs(eta) < 5.0)

    curvature = track_resolution(particles["pt"], eta)
    calorimeter = calorimeter_resolution(particles["e"], eta, electromagnetic)
    resolution = np.where(track, curvature, calorimeter)
    measured = np.maximum(1 + resolution * rng.standard_normal(size), np.where(track, 0.2, 0.0))
    threshold = np.where(forward, 2.5, np.where(electromagnetic, 0.35, 1.2))  # GeV
    deposit &= particles["e"] * measured > threshold
    cell = np.where(forward, 0.06, np.where(electromagnetic, 0.004, 0.025))
    eta = eta + np.where(track, 0.0006, cell) * rng.standard_normal(size)
    phi = wrap(particles["phi"] + np.where(track, 0.0006, cell) * rng.standard_normal(size))
    pt = np.where(track, particles["pt"], particles["e"] / np.cosh(eta)) * measured

    charged = np.where(kind < 20, particles["id"], 211 * np.sign(charge))
    neutral = np.where(forward, 1 + electromagnetic, np.where(electromagnetic, 22, 130))
    mass = np.select([electron, muon], [MASS[11], MASS[13]], MASS[211])
    displaced = np.hypot(particles["vx"], particles["vy"]) > 0.05  # mm
    candidates = {
        "event": particles["event"],
        "pt": pt,
        "eta": eta,
        "phi": phi,
        "mass": np.where(track, mass, 0.0),
        "pdgId": np.where(track, charged, neutral).astype(int),
        "charge": np.where(track, charge, 0).astype(int),
        "vertex": np.where(track, displaced, -1),
        "ptErr": pt * resolution,
    }
    lifetime = impact_parameters(particles, rng)
    candidates |= {name: np.where(track, column, 0.0) for name, column in lifetime.items()}
    return take(candidates, (track | deposit) & (pt > 0.25))
