"""Exact mode: a whole .baler file against xz and zstd over the same column bytes.

Of every file in a folder that baler reads, the largest tree is compressed without bounds, and the
result verified. The others compress the bytes of all columns as one stream, plain or shuffled
byte by byte within each column, and the smallest counts. Their streams carry no names: how many
bytes the names and titles of the file take under xz is shown beside, and the ratio both without
and with it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import click
import record
import uproot
from roundtrip import NTUPLE, trees_of

import baler
from baler.core.schema import Schema
from baler.entropy.lz import lzma_compress
from baler.evaluate.solid import solid_sizes
from baler.io import open_source

SUFFIXES = (".root", ".npz", ".parquet")
CHUNK_SIZE = 64_000_000


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Result file, if not the usual one.")
def main(folder: Path, out: Path | None) -> None:
    """Compress every file in FOLDER exactly, and compare with xz -9 and zstd -19."""
    files = record.files_in(folder, SUFFIXES)
    rows = []
    for path in files:
        row = measure(path, largest_tree(path))
        rows.append(row)
        click.echo(
            f"{row['file']}: {row['raw']} -> {row['baler']}, {row['best']} {row['best_bytes']}, "
            f"{row['over_best']:.3f}, with names {row['over_best_and_names']:.3f}, "
            f"{'verified' if row['verified'] else 'NOT EXACT'}"
        )
    record.save("exact", rows, files, out=out)


def largest_tree(path: Path) -> str | None:
    """Return the tree of a ROOT file that takes the most bytes there; None for other files."""
    if path.suffix != ".root":
        return None
    trees = trees_of(path)
    with uproot.open({path: None}) as file:
        sizes = {name: stored_bytes(file[name], kind) for name, kind in trees}
    return max(sizes, key=lambda name: sizes[name])


def stored_bytes(tree: Any, kind: str) -> int:
    """Return what the baskets of a tree, or the pages of an RNTuple, take."""
    if kind != NTUPLE:
        return int(tree.compressed_bytes)
    pages = (page for cluster in tree.page_link_list for column in cluster for page in column.pages)
    return sum(page.locator.num_bytes for page in pages)


def measure(path: Path, tree: str | None) -> dict[str, Any]:
    """Compress, verify, and let the others compress the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "exact.baler"
        start = time.process_time()
        done = baler.compress(
            path, target, tree=tree, skip_unreadable=True, chunk_size=CHUNK_SIZE, jobs=1
        )
        seconds = time.process_time() - start
        verified = baler.verify(path, target, tree=tree)
        inspected = baler.inspect(target)
    with open_source(path, tree=tree, skip_unreadable=True) as source:
        schema = source.schema
        solid = solid_sizes(schema, source.chunks(CHUNK_SIZE))
    sizes = {
        "xz -9": solid.xz,
        "xz -9, shuffled": solid.xz_shuffled,
        "zstd -19": solid.zstd,
        "zstd -19, shuffled": solid.zstd_shuffled,
    }
    best = min(sizes, key=lambda peer: sizes[peer])
    names = names_under_xz(schema)
    return {
        "file": path.name,
        "tree": tree or "",
        "entries": done.entries,
        "columns": done.columns,
        "raw": solid.original,
        "disk": done.source_bytes,
        "baler": done.file_bytes,
        "index": inspected.index_bytes,
        "names_under_xz": names,
        "sizes": sizes,
        "best": best,
        "best_bytes": sizes[best],
        "over_best": done.file_bytes / sizes[best],
        "over_best_and_names": done.file_bytes / (sizes[best] + names),
        "verified": verified.ok and all(column.exact for column in verified.columns),
        "same_bytes": solid.original == done.raw_bytes,
        "unreadable": sum(note.startswith("left out") for note in done.notes),
        "cpu_seconds": seconds,
    }


def names_under_xz(schema: Schema) -> int:
    """Return what all distinct names, in order, and then all titles take as one LZMA stream."""
    names = dict.fromkeys([c.name for c in schema.columns] + [f.name for f in schema.fields])
    titles = [field.title for field in schema.fields]
    return len(lzma_compress("\0".join([*names, *titles]).encode(errors="surrogatepass")))


if __name__ == "__main__":
    main()
