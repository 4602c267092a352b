"""Peers on columns that are hard for them: nothing crashes, and nothing broken stays hidden."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest

from baler.core.bounds import Absolute, Bound, Exact, Relative, Sigma
from baler.core.chunk import Array
from baler.core.schema import DTYPES
from baler.core.verdict import Verdict, judge
from baler.evaluate.peers import (
    BOUNDED,
    EXACT,
    REFERENCE,
    BoundedPeer,
    ColumnPeer,
    Peer,
)
from baler.evaluate.peers.bins import Bins
from baler.evaluate.peers.exact import Pcodec, Plain, Shuffled, Smaller, Xz, Zstd
from baler.evaluate.peers.mantissa import round_mantissa, round_to_bound

EPSILON, FRACTION = 2.5e-3, 2.0**-9
GUARANTEED = [p for p in BOUNDED if p.name.startswith(("bins", "mantissa"))]


def columns(dtype: type[np.floating[Any]]) -> dict[str, Array]:
    """Return floats that break compressors, by what is wrong with them."""
    random = np.random.default_rng(1)
    info = np.finfo(dtype)
    plain = random.normal(0, 3, 500).astype(dtype)
    sentinels = plain.copy()
    sentinels[::3], sentinels[1::50] = -999, 1e4
    nan = plain.copy()
    nan[7:400:11], nan[8], nan[9] = np.nan, np.inf, -np.inf
    payload = np.full(3, np.nan, dtype)
    payload.view(f"u{payload.itemsize}")[1] |= 5
    half_way = (2 * np.arange(-200, 200) + 1) * dtype(EPSILON)
    return {
        "plain": plain,
        "sentinels": sentinels,
        "nan": nan,
        "all nan": payload,
        "constant": np.full(300, 1.5, dtype),
        "zeros": np.array([0.0, -0.0] * 50, dtype),
        "sparse": np.where(random.random(400) < 0.9, 0, plain[:400]).astype(dtype),
        "empty": np.empty(0, dtype),
        "one": np.array([0.1], dtype),
        "two": np.array([0.1, -7.0], dtype),
        "tiny": np.array([info.smallest_subnormal, info.tiny, -info.tiny, 1.0], dtype),
        "extremes": np.array([info.max, info.min, info.max / 2, 1.0, 0.0], dtype),
        "half-way": np.concatenate(
            [half_way, np.nextafter(half_way, dtype(9)), np.nextafter(half_way, dtype(-9))]
        ).astype(dtype),
    }


def there_and_back(
    peer: ColumnPeer, values: Array, bound: Bound, sigma: Array | None = None
) -> tuple[bytes, Array]:
    payload = peer.compress(values, bound, sigma)
    return payload, peer.decompress(payload, values.dtype, values.size, sigma)


def parameters(peers: Iterable[Peer]) -> list[Any]:
    """Return peers as test parameters; those that are not installed are skipped."""
    return [
        pytest.param(
            peer,
            marks=pytest.mark.skipif(not peer.available(), reason=f"needs {peer.missing()}"),
            id=peer.name,
        )
        for peer in peers
    ]


@pytest.mark.parametrize("peer", parameters(EXACT + BOUNDED))
@pytest.mark.parametrize("dtype", DTYPES)
def test_without_a_bound_every_dtype_comes_back_bit_for_bit(peer: ColumnPeer, dtype: str) -> None:
    random = np.random.default_rng(3)
    for size in (0, 1, 2, 777):
        words = random.integers(0, 2 if dtype == "|b1" else 256, size * np.dtype(dtype).itemsize)
        values = words.astype(np.uint8).view(dtype)
        _, decoded = there_and_back(peer, values, Exact())
        assert judge(Exact(), values, decoded) == Verdict()
        assert decoded.dtype == values.dtype


@pytest.mark.parametrize("peer", parameters(EXACT))
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_exact_peers_are_exact_whatever_the_bound(
    peer: ColumnPeer, dtype: type[np.floating[Any]]
) -> None:
    for values in columns(dtype).values():
        _, decoded = there_and_back(peer, values, Absolute(EPSILON))
        assert judge(Exact(), values, decoded) == Verdict()


@pytest.mark.parametrize("peer", parameters(GUARANTEED))
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bound", [Absolute(EPSILON), Relative(FRACTION), Sigma(0.1, "s")])
def test_bins_and_rounding_keep_every_bound(
    peer: ColumnPeer, dtype: type[np.floating[Any]], bound: Bound
) -> None:
    for name, values in columns(dtype).items():
        sigma = np.resize(np.array([0.5, 0.01, np.nan, -1.0, 0.0, 3.0, np.inf], dtype), values.size)
        _, decoded = there_and_back(peer, values, bound, sigma)
        verdict = judge(bound, values, decoded, sigma)
        assert verdict.kept, (name, verdict)
        assert not verdict.zeros_moved, name


@pytest.mark.parametrize("peer", parameters(BOUNDED))
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("bound", [Absolute(EPSILON), Relative(FRACTION), Sigma(0.1, "s")])
def test_nothing_crashes_and_plain_values_are_near(
    peer: ColumnPeer, dtype: type[np.floating[Any]], bound: Bound
) -> None:
    for name, values in columns(dtype).items():
        sigma = np.full(values.size, 0.25, dtype)
        _, decoded = there_and_back(peer, values, bound, sigma)
        assert (decoded.dtype, decoded.size) == (values.dtype, values.size)
        if name in {"plain", "constant", "one", "two"}:
            assert judge(bound, values, decoded, sigma).worst < 1.2


def test_bins_cost_what_their_number_costs() -> None:
    values = np.random.default_rng(4).uniform(0, 1, 100_000).astype(np.float32)
    payload = REFERENCE.compress(values, Absolute(2.0**-9))  # 256 bins
    assert isinstance(REFERENCE, ColumnPeer)
    assert 8 * len(payload) / values.size < 8.12
    payload = REFERENCE.compress(1 + values, Relative(2.0**-9))  # one octave, bins of 2^-8
    assert 8 * len(payload) / values.size < np.log2(np.log(2) * 2**8) + 0.05


def test_bins_patch_only_what_they_must() -> None:
    values = np.random.default_rng(5).normal(0, 2, 100_000).astype(np.float32)
    alone = BoundedPeer("bins", Bins(Pcodec(8)), Pcodec(8))
    size = len(alone.compress(values, Absolute(2.5e-4)))
    values[50_000] = np.nan
    assert len(alone.compress(values, Absolute(2.5e-4))) < size + 100


def test_bins_leave_room_for_the_rounding_to_single_precision() -> None:
    values = np.random.default_rng(8).uniform(-8, 8, 100_000).astype(np.float32)
    alone = BoundedPeer("bins", Bins(Pcodec(8)), Pcodec(8))
    single = len(alone.compress(values, Absolute(1e-5)))
    double = len(alone.compress(values.astype(np.float64), Absolute(1e-5)))
    assert single < 1.01 * double


def test_zeros_have_a_bin_of_their_own() -> None:
    random = np.random.default_rng(9)
    values = np.where(random.random(50_000) < 0.5, 0, random.exponential(9, 50_000))
    alone = BoundedPeer("bins", Bins(Pcodec(8)), Pcodec(8))
    size = len(alone.compress(values, Relative(FRACTION)))
    dense = len(alone.compress(values[values > 0], Relative(FRACTION)))
    assert 8 * (size - dense) < 1.1 * values.size  # which ones are zero: a bit for each


def test_the_smaller_of_bins_and_exact_is_kept_and_told() -> None:
    lattice = np.tile(np.array([1.0, 1.5], np.float32), 500)
    fine = Absolute(1e-9)
    assert REFERENCE.fell_back(REFERENCE.compress(lattice, fine)) == (
        len(Pcodec(12).encode(lattice)) < len(Bins(Pcodec(12)).encode(lattice, fine, None) or b"")
    )


def test_rounding_takes_the_fewest_bits_that_keep_the_bound() -> None:
    values = np.random.default_rng(6).normal(0, 3, 999).astype(np.float32)
    rounded = round_to_bound(values, Relative(2.0**-11), None)
    assert np.array_equal(rounded, round_mantissa(values, 10))
    for epsilon in (1.0, 0.1, EPSILON, 1e-5):
        bound = Absolute(epsilon)
        rounded = round_to_bound(values, bound, None)
        kept = [bool(bound.holds(values, round_mantissa(values, k)).all()) for k in range(24)]
        assert np.array_equal(rounded, round_mantissa(values, kept.index(True)))


def test_rounding_is_to_the_nearest_and_leaves_special_values() -> None:
    values = np.array([1.0, 1.24, 1.26, -1.26, np.nan, np.inf, -0.0, np.finfo("f4").max], "f4")
    expected = np.array([1.0, 1.0, 1.5, -1.5, np.nan, np.inf, -0.0, np.finfo("f4").max], "f4")
    assert round_mantissa(values, 1).tobytes() == expected.tobytes()


@pytest.mark.parametrize("coder", [Plain(Xz()), Shuffled(Zstd(3)), Smaller(Xz()), Pcodec(8)])
def test_coders_shrink_what_repeats(coder: Any) -> None:
    assert len(coder.encode(np.tile(np.arange(100.0), 200))) < 8 * 100 * 200 / 20
