"""Laws of exact coding: every bit pattern of every dtype comes back, and coding is a function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.codecs import decode, describe, encode
from baler.codecs.base import codecs
from baler.codecs.contextual import encode_copy, masked_head
from baler.codecs.formulas import FORMULAS
from baler.codecs.grid import encode_grid
from baler.codecs.lorenzo import encode_lorenzo
from baler.codecs.plain import encode_constant, encode_lzma, encode_pco, encode_raw, encode_zstd
from baler.codecs.reshape import MAX_RANKS, encode_flags, encode_rank, encode_shuffle
from baler.codecs.search import Search, excerpt
from baler.core.bounds import Exact, same_bits
from baler.core.chunk import Array
from baler.core.recipe import ColumnRecipe, Prediction
from baler.core.schema import DTYPES
from baler.quantise.lattice import Bits, Decimal, Integers, Lattice

DTYPE = st.sampled_from([np.dtype(name) for name in DTYPES])


def nothing(position: int) -> Array:
    """Return no column: the context of columns that have none."""
    raise AssertionError(f"column {position} was looked at")


def edges(dtype: np.dtype[Any]) -> Array:
    """Return the values of a dtype at which things break."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        numbers = [0, 1, 2, 255, limits.min, limits.min + 1, limits.max, limits.max - 1]
        return np.array([n for n in numbers if n <= limits.max], dtype)
    ends = np.finfo(dtype)
    magnitudes = np.array(
        [0.0, 1.0, 999.0, np.inf, ends.max, ends.tiny, ends.smallest_subnormal, 0.1], dtype
    )
    bits = np.array([np.inf], dtype).view(f"u{dtype.itemsize}")
    payloads = (bits + np.array([1, 2, 1 << (ends.nmant - 1), 5], bits.dtype)).view(dtype)
    positive = np.concatenate([magnitudes, payloads])
    sign = np.array([1 << (8 * dtype.itemsize - 1)], bits.dtype)
    return np.concatenate([positive, (positive.view(bits.dtype) ^ sign).view(dtype)])


def random_bits(dtype: np.dtype[Any], size: int, rng: np.random.Generator) -> Array:
    """Return values of random bits."""
    if dtype.kind == "b":
        return rng.integers(0, 2, size).astype(dtype)
    return np.frombuffer(rng.bytes(size * dtype.itemsize), dtype).copy()


def shaped(dtype: np.dtype[Any], size: int, kind: str, rng: np.random.Generator) -> Array:
    """Return an array that one or another codec is good at."""
    match kind:
        case "noise":
            return random_bits(dtype, size, rng)
        case "few":
            return rng.choice(random_bits(dtype, 5, rng), size)
        case "many":
            return rng.choice(random_bits(dtype, 400, rng), size)
        case "ramp":
            return np.cumsum(rng.integers(0, 3, size)).astype(dtype)
        case "pattern":
            return np.resize(random_bits(dtype, 13, rng), size)
        case "rounded" if dtype.kind == "f":
            values = rng.normal(0.0, 30.0, size).astype(dtype)
            kept = np.array(-1 << (np.finfo(dtype).nmant - 5)).astype(f"u{dtype.itemsize}")
            return np.asarray((values.view(kept.dtype) & kept).view(dtype))
        case "decimal" if dtype.kind == "f":
            return np.asarray((rng.integers(-9999, 9999, size) / 100).astype(dtype))
        case "skewed":
            return np.minimum(rng.geometric(0.3, size), 100).astype(dtype)
    return rng.normal(0.0, 30.0, size).clip(0, 120).astype(dtype)


SHAPES = ("noise", "few", "many", "ramp", "pattern", "rounded", "decimal", "skewed", "normal")
SIZES = (0, 1, 2, 3, 7, 8, 9, 63, 64, 65, 255, 256, 257, 700)


