"""Parquet files, read and written back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from baler.core.schema import Column, Leaf, List, Option
from baler.errors import SourceError, Unreadable
from baler.io import create_sink, open_source

N = 1500


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """A table with a column of every kind that columns can hold."""
    return pa.table(
        {
            "x": pa.array(np.random.default_rng(0).normal(size=N), pa.float32()),
            "half": pa.array(np.arange(N, dtype=np.float16)),
            "flag": pa.array([i % 3 == 0 for i in range(N)]),
            "jagged": pa.array([[0.5] * (i % 4) for i in range(N)], pa.list_(pa.float64())),
            "large": pa.array([[i] * (i % 3) for i in range(N)], pa.large_list(pa.int16())),
            "fixed": pa.array([[i % 7, 1] for i in range(N)], pa.list_(pa.int8(), 2)),
            "word": pa.array([str(i) if i % 7 else None for i in range(N)]),
            "words": pa.array([["a", ""][: i % 3] for i in range(N)]),
            "raw": pa.array([b"\xff\x00"[: i % 3] for i in range(N)]),
            "record": pa.array([{"i": i, "l": [i, None]} for i in range(N)]),
            "kind": pa.array(["up", "down", None] * (N // 3)).dictionary_encode(),
            "when": pa.array(range(N), pa.timestamp("us", "UTC")),
            "day": pa.array([i if i % 5 else None for i in range(N)], pa.date32()),
        }
    )


@pytest.mark.parametrize("target_bytes", [1000, 20_000, 10**9])
def test_a_table_comes_back(table: pa.Table, tmp_path: Path, copy: Any, target_bytes: int) -> None:
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=400)
    schema, notes = copy(tmp_path / "a.parquet", tmp_path / "b.parquet", target_bytes)
    assert notes == ()
    back = pq.read_table(tmp_path / "b.parquet")
    original = pq.read_table(tmp_path / "a.parquet")
    assert back.schema.equals(original.schema, check_metadata=True)
    for name in table.column_names:
        first, second = original.column(name), back.column(name)
        assert second.combine_chunks().equals(first.combine_chunks()), name
    assert schema.source["kind"] == "parquet"


def test_only_values_that_are_missing_make_options(table: pa.Table, tmp_path: Path) -> None:
    pq.write_table(table, tmp_path / "a.parquet")
    with open_source(tmp_path / "a.parquet") as source:
        nodes = {field.name: field.node for field in source.schema.fields}
        assert source.schema.by_name["x"] == Column("x", np.dtype("<f4"))
        assert source.disk_bytes == (tmp_path / "a.parquet").stat().st_size
    assert nodes["x"] == Leaf("x")
    assert nodes["jagged"] == List("jagged.counts", Leaf("jagged"))
    assert nodes["word"] == Option("word.mask", List("word.counts", Leaf("word"), "string"))
    assert nodes["day"] == Option("day.mask", Leaf("day"))


def test_a_table_without_rows_comes_back(table: pa.Table, tmp_path: Path, copy: Any) -> None:
    pq.write_table(table.slice(0, 0), tmp_path / "a.parquet")
    copy(tmp_path / "a.parquet", tmp_path / "b.parquet")
    back = pq.read_table(tmp_path / "b.parquet")
    assert back.schema.equals(pq.read_table(tmp_path / "a.parquet").schema)
    assert back.num_rows == 0


def test_other_sources_get_arrow_types(tmp_path: Path, copy: Any) -> None:
    np.savez(tmp_path / "a.npz", m=np.arange(12, dtype=np.float32).reshape(2, 3, 2))
    copy(tmp_path / "a.npz", tmp_path / "b.parquet")
    back = pq.read_table(tmp_path / "b.parquet")
    assert back.column("m").to_pylist() == np.arange(12.0).reshape(2, 3, 2).tolist()


def test_columns_that_cannot_be_read_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    money = pa.array([1, 2], pa.decimal128(10, 2))
    pq.write_table(pa.table({"x": [1, 2], "money": money}), path)
    with pytest.raises(
        Unreadable, match=r"1 field of a.parquet .*:\n  money \(decimal128\(10, 2\)\)"
    ):
        open_source(path)
    with open_source(path, skip_unreadable=True) as source:
        assert list(source.schema.by_name) == ["x"]
        assert len(source.notes) == 1
        (chunk,) = source.chunks(100)
        assert chunk.columns["x"].tolist() == [1, 2]
        with create_sink(tmp_path / "b.parquet", source.schema) as sink:
            sink.write(chunk)
    assert pq.read_table(tmp_path / "b.parquet").column_names == ["x"]


def test_what_is_not_parquet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"this is something else")
    with pytest.raises(SourceError, match=r"a.parquet cannot be opened as a Parquet file"):
        open_source(tmp_path / "a.parquet")


def test_columns_without_any_value_come_back(tmp_path: Path) -> None:
    table = pa.table({"nothing": pa.nulls(3), "x": [1, 2, 3]})
    pq.write_table(table, tmp_path / "a.parquet")
    source = open_source(tmp_path / "a.parquet")
    with source, create_sink(tmp_path / "b.parquet", source.schema) as sink:
        for chunk in source.chunks(1 << 20):
            sink.write(chunk)
    assert pq.read_table(tmp_path / "b.parquet").equals(table)
