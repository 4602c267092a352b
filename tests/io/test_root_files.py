"""Real ROOT files: read in chunks, written back, and compared as uproot reads both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from baler.core.schema import Leaf, List, Schema
from baler.io import open_source
from baler.io.root_tree import TreeSource

TREES = [
    "NanoAODv5_sample.root",
    "nano_tt_v12.root",
    "nanoAOD_2015_CMS_Open_Data_ttbar.root",
    "nano_dimuon_data.root:Events",
    "agc_cms2012_dimuon_100k.root",
    "uproot-HZZ-zstd.root",
    "uproot-Zmumu.root",
    "uproot-issue-85.root",
    "lhcb_PhaseSpaceSimulation_50k.root",
]
TREES_FOR_NTUPLES = [
    "uproot-issue187.root",
    "uproot-issue513.root:Delphes",
    "fcc_winter2023_edm4hep.root",
    "PHYSLITE_example.root",
]
NTUPLES = [
    "Run2012BC_DoubleMuParked_Muons_1000evts_rntuple_v1-0-0-0.root",
    "cmsopendata2015_ttbar_19980_NANOAOD_RNTupleImporter_rntuple_v1-0-0-1.root",
    "uproot-physlite-rntuple_v1-0-0-0.root:EventData",
]


def located(data: Any, name: str) -> str:
    """Return the path of a real file with the tree that is meant."""
    file, _, tree = name.partition(":")
    return f"{data(file)}:{tree}" if tree else str(data(file))


def originals(path: str, schema: Schema) -> Iterator[tuple[str, ak.Array]]:
    """Yield all fields of the original as uproot reads them."""
    with uproot.open(path.split(".root:")[0].removesuffix(".root") + ".root") as file:
        tree = file[schema.source["name"]]
        if schema.source["kind"] == "rntuple":
            arrays = tree.arrays()
            yield from ((field.name, arrays[field.name]) for field in schema.fields)
        else:
            branches: dict[str, list[Any]] = {}
            for branch in tree.itervalues(recursive=True):
                branches.setdefault(branch.name, []).append(branch)
            for field in schema.fields:
                at = 1 if field.name.endswith("#2") else 0
                name = field.name.split("#2")[0] if at else field.name
                found = branches.get(name) or branches[name.split("/")[-1]]
                yield field.name, found[at].array()


def back(path: Path, schema: Schema) -> list[ak.Array]:
    """Return all fields of a file that was written, in the order of the schema."""
    with uproot.open(path) as file:
        tree = file[schema.source["name"]]
        if file.classname_of(schema.source["name"]) == "TTree":
            branches = {branch.name: branch for branch in tree.branches}
            return [branches[field.name].array() for field in schema.fields]
        arrays = tree.arrays()
        assert len(arrays.fields) == len(schema.fields)
        return [
            arrays[name if name in arrays.fields else next_name(name, arrays.fields)]
            for name in (field.name for field in schema.fields)
        ]


def next_name(name: str, names: list[str]) -> str:
    """Return the name that a field got because an RNTuple does not allow its own."""
    changed = "".join("_" if letter in "./ " else letter for letter in name)
    assert changed in names
    return changed


def assert_same(path: str, schema: Schema, target: Path, difference: Any) -> None:
    """Assert that all fields have the values of the original."""
    counters = {
        schema.by_name[field.node.column].name
        for field in schema.fields
        if isinstance(field.node, Leaf)
    } & {field.node.counts for field in schema.fields if isinstance(field.node, List)}
    written = back(target, schema)
    for (name, original), again in zip(originals(path, schema), written, strict=True):
        if name in counters:
            assert np.array_equal(np.asarray(original), np.asarray(again)), name
        else:
            assert difference(original, again) == "", name


@pytest.mark.parametrize("name", TREES)
def test_trees_come_back_as_trees(
    data: Any, copy: Any, difference: Any, tmp_path: Path, name: str
) -> None:
    path = located(data, name)
    schema, _ = copy(path, tmp_path / "back.root", 2_000_000)
    with uproot.open(tmp_path / "back.root") as file:
        assert list(file.classnames().values()) == ["TTree"]
    assert_same(path, schema, tmp_path / "back.root", difference)


@pytest.mark.parametrize("name", TREES_FOR_NTUPLES)
def test_other_trees_come_back_as_ntuples(
    data: Any, copy: Any, difference: Any, tmp_path: Path, name: str
) -> None:
    path = located(data, name)
    schema, notes = copy(path, tmp_path / "back.root", 2_000_000, skip_unreadable=True)
    assert notes[0].startswith("the file holds an RNTuple, because a TTree cannot hold ")
    assert_same(path, schema, tmp_path / "back.root", difference)


@pytest.mark.parametrize("name", NTUPLES)
def test_ntuples_come_back(
    data: Any, copy: Any, difference: Any, tmp_path: Path, name: str
) -> None:
    path = located(data, name)
    schema, _ = copy(path, tmp_path / "back.root", 4_000_000)
    assert_same(path, schema, tmp_path / "back.root", difference)


def test_collections_share_their_counters(data: Any) -> None:
    with open_source(data("NanoAODv5_sample.root")) as source:
        columns = source.schema.by_name
        assert len(columns) == len(source.schema.fields)
        assert columns["Jet_pt"].counts == columns["Jet_eta"].counts == "nJet"
        titles = {field.name: field.title for field in source.schema.fields}
    assert titles["HTXS_Higgs_pt"] == "pt of the Higgs boson as identified in HTXS"
    assert titles["run"] == ""


def test_split_collections_share_counts_of_their_own(data: Any) -> None:
    with open_source(data("uproot-issue187.root")) as source:
        counts = {column.counts for column in source.schema.columns}
        fields = {field.name: field.node for field in source.schema.fields}
        assert not any(field.title for field in source.schema.fields)
    assert counts == {None, "V0s.counts", "V0Hyper.counts", "MCparticles.counts"}
    assert fields["V0s.fV0pt"] == List("V0s.counts", Leaf("V0s.fV0pt"))


def test_branches_of_one_name_are_all_read(data: Any) -> None:
    path = data("uproot-issue513.root")
    with pytest.raises(ValueError, match=r"1 field of .*:\n  Particle/Particle.fBits \(uint32_t"):
        open_source(path)
    with open_source(path, skip_unreadable=True) as source:
        names = [field.name for field in source.schema.fields]
        notes = source.notes
    assert len(names) == 291
    assert {"Particle", "Particle#2", "Particle/Particle.PT", "Particle/Particle.PT#2"} <= {*names}
    assert "branch 'Particle' is there more than once; one is called 'Particle#2'" in notes


def test_projected_fields_share_the_columns_of_their_collection(data: Any) -> None:
    with open_source(data(NTUPLES[1])) as source:
        schema = source.schema
        fields = {field.name: field.node for field in schema.fields}
        assert any("projections" in note for note in source.notes)
    assert not any(name.startswith("_collection") for name in schema.by_name)
    assert fields["Jet_pt"] == List("nJet", Leaf("Jet_pt"))
    assert fields["nJet"] == Leaf("nJet")
    collection = next(
        node
        for name, node in fields.items()
        if name.startswith("_collection") and "'Jet_pt'" in str(node)
    )
    assert isinstance(collection, List)
    assert collection.counts == "nJet"
    assert ("Jet_pt", Leaf("Jet_pt")) in collection.content.fields  # type: ignore[union-attr]


@pytest.mark.parametrize("name", [TREES[1], *TREES_FOR_NTUPLES[:2]])
def test_no_entries_have_the_type_of_some(data: Any, name: str) -> None:
    with open_source(located(data, name), skip_unreadable=True) as source:
        assert isinstance(source, TreeSource)
        names = [field.name for field in source.schema.fields]
        some = source._arrays(names, 0, 2)
        for field in names:
            none = source._without_entries(field)
            assert none.layout.form.type == some[field].layout.form.type, field
