"""Peaks of toys: found with honest uncertainties, or refused with a reason."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from baler.physics.fits.peaks import PeakFit, Window, fit
from baler.physics.fits.shapes import crystal_ball
from baler.physics.measured import Failure, Floats

WINDOW = Window(70.0, 110.0, 91.0, 2.0)
NORMAL = Window(70.0, 110.0, 91.0, 2.0, tails=(6.0, 6.0))


def toy(
    rng: np.random.Generator,
    signal: int = 2000,
    background: int = 1000,
    mean: float = 91.2,
    sigma: float = 2.1,
) -> Any:
    flat = rng.uniform(70, 110, background)
    return np.concatenate([rng.normal(mean, sigma, signal), flat])


def fitted(values: Floats, window: Window = NORMAL, weights: Floats | None = None) -> Any:
    return fit(values, np.ones(values.size) if weights is None else weights, window)


def test_pulls_of_toys_are_normal() -> None:
    rng = np.random.default_rng(11)
    pulls = []
    for _ in range(30):
        found = fitted(toy(rng))
        assert isinstance(found, PeakFit)
        pulls.append([
            (found.mean.value - 91.2) / found.mean.uncertainty,
            (found.sigma.value - 2.1) / found.sigma.uncertainty,
        ])  # fmt: skip
    assert np.all(np.abs(np.mean(pulls, 0)) < 3.5 / np.sqrt(30))
    assert np.std(pulls, 0) == pytest.approx([1, 1], abs=0.45)


def test_pulls_of_weighted_toys_are_normal() -> None:
    rng = np.random.default_rng(12)
    pulls = []
    for _ in range(30):
        values = toy(rng)
        found = fitted(values, weights=rng.poisson(1.0, values.size).astype(float))
        pulls.append((found.mean.value - 91.2) / found.mean.uncertainty)
    assert np.std(pulls) == pytest.approx(1, abs=0.45)


def test_the_curve_is_the_histogram_of_the_fit() -> None:
    values = toy(np.random.default_rng(1))
    found = fitted(values)
    centres = np.linspace(70.25, 109.75, 80)
    assert found.curve(centres, 0.5).sum() == pytest.approx(3000, rel=0.005)
    assert found.chi2 < found.ndf + 4 * np.sqrt(2 * found.ndf)


def test_tails_that_are_not_there_are_left_out() -> None:
    free, tied = (fitted(toy(np.random.default_rng(2)), one) for one in (WINDOW, NORMAL))
    assert free.mean.value == pytest.approx(tied.mean.value, abs=tied.mean.uncertainty)
    assert free.sigma.value == pytest.approx(tied.sigma.value, abs=2 * tied.sigma.uncertainty)


def test_tails_that_are_there_are_found() -> None:
    rng = np.random.default_rng(3)
    x = np.linspace(70, 110, 4001)
    density = crystal_ball(x, 91.0, 2.0, 1.0, 2.0, 3.0)
    values = np.interp(rng.uniform(size=20000), np.cumsum(density) / density.sum(), x)
    found = fit(values, np.ones(values.size), Window(70, 110, 91.0, 2.0, background=False))
    mean, sigma, _, left, right = found.theta
    assert [mean, sigma, left, right] == pytest.approx([91.0, 2.0, 1.0, 2.0], rel=0.06)


def test_companions_share_the_resolution() -> None:
    rng = np.random.default_rng(4)
    peaks = [(9.46, 900), (10.0, 300), (10.36, 250)]
    values = np.concatenate([rng.normal(mean, 0.01 * mean, n) for mean, n in peaks])
    window = Window(8.5, 11.5, 9.45, 0.09, companions=(10.0 / 9.46, 10.36 / 9.46), tails=(6.0, 6.0))
    found = fitted(np.concatenate([values, rng.uniform(8.5, 11.5, 300)]), window)
    assert abs(found.mean.value - 9.46) < 4 * found.mean.uncertainty
    assert abs(found.events.value - 900) < 4 * found.events.uncertainty
    assert found.theta[-2:] == pytest.approx([300, 250], rel=0.3)


def test_the_same_events_give_the_same_bits_in_any_order() -> None:
    values = toy(np.random.default_rng(6))
    assert fitted(values).theta.tolist() == fitted(values[::-1]).theta.tolist()


def test_too_few_events_are_told_with_the_number_needed() -> None:
    found = fitted(np.full(99, 91.0))
    assert found == Failure("too few events in 70-110 GeV: 99; needed: 100")


def test_no_peak_is_a_failure() -> None:
    found = fitted(np.random.default_rng(7).uniform(70, 110, 5000))
    assert isinstance(found, Failure)


def test_a_peak_that_is_hardly_there_is_a_failure() -> None:
    found = fitted(toy(np.random.default_rng(7), signal=100, background=3000))
    assert isinstance(found, Failure)
    assert "events; needed: three standard deviations" in found.reason


def test_a_peak_outside_of_its_limits_is_a_failure() -> None:
    found = fitted(toy(np.random.default_rng(8), mean=103.0, sigma=1.0))
    assert isinstance(found, Failure)
    assert "limit" in found.reason or "standard deviations" in found.reason


@pytest.mark.parametrize("values", [np.full(500, 91.0), np.repeat([71.0, 109.0], 300)])
def test_values_that_are_no_distribution_are_failures(values: Floats) -> None:
    assert isinstance(fitted(values, WINDOW), Failure)


def test_negative_weights_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(9)
    values = toy(rng)
    extra = rng.uniform(70, 110, 400)
    both = np.concatenate([values, extra, extra])
    weights = np.concatenate([np.ones(values.size + 400), -np.ones(400)])
    found, plain = fitted(both, weights=weights), fitted(values)
    assert found.mean.value == pytest.approx(plain.mean.value, abs=1e-6)
    assert found.mean.uncertainty > plain.mean.uncertainty


def test_a_small_shift_of_events_is_a_small_change_of_the_fit() -> None:
    values = toy(np.random.default_rng(10))
    found, moved = fitted(values), fitted(values + 0.01)
    assert moved.mean.value - found.mean.value == pytest.approx(0.01, abs=2e-4)


def test_weights_that_add_up_to_less_than_nothing_are_a_failure() -> None:
    found = fitted(np.full(500, 91.0), weights=-np.ones(500))
    assert found == Failure("events in 70-110 GeV: the sum of weights is -500; needed: more than 0")


@given(arrays(np.float64, st.integers(100, 300), elements=st.floats(70, 110)))
@settings(max_examples=10)
def test_any_values_are_fitted_or_are_a_failure(values: Floats) -> None:
    found = fitted(values, WINDOW)
    if not isinstance(found, Failure):
        assert found.mean.uncertainty > 0
        assert 0 < found.sigma.value < 8
