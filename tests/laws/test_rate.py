"""Laws of size: coding costs little more than it must, and what is given away costs nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from baler.codecs import decode, describe, encode
from baler.codecs.search import excerpt
from baler.core.bounds import Absolute, Bound, Exact, Relative, Sigma, same_bits
from baler.core.chunk import Array
from baler.core.recipe import ColumnRecipe, Mask, Prediction

N = 60_000


def nothing(position: int) -> Array:
    """Return no column."""
    raise AssertionError(f"column {position} was looked at")


def bits(values: Array, bound: Bound, **recipe: bool) -> float:
    """Return the bits per value of a column on its own."""
    payload = encode(values, ColumnRecipe(bound, **recipe), nothing)  # type: ignore[arg-type]
    found = decode(payload, values.dtype, values.size, nothing)
    if bound.lossy:
        assert bound.holds(values, found).all()
    else:
        assert same_bits(values, found).all()
    return 8 * len(payload) / values.size


def entropy(symbols: Array) -> float:
    """Return the empirical entropy in bits per symbol."""
    _, counts = np.unique(symbols, return_counts=True)
    share = counts / symbols.size
    return float(-(share * np.log2(share)).sum())


GAUSS = 0.5 * math.log2(2 * math.pi * math.e)  # differential entropy at sigma 1, in bits


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("epsilon", [0.3, 0.01, 1e-4])
@pytest.mark.parametrize("dither", [False, True])
def test_abs_costs_what_uniform_bins_cost(dtype: str, epsilon: float, dither: bool) -> None:
    values = np.random.default_rng(1).normal(0, 1, N).astype(dtype)
    ideal = GAUSS - math.log2(2 * epsilon)
    assert ideal < bits(values, Absolute(epsilon), dither=dither) < 1.03 * ideal + 0.1


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("fraction", [0.3, 0.01, 2.0**-11, 2.0**-17])
def test_rel_costs_what_logarithmic_bins_cost(dtype: str, fraction: float) -> None:
    logs = np.random.default_rng(2).normal(0, 2, N)  # in octaves
    values = np.exp2(logs).astype(dtype)
    width = math.log2((1 + fraction) / (1 - fraction))
    ideal = GAUSS + 1 - math.log2(width)
    room = 0.1 if dtype == "<f8" or fraction > 2.0**-12 else 0.2
    assert ideal - 0.1 < bits(values, Relative(fraction)) < 1.03 * ideal + room


@pytest.mark.parametrize("fraction", [2.0**-20, 2.0**-24])
def test_fine_rel_costs_at_most_a_bit_more(fraction: float) -> None:
    values = np.exp2(np.random.default_rng(2).normal(0, 2, N))
    ideal = GAUSS + 1 - math.log2(math.log2((1 + fraction) / (1 - fraction)))
    assert bits(values, Relative(fraction)) < ideal + 1.0


def test_sigma_costs_what_bins_of_many_widths_cost() -> None:
    rng = np.random.default_rng(3)
    sigma = rng.uniform(0.5, 5, N).astype(np.float32)
    values = (sigma * rng.normal(0, 10, N)).astype(np.float32)
    recipe = ColumnRecipe(Sigma(0.1, "s"), (0,))
    payload = encode(values, recipe, {0: sigma}.__getitem__)
    ideal = GAUSS + math.log2(10) - math.log2(0.2)
    assert 8 * len(payload) / N < 1.02 * ideal + 0.05


@pytest.mark.parametrize("dtype", ["|i1", "<i2", "<i4", "<u8"])
def test_integers_cost_their_entropy(dtype: str) -> None:
    values = np.minimum(np.random.default_rng(4).geometric(0.2, N), 60).astype(dtype)
    ideal = entropy(values)
    assert 0.98 * ideal < bits(values, Exact()) < 1.03 * ideal + 0.05


def test_few_values_far_apart_cost_the_entropy_of_their_ranks() -> None:
    rng = np.random.default_rng(5)
    levels = rng.normal(size=40)
    ranks = np.minimum(rng.geometric(0.2, N), 40) - 1
    for dtype in ("<f4", "<f8"):
        assert bits(levels[ranks].astype(dtype), Exact()) < 1.03 * entropy(ranks) + 0.2
    wide = rng.integers(-(1 << 60), 1 << 60, 40)
    assert bits(wide[ranks], Exact()) < 1.03 * entropy(ranks) + 0.2


def test_rounded_floats_cost_their_significant_bits() -> None:
    values = np.random.default_rng(6).uniform(1, 2, N).astype(np.float32)
    rounded = (values.view(np.uint32) & np.uint32(0xFFFFE000)).view(np.float32)  # 10 bits are left
    assert bits(rounded, Exact()) < 10.1


def test_decimals_cost_their_digits() -> None:
    cents = np.random.default_rng(7).integers(0, 1000, N)
    for dtype in ("<f4", "<f8"):
        assert bits((cents / 100).astype(dtype), Exact()) < 1.02 * math.log2(1000)


def test_a_boolean_costs_at_most_a_bit() -> None:
    rng = np.random.default_rng(8)
    assert bits(rng.random(N) < 0.5, Exact()) < 1.01
    assert bits(rng.random(N) < 0.001, Exact()) < 0.05


def test_rare_surprises_cost_little_but_themselves() -> None:
    rng = np.random.default_rng(9)
    values = rng.normal(0, 1, N).astype(np.float32)
    plain = bits(values, Absolute(0.01))
    at = rng.choice(N, N // 1000, replace=False)
    values[at] = rng.choice(np.array([np.nan, np.inf, -0.0, 3e38, -999], np.float32), at.size)
    assert bits(values, Absolute(0.01)) < plain + 0.12


def test_a_sentinel_costs_the_entropy_of_where_it_is() -> None:
    rng = np.random.default_rng(10)
    values = rng.normal(0, 1, N).astype(np.float32)
    missing = rng.random(N) < 0.3
    ideal = 0.7 * (GAUSS - math.log2(0.02)) + entropy(missing)
    assert bits(np.where(missing, np.float32(-999), values), Absolute(0.01)) < 1.03 * ideal + 0.1


def test_a_mask_costs_nothing() -> None:
    rng = np.random.default_rng(11)
    missing = rng.random(N) < 0.3
    values = np.where(missing, np.float32(-1), rng.normal(0, 1, N).astype(np.float32))
    parent = np.where(missing, -999, rng.integers(0, 9, N)).astype("<i2")
    mask = Mask(0, np.int16(-999).tobytes(), np.float32(-1).tobytes())
    recipe = ColumnRecipe(Absolute(0.01), (0,), masks=(mask,))
    payload = encode(values, recipe, {0: parent}.__getitem__)
    shown = encode(values[~missing], ColumnRecipe(Absolute(0.01)), nothing)
    assert describe(payload, values.dtype) == "masked"
    assert len(payload) <= len(shown) + 16


def test_an_energy_costs_less_than_three_bits() -> None:
    rng = np.random.default_rng(12)
    pt, phi, eta = rng.exponential(30, N) + 1, rng.uniform(-3, 3, N), rng.normal(0, 1.5, N)
    p = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
    mass = rng.exponential(10, N)
    energy = np.sqrt((p * p).sum(axis=0) + mass * mass).astype(np.float32)
    bound = Relative(2.0**-11)
    context: dict[int, Array] = {}
    for i, column in enumerate([*p, mass]):
        values = column.astype(np.float32)
        payload = encode(values, ColumnRecipe(bound), nothing)
        context[i] = decode(payload, values.dtype, N, nothing)
    guess = Prediction("energy of mass", (0, 1, 2, 3))
    recipe = ColumnRecipe(bound, (0, 1, 2, 3), (guess,))
    payload = encode(energy, recipe, context.__getitem__)
    assert 8 * len(payload) / N < 3
    assert 8 * len(payload) / N < 0.4 * bits(energy, bound)
    exact = Prediction("energy of mass", (0, 1, 2, 3))
    originals = {i: column.astype(np.float32) for i, column in enumerate([*p, mass])}
    recipe = ColumnRecipe(Exact(), (0, 1, 2, 3), (exact,))
    assert 8 * len(encode(energy, recipe, originals.__getitem__)) / N < 3


@pytest.mark.parametrize("bound", [Exact(), Absolute(0.1), Relative(0.1)], ids=str)
def test_little_costs_little(bound: Bound) -> None:
    same = np.full(N, np.float32(3.25))
    assert bits(same, bound) * N / 8 <= 5
    same[777] = np.nan
    assert bits(same, bound) * N / 8 < 120
    assert len(encode(same[:0], ColumnRecipe(bound), nothing)) == 1
    assert len(encode(same[:1], ColumnRecipe(bound), nothing)) == 5


@pytest.mark.parametrize("seen", ["few", "decimals", "rounded"])
def test_a_sample_that_misleads_costs_no_more_than_pcodec(seen: str) -> None:
    """The ways that suit the sample fail on the rest, which is compressible in another way."""
    rng = np.random.default_rng(13)
    values = rng.normal(100, 1, N)
    with_sample = {
        "few": rng.choice([100.0, 101.5, 99.25], N),
        "decimals": np.rint(values * 10) / 10,
        "rounded": np.rint(values * 256) / 256,
    }[seen]
    sample = excerpt(np.arange(N))
    values[sample] = with_sample[sample]
    assert bits(values, Exact()) < 58
