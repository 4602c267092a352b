"""Laws of lossy coding: every bound holds for every value, and special values stay special."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.codecs import decode, describe, encode
from baler.codecs.column import sentinels
from baler.codecs.formulas import FORMULAS
from baler.codecs.grid import encode_grid
from baler.codecs.plain import encode_raw
from baler.codecs.search import excerpt
from baler.core.bounds import Absolute, Bound, Exact, Relative, Sigma, same_bits, special
from baler.core.chunk import Array
from baler.core.recipe import ColumnRecipe, Mask, Prediction
from baler.quantise.lattice import Uniform

NOTHING = dict[int, Array]().__getitem__
DTYPES = ("<f2", "<f4", "<f8")
ABS = [1e-3, 0.5, 2.0**-10, 7.7, 1e-30, 1e30, 1.7e308, 5e-324]
REL = [2.0**-11, 2.0**-8, 1e-3, 0.1, 0.3, 0.999, 2.0**-20, 2.0**-30, 2.0**-52, 5e-324]
SIG = [0.1, 0.5, 1.0, 1e-6, 1e300]
BOUNDS = [
    *map(Absolute, ABS),
    *map(Relative, REL),
    *(Sigma(fraction, "s") for fraction in SIG),
]


def specials(dtype: str) -> Array:
    """Return the values that no bound may change."""
    limits = np.finfo(np.dtype(dtype))
    infinity = np.array([np.inf], dtype).view(f"<u{dtype[2]}")
    nans = infinity + np.array([1, 2, 1 << (limits.nmant - 1), 77], infinity.dtype)
    positive = np.concatenate([np.zeros(1, dtype), np.array([np.inf], dtype), nans.view(dtype)])
    sign = np.array([1 << (limits.bits - 1)], infinity.dtype)
    return np.concatenate([positive, (positive.view(sign.dtype) ^ sign).view(dtype)])


def edges_of(bound: Bound, dtype: str, rng: np.random.Generator, size: int) -> Array:
    """Return values at and half-way between lattice points of a bound, and their neighbours."""
    whole = rng.integers(-300, 300, size)
    match bound:
        case Absolute(epsilon) | Sigma(epsilon, _):
            with np.errstate(over="ignore", invalid="ignore"):
                exact = (whole + rng.choice([0.0, 0.5], size)) * 2 * epsilon
        case Relative(fraction):
            width = np.log2((1 + fraction) / (1 - fraction))
            step = rng.choice([0.0, 0.5, 1.0], size) * width
            exact = np.exp2(rng.integers(-5, 5, size) + step) * np.sign(whole + 0.5)
        case _:
            raise AssertionError(bound)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        values = exact.astype(dtype)
        up, down = (
            np.nextafter(values, np.inf, dtype=dtype),
            np.nextafter(values, -np.inf, dtype=dtype),
        )
    return np.asarray(np.choose(rng.integers(0, 3, size), [values, up, down]))


def adversary(kind: str, bound: Bound, dtype: str, rng: np.random.Generator, size: int) -> Array:
    """Return values that are hard on a bound."""
    limits = np.finfo(np.dtype(dtype))
    with np.errstate(over="ignore"):
        match kind:
            case "edges":
                values = edges_of(bound, dtype, rng, size)
            case "bits":
                values = np.frombuffer(rng.bytes(size * limits.bits // 8), dtype).copy()
            case "wide":
                values = (rng.normal(size=size) * 10.0 ** rng.integers(-40, 40, size)).astype(dtype)
            case "tiny":
                values = (rng.integers(-500, 500, size) * float(limits.smallest_subnormal)).astype(
                    dtype
                )
            case "huge":
                values = (rng.uniform(-1, 1, size) * float(limits.max)).astype(dtype)
            case "tails":
                values = rng.standard_cauchy(size).astype(dtype)
            case _:
                values = rng.normal(30, 10, size).astype(dtype)
    return values


KINDS = ("edges", "bits", "wide", "tiny", "huge", "tails", "normal")


def with_surprises(values: Array, rng: np.random.Generator, often: float) -> Array:
    """Return the values with sentinels and special values dropped in."""
    with np.errstate(over="ignore"):
        strange = np.concatenate(
            [np.array([-999, -1, 1e30, 0], values.dtype), specials(values.dtype.str)]
        )
    at = rng.random(values.size) < often
    frequent = rng.choice(strange, 3)
    values[at] = rng.choice(frequent, int(at.sum()))
    rare = rng.integers(0, values.size, 8)
    values[rare] = rng.choice(strange, rare.size)
    return values


def check(
    values: Array,
    recipe: ColumnRecipe,
    context: Callable[[int], Array],
    *,
    solid: bool = False,
    seed: int = 3,
) -> Array:
    """Encode and decode; assert the promise; return what was decoded."""
    bound = recipe.bound
    payload = encode(values, recipe, context, solid=solid, seed=seed)
    assert payload == encode(values.copy(), recipe, context, solid=solid, seed=seed)
    found = decode(payload, values.dtype, values.size, context)
    assert found.dtype == values.dtype
    assert found.shape == values.shape
    sigma = context(recipe.parents[0]) if isinstance(bound, Sigma) else None
    assert (
        bound.holds(values, found, sigma) if values.dtype.kind == "f" else values == found
    ).all()
    here = special(values) if values.dtype.kind == "f" else np.ones(values.size, bool)
    assert same_bits(values[here], found[here]).all()
    assert describe(payload, values.dtype)
    assert len(payload) <= values.nbytes + 1 or solid
    return found


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bound", BOUNDS, ids=str)
def test_the_bound_holds(bound: Bound, dtype: str) -> None:
    rng = np.random.default_rng(12)
    for kind in KINDS:
        size = int(rng.integers(40, 900))
        values = with_surprises(adversary(kind, bound, dtype, rng, size), rng, rng.choice([0, 0.3]))
        with np.errstate(over="ignore"):
            sigma = np.abs(rng.normal(1, 0.5, size)).astype("<f4")
        sigma[rng.random(size) < 0.1] = rng.choice([0, -1, np.nan, np.inf, 1e-38, 3e38], 1)
        recipe = ColumnRecipe(bound, (4,), dither=bool(rng.integers(2)))
        check(values, recipe, {4: sigma}.__getitem__, solid=bool(rng.integers(2)))


@given(st.data())
@settings(max_examples=250)
def test_the_bound_holds_for_whatever_is_drawn(data: st.DataObject) -> None:
    dtype, bound = data.draw(st.sampled_from(DTYPES)), data.draw(st.sampled_from(BOUNDS))
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    size = data.draw(st.sampled_from([2, 33, 34, 64, 100, 257, 600]))
    values = adversary(data.draw(st.sampled_from(KINDS)), bound, dtype, rng, size)
    values = with_surprises(values, rng, data.draw(st.sampled_from([0, 0.05, 0.3, 0.9])))
    parents = {p: _parent(values, data, rng) for p in (4, 0, 1, 2)}
    if isinstance(bound, Sigma) and data.draw(st.booleans()):
        parents[4] = np.abs(parents[4])
    predictions = tuple(
        Prediction(formula.name, ((0, 1, 2, 4) * 2)[: formula.arity], data.draw(CONSTANTS))
        for formula in data.draw(st.lists(st.sampled_from(FORMULAS), max_size=2))
    )
    masks: tuple[Mask, ...] = ()
    if data.draw(st.booleans()):
        hidden, value = parents[1][:1], values[:1]
        values[same_bits(parents[1], hidden.repeat(size))] = value[0]
        masks = (Mask(1, hidden.tobytes(), value.tobytes()),)
    recipe = ColumnRecipe(bound, (4, 0, 1, 2), predictions, masks, dither=data.draw(st.booleans()))
    check(values, recipe, parents.__getitem__, solid=data.draw(st.booleans()))


CONSTANTS = st.sampled_from([0.0, 1.0, -3.5, 1e300, np.inf, np.nan])


def _parent(values: Array, data: st.DataObject, rng: np.random.Generator) -> Array:
    """Return a parent: like the values, unlike them, or hostile."""
    kind = data.draw(st.sampled_from(["near", "noise", "bits", "few", "integers"]))
    match kind:
        case "near":
            with np.errstate(all="ignore"):
                return np.asarray(values * np.asarray(1.01, values.dtype)).astype(values.dtype)
        case "noise":
            return rng.exponential(size=values.size).astype(np.float32)
        case "bits":
            dtype = data.draw(st.sampled_from(DTYPES))
            return np.frombuffer(rng.bytes(values.size * int(dtype[2])), dtype)
        case "few":
            return rng.choice(np.array([-999.0, 1.0, np.nan, np.inf, -0.0]), values.size)
    return rng.integers(-5, 5, values.size).astype(np.int16)


@pytest.mark.parametrize("dithered", [False, True])
@pytest.mark.parametrize(
    "bound", [Absolute(1e-3), Relative(2.0**-11), Relative(2.0**-20), Sigma(0.1, "s")], ids=str
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_surprises_where_the_sample_does_not_look(bound: Bound, dtype: str, dithered: bool) -> None:
    rng = np.random.default_rng(6)
    values = rng.normal(0, 3, 25_000).astype(dtype)
    sigma = rng.uniform(0.1, 1, values.size).astype("<f4")
    unseen = np.setdiff1d(np.arange(values.size), excerpt(np.arange(values.size)))
    at = rng.choice(unseen, 60, replace=False)
    hard = np.concatenate([specials(dtype), edges_of(bound, dtype, rng, 20)])
    values[at] = rng.choice(hard, at.size)
    large = rng.choice(unseen, 60, replace=False)
    values[large] = rng.choice([-1, 1], 60) * np.finfo(values.dtype).max * rng.random(60)
    check(values, ColumnRecipe(bound, (4,), dither=dithered), {4: sigma}.__getitem__)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("fraction", REL)
def test_a_second_compression_changes_nothing(fraction: float, dtype: str) -> None:
    rng = np.random.default_rng(5)
    recipe = ColumnRecipe(Relative(fraction))
    for kind in KINDS:
        values = with_surprises(adversary(kind, Relative(fraction), dtype, rng, 700), rng, 0.1)
        once = check(values, recipe, NOTHING)
        assert same_bits(once, check(once, recipe, NOTHING)).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_second_compression_at_the_same_step_changes_nothing(dtype: str) -> None:
    rng = np.random.default_rng(5)
    values = np.append(rng.uniform(-100, 100, 5000), [128.0] * 9).astype(dtype)
    recipe = ColumnRecipe(Absolute(0.3))
    once = check(values, recipe, NOTHING)
    assert same_bits(once, check(once, recipe, NOTHING)).all()


@pytest.mark.parametrize("dithered", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "bound", [Absolute(7.0), Absolute(0.013), Relative(0.05), Sigma(0.7, "s")], ids=str
)
def test_frequent_sentinels_are_exact(bound: Bound, dtype: str, dithered: bool) -> None:
    rng = np.random.default_rng(4)
    sentinels = np.array([-999, -1, 1e4, -99, 5.123], dtype)
    values = rng.normal(20, 30, 20_000).astype(dtype)
    at = rng.random(values.size) < 0.3
    values[at] = rng.choice(sentinels, int(at.sum()))
    sigma = rng.uniform(1, 9, values.size)
    found = check(values, ColumnRecipe(bound, (4,), dither=dithered), {4: sigma}.__getitem__)
    for sentinel in sentinels:
        here = values == sentinel
        assert here.sum() > 500
        assert np.array_equal(values[here], found[here])


def test_a_sentinel_among_many_frequent_values_is_exact() -> None:
    rng = np.random.default_rng(4)
    levels = np.sort(rng.uniform(1, 2, 30)).astype(np.float32)
    values = np.concatenate(
        [np.repeat(levels, 250), np.full(900, -999, np.float32), rng.normal(3, 1, 900)]
    ).astype(np.float32)
    rng.shuffle(values)
    found = check(values, ColumnRecipe(Absolute(0.7)), NOTHING)
    assert (found[values == -999] == -999).all()


def test_rounding_to_the_step_is_not_biased_by_dither() -> None:
    rng = np.random.default_rng(4)
    values = rng.uniform(1, 2, 20_000)
    found = check(values, ColumnRecipe(Absolute(0.01), dither=True), NOTHING, seed=9)
    errors = (found - values) / 0.01
    assert np.unique(found).size > 19_000
    assert abs(errors.mean()) < 0.02
    assert abs(errors.std() - 1 / np.sqrt(3)) < 0.02
    other = check(values, ColumnRecipe(Absolute(0.01), dither=True), NOTHING, seed=10)
    assert not np.array_equal(found, other)


@pytest.mark.parametrize("formula", FORMULAS, ids=lambda formula: formula.name)
@pytest.mark.parametrize("bound", [Absolute(1e-3), Relative(2.0**-11), Sigma(0.1, "s")], ids=str)
def test_wrong_predictions_cost_nothing_but_bytes(formula: Any, bound: Bound) -> None:
    rng = np.random.default_rng(1)
    for dtype in DTYPES:
        values = rng.normal(0, 10, 400).astype(dtype)
        parents = {i: rng.normal(0, 10, 400).astype("<f4") for i in range(5)}
        for parent in parents.values():
            parent[rng.integers(0, 400, 20)] = rng.choice([np.nan, np.inf, -np.inf, 0, 1e30], 20)
        prediction = Prediction(formula.name, ((1, 2, 3, 4) * 2)[: formula.arity], 2.5)
        recipe = ColumnRecipe(bound, (0, 1, 2, 3, 4), (prediction,))
        found = check(values, recipe, parents.__getitem__)
        alone = encode(values, ColumnRecipe(bound, (0,)), parents.__getitem__)
        assert len(encode(values, recipe, parents.__getitem__)) <= len(alone)
        assert found.size == 400


@pytest.mark.parametrize("bound", [Exact(), Absolute(0.1), Relative(0.01)], ids=str)
@pytest.mark.parametrize("rows", [0, 1, 99])
def test_a_mask_that_holds_no_longer_is_left_out(bound: Bound, rows: int) -> None:
    rng = np.random.default_rng(1)
    parent = np.where(np.arange(500) < 100, -999, rng.normal(0, 10, 500)).astype(np.float32)
    values = np.where(parent == -999, -1, rng.normal(0, 10, 500)).astype(np.float32)
    mask = Mask(0, np.float32(-999).tobytes(), np.float32(-1).tobytes())
    values[:rows] = rng.normal(0, 10, rows)
    recipe = ColumnRecipe(bound, (0,), masks=(mask,))
    check(values, recipe, {0: parent}.__getitem__)
    payload = encode(values, recipe, {0: parent}.__getitem__)
    assert (describe(payload, values.dtype) == "masked") == (rows == 0)
    parent[:100] = 0  # no value is hidden
    check(values, recipe, {0: parent}.__getitem__)


def test_sentinels_are_frequent_values_that_have_no_place_on_the_lattice() -> None:
    values = np.array([0.0, -0.0, -999.0, np.nan, 1.0], np.float32).repeat([90, 90, 90, 90, 7])
    for dithered in (False, True):
        found = {value.tobytes() for value in sentinels(values, dithered=dithered)}
        assert {values[at].tobytes() for at in (100, 200, 300)} <= found
        assert (values[0].tobytes() in found) == dithered
        assert values[-1].tobytes() not in found


def test_an_atom_is_listed_once() -> None:
    values = np.append(np.arange(40.0), np.full(40, 0.123))
    bound = Absolute(1e-9)
    wide = encode_grid(values, Uniform(1.0), encode_raw, keeps=bound.holds)
    assert wide is not None
    assert wide == encode_grid(
        values, Uniform(1.0), encode_raw, keeps=bound.holds, exact=np.array([0.123])
    )


@pytest.mark.parametrize("bound", [Exact(), Absolute(0.1), Relative(0.01)], ids=str)
@pytest.mark.parametrize("size", [0, 1, 499, 501, 1000])
def test_hints_from_columns_that_are_longer_or_shorter_are_left_out(
    bound: Bound, size: int
) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0, 10, 500).astype(np.float32)
    values[:100] = -1
    parents = {0: np.resize(values, size), 1: values.copy(), 2: np.resize(values > 0, size)}
    mask = Mask(0, values[:1].tobytes(), values[:1].tobytes())
    other = Mask(2, b"\0", values[:1].tobytes())
    hints = (Prediction("same", (0,)), Prediction("sum", (1, 0)), Prediction("scaled", (1,), 1.0))
    found = check(values, ColumnRecipe(bound, (0, 1, 2), hints, (mask, other)), parents.__getitem__)
    assert found.size == 500
    whole = np.arange(500) % 50
    recipe = ColumnRecipe(Exact(), (0,), (Prediction("same", (0,)),))
    check(whole, recipe, {0: np.resize(whole, size)}.__getitem__)
