"""Both decoders get the same out of learned columns, of which the second knows the pages only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baler.container import Reader, UsedModel, Writer
from baler.container.joint import other_columns, own_columns
from baler.core.bounds import Absolute, Bound, Exact, Relative, Sigma
from baler.core.chunk import Chunk
from baler.core.recipe import ColumnRecipe, Group, Recipe
from baler.core.schema import Column, Schema
from baler.learned.model import Model
from baler.learned.network import Base, CollectionNet, ObjectSource, object_width
from baler.planning import Policy, learned_groups, plan
from tests import fitted_model as fitted
from tests.learned.models import axes, random_model
from tests.reference_decoder import Refused, decode
from tests.reference_learned import read_model

NAMES = [axis.column for axis in axes()]
PLACE = {name: at for at, name in enumerate(NAMES)}
SCHEMA = Schema(
    (
        Column("nJet", np.dtype("<u4")),
        Column("nCand", np.dtype("<i4")),
        *(Column(axis.column, axis.dtype, axis.counts or None) for axis in axes()),
    ),
    (),
)
BOUNDS: dict[str, Bound] = {
    "met": Relative(0.4),
    "Jet_phi": Absolute(0.01),
    "Cand_pt": Relative(0.4),
    "Cand_dz": Relative(0.4),
    "Cand_phi": Absolute(0.5),
    "Cand_err": Absolute(0.001),
    "Cand_dxy": Sigma(0.2, "Cand_err"),
    "Cand_eta": Absolute(0.01),
    "Cand_deta": Absolute(0.01),
}


def usable(model: Model, rng: np.random.Generator) -> Model:
    """Return a random model whose quantities of objects can be derived, one of each kind."""
    events, jets, cands = model.collections
    inputs = tuple(PLACE[f"Jet_{name}"] for name in ("id", "pt", "phi", "phi", "pt", "id"))
    seen = [PLACE[name] for name in ("Cand_eta", "Cand_pt", "Cand_dz", "Cand_big", "Cand_charge")]
    sources = tuple(
        ObjectSource(
            kind,
            seen[kind % len(seen)],
            inputs if kind < 14 else inputs[:2],
            int(rng.choice([-2, -1, 1])),
        )
        for kind in range(15)
    )

    def without(net: CollectionNet, sources: tuple[ObjectSource, ...]) -> CollectionNet:
        columns = [
            replace(c, base=Base.PREVIOUS, base_axis=0)
            if c.base is Base.OBJECT and not sources
            else replace(c, base_axis=5 * int(rng.integers(0, 3)))
            if c.base is Base.OBJECT
            else c
            for c in net.columns
        ]
        shape = (net.width, object_width(model.axes, sources))
        weights = rng.integers(-200, 200, shape).astype(np.int16)
        return replace(net, object_sources=sources, object=weights, columns=tuple(columns))

    return Model(
        model.axes, (events, without(jets, ()), without(cands, sources)), model.odds, model.notes
    )


def events(entries: int, rng: np.random.Generator) -> Chunk:
    """Return events of all columns, special values among them."""
    columns: dict[str, Any] = {
        "nJet": rng.integers(0, 5, entries).astype("<u4"),
        "nCand": rng.integers(0, 7, entries).astype("<i4"),
    }
    for column in SCHEMA.columns[2:]:
        size = entries if column.counts is None else int(columns[column.counts].sum())
        values = rng.gamma(2, 20, size) * rng.choice([1, -1], size, p=[0.8, 0.2])
        if column.name == "Cand_err":
            values = np.abs(np.round(values, 3)) + 0.5
        if column.name.endswith(("phi", "eta")):
            values = rng.uniform(-3, 3, size)
        if column.dtype.kind == "f":
            values[rng.random(size) < 0.05] = rng.choice([0.0, -0.0, np.inf, np.nan, 1e9])
        elif column.dtype.kind == "b":
            values = rng.random(size) < 0.4
        elif column.dtype.kind == "i":
            values = rng.integers(-1, 5, size)
        else:
            values = rng.integers(0, 5, size)
        columns[column.name] = np.asarray(values).astype(column.dtype)
    return Chunk(entries, columns)


def recipe_of(model: Model) -> Recipe:
    """Return a recipe in which all networks are used."""
    place = SCHEMA.position
    plans = []
    for column in SCHEMA.columns:
        bound = BOUNDS.get(column.name, Exact())
        above = () if bound.parent is None else (place[bound.parent],)
        plans.append(ColumnRecipe(bound, above))
    groups = [
        Group(
            tuple(place[name] for name in own_columns(model, number)),
            network=number,
            parents=tuple(place[name] for name in other_columns(model, number)),
        )
        for number in range(len(model.collections))
    ]
    return Recipe(tuple(plans), (Group((0, 1)), *groups))


def both(data: bytes, model: bytes | None = None) -> Any:
    """Require that both decoders read the same, and return what the second met."""
    columns, said = decode(data, model)
    with Reader(data, model=None if model is None else Model.unpack(model)) as reader:
        chunks = [reader.read(k).columns for k in range(len(said.entries))]
    for name, values in columns.items():
        parts = b"".join(chunk[name].tobytes() for chunk in chunks)
        assert values.tobytes() == parts, name
    return said


@pytest.fixture
def _all_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave every column to the network, however bad that is."""
    monkeypatch.setattr("baler.container.choosing.CLEAR", float("inf"))
    monkeypatch.setattr("baler.container.choosing.SURE", float("inf"))
    monkeypatch.setattr("baler.container.choosing.MOST_VERBATIM", 1.0)
    monkeypatch.setattr("baler.container.choosing.LANE", 20)


