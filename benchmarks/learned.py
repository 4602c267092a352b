"""What a learned model saves: on events it never saw, and on files of other processes.

The first part of FILE's events trains the model; the last 15 % of them, and the whole of other
files, are compressed with and without it. All sizes are those of whole .baler files that were read
back and verified, given by column; the reference is pcodec at its best level on ideal bins, column
by column. The model's bytes are told apart: it is made once for many files.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import record

import baler
from baler.api import Inspection
from baler.core.bounds import Bound, Range
from baler.core.chunk import Chunk, slice_chunk
from baler.core.schema import Schema
from baler.evaluate.peers import REFERENCE
from baler.io import create_sink, open_source
from baler.planning import plan
from baler.training.measure import without_model

HELD_OUT = 0.15
CHUNK = 64_000_000
FREE = 64
"""Bytes of a column that nobody minds."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--policy", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Else exact."
)
@click.option(
    "--unseen", multiple=True, type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Another file of the same columns; may be given several times.",
)  # fmt: skip
@click.option("--model", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help="Do not train, use this one.")  # fmt: skip
@click.option("--minutes", default=12.0, show_default=True)
@click.option("--held-out", default=HELD_OUT, show_default=True, help="Part of the events.")
@click.option("--tree", help="One of several trees of a ROOT file.")
@click.option("--keep", type=click.Path(path_type=Path), help="Write the model here too.")
@click.option("--out", type=click.Path(path_type=Path), help="Result file, if not the usual one.")
def main(
    file: Path,
    policy: Path | None,
    unseen: tuple[Path, ...],
    model: Path | None,
    minutes: float,
    held_out: float,
    tree: str | None,
    keep: Path | None,
    out: Path | None,
) -> None:
    """Train on the first events of FILE and compress the others, and other files."""
    asked = baler.Policy.load(policy) if policy else baler.Policy()
    with tempfile.TemporaryDirectory() as folder:
        first, last = split(file, Path(folder), held_out, tree)
        training: dict[str, Any] = {}
        if model is None:
            model = keep or Path(folder) / "m.balermodel"
            done = baler.train(
                first, model, policy=asked, minutes=minutes, overwrite=True, progress=told
            )
            training = {"seconds": done.seconds, "steps": dict(done.steps)}
        rows = []
        for kind, path in (("held out", last), *(("unseen", path) for path in unseen)):
            rows += compare(kind, file if path is last else path, path, asked, model, folder)
        model_bytes = model.stat().st_size
    for row in rows:
        click.echo(
            f"{row['kind']:9} {row['file']:22} {row['collection']:10} pcodec {row['pcodec']:>10,} "
            f"without {row['without']:>10,} with {row['with']:>10,}  pcodec/with "
            f"{row['pcodec'] / row['with']:.3f}  without/with {row['without'] / row['with']:.3f}"
            f"  worst column {row['worst_column'][0]:+.2%} {row['worst_column'][1]}"
        )
    record.save(
        f"learned-{file.stem}-{policy.stem if policy else 'exact'}",
        rows,
        [file, *unseen],
        out=out,
        policy=policy.name if policy else "exact",
        model_bytes=model_bytes,
        training=training,
        held_out=held_out,
        reference=REFERENCE.name,
    )


def told(step: Any) -> None:
    """Print how far a training is."""
    click.echo(
        f"{step.collection:10} {step.done:4.0%} {step.bits:.3f} bits per value, "
        f"{step.marginal:.3f} without",
        err=True,
    )


def split(file: Path, folder: Path, held_out: float, tree: str | None) -> tuple[Path, Path]:
    """Write the first and the last events of a file into files of their own."""
    paths = folder / f"first-{file.name}", folder / f"last-{file.name}"
    with open_source(file, tree=tree, skip_unreadable=True) as source:
        schema = source.schema
        cut = source.entries - round(held_out * source.entries)
        with create_sink(paths[0], schema) as first, create_sink(paths[1], schema) as last:
            start = 0
            for chunk in source.chunks(CHUNK):
                here = min(max(cut - start, 0), chunk.entries)
                for sink, part in (
                    (first, slice_chunk(schema, chunk, 0, here)),
                    (last, slice_chunk(schema, chunk, here, chunk.entries)),
                ):
                    if part.entries:
                        sink.write(part)
                start += chunk.entries
    return paths


