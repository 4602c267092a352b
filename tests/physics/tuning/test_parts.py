"""The parts of a tuning: distances, findings, ladders, the compressor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler.core.bounds import Absolute, Relative, Sigma
from baler.physics.compressed import compressed
from baler.physics.tuning.compressor import column_alone
from baler.physics.tuning.distance import moved
from baler.physics.tuning.finding import Finding, quantile, worst
from baler.physics.tuning.ladder import in_order, ladders
from baler.physics.tuning.requirements import parse

from .made import events_of, made


def test_the_distance_of_a_shift_is_the_part_that_crosses() -> None:
    x = np.arange(1000.0)
    found = moved(x, np.where((x >= 400) & (x < 500), x + 100, x))
    assert found.value == pytest.approx(0.1)
    assert found.uncertainty == pytest.approx(np.sqrt((0.1 - 0.01) / 1000))


def test_what_comes_back_as_it_was_has_not_moved() -> None:
    x = np.array([1.0, np.nan, np.inf, 3.0, 3.0])
    assert moved(x, x.copy()).value == 0.0
    assert moved(np.array([]), np.array([])).value == 0.0
    assert moved(x, np.array([1.0, np.nan, np.inf, 3.00001, 3.00001])).value == 0.0  # still


@given(st.floats(-50, 50), st.integers(1, 300))
def test_a_distance_is_a_probability(shift: float, n: int) -> None:
    x = np.random.default_rng(n).normal(size=n)
    found = moved(x, x + shift)
    assert 0 <= found.value <= 1
    assert 0 <= found.uncertainty <= 0.5 / np.sqrt(n) + 1e-12


def test_an_auc_counts_from_one_half() -> None:
    one = Finding(parse("auc < 0.52"), "AUC", 0.505, 0.005)
    assert one.used(0.0) == pytest.approx(0.25)
    assert one.used(quantile(0.95)) == pytest.approx((0.005 + 1.6449 * 0.005) / 0.02, rel=1e-4)


def test_what_was_not_measured_does_not_hold() -> None:
    lost = Finding(parse("shift(*) < 1 %"), "x", float("nan"), 0.0, "too few")
    good = Finding(parse("shift(*) < 1 %"), "x", 0.1, 0.1)
    assert not lost.holds(0.0)
    assert not Finding(parse("shift(*) < 1 %"), "x", 0.1, float("nan")).holds(1.0)
    assert worst([good, lost], 1.0) is lost
    assert worst([], 1.0) is None


def test_columns_are_bounded_in_terms_of_their_own() -> None:
    random = np.random.default_rng(0)
    events = events_of(
        pt=20 + random.exponential(30, 500),
        phi=random.uniform(-3, 3, 500),
        d0=random.normal(0, 1, 500),
        d0Err=random.uniform(0.01, 0.02, 500),
        genWeight=random.uniform(0, 1, 500),
        constant=np.full(500, 7.0),
        nothing=np.full(500, np.nan),
    )
    found = ladders(events.schema, events.chunk, exact=("*eight*",))
    assert isinstance(found["pt"].finest, Relative)
    assert isinstance(found["phi"].finest, Absolute)
    assert isinstance(found["d0"].finest, Sigma)
    assert found["d0"].finest.column == "d0Err"
    assert found.keys() == {"pt", "phi", "d0", "d0Err"}
    assert in_order(found).index("d0Err") < in_order(found).index("d0")
    assert str(found["d0"].bound(found["d0"].top)) == "sigma 1.0 d0Err"


@given(st.floats(0, 12))
def test_levels_double_and_never_exceed(level: float) -> None:
    ladder = ladders(*(lambda e: (e.schema, e.chunk))(made(200)))["x"]
    assert isinstance(ladder.finest, Absolute)
    bound = ladder.bound(level)
    assert isinstance(bound, Absolute)
    assert 0.99 * ladder.finest.epsilon * 2**level <= bound.epsilon
    assert bound.epsilon <= ladder.finest.epsilon * 2**level * (1 + 1e-12)


def test_a_start_sets_the_bounds_and_leaves_exact_what_is_exact() -> None:
    from baler.planning import Policy

    events = made(200)
    start = Policy.of({"x": "abs 0.001", "free": "rel 2^-9"}).bounds(events.schema)
    found = ladders(events.schema, events.chunk, start=start)
    assert {name: str(one.finest) for name, one in found.items()} == {
        "x": "abs 0.001",
        "free": "rel 2^-9",
    }


def test_a_column_alone_decodes_as_it_does_in_company() -> None:
    random = np.random.default_rng(0)
    events = events_of(
        d0=random.normal(0, 1, 500),
        d0Err=random.uniform(0.01, 0.02, 500),
        x=random.normal(size=500),
    )
    bounds = {"d0": Sigma(0.5, "d0Err"), "d0Err": Relative(0.01)}
    alone, size = column_alone(events, "d0", bounds)
    together = compressed(events, bounds)
    assert np.array_equal(alone, together.events.chunk.columns["d0"])
    assert 0 < size <= 500 * 4
