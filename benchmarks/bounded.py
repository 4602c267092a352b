"""A whole .baler file among all other compressors, at the same bounds, every value verified.

Every result is decoded and compared with the original value by value. Our rows are whole files,
index and checksums included; peers that compress single columns pay for no file around them, and
no names. Chunks are the same for all. The reference is ideal bins and pcodec at its best level,
column by column: what is possible without a model of how columns depend on each other.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import record

import baler
from baler.api import Inspection
from baler.api.models import load
from baler.core.size import parse_size
from baler.evaluate import ours
from baler.evaluate.benchmark import PeerRow
from baler.evaluate.peers import REFERENCE


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--policy", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option("--tree", help="One of several trees of a ROOT file.")
@click.option("--peers", default="*", show_default=True, help="Patterns, separated by commas.")
@click.option("--entries", type=click.IntRange(min=1), help="Take the first entries only.")
@click.option(
    "--seconds-per-peer", type=click.FloatRange(min=0, min_open=True), default=math.inf,
    help="CPU time after which a peer stops before its next column; its row says so.",
)  # fmt: skip
@click.option("--chunk-size", default="64 MB", show_default=True)
@click.option("--model", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="A learned model: two rows more.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Result file, if not the usual one.")
def main(
    file: Path,
    policy: Path,
    tree: str | None,
    peers: str,
    entries: int | None,
    seconds_per_peer: float,
    chunk_size: str,
    model: Path | None,
    out: Path | None,
) -> None:
    """Compress FILE by a policy with baler and with all other compressors."""
    asked = baler.Policy.load(policy)
    last = [""]

    def progress(peer: str, column: str, done: int, total: int) -> None:
        if peer != last[0]:
            last[0] = peer
            click.echo(f"{peer} ...", err=True)

    result = ours.measure(
        file,
        asked,
        ours.select(name.strip() for name in peers.split(",")),
        tree=tree,
        skip_unreadable=True,
        entries=entries,
        chunk_size=chunk_size,
        seconds_per_peer=seconds_per_peer,
        model=load(model),
        progress=progress,
    )
    files = {} if entries else inspected(file, asked, tree, chunk_size)
    rows = [summary(row, bits_per_float(files.get(row.peer))) for row in result.peers]
    for row in rows:
        click.echo(f"{row['peer']}: {row['bytes']}, ratio {row['ratio']:.3f}, {row['verdict']}")
    record.save(
        f"bounded-{file.stem}-{policy.stem}",
        rows,
        [file],
        out=out,
        policy={"name": policy.name, "bounds": {glob: str(bound) for glob, bound in asked.rules}},
        reference=REFERENCE.name,
        entries=entries or "all",
        chunk_size=parse_size(chunk_size),
        seconds_per_peer=None if math.isinf(seconds_per_peer) else seconds_per_peer,
        skipped=dict(result.skipped),
        model=None if model is None else {"bytes": model.stat().st_size},
        columns_behind=columns_behind(files.get(f"{ours.OURS}, bounded"), result.peers),
    )


def summary(row: PeerRow, bits: float | None) -> dict[str, Any]:
    """Return one row of the table."""
    return {
        "peer": row.peer,
        "kind": row.kind,
        "ours": row.peer.startswith(ours.OURS),
        "bytes": row.compressed,
        "original": row.original,
        "ratio": row.ratio,
        "bits_per_float": row.bits_per_float if bits is None else bits,
        "encode_mb_per_cpu_second": row.encode_speed,
        "decode_mb_per_cpu_second": row.decode_speed,
        "verified": row.verified,
        "verdict": verdict(row),
        "broken": row.broken,
        "worst": row.worst,
        "zeros_moved": row.zeros_moved,
        "exact_columns": sum("exact" in column.note for column in row.columns),
        "complete": row.complete,
        "note": row.note,
        "versions": row.versions,
    }


def verdict(row: PeerRow) -> str:
    """Say in a few words whether the bounds were kept."""
    if not row.complete:
        return row.note
    if row.broken:
        return f"no: {len(row.broken)} columns beyond their bounds"
    return "yes, but moves zeros" if row.zeros_moved else "yes"


def inspected(
    file: Path, policy: baler.Policy, tree: str | None, chunk_size: str
) -> dict[str, Inspection]:
    """Return what each column takes in our files, which are written anew: rows have whole sizes."""
    found = {}
    for name, asked in ((f"{ours.OURS}, exact", None), (f"{ours.OURS}, bounded", policy)):
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "ours.baler"
            baler.compress(
                file, target, policy=asked, tree=tree, skip_unreadable=True,
                chunk_size=chunk_size, jobs=1,
            )  # fmt: skip
            found[name] = baler.inspect(target)
    return found


def bits_per_float(file: Inspection | None) -> float | None:
    """Return bits per value of floating-point columns."""
    columns = () if file is None else file.columns
    floats = [column for column in columns if column.dtype.startswith("float")]
    values = sum(column.values for column in floats)
    return 8 * sum(column.bytes for column in floats) / values if values else None


def columns_behind(
    file: Inspection | None, rows: Iterable[PeerRow], most: int = 12
) -> list[dict[str, Any]]:
    """Return the columns in which we take more bytes than the reference, largest loss first."""
    theirs = {
        column.column: column.compressed
        for row in rows if row.peer == REFERENCE.name
        for column in row.columns if column.compressed is not None
    }  # fmt: skip
    behind: list[dict[str, Any]] = [
        {"column": c.name, "bound": c.bound, "ours": c.bytes, "reference": theirs[c.name]}
        for c in (file.columns if file else ()) if c.bytes > theirs.get(c.name, c.bytes)
    ]  # fmt: skip
    return sorted(behind, key=_gain)[:most]


def _gain(row: dict[str, Any]) -> int:
    return int(row["reference"]) - int(row["ours"])


if __name__ == "__main__":
    main()
