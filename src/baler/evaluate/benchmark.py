"""Every compressor on the same columns at the same bounds: bytes, speed, and bounds kept or not."""

from __future__ import annotations

import dataclasses
import math
import platform
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from baler.core.bounds import Bound, Exact
from baler.core.chunk import Array, Chunk
from baler.core.schema import Column, Schema
from baler.core.verdict import Verdict, judge
from baler.evaluate.peers.base import ColumnPeer, FilePeer, Peer, in_order

Progress = Callable[[str, str, int, int], None]
"""Called with the names of peer and column (or file), the steps done and the steps in all."""


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column through one peer, all chunks together."""

    column: str
    dtype: str
    bound: str
    values: int
    original: int
    compressed: int | None  # None: a part of a file that has no size of its own
    encode_seconds: float
    decode_seconds: float
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True, slots=True)
class PeerRow:
    """All columns through one peer.

    Sizes and times are those of the rows that were tried: see ``Result.rows_limit`` for the limit
    per column, and ``note`` for a peer that ran out of time, which leaves columns out.
    """

    peer: str
    kind: str
    versions: Mapping[str, str]
    columns: tuple[ColumnRow, ...]
    original: int
    compressed: int
    encode_seconds: float
    decode_seconds: float
    complete: bool = True
    note: str = ""

    @property
    def ratio(self) -> float:
        """Original bytes over compressed bytes."""
        return self.original / self.compressed if self.compressed else math.nan

    @property
    def bits_per_float(self) -> float | None:
        """Bits per value of floating-point columns; None where columns have no sizes."""
        rows = [row for row in self.columns if np.dtype(row.dtype).kind == "f"]
        sizes = [row.compressed for row in rows if row.compressed is not None]
        values = sum(row.values for row in rows)
        return 8 * sum(sizes) / values if values and len(sizes) == len(rows) else None

    @property
    def encode_speed(self) -> float | None:
        """MB of original column data per CPU second."""
        return _speed(self.original, self.encode_seconds)

    @property
    def decode_speed(self) -> float | None:
        """MB of original column data per CPU second."""
        return _speed(self.original, self.decode_seconds)

    @property
    def broken(self) -> tuple[str, ...]:
        """The columns with values beyond their bounds."""
        return tuple(row.column for row in self.columns if not row.verdict.kept)

    @property
    def verified(self) -> bool:
        """Whether all columns were tried, and all values are within their bounds."""
        return self.complete and not self.broken

    @property
    def worst(self) -> tuple[str, float] | None:
        """The column with the largest error / bound, and that number."""
        row = max(self.columns, key=lambda row: row.verdict.worst, default=None)
        return None if row is None else (row.column, row.verdict.worst)

    @property
    def zeros_moved(self) -> int:
        """Zeros that changed within their bounds, in all columns."""
        return sum(row.verdict.zeros_moved for row in self.columns)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON, derived numbers included; numbers that are not finite are strings."""
        derived = ("ratio", "bits_per_float", "encode_speed", "decode_speed", "broken", "verified")
        both = dataclasses.asdict(self) | {name: getattr(self, name) for name in derived}
        both |= {"worst": self.worst, "zeros_moved": self.zeros_moved}
        return {name: _plain(value) for name, value in both.items()}


@dataclass(frozen=True, slots=True)
class Result:
    """All peers on one set of columns."""

    peers: tuple[PeerRow, ...]
    skipped: Mapping[str, str]  # peer -> reason
    rows_limit: int | None  # values per column that single columns were cut to, from the first on
    machine: str = dataclasses.field(default_factory=platform.platform)

    def with_row(self, row: PeerRow) -> Result:
        """Return the result with one more row, our own for instance."""
        return dataclasses.replace(self, peers=(*self.peers, row))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "machine": self.machine,
            "rows_limit": self.rows_limit,
            "skipped": dict(self.skipped),
            "peers": [row.to_json() for row in self.peers],
        }