@st.composite
def arrays(draw: st.DrawFn, dtype: np.dtype[Any]) -> Array:
    """Arrays of all kinds, with values at the edge dropped in."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    hard = edges(dtype)
    if draw(st.booleans()):
        chosen = draw(st.lists(st.integers(0, hard.size - 1), max_size=40))
        return hard[np.array(chosen, np.intp)]
    values = shaped(dtype, draw(st.sampled_from(SIZES)), draw(st.sampled_from(SHAPES)), rng)
    if values.size:
        at = rng.integers(0, values.size, draw(st.sampled_from([0, 0, 1, 3, 30])))
        values[at] = rng.choice(hard, at.size)
    return values


def check(payload: bytes, values: Array, context: Callable[[int], Array] = nothing) -> None:
    """Assert that a payload decodes to a new array of these very bits, and describes itself."""
    found = decode(payload, values.dtype, values.size, context)
    assert found.dtype == values.dtype
    assert found.shape == values.shape
    assert found.flags.writeable
    assert same_bits(values, found).all()
    name = describe(payload, values.dtype)
    assert set(name.replace("+", ">").replace("~", ">").split(">")[:1]) <= KNOWN


LATTICES = {"int", "bits", "decimal", "abs", "sigma", "rel"}
KNOWN = {codec.name for codec in codecs().values()} - {"grid"} | LATTICES


# Each codec on its own: how it encodes an array, or None where it does not apply


def _copy(values: Array) -> bytes | None:
    return encode_copy(values, values.copy(), 3, same_bits)


def _masked(values: Array) -> bytes | None:
    """Hide the rows of the first value behind a parent, which `PARENTS` makes."""
    if not values.size:
        return None
    parent = _mask_parent(values)
    head = masked_head(parent, np.array([7], np.int16), values[:1], 5)
    return head + encode_raw(values[parent != 7])


def _mask_parent(values: Array) -> Array:
    return np.where(same_bits(values, values[:1].repeat(values.size)), 7, 1).astype(np.int16)


def _grid(values: Array) -> bytes | None:
    lattice: Lattice = Bits(0) if values.dtype.kind == "f" else Integers()
    return encode_grid(values, lattice, encode_raw, keeps=same_bits)


def _lorenzo(values: Array) -> bytes | None:
    if values.dtype.kind not in "iu":
        return None
    width = 3 if values.size % 3 == 0 else 1
    return encode_lorenzo(values.reshape(-1, width, 1), (1, 2, 0), encode_raw, reverse=width > 1)


CODECS: Mapping[str, Callable[[Array], bytes | None]] = {
    "raw": encode_raw,
    "constant": lambda v: encode_constant(v) if v.size else None,
    "pco": lambda v: encode_pco(v, 8),
    "zstd": lambda v: encode_zstd(v, 3) if v.size else None,
    "lzma": encode_lzma,
    "shuffle": lambda v: None if v.dtype.kind == "b" else encode_shuffle(v, encode_raw),
    "flags": lambda v: encode_flags(v, encode_raw) if v.dtype.kind == "b" else None,
    "rank": partial(encode_rank, inner=encode_raw),
    "copy": _copy,
    "masked": _masked,
    "grid": _grid,
    "lorenzo": _lorenzo,
}
ELSEWHERE = {"learned", "predicted", "split"}  # tests/learned and tests/container have those


def test_every_codec_is_tested() -> None:
    assert set(CODECS) == {codec.name for codec in codecs().values()} - ELSEWHERE


@pytest.mark.parametrize("name", CODECS)
@given(st.data())
@settings(max_examples=60)
def test_every_codec_returns_every_bit(name: str, data: st.DataObject) -> None:
    dtype = data.draw(DTYPE)
    values = data.draw(arrays(dtype))
    if name == "constant" and values.size:
        values = values[:1].repeat(values.size)
    payload = CODECS[name](values)
    if payload is None:
        return
    assert codecs()[payload[0]].name == name
    assert payload == CODECS[name](values.copy())
    parents = {3: values} | ({5: _mask_parent(values)} if name == "masked" else {})
    check(payload, values, parents.__getitem__)


@given(DTYPE.flatmap(arrays), st.booleans())
@settings(max_examples=300)
def test_the_smallest_payload_returns_every_bit(values: Array, solid: bool) -> None:
    payload = encode(values, ColumnRecipe(Exact()), nothing, solid=solid)
    assert payload == encode(values.copy(), ColumnRecipe(Exact()), nothing, solid=solid)
    check(payload, values)
    if not solid:
        assert len(payload) <= values.nbytes + 1


@given(st.sampled_from(["<f2", "<f4", "<f8"]).map(np.dtype).flatmap(arrays), st.integers(0, 70))
@settings(max_examples=150)
def test_lattices_keep_what_is_not_on_them(values: Array, parameter: int) -> None:
    lattice: Lattice = (
        Decimal(parameter % 19) if parameter & 1 else Bits(parameter % (8 * values.itemsize))
    )
    payload = encode_grid(values, lattice, Search().smallest, keeps=same_bits)
    if payload is not None:
        check(payload, values)


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_surprises_where_the_sample_does_not_look(name: str, shape: str) -> None:
    dtype = np.dtype(name)
    rng = np.random.default_rng(7)
    size = int(rng.integers(20_000, 30_000))
    values = shaped(dtype, size, shape, rng)
    unseen = np.setdiff1d(np.arange(size), excerpt(np.arange(size)))
    assert unseen.size > size // 2
    at = rng.choice(unseen, 40, replace=False)
    values[at] = rng.choice(edges(dtype), at.size)
    payload = encode(values, ColumnRecipe(Exact()), nothing)
    check(payload, values)
    assert len(payload) <= values.nbytes + 1


@pytest.mark.parametrize("name", DTYPES)
def test_a_sample_that_is_nothing_like_the_rest(name: str) -> None:
    dtype = np.dtype(name)
    rng = np.random.default_rng(3)
    for seen in ("few", "rounded", "decimal", "ramp"):
        rest = "few" if seen == "ramp" else "noise"
        values = shaped(dtype, 30_000, seen, rng)
        unseen = np.setdiff1d(np.arange(values.size), excerpt(np.arange(values.size)))
        values[unseen] = shaped(dtype, unseen.size, rest, rng)
        check(encode(values, ColumnRecipe(Exact()), nothing), values)


FLOATS = st.sampled_from(["<f2", "<f4", "<f8"]).map(np.dtype)
WHOLE = st.sampled_from([np.dtype(name) for name in DTYPES if name[1] != "f"])


@given(st.data())
@settings(max_examples=150)
def test_predictions_of_exact_columns_return_every_bit(data: st.DataObject) -> None:
    floats = data.draw(st.booleans())
    dtype = data.draw(FLOATS if floats else WHOLE)
    values = data.draw(arrays(dtype))
    parents = [
        np.resize(data.draw(arrays(data.draw(FLOATS if floats else WHOLE))), values.size)
        for _ in range(4)
    ]
    formula = data.draw(st.sampled_from([f for f in FORMULAS if floats or f.integer]))
    constant = data.draw(st.sampled_from([0.0, 1.0, -2.5, 1e300, np.inf, np.nan]))
    prediction = Prediction(formula.name, ((3, 1, 0, 2) * 2)[: formula.arity], constant)
    recipe = ColumnRecipe(Exact(), (0, 1, 2, 3), (prediction,))
    check(encode(values, recipe, parents.__getitem__), values, parents.__getitem__)
    lattice: Lattice = Bits(0) if floats else Integers()
    direct = encode_grid(
        values, lattice, encode_raw, keeps=same_bits, prediction=prediction,
        context=parents.__getitem__,
    )  # fmt: skip
    if direct is not None:
        check(direct, values, parents.__getitem__)


@given(WHOLE, WHOLE, st.data())
@settings(max_examples=60)
def test_copies_change_the_dtype_only_where_every_value_fits(
    dtype: np.dtype[Any], other: np.dtype[Any], data: st.DataObject
) -> None:
    parent = data.draw(arrays(other))
    values = parent.astype(dtype)
    payload = encode_copy(values, parent, 3, same_bits)
    fits = all(int(a) == int(b) for a, b in zip(parent, values, strict=True))
    assert (payload is not None) == fits
    if payload is not None:
        check(payload, values, {3: parent}.__getitem__)


def test_a_copy_has_memory_of_its_own() -> None:
    parent = np.arange(9)
    for dtype in ("<i8", "<i4"):
        found = decode(b"\x08\0", np.dtype(dtype), 9, {0: parent}.__getitem__)
        assert found.tolist() == parent.tolist()
        assert not np.shares_memory(found, parent)


def test_symbols_have_64_bits_and_no_more() -> None:
    ends = np.array([(1 << 63) - 1, -(1 << 63), 5, 5])
    values = np.array([(1 << 63) - 1, -1, 5, 5]).view(np.float64)  # the outermost NaNs
    for column, lattice in ((ends, Integers()), (values, Bits(0))):
        payload = encode_grid(column, lattice, encode_raw, keeps=same_bits)
        assert payload is not None
        check(payload, column)
        assert encode_grid(column, lattice, encode_raw, keeps=same_bits, exact=column[2:3]) is None


def test_a_lattice_that_serves_few_is_none() -> None:
    values = np.array([1.0, 2.0, 0.1, 0.2, 0.3])
    assert encode_grid(values, Decimal(0), encode_raw, keeps=same_bits) is None
    payload = encode_grid(values[:4], Decimal(0), encode_raw, keeps=same_bits)
    assert payload is not None
    check(payload, values[:4])


def test_only_so_many_values_are_ranked() -> None:
    for dtype in ("<i4", "<f8", "<u8"):
        values = np.arange(MAX_RANKS + 1).astype(dtype)
        assert encode_rank(values, encode_raw) is None
        assert encode_rank(values[:0], encode_raw) is None
        payload = encode_rank(values[1:], encode_raw)
        assert payload is not None
        check(payload, values[1:])


def test_a_copy_costs_next_to_nothing() -> None:
    values = random_bits(np.dtype("<f4"), 30_000, np.random.default_rng(1))
    recipe = ColumnRecipe(Exact(), (70_000,), (Prediction("same", (70_000,)),))
    payload = encode(values, recipe, {70_000: values}.__getitem__)
    assert len(payload) < 8
    check(payload, values, {70_000: values}.__getitem__)


@pytest.mark.parametrize("name", DTYPES)
def test_a_constant_column_costs_next_to_nothing(name: str) -> None:
    for value in edges(np.dtype(name)):
        values = np.repeat(np.asarray([value]), 30_000)
        payload = encode(values, ColumnRecipe(Exact()), nothing)
        assert len(payload) == 1 + values.itemsize
        check(payload, values)


def test_noise_is_never_larger() -> None:
    for name in DTYPES[1:]:
        values = random_bits(np.dtype(name), 20_000, np.random.default_rng(5))
        assert len(encode(values, ColumnRecipe(Exact()), nothing)) <= values.nbytes + 1