def compare(
    kind: str, name: Path, path: Path, asked: baler.Policy, model: Path, folder: str
) -> list[dict[str, Any]]:
    """Return rows for each collection of one file, and for the whole of it."""
    inspected: dict[str, Inspection] = {}
    seconds: dict[str, float] = {}
    for way, given in (("without", None), ("with", model)):
        target = Path(folder) / f"{way}.baler"
        made = baler.compress(
            path, target, policy=asked, model=given, reference_model=given is not None,
            overwrite=True, jobs=1,
        )  # fmt: skip
        start = time.perf_counter()
        checked = baler.verify(path, target, model=given)
        seconds[way] = made.encode_seconds
        seconds[f"{way} verify"] = time.perf_counter() - start
        if not checked.ok:
            raise click.ClickException(f"{way} a model, bounds of {name.name} are broken")
        inspected[way] = baler.inspect(target)
    reference, (alone, together) = pcodec(path, asked), payloads(path, asked)
    sizes = {
        way: {column.name: column.bytes for column in inspection.columns}
        for way, inspection in inspected.items()
    }
    found = []
    collections = sorted({collection(c) for c in reference})
    for group in [*collections, "all"]:
        columns = [c for c in reference if group in (collection(c), "all")]
        row = {
            "kind": kind, "file": name.name, "collection": group, "columns": len(columns),
            "pcodec": sum(reference[c] for c in columns),
            "without": sum(sizes["without"][c] for c in columns),
            "with": sum(sizes["with"][c] for c in columns),
            "worst_column": max(
                (over(sizes["with"], alone, unit), " and ".join(unit[:3])) for unit in together
                if unit[0] in columns
            ),
        }  # fmt: skip
        if group == "all":
            row |= {"without_file": inspected["without"].file_bytes,
                    "with_file": inspected["with"].file_bytes, "seconds": seconds}  # fmt: skip
        found.append(row)
    return found


def over(sizes: Mapping[str, int], alone: Mapping[str, int], unit: Sequence[str]) -> float:
    """Return by how much columns are larger than their payloads; some bytes of each are free."""
    size = sum(max(0, sizes[column] - FREE) for column in unit)
    return size / max(sum(alone[column] for column in unit), 1) - 1


def payloads(path: Path, asked: baler.Policy) -> tuple[dict[str, int], list[list[str]]]:
    """Return the bytes of each column's payloads without a model, however blocks are compressed.

    And columns that are coded with each other's help (a formula, a mask), which count together:
    which of them bears the cost is a matter of their order.
    """
    total: dict[str, int] = {}
    with open_source(path) as source:
        schema = source.schema
        names = [column.name for column in schema.columns]
        recipe = None
        for chunk in source.chunks(CHUNK):
            recipe = recipe or plan(schema, chunk, asked)
            for column, size in without_model(schema, recipe, chunk, names).sizes.items():
                total[column] = total.get(column, 0) + size
    units = {at: {at} for at in range(len(names))}
    for at, part in enumerate(recipe.columns if recipe else ()):
        joined = set().union(units[at], *(units[parent] for parent in part.parents))
        units.update(dict.fromkeys(joined, joined))
    found = {min(unit): sorted(unit) for unit in units.values()}
    return total, [[names[at] for at in unit] for unit in found.values()]


def collection(column: str) -> str:
    """Return the collection that a column's name says."""
    stem, _, rest = column.partition("_")
    return stem if rest else "events"


def pcodec(path: Path, asked: baler.Policy) -> dict[str, int]:
    """Return the bytes of each column in the reference."""
    total: dict[str, int] = {}
    with open_source(path) as source:
        schema = source.schema
        bounds = asked.bounds(schema)
        for number, chunk in enumerate(source.chunks(CHUNK)):
            if number == 0:
                bounds = resolved(bounds, schema, chunk)
            for column, size in sizes_of(schema, chunk, bounds):
                total[column] = total.get(column, 0) + size
    return total


def resolved(bounds: Sequence[Bound], schema: Schema, chunk: Chunk) -> list[Bound]:
    """Return bounds whose spans are known."""
    return [
        bound.resolve(chunk.columns[column.name]) if isinstance(bound, Range) else bound
        for bound, column in zip(bounds, schema.columns, strict=True)
    ]


def sizes_of(schema: Schema, chunk: Chunk, bounds: Sequence[Bound]) -> Iterator[tuple[str, int]]:
    """Yield the bytes of each column of a chunk in the reference."""
    for column, bound in zip(schema.columns, bounds, strict=True):
        values = np.ascontiguousarray(chunk.columns[column.name])
        yield column.name, len(REFERENCE.compress(values, bound))


if __name__ == "__main__":
    main()
