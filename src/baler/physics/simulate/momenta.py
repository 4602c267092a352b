"""Momenta and directions."""

from __future__ import annotations

import numpy as np

from baler.physics.simulate.tables import Array, Table


def wrap(angle: Array) -> Array:
    """The same angle in [-pi, pi)."""
    wrapped: Array = (angle + np.pi) % (2 * np.pi) - np.pi
    return wrapped


def distance(a: Table, b: Table) -> Array:
    """Distance in the plane of eta and phi."""
    apart: Array = np.hypot(a["eta"] - b["eta"], wrap(a["phi"] - b["phi"]))
    return apart


def polar(px: Array, py: Array, pz: Array) -> tuple[Array, Array, Array]:
    """Momentum (GeV) as pt, eta, phi."""
    pt = np.hypot(px, py)
    return pt, np.arcsinh(pz / np.maximum(pt, 1e-9)), np.arctan2(py, px)
