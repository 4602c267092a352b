"""How fast we encode and decode, beside zstd, xz and pcodec on the same bytes in the same run.

Chunks are read into memory first: ``Writer`` and ``Reader`` are timed alone, and reading and
writing ROOT files are rows of their own. Speeds are MB (1e6 bytes) of column data, in the dtypes of
the columns, per second of CPU (all threads together) and of wall clock. Repetitions are
interleaved, each case once and then all of them again, so that a busy moment of the machine does
not fall on one case; given are the best and the median.
"""

from __future__ import annotations

import itertools
import lzma
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
import record
import zstandard

from baler.container import Reader, Writer
from baler.container.writer import UsedModel
from baler.core.chunk import Array, Chunk
from baler.core.schema import Schema
from baler.core.size import parse_size
from baler.entropy.pco import pco_compress, pco_decompress
from baler.evaluate.ours import OURS
from baler.io import create_sink, open_source
from baler.learned.model import Model
from baler.planning import Policy, plan
from baler.planning.learned import learned_groups

T = TypeVar("T")


@dataclass
class Case:
    """Something to time; ``run`` returns how many bytes came of it."""

    name: str
    step: str  # encode, decode, read, write, plan
    jobs: int
    run: Callable[[], int]
    repeats: int
    bytes: int = 0
    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def once(self) -> None:
        """Run and take the times."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.bytes = self.run()
        self.cpu.append(time.process_time() - cpu)
        self.wall.append(time.perf_counter() - wall)

    def row(self, raw: int) -> dict[str, Any]:
        """Return speeds for an amount of column data."""
        mb = raw / 1e6
        return {
            "name": self.name,
            "step": self.step,
            "jobs": self.jobs,
            "repeats": len(self.wall),
            "bytes": self.bytes,
            "ratio": raw / self.bytes if self.step == "encode" else None,
            "cpu_best": mb / min(self.cpu),
            "cpu_median": mb / statistics.median(self.cpu),
            "wall_best": mb / min(self.wall),
            "wall_median": mb / statistics.median(self.wall),
        }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--policy", required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@click.option(
    "--model",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A model of the columns; its bytes are counted.",
)
@click.option("--tree", help="One of several trees of a ROOT file.")
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True)
@click.option("--jobs", default="1,2", show_default=True, help="Numbers of threads, with commas.")
@click.option("--chunk-size", default="64 MB", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Result file, if not the usual one.")
def main(
    file: Path,
    policy: Path,
    model: Path | None,
    tree: str | None,
    repeats: int,
    jobs: str,
    chunk_size: str,
    out: Path | None,
) -> None:
    """Time the compression and decompression of FILE: exactly, by a policy, and with a model."""
    size, asked = parse_size(chunk_size), Policy.load(policy)
    with open_source(file, tree=tree, skip_unreadable=True) as source:
        schema, chunks = source.schema, list(source.chunks(size))
    raw = sum(chunk.nbytes for chunk in chunks)
    threads = [int(word) for word in jobs.split(",")]
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        given = (schema, chunks, folder, threads, repeats)
        cases = [
            *our_cases(f"{OURS}, exact", Policy(), *given),
            *our_cases(f"{OURS}, bounded", asked, *given),
            *(model_cases(model, asked, *given) if model else ()),
            *peer_cases(schema, chunks, repeats),
            *root_cases(file, tree, schema, chunks, size, folder, repeats),
        ]
        for number in range(max(case.repeats for case in cases)):
            for case in cases:
                if number < case.repeats:
                    case.once()
            click.echo(f"repetition {number + 1} done", err=True)
    rows = [case.row(raw) for case in cases]
    for row in rows:
        click.echo(
            f"{row['name']:16} {row['step']:7} jobs {row['jobs']}: {row['cpu_best']:7.1f} MB per "
            f"CPU second (median {row['cpu_median']:.1f}), {row['wall_best']:7.1f} per second"
            + (f", ratio {row['ratio']:.2f}" if row["ratio"] else "")
        )
    record.save(
        f"speed-{file.stem}-{policy.stem}",
        rows,
        [file],
        out=out,
        policy={"name": policy.name},
        model={} if model is None else {"name": model.name, "bytes": model.stat().st_size},
        raw=raw,
        chunks=len(chunks),
        chunk_size=size,
        load_before=load,
    )


def our_cases(
    name: str,
    policy: Policy,
    schema: Schema,
    chunks: Sequence[Chunk],
    folder: Path,
    threads: Sequence[int],
    repeats: int,
    model: Model | None = None,
) -> list[Case]:
    """Return planning, and encoding and decoding with each number of threads."""
    groups = () if model is None else learned_groups(model, schema, policy)[0]
    used = None if model is None else UsedModel(model)
    recipe = plan(schema, chunks[0], policy, groups)
    path = folder / f"{name}.baler"

    def make_plan() -> int:
        plan(schema, chunks[0], policy, groups)
        return 0

    def encode(jobs: int) -> int:
        with Writer(path, schema, recipe, model=used, threads=jobs, overwrite=True) as writer:
            for chunk in chunks:
                writer.write(chunk)
        return writer.size

    def decode(jobs: int) -> int:
        with Reader(path, threads=jobs) as reader:
            return sum(reader.read(number).nbytes for number in range(len(reader.chunks) - 1))

    cases = [Case(name, "plan", 1, make_plan, repeats)]
    for jobs in threads:
        cases.append(Case(name, "encode", jobs, partial(encode, jobs), repeats))
        cases.append(Case(name, "decode", jobs, partial(decode, jobs), repeats))
    return cases


def model_cases(model: Path, policy: Policy, schema: Schema, *given: Any) -> list[Case]:
    """Return what our cases are with a model, which is in the files."""
    used = Model.unpack(model.read_bytes())
    return our_cases(f"{OURS}, model", policy, schema, *given, used)


def peer_cases(schema: Schema, chunks: Sequence[Chunk], repeats: int) -> list[Case]:
    """Return other compressors without loss: zstd and xz on whole chunks, pcodec on columns."""
    columns = [chunk.columns[column.name] for chunk in chunks for column in schema.columns]
    streams = [
        b"".join(chunk.columns[column.name].tobytes() for column in schema.columns)
        for chunk in chunks
    ]
    numbers = [values.view("u1") if values.dtype.kind == "b" else values for values in columns]
    zstd, unzstd = zstandard.ZstdCompressor(level=3), zstandard.ZstdDecompressor()
    return [
        *_pair("zstd -3", streams, zstd.compress, unzstd.decompress, repeats),
        *_pair("xz -9", streams, _xz, lzma.decompress, repeats, once=True),
        *_pair("pcodec 8", numbers, _pco, _unpco(numbers), repeats),
    ]


def _pair(
    name: str,
    items: Sequence[T],
    encode: Callable[[T], bytes],
    decode: Callable[[bytes], object],
    repeats: int,
    *,
    once: bool = False,
) -> list[Case]:
    """Return encoding, which is done only once if that is slow, and decoding."""
    held: list[bytes] = []

    def encode_all() -> int:
        held[:] = [encode(item) for item in items]
        return sum(map(len, held))

    def decode_all() -> int:
        for data in held:
            decode(data)
        return sum(map(len, held))

    return [
        Case(name, "encode", 1, encode_all, 1 if once else repeats),
        Case(name, "decode", 1, decode_all, repeats),
    ]


def _xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=9)


def _pco(values: Array) -> bytes:
    return pco_compress(values, 8)


def _unpco(numbers: Sequence[Array]) -> Callable[[bytes], object]:
    """Return a decoder that is told nothing but whose turn it is."""
    turn = itertools.cycle([(values.dtype, values.size) for values in numbers])
    return lambda data: pco_decompress(data, *next(turn))


def root_cases(
    file: Path,
    tree: str | None,
    schema: Schema,
    chunks: Sequence[Chunk],
    size: int,
    folder: Path,
    repeats: int,
) -> list[Case]:
    """Return reading and writing of a foreign file, which is apart from what we encode."""
    path = folder / f"again{file.suffix}"

    def read() -> int:
        with open_source(file, tree=tree, skip_unreadable=True) as source:
            for _ in source.chunks(size):
                pass
        return file.stat().st_size

    def write() -> int:
        with create_sink(path, schema, overwrite=True) as sink:
            for chunk in chunks:
                sink.write(chunk)
        return path.stat().st_size

    few = min(repeats, 3)
    return [
        Case(f"{file.suffix[1:]} file", "read", 1, read, few),
        Case(f"{file.suffix[1:]} file", "write", 1, write, few),
    ]


if __name__ == "__main__":
    main()
