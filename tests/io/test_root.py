"""Reading small ROOT files made for the purpose, and writing them back."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

from baler.core.schema import Column, Field, Fixed, Leaf, List, Record
from baler.errors import SourceError, TargetExists, Unreadable, UsageError
from baler.io import create_sink, open_source

ODD_FLOATS = np.array(
    [0x7FC00001, 0x7F800001, 0xFFC12345, 0x80000000, 0x00000001, 0x7F800000], "<u4"
).view("<f4")


def jagged(n: int) -> ak.Array:
    """Return n lists of 0, 1, 2, 3, 0, ... numbers."""
    counts = np.arange(n) % 4
    return ak.unflatten(np.arange(counts.sum(), dtype=np.float32), counts)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A file with a tree of 1000 entries: scalars, a collection, strings, a matrix."""
    n = 1000
    path = tmp_path / "made.root"
    jets = jagged(n)
    with uproot.recreate(path) as file:
        data = {
            "flag": np.arange(n) % 3 == 0,
            "Jet_pt": jets,
            "nJet": np.asarray(ak.num(jets), np.int32),
            "Jet_id": ak.values_astype(jets, np.int16),
            "odd": np.resize(ODD_FLOATS, n),
            "word": np.arange(n, dtype=np.uint64) << np.uint64(40),
            "matrix": np.arange(n * 6, dtype=np.float64).reshape(n, 2, 3),
            "text": ak.Array(["x" * (i % 5) for i in range(n)]),
        }
        types = {name: ak.Array(values).type.content for name, values in data.items()}
        made = file.mktree("Events", types, "a title", counter_name=lambda name: "nJet")
        made.extend(data)
    return path


def compare_trees(first: Path, second: Path, difference: Any, name: str = "Events") -> None:
    """Assert that two files hold the same values, as uproot reads them."""
    with uproot.open(first) as a, uproot.open(second) as b:
        assert a[name].keys() == b[name].keys()
        for key in a[name].keys():  # noqa: SIM118 (not a mapping)
            assert difference(a[name][key].array(), b[name][key].array()) == "", key


def test_the_schema_says_what_a_tree_holds(tree: Path) -> None:
    with open_source(tree) as source:
        assert source.name == "made.root:Events"
        assert source.entries == 1000
        assert source.disk_bytes == tree.stat().st_size
        assert source.notes == ()
        assert source.schema.source == {"kind": "ttree", "name": "Events", "title": "a title"}
        assert source.schema.columns == (
            Column("flag", np.dtype("|b1")),
            Column("nJet", np.dtype("<i4")),
            Column("Jet_pt", np.dtype("<f4"), "nJet"),
            Column("Jet_id", np.dtype("<i2"), "nJet"),
            Column("odd", np.dtype("<f4")),
            Column("word", np.dtype("<u8")),
            Column("matrix", np.dtype("<f8"), None, 6),
            Column("text.counts", np.dtype("<u4")),
            Column("text", np.dtype("|u1"), "text.counts"),
        )
        nodes = {field.name: field.node for field in source.schema.fields}
        assert nodes["Jet_pt"] == List("nJet", Leaf("Jet_pt"))
        assert nodes["matrix"] == Fixed(2, Fixed(3, Leaf("matrix")))
        assert nodes["text"] == List("text.counts", Leaf("text"), "string")


@pytest.mark.parametrize("target_bytes", [1, 10_000, 10**9])
def test_chunks_are_equal_runs_of_about_the_size_asked_for(
    tree: Path, target_bytes: int, checked: Any
) -> None:
    with open_source(tree) as source:
        chunks = checked(source, target_bytes)
    lengths = [chunk.entries for chunk in chunks]
    assert max(lengths) - min(lengths) <= 1
    if target_bytes == 10_000:
        assert all(5_000 < chunk.nbytes < 20_000 for chunk in chunks)
    else:
        assert len(chunks) == (1000 if target_bytes == 1 else 1)


