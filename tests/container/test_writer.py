"""A file is complete and checked, or it is not there."""

from __future__ import annotations

import errno
import io
import os
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from baler import codecs
from baler.container import Reader, Writer
from baler.core.bounds import Absolute, Exact
from baler.core.chunk import Array, Chunk
from baler.core.recipe import ColumnRecipe, Group, Recipe
from baler.core.schema import Column, Schema
from baler.errors import BalerError, Corrupt, TargetExists, UsageError


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Yield a path; afterwards assert that nothing but what was there and the target is there."""
    yield tmp_path / "target.baler"
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"target.baler"}


def test_nothing_is_there_before_the_end(
    target: Path, schema: Schema, recipe: Recipe, chunks: list[Chunk]
) -> None:
    with Writer(target, schema, recipe) as writer:
        writer.write(chunks[0])
        assert not target.exists()
    assert target.stat().st_size == writer.size
    assert target.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, MemoryError, SystemExit])
@pytest.mark.parametrize("before", [None, b"precious"])
@pytest.mark.parametrize("threads", [1, 2])
def test_interruptions_leave_what_was_there(
    target: Path,
    schema: Schema,
    recipe: Recipe,
    chunks: list[Chunk],
    failure: type[BaseException],
    before: bytes | None,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if before is not None:
        target.write_bytes(before)

    def encode(*_: object, **__: object) -> bytes:
        raise failure("stop")

    with pytest.raises(failure) as caught:  # noqa: PT012, SIM117
        with Writer(target, schema, recipe, overwrite=True, threads=threads) as writer:
            writer.write(chunks[0])
            monkeypatch.setattr("baler.codecs.encode", encode)
            writer.write(chunks[1])
    if issubclass(failure, Exception):
        assert "while encoding column 'run' of chunk 1" in caught.value.__notes__
    assert (target.read_bytes() if target.exists() else None) == before


class FullDisk(io.RawIOBase):
    """A file on a disk with little room."""

    def __init__(self, file: io.FileIO, room: int) -> None:
        self._file, self._room = file, room

    def writable(self) -> bool:
        """Claim to be writable."""
        return True

    def fileno(self) -> int:
        """Return the number of the real file."""
        return self._file.fileno()

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write while there is room."""
        if len(data) > self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._room -= len(data)
        return self._file.write(data)

    def close(self) -> None:
        """Close both."""
        super().close()
        self._file.close()


