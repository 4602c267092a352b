"""Which networks a file can use, and that nothing in its plan goes round in a circle then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from baler.core.chunk import Chunk
from baler.core.recipe import Prediction, decoding_order
from baler.core.schema import Column, Field, Leaf, List, Schema
from baler.errors import UsageError
from baler.learned.model import Model
from baler.planning import Policy, learned_groups, plan
from baler.planning.plan import _in_circle, _Together
from tests import fitted_model as fitted

POLICY = Policy.of(fitted.BOUNDS)
PLACE = fitted.SCHEMA.position


@pytest.fixture(scope="module")
def model() -> Model:
    """Return the fitted model."""
    return fitted.model()


def changed(*columns: Column | str) -> Schema:
    """Return the schema with other columns in place of those of the same name, or without some."""
    new = {c.name: c for c in columns if isinstance(c, Column)}
    gone = {c for c in columns if isinstance(c, str)}
    kept = tuple(new.get(c.name, c) for c in fitted.COLUMNS if c.name not in gone)
    fields = tuple(
        Field(c.name, Leaf(c.name) if c.counts is None else List(c.counts, Leaf(c.name)))
        for c in kept
    )
    return Schema(kept, fields)


def test_all_networks_are_used_where_all_columns_are(model: Model) -> None:
    groups, notes = learned_groups(model, fitted.SCHEMA, POLICY)
    assert notes == ()
    names = [[fitted.COLUMNS[at].name for at in group.columns] for group in groups]
    assert names == [
        ["nJet", "MET_pt"],
        ["Jet_pt", "Jet_ptErr", "Jet_phi", "Jet_id", "Jet_d0"],
        ["Cand_jetIdx", "Cand_phi", "Cand_charge"],
    ]
    assert [group.network for group in groups] == [0, 1, 2]
    parents = [{fitted.COLUMNS[at].name for at in group.parents} for group in groups]
    assert parents == [set(), {"MET_pt", "nJet"}, {"MET_pt", "nJet", "nCand", "Jet_phi"}]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("Jet_id", "the columns counted by 'nJet': there is no 'Jet_id'"),
        (Column("Jet_id", np.dtype("<i4"), "nJet"), "'Jet_id' is int32, not uint8"),
        (Column("Jet_id", np.dtype("|u1"), "nCand"), "'Jet_id' has another length than in the"),
        (Column("Jet_id", np.dtype("|u1")), "'Jet_id' has another length than in the model"),
        (Column("Jet_id", np.dtype("|u1"), "nJet", 2), "'Jet_id' has another length than"),
    ],
)
def test_networks_without_all_their_columns_are_left_out(
    change: Column | str, message: str, model: Model
) -> None:
    groups, notes = learned_groups(model, changed(change), POLICY)
    assert [group.network for group in groups] == [0, 2]
    (note,) = notes
    assert message in note


def test_networks_without_what_they_look_at_are_left_out(model: Model) -> None:
    schema, policy = changed("MET_pt", "MET_copy"), Policy.of({"Jet_phi": "abs 0.001"})
    with pytest.raises(UsageError) as caught:
        learned_groups(model, schema, policy)
    assert str(caught.value).splitlines() == [
        "the model was made for other columns:",
        "the model cannot code the columns of events: there is no 'MET_pt'",
        "the model cannot code the columns counted by 'nJet': there is no 'MET_pt'",
        "the model cannot code the columns counted by 'nCand': there is no 'MET_pt'",
    ]


def test_networks_that_would_depend_on_themselves_are_left_out(model: Model) -> None:
    """A bound of a jet's column needs one outside the network, and the bound of that one inside."""
    there = {"Jet_d0": "sigma 0.1 Jet_other"}
    back = {"Jet_other": "sigma 0.1 Jet_ptErr"}
    policies = (Policy.of({**fitted.BOUNDS, **bounds}) for bounds in (there, back, there | back))
    found = [learned_groups(model, fitted.SCHEMA, policy) for policy in policies]
    assert [len(groups) for groups, _ in found] == [3, 3, 2]
    (note,) = found[2][1]
    assert note == (
        "the model cannot code the columns counted by 'nJet': they would depend on themselves"
    )


