"""Chunks: sizes are checked before anything is allocated; slices and joins are inverse."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.core.chunk import (
    MAX_COLUMN_BYTES,
    Chunk,
    check_chunk,
    choose_entries,
    column_size,
    empty_chunk,
    join_chunks,
    slice_chunk,
)
from baler.core.schema import Column, Schema
from baler.errors import Corrupt

F4, F8, I4, I8, U8, U1, B1 = (
    np.dtype(name) for name in ("<f4", "<f8", "<i4", "<i8", "<u8", "|u1", "|b1")
)
SCHEMA = Schema(
    (
        Column("run", I4),
        Column("nJet", U1),
        Column("Jet_pt", F4, "nJet", 2),
        Column("Jet_n", I4, "nJet"),
        Column("hit", F8, "Jet_n", 3),
        Column("mask", B1),
        Column("maybe", F4, "mask"),
    ),
    (),
)


def chunk(entries: int, seed: int = 0) -> Chunk:
    """Return random values for the schema."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for column in SCHEMA.columns:
        rows = entries if column.counts is None else int(columns[column.counts].sum())
        top = 2 if column.dtype == B1 else 4
        columns[column.name] = rng.integers(0, top, rows * column.width).astype(column.dtype)
    return Chunk(entries, columns)


def test_sizes_follow_counts_and_widths() -> None:
    assert column_size(Column("x", F4), 7, None) == 7
    assert column_size(Column("x", F4, width=3), 7, None) == 21
    assert column_size(Column("x", F4, width=0), 7, None) == 0
    assert column_size(Column("x", F4, "n", 2), 3, np.array([1, 0, 4])) == 10
    assert column_size(Column("x", F4, "n"), 3, np.array([True, False, True])) == 2
    assert column_size(Column("x", F4, "n"), 0, np.empty(0, np.int32)) == 0
    assert column_size(Column("x", F4, "n"), 300, np.full(300, 255, np.uint8)) == 300 * 255


@pytest.mark.parametrize("dtype", ["|i1", "<i2", "<i4", "<i8"])
def test_negative_counts_are_refused(dtype: str) -> None:
    with pytest.raises(Corrupt, match=r"counts of column 'x' are negative \(-1\)"):
        column_size(Column("x", F4, "n"), 3, np.array([5, -1, 5], dtype))


@pytest.mark.parametrize("top", [MAX_COLUMN_BYTES, MAX_COLUMN_BYTES + 1, (1 << 63) - 1])
@pytest.mark.parametrize("kind", [I8, U8])
def test_what_is_too_large_is_refused_before_it_is_there(top: int, kind: np.dtype[Any]) -> None:
    for counts in ([top], [top, top], [top] * 5):
        with pytest.raises(Corrupt, match="more than 1073741824 bytes"):
            column_size(Column("x", F4, "n"), len(counts), np.array(counts, kind))
    with pytest.raises(Corrupt, match="write smaller chunks"):
        column_size(Column("x", F4, "n"), 2, np.array([(1 << 64) - 1, 1], U8))


