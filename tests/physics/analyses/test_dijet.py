"""The dijet search: masses known by hand, cuts at their edges, significance of toys."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from baler.physics.analyses import Failure, Observed, Outcome, Quantity, analysis
from baler.physics.analyses.dijet import EDGES
from baler.physics.events import Events
from tests.physics.analyses.handmade import events_of, repeated, weighted


def jets_of(pt: Any, eta: Any = None, phi: Any = None, mass: Any = None, **more: Any) -> Any:
    flat = [len(one) for one in pt]
    eta = eta or [[0.0] * n for n in flat]
    phi = phi or [[math.pi * (k % 2) for k in range(n)] for n in flat]
    mass = mass or [[0.0] * n for n in flat]
    return events_of(Jet_pt=pt, Jet_eta=eta, Jet_phi=phi, Jet_mass=mass, **more)


def mass_of(events: Events, **cuts: Any) -> Any:
    return analysis("dijet", **cuts).observe(events).observables["mass"]


def test_two_massless_jets_back_to_back_have_twice_their_pt_as_mass() -> None:
    found = mass_of(jets_of([[500.0, 500.0], [300.0, 300.0]]))
    assert found.values.tolist() == pytest.approx([1000.0, 600.0], abs=1e-9)
    assert found.event.tolist() == [0, 1]


def test_pt_at_its_cut_passes_and_eta_at_its_cut_does_not() -> None:
    events = jets_of(
        [[150.0, 60.0], [149.9, 60.0], [150.0, 59.9], [150.0, 150.0], [150.0, 150.0]],
        [[0.0, 0.0]] * 3 + [[2.5, 1.5], [0.65, -0.65]],
    )
    assert mass_of(events, delta_eta=1.3).event.tolist() == [0]
    assert mass_of(events, delta_eta=1.31).event.tolist() == [0, 4]
    assert mass_of(events, pt=149, pt2=59).event.tolist() == [0, 1, 2]


def test_leading_jets_are_those_with_most_pt_in_whatever_order_they_come() -> None:
    one = jets_of([[40.0, 300.0, 400.0]], phi=[[1.0, 0.0, math.pi]])
    other = jets_of([[400.0, 300.0, 40.0]], phi=[[math.pi, 0.0, 1.0]])
    assert mass_of(one, wide=0).values.tolist() == mass_of(other, wide=0).values.tolist()
    assert mass_of(one, wide=0).values[0] == pytest.approx(2 * math.sqrt(400 * 300))


def test_jets_within_the_radius_are_added_and_others_are_not() -> None:
    def with_third(phi: Any, pt: Any = 100.0, **cuts: Any) -> Any:
        events = jets_of([[400.0, 400.0, pt]], phi=[[0.0, math.pi, phi]])
        return mass_of(events, **cuts).values[0]

    alone = 800.0
    energy, px, py = 900.0, 100 * math.cos(1.0), 100 * math.sin(1.0)
    assert with_third(1.0) == pytest.approx(math.sqrt(energy**2 - px**2 - py**2))
    assert with_third(1.0, wide=0.9) == pytest.approx(alone)
    assert with_third(1.0, wide=0) == pytest.approx(alone)
    assert with_third(1.3) == pytest.approx(alone)
    assert with_third(1.0, pt=29.9) == pytest.approx(alone)
    assert with_third(2.5) > alone  # near the second, across phi = pi
    assert with_third(-2.5) == pytest.approx(with_third(2.5))


def test_events_with_fewer_than_two_jets_or_with_jets_that_are_not_finite_do_not_count() -> None:
    events = jets_of([[], [500.0], [500.0, math.nan], [500.0, 500.0]],
                     mass=[[], [0.0], [0.0, 0.0], [0.0, math.inf]])  # fmt: skip
    assert mass_of(events).values.size == 0


def pair_at(masses: Any, rng: np.random.Generator, **more: Any) -> Any:
    pt = np.asarray(masses) / 2
    phi = rng.uniform(-np.pi, 0, pt.size)
    return jets_of(
        np.stack([pt, pt], 1).tolist(), phi=np.stack([phi, phi + np.pi], 1).tolist(), **more
    )


@pytest.fixture(scope="module")
def samples() -> Any:
    """A falling spectrum m^-7, flattened by weights, and a peak."""
    rng = np.random.default_rng(3)
    masses = 565 * (3500 / 565) ** rng.uniform(size=6000)
    background = pair_at(masses, rng, genWeight=(masses / 1000) ** -6)
    signal = pair_at(rng.normal(1460, 45, 2000), rng)
    return {"background": background, "signal": signal}


@pytest.fixture(scope="module")
def observed(samples: dict[str, Events]) -> dict[str, Observed]:
    return {role: analysis("dijet").observe(events) for role, events in samples.items()}


def measured(samples: Mapping[str, Events | Observed], **cuts: Any) -> Outcome:
    job = analysis("dijet", **cuts)
    return job.measure({
        role: job.observe(one) if isinstance(one, Events) else one for role, one in samples.items()
    })  # fmt: skip


def test_the_peak_is_found_where_it_was_put(observed: dict[str, Observed]) -> None:
    found = measured(observed).quantities
    for mass, width in (("signal mass", "signal width"), ("signal core mass", "signal core width")):
        assert abs(found[mass].value - 1460) < 4 * found[mass].uncertainty
        assert abs(found[width].value - 45) < 4 * found[width].uncertainty
    assert found["signal efficiency"].value == 1.0


def test_significance_grows_with_the_root_of_luminosity_and_with_the_cross_section(
    observed: dict[str, Observed],
) -> None:
    def significance(**cuts: Any) -> Any:
        return measured(observed, parameters=3, **cuts).quantities["significance"].value

    assert significance(luminosity=40) / significance(luminosity=10) == pytest.approx(2, rel=0.01)
    small, large = (significance(signal_pb=one) for one in (0.1, 0.2))
    assert large / small == pytest.approx(2, rel=0.05)


def test_the_limit_does_not_depend_on_the_cross_section_that_is_assumed(
    observed: dict[str, Observed],
) -> None:
    one, two = (measured(observed, signal_pb=pb).quantities["limit"].value for pb in (0.05, 0.5))
    assert one == pytest.approx(two, rel=1e-4)


def test_the_background_function_describes_a_power_law(observed: dict[str, Observed]) -> None:
    job = analysis("dijet")
    spectra = job.spectra(observed)
    assert spectra.background.deviance < spectra.background.ndf + 4 * math.sqrt(
        2 * spectra.background.ndf
    )
    edges = job.edges
    shape = edges[:-1] ** -6.0 - edges[1:] ** -6.0
    ratio = spectra.background.expected / shape
    assert np.max(np.abs(ratio / ratio.mean() - 1)) < 0.15


def test_events_twice_are_events_of_weight_two(samples: dict[str, Events]) -> None:
    twice = {role: repeated(events, 2) for role, events in samples.items()}
    heavy = {role: weighted(events, 2 * events.weights()) for role, events in samples.items()}
    one, two, three = (measured(each, parameters=3) for each in (samples, twice, heavy))
    for name in ("significance", "limit", "signal mass"):
        a, b, c = (each.quantities[name] for each in (one, two, three))
        assert b.value == pytest.approx(a.value, rel=1e-4)
        assert c.value == pytest.approx(a.value, rel=1e-4)
        assert c.uncertainty == pytest.approx(a.uncertainty, rel=1e-3)
        assert b.uncertainty == pytest.approx(a.uncertainty / math.sqrt(2), rel=0.15)


def test_the_uncertainty_is_the_spread_of_other_events(observed: dict[str, Observed]) -> None:
    job = analysis("dijet", parameters=3)
    rng = np.random.default_rng(8)
    found = []
    for _ in range(30):
        resampled = {
            role: one.reweighted(rng.poisson(1.0, one.events).astype(float))
            for role, one in observed.items()
        }
        found.append(job.measure(resampled).quantities["significance"].value)
    told = job.measure(observed).quantities["significance"].uncertainty
    assert told == pytest.approx(np.std(found), rel=0.4)


def test_measuring_twice_gives_the_same_bits(samples: dict[str, Events]) -> None:
    assert measured(samples).quantities == measured(samples).quantities


def test_too_few_events_are_told_with_the_number_needed(samples: dict[str, Events]) -> None:
    few = {"background": samples["background"], "signal": samples["signal"].between(0, 12)}
    found = measured(few).quantities
    assert found["significance"] == Failure("too few signal events: 12; needed: 20")
    assert found["limit"] == found["significance"]
    assert isinstance(found["background efficiency"], Quantity)


def test_a_wrong_template_costs_significance_and_biases_the_strength(
    observed: dict[str, Observed],
) -> None:
    job = analysis("dijet")
    right = job.spectra(observed)
    shifted = pair_at(np.random.default_rng(4).normal(1600, 45, 3000), np.random.default_rng(4))
    wrong = job.spectra({**observed, "signal": job.observe(shifted)})
    good, bad = right.expected(10), wrong.expected(10, truth=right)
    assert good.strength == pytest.approx(1, abs=1e-6)
    assert bad.significance < 0.5 * good.significance
    assert bad.strength < 0.5


def test_bins_are_those_of_the_search() -> None:
    edges = analysis("dijet", start=1000, stop=1383).edges
    assert edges.tolist() == [1000, 1058, 1118, 1181, 1246, 1313, 1383]
    assert np.all(np.diff(EDGES) > 0)


def test_the_number_of_parameters_can_be_kept_for_other_events(
    observed: dict[str, Observed],
) -> None:
    search: Any = analysis("dijet")
    first = search.spectra(observed)
    kept = search.like(first)
    assert kept.parameters == first.background.parameters.size
    again = kept.spectra(observed)
    assert np.array_equal(again.background.expected, first.background.expected)
