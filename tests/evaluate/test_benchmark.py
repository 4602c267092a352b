"""Benchmarks: sums, failures reported and not hidden, whole files, solid streams."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from baler.core.bounds import Absolute, Bound, Relative, Sigma
from baler.core.chunk import Array, Chunk
from baler.core.schema import Column, Field, Leaf, List, Schema
from baler.evaluate.benchmark import Result, judge_columns, run
from baler.evaluate.peers import ALL, FILES, REFERENCE, ColumnPeer, ExactPeer, Peer, RootPeer
from baler.evaluate.peers.exact import Pcodec
from baler.evaluate.solid import solid_sizes

EPSILON, FRACTION = 2.5e-3, 2.0**-9


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


@dataclass(frozen=True, slots=True)
class Cutting(Careless):
    """A peer that loses the last value."""

    def decompress(
        self, payload: bytes, dtype: np.dtype[Any], size: int, sigma: Array | None = None
    ) -> Array:
        return np.frombuffer(payload, dtype)[:-1]


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

    def test_a_column_of_the_wrong_size_is_lost_but_not_those_that_it_bounds(self) -> None:
        (row,) = only(Cutting("cutting")).peers
        assert len(row.broken) == 5
        assert all(not c.note for c in row.columns)

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


@pytest.mark.parametrize("peer", FILES, ids=lambda peer: peer.name)
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
