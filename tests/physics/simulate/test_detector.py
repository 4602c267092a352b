"""What the detector makes of single particles, of pile-up, and of jets of two particles."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from baler.physics.simulate.detector import detect
from baler.physics.simulate.pileup import Pool, energy_density, pile_up
from baler.physics.simulate.tables import Array, Table, take

MANY = 4000


def particles(
    kind: int, charge: float, *, pt: float = 20.0, eta: float = 0.0, x: float = 0.0
) -> Table:
    """Return many equal particles, each in an event of its own; massless, vertex x in mm."""
    table = {
        "event": np.arange(MANY), "id": np.full(MANY, kind), "charge": np.full(MANY, charge),
        "pt": np.full(MANY, pt), "eta": np.full(MANY, eta), "phi": np.full(MANY, 1.0),
        "e": np.full(MANY, pt * np.cosh(eta)), "vx": np.full(MANY, x),
    }  # fmt: skip
    return table | {"vy": np.zeros(MANY), "vz": np.zeros(MANY)}


def seen(kind: int, charge: float, **kinematics: float) -> Table:
    return detect(particles(kind, charge, **kinematics), np.random.default_rng(1))


@pytest.mark.parametrize(
    ("kind", "charge", "kinematics"),
    [
        (12, 0, {}),
        (-14, 0, {"pt": 500.0}),
        (13, -1, {"eta": 2.6}),  # muons have no calorimeter
        (211, 1, {"pt": 0.3}),  # curls up in the magnetic field
        (22, 0, {"eta": 5.2}),
        (22, 0, {"pt": 0.05}),
        (130, 0, {"pt": 0.05}),
    ],
)
def test_some_particles_are_never_seen(
    kind: int, charge: float, kinematics: dict[str, float]
) -> None:
    assert len(seen(kind, charge, **kinematics)["pt"]) == 0


@pytest.mark.parametrize(
    ("kind", "charge", "eta", "found", "resolution"),
    [
        (211, 1, 0.0, 211, 0.0085),  # track: 0.8 % and 0.015 % of pt, in quadrature
        (-321, -1, 0.0, -211, 0.0085),  # taken for a pion
        (13, -1, 0.0, 13, 0.0085),
        (-11, 1, 1.0, -11, 0.0094),
        (22, 0, 0.0, 22, 0.0092),
        (130, 0, 0.0, 130, 0.196),
        (130, 0, 4.0, 1, 0.098),
        (22, 0, 4.0, 2, 0.098),
    ],
)
def test_momenta_are_smeared_by_the_resolution(
    kind: int, charge: int, eta: float, found: int, resolution: float
) -> None:
    candidates = seen(kind, charge, eta=eta)
    own = take(candidates, candidates["pdgId"] == found)
    assert len(own["pt"]) > 0.93 * MANY
    assert set(own["charge"]) == {charge}
    assert np.mean(own["pt"]) == pytest.approx(20, rel=0.02)
    middle = np.percentile(own["pt"], [16, 84])
    cell = 0.06 if eta > 3 else 0.0  # a shift in eta is one in pt, there
    assert np.diff(middle)[0] / 2 / 20 == pytest.approx(np.hypot(resolution, cell), rel=0.1)
    assert own["ptErr"] / own["pt"] == pytest.approx(resolution, rel=0.05)


def test_a_charged_particle_without_its_track_is_a_neutral_one() -> None:
    candidates = seen(211, 1)
    lost = candidates["vertex"] == -1
    assert 0.03 < lost.mean() < 0.07
    assert set(candidates["pdgId"][lost]) == {130}
    for name in ("charge", "d0", "dz", "d0Err", "mass"):
        assert not candidates[name][lost].any()


def test_displaced_tracks_are_known_by_their_impact_parameter() -> None:
    prompt, displaced = seen(211, 1), seen(211, 1, x=5.0)
    assert set(prompt["vertex"]) == {-1, 0}
    assert set(displaced["vertex"]) == {-1, 1}
    track = displaced["vertex"] == 1
    assert np.mean(displaced["d0"][track]) == pytest.approx(-0.5 * np.sin(1.0), rel=0.01)  # cm
    pull = prompt["d0"][prompt["vertex"] == 0] / prompt["d0Err"][prompt["vertex"] == 0]
    assert np.std(pull) == pytest.approx(1, abs=0.1)


def soft() -> Pool:
    """Return a pool of two collisions: a track and a neutral, and nothing."""
    table = take(seen(211, 1), np.zeros(2, int))
    table |= {"event": np.zeros(2, int), "vertex": np.array([0, -1]), "dz": np.zeros(2)}
    return Pool(table, 2)


def test_pile_up_keeps_neutrals_and_drops_tracks_from_elsewhere() -> None:
    collisions, vertex = np.full(200, 20), np.zeros(200)
    candidates = pile_up(soft(), collisions, vertex, np.random.default_rng(2))
    neutral = candidates["vertex"] == -1
    assert neutral.sum() == pytest.approx(200 * 20 / 2, rel=0.1)
    assert 0 < (~neutral).sum() < 0.1 * neutral.sum()
    assert set(candidates["vertex"]) == {-1, 2}
    assert np.abs(candidates["dz"]).max() < 0.1
    assert not candidates["dz"][neutral].any()


def test_the_pool_is_not_changed_by_drawing_from_it() -> None:
    pool = soft()
    before = {name: column.copy() for name, column in pool.candidates.items()}
    pile_up(pool, np.full(5, 3), np.ones(5), np.random.default_rng(2))
    assert all(np.array_equal(before[name], pool.candidates[name]) for name in before)


def test_no_further_collisions_are_no_candidates() -> None:
    assert not len(pile_up(soft(), np.zeros(3, int), np.zeros(3), np.random.default_rng(2))["pt"])


def test_an_even_density_is_found() -> None:
    eta = np.repeat(np.arange(-4.5, 4.8, 0.6), 10)
    phi = np.tile(np.arange(-np.pi + 0.3, np.pi, 2 * np.pi / 10), 16)
    even: dict[str, Array] = {"event": np.ones(160, int), "eta": eta, "phi": phi}
    even["pt"] = np.where(np.arange(160) == 7, 900.0, 2.0)  # a jet does not matter
    assert energy_density(even, 2) == pytest.approx([0, 2 / (0.6 * 2 * np.pi / 10)])


def test_two_particles_back_to_back_are_two_jets() -> None:
    pytest.importorskip("fastjet")
    from baler.physics.simulate.clustering import area_ghosts, cluster

    two: dict[str, Any] = {"event": np.array([0, 0, 0, 2]), "mass": np.zeros(4)}
    two |= {"pt": np.array([50.0, 40.0, 7.0, 5.0]), "eta": np.array([0.5, -0.5, 0.7, 0.0])}
    two["phi"] = np.array([0.0, 3.0, 0.1, 0.0])
    jets, jet, member = cluster(two, 3, 10.0)
    assert jets["event"].tolist() == [0, 0]
    assert sorted(zip(jet.tolist(), member.tolist(), strict=True)) in (
        [(0, 0), (0, 2), (1, 1)],
        [(0, 1), (1, 0), (1, 2)],
    )
    assert sorted(jets["pt"]) == pytest.approx([40, 56.96], abs=0.05)

    ghosts, area = area_ghosts(3, np.random.default_rng(1))
    assert len(ghosts["pt"]) * area == pytest.approx(3 * 2 * 4.8 * 2 * np.pi, rel=0.01)
