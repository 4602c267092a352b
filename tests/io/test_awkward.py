"""Laws of taking awkward arrays apart and putting them together again."""

from __future__ import annotations

from typing import Any

import awkward as ak
import hypothesis_awkward.strategies as st_ak
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from baler.core.chunk import Chunk, check_chunk
from baler.core.schema import DTYPES, Column, Field, Fixed, Leaf, List, Node, Schema
from baler.errors import SourceError
from baler.io.awkward import assemble, disassemble
from baler.io.describe import Describer

relaxed = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

arrays = st_ak.constructors.arrays(
    dtypes=st.sampled_from([np.dtype(name) for name in DTYPES]),
    allow_union=False,
    allow_empty=False,
    allow_virtual=False,
    max_size=40,
)


def taken_apart(array: ak.Array, name: str = "f") -> tuple[Node, Schema, dict[str, Any]]:
    """Describe an array and take it apart."""
    describer = Describer([name])
    node = describer.field(name, array.layout.form)
    schema = Schema(describer.columns, (Field(name, node),))
    return node, schema, disassemble([(schema.fields[0], array)], schema.by_name)


@relaxed
@given(arrays)
def test_assemble_undoes_disassemble(difference: Any, array: ak.Array) -> None:
    node, schema, columns = taken_apart(array)
    check_chunk(schema, Chunk(len(array), columns))
    assert difference(assemble(node, columns, len(array)), array) == ""


@relaxed
@given(arrays, st.data())
def test_pieces_have_the_schema_of_the_whole(difference: Any, array: ak.Array, data: Any) -> None:
    cut = data.draw(st.integers(0, len(array)))
    node, schema, _ = taken_apart(array)
    for piece in (array[:cut], array[cut:], array[:0]):
        assert taken_apart(piece)[1] == schema
        columns = disassemble([(schema.fields[0], piece)], schema.by_name)
        check_chunk(schema, Chunk(len(piece), columns))
        assert difference(assemble(node, columns, len(piece)), piece) == ""


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_keep_all_their_bits(dtype: str) -> None:
    kind = np.dtype(dtype)
    bits = np.random.default_rng(1).integers(0, 256, 64 * kind.itemsize, np.uint8)
    values = (bits % 2).view(kind) if kind.kind == "b" else bits.view(kind)
    node, _, columns = taken_apart(ak.Array(values))
    assert columns["f"].tobytes() == values.tobytes()
    assert np.asarray(assemble(node, columns, 64)).tobytes() == values.tobytes()


def test_any_byte_but_zero_is_true() -> None:
    values = np.array([0, 1, 78, 217], np.uint8).view(np.bool_)
    assert taken_apart(ak.Array(values))[2]["f"].view(np.uint8).tolist() == [0, 1, 1, 1]


def test_columns_are_named_by_rule() -> None:
    array = ak.Array([{"x": [[1.0], []], "s": "text", "y": None}, {"x": [], "s": "", "y": 2}])
    names = [column.name for column in taken_apart(array)[1].columns]
    assert names == [
        *("f.x.counts", "f.x.counts.counts", "f.x"),
        *("f.s.counts", "f.s", "f.y.mask", "f.y"),
    ]


def test_names_are_unique_whatever_the_fields_are_called() -> None:
    describer = Describer(["a", "a.counts", "a.b"])
    describer.field("a", ak.Array([[{"b": 1, "counts": 2}]]).layout.form)
    describer.field("a.counts", ak.Array([[1]]).layout.form)
    describer.field("a.b", ak.Array([1]).layout.form)
    assert [column.name for column in describer.columns] == [
        *("a.counts.counts", "a.b#2", "a.counts#2"),
        *("a.counts.counts.counts", "a.counts", "a.b"),
    ]


def test_fixed_sizes_become_widths() -> None:
    node, schema, columns = taken_apart(ak.Array(np.zeros((2, 3, 4), "<f4")))
    assert node == Fixed(3, Fixed(4, Leaf("f")))
    assert schema.columns == (Column("f", np.dtype("<f4"), None, 12),)
    assert columns["f"].shape == (24,)


def test_empty_arrays_of_unknown_type_are_read_as_the_known_one() -> None:
    _, schema, _ = taken_apart(ak.Array([[1.5], []]))
    columns = disassemble([(schema.fields[0], ak.Array([[], []]))], schema.by_name)
    assert columns["f"].dtype == np.float64
    assert columns["f.counts"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (ak.Array([1, "two"]), "field 'f' is a union of types"),
        (ak.Array([{"m": [1 + 2j]}]), "field 'f', member 'm', has values of type complex128"),
        (ak.Array(np.zeros(1, "M8[us]")), "field 'f' has values of type datetime64"),
    ],
)
def test_types_that_columns_cannot_hold_are_refused(array: ak.Array, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        taken_apart(array)


def test_a_refused_field_leaves_no_columns_behind() -> None:
    describer = Describer(["a"])
    with pytest.raises(SourceError):
        describer.field("a", ak.Array([{"x": 1, "y": 1j}]).layout.form)
    assert describer.columns == ()


def test_shared_counts_must_agree() -> None:
    columns = {
        "n": Column("n", np.dtype("<i4")),
        "x": Column("x", np.dtype("<f8"), "n"),
    }
    fields = [Field("n", Leaf("n")), Field("x", List("n", Leaf("x")))]
    x = ak.Array([[1.0, 2.0], [3.0]])
    assert disassemble(zip(fields, [ak.Array([2, 1]), x], strict=True), columns)["n"].tolist() == [
        2,
        1,
    ]
    with pytest.raises(SourceError, match=r"field 'x': .*'n' \(row 1: 1 instead of 0\)"):
        disassemble(zip(fields, [ak.Array([2, 0]), x], strict=True), columns)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (ak.Array([1.0]), "field 'x': expected lists, found float64"),
        (ak.Array([[1.0, None]]), "field 'x': 1 values are missing"),
        (ak.Array([["text"]]), "field 'x': expected numbers, found string"),
        (ak.Array([[0.5]]), "values of type float64 do not fit column 'x'"),
    ],
)
def test_arrays_of_another_type_are_refused(array: ak.Array, message: str) -> None:
    columns = {
        "n": Column("n", np.dtype("<u4")),
        "x": Column("x", np.dtype("<i4"), "n"),
    }
    with pytest.raises(SourceError, match=message):
        disassemble([(Field("x", List("n", Leaf("x"))), array)], columns)
