"""The dijet function: fitted to what it made, and to toys; against Minuit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from baler.physics.analyses.dijet import EDGES
from baler.physics.fits import smooth
from baler.physics.measured import Failure, Floats

BINS = EDGES[(EDGES >= 565) & (EDGES <= 3147)]
TRUE = np.array([-11.0, 9.0, -5.0])

SUMS = arrays(np.float64, BINS.size - 1, elements=st.just(0.0) | st.floats(1e-6, 1e9))


def means(parameters: Any, edges: Floats = BINS) -> Any:
    x = edges / 13000
    middle = (x[:-1] + x[1:]) / 2

    def density(x: Any) -> Any:
        return x ** parameters[2] * np.exp(parameters[0]) * (1 - x) ** parameters[1]

    return np.diff(edges) * (density(x[:-1]) + 4 * density(middle) + density(x[1:])) / 6


def fitted(sums: Floats, squares: Floats | None = None, parameters: int = 3) -> Any:
    return smooth.fit(BINS, sums, sums if squares is None else squares, 13000.0, parameters)


def test_a_spectrum_made_by_the_function_gives_its_parameters_back() -> None:
    found = fitted(means(TRUE))
    np.testing.assert_allclose(found.parameters, TRUE, rtol=1e-6)
    assert found.deviance == pytest.approx(0, abs=1e-6)
    assert found.ndf == BINS.size - 4


@pytest.mark.parametrize("parameters", [4, 5])
def test_parameters_that_are_not_needed_change_nothing(parameters: int) -> None:
    found = fitted(means(TRUE), parameters=parameters)
    np.testing.assert_allclose(found.expected, means(TRUE), rtol=1e-6)


def test_the_minimum_is_that_of_minuit() -> None:
    minuit = pytest.importorskip("iminuit").Minuit
    counts = np.random.default_rng(1).poisson(means(TRUE)).astype(float)
    found = fitted(counts)

    def deviance(a: Any, b: float, c: Any) -> Any:
        expected = means((a, b, c))
        terms = expected - counts + np.where(counts > 0, counts * np.log(
            np.maximum(counts, 1) / expected), 0)  # fmt: skip
        return 2 * terms.sum()

    fit = minuit(deviance, *(found.parameters + np.array([0.1, 0.3, 0.1])))
    fit.tol = 1e-4
    fit.migrad(ncall=20000)
    fit.hesse()
    assert found.deviance <= fit.fval + 1e-6
    pulls = (np.array(fit.values) - found.parameters) / np.array(fit.errors)
    assert np.abs(pulls).max() < 0.05


def test_what_the_fit_leaves_open_is_the_spread_of_toys() -> None:
    rng = np.random.default_rng(2)
    truth = means(TRUE)
    toys = np.array([fitted(rng.poisson(truth).astype(float)).expected for _ in range(150)])
    told = np.sqrt(np.sum(fitted(truth).variations() ** 2, axis=0))
    np.testing.assert_allclose(told, toys.std(0), rtol=0.3)


def test_weights_scale_what_the_fit_leaves_open_and_luminosity_takes_their_place() -> None:
    truth = means(TRUE)
    plain, heavy = fitted(truth), fitted(4 * truth, 16 * truth)
    spread = [np.sum(one**2, axis=0) for one in (plain.variations(), heavy.variations())]
    np.testing.assert_allclose(16 * spread[0], spread[1], rtol=1e-6)
    at = np.sum(plain.variations(100) ** 2, axis=0)
    np.testing.assert_allclose(100 * spread[0], at, rtol=1e-6)


def test_variations_are_uncorrelated() -> None:
    truth = means(TRUE)
    variations = fitted(truth).variations()
    np.testing.assert_allclose((variations / truth) @ variations.T, np.eye(3), atol=1e-6)


def test_a_fourth_parameter_is_taken_where_it_is_needed_and_only_there() -> None:
    x = (BINS[:-1] + BINS[1:]) / 2 / 13000
    bent = means(TRUE) * np.exp(-1.0 * np.log(x / 0.1) ** 2)
    rng = np.random.default_rng(3)
    needed, not_needed = (
        [
            smooth.choose(BINS, toy, toy, 13000.0).parameters.size
            for toy in rng.poisson(one, (20, one.size)).astype(float)
        ]
        for one in (1000 * bent, means(TRUE))
    )
    assert np.mean(np.array(needed) >= 4) > 0.9
    assert np.mean(np.array(not_needed) == 3) > 0.7


def test_empty_bins_and_negative_sums_do_not_stop_the_fit() -> None:
    sums = means(TRUE)
    squares = sums.copy()
    sums[-3:], squares[-3:] = 0.0, 0.0
    sums[-6] = -0.5
    found = fitted(sums, squares)
    assert np.all(np.isfinite(found.expected))
    np.testing.assert_allclose(found.expected[:10], sums[:10], rtol=0.05)


def test_too_few_bins_are_told_with_the_number_needed() -> None:
    sums = np.zeros(BINS.size - 1)
    assert fitted(sums) == Failure("background: 0 bins with events; needed: 4")
    sums[:3] = 10.0
    assert fitted(sums) == Failure("background: 3 bins with events; needed: 4")


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_the_scale_of_weights_does_not_matter(scale: float) -> None:
    truth = means(TRUE)
    found = fitted(scale * truth, scale**2 * truth)
    np.testing.assert_allclose(found.expected, scale * truth, rtol=1e-6)


@given(SUMS, st.sampled_from([3, 4, 5]))
@settings(max_examples=30)
def test_any_spectrum_is_fitted_or_is_a_failure(sums: Floats, parameters: int) -> None:
    found = fitted(sums, parameters=parameters)
    if not isinstance(found, Failure):
        assert np.all(found.expected > 0)
        assert np.all(np.isfinite(found.variations(10.0)))
        # the maximum: the sum is that of the events, as it is for every shape with a free scale
        assert found.expected.sum() == pytest.approx(sums.sum(), rel=1e-3)
