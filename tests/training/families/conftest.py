"""Small data for families."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")


@pytest.fixture(scope="session")
def jets() -> Any:
    """Columns of 600 events with jets that say much about each other, and the counts."""
    random = np.random.default_rng(0)
    counts = random.integers(0, 6, 600)
    size = int(counts.sum())
    axis = random.normal(size=(600, 2))[np.repeat(np.arange(600), counts)]
    pt = np.exp(3.5 + 0.5 * random.normal(size=size) + 0.3 * axis[:, 0])
    eta = axis[:, 0] + 0.1 * random.normal(size=size)
    phi = np.remainder(axis[:, 1] + 0.1 * random.normal(size=size), 2 * np.pi) - np.pi
    mass = 0.15 * pt * np.exp(0.1 * random.normal(size=size))
    columns = {
        "Jet_pt": pt.astype("<f4"),
        "Jet_eta": eta.astype("<f4"),
        "Jet_phi": phi.astype("<f4"),
        "Jet_mass": mass.astype("<f8"),
        "Jet_n": random.poisson(pt / 5).astype("|u1"),
        "Jet_one": np.ones(size, "<f4"),
    }
    return columns, counts.astype("<i4")
