"""Budgets against hand-made numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler.core.chunk import Array, Chunk
from baler.core.schema import Column, Field, Leaf, List, Schema
from baler.errors import UsageError
from baler.physics.events import Events
from baler.physics.sensitivity.budget import Offer, rate
from baler.physics.sensitivity.threshold import Spectrum

POSITIVE = st.floats(1e-3, 1e12)


def jets(pt: list[list[float]], weights: Array) -> Events:
    counts = np.array([len(one) for one in pt], np.int32)
    flat = np.array([one for event in pt for one in event], np.float32)
    schema = Schema(
        (
            Column("nJet", np.dtype("<i4")),
            Column("Jet_pt", np.dtype("<f4"), "nJet"),
            Column("genWeight", np.dtype("<f8")),
        ),
        (Field("Jet_pt", List("nJet", Leaf("Jet_pt"))), Field("genWeight", Leaf("genWeight"))),
    )
    chunk = Chunk(len(pt), {"nJet": counts, "Jet_pt": flat, "genWeight": weights.astype("<f8")})
    return Events("made", schema, chunk)


def test_a_tenth_of_what_all_need_keeps_a_tenth() -> None:
    trigger = Offer(1000.0)  # 1 kHz of events of 500 bytes are 500 kB/s
    assert trigger.kept(50_000, 500) == pytest.approx(0.1)
    assert trigger.kept(50_000, 50) == 1.0
    assert trigger.kept(1e9, 500) == 1.0
    assert Offer(2e9, "B").kept(1e12, 1000) == pytest.approx(0.5)


@given(POSITIVE, POSITIVE, POSITIVE, st.floats(1, 100))
def test_more_bytes_and_smaller_events_never_keep_less(
    events: float, budget: float, size: float, factor: float
) -> None:
    offer = Offer(events)
    kept = offer.kept(budget, size)
    assert 0 < kept <= 1
    assert offer.kept(budget * factor, size) >= kept
    assert offer.kept(budget, size * factor) <= kept
    assert offer.kept(offer.budget(size, kept), size) == pytest.approx(kept)


def test_a_picobarn_at_2e34_is_20_mhz() -> None:
    assert rate(1.0, 2e34) == pytest.approx(0.02)


def test_budgets_have_to_be_positive() -> None:
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(UsageError, match="positive and finite"):
            Offer(1.0).kept(wrong, 1.0)
        with pytest.raises(UsageError, match="positive and finite"):
            Offer(wrong)


def test_rates_are_those_of_weights() -> None:
    """Four events of 4 pb at 1e36/(cm^2 s): 4 Hz in all, shared as 1 : 1 : 2 : 4 eighths."""
    events = jets([[100, 20], [200], [50, 60], [300]], np.array([2.0, 1.0, 4.0, 1.0]))
    found = Spectrum.of(events, cross_section=4.0, luminosity=1e36)
    assert found.pt.tolist() == [60, 100, 200, 300]
    assert found.above.tolist() == pytest.approx([4.0, 2.0, 1.0, 0.5])
    assert found.most == 4.0
    assert found.at(100) == 2.0
    assert found.at(101) == 1.0
    assert found.at(301) == 0.0
    assert found.threshold(2000.0, 1000.0) == 100
    assert found.threshold(1999.0, 1000.0) == 200
    assert found.threshold(1e9, 1000.0) == 60
    assert found.threshold(1.0, 1000.0) == math.inf
    assert found.prescale(60, 1000.0, 1000.0) == pytest.approx(4.0)
    assert found.prescale(60, 1e9, 1000.0) == 1.0


def test_nothing_is_said_below_the_floor() -> None:
    events = jets([[100], [200], []], np.ones(3))
    found = Spectrum.of(events, cross_section=3.0, luminosity=1e36, floor=150)
    assert found.pt.tolist() == [200]
    assert found.most == pytest.approx(1.0)
    with pytest.raises(UsageError, match="no events with a jet above 500 GeV"):
        Spectrum.of(events, cross_section=3.0, luminosity=1e36, floor=500)
    with pytest.raises(UsageError, match="not positive"):
        Spectrum.of(jets([[1.0]], np.array([-1.0])), cross_section=3.0, luminosity=1e36)


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=30), POSITIVE, st.floats(1, 100))
def test_smaller_events_never_raise_a_threshold(
    pt: list[float], bandwidth: float, factor: float
) -> None:
    events = jets([[one] for one in pt], np.ones(len(pt)))
    found = Spectrum.of(events, cross_section=1.0, luminosity=1e36)
    assert found.threshold(bandwidth, 1000 / factor) <= found.threshold(bandwidth, 1000)
    assert found.threshold(bandwidth * factor, 1000) <= found.threshold(bandwidth, 1000)