@pytest.mark.parametrize("form", [None, "rntuple"])
def test_a_tree_comes_back(
    tree: Path, tmp_path: Path, copy: Any, difference: Any, form: str | None
) -> None:
    _, notes = copy(tree, tmp_path / "back.root", 20_000, form=form)
    compare_trees(tree, tmp_path / "back.root", difference)
    assert notes == ("other objects of the original file are not written",)
    with uproot.open(tmp_path / "back.root") as file:
        assert file.classnames(cycle=False) == {"Events": "ROOT::RNTuple" if form else "TTree"}
        if form is None:
            assert file["Events"].title == "a title"
            assert file["Events"]["Jet_id"].count_branch is file["Events"]["nJet"]
        else:
            assert file["Events"].description == "a title"


@pytest.mark.parametrize("form", ["ttree", "rntuple"])
def test_a_tree_without_entries_comes_back(tmp_path: Path, copy: Any, form: str) -> None:
    types = {"x": "float32", "y": "var * float64", "s": "string", "z": "2 * bool"}
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("dir/t", types)
    copy(tmp_path / "a.root", tmp_path / "b.root", form=form)
    with open_source(tmp_path / "b.root") as back, open_source(tmp_path / "a.root") as source:
        assert back.entries == 0
        assert list(back.chunks(1)) == []
        assert back.schema.source["name"] == "dir/t"
        with open_source(tmp_path / "a.root", tree="dir/t") as named:
            assert named.schema == source.schema
        assert {field.name for field in back.schema.fields} == {"x", "ny", "y", "s", "z"}


def test_the_schema_does_not_depend_on_values(tmp_path: Path, checked: Any) -> None:
    full = {
        "x": ak.Array([[[1.5, 2], []], [[3]]]),
        "s": ak.Array([["a", ""], ["bc"]]),
        "r": ak.Array([[{"m": 1, "t": "u"}], []]),
        "o": ak.Array([1, None]),
    }
    schemas = []
    for name, part in (("full", slice(None)), ("none", slice(0, 0))):
        path = tmp_path / f"{name}.root"
        with uproot.recreate(path) as file:
            form = ak.forms.RecordForm([a.layout.form for a in full.values()], list(full))
            made = file.mkrntuple("t", form)
            made.extend({key: array[part] for key, array in full.items()})
        with open_source(path) as source:
            checked(source, 1)
            schemas.append(source.schema)
    assert schemas[0] == schemas[1]


def test_what_a_tree_cannot_hold_makes_an_rntuple(
    tmp_path: Path, copy: Any, difference: Any
) -> None:
    nested = ak.Array([[[1.0], []], [], [[2.0, 3.0]]])
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("t", {"x": nested, "y": np.arange(3), "r.s": ak.Array([{"v": 1}] * 3)})
    with open_source(tmp_path / "a.root") as source:
        schema = source.schema
        with pytest.raises(UsageError, match=r"a TTree cannot hold 2 of the fields: r\.s, x"):
            create_sink(tmp_path / "b.root", schema, form="ttree")
        as_tree = type(schema)(schema.columns, schema.fields, {**schema.source, "kind": "ttree"})
        with create_sink(tmp_path / "b.root", as_tree) as sink:
            for chunk in source.chunks(1):
                sink.write(chunk)
    assert sink.notes[:1] == ("the file holds an RNTuple, because a TTree cannot hold r.s, x",)
    assert "fields get names that an RNTuple may have: r.s (r_s)" in sink.notes
    with uproot.open(tmp_path / "b.root") as file:
        back = file["t"].arrays()
        assert set(back.fields) == {"x", "y", "r_s"}
        assert difference(back["x"], nested) == ""


def test_counters_that_a_tree_does_not_hold_are_named_in_a_note(tmp_path: Path, copy: Any) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("t", {"x": jagged(8), "nx": np.zeros(8, np.float32)})
    _, notes = copy(tmp_path / "a.root", tmp_path / "b.root", form="ttree")
    assert "counters that the original does not show are added: nx_" in notes


