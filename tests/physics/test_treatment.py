"""Events chosen and treated from Python, without the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import awkward as ak
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler.core.bounds import Absolute, Relative
from baler.core.chunk import check_chunk
from baler.errors import UnknownColumn, UsageError
from baler.physics import Events, read_events, with_bounds
from baler.planning import Policy

EXAMPLE = Path(__file__).parents[2] / "examples" / "events.root"
FIELDS = ("run", "genWeight", "Jet_*", "PF_pt", "GenPart_pdgId")


@pytest.fixture(scope="module")
def events() -> Events:
    return read_events(EXAMPLE, fields=FIELDS, entries=120)


@given(data=st.data())
def test_events_where_something_holds_are_those_that_awkward_chooses(
    events: Events, data: st.DataObject
) -> None:
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=120, max_size=120)))
    chosen = events.where(keep)
    assert len(chosen) == keep.sum()
    check_chunk(chosen.schema, chosen.chunk)
    for field in events.schema.fields:
        assert ak.array_equal(chosen[field.name], events[field.name][keep], equal_nan=True)


def test_events_are_chosen_by_an_array_of_awkward(events: Events) -> None:
    assert set(events.where(events["run"] == 2)["run"].to_list()) == {2}


@pytest.mark.parametrize("keep", [np.ones(3, bool), np.arange(120), np.ones((120, 1), bool)])
def test_events_are_chosen_by_one_truth_value_each(events: Events, keep: np.ndarray) -> None:
    with pytest.raises(UsageError, match="120 truth values"):
        events.where(keep)


def test_a_treatment_keeps_its_bounds_and_leaves_the_rest_exact(events: Events) -> None:
    treatment = with_bounds(events, {"Jet_pt": "rel 2^-8", "PF_pt": "abs 0.1"}, "mine", scale=4)
    assert treatment.name == "baler, mine x 4"
    assert treatment.bounds == {"Jet_pt": Relative(2**-6), "PF_pt": Absolute(0.4)}
    done = treatment.apply(events)
    assert 0 < done.size < events.chunk.nbytes
    before, after = events.chunk.columns, done.events.chunk.columns
    for name, values in before.items():
        if name in treatment.bounds:
            assert not np.array_equal(after[name], values)
            assert treatment.bounds[name].holds(values, after[name]).all()
        else:
            assert np.array_equal(after[name], values)


def test_range_bounds_are_resolved_before_they_are_scaled(events: Events) -> None:
    one, four = (with_bounds(events, {"Jet_eta": "range 1e-3"}, scale=s) for s in (1, 4))
    first, second = one.bounds["Jet_eta"], four.bounds["Jet_eta"]
    assert isinstance(first, Absolute)
    assert second == Absolute(4 * first.epsilon)


def test_dither_is_that_of_the_policy_or_asked_for(events: Events) -> None:
    bounds = {"PF_pt": "abs 0.1"}
    plain = with_bounds(events, bounds)
    asked, policy = (
        with_bounds(events, bounds, dither=True),
        with_bounds(events, Policy.of(bounds, dither=True)),
    )
    assert (plain.codec, asked.codec, policy.codec) == ("baler", *["baler + dither"] * 2)
    pt, dithered, same = (
        one.apply(events).events.chunk.columns["PF_pt"] for one in (plain, asked, policy)
    )
    assert np.array_equal(dithered, same)
    assert not np.array_equal(pt, dithered)


def test_nothing_is_lossy_without_bounds(events: Events) -> None:
    treatment = with_bounds(events, {})
    assert treatment.name == "baler"
    done = treatment.apply(events).events.chunk.columns
    assert all(done[name].tobytes() == v.tobytes() for name, v in events.chunk.columns.items())


def test_a_pattern_that_matches_nothing_is_an_error(events: Events) -> None:
    with pytest.raises(UnknownColumn, match="Jett_pt"):
        with_bounds(events, {"Jett_pt": "rel 2^-8"})


def test_the_package_imports_nothing_before_it_is_used() -> None:
    code = "import sys, baler.physics; assert not {'awkward', 'hist'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    import baler.physics

    assert set(baler.physics.__all__) <= set(dir(baler.physics))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = baler.physics.nothing
