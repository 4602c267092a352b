"""Columns one by one: errors, lattices, and variables of matched objects."""

from __future__ import annotations

import numpy as np
import pytest

from baler.core.bounds import Absolute, Bound, Exact, Relative
from baler.physics.analyses.base import Observable, Observed
from baler.physics.events import Events
from baler.physics.study.binned import fill, pulls
from baler.physics.study.columns import (
    ColumnChange,
    Lattice,
    Reference,
    axis_label,
    column_change,
    lattice,
)
from baler.physics.study.distances import Judge
from baler.physics.study.observables import ObservableReference, observable_change

from .samples import Leading, biased, events_of, jets, rounded


def change(before: Events, after: Events, name: str, bound: Bound) -> ColumnChange:
    judge = Judge.of(before.weights(), 0, 20)
    column = before.schema.by_name[name]
    return column_change(Reference.of(before, column, judge), before, after, bound, judge)


def spikes(before: Events, after: Events, bound: Bound) -> Lattice:
    column = before.schema.by_name["Jet_pt"]
    found = lattice(before, after, column, bound, before.weights())
    assert found is not None
    return found


def test_errors_are_those_of_the_values() -> None:
    before = events_of(np.array([2, 0, 1]), Jet_pt=np.array([10.0, 20, 40]))
    after = before.with_columns({"Jet_pt": np.array([10.5, 20, 39], np.float32)})
    found = change(before, after, "Jet_pt", Absolute(2.0))
    assert found.mean == pytest.approx(-0.5 / 3)
    assert found.largest == 1.0
    assert found.over_bound == 0.5
    assert sum(found.errors) == 3
    assert found.bound == "abs 2.0"


def test_angles_take_the_shorter_way_round() -> None:
    before = events_of(np.array([1, 1]), Jet_phi=np.array([3.1, -3.1]))
    after = before.with_columns({"Jet_phi": np.array([-3.1, 3.1], np.float32)})
    assert change(before, after, "Jet_phi", Absolute(0.1)).largest == pytest.approx(
        0.0832, abs=1e-3
    )
    assert axis_label("Jet_phi") == "Jet_phi [rad]"
    assert axis_label("Jet_btag") == "Jet_btag"


def test_a_column_without_values_or_of_one_value_gives_no_nan_that_is_not_due() -> None:
    constant = events_of(np.array([1, 1, 1]), Jet_pt=np.full(3, 7.0))
    found = change(constant, constant, "Jet_pt", Relative(0.1))
    assert (found.mean, found.rms, found.chi2, found.distance.paired) == (0, 0, 0, 0)
    empty = events_of(np.zeros(3, int), Jet_pt=np.empty(0))
    found = change(empty, empty, "Jet_pt", Exact())
    assert found.values == 0
    assert found.chi2 == 0
    assert np.isnan(found.distance.paired)
    special = events_of(np.array([1, 1, 1]), Jet_pt=np.array([np.nan, np.inf, 1.0]))
    assert change(special, special, "Jet_pt", Absolute(0.1)).largest == 0


def test_a_histogram_has_weights_and_pulls_by_their_squares() -> None:
    edges = np.array([0.0, 1, 2])
    before = fill("x", np.array([0.5, 0.6, 1.5, 99, np.nan]), np.array([1.0, 2, 3, 1, 1]), edges)
    assert before.contents == (3.0, 4.0)
    assert before.variances == (5.0, 10.0)
    after = fill("x", np.array([1.5]), np.array([3.0]), edges)
    assert pulls(before, after) == pytest.approx([-3 / np.sqrt(5), -1 / np.sqrt(10)])


def test_a_lattice_is_seen_and_dither_hides_it() -> None:
    random = np.random.default_rng(1)
    events = events_of(np.ones(6000, int), Jet_pt=random.normal(100, 10, 6000))
    plain = spikes(events, rounded(0.5).apply(events).events, Absolute(0.5))
    assert plain.ripple == pytest.approx(np.sqrt(3), rel=0.05)
    assert plain.significance > 50
    assert plain.before < 0.3
    dithered = rounded(0.5, dither=True).apply(events).events
    smooth = spikes(events, dithered, Absolute(0.5))
    assert smooth.ripple < 0.3
    assert abs(smooth.significance) < 4
    assert len(smooth.shown.edges) == len(smooth.shown.contents) + 1


def test_a_lattice_of_logarithms_is_seen() -> None:
    random = np.random.default_rng(2)
    events = events_of(np.ones(6000, int), Jet_pt=np.exp(random.normal(4, 0.2, 6000)))
    step = 2 * np.arctanh(0.01)
    pt = events.chunk.columns["Jet_pt"]
    on = np.exp(np.rint(np.log(pt) / step) * step).astype(np.float32)
    found = spikes(events, events.with_columns({"Jet_pt": on}), Relative(0.01))
    assert found.ripple > 1.5
    column = events.schema.by_name["Jet_pt"]
    assert lattice(events, events, column, Exact(), events.weights()) is None


def test_matched_objects_are_of_the_same_event_and_rank() -> None:
    weights = np.array([1.0, 1, 2])
    before = Observed(3, weights, {
        "x": Observable("X", "GeV", np.array([1.0, 2, 3, 4]), np.array([0, 0, 1, 2]))
    })  # fmt: skip
    after = Observed(3, weights, {
        "x": Observable("X", "GeV", np.array([1.5, 4, 9]), np.array([0, 2, 2]))
    })  # fmt: skip
    judge = Judge.of(weights, 0, 5)
    reference = ObservableReference.of(before, "x", judge)
    found = observable_change("data", "x", reference, before, after, judge)
    assert (found.matched, found.lost, found.gained) == (2, 2, 1)
    assert found.mean == pytest.approx(0.5 / 3)
    assert found.changes.label == "Change of x [GeV]"


def test_a_bias_pulls_and_noise_does_not() -> None:
    events, analysis = jets(1000), Leading()
    judge = Judge.of(events.weights(), 0, 20)
    before = analysis.observe(events)
    reference = ObservableReference.of(before, "pt", judge)

    def pull(after: Events) -> float:
        seen = analysis.observe(after)
        return observable_change("data", "pt", reference, before, seen, judge).pull

    assert pull(events) == 0
    assert pull(biased(1.001).apply(events).events) > 50
    assert abs(pull(rounded(0.3, dither=True).apply(events).events)) < 4