def test_a_counter_that_does_not_count_is_not_shared(tmp_path: Path, checked: Any) -> None:
    with uproot.recreate(tmp_path / "a.root", compression=None) as file:
        made = file.mktree("t", {"x": "var * float32"}, counter_name=lambda _: "n")
        made.extend({"x": jagged(8)})
        made.extend({"x": jagged(8)})
    raw = (tmp_path / "a.root").read_bytes()
    counts = np.asarray(ak.num(jagged(8)), ">i4").tobytes()
    assert raw.count(counts) == 2
    spoilt = tmp_path / "spoilt.root"
    wrong = struct.pack(">8i", *[7] * 8)
    spoilt.write_bytes(raw.replace(counts, wrong))
    with open_source(spoilt) as source:
        assert source.schema.by_name["x"].counts == "x.counts"
        assert checked(source, 1)


def test_a_counter_that_disagrees_late_is_an_error(tmp_path: Path, checked: Any) -> None:
    with uproot.recreate(tmp_path / "a.root", compression=None) as file:
        made = file.mktree("t", {"x": "var * float32"}, counter_name=lambda _: "n")
        made.extend({"x": jagged(200)})
        made.extend({"x": jagged(8)})
    raw = (tmp_path / "a.root").read_bytes()
    at = raw.rindex(np.asarray(ak.num(jagged(8)), ">i4").tobytes())
    (tmp_path / "a.root").write_bytes(raw[:at] + struct.pack(">8i", *[7] * 8) + raw[at + 32 :])
    with (
        open_source(tmp_path / "a.root") as source,
        pytest.raises(SourceError, match="field 'x': does not agree with the values of 'n'"),
    ):
        checked(source, 1000)


def test_records_keep_their_members(tmp_path: Path, copy: Any, difference: Any) -> None:
    array = ak.Array([[{"a": 1.5, "b": [1, 2]}], [], [{"a": -0.0, "b": []}]])
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mkrntuple("t", {"r": array})
    with open_source(tmp_path / "a.root") as source:
        inner = Record((("a", Leaf("r.a")), ("b", List("r.b.counts", Leaf("r.b")))))
        assert source.schema.fields == (Field("r", List("r.counts", inner)),)
    copy(tmp_path / "a.root", tmp_path / "b.root", 20)
    compare_trees(tmp_path / "a.root", tmp_path / "b.root", difference, "t")


def test_several_trees_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "two.root"
    with uproot.recreate(path) as file:
        file.mktree("one", {"x": np.float32}).extend({"x": np.zeros(3)})
        file.mkrntuple("dir/two", {"y": np.zeros(5)})
    with pytest.raises(UsageError) as caught:
        open_source(path)
    assert str(caught.value).splitlines() == [
        f"{path} holds 2 trees:",
        "  one (TTree, 3 entries)",
        "  dir/two (RNTuple, 5 entries)",
        "name one of them: two.root:dir/two",
    ]
    with open_source(f"{path}:dir/two") as source:
        assert source.name == "two.root:dir/two"
    with pytest.raises(UsageError, match=r"no tree 'ones'; near names: 'one'"):
        open_source(path, tree="ones")
    with pytest.raises(UsageError, match="two trees are named"):
        open_source(f"{path}:one", tree="dir/two")


def test_files_without_trees_are_refused(tmp_path: Path) -> None:
    with uproot.recreate(tmp_path / "none.root") as file:
        file["text"] = "nothing"
    with pytest.raises(SourceError, match="holds no TTree and no RNTuple"):
        open_source(tmp_path / "none.root")
    (tmp_path / "junk.root").write_bytes(b"this is not a ROOT file" * 50)
    with pytest.raises(SourceError, match=r"junk\.root cannot be opened as a ROOT file"):
        open_source(tmp_path / "junk.root")