@pytest.mark.parametrize("buffer", [1, 1 << 20])  # it fails in write, or not before flush
@pytest.mark.parametrize("room", [5, 40])  # less than a header, less than a chunk
@pytest.mark.parametrize("swallow", [False, True])
def test_a_full_disk(
    target: Path,
    schema: Schema,
    recipe: Recipe,
    chunks: list[Chunk],
    buffer: int,
    room: int,
    swallow: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target.write_bytes(b"precious")

    def full(path: Path, mode: str) -> io.BufferedWriter:
        return io.BufferedWriter(FullDisk(io.FileIO(path, mode.removesuffix("b")), room), buffer)

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:  # noqa: PT012, SIM117
        with Writer(target, schema, recipe, overwrite=True) as writer:
            for chunk in chunks:
                with suppress(OSError if swallow else ()):
                    writer.write(chunk)
    monkeypatch.undo()
    assert f"while writing {str(target)!r}" in caught.value.__notes__[0]
    assert target.read_bytes() == b"precious"


def test_targets_are_not_overwritten_unasked(
    target: Path, schema: Schema, recipe: Recipe, chunks: list[Chunk]
) -> None:
    target.write_bytes(b"precious")
    with pytest.raises(TargetExists, match="exists; overwriting was not asked for"):
        Writer(target, schema, recipe)
    target.unlink()
    with pytest.raises(TargetExists), Writer(target, schema, recipe) as writer:  # noqa: PT012
        writer.write(chunks[0])
        target.write_bytes(b"precious")  # somebody else was faster
    assert target.read_bytes() == b"precious"
    with Writer(target, schema, recipe, overwrite=True) as writer:
        writer.write(chunks[0])
    assert Reader(target.read_bytes()).entries == chunks[0].entries


def test_targets_that_cannot_be(tmp_path: Path, schema: Schema, recipe: Recipe) -> None:
    with pytest.raises(TargetExists, match="is a directory"):
        Writer(tmp_path, schema, recipe, overwrite=True)
    with pytest.raises(UsageError, match="can only write to a local path, not to 's3://a/b'"):
        Writer("s3://a/b", schema, recipe)
    with pytest.raises(UsageError, match=r"folder .*no' does not exist"):
        Writer(tmp_path / "no" / "a", schema, recipe)
    with pytest.raises(UsageError, match="cannot work with 0 threads"):
        Writer(tmp_path / "a", schema, recipe, threads=0)


@pytest.mark.parametrize("metadata", [{"a": object()}, {"a": float("nan")}, {"a": b"bytes"}])
def test_metadata_are_json(
    target: Path, schema: Schema, recipe: Recipe, metadata: dict[str, object]
) -> None:
    with pytest.raises(UsageError, match="metadata must be plain JSON"):
        Writer(target, schema, recipe, metadata=metadata)


def test_metadata_may_be_added_until_the_end(target: Path, schema: Schema, recipe: Recipe) -> None:
    with Writer(target, schema, recipe) as writer:
        writer.metadata["entries"] = 0
    assert Reader(target.read_bytes()).metadata == {"entries": 0}


def test_chunks_must_fit_the_schema(target: Path, schema: Schema, recipe: Recipe) -> None:
    with (
        pytest.raises(Corrupt, match="chunk has no column 'run'"),
        Writer(target, schema, recipe) as w,
    ):
        w.write(Chunk(1, {}))


def test_statistics(
    target: Path, schema: Schema, recipe: Recipe, make_chunk: Callable[[int, int], Chunk]
) -> None:
    done: list[int] = []
    chunks = [make_chunk(400, seed) for seed in range(2)]
    with Writer(target, schema, recipe, progress=done.append) as writer:
        for chunk in chunks:
            writer.write(chunk)
    statistics = writer.statistics
    assert sum(item.raw_bytes for item in statistics.values()) == sum(c.nbytes for c in chunks)
    assert done == sorted(done)
    assert done[-1] == sum(chunk.nbytes for chunk in chunks)
    stored = {
        name: item.stored for name, item in Reader(target.read_bytes()).column_bytes().items()
    }
    assert {name: item.stored_bytes for name, item in statistics.items()} == stored
    assert 0.5 < statistics["Jet_pt"].worst <= 1
    assert statistics["Jet_hits"].worst == 0
    assert not any(item.fallbacks for item in statistics.values())


@pytest.mark.parametrize("how", ["value", "length", "dtype", "refusal"])
def test_payloads_that_break_the_bound_are_not_written(
    target: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = Schema((Column("x", np.dtype("<f4")),), ())
    recipe = Recipe((ColumnRecipe(Absolute(0.5)),), (Group((0,)),))
    original = codecs.encode

    def encode(values: Array, plan: ColumnRecipe, *rest: codecs.Context, **options: int) -> bytes:
        payload = original(values, plan, *rest, **options)
        if not plan.bound.lossy:
            return payload
        match how:
            case "value":
                return original(values + 0.51, ColumnRecipe(plan.bound.__class__(1e-6)), *rest)
            case "refusal":
                return b"\xff" + payload
        return payload

    def decode(payload: bytes, dtype: np.dtype, size: int, context: codecs.Context) -> Array:
        values = plain(payload, dtype, size, context)
        match how if (values != x).any() else "":
            case "length":
                return values[1:]
            case "dtype":
                return values.astype("<f8")
        return values

    x = np.linspace(0, 100, 500, dtype="<f4")
    plain = codecs.decode
    with monkeypatch.context() as patch, Writer(target, schema, recipe) as writer:
        patch.setattr("baler.codecs.encode", encode)
        patch.setattr("baler.codecs.decode", decode)
        writer.write(Chunk(500, {"x": x}))
    assert writer.statistics["x"].fallbacks == 1
    assert writer.statistics["x"].worst == 0
    assert (Reader(target.read_bytes()).read(0).columns["x"] == x).all()


def test_an_exact_column_that_does_not_come_back_is_a_bug(
    target: Path,
    schema: Schema,
    recipe: Recipe,
    chunks: list[Chunk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("baler.codecs.decode", lambda _, dtype, size, __: np.zeros(size, dtype))
    with (
        pytest.raises(BalerError, match="a bug of Baler") as caught,
        Writer(target, schema, recipe) as w,
    ):
        w.write(chunks[2])
    assert "while encoding column 'run' of chunk 0" in str(caught.value)


def test_the_context_is_what_a_reader_will_have(
    target: Path,
    schema: Schema,
    recipe: Recipe,
    make_chunk: Callable[[int, int], Chunk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: dict[str, list[Array]] = {"encode": [], "decode": []}
    chunk = make_chunk(500, 1)
    mass, parent = schema.position["Jet_mass"], schema.position["Jet_pt"]
    original = {"encode": codecs.encode, "decode": codecs.decode}

    def look(what: str) -> Callable[..., object]:
        def spy(*arguments: object, **options: int) -> object:
            with suppress(Corrupt):
                arguments[-1](schema.position["run"])  # type: ignore[operator]
                seen[what].append(arguments[-1](parent))  # type: ignore[operator]
            return original[what](*arguments, **options)  # type: ignore[operator]

        return spy

    assert recipe.columns[mass].parents == (parent, schema.position["run"])
    for what in seen:
        monkeypatch.setattr(f"baler.codecs.{what}", look(what))
    with Writer(target, schema, recipe) as writer:
        writer.write(chunk)
    decoded = Reader(target.read_bytes()).read(0).columns["Jet_pt"]
    assert (decoded != chunk.columns["Jet_pt"]).any()
    assert len(seen["encode"]) == 1
    assert len(seen["decode"]) == 2  # once for the writer, once for the reader
    assert all((values == decoded).all() for values in seen["encode"] + seen["decode"])


def test_decoded_columns_are_kept_no_longer_than_needed(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = Schema(tuple(Column(f"x{at}", np.dtype("<f8")) for at in range(5)), ())
    chain = [ColumnRecipe(Exact(), (at - 1,) if at else ()) for at in range(5)]
    original, decoded, alive = codecs.decode, [], []

    def decode(*arguments: object) -> Array:
        values = original(*arguments)  # type: ignore[arg-type]
        decoded.append(weakref.ref(values))
        alive.append(sum(item() is not None for item in decoded))
        return values

    monkeypatch.setattr("baler.codecs.decode", decode)
    with Writer(target, schema, Recipe(tuple(chain), (Group(tuple(range(5))),))) as writer:
        writer.write(Chunk(9, {f"x{at}": np.arange(9.0) ** at for at in range(5)}))
    assert len(alive) == 5
    assert max(alive) <= 3  # the column, its parent, and at most the last one of the level before


def test_seeds_differ_and_depend_on_nothing_else(
    target: Path,
    schema: Schema,
    recipe: Recipe,
    chunks: list[Chunk],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds: list[list[int]] = []
    original = codecs.encode

    def encode(*arguments: object, seed: int, **options: bool) -> bytes:
        seeds[-1].append(seed)
        return original(*arguments, seed=seed, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("baler.codecs.encode", encode)
    for _ in range(2):
        seeds.append([])
        with Writer(target, schema, recipe, overwrite=True) as writer:
            for chunk in chunks:
                writer.write(chunk)
    assert seeds[0] == seeds[1]
    assert len(set(seeds[0])) == len(schema.columns) * len(chunks)
