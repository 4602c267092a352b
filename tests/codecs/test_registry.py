"""Codecs by their codes, and what decoding leans on: sizes of parents, and known names."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import baler.codecs
from baler.codecs.base import Codec, codecs, parent_values, register
from baler.codecs.formulas import BY_NAME, FORMULAS, predict
from baler.core.bounds import Exact, same_bits
from baler.core.recipe import ColumnRecipe, Prediction
from baler.errors import Corrupt

CODES = {
    0: "raw", 1: "constant", 2: "pco", 3: "zstd", 4: "lzma", 5: "shuffle", 6: "flags", 7: "rank",
    8: "copy", 9: "masked", 10: "grid", 11: "learned",
}  # fmt: skip
NAMES = ["same", "sum", "difference", "product", "ratio", "scaled", "opposite", "corrected",
         "norm2", "norm3", "energy", "energy of mass", "rest"]  # fmt: skip


def test_codes_are_never_given_another_meaning() -> None:
    assert {code: codec.name for code, codec in codecs().items()} == CODES
    assert [formula.name for formula in FORMULAS] == NAMES
    assert [formula.code for formula in FORMULAS] == list(range(len(NAMES)))


def test_a_code_is_given_once() -> None:
    class Another(type(codecs()[0])):  # type: ignore[misc]
        name = "another"

    with pytest.raises(ValueError, match="codec 0 is taken by 'raw'"):
        register(Another)
    assert codecs()[0].name == "raw"


def test_the_registry_is_handed_out_as_a_copy() -> None:
    codecs().clear()
    assert codecs()
    assert all(isinstance(codec, Codec) for codec in codecs().values())


def test_parents_have_as_many_values() -> None:
    assert parent_values(lambda _: np.zeros(3), 7, 3).size == 3
    with pytest.raises(Corrupt, match="parent column 7 has 3 values, expected 4"):
        parent_values(lambda _: np.zeros(3), 7, 4)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("same", 3.0), ("sum", 7.0), ("difference", -1.0), ("product", 12.0), ("ratio", 0.75),
        ("scaled", 6.0), ("opposite", -3.0), ("corrected", -9.0), ("norm2", 5.0), ("norm3", 13.0),
        ("energy", np.sqrt(173.0)), ("energy of mass", np.sqrt(205.0)), ("rest", -5.0),
    ],
)  # fmt: skip
def test_formulas(name: str, expected: float) -> None:
    formula = BY_NAME[name]
    parents = [np.array([n], np.float32) for n in (3, 4, 12, 6)][: formula.arity]
    found = predict(formula, parents, 2.0, "f")
    assert found.dtype == np.float64
    assert found.tolist() == [expected]


def test_integers_wrap_around() -> None:
    most, one = np.array([(1 << 63) - 1]), np.array([1], np.uint8)
    assert predict(BY_NAME["sum"], [most, one], 0.0, "i").tolist() == [-(1 << 63)]
    largest = np.array([(1 << 64) - 1], np.uint64)
    assert predict(BY_NAME["same"], [largest], 0.0, "u").tolist() == [-1]
    assert predict(BY_NAME["opposite"], [np.array([-(1 << 63)])], 0.0, "i")[0] == -(1 << 63)


@pytest.mark.parametrize("dtype", ["<i8", "<u8"])
def test_integers_at_the_end_of_their_range_are_predicted(dtype: str) -> None:
    """Lattice numbers next to 2**63 fit into no table that ends one further."""
    limits = np.iinfo(dtype)
    for end in (limits.max, limits.min, (1 << 63) - 1):
        step = 1 if end == limits.min else -1
        values = np.array([int(end) + step * i for i in range(50)], dtype)
        parent = np.resize(np.arange(9), 50)
        recipe = ColumnRecipe(Exact(), (0,), (Prediction("same", (0,)),))
        payload = baler.codecs.encode(values, recipe, {0: parent}.__getitem__)
        found = baler.codecs.decode(payload, values.dtype, 50, {0: parent}.__getitem__)
        assert same_bits(values, found).all()


DECODING = ("codecs/grid.py", "codecs/plain.py", "codecs/reshape.py", "codecs/contextual.py",
            "codecs/base.py", "codecs/formulas.py", "quantise/dither.py", "quantise/logarithm.py",
            "quantise/lattice.py", "transforms.py")  # fmt: skip
INEXACT = {"exp", "exp2", "log", "log2", "log10", "power", "pow", "sin", "cos", "tan", "tanh",
           "cbrt", "hypot", "expm1", "log1p", "sum", "dot", "matmul", "mean"}  # fmt: skip


@pytest.mark.parametrize("path", DECODING)
def test_decoding_leaves_no_room_for_rounding(path: str) -> None:
    """Transcendental functions and sums of floats differ between machines."""
    tree = ast.parse((Path(baler.codecs.__file__).parents[1] / path).read_text())
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in ("np", "numpy")
    }
    assert not used & INEXACT