def test_the_largest_column_is_allowed_and_one_more_value_is_not() -> None:
    column = Column("x", F8)
    assert column_size(column, MAX_COLUMN_BYTES // 8, None) == MAX_COLUMN_BYTES // 8
    with pytest.raises(Corrupt):
        column_size(column, MAX_COLUMN_BYTES // 8 + 1, None)
    with pytest.raises(Corrupt):
        column_size(Column("x", F8, width=1 << 62), 1 << 62, None)
    assert column_size(Column("x", U1, "n"), 1, np.array([MAX_COLUMN_BYTES])) == MAX_COLUMN_BYTES


@given(st.lists(st.integers(0, 1 << 64), max_size=5), st.sampled_from([I8, U8, I4, U1]))
def test_a_size_is_right_or_refused(counts: list[int], dtype: np.dtype[Any]) -> None:
    array = np.array([n & int(np.iinfo(dtype).max) for n in counts], dtype)
    total = sum(int(n) for n in array)
    if 4 * total > MAX_COLUMN_BYTES:
        with pytest.raises(Corrupt):
            column_size(Column("x", F4, "n"), array.size, array)
    else:
        assert column_size(Column("x", F4, "n"), array.size, array) == total


def test_a_chunk_is_checked() -> None:
    good = chunk(9)
    check_chunk(SCHEMA, good)
    check_chunk(SCHEMA, empty_chunk(SCHEMA))
    pt = good.columns["Jet_pt"]
    for wrong in (pt[:-1], pt.astype(F8), pt.reshape(-1, 2), np.append(pt, pt[:1])):
        with pytest.raises(Corrupt, match=r"column 'Jet_pt' is float.*, expected float32"):
            check_chunk(SCHEMA, Chunk(9, {**good.columns, "Jet_pt": wrong}))
    with pytest.raises(Corrupt, match="chunk has no column 'hit'"):
        check_chunk(SCHEMA, Chunk(9, {n: v for n, v in good.columns.items() if n != "hit"}))
    with pytest.raises(Corrupt, match="column 'run'"):
        check_chunk(SCHEMA, Chunk(8, good.columns))


@given(st.integers(0, 30), st.integers(0, 99), st.lists(st.integers(0, 30), max_size=4))
@settings(max_examples=50)
def test_what_is_cut_apart_is_joined_again(entries: int, seed: int, cuts: list[int]) -> None:
    whole = chunk(entries, seed)
    at = sorted({0, entries, *(cut for cut in cuts if cut <= entries)})
    pairs = list(itertools.pairwise(at)) or [(0, 0)]
    pieces = [slice_chunk(SCHEMA, whole, *pair) for pair in pairs]
    for piece in pieces:
        check_chunk(SCHEMA, piece)
    joined = join_chunks(pieces)
    assert joined.entries == whole.entries
    assert joined.nbytes == whole.nbytes
    for name, values in whole.columns.items():
        assert np.array_equal(joined.columns[name], values)
        assert joined.columns[name].dtype == values.dtype


def test_a_slice_needs_only_the_counts_of_its_columns() -> None:
    whole = chunk(12)
    some = Chunk(12, {name: whole.columns[name] for name in ("nJet", "Jet_n", "hit")})
    expected = slice_chunk(SCHEMA, whole, 3, 8)
    found = slice_chunk(SCHEMA, some, 3, 8)
    assert sorted(found.columns) == ["Jet_n", "hit", "nJet"]
    for name, values in found.columns.items():
        assert np.array_equal(values, expected.columns[name])


def test_an_empty_chunk_has_every_column() -> None:
    empty = empty_chunk(SCHEMA)
    assert empty.entries == 0
    assert [a.dtype for a in empty.columns.values()] == [c.dtype for c in SCHEMA.columns]


def test_a_schema_refuses_what_cannot_be() -> None:
    n, x = Column("n", I4), Column("x", F4, "n")
    with pytest.raises(Corrupt, match="two columns are named 'n'"):
        Schema((n, n), ())
    with pytest.raises(Corrupt, match="do not come before it"):
        Schema((x, n), ())
    with pytest.raises(Corrupt, match="do not come before it"):
        Schema((Column("x", I4, "x"),), ())
    with pytest.raises(Corrupt, match="width -1"):
        Schema((Column("x", I4, width=-1),), ())
    for dtype in (">f4", "<c8", "S3", "<M8[s]", "O"):
        with pytest.raises(Corrupt, match="not one of"):
            Schema((Column("x", np.dtype(dtype)),), ())


@given(keep=st.lists(st.booleans(), max_size=12), seed=st.integers(0, 50))
def test_entries_that_are_chosen_are_the_slices_of_one_joined(keep: list[bool], seed: int) -> None:
    whole = chunk(len(keep), seed)
    chosen = choose_entries(SCHEMA, whole, np.array(keep, np.bool_))
    check_chunk(SCHEMA, chosen)
    slices = [slice_chunk(SCHEMA, whole, at, at + 1) for at, one in enumerate(keep) if one]
    expected = join_chunks(slices) if slices else empty_chunk(SCHEMA)
    assert chosen.entries == expected.entries
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(chosen.columns[name], values)


def test_counts_of_any_integers_choose_entries() -> None:
    schema = Schema((Column("n", U8), Column("x", F4, "n")), ())
    whole = Chunk(2, {"n": np.array([1, 2], U8), "x": np.array([0, 1, 2], F4)})
    chosen = choose_entries(schema, whole, np.array([False, True]))
    assert chosen.columns["x"].tolist() == [1, 2]