def run(
    schema: Schema,
    chunks: Sequence[Chunk],
    bounds: Mapping[str, Bound],
    peers: Sequence[Peer],
    *,
    rows_limit: int | None = None,
    seconds_per_peer: float = math.inf,
    progress: Progress | None = None,
) -> Result:
    """Try each peer on each column of each chunk; columns that ``bounds`` does not name are exact.

    ``rows_limit`` cuts every column to its first values, for column peers only: whole files are
    always whole. A peer that exceeds ``seconds_per_peer`` of CPU time stops before its next column,
    and says so; it cannot stop within a column or a file. Peers whose packages are not installed,
    and those that cannot hold the data, are skipped with the reason.
    """
    report = progress or _silent
    pieces = _cut(schema, chunks, rows_limit)
    rows: list[PeerRow] = []
    skipped: dict[str, str] = {}
    for peer in peers:
        if not peer.available():
            skipped[peer.name] = f"not installed: {', '.join(peer.missing())}"
        elif isinstance(peer, ColumnPeer):
            rows.append(_run_columns(peer, schema, pieces, bounds, seconds_per_peer, report))
        elif isinstance(peer, FilePeer):
            try:
                rows.append(_run_file(peer, schema, chunks, bounds, report))
            except Exception as error:  # what foreign writers raise is not known
                skipped[peer.name] = f"{type(error).__name__}: {error}"
    return Result(tuple(rows), skipped, rows_limit)


def judge_columns(
    schema: Schema,
    chunks: Sequence[Chunk],
    bounds: Mapping[str, Bound],
    decoded: Mapping[str, Array],
) -> tuple[ColumnRow, ...]:
    """Return a row per column for values that came from one file, chunks one after the other.

    A column that is not there is lost as a whole.
    """
    rows = []
    for column in schema.columns:
        original = np.concatenate(
            [np.empty(0, column.dtype), *(chunk.columns[column.name] for chunk in chunks)]
        )
        bound = bounds.get(column.name, Exact()) if column.is_float else Exact()
        sigma = None if bound.parent is None else decoded.get(bound.parent)
        found = decoded.get(column.name)
        lost = found is None or (bound.parent is not None and sigma is None)
        verdict = _LOST if found is None or lost else judge(bound, original, found, sigma)
        rows.append(
            ColumnRow(
                column.name, column.dtype.str, str(bound), original.size, original.nbytes,
                None, 0.0, 0.0, verdict, "lost" if lost else "",
            )
        )  # fmt: skip
    return tuple(rows)


_LOST = Verdict(math.inf, 1)


def _cut(schema: Schema, chunks: Sequence[Chunk], limit: int | None) -> dict[str, list[Array]]:
    pieces: dict[str, list[Array]] = {}
    for column in schema.columns:
        arrays = [chunk.columns[column.name] for chunk in chunks]
        if limit is not None:
            starts = np.cumsum([0, *(array.size for array in arrays)]).tolist()
            arrays = [
                array[: max(limit - start, 0)] for array, start in zip(arrays, starts, strict=False)
            ]
            arrays = [array for i, array in enumerate(arrays) if array.size or not i]
        pieces[column.name] = arrays
    return pieces


def _run_columns(
    peer: ColumnPeer,
    schema: Schema,
    pieces: Mapping[str, Sequence[Array]],
    bounds: Mapping[str, Bound],
    seconds: float,
    report: Progress,
) -> PeerRow:
    rows: list[ColumnRow] = []
    uncertainties = {bound.parent for bound in bounds.values()}
    decoded: dict[str, list[Array]] = {}
    columns = in_order(schema, bounds)
    spent = 0.0
    for done, column in enumerate(columns):
        if spent > seconds:
            break
        report(peer.name, column.name, done, len(columns))
        bound = bounds.get(column.name, Exact()) if column.is_float else Exact()
        sigmas = decoded[bound.parent] if bound.parent is not None else None
        row, values = try_column(peer, column, bound, pieces[column.name], sigmas)
        if column.name in uncertainties:
            decoded[column.name] = values
        rows.append(row)
        spent += row.encode_seconds + row.decode_seconds
    complete = len(rows) == len(columns)
    return PeerRow(
        peer=peer.name,
        kind=peer.kind,
        versions=peer.versions(),
        columns=tuple(rows),
        original=sum(row.original for row in rows),
        compressed=sum(row.compressed or 0 for row in rows),
        encode_seconds=sum(row.encode_seconds for row in rows),
        decode_seconds=sum(row.decode_seconds for row in rows),
        complete=complete,
        note="" if complete else f"out of time after {len(rows)} of {len(columns)} columns",
    )


