"""What is written comes back: any schema, any chunks, any number of threads."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baler.container import Reader, Writer
from baler.core.bounds import Bound, Exact, parse, same_bits
from baler.core.chunk import Array, Chunk
from baler.core.recipe import ColumnRecipe, Group, Recipe
from baler.core.schema import (
    DTYPES,
    Column,
    Field,
    Fixed,
    Leaf,
    List,
    Node,
    Option,
    Record,
    Schema,
)

TEXT = st.text(st.characters(), max_size=6) | st.sampled_from(["\0", "a\0b", "\ud800", "µ", ""])


def assert_kept(bound: Bound, original: Array, found: Array) -> None:
    """Assert that dtype and length are the same and every value keeps its promise."""
    assert found.dtype == original.dtype
    assert found.shape == original.shape
    kept = bound.holds(original, found) if bound.lossy else same_bits(original, found)
    assert kept.all()


class Growing:
    """Columns that are added while a tree of nodes is drawn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.columns: list[Column] = []

    def add(self, dtype: str, counts: str | None, width: int) -> str:
        name = f"{self.draw(TEXT)}{len(self.columns)}"
        self.columns.append(Column(name, np.dtype(dtype), counts, width))
        return name

    def node(self, counts: str | None = None, width: int = 1, depth: int = 0) -> Node:
        kinds = ["leaf"] if depth == 3 else ["leaf", "list", "text", "option", "fixed", "record"]
        match self.draw(st.sampled_from(kinds)):
            case "list":
                inner = self.add(self.draw(st.sampled_from(["<i4", "|u1", "<u8"])), counts, width)
                return List(inner, self.node(inner, 1, depth + 1))
            case "text":
                inner = self.add("<i8", counts, width)
                kind = self.draw(st.sampled_from(["string", "bytes"]))
                return List(inner, Leaf(self.add("|u1", inner, 1)), kind)
            case "option":
                mask = self.add("|b1", counts, width)
                return Option(mask, self.node(mask, 1, depth + 1))
            case "fixed":
                size = self.draw(st.integers(0, 3))
                return Fixed(size, self.node(counts, width * size, depth + 1))
            case "record":
                keys = self.draw(st.lists(TEXT, max_size=3, unique=True))
                fields = tuple((key, self.node(counts, width, depth + 1)) for key in keys)
                name = self.draw(st.none() | TEXT)
                return Record(fields, name, self.draw(st.booleans()))
        return Leaf(self.add(self.draw(st.sampled_from(DTYPES)), counts, width))


@st.composite
def schemas(draw: st.DrawFn) -> Schema:
    """Schemas with up to four fields of any kind."""
    growing = Growing(draw)
    names = draw(st.lists(TEXT, max_size=4, unique=True))
    fields = tuple(Field(name, growing.node(), draw(TEXT)) for name in names)
    return Schema(tuple(growing.columns), fields, draw(st.sampled_from([{}, {"kind": "any"}])))


@st.composite
def recipes(draw: st.DrawFn, schema: Schema) -> Recipe:
    """Recipes with any bounds, parents and groups that fit the schema."""
    bounds = st.sampled_from(["exact", "abs 0.5", "rel 2^-11"])
    plans = [
        ColumnRecipe(
            parse(draw(bounds)) if column.is_float else Exact(),
            tuple(draw(st.lists(st.integers(0, at - 1), max_size=3, unique=True))) if at else (),
        )
        for at, column in enumerate(schema.columns)
    ]
    left, groups = draw(st.permutations(range(len(plans)))), []
    while left:
        size = draw(st.integers(1, len(left)))
        groups.append(Group(tuple(left[:size]), draw(st.booleans())))
        left = left[size:]
    return Recipe(tuple(plans), tuple(groups))


@st.composite
def any_chunks(draw: st.DrawFn, schema: Schema) -> Chunk:
    """Chunks of random bits, so that NaN payloads and all that occur."""
    entries = draw(st.integers(0, 6))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    inner = {column.counts for column in schema.columns}
    columns: dict[str, Array] = {}
    for column in schema.columns:
        rows = entries if column.counts is None else int(columns[column.counts].sum())
        size = rows * column.width
        if column.name in inner or column.dtype.kind == "b":
            values = rng.integers(0, 2 if column.dtype.kind == "b" else 3, size)
            columns[column.name] = values.astype(column.dtype)
        else:
            columns[column.name] = np.frombuffer(
                rng.bytes(size * column.dtype.itemsize), column.dtype
            )
    return Chunk(entries, columns)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_everything_comes_back(data: st.DataObject) -> None:
    schema = data.draw(schemas())
    recipe = data.draw(recipes(schema))
    chunks = [data.draw(any_chunks(schema)) for _ in range(data.draw(st.integers(0, 3)))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.baler"
        with Writer(path, schema, recipe, metadata={"a": [1, "µ"]}) as writer:
            for chunk in chunks:
                writer.write(chunk)
        with Reader(path) as reader:
            assert reader.schema == schema
            assert reader.recipe == recipe
            assert reader.metadata == {"a": [1, "µ"]}
            assert reader.entries == sum(chunk.entries for chunk in chunks)
            assert np.diff(reader.chunks).tolist() == [chunk.entries for chunk in chunks]
            some_columns = st.lists(st.sampled_from(schema.columns or ("",)), unique=True)
            names = data.draw(some_columns) if schema.columns else []
            for number, chunk in reversed(list(enumerate(chunks))):
                whole = reader.read(number)
                assert whole.entries == chunk.entries
                assert list(whole.columns) == list(chunk.columns)
                for plan, column in zip(recipe.columns, schema.columns, strict=True):
                    assert_kept(plan.bound, chunk.columns[column.name], whole.columns[column.name])
                some = reader.read(number, [column.name for column in names])
                assert list(some.columns) == [column.name for column in names]
                for name, values in some.columns.items():
                    assert same_bits(values, whole.columns[name]).all()
            stored = sum(column.stored for column in reader.column_bytes().values())
            assert stored == sum(item.stored_bytes for item in writer.statistics.values())


@pytest.mark.parametrize("threads", [2, 5])
def test_bytes_do_not_depend_on_threads(
    threads: int, write: Callable[..., bytes], chunks: list[Chunk]
) -> None:
    assert write(threads=threads) == write(threads=1)
    with Reader(write(), threads=threads) as many, Reader(write()) as one:
        for number in range(len(chunks)):
            for name, values in many.read(number).columns.items():
                assert same_bits(values, one.read(number).columns[name]).all()


def test_no_chunks(write: Callable[..., bytes], schema: Schema) -> None:
    with Reader(write(chunks=[])) as reader:
        assert (reader.entries, reader.chunks.tolist()) == (0, [0])
        assert reader.schema == schema


def test_no_columns(write: Callable[..., bytes]) -> None:
    nothing = Schema((), ()), Recipe((), ())
    with Reader(write(*nothing, chunks=[Chunk(5, {}), Chunk(0, {})])) as reader:
        assert reader.chunks.tolist() == [0, 5, 5]
        assert reader.read(0) == Chunk(5, {})
        assert reader.column_bytes() == {}