def test_branches_that_cannot_be_read_are_listed_with_reasons(tmp_path: Path, checked: Any) -> None:
    path = tmp_path / "a.root"
    with uproot.recreate(path) as file:
        file.mkrntuple("t", {"x": np.arange(3), "u": ak.Array([1, "two", 3.5])})
    with pytest.raises(Unreadable, match=r"1 field of a\.root:t cannot be read:\n  u: ") as caught:
        open_source(path)
    assert "union" in str(caught.value)
    with open_source(path, skip_unreadable=True) as source:
        assert [field.name for field in source.schema.fields] == ["x"]
        assert source.notes[0].startswith("left out, because it cannot be read: u: ")
        checked(source, 1)


def test_a_branch_that_breaks_late_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checked: Any
) -> None:
    path = tmp_path / "a.root"
    with uproot.recreate(path, compression=None) as file:
        made = file.mktree("t", {"good": np.int64, "bad": np.float64})
        for _ in range(2):
            made.extend({"good": np.arange(500), "bad": np.arange(500.0)})
    with uproot.open(path) as file:
        at = int(file["t"]["bad"].member("fBasketSeek")[1])
    raw = bytearray(path.read_bytes())
    raw[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(raw)
    with (
        open_source(path) as source,
        pytest.raises(
            Unreadable, match=r"1 field of a\.root:t, entries \d+ to \d+, cannot be read:\n  bad: "
        ),
    ):
        checked(source, 4000)


def test_half_precision_is_widened_with_a_note(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", h=np.array([1.5, -0.0, np.inf], np.float16))
    with (
        open_source(tmp_path / "a.npz") as source,
        create_sink(tmp_path / "a.root", source.schema) as sink,
    ):
        for chunk in source.chunks(1):
            sink.write(chunk)
    assert sink.notes == ("half-precision numbers are written as float32: h",)
    with uproot.open(f"{tmp_path}/a.root:Events") as made:
        assert made["h"].array().tolist() == [1.5, 0.0, np.inf]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_sink_leaves_the_target_alone(
    tree: Path, tmp_path: Path, error: type[BaseException]
) -> None:
    target = tmp_path / "sub" / "out.root"
    target.parent.mkdir()
    target.write_bytes(b"precious")

    def interrupted() -> None:
        with (
            open_source(tree) as source,
            create_sink(target, source.schema, overwrite=True) as sink,
        ):
            sink.write(next(source.chunks(10_000)))
            raise error

    with pytest.raises(error):
        interrupted()
    assert [path.name for path in target.parent.iterdir()] == ["out.root"]
    assert target.read_bytes() == b"precious"


def test_targets_are_checked_before_anything_is_written(tree: Path, tmp_path: Path) -> None:
    with open_source(tree) as source:
        with pytest.raises(TargetExists, match="exists; overwriting was not asked for"):
            create_sink(tree, source.schema)
        with pytest.raises(UsageError, match="does not exist"):
            create_sink(tmp_path / "no" / "out.root", source.schema)
        with pytest.raises(
            UsageError, match="no form 'tree' of ROOT files; known are ttree, rntuple"
        ):
            create_sink(tmp_path / "out.root", source.schema, form="tree")
        with pytest.raises(UsageError, match="cannot hold a 'ttree'"):
            create_sink(tmp_path / "out.parquet", source.schema, form="ttree")


def test_a_tree_with_nothing_to_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with uproot.recreate(tmp_path / "a.root") as file:
        file.mktree("t", {"x": np.float32}).extend({"x": np.zeros(3)})

    def broken(*_: object, **__: object) -> None:
        raise ValueError("no streamer")

    monkeypatch.setattr("baler.io.root_tree.TreeSource._arrays", broken)
    with pytest.raises(SourceError, match=r"tree 't' has nothing to read\n.*no streamer"):
        open_source(tmp_path / "a.root", skip_unreadable=True)
