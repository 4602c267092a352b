"""Significance and limit against formulas, against pyhf, and with templates that are wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from baler.errors import UsageError
from baler.physics.fits.search import (
    expected,
    expected_pyhf,
    relative_uncertainty,
    templates,
)
from baler.physics.measured import Failure

pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")


def spectrum(scale: float = 1.0) -> Any:
    x = np.linspace(0, 1, 20)
    background = scale * 2000 * np.exp(-4 * x)
    signal = scale * 60 * np.exp(-0.5 * ((x - 0.5) / 0.06) ** 2)
    variations = np.stack([background / np.sqrt(background.sum()), 0.02 * background * (x - 0.4)])
    return background, signal, variations


@pytest.mark.parametrize(("b", "s"), [(100.0, 30.0), (5.0, 8.0), (1e6, 3000.0)])
def test_one_bin_has_the_significance_of_a_counting_experiment(b: float, s: float) -> None:
    found = expected(templates(np.array([b]), np.array([s])))
    formula = math.sqrt(2 * ((s + b) * math.log1p(s / b) - s))  # arXiv:1007.1727, equation 97
    assert found.significance == pytest.approx(formula, rel=1e-9)


def test_one_bin_has_the_limit_of_a_counting_experiment() -> None:
    b, s = 1e6, 1.0
    found = expected(templates(np.array([b]), np.array([s])))
    assert found.limit == pytest.approx(1.96 * math.sqrt(b), rel=2e-3)
    assert found.spurious == pytest.approx(0, abs=1e-6)


def test_an_uncertain_background_is_that_of_the_on_off_problem() -> None:
    b, s, sigma = 400.0, 60.0, 20.0
    free = expected(templates(np.array([b]), np.array([s]), np.array([[sigma]]), free=1.0))
    total, variance = s + b, sigma**2
    inside = math.log(total * (b + variance) / (b**2 + total * variance)) * total
    rest = (b / sigma) ** 2 * math.log(1 + variance * s / (b * (b + variance)))
    # G. Cowan, "Discovery sensitivity for a counting experiment with background uncertainty"
    # (2012), equation 20, for a gamma constraint: a normal one differs little
    assert free.significance == pytest.approx(math.sqrt(2 * (inside - rest)), rel=0.02)


@pytest.mark.parametrize("scale", [0.2, 100.0])
def test_the_fast_answer_is_that_of_pyhf(scale: float) -> None:
    pytest.importorskip("pyhf")
    model = templates(*spectrum(scale))
    fast, slow = expected(model), expected_pyhf(model)
    assert fast.significance == pytest.approx(slow.significance, rel=1e-3)
    assert fast.limit == pytest.approx(slow.limit, rel=1e-3)
    assert fast.strength == pytest.approx(slow.strength, abs=5e-3)
    assert fast.spurious == pytest.approx(slow.spurious, abs=5e-3)


@pytest.mark.parametrize(("free", "strength"), [(30.0, 0.3), (1.0, -0.4)])
def test_the_fast_answer_is_that_of_pyhf_for_data_that_are_not_the_model(
    free: float, strength: float
) -> None:
    pytest.importorskip("pyhf")
    background, signal, variations = spectrum()
    model = templates(background, signal, variations, free=free)
    data = background + strength * signal + variations[0] - 0.5 * variations[1]
    given = {"background": data, "signal": np.roll(signal, 1)}
    fast, slow = expected(model, **given), expected_pyhf(model, **given)
    assert fast.spurious == pytest.approx(strength, abs=0.1)
    assert slow.spurious == pytest.approx(max(fast.spurious, 0), abs=2e-3)
    for name in ("significance", "limit", "strength"):
        assert getattr(fast, name) == pytest.approx(getattr(slow, name), rel=2e-3)


def test_a_limit_is_above_an_excess() -> None:
    background, signal, variations = spectrum()
    model = templates(background, signal, variations)
    excess = expected(model, background=background + 3 * signal)
    assert excess.spurious == pytest.approx(3, abs=0.05)
    assert excess.limit > 3.2


def test_pyhf_keeps_the_backend_that_it_had() -> None:
    pyhf = pytest.importorskip("pyhf")
    before = pyhf.get_backend()
    expected_pyhf(templates(*spectrum()))
    assert pyhf.get_backend() == before


def test_a_background_that_is_free_costs_significance_and_a_wider_constraint_does_no_more() -> None:
    background, signal, variations = spectrum()
    known, tied, free, freer = (
        expected(templates(background, signal, variations if one else None, free=one or 1))
        for one in (0, 1, 30, 300)
    )
    assert known.significance > tied.significance > free.significance
    assert freer.significance == pytest.approx(free.significance, rel=0.01)
    assert known.limit < tied.limit < free.limit


def test_a_deficit_is_no_discovery() -> None:
    background, signal, variations = spectrum()
    found = expected(templates(background, signal, variations), signal=-0.5 * signal)
    assert found.significance == 0
    assert found.strength == pytest.approx(-0.5, abs=0.02)


def test_no_signal_is_a_failure() -> None:
    background, signal, variations = spectrum()
    found = expected(templates(background, 0 * signal, variations))
    assert found == Failure("no signal in the bins of the search")


def test_a_signal_that_is_like_a_variation_without_constraint_is_hardly_found() -> None:
    background, signal, _ = spectrum()
    found = expected(templates(background, signal, signal[None], free=1000.0))
    assert found.significance < 0.1


@pytest.mark.parametrize(("background", "signal", "message"), [
    ([1.0, 0.0], [1.0, 1.0], "1 bins have no background"),
    ([1.0, math.nan], [1.0, 1.0], "1 bins have no background"),
    ([1.0, 1.0], [1.0], r"shapes \(2,\), \(1,\) and \(0, 2\)"),
])  # fmt: skip
def test_templates_that_cannot_be_are_refused(
    background: list[float], signal: list[float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        templates(np.array(background), np.array(signal))


def test_data_that_cannot_be_are_refused() -> None:
    background, signal, variations = spectrum()
    with pytest.raises(UsageError, match="background of the data: expected 20 numbers >= 0"):
        expected(templates(background, signal, variations), background=-background)


def test_the_uncertainty_of_templates_is_that_of_toys() -> None:
    background, signal, variations = spectrum()
    model = templates(background, signal, variations)
    rng = np.random.default_rng(2)
    squares, shift = signal / 5, np.stack([0.03 * background])
    toys = []
    for _ in range(100):
        nature = background + rng.normal() * shift[0]
        toy = signal + rng.normal(size=20) * np.sqrt(squares)
        toys.append(expected(templates(nature, np.maximum(toy, 0), variations)).significance)
    told = relative_uncertainty(model, squares, shift)
    assert told == pytest.approx(np.std(toys) / np.mean(toys), rel=0.3)


@given(
    arrays(np.float64, 6, elements=st.floats(1e-3, 1e8)),
    arrays(np.float64, 6, elements=st.just(0.0) | st.floats(1e-3, 1e6)),
    arrays(np.float64, (2, 6), elements=st.floats(-0.1, 0.1)),
)
@settings(max_examples=40)
def test_any_templates_have_an_answer_or_a_failure(b: Any, s: Any, relative: Any) -> None:
    found = expected(templates(b, s, b * relative))
    if not isinstance(found, Failure):
        assert found.significance >= 0
        assert found.limit > 0
        assert found.strength == pytest.approx(1, rel=1e-3)