def try_column(
    peer: ColumnPeer,
    column: Column,
    bound: Bound,
    pieces: Sequence[Array],
    sigmas: Sequence[Array] | None,
) -> tuple[ColumnRow, list[Array]]:
    """Return what became of the pieces of one column, and their decoded values.

    ``sigmas`` are the decoded pieces of the column that a ``sigma`` bound names. A piece on which
    the peer fails counts as stored as it is, and as lost.
    """
    compressed, seconds = 0, [0.0, 0.0]
    verdict, notes, decoded = Verdict(), set(), []
    for i, original in enumerate(pieces):
        sigma = None if sigmas is None else sigmas[i]
        values = original
        start = time.thread_time()
        try:
            payload = peer.compress(original, bound, sigma)
            middle = time.thread_time()
            values = peer.decompress(payload, column.dtype, original.size, sigma)
            times = (middle - start, time.thread_time() - middle)
        except Exception as error:  # a column that a peer fails on counts as stored, and as lost
            compressed += original.nbytes
            found = Verdict(math.inf, max(original.size, 1))
            notes.add(f"failed: {type(error).__name__}: {error}")
        else:
            compressed += len(payload)
            seconds = [total + more for total, more in zip(seconds, times, strict=True)]
            found = judge(bound, original, values, sigma)
            if bound.lossy and original.size and peer.fell_back(payload):
                notes.add("exact")
        verdict = Verdict(
            max(verdict.worst, found.worst),
            verdict.violations + found.violations,
            verdict.zeros_moved + found.zeros_moved,
        )
        decoded.append(values if values.size == original.size else original)
    row = ColumnRow(
        column=column.name,
        dtype=column.dtype.str,
        bound=str(bound),
        values=sum(piece.size for piece in pieces),
        original=sum(piece.nbytes for piece in pieces),
        compressed=compressed,
        encode_seconds=seconds[0],
        decode_seconds=seconds[1],
        verdict=verdict,
        note="; ".join(sorted(notes)),
    )
    return row, decoded


def _run_file(
    peer: FilePeer,
    schema: Schema,
    chunks: Sequence[Chunk],
    bounds: Mapping[str, Bound],
    report: Progress,
) -> PeerRow:
    report(peer.name, "file", 0, 1)
    kept = bounds if peer.kind == "bounded" else {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "peer.root"
        start = time.process_time()  # foreign readers and writers have threads of their own
        peer.write(path, schema, chunks, kept)
        middle = time.process_time()
        decoded = dict(peer.read(path, schema))
        end = time.process_time()
        size = path.stat().st_size
    return PeerRow(
        peer=peer.name,
        kind=peer.kind,
        versions=peer.versions(),
        columns=judge_columns(schema, chunks, kept, decoded),
        original=sum(chunk.nbytes for chunk in chunks),
        compressed=size,
        encode_seconds=middle - start,
        decode_seconds=end - middle,
        note="whole file",
    )


def _speed(size: int, seconds: float) -> float | None:
    return size / 1e6 / seconds if seconds else None


def _silent(peer: str, column: str, done: int, total: int) -> None:
    """Report nothing."""


def _plain(value: object) -> object:
    match value:
        case float():
            return value if math.isfinite(value) else str(value)
        case Mapping():
            return {name: _plain(item) for name, item in value.items()}
        case tuple() | list():
            return [_plain(item) for item in value]
        case _:
            return value