def test_plans_are_in_order_with_and_without_networks(model: Model) -> None:
    chunk = fitted.events(400)
    groups, _ = learned_groups(model, fitted.SCHEMA, POLICY)
    recipe = plan(fitted.SCHEMA, chunk, POLICY, groups)
    assert recipe.groups[-3:] == groups
    grouped = sorted(at for group in recipe.groups for at in group.columns)
    assert grouped == list(range(len(fitted.COLUMNS)))
    order = decoding_order(fitted.SCHEMA, recipe)
    assert sorted(order) == grouped
    copy = recipe.columns[PLACE["MET_copy"]]
    assert copy.predictions == (Prediction("same", (PLACE["MET_pt"],)),)


def copies(name: str) -> Iterator[tuple[Schema, Chunk]]:
    """Yield events with a copy of a column, before all others and after them."""
    chunk = fitted.events(400)
    column = replace(fitted.SCHEMA.by_name[name], name="Copy")
    arrays = {**chunk.columns, "Copy": chunk.columns[name]}
    counts = [c for c in fitted.COLUMNS if c.name == column.counts]
    others = [c for c in fitted.COLUMNS if c not in counts]
    for columns in ((*counts, column, *others), (*fitted.COLUMNS, column)):
        yield Schema(columns, ()), Chunk(400, arrays)


@pytest.mark.parametrize("name", ["MET_pt", "nJet", "Jet_phi", "Jet_id", "Cand_phi", "Jet_d0"])
def test_copies_of_learned_columns_look_one_way(name: str, model: Model) -> None:
    for schema, chunk in copies(name):
        groups, notes = learned_groups(model, schema, POLICY)
        assert not notes
        recipe = plan(schema, chunk, POLICY, groups)
        decoding_order(schema, recipe)  # raises if anything needs itself
        places = [schema.position[n] for n in ("Copy", name)]
        looks = [places[1 - k] in recipe.columns[places[k]].parents for k in (0, 1)]
        assert any(looks) or name == "MET_pt"


def test_predictions_do_not_make_groups_depend_on_each_other(model: Model) -> None:
    groups, _ = learned_groups(model, fitted.SCHEMA, POLICY)
    together = _Together(fitted.SCHEMA, groups)
    for wanted, accepted in (
        ([("Jet_pt", "Jet_pt")], 0),
        ([("Jet_other", "Jet_other")], 0),
        ([("Jet_pt", "Jet_phi")], 1),
        ([("Jet_pt", "Jet_phi"), ("Jet_phi", "Jet_pt")], 1),
        ([("Jet_pt", "Jet_phi"), ("Jet_phi", "Jet_id"), ("Jet_id", "Jet_pt")], 2),
        ([("Jet_pt", "Jet_other")], 1),
        ([("Jet_other", "Jet_pt")], 1),
        ([("Jet_other", "Jet_pt"), ("Jet_phi", "Jet_other")], 1),
        ([("Jet_phi", "Jet_other"), ("Jet_other", "Jet_pt")], 1),
        ([("MET_pt", "Jet_phi")], 0),  # jets look at it
        ([("Jet_pt", "Cand_phi")], 0),
        ([("Cand_phi", "Jet_id")], 1),
        ([("nCand", "Cand_phi")], 0),
        ([("run", "Jet_id"), ("nJet", "run")], 1),
    ):
        needs: list[set[int]] = [set() for _ in fitted.COLUMNS]
        good = 0
        for target, parent in wanted:
            if not _in_circle(PLACE[target], {PLACE[parent]}, needs, together):
                needs[PLACE[target]].add(PLACE[parent])
                good += 1
        assert good == accepted, wanted
