"""Muon pairs: masses known by hand, cuts at their edges, peaks of toys."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from baler.physics.analyses import Failure, Quantity, analysis
from baler.physics.events import Events
from tests.physics.analyses.handmade import events_of, repeated, weighted

MUON = 0.1056583745


def pairs_of(masses: Any, rng: np.random.Generator, **more: Any) -> Any:
    """Two muons back to back in the transverse plane, pt above the cut by a boost along z."""
    masses = np.asarray(masses)
    energy = masses / 2
    pt = np.sqrt(energy**2 - MUON**2)
    eta = np.arcsinh(0.0) * np.ones_like(pt)
    phi = rng.uniform(-np.pi, 0, pt.size)
    return events_of(
        Muon_pt=np.stack([pt, pt], 1).tolist(),
        Muon_eta=np.stack([eta, eta], 1).tolist(),
        Muon_phi=np.stack([phi, phi + np.pi], 1).tolist(),
        Muon_mass=np.full((pt.size, 2), MUON).tolist(),
        Muon_charge=[[1, -1]] * pt.size,
        **more,
    )


def masses_of(events: Events, **cuts: Any) -> Any:
    return analysis("dimuon", **cuts).observe(events).observables["mass"]


def test_two_muons_of_45_6_gev_back_to_back_have_the_mass_of_a_z_boson() -> None:
    events = events_of(
        Muon_pt=[[45.6, 45.6]], Muon_eta=[[0.0, 0.0]], Muon_phi=[[0.0, math.pi]],
        Muon_mass=[[0.0, 0.0]], Muon_charge=[[1, -1]],
    )  # fmt: skip
    found = masses_of(events)
    assert found.values.tolist() == pytest.approx([91.2], abs=1e-12)
    assert found.event.tolist() == [0]


def test_pairs_name_their_event_and_like_signs_are_none() -> None:
    events = events_of(
        Muon_pt=[[], [10.0, 10.0], [10.0], [10.0, 10.0]],
        Muon_eta=[[], [0.0, 0.0], [0.0], [1.0, -1.0]],
        Muon_phi=[[], [0.0, 1.0], [0.0], [0.0, 2.0]],
        Muon_mass=[[], [MUON, MUON], [MUON], [MUON, MUON]],
        Muon_charge=[[], [1, 1], [1], [-1, 1]],
    )
    assert masses_of(events).event.tolist() == [3]


def test_cuts_keep_what_is_at_the_edge_of_pt_and_drop_it_at_that_of_eta() -> None:
    events = events_of(
        Muon_pt=[[3.0, 9.0], [2.999, 9.0], [9.0, 9.0]],
        Muon_eta=[[0.0, 0.0], [0.0, 0.0], [2.4, 0.0]],
        Muon_phi=[[0.0, 1.0]] * 3,
        Muon_mass=[[MUON, MUON]] * 3,
        Muon_charge=[[1, -1]] * 3,
    )
    assert masses_of(events).event.tolist() == [0]
    assert masses_of(events, pt="2.5", eta=2.5).event.tolist() == [0, 1, 2]


def test_a_third_muon_is_refused_unless_any_number_is_allowed() -> None:
    events = events_of(
        Muon_pt=[[9.0, 8.0, 7.0]], Muon_eta=[[0.0, 0.5, 1.0]], Muon_phi=[[0.0, 1.0, 2.0]],
        Muon_mass=[[MUON] * 3], Muon_charge=[[1, -1, 1]],
    )  # fmt: skip
    assert masses_of(events).values.size == 0
    assert masses_of(events, muons=0).event.tolist() == [0, 0]


def test_a_muon_that_is_not_finite_is_left_out() -> None:
    events = events_of(
        Muon_pt=[[9.0, math.nan], [9.0, 9.0, math.inf]], Muon_eta=[[0.0, 0.0], [0.0, 0.0, 0.0]],
        Muon_phi=[[0.0, 1.0], [0.0, 1.0, 2.0]], Muon_mass=[[MUON] * 2, [MUON] * 3],
        Muon_charge=[[1, -1], [1, -1, 1]],
    )  # fmt: skip
    found = masses_of(events)
    assert found.event.tolist() == [1]
    assert np.all(np.isfinite(found.values))


def test_an_event_whose_weight_is_not_finite_has_none() -> None:
    events = pairs_of([91.0] * 4, np.random.default_rng(0), genWeight=[1.0, math.nan, math.inf, -2])
    found = analysis("dimuon").observe(events)
    assert found.weights.tolist() == [1.0, 0.0, 0.0, -2.0]
    assert found.weights_of("mass").tolist() == [1.0, 0.0, 0.0, -2.0]


@pytest.fixture(scope="module")
def spectrum() -> Any:
    rng = np.random.default_rng(5)
    peaks = [(3.0969, 0.03, 1500), (3.6861, 0.035, 500), (9.4604, 0.09, 600), (10.0234, 0.095, 200),
             (10.3551, 0.1, 200), (91.0, 2.0, 3000)]  # fmt: skip
    masses = [rng.normal(mean, sigma, n) for mean, sigma, n in peaks]
    for low, high, n in ((2.8, 4.0, 600), (8.5, 11.5, 800), (70.0, 110.0, 400)):
        masses.append(rng.uniform(low, high, n))
    masses = np.concatenate(masses)
    return pairs_of(masses[masses > 2 * math.hypot(MUON, 1.0)], rng)


def test_peaks_are_found_where_they_were_put(spectrum: Events) -> None:
    job = analysis("dimuon", pt=0)
    found = job.measure({"data": job.observe(spectrum)}).quantities
    truth = {"J/psi": (3.0969, 0.03), "psi'": (3.6861, 0.035), "Upsilon(1S)": (9.4604, 0.09),
             "Z": (91.0, 2.0)}  # fmt: skip
    for name, (mean, sigma) in truth.items():
        mass, width = found[f"{name} mass"], found[f"{name} width"]
        assert isinstance(mass, Quantity), mass
        assert abs(mass.value - mean) < 4 * mass.uncertainty
        assert abs(width.value - sigma) < 4 * width.uncertainty + 0.1 * sigma
        assert mass.uncertainty < sigma / 5


def test_measuring_twice_gives_the_same_bits(spectrum: Events) -> None:
    job = analysis("dimuon", pt=0)
    first, second = (job.measure({"data": job.observe(spectrum)}) for _ in range(2))
    assert first.quantities == second.quantities


def test_events_twice_are_events_of_weight_two(spectrum: Events) -> None:
    job = analysis("dimuon", pt=0)
    twice = job.measure({"data": job.observe(repeated(spectrum, 2))})
    heavy = job.measure({"data": job.observe(weighted(spectrum, np.full(len(spectrum), 2.0)))})
    np.testing.assert_allclose(twice.histograms["Z"].values(), heavy.histograms["Z"].values())
    for name in ("Z mass", "J/psi width"):
        a, b = twice.quantities[name], heavy.quantities[name]
        assert a.value == pytest.approx(b.value, abs=0.01 * a.uncertainty)
        assert b.uncertainty == pytest.approx(math.sqrt(2) * a.uncertainty, rel=0.02)


def test_too_few_events_are_told_with_the_number_needed() -> None:
    job = analysis("dimuon")
    events = pairs_of(np.full(30, 91.0), np.random.default_rng(1))
    found = job.measure({"data": job.observe(events)}).quantities
    assert found["Z mass"] == Failure("too few Z pairs in 70-110 GeV: 30; needed: 100")
    assert found["J/psi width"] == Failure("too few J/psi pairs in 2.8-3.4 GeV: 0; needed: 100")
