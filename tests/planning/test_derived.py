"""Derived columns: particles are known by their names, formulas by values; what is found pays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from baler.codecs import decode, describe, encode
from baler.core.bounds import Absolute, Exact, same_bits
from baler.core.chunk import Array, Chunk
from baler.core.recipe import ColumnRecipe, Prediction, decoding_order
from baler.core.schema import Column, Schema
from baler.planning import Policy, plan
from baler.planning.kinematics import particles

N = 3000
RNG = np.random.default_rng(4)


def planned(
    arrays: dict[str, Array], rules: dict[str, Any] | None = None, dither: bool = False
) -> tuple[dict[str, ColumnRecipe], dict[str, str], dict[str, float]]:
    """Return recipes, what became of columns, and bits per value; all bounds are checked."""
    columns = tuple(Column(name, a.dtype) for name, a in arrays.items())
    size = next(iter(arrays.values())).size
    schema = Schema(columns, ())
    recipe = plan(schema, Chunk(size, arrays), Policy.of(rules or {}, dither=dither))
    decoded: dict[int, Array] = {}
    codecs, bits = {}, {}
    for i in decoding_order(schema, recipe):
        name, values, here = columns[i].name, arrays[columns[i].name], recipe.columns[i]
        allowed = {p: decoded[p] for p in here.parents}
        payload = encode(values, here, allowed.__getitem__)
        decoded[i] = decode(payload, values.dtype, size, allowed.__getitem__)
        kept = here.bound.holds(values, decoded[i]) if here.bound.lossy else None
        assert (same_bits(values, decoded[i]) if kept is None else kept).all()
        codecs[name], bits[name] = describe(payload, values.dtype), 8 * len(payload) / size
    return dict(zip(arrays, recipe.columns, strict=True)), codecs, bits


def first(recipe: ColumnRecipe) -> str:
    return recipe.predictions[0].formula if recipe.predictions else ""


def muons(suffix: str = "", size: int = N, mass: float = 0.1056584) -> dict[str, Array]:
    pt, phi, eta = (
        RNG.exponential(30, size) + 5,
        RNG.uniform(-3.1, 3.1, size),
        RNG.normal(0, 1, size),
    )
    x, y, z = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    found = {"px": x, "py": y, "pz": z, "pt": pt, "eta": eta, "phi": phi}
    found["E"] = np.sqrt(x * x + y * y + z * z + mass * mass)
    return {f"{name}{suffix}": values for name, values in found.items()}


def mass_of(one: dict[str, Array], other: dict[str, Array]) -> Array:
    e, x, y, z = (
        sum(next(v for k, v in p.items() if k.startswith(q)) for p in (one, other))
        for q in ("E", "px", "py", "pz")
    )
    return np.asarray(np.sqrt(e * e - x * x - y * y - z * z))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["px1", "py1", "E1", "px2", "M"], [{"x": 0, "y": 1, "e": 2}]),
        (["Jet_Px", "Jet_Py", "MET_px", "MET_py"], [{"x": 0, "y": 1}, {"x": 2, "y": 3}]),
        (["gPt", "gPhi", "pt", "phi"], [{"pt": 0, "phi": 1}, {"pt": 2, "phi": 3}]),
        (["H1_PX", "H1_PY", "H1_ProbK"], [{"x": 0, "y": 1}]),
        (["a.momentum.x", "a.momentum.y", "a.vertex.x"], [{"x": 0, "y": 1}]),
        (["Muon_pt", "Muon_eta", "Muon_mass"], [{"pt": 0, "eta": 1, "m": 2}]),
        (["type", "compact", "", "7", "é"], []),
    ],
)
def test_particles_are_known_by_name(names: list[str], expected: list[dict[str, int]]) -> None:
    assert particles(names) == expected


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
@pytest.mark.parametrize("rule", ["range 1e-3", "rel 2^-11"])
def test_two_muons_cost_little_more_than_six_columns(dtype: str, rule: str) -> None:
    one, two = muons("1"), muons("2")
    arrays = {**one, **two, "M": mass_of(one, two)}
    arrays = {name: values.astype(dtype) for name, values in arrays.items()}
    found, codecs, bits = planned(arrays, {"*": rule})
    derived = [name for name in arrays if "~" in codecs[name]]
    assert len(derived) == 9
    assert "M" in derived
    assert all(bits[name] < 3.2 for name in derived)
    assert {first(found[name]) for name in ("phi1", "phi2", "px1", "px2")} & {"phi", "x"}


def test_polar_coordinates_give_an_energy() -> None:
    p = muons()
    mass = RNG.exponential(8, N)
    energy = np.sqrt((p["pt"] * np.cosh(p["eta"])) ** 2 + mass**2)
    jets = {"Jet_pt": p["pt"], "Jet_eta": p["eta"], "Jet_mass": mass, "Jet_energy": energy}
    _, codecs, _ = planned(jets, {"*": "rel 1e-4"})
    assert sum("~" in codec for codec in codecs.values()) == 1
    known = {"Mu_pt": p["pt"], "Mu_eta": p["eta"], "Mu_E": p["E"]}
    found, codecs, bits = planned(known, {"*": "rel 1e-4"})
    assert first(found["Mu_E"]) == "energy of pt"
    assert bits["Mu_E"] < 2


def test_a_mass_of_two_is_found_from_transverse_momenta() -> None:
    one, two = muons("_1"), muons("_2")
    names = ("pt_1", "eta_1", "phi_1", "pt_2", "eta_2", "phi_2")
    arrays = {name: {**one, **two}[name] for name in names} | {"m_vis": mass_of(one, two)}
    found, _, bits = planned(arrays, {"*": "rel 2^-11"})
    assert first(found["m_vis"]) == "mass of two of pt"
    assert bits["m_vis"] < 3


def test_angles_from_zero_to_two_pi() -> None:
    p = muons()
    arrays = {"px": p["px"], "py": p["py"], "phi": p["phi"] % (2 * np.pi)}
    found, _, bits = planned(arrays, {"*": "abs 1e-3"})
    assert found["phi"].predictions == (Prediction("phi", (0, 1), 0.0),)
    assert bits["phi"] < 2


@pytest.mark.parametrize("many", [4, 5])
def test_fractions_sum_to_one(many: int) -> None:
    parts = RNG.dirichlet(np.arange(2, 2 + many), N).astype(np.float32)
    arrays = {f"f{i}": parts[:, i].copy() for i in range(many)}
    found, _, bits = planned(arrays, {"*": "abs 1e-3"})
    assert [first(r) for r in found.values() if r.predictions] == [
        {4: "rest of three", 5: "rest of four"}[many]
    ]
    assert min(bits.values()) < 3


@pytest.mark.parametrize("rule", [None, "abs 1e-4", "rel 2^-11"])
@pytest.mark.parametrize("dither", [False, True])
def test_functions_of_integers_are_looked_up(rule: str | None, dither: bool) -> None:
    kinds = np.array([211, -211, 22, 130, 13, -13, 11, -11], "<i4")
    pdg = RNG.choice(kinds, N, p=[0.3, 0.3, 0.2, 0.1, 0.04, 0.03, 0.02, 0.01])
    masses = {211: 0.13957, 22: 0.0, 130: 0.4976, 13: 0.10566, 11: 0.000511}
    mass = np.array([masses[abs(k)] for k in pdg.tolist()], "<f4")
    charge = np.where(np.isin(pdg, [22, 130]), 0, np.sign(pdg)).astype("|i1")
    nearly = np.where(RNG.random(N) < 0.02, RNG.normal(0, 1, N), mass * 3).astype("<f4")
    arrays = {"pdgId": pdg, "mass": mass, "charge": charge, "good": pdg > 0, "nearly": nearly}
    found, codecs, bits = planned(arrays, {} if rule is None else {"*": rule}, dither)
    for name in ("mass", "charge", "good"):
        assert first(found[name]) == "lookup", name
        assert "~lookup" in codecs[name]
        assert bits[name] < 0.25
    assert "~lookup" in codecs["nearly"]


def test_keys_that_never_repeat_are_no_keys() -> None:
    arrays = {"event": np.arange(N), "x": RNG.normal(size=N), "few": RNG.integers(0, 5, N)}
    found, _, _ = planned(arrays)
    assert not any(recipe.predictions for recipe in found.values())


def test_coarse_parents_promise_nothing() -> None:
    """A formula that is true is of no use if its parents are decoded too coarsely."""
    p = {name: values for name, values in muons().items() if name in ("px", "py", "pz", "E")}
    rules = {"p*": "abs 60", "E": "abs 1e-3"}
    found, _, _ = planned(p, rules)
    assert not found["E"].predictions
    assert planned(p, {"p*": "abs 1e-3", "E": "abs 1e-3"})[0]["E"].predictions


def test_a_column_without_numbers_hides_no_formula() -> None:
    p = muons()
    empty = np.full(N, np.nan)
    empty[0] = 1
    found, _, _ = planned({"bad": empty, **p}, {"*": "abs 1e-3"})
    assert found["phi"].predictions


@pytest.mark.parametrize("dtype", ["<f4", "<f8"])
def test_what_is_odd_stays_as_it_is(dtype: str) -> None:
    p = {name: values.astype(dtype) for name, values in muons().items()}
    odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, -5.0, 1e30, 5e-324], dtype)
    for values in p.values():
        values[RNG.integers(0, N, 200)] = RNG.choice(odd, 200)
    for rule in ("abs 1e-3", "rel 1e-3", "range 1e-3"):
        _, codecs, _ = planned(p, {"*": rule})
        assert any("~" in codec for codec in codecs.values())
    planned(p)


def test_zero_where_the_formula_gives_next_to_zero() -> None:
    """Exact zeros stay zeros though a centred lattice need not have them."""
    p = muons()
    p["E"][::7] = 0.0
    p["E"][5] = 0.0
    recipe = ColumnRecipe(Absolute(1e-2), (0, 1, 2), (Prediction("norm3", (0, 1, 2)),))
    parents = {i: p[name] for i, name in enumerate(("px", "py", "pz"))}
    parents[0][5] = parents[1][5] = parents[2][5] = 1e-4
    payload = encode(p["E"], recipe, parents.__getitem__)
    found = decode(payload, p["E"].dtype, N, parents.__getitem__)
    assert (found[p["E"] == 0] == 0).all()
    assert "~norm3" in describe(payload, p["E"].dtype)


@pytest.mark.parametrize("rule", [None, "abs 1e-3"])
def test_a_formula_that_holds_only_in_the_middle_does_not_mislead(rule: str | None) -> None:
    """Large columns try predictions on a run in the middle first."""
    size = 120_000
    x = RNG.normal(0, 10, size).astype("<f4")
    y = (2 * x).astype("<f4")
    away = np.abs(np.arange(size) - size // 2) > 15_000
    y[away] = RNG.integers(0, 90, int(away.sum()))
    bound = Policy.of({"*": rule}).rules[0][1] if rule else Exact()
    plain = encode(y, ColumnRecipe(bound), {}.__getitem__)
    hints = (Prediction("sum", (0, 0)), Prediction("opposite", (0,)))
    found = encode(y, ColumnRecipe(bound, (0,), hints), {0: x}.__getitem__)
    assert len(found) <= len(plain)
    everywhere = (2 * x).astype("<f4")
    found = encode(everywhere, ColumnRecipe(bound, (0,), hints), {0: x}.__getitem__)
    assert len(found) < 100
    assert same_bits(everywhere, decode(found, x.dtype, size, {0: x}.__getitem__)).all() or rule
