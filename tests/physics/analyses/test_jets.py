"""B-tagging, response, missing energy and masses: answers known by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from baler.physics.analyses import Failure, Quantity, analysis
from baler.physics.events import Events
from tests.physics.analyses.handmade import events_of, repeated, weighted


def measured(name: str, events: Events, **cuts: Any) -> Any:
    job = analysis(name, **cuts)
    return job.measure({"data": job.observe(events)})


def tagged(light: Any, b: Any, c: Any = (), **more: Any) -> Events:
    values = [*light, *b, *c]
    flavours = [0] * len(light) + [5] * len(b) + [4] * len(c)
    return events_of(
        Jet_pt=[[50.0]] * len(values), Jet_eta=[[0.0]] * len(values),
        Jet_btag=[[one] for one in values], Jet_hadronFlavour=[[one] for one in flavours], **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tags() -> Any:
    rng = np.random.default_rng(1)
    return tagged(rng.uniform(0, 1, 12000), rng.uniform(0, 1, 3000) ** 0.25, rng.uniform(0, 1, 900))


def test_the_efficiency_at_a_mistag_rate_is_that_of_the_distributions(tags: Any) -> None:
    found = measured("btag", tags).quantities
    for point, rate in (("loose", 0.1), ("medium", 0.01), ("tight", 0.001)):
        b = found[f"b efficiency, {point}"]
        # u^(1/4) lies above 1 - rate with probability 1 - (1 - rate)^4
        assert abs(b.value - (1 - (1 - rate) ** 4)) < 4 * b.uncertainty
        assert abs(found[f"c efficiency, {point}"].value - rate) < 0.03


def test_the_curve_rises_with_the_mistag_rate(tags: Any) -> None:
    roc = measured("btag", tags).histograms["b efficiency"]
    assert np.all(np.diff(roc.values()) >= 0)
    assert roc.values()[-1] > 0.97


def test_uncertainties_of_tagging_are_the_spread_of_other_events() -> None:
    rng = np.random.default_rng(2)
    # a steep curve: what is known of light jets decides
    events = tagged(rng.uniform(size=8000), rng.uniform(size=2000) ** (1 / 16))
    job = analysis("btag")
    observed = job.observe(events)
    spread = np.std([
        job.measure({"data": observed.reweighted(rng.poisson(1.0, observed.events).astype(float))})
        .quantities["b efficiency, medium"].value
        for _ in range(60)
    ])  # fmt: skip
    told = job.measure({"data": observed}).quantities["b efficiency, medium"].uncertainty
    assert told == pytest.approx(spread, rel=0.35)


def test_too_few_light_jets_for_a_mistag_rate_are_told() -> None:
    rng = np.random.default_rng(3)
    found = measured("btag", tagged(rng.uniform(size=500), rng.uniform(size=100))).quantities
    assert isinstance(found["b efficiency, loose"], Quantity)
    assert found["b efficiency, medium"] == Failure(
        "too few light jets for 0.01: 500; needed: 1000"
    )
    assert found["c efficiency, loose"] == Failure("too few c jets: 0; needed: 20")


def matched(response: Any, true: float = 100.0) -> Any:
    n = len(response)
    return events_of(
        Jet_pt=[[20.0, one * true] for one in response], Jet_eta=[[0.0, 0.0]] * n,
        Jet_genJetIdx=[[-1, 1]] * n, GenJet_pt=[[500.0, true]] * n,
    )  # fmt: skip


def test_response_is_measured_where_the_jet_points_to() -> None:
    found = analysis("response").observe(matched([0.9, 1.1]))
    assert found.observables["response"].values.tolist() == pytest.approx([0.9, 1.1])
    assert found.observables["gen_pt"].values.tolist() == [100.0, 100.0]
    assert found.observables["response"].event.tolist() == [0, 1]


def test_scale_and_resolution_are_those_that_were_put_in() -> None:
    response = np.random.default_rng(4).normal(0.95, 0.08, 3000)
    found = measured("response", matched(response)).quantities
    scale, resolution = found["scale, 80-120 GeV"], found["resolution, 80-120 GeV"]
    assert abs(scale.value - 0.95) < 4 * scale.uncertainty
    assert abs(resolution.value - 0.08 / 0.95) < 4 * resolution.uncertainty
    assert found["scale, 50-80 GeV"] == Failure("too few jets in 50-80 GeV: 0; needed: 50")


def test_a_jet_that_points_nowhere_is_left_out() -> None:
    events = events_of(
        Jet_pt=[[50.0, 60.0, 70.0]], Jet_eta=[[0.0, 0.0, 0.0]], Jet_genJetIdx=[[7, -1, 0]],
        GenJet_pt=[[100.0]],
    )  # fmt: skip
    assert analysis("response").observe(events).observables["response"].values == pytest.approx(0.7)


def test_generated_pt_at_its_cut_passes() -> None:
    assert (
        analysis("response", gen_pt=100).observe(matched([1.0])).observables["gen_pt"].values.size
    )
    assert (
        not analysis("response", gen_pt=100.1)
        .observe(matched([1.0]))
        .observables["gen_pt"]
        .values.size
    )


def test_missing_energy_is_split_along_and_across_the_generated() -> None:
    events = events_of(
        MET_pt=[50.0, 50.0, math.nan], MET_phi=[0.0, math.pi / 2, 0.0],
        MET_sumEt=[700.0, 700.0, 700.0], GenMET_pt=[40.0, 40.0, 40.0], GenMET_phi=[0.0, 0.0, 0.0],
    )  # fmt: skip
    found = analysis("met").observe(events).observables
    assert found["parallel"].values.tolist() == pytest.approx([10.0, -40.0])
    assert found["perpendicular"].values.tolist() == pytest.approx([0.0, 50.0])
    assert found["response"].values.tolist() == pytest.approx([1.25, 0.0])
    assert found["x"].event.tolist() == [0, 1]


def test_missing_energy_turned_with_the_generated_has_the_same_components() -> None:
    turn = np.array([0.0, 0.3, 2.0, -2.5])
    events = events_of(
        MET_pt=np.full(4, 50.0), MET_phi=1.0 + turn, MET_sumEt=np.full(4, 700.0),
        GenMET_pt=np.full(4, 40.0), GenMET_phi=turn,
    )  # fmt: skip
    found = analysis("met").observe(events).observables
    assert found["parallel"].values == pytest.approx([50 * math.cos(1.0) - 40] * 4)
    assert found["perpendicular"].values == pytest.approx([50 * math.sin(1.0)] * 4)


def test_the_resolution_of_missing_energy_grows_as_it_was_made_to() -> None:
    rng = np.random.default_rng(5)
    total = np.repeat([300.0, 1200.0], 4000)
    x, y = rng.normal(size=(2, total.size)) * 0.5 * np.sqrt(total)
    events = events_of(
        MET_pt=np.hypot(x, y), MET_phi=np.arctan2(y, x), MET_sumEt=total,
        GenMET_pt=np.zeros(total.size), GenMET_phi=np.zeros(total.size),
    )  # fmt: skip
    found = measured("met", events).quantities
    for label, truth in (("250-500 GeV", 0.5 * 300**0.5), ("1000-1500 GeV", 0.5 * 1200**0.5)):
        resolution = found[f"resolution, {label}"]
        assert abs(resolution.value - truth) < 4 * resolution.uncertainty
    assert found["parallel resolution"] == Failure("too few events: 0; needed: 20")


def tops(n: int, rng: np.random.Generator, smear: float = 0.0) -> Any:
    """Three jets at rest together: mass 3p, the two that are not tagged sqrt(3) p.

    A fourth, soft and tagged, is in no candidate.
    """
    p = 50.0 * (1 + smear * rng.normal(size=(n, 1)))
    pt = np.hstack([np.repeat(p, 3, 1), np.full((n, 1), 31.0)])
    phi = np.tile([0.0, 2 * math.pi / 3, -2 * math.pi / 3, 1.0], (n, 1))
    return events_of(
        Jet_pt=pt.tolist(), Jet_eta=[[0.0] * 4] * n, Jet_phi=phi.tolist(),
        Jet_mass=[[0.0] * 4] * n, Jet_btag=[[0.1, 0.9, 0.1, 0.05]] * n,
    )  # fmt: skip


def test_leading_jets_and_all_pairs_have_their_masses() -> None:
    found = analysis("masses").observe(tops(1, np.random.default_rng(0))).observables
    assert found["dijet"].values == pytest.approx([50 * math.sqrt(3)])
    assert found["pairs"].values.size == 6


def test_the_candidate_is_the_three_jets_of_largest_pt_with_one_tag() -> None:
    events = events_of(
        Jet_pt=[[100.0, 90.0, 80.0, 70.0]], Jet_eta=[[0.0] * 4], Jet_phi=[[0.0, 0.5, -0.5, 3.0]],
        Jet_mass=[[0.0] * 4], Jet_btag=[[0.9, 0.1, 0.1, 0.9]],
    )  # fmt: skip
    found = analysis("masses", w_low=0, w_high=1000).observe(events).observables
    assert found["W"].values == pytest.approx([math.sqrt(2 * 90 * 80 * (1 - math.cos(1.0)))])
    energy, x, y = 270.0, 100 + 170 * math.cos(0.5), 10 * math.sin(0.5)
    assert found["top"].values == pytest.approx([math.sqrt(energy**2 - x**2 - y**2)])
    narrow = analysis("masses", w_low=0, w_high=found["W"].values[0]).observe(events)
    assert narrow.observables["top"].values.size == 0


def test_three_jets_with_two_tags_do_not_hide_those_with_one() -> None:
    events = events_of(
        Jet_pt=[[100.0, 90.0, 80.0, 31.0]], Jet_eta=[[0.0] * 4], Jet_phi=[[0.0, 0.1, -0.1, 2.0]],
        Jet_mass=[[0.0] * 4], Jet_btag=[[0.9, 0.9, 0.1, 0.1]],
    )  # fmt: skip
    found = analysis("masses").observe(events).observables
    assert found["W"].values == pytest.approx([math.sqrt(2 * 80 * 31 * (1 - math.cos(2.1)))])


@pytest.mark.parametrize("tags", [[0.1, 0.1, 0.1], [0.9, 0.9, 0.1], [0.9, 0.9, 0.9]])
def test_without_exactly_one_tag_there_is_no_candidate(tags: Any) -> None:
    events = events_of(
        Jet_pt=[[100.0, 90.0, 80.0], [50.0, 40.0]], Jet_eta=[[0.0] * 3, [0.0] * 2],
        Jet_phi=[[0.0, 2.0, -2.0], [0.0, 3.0]], Jet_mass=[[0.0] * 3, [0.0] * 2],
        Jet_btag=[tags, [0.9, 0.1]],
    )  # fmt: skip
    found = analysis("masses").observe(events).observables
    assert found["W"].values.size == found["top"].values.size == 0


@pytest.mark.parametrize("name", ["btag", "response", "masses"])
def test_events_twice_are_events_of_weight_two(name: str, tags: Any) -> None:
    rng = np.random.default_rng(6)
    events = {"btag": tags, "response": matched(rng.normal(1, 0.1, 500)),
              "masses": tops(200, rng, 0.1)}[name]  # fmt: skip
    twice = measured(name, repeated(events, 2)).histograms
    heavy = measured(name, weighted(events, np.full(len(events), 2.0))).histograms
    for key, spectrum in heavy.items():
        np.testing.assert_allclose(twice[key].values(), spectrum.values(), rtol=5e-2)


def balanced(momentum: Any, along: Any, across: Any) -> Events:
    """A Z boson along x that decays to muons of equal pt, and a recoil."""
    momentum, along, across = map(np.asarray, (momentum, along, across))
    y = np.sqrt(91.0**2 / 4)
    pt, phi = np.hypot(momentum / 2, y), np.arctan2(y, momentum / 2)
    met_x, met_y = -along - momentum, -across
    return events_of(
        Muon_pt=np.stack([pt, pt], 1).tolist(), Muon_eta=[[0.0, 0.0]] * pt.size,
        Muon_phi=np.stack([phi, -phi], 1).tolist(), Muon_mass=[[0.0, 0.0]] * pt.size,
        Muon_charge=[[1, -1]] * pt.size,
        MET_pt=np.hypot(met_x, met_y), MET_phi=np.arctan2(met_y, met_x),
    )  # fmt: skip


def test_the_recoil_is_split_along_and_across_the_z_boson() -> None:
    events = balanced([50.0, 30.0, 9.0], [-50.0, -24.0, 0.0], [0.0, 7.0, 0.0])
    found = analysis("recoil").observe(events).observables
    assert found["pt"].values == pytest.approx([50.0, 30.0])
    assert found["parallel"].values == pytest.approx([0.0, 6.0], abs=1e-9)
    assert found["perpendicular"].values == pytest.approx([0.0, 7.0], abs=1e-9)
    assert found["response"].values == pytest.approx([1.0, 0.8])


def test_a_pair_outside_of_the_z_peak_has_no_recoil() -> None:
    events = balanced([50.0], [-50.0], [0.0])
    assert analysis("recoil", low=91.1).observe(events).observables["pt"].values.size == 0
    assert analysis("recoil", high=91.0 - 1e-6).observe(events).observables["pt"].values.size == 0


def test_response_and_resolution_of_the_recoil_are_those_that_were_put_in() -> None:
    rng = np.random.default_rng(7)
    momentum = np.full(2000, 50.0)
    along, across = rng.normal(-45.0, 8.0, 2000), rng.normal(0.0, 6.0, 2000)
    found = measured("recoil", balanced(momentum, along, across)).quantities
    truth = {"response": 0.9, "parallel resolution": 8.0, "perpendicular resolution": 6.0}
    for name, value in truth.items():
        one = found[f"{name}, 40-70 GeV"]
        assert isinstance(one, Quantity)
        assert abs(one.value - value) < 4 * one.uncertainty
