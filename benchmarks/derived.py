"""What derived columns save: files with and without formulas, and pcodec column by column.

Each file is compressed at the same bound of all floats three times: with formulas and lookups,
without (copies and masks stay), and by ideal bins and pcodec at its best level. Every value of all
three is compared with the original. Ours are whole files, and beside them what their columns
alone take; the reference pays for no file around its columns.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import record

import baler
from baler.container import Writer
from baler.core.bounds import Bound, Exact, parse
from baler.core.recipe import Recipe
from baler.core.size import parse_size
from baler.evaluate import ours
from baler.evaluate.peers import REFERENCE
from baler.io import open_source
from baler.planning import plan

CHUNK_SIZE = "64 MB"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--bound", "bounds", multiple=True, default=("range 5e-4", "range 1e-3", "rel 2^-11"),
    show_default=True, help="Of all floats; 'exact' compares lossless files.",
)  # fmt: skip
@click.option("--policy", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Bounds of a policy instead.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Result file, if not the usual one.")
def main(
    files: tuple[Path, ...], bounds: tuple[str, ...], policy: Path | None, out: Path | None
) -> None:
    """Compress FILES with derived columns and without."""
    rows = []
    for path in files:
        asked = (
            [(policy.stem, baler.Policy.load(policy))]
            if policy is not None
            else [(text, baler.Policy(_rules(parse(text)))) for text in bounds]
        )
        for name, rules in asked:
            rows.append(measure(path, name, rules))
            row = rows[-1]
            click.echo(
                f"{row['file']}, {row['bound']}: {row['without']} -> {row['bytes']} bytes, columns "
                f"{row['columns']}; {REFERENCE.name} {row['reference']}, "
                f"{row['reference_over_file']:.3f} times the file, "
                f"{row['reference_over_columns']:.3f} times its columns; "
                f"{'verified' if row['verified'] else 'NOT VERIFIED'}"
            )
    record.save("derived", rows, files, out=out, reference=REFERENCE.name)


def _rules(bound: Bound) -> tuple[tuple[str, Bound], ...]:
    return () if isinstance(bound, Exact) else (("*", bound),)


def measure(path: Path, name: str, policy: baler.Policy) -> dict[str, Any]:
    """Compress a file in all three ways, and verify them."""
    reference = REFERENCE if policy.rules else ours.select(["pcodec 12"])[0]
    found = ours.measure(path, policy, [reference], skip_unreadable=True, chunk_size=CHUNK_SIZE)
    theirs = next(row for row in found.peers if row.peer == reference.name)
    with tempfile.TemporaryDirectory() as folder:
        target, plain = Path(folder) / "with.baler", Path(folder) / "without.baler"
        start = time.process_time()
        baler.compress(
            path, target, policy=policy, skip_unreadable=True, chunk_size=CHUNK_SIZE, jobs=1
        )
        seconds = time.process_time() - start
        write_without(path, plain, policy)
        verified = all(baler.verify(path, file).ok for file in (target, plain))
        inspected = baler.inspect(target)
        size, without = target.stat().st_size, plain.stat().st_size
    columns = sum(column.bytes for column in inspected.columns)
    used = Counter(
        formula.partition(">")[0]
        for column in inspected.columns for formula in column.codec.split("~")[1:]
    )  # fmt: skip
    return {
        "file": path.name,
        "bound": name,
        "bytes": size,
        "columns": columns,
        "without": without,
        "reference": theirs.compressed,
        "reference_over_file": theirs.compressed / size,
        "reference_over_columns": theirs.compressed / columns,
        "saved": 1 - size / without,
        "formulas": dict(used.most_common()),
        "cpu_seconds": seconds,
        "verified": verified and theirs.verified and not theirs.broken,
    }


def write_without(path: Path, target: Path, policy: baler.Policy) -> None:
    """Write a file in which no column is predicted but by copying another."""
    with open_source(path, skip_unreadable=True) as source:
        chunks = list(source.chunks(parse_size(CHUNK_SIZE)))
        recipe = plan(source.schema, chunks[0], policy)
        columns = tuple(
            column
            if all(hint.formula == "same" for hint in column.predictions)
            else replace(column, predictions=(), parents=_needed(column.parents, column))
            for column in recipe.columns
        )
        with Writer(target, source.schema, Recipe(columns, recipe.groups)) as writer:
            for chunk in chunks:
                writer.write(chunk)


def _needed(parents: tuple[int, ...], column: Any) -> tuple[int, ...]:
    """Return the parents that a column has without its formulas: uncertainties, and masks."""
    kept = {mask.parent for mask in column.masks}
    if column.bound.parent is not None:
        kept.add(parents[0])
    return tuple(parent for parent in parents if parent in kept)


if __name__ == "__main__":
    main()