@pytest.mark.usefixtures("_all_learned")
@pytest.mark.parametrize("seed", range(12))
def test_random_models(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    model = usable(random_model(rng, strength=int(rng.choice([20, 200]))), rng)
    path = tmp_path / "random.baler"
    used = UsedModel(model, embedded=seed % 3 > 0)
    with Writer(path, SCHEMA, recipe_of(model), model=used) as writer:
        for entries in (17, 0, 9):
            with np.errstate(all="ignore"):
                writer.write(events(entries, rng))
        assert not any(s.fallbacks for s in writer.statistics.values())
    said = both(path.read_bytes(), None if used.embedded else model.pack())
    assert said.met["learned"] == 2 * len(NAMES)
    assert said.met["verbatim"]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_fitted_model(threads: int, tmp_path: Path) -> None:
    model, policy = fitted.model(), Policy.of(fitted.BOUNDS)
    groups, _ = learned_groups(model, fitted.SCHEMA, policy)
    chunks = [fitted.events(90, 1), fitted.events(60, 2, drifted=True), fitted.events(4, jets=0)]
    recipe = plan(fitted.SCHEMA, chunks[0], policy, groups)
    path = tmp_path / "fitted.baler"
    with Writer(path, fitted.SCHEMA, recipe, model=UsedModel(model), threads=threads) as writer:
        for chunk in chunks:
            writer.write(chunk)
    data = path.read_bytes()
    said = both(data)
    assert 0 < said.met["learned"] < len(chunks) * len(fitted.LATTICES)
    assert said.model == (bytes.fromhex(model.sha256), len(model.pack()), "")
    assert said.learned == {
        len(recipe.groups) - 3 + k: (k, list(groups[k].parents)) for k in range(3)
    }


def test_the_second_decoder_misses_a_model(tmp_path: Path) -> None:
    model, policy = fitted.model(), Policy.of(fitted.BOUNDS)
    groups, _ = learned_groups(model, fitted.SCHEMA, policy)
    recipe = plan(fitted.SCHEMA, fitted.events(90), policy, groups)
    path = tmp_path / "fitted.baler"
    with Writer(path, fitted.SCHEMA, recipe, model=UsedModel(model, embedded=False)) as writer:
        writer.write(fitted.events(90))
    with pytest.raises(Refused, match="the model is missing"):
        decode(path.read_bytes())
    with pytest.raises(Refused, match="another model"):
        decode(path.read_bytes(), fitted.model(another=1).pack())
    both(path.read_bytes(), model.pack())


def test_models_are_read_alike() -> None:
    model = random_model(np.random.default_rng(3))
    read = read_model(model.pack())
    assert [axis.column for axis in read.axes] == NAMES
    for mine, theirs in zip(read.networks, model.collections, strict=True):
        assert (mine.counts, mine.key, mine.h) == (theirs.counts, theirs.key, theirs.width)
        assert (mine.arrays["prev"] == theirs.previous).all()
        assert (mine.arrays["slot"] == theirs.slot).all()
        for a, b in zip(mine.columns, theirs.columns, strict=True):
            assert (a.arrays["v"] == b.heads).all()
            assert (a.arrays["tables"] == b.tables).all()
            assert (a.unit, a.level) == (b.unit, b.level)
