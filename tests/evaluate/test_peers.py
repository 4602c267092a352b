"""Peers on columns that are hard for them: nothing crashes, and nothing broken stays hidden."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from baler.core.bounds import Absolute, Bound, Exact, Relative, Sigma
from baler.core.chunk import Array, Chunk
from baler.core.schema import DTYPES, Column, Field, Leaf, List, Schema
from baler.evaluate.benchmark import Result, judge_columns, run
from baler.evaluate.peers import (
    ALL,
    BOUNDED,
    EXACT,
    FILES,
    REFERENCE,
    BoundedPeer,
    ColumnPeer,
    ExactPeer,
    Peer,
    RootPeer,
)
from baler.evaluate.peers.bins import Bins
from baler.evaluate.peers.exact import Pcodec, Plain, Shuffled, Smaller, Xz, Zstd
from baler.evaluate.peers.mantissa import round_mantissa, round_to_bound
from baler.evaluate.solid import solid_sizes
from baler.evaluate.verdict import Verdict, judge

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


def flat(**arrays: Array) -> tuple[Schema, Chunk]:
    """Return a schema and one chunk of columns with one value per event."""
    schema = Schema(
        tuple(Column(name, values.dtype) for name, values in arrays.items()),
        tuple(Field(name, Leaf(name)) for name in arrays),
    )
    return schema, Chunk(len(next(iter(arrays.values()))), arrays)


def events() -> tuple[Schema, list[Chunk]]:
    """Return two chunks of events with jets."""
    count = Column("nJet", np.dtype("<i4"))
    names = ("Jet_pt", "Jet_ptErr", "Jet_eta")
    schema = Schema(
        (
            count,
            Column("met", np.dtype("<f8")),
            *(Column(n, np.dtype("<f4"), "nJet") for n in names),
        ),
        (
            Field("nJet", Leaf("nJet")),
            Field("met", Leaf("met")),
            *(Field(n, List("nJet", Leaf(n))) for n in names),
        ),
    )
    random = np.random.default_rng(2)
    chunks = []
    for entries in (60, 41):
        jets = random.integers(0, 6, entries).astype("<i4")
        total = int(jets.sum())
        chunks.append(
            Chunk(
                entries,
                {
                    "nJet": jets,
                    "met": 40 + random.exponential(40, entries),
                    "Jet_pt": (15 + random.exponential(30, total)).astype("<f4"),
                    "Jet_ptErr": random.uniform(1, 4, total).astype("<f4"),
                    "Jet_eta": random.normal(0, 2, total).astype("<f4"),
                },
            )
        )
    return schema, chunks


BOUNDS: dict[str, Bound] = {
    "met": Relative(FRACTION),
    "Jet_pt": Sigma(0.1, "Jet_ptErr"),
    "Jet_ptErr": Relative(2.0**-5),
    "Jet_eta": Absolute(EPSILON),
}


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


class TestVerdict:
    def test_violations_and_worst_are_counted(self) -> None:
        original = np.array([1.0, 2.0, 3.0, np.nan, 5.0])
        decoded = np.array([1.0, 2.05, 3.2, np.nan, 5.1])
        assert judge(Absolute(0.1), original, decoded).violations == 1
        assert judge(Absolute(0.1), original, decoded).worst == pytest.approx(2.0)

    def test_a_lost_special_value_is_infinitely_wrong(self) -> None:
        verdict = judge(Absolute(1e9), np.array([np.inf, np.nan]), np.array([np.inf, 0.0]))
        assert verdict == Verdict(np.inf, 1)

    def test_zeros_that_move_within_the_bound_are_counted_apart(self) -> None:
        verdict = judge(Absolute(0.1), np.array([0.0, 0.0, 0.0]), np.array([0.05, 0.2, 0.0]))
        assert (verdict.violations, verdict.zeros_moved, verdict.worst) == (1, 1, np.inf)
        verdict = judge(Relative(0.1), np.array([0.0, 1.0]), np.array([1e-30, 1.0]))
        assert (verdict.violations, verdict.zeros_moved) == (1, 0)

    def test_integers_are_compared_beyond_float64(self) -> None:
        original = np.array([2**60, 0])
        assert judge(Exact(), original, original + np.array([1, 0])) == Verdict(np.inf, 1)

    @pytest.mark.parametrize("decoded", [np.zeros(2), np.zeros(3, np.float32)])
    def test_another_size_or_dtype_is_lost(self, decoded: Array) -> None:
        assert judge(Absolute(1.0), np.zeros(3), decoded) == Verdict(np.inf, 3)


@dataclass(frozen=True, slots=True)
class Careless(ColumnPeer):
    """A peer that promises bounds and shifts every value by a fixed amount instead."""

    shift: float = 0.0
    packages: ClassVar[tuple[str, ...]] = ()
    kind: ClassVar[Any] = "bounded"

    def compress(self, values: Array, bound: Bound, sigma: Array | None = None) -> bytes:
        if values.dtype.kind != "f":
            return values.tobytes()
        return bytes((values + values.dtype.type(self.shift)).tobytes())

    def decompress(
        self, payload: bytes, dtype: np.dtype[Any], size: int, sigma: Array | None = None
    ) -> Array:
        return np.frombuffer(payload, dtype)


@dataclass(frozen=True, slots=True)
class Crashing(Careless):
    """A peer that fails on floats."""

    def compress(self, values: Array, bound: Bound, sigma: Array | None = None) -> bytes:
        if values.dtype.kind == "f":
            raise RuntimeError("no floats")
        return values.tobytes()


@dataclass(frozen=True, slots=True)
class NotInstalled(Careless):
    """A peer whose package does not exist."""

    packages: ClassVar[tuple[str, ...]] = ("no_such_package",)


def only(peer: Peer, **options: Any) -> Result:
    schema, chunks = events()
    return run(schema, chunks, BOUNDS, [peer], **options)


class TestBenchmark:
    def test_a_broken_bound_is_reported_and_named(self) -> None:
        (row,) = only(Careless("careless", 0.01)).peers
        assert not row.verified
        assert row.broken == ("Jet_eta",)
        assert row.worst is not None
        assert row.worst[0] == "Jet_eta"
        assert row.worst[1] == pytest.approx(4, rel=1e-3)
        (row,) = only(Careless("careful", 0.001)).peers
        assert row.verified

    def test_a_peer_that_fails_does_not_stop_the_run_nor_gain_by_it(self) -> None:
        (row,) = only(Crashing("crashing")).peers
        assert row.broken == ("met", "Jet_ptErr", "Jet_pt", "Jet_eta")
        assert row.compressed == row.original
        assert row.columns[1].note == "failed: RuntimeError: no floats"

    def test_a_peer_that_is_not_installed_is_skipped_with_the_reason(self) -> None:
        result = only(NotInstalled("absent"))
        assert not result.peers
        assert result.skipped == {"absent": "not installed: no_such_package"}

    def test_a_column_is_judged_by_its_decoded_uncertainty(self) -> None:
        schema, chunk = flat(x=np.full(2, 10.0), err=np.full(2, 1.0))
        bounds: dict[str, Bound] = {"x": Sigma(0.5, "err"), "err": Absolute(1.0)}
        (row,) = run(schema, [chunk], bounds, [Careless("shifts both", 0.6)]).peers
        assert row.verified  # 0.6 is beyond half of 1.0, but within half of 1.6
        assert [c.column for c in row.columns] == ["err", "x"]

    def test_sums_are_those_of_the_columns(self) -> None:
        (row,) = only(REFERENCE).peers
        _, chunks = events()
        assert row.verified
        assert row.original == sum(chunk.nbytes for chunk in chunks)
        assert row.compressed == sum(c.compressed or 0 for c in row.columns)
        floats = [c for c in row.columns if c.column != "nJet"]
        assert row.bits_per_float == pytest.approx(
            8 * sum(c.compressed or 0 for c in floats) / sum(c.values for c in floats)
        )

    def test_rows_are_limited_across_chunks(self) -> None:
        result = only(ExactPeer("pcodec", Pcodec(8)), rows_limit=70)
        assert result.rows_limit == 70
        assert {c.values for c in result.peers[0].columns} == {70}
        assert result.peers[0].verified

    def test_a_peer_out_of_time_says_so_and_is_not_verified(self) -> None:
        (row,) = only(ExactPeer("pcodec", Pcodec(8)), seconds_per_peer=-1).peers
        assert not row.complete
        assert not row.verified
        assert row.note == "out of time after 0 of 5 columns"

    def test_progress_is_reported(self) -> None:
        seen: list[tuple[str, str, int, int]] = []
        only(ExactPeer("pcodec", Pcodec(8)), progress=lambda *step: seen.append(step))
        assert seen[0] == ("pcodec", "nJet", 0, 5)
        assert len(seen) == 5

    def test_results_are_plain_json(self) -> None:
        result = only(Crashing("crashing"))
        read = json.loads(json.dumps(result.to_json(), allow_nan=False))
        assert read["peers"][0]["worst"] == ["met", "inf"]
        assert read["peers"][0]["verified"] is False

    def test_every_peer_runs_on_events(self) -> None:
        schema, chunks = events()
        result = run(schema, chunks, BOUNDS, ALL)
        assert all(reason.startswith("not installed") for reason in result.skipped.values())
        assert len(result.peers) + len(result.skipped) == len(ALL)
        assert {row.peer for row in result.peers if row.broken} <= {"SZ3", "SPERR", "ZFP"}

    def test_our_own_row_can_be_added(self) -> None:
        result = only(REFERENCE)
        assert result.with_row(result.peers[0]).peers == result.peers * 2


@pytest.mark.parametrize("peer", parameters(FILES))
def test_files_hold_every_column_within_its_bound(peer: RootPeer, tmp_path: Path) -> None:
    schema, chunks = events()
    bounds = BOUNDS if peer.rounded else {}
    peer.write(tmp_path / "events.root", schema, chunks, bounds)
    decoded = dict(peer.read(tmp_path / "events.root", schema))
    rows = judge_columns(schema, chunks, bounds, decoded)
    assert [row.column for row in rows] == [column.name for column in schema.columns]
    assert all(row.verdict.kept for row in rows)
    assert any(row.verdict.worst > 0 for row in rows) == peer.rounded


def test_a_column_that_a_file_lost_is_a_violation() -> None:
    schema, chunk = flat(x=np.arange(3.0))
    (row,) = judge_columns(schema, [chunk], {}, {})
    assert row.note == "lost"
    assert not row.verdict.kept


def test_solid_streams_find_what_columns_share() -> None:
    noise = np.random.default_rng(7).random(20_000)
    schema, chunk = flat(x=noise, y=noise)
    sizes = solid_sizes(schema, [chunk])
    assert sizes.original == 320_000
    for size in (sizes.xz, sizes.xz_shuffled, sizes.zstd, sizes.zstd_shuffled):
        assert 0.4 * sizes.original < size < 0.55 * sizes.original
