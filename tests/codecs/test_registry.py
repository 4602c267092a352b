"""Codecs by their codes, and what decoding leans on: sizes of parents, and known names."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import baler.codecs
from baler.codecs.base import Codec, codecs, parent_values, register
from baler.codecs.formulas import BY_NAME, FORMULAS, RUN, first_rows, predict
from baler.core.bounds import Exact, same_bits
from baler.core.recipe import ColumnRecipe, Prediction
from baler.errors import Corrupt

CODES = {
    0: "raw", 1: "constant", 2: "pco", 3: "zstd", 4: "lzma", 5: "shuffle", 6: "flags", 7: "rank",
    8: "copy", 9: "masked", 10: "grid", 11: "learned", 12: "predicted", 13: "split",
    14: "lorenzo",
}  # fmt: skip
NAMES = ["same", "sum", "difference", "product", "ratio", "scaled", "opposite", "corrected",
         "norm2", "norm3", "energy", "energy of mass", "rest", "rest of three", "rest of four",
         "uncorrected", "lookup", "lookup of two", "phi", "eta", "energy of jet", "eta of pt", "x",
         "y", "z", "energy of pt", "energy of pt and mass", "mass", "mass of p", "mass of two",
         "mass of two of pt", "mass of two of pt and mass", "mass of two of momenta"]  # fmt: skip


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
        ("rest of three", -17.0), ("rest of four", -23.0), ("uncorrected", -1.0), ("lookup", 0.0),
        ("phi", np.arctan2(4, 3) + 2 * np.pi), ("eta", np.arcsinh(2.4)),
        ("energy of jet", np.sqrt(194.0)),
        ("eta of pt", np.arcsinh(4 / 3)), ("x", 3 * np.cos(4.0)), ("y", 3 * np.sin(4.0)),
        ("z", 3 * np.sinh(4.0)), ("energy of pt", np.sqrt(9 * np.cosh(4.0) ** 2 + 4)),
        ("energy of pt and mass", np.sqrt(9 * np.cosh(4.0) ** 2 + 144)),
        ("mass", -np.sqrt(187.0)), ("mass of p", -np.sqrt(7.0)),
        # the same particle twice
        ("mass of two", -2 * np.sqrt(187.0)), ("mass of two of momenta", 4.0),
    ],
)  # fmt: skip
def test_formulas(name: str, expected: float) -> None:
    formula = BY_NAME[name]
    repeated = 2 * (3, 4, 12, 6)[: 4 if formula.arity == 8 else 3]
    numbers = repeated if formula.arity > 4 else (3, 4, 12, 6)
    parents = [np.array([n], np.float32) for n in numbers][: formula.arity]
    found = predict(formula, parents, 2.0, "f")
    assert found.dtype == np.float64
    assert found.tolist() == [pytest.approx(expected, rel=1e-14)]


@pytest.mark.parametrize("mass", [0.0, 0.1056584])
def test_masses_of_two_agree(mass: float) -> None:
    """By energies and momenta, by momenta alone, by transverse momenta."""
    rng = np.random.default_rng(2)
    pt, eta = rng.exponential(30, (2, 500)), rng.normal(0, 2, (2, 500))
    phi = rng.uniform(-np.pi, np.pi, (2, 500))
    x, y, z = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    e = np.sqrt(x * x + y * y + z * z + mass**2)
    heavy = np.full(500, mass)
    ways = {
        "mass of two": (e, x, y, z), "mass of two of momenta": (x, y, z),
        "mass of two of pt": (pt, eta, phi), "mass of two of pt and mass": (pt, eta, phi, heavy),
    }  # fmt: skip
    dot = x[0] * x[1] + y[0] * y[1] + z[0] * z[1]
    expected = np.sqrt(np.maximum(2 * (mass**2 + e[0] * e[1] - dot), 0))
    for name, quantities in ways.items():
        parents = [q[i] if q.ndim == 2 else q for i in range(2) for q in quantities]
        found = predict(BY_NAME[name], parents, mass, "f")
        assert np.allclose(found, expected, rtol=1e-9, atol=1e-4), name


def test_angles_turn_as_the_constant_says() -> None:
    x, y = np.array([1.0, 1.0, -1.0, -1.0]), np.array([1.0, -1.0, 1.0, -1.0])
    right = np.pi / 4 * np.array([1, -1, 3, -3])
    assert np.allclose(predict(BY_NAME["phi"], [x, y], -np.pi, "f"), right)
    assert np.allclose(predict(BY_NAME["phi"], [x, y], 0.0, "f"), right % (2 * np.pi))


def test_runs_of_rows_make_no_difference() -> None:
    rng = np.random.default_rng(3)
    p = list(rng.normal(0, 9, (3, 3 * RUN + 5)))
    whole = predict(BY_NAME["eta"], p, 0.0, "f")
    parts = [predict(BY_NAME["eta"], [q[at : at + 100] for q in p], 0.0, "f")
             for at in range(0, whole.size, 100)]  # fmt: skip
    assert same_bits(whole, np.concatenate(parts)).all()


def test_first_rows() -> None:
    keys = np.array([7, 3, 7, 3, 9, 7], np.int16)
    assert first_rows([keys]).tolist() == [0, 1, 0, 1, 4, 0]
    floats = np.array([np.nan, 0.0, np.nan, -0.0, 0.0, 1.0])
    assert first_rows([floats]).tolist() == [0, 1, 0, 3, 1, 5]
    assert first_rows([floats, keys > 3]).tolist() == [0, 1, 0, 3, 4, 5]
    wide = np.array([0, (1 << 64) - 1] * 3, np.uint64)
    assert first_rows([wide]).tolist() == [0, 1] * 3
    assert first_rows([np.array([-(1 << 63), (1 << 63) - 1] * 2)]).tolist() == [0, 1] * 2
    assert first_rows([np.empty(0)]).size == 0


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
            "codecs/base.py", "codecs/formulas.py", "codecs/lorenzo.py", "quantise/dither.py",
            "quantise/logarithm.py", "quantise/elementary.py", "quantise/lattice.py",
            "transforms.py")  # fmt: skip
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
