"""A small data set with one field of every kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from baler.container import Writer
from baler.core.bounds import Exact, parse
from baler.core.chunk import Array, Chunk
from baler.core.recipe import ColumnRecipe, Group, Recipe
from baler.core.schema import Column, Field, Fixed, Leaf, List, Option, Record, Schema


@pytest.fixture
def schema() -> Schema:
    """Scalars, jagged columns with uncertainties, text, an option, a matrix and a record."""
    f4, i4, u1, b1 = (np.dtype(name) for name in ("<f4", "<i4", "|u1", "|b1"))
    columns = (
        Column("run", np.dtype("<u4")),
        Column("event", np.dtype("<u8")),
        Column("nJet", i4),
        Column("Jet_pt", f4, "nJet"),
        Column("Jet_ptErr", f4, "nJet"),
        Column("Jet_nHits", i4, "nJet"),
        Column("Jet_hits", f4, "Jet_nHits"),
        Column("Jet_mass", f4, "nJet"),
        Column("name.size", np.dtype("<i8")),
        Column("name", u1, "name.size"),
        Column("mask", b1),
        Column("maybe", f4, "mask"),
        Column("matrix", np.dtype("<f8"), None, 6),
        Column("x", f4),
        Column("y", f4),
        Column("word", np.dtype("<u8")),
        Column("again", np.dtype("<u8")),
    )
    fields = (
        Field("run", Leaf("run"), "run number"),
        Field("event", Leaf("event"), "event number"),
        Field("nJet", Leaf("nJet")),
        Field("Jet_pt", List("nJet", Leaf("Jet_pt")), "pt (µ + jets)"),
        Field("Jet_ptErr", List("nJet", Leaf("Jet_ptErr")), "pt uncertainty"),
        Field("Jet_hits", List("nJet", List("Jet_nHits", Leaf("Jet_hits")))),
        Field("Jet_mass", List("nJet", Leaf("Jet_mass"))),
        Field("label", List("name.size", Leaf("name"), "string")),
        Field("maybe", Option("mask", Leaf("maybe"))),
        Field("matrix", Fixed(2, Fixed(3, Leaf("matrix")))),
        Field("point", Record((("x", Leaf("x")), ("y", Leaf("y"))), "Point")),
        Field("word", Leaf("word")),
        Field("again", Leaf("again")),
    )
    return Schema(columns, fields, {"kind": "test", "tree": "Events"})


@pytest.fixture
def recipe(schema: Schema) -> Recipe:
    """Bounds of several kinds, parents before and after a column, solid and plain groups."""
    plans = [ColumnRecipe(Exact()) for _ in schema.columns]
    at = schema.position
    plans[at["Jet_pt"]] = ColumnRecipe(parse("sigma 0.5 Jet_ptErr"), (at["Jet_ptErr"],))
    plans[at["Jet_ptErr"]] = ColumnRecipe(parse("rel 2^-8"))
    plans[at["Jet_mass"]] = ColumnRecipe(parse("abs 0.001"), (at["Jet_pt"], at["run"]))
    plans[at["x"]] = ColumnRecipe(Exact(), (at["y"],))
    groups = (
        Group((0, 1)),
        Group((2, 3, 4, 7), solid=True),
        Group((5, 6)),
        Group((8,)),
        Group((14, 13, 12, 11, 10, 9), solid=True),
        Group((15, 16), solid=True),
    )
    return Recipe(tuple(plans), groups)


@pytest.fixture
def make_chunk(schema: Schema) -> Callable[[int, int], Chunk]:
    """Return a function from a number of entries and a seed to random values for the schema.

    Two columns are the same noise, so that the solid group of them is worth compressing.
    """
    inner = {column.counts for column in schema.columns}

    def make(entries: int, seed: int) -> Chunk:
        rng = np.random.default_rng(seed)
        columns: dict[str, Array] = {}
        for column in schema.columns:
            rows = entries if column.counts is None else int(columns[column.counts].sum())
            size = rows * column.width
            if column.name in ("word", "again"):
                noise = np.random.default_rng(seed).bytes(8 * size)
                columns[column.name] = np.frombuffer(noise, column.dtype)
            elif column.name in inner or column.dtype.kind != "f":
                values = rng.integers(0, 2 if column.dtype.kind == "b" else 4, size)
                columns[column.name] = values.astype(column.dtype)
            else:
                columns[column.name] = rng.exponential(30.0, size).astype(column.dtype)
        return Chunk(entries, columns)

    return make


@pytest.fixture
def chunks(make_chunk: Callable[[int, int], Chunk]) -> list[Chunk]:
    """Three chunks of different lengths."""
    return [make_chunk(entries, seed) for seed, entries in enumerate((7, 1, 12))]


@pytest.fixture
def write(
    tmp_path: Path, schema: Schema, recipe: Recipe, chunks: list[Chunk]
) -> Callable[..., bytes]:
    """Return a function that writes the data set and returns the bytes of the file."""

    def write(
        schema: Schema = schema,
        recipe: Recipe = recipe,
        chunks: list[Chunk] = chunks,
        **options: object,
    ) -> bytes:
        path = tmp_path / "written.baler"
        with Writer(path, schema, recipe, overwrite=True, **options) as writer:  # type: ignore[arg-type]
            for chunk in chunks:
                writer.write(chunk)
        return path.read_bytes()

    return write


@pytest.fixture
def small(write: Callable[..., bytes]) -> bytes:
    """Return the bytes of the data set, with metadata."""
    return write(metadata={"by": "test"})
