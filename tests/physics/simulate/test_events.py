"""Simulated events: what hangs together, and what they are of."""

from __future__ import annotations

import awkward as ak
import numpy as np
import pytest

pytest.importorskip("pythia8mc")
pytest.importorskip("fastjet")

from baler.errors import BalerError, UsageError
from baler.physics.simulate import Request, parts, pileup
from baler.physics.simulate.generator import generate, make_pythia
from baler.physics.simulate.layout import COLLECTIONS, FRACTIONS

QUICK = [f"PartonLevel:{kind} = off" for kind in ("ISR", "FSR", "MPI")]


def simulated(request: Request) -> ak.Array:
    (part,) = parts.parts_of(request)
    return parts.make(part).events


@pytest.fixture(scope="module")
def qcd() -> ak.Array:
    """Return a few dijet events with pile-up from a small pool."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pileup, "SOFT", "SoftQCD:nonDiffractive = on")  # is ready much sooner
        patch.setattr(parts, "shared_pool", lambda seed: pileup.minimum_bias(seed, 30))
        return simulated(Request(("qcd",), 40, seed=3, pileup=8.0))


def momentum(objects: ak.Array, axis: str) -> ak.Array:
    turn = {"x": np.cos(objects.phi), "y": np.sin(objects.phi), "z": np.sinh(objects.eta)}
    return objects.pt * turn[axis]


def mass(objects: ak.Array) -> np.ndarray:
    """Return the invariant mass of the first two objects of each event that has them, in GeV."""
    two = objects[ak.num(objects) > 1][:, :2]
    energy = ak.sum(np.hypot(two.pt * np.cosh(two.eta), two.mass), axis=1)
    squares = [ak.sum(momentum(two, axis), axis=1) ** 2 for axis in "xyz"]
    return ak.to_numpy(np.sqrt(energy**2 - sum(squares)))


def test_constituents_add_up_to_their_jets(qcd: ak.Array) -> None:
    for event in qcd:
        jets, parts = event.Jet, event.PF
        own = [ak.to_numpy(parts.jetIdx) == i for i in range(len(jets))]
        charged = ak.to_numpy(parts.charge) != 0
        assert [np.sum(one) for one in own] == jets.nConstituents.tolist()
        assert [np.sum(one & charged) for one in own] == jets.nCharged.tolist()
        raw = ak.to_numpy(jets.pt * (1 - jets.rawFactor))
        for axis in "xyz":
            column = ak.to_numpy(momentum(parts, axis))
            found = np.array([column[one].sum() for one in own])
            whole = ak.to_numpy(momentum(jets, axis) * (1 - jets.rawFactor))
            assert np.all(np.abs(found - whole) <= 1e-4 * np.maximum(raw, np.abs(whole)))


def test_energy_fractions_add_up_to_one(qcd: ak.Array) -> None:
    jets = ak.flatten(qcd.Jet)
    assert len(jets) > 80
    assert np.allclose(sum(jets[name] for name in FRACTIONS), 1, atol=1e-6)
    assert np.all((jets.btag == -1) | ((jets.btag > 0) & (jets.btag < 1)))


def test_objects_come_hardest_first_and_point_to_objects(qcd: ak.Array) -> None:
    for name in ("Jet", "GenJet", "Electron", "Muon", "Photon", "PF"):
        pt = qcd[name].pt
        assert ak.all(pt[:, 1:] <= pt[:, :-1]), name
    assert ak.all(qcd.Jet.genJetIdx < ak.num(qcd.GenJet))
    assert ak.all(qcd.PF.jetIdx < ak.num(qcd.Jet))
    assert ak.all(qcd.GenPart.genPartIdxMother < ak.num(qcd.GenPart))
    matched = qcd.Jet[qcd.Jet.genJetIdx >= 0]
    response = ak.flatten(matched.pt / qcd.GenJet.pt[matched.genJetIdx])
    assert len(response) > 60
    assert np.median(response) == pytest.approx(1, abs=0.1)


def test_the_area_of_a_jet_is_that_of_a_circle(qcd: ak.Array) -> None:
    assert np.median(ak.flatten(qcd.Jet.area)) == pytest.approx(np.pi * 0.4**2, rel=0.1)


def test_all_columns_have_the_types_of_the_file(qcd: ak.Array) -> None:
    for collection, names in COLLECTIONS.items():
        assert qcd[collection].fields == names
    assert str(ak.type(qcd.Jet.pt[0])).endswith("float32")
    assert ak.all(qcd.Pileup_nPU >= 0)
    assert ak.mean(qcd.Pileup_nPU) == pytest.approx(8, abs=3)


def test_without_pile_up_there_is_none() -> None:
    events = simulated(Request(("zee",), 60, seed=4, pileup=0.0))
    assert ak.all(events.Pileup_nPU == 0)
    assert ak.all(events.PV_npvs == 1)
    assert ak.all(events.PF.vtxIdx < 2)
    peak = mass(events.Electron)
    assert len(peak) > 10
    assert np.median(peak) == pytest.approx(91, abs=8)


def test_muons_come_from_a_z() -> None:
    events = simulated(Request(("zmumu",), 40, seed=4, pileup=0.0))
    assert np.median(mass(events.Muon)) == pytest.approx(91, abs=4)
    assert ak.all(np.abs(events.Muon.pdgId) == 13)


def test_top_pairs_have_jets_of_b_quarks() -> None:
    events = simulated(Request(("ttbar",), 30, seed=4, pileup=0.0))
    assert ak.mean(ak.any(events.Jet.hadronFlavour == 5, axis=1)) > 0.8


@pytest.mark.parametrize("boson", [600.0, 2500.0])
def test_two_jets_have_the_mass_of_the_boson(boson: float) -> None:
    request = Request(("zprime",), 50, seed=5, pileup=0.0, mass=boson, width=5.0)
    events = simulated(request)
    true = events.GenPart.mass[events.GenPart.pdgId == 32][:, 0]
    assert np.median(true) == pytest.approx(boson, rel=0.01)
    upper = np.percentile(mass(events.Jet), 75)
    assert upper == pytest.approx(boson, rel=0.1)


def test_a_width_is_kept_to() -> None:
    def spread(width: float) -> float:
        lines = Request(("zprime",), width=width).lines("zprime")
        truth, _ = generate(make_pythia([*lines, *QUICK], seed=1), 300)
        low, high = np.percentile(truth["mass"][truth["id"] == 32], [25, 75])
        return float(high - low)

    assert spread(20.0) == pytest.approx(20, rel=0.3)
    assert spread(100.0) == pytest.approx(120, rel=0.3)  # there are more quarks below the mass


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("PhaseSpace:pTHatMinimum = 3", "does not know the setting 'PhaseSpace:pTHatMinimum = 3'"),
        ("PhaseSpace:pTHatMin = abc", "or refuses its value"),
        ("PhaseSpace:mHatMin = 20000.", "Pythia cannot start with the settings"),
    ],
)
def test_what_pythia_refuses_is_told(setting: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        make_pythia(Request(settings=(setting,)).lines("qcd"), seed=1)


def test_it_is_told_when_pythia_cannot_go_on() -> None:
    pythia = make_pythia(["ProcessLevel:all = off"], seed=1)
    with pytest.raises(BalerError, match="Pythia cannot go on with these settings"):
        generate(pythia, 2)
