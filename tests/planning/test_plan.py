"""Plans: copies, masks and formulas are found where they are, and no column needs itself."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.codecs import decode, describe, encode
from baler.core.bounds import Absolute, Exact, Sigma, same_bits
from baler.core.chunk import Array, Chunk, check_chunk, empty_chunk
from baler.core.recipe import ColumnRecipe, Recipe, decoding_order
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
from baler.planning import Policy, plan
from baler.planning.plan import BLOCK, PREDICTIONS, SMALL, row_shapes

RNG = np.random.default_rng(1)
N = 3000


def made_of(arrays: dict[str, Array], counts: dict[str, str] | None = None) -> tuple[Schema, Chunk]:
    """Return a schema and a chunk of columns, flat or with the counts named."""
    counts = counts or {}
    columns = tuple(Column(name, a.dtype, counts.get(name)) for name, a in arrays.items())
    entries = next((a.size for name, a in arrays.items() if name not in counts), 0)
    schema, chunk = Schema(columns, ()), Chunk(entries, arrays)
    check_chunk(schema, chunk)
    return schema, chunk


def planned(
    arrays: dict[str, Array],
    bounds: dict[str, Any] | None = None,
    counts: dict[str, str] | None = None,
) -> dict[str, ColumnRecipe]:
    """Return the recipe of each column; the plan as a whole is checked."""
    schema, chunk = made_of(arrays, counts)
    recipe = plan(schema, chunk, Policy.of(bounds or {}))
    check(schema, chunk, recipe)
    return dict(zip(arrays, recipe.columns, strict=True))


def check(schema: Schema, chunk: Chunk, recipe: Recipe) -> dict[str, str]:
    """Assert that a plan can be carried out; return what became of each column."""
    order = decoding_order(schema, recipe)  # raises if a column needs itself
    assert len(recipe.columns) == len(schema.columns)
    grouped = [i for group in recipe.groups for i in group.columns]
    assert sorted(grouped) == list(range(len(schema.columns)))
    assert all(group.columns for group in recipe.groups)
    decoded: dict[int, Array] = {}
    found = {}
    for i in order:
        column, here = schema.columns[i], recipe.columns[i]
        assert len(set(here.parents)) == len(here.parents)
        used = {p for hint in here.predictions for p in hint.parents}
        used |= {mask.parent for mask in here.masks}
        assert used <= set(here.parents)
        assert len(here.predictions) <= PREDICTIONS
        if isinstance(here.bound, Sigma):
            assert here.parents[0] == schema.position[here.bound.column]
        allowed = {p: decoded[p] for p in here.parents}
        values = chunk.columns[column.name]
        payload = encode(values, here, allowed.__getitem__)
        decoded[i] = decode(payload, column.dtype, values.size, allowed.__getitem__)
        sigma = allowed[here.parents[0]] if isinstance(here.bound, Sigma) else None
        if here.bound.lossy:
            assert here.bound.holds(values, decoded[i], sigma).all()
        else:
            assert same_bits(values, decoded[i]).all()
        found[column.name] = describe(payload, column.dtype)
    return found


def momenta(size: int = N, seed: int = 2) -> dict[str, Array]:
    """Return momenta of particles (float32)."""
    rng = np.random.default_rng(seed)
    pt, phi, eta = rng.exponential(30, size) + 1, rng.uniform(-3, 3, size), rng.normal(0, 1.5, size)
    found = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
    return {name: values.astype(np.float32) for name, values in found.items()}


def energy(p: dict[str, Array], mass: Any) -> Array:
    """Return energies in float32."""
    squares = sum(p[name].astype(np.float64) ** 2 for name in ("px", "py", "pz"))
    return np.asarray(np.sqrt(squares + np.asarray(mass, np.float64) ** 2)).astype(np.float32)


def formulas(recipe: ColumnRecipe) -> list[str]:
    """Return the formulas that may predict a column."""
    return [hint.formula for hint in recipe.predictions]


def test_an_energy_of_known_mass_is_found() -> None:
    p = momenta()
    found = planned({**p, "E": energy(p, 0.14)})
    assert "energy" in formulas(found["E"])
    (hint,) = (h for h in found["E"].predictions if h.formula == "energy")
    assert hint.constant == pytest.approx(0.14, abs=0.02)
    assert hint.parents == (0, 1, 2)


@pytest.mark.parametrize("name", ["mass", "m", "Jet_mass", "jetMass", "M"])
def test_an_energy_of_a_column_of_masses_is_found(name: str) -> None:
    p = momenta()
    mass = np.random.default_rng(3).exponential(20, N).astype(np.float32)
    found = planned({**p, name: mass, "E": energy(p, mass)})
    assert formulas(found["E"])[0] == "energy of mass"
    assert set(found["E"].parents) == {0, 1, 2, 3}


def test_a_transverse_momentum_is_found() -> None:
    p = momenta()
    pt = np.hypot(p["px"], p["py"])
    found = planned({"px": p["px"], "pt": pt, "py": p["py"]})
    assert formulas(found["pt"])[0] == "norm2"
    whole = np.sqrt(p["px"] ** 2 + p["py"] ** 2 + p["pz"] ** 2)
    assert formulas(planned({**p, "whole": whole})["whole"])[0] in ("norm3", "energy")


def test_arithmetic_is_found() -> None:
    rng = np.random.default_rng(5)
    a, b = (rng.normal(10, 3, N).astype(np.float32) for _ in range(2))
    fraction = rng.uniform(0, 0.6, N).astype(np.float32)
    for expected, values in {
        "sum": a + b, "product": a * fraction, "ratio": a / b, "scaled": a * np.float32(3.25),
        "corrected": a * (1 - fraction), "opposite": -a,
    }.items():  # fmt: skip
        arrays = {"a": a, "b": b, "fraction": fraction, "x": values}
        found = planned(arrays)
        hints = [h for r in found.values() for h in r.predictions]
        assert hints, expected
        used = {
            i for r, h in ((r, h) for r in found.values() for h in r.predictions) for i in h.parents
        }
        assert 3 in used or formulas(found["x"]), expected


def test_fractions_that_add_up_are_found() -> None:
    rng = np.random.default_rng(5)
    parts = rng.dirichlet([2, 3, 4], N)
    arrays = {f"f{i}": parts[:, i].astype(np.float32) for i in range(3)}
    found = planned(arrays)
    hints = [hint for recipe in found.values() for hint in recipe.predictions]
    assert [hint.formula for hint in hints] == ["rest"]
    assert hints[0].constant == pytest.approx(1.0, abs=1e-3)


def test_a_formula_is_worth_its_bytes() -> None:
    p = momenta()
    schema, chunk = made_of({**p, "E": energy(p, 0.14)})
    recipe = plan(schema, chunk, Policy())
    described = check(schema, chunk, recipe)
    assert any("~" in text for text in described.values())


def test_copies_are_found_across_dtypes_of_integers() -> None:
    rng = np.random.default_rng(5)
    small = rng.integers(0, 100, N)
    floats = rng.normal(size=N)
    found = planned(
        {"a": small.astype("<i4"), "b": small.astype("|u1"), "c": small.astype("<u8"),
         "d": floats.astype("<f4"), "e": floats.astype("<f4"), "f": floats,
         "g": (small > 50), "h": (small > 50).astype("<i2"), "one": np.ones(N), "two": np.ones(N)}
    )  # fmt: skip
    for copy, parent in {"b": 0, "c": 0, "e": 3, "h": 6}.items():
        assert formulas(found[copy]) == ["same"], copy
        assert found[copy].parents == (parent,)
    assert "same" not in formulas(found["d"])
    assert not found["one"].parents
    assert not found["two"].parents


def test_a_copy_under_a_bound_is_a_copy_of_what_is_decoded() -> None:
    values = np.random.default_rng(5).normal(size=N).astype(np.float32)
    schema, chunk = made_of({"a": values, "b": values})
    for rules in ({"*": "abs 0.1"}, {"a": "abs 0.1"}, {"b": "abs 0.1"}):
        described = check(schema, chunk, plan(schema, chunk, Policy.of(rules)))
        assert (described["b"] == "copy") == (set(rules) != {"a"})


def test_masks_are_found() -> None:
    rng = np.random.default_rng(5)
    missing = rng.random(N) < 0.3
    x, y = rng.normal(size=(2, N)).astype(np.float32)
    found = planned({"x": np.where(missing, -999, x), "y": np.where(missing, -1, y).astype("<f8")})
    (mask,) = found["y"].masks
    assert mask.parent == 0
    assert np.frombuffer(mask.hidden, "<f4") == -999
    assert np.frombuffer(mask.value, "<f8") == -1
    flag = planned({"good": ~missing, "x": np.where(missing, -999, x)})
    assert flag["x"].masks[0].parent == 0


def test_sigma_comes_first_and_ranges_are_resolved() -> None:
    rng = np.random.default_rng(5)
    x, error = rng.normal(size=N).astype(np.float32), rng.uniform(1, 2, N).astype(np.float32)
    rules = {"x": "sigma 0.1 error", "error": "range 1e-2"}
    found = planned({"error": error, "x": x, "twice": 2 * x, "again": x}, rules)
    assert found["x"].bound == Sigma(0.1, "error")
    assert found["x"].parents[0] == 0
    resolved = found["error"].bound
    assert isinstance(resolved, Absolute)
    assert resolved.epsilon == pytest.approx(0.009, rel=0.05)


def test_an_empty_chunk_has_a_plan() -> None:
    p = momenta(0)
    rules = {"*": "range 0.1", "px": "sigma 1 py"}
    found = planned({"n": np.empty(0, "<i4"), **p}, rules)
    assert found["pz"].bound == Exact()
    schema, _ = made_of({"n": np.empty(0, "<i4"), **p})
    check(schema, empty_chunk(schema), plan(schema, empty_chunk(schema), Policy()))
    schema = Schema((), ())
    assert plan(schema, Chunk(0, {}), Policy()) == Recipe((), ())


def test_groups_put_small_columns_together() -> None:
    rng = np.random.default_rng(5)
    arrays: dict[str, Array] = {f"flag{i}": rng.random(N) < 0.01 for i in range(50)}
    arrays |= {f"noise{i}": rng.normal(size=N) for i in range(20)}
    arrays["large"] = rng.normal(size=60_000)[:N]
    schema, chunk = made_of(arrays)
    recipe = plan(schema, chunk, Policy())
    solid = [group for group in recipe.groups if group.solid]
    assert solid
    assert all(arrays[list(arrays)[i]].nbytes > SMALL for g in recipe.groups for i in g.columns
               if not g.solid)  # fmt: skip
    assert {i for group in solid for i in group.columns} == set(range(50))
    assert all(8 * N * len(g.columns) < 3 * BLOCK for g in recipe.groups if not g.solid)


def test_columns_beyond_the_range_of_their_squares_do_not_warn() -> None:
    rng = np.random.default_rng(5)
    huge = rng.uniform(-1, 1, N) * 1.7e308
    strange = rng.choice([np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0, 1.0], N)
    signalling = np.full(N, 0x7F800001, np.uint32).view(np.float32).copy()
    signalling[::2] = rng.normal(size=N // 2)
    arrays = {"a": huge, "b": -huge, "c": huge / 3, "d": strange, "e": signalling, "mass": huge / 7}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        planned(arrays)
        planned(arrays, {"*": "abs 1"})
        planned(arrays, {"*": "range 1e-3"})
        planned({name: arrays[name] for name in ("a", "b", "c", "mass")})


@given(st.data())
@settings(max_examples=60)
def test_no_plan_has_a_circle(data: st.DataObject) -> None:
    """Columns that are made of one another in every which way, in two collections of one length."""
    rng = np.random.default_rng(data.draw(st.integers(0, 1 << 32)))
    size = data.draw(st.sampled_from([8, 64, 200]))
    arrays: dict[str, Array] = {"n": np.ones(size, "<i4")}
    counts: dict[str, str] = {}
    if data.draw(st.booleans()):
        arrays["n"] = rng.integers(0, 2, size).astype("<i4")
    inner = int(arrays["n"].sum())
    kinds = ["new", "same", "sum", "product", "opposite", "scaled", "masked", "mask", "integer"]
    for i in range(data.draw(st.integers(2, 9))):
        name = f"c{i}"
        rows = inner if data.draw(st.booleans()) else size
        known = [a for a in arrays.values() if a.size == rows and a.dtype.kind == "f"]
        a, b = (
            known[data.draw(st.integers(0, len(known) - 1))] if known else rng.normal(size=rows)
            for _ in range(2)
        )  # fmt: skip
        match data.draw(st.sampled_from(kinds)):
            case "new":
                values = rng.normal(size=rows)
            case "same":
                values = a.copy()
            case "sum":
                values = a + b
            case "product":
                values = a * b
            case "opposite":
                values = -a
            case "scaled":
                values = a * 3.0
            case "masked":
                values = np.where(b < 0, -999.0, a)
            case "mask":
                values = (b < 0).astype(data.draw(st.sampled_from(["<f8", "|b1", "<i4"])))
            case _:
                values = np.rint(a * 10).astype("<i8")
        if rows == inner and (inner != size or data.draw(st.booleans())):
            counts[name] = "n"
        arrays[name] = values
    floats = [name for name, values in arrays.items() if values.dtype.kind == "f"]
    rules: dict[str, Any] = {}
    for name in floats:
        others = [o for o in floats if o != name and counts.get(o) == counts.get(name)]
        if others and data.draw(st.integers(0, 3)) == 0:
            rules[name] = Sigma(0.1, data.draw(st.sampled_from(others)))
        elif data.draw(st.booleans()):
            rules[name] = Absolute(0.1)
    schema, chunk = made_of(arrays, counts)
    for name in list(rules):  # take away the circles that were asked for
        path = [name]
        while isinstance(bound := rules.get(path[-1]), Sigma) and bound.column not in path:
            path.append(bound.column)
        if isinstance(rules.get(path[-1]), Sigma):
            del rules[name]
    check(schema, chunk, plan(schema, chunk, Policy.of(rules)))


def test_counts_are_needs_too() -> None:
    """``y`` could predict ``x``, but is behind ``z``, which ``n`` counts, which is behind ``x``."""
    rng = np.random.default_rng(4)
    usual = np.arange(200) % 5 < 3
    nearly = usual & (np.arange(200) > 9)
    x = np.where(usual, 0.0, rng.normal(size=200))
    arrays = {
        "x": x,
        "n": np.where(usual, 1, 2 * (np.cumsum(~usual) % 2)).astype("<i4"),
        "z": np.where(nearly, 7.0, rng.normal(size=200)),
        "y": np.where(usual & ~nearly, 3.0, 2 * x),
    }
    found = planned(arrays, counts={"z": "n"})
    assert found["n"].masks[0].parent == 0
    assert found["y"].masks[0].parent == 2
    assert not found["x"].predictions


@pytest.mark.parametrize("name", DTYPES)
def test_every_dtype_has_a_plan(name: str) -> None:
    rng = np.random.default_rng(4)
    values = rng.integers(0, 2, 500).astype(name)
    planned({"a": values, "b": values.copy(), "c": values[::-1].copy()})


def test_rows_have_the_shapes_of_their_fields() -> None:
    def nested(*sizes: int) -> Node:
        node: Node = Leaf("x")
        for size in reversed(sizes):
            node = Fixed(size, node)
        return node

    def shape(node: Node, width: int) -> tuple[int, ...]:
        column = Column("x", np.dtype("<f4"), None, width)
        counts = tuple(Column(name, np.dtype("<i4")) for name in ("n", "mask"))
        return row_shapes(Schema((*counts, column), (Field("x", node),)))["x"]

    assert shape(Leaf("x"), 1) == ()
    assert shape(nested(50, 40), 2000) == (50, 40)
    assert shape(nested(1, 50, 1, 1, 40), 2000) == (50, 40)
    assert shape(nested(1, 1), 1) == ()
    assert shape(nested(3, 0), 0) == (3, 0)
    assert shape(List("n", nested(3)), 3) == (3,)
    assert shape(Fixed(9, List("n", nested(3, 2))), 6) == (3, 2)
    assert shape(Fixed(9, Option("mask", nested(2))), 2) == (2,)
    assert shape(Fixed(4, Record((("a", nested(5)),))), 20) == (4, 5)
    assert shape(nested(2, 2, 2, 2, 2, 2, 3), 192) == (2, 2, 2, 2, 2, 2, 3)
    assert shape(nested(2, 2, 2, 2, 2, 2, 3, 5), 960) == (2, 2, 2, 2, 2, 2, 15)
    without = Schema((Column("x", np.dtype("<f4"), None, 6), Column("y", np.dtype("<f4"))), ())
    assert row_shapes(without) == {"x": (6,), "y": ()}


def test_shapes_are_planned_and_used() -> None:
    rng = np.random.default_rng(4)
    values = np.cumsum(rng.normal(size=(50, 300)), 0).astype("<f4").reshape(-1)
    schema = Schema(
        (Column("x", values.dtype, None, 300), Column("y", np.dtype("<f4"))),
        (Field("x", Fixed(20, Fixed(15, Leaf("x")))), Field("y", Leaf("y"))),
    )
    chunk = Chunk(50, {"x": values, "y": values[:50]})
    recipe = plan(schema, chunk, Policy.of({"x": "abs 0.01"}))
    assert [column.shape for column in recipe.columns] == [(20, 15), ()]
    assert "lorenzo" in check(schema, chunk, recipe)["x"]
