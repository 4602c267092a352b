"""Policies: what is asked, by whom it is overruled, and what is said when it makes no sense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baler.core.bounds import Absolute, Bound, Exact, Range, Relative, Sigma
from baler.core.schema import Column, Field, Leaf, List, Option, Record, Schema
from baler.errors import BadBound, BalerError, UnknownColumn, UsageError
from baler.planning import Policy

F4, I4, B1 = np.dtype("<f4"), np.dtype("<i4"), np.dtype("|b1")
SCHEMA = Schema(
    (
        Column("run", I4),
        Column("MET_pt", F4),
        Column("nJet", I4),
        Column("Jet_pt", F4, "nJet"),
        Column("Jet_ptErr", F4, "nJet"),
        Column("Jet_phi", F4, "nJet"),
        Column("Jet_id", I4, "nJet"),
        Column("Jet_good", B1, "nJet"),
        Column("cov", F4, "nJet", 6),
        Column("covErr", F4, "nJet", 3),
        Column("mask", B1),
        Column("maybe.values", F4, "mask"),
    ),
    (
        Field("run", Leaf("run")),
        Field("Jet_pt", List("nJet", Leaf("Jet_pt"))),
        Field("maybe", Option("mask", Leaf("maybe.values"))),
        Field("pair", Record((("a", Leaf("MET_pt")), ("b", Leaf("Jet_phi"))))),
    ),
)


def bounds(rules: dict[str, str | Bound]) -> dict[str, Bound]:
    """Return the bounds of a policy that are not exact."""
    found = Policy.of(rules).bounds(SCHEMA)
    return {c.name: b for c, b in zip(SCHEMA.columns, found, strict=True) if b.lossy}


def test_without_a_policy_all_is_exact() -> None:
    assert Policy().bounds(SCHEMA) == [Exact()] * len(SCHEMA.columns)
    assert bounds({}) == {}


def test_the_last_match_wins() -> None:
    rules: dict[str, str | Bound] = {"*": "rel 2^-11", "Jet_*": "abs 0.5", "Jet_phi": "exact"}
    found = bounds(rules)
    assert found["MET_pt"] == Relative(2.0**-11)
    assert found["Jet_pt"] == Absolute(0.5)
    assert "Jet_phi" not in found
    assert bounds({"Jet_phi": "exact", "*": "rel 2^-11"})["Jet_phi"] == Relative(2.0**-11)


def test_columns_of_integers_are_exact_whatever_matches() -> None:
    assert not {"run", "nJet", "Jet_id", "Jet_good", "mask"} & set(bounds({"*": "abs 1"}))


def test_case_matters_and_globs_are_those_of_shells() -> None:
    with pytest.raises(UnknownColumn):
        bounds({"jet_pt": "abs 1"})
    assert set(bounds({"Jet_p[ht]*": "abs 1"})) == {"Jet_pt", "Jet_ptErr", "Jet_phi"}
    assert set(bounds({"Jet_p?": "abs 1"})) == {"Jet_pt"}


def test_a_field_that_shows_one_column_lends_it_its_name() -> None:
    assert set(bounds({"maybe": "abs 1"})) == {"maybe.values"}
    with pytest.raises(UnknownColumn):
        bounds({"pair": "abs 1"})  # which of the two?


def test_a_pattern_that_matches_nothing_lists_near_names() -> None:
    with pytest.raises(UnknownColumn, match=r"no column matches 'Jet_pT'; near names: 'Jet_pt'"):
        bounds({"Jet_pT": "abs 1"})
    with pytest.raises(UnknownColumn, match="no column matches 'xyzzy'; near names: "):
        bounds({"xyzzy": "exact"})


def test_a_bound_on_integers_alone_is_a_mistake() -> None:
    message = r"'Jet_\[ig\]\*' asks for 'abs 1.0' but matches only .* such as 'Jet_id' \(int32\)"
    with pytest.raises(UsageError, match=message):
        bounds({"Jet_[ig]*": "abs 1"})
    assert bounds({"Jet_id": "exact"}) == {}


def test_sigma_has_to_fit() -> None:
    assert bounds({"Jet_pt": "sigma 0.1 Jet_ptErr"}) == {"Jet_pt": Sigma(0.1, "Jet_ptErr")}
    assert bounds({"Jet_pt": "sigma 0.1 Jet_id"})
    with pytest.raises(
        UnknownColumn, match=r"of 'Jet_pt' names no column; near names: 'Jet_ptErr'"
    ):
        bounds({"Jet_pt": "sigma 0.1 Jet_ptError"})
    for other in ("MET_pt", "run", "cov"):
        with pytest.raises(UsageError, match=f"'{other}' does not have one number for each"):
            bounds({"Jet_pt": f"sigma 0.1 {other}"})
    with pytest.raises(UsageError, match="does not have one number"):
        bounds({"Jet_pt": "sigma 0.1 Jet_good"})
    with pytest.raises(UsageError, match="does not have one number"):
        bounds({"cov": "sigma 0.1 covErr"})


def test_sigma_does_not_go_round_in_circles() -> None:
    for chain in (["Jet_pt"], ["Jet_pt", "Jet_phi"], ["Jet_pt", "Jet_phi", "Jet_ptErr"]):
        rules: dict[str, str | Bound] = {
            name: f"sigma 0.1 {after}"
            for name, after in zip(chain, chain[1:] + chain[:1], strict=True)
        }
        with pytest.raises(UsageError, match=r"in a circle: Jet_p.* -> "):
            bounds(rules)
    bounds({"Jet_pt": "sigma 1 Jet_phi", "Jet_phi": "sigma 1 Jet_ptErr"})
    with pytest.raises(UsageError, match="circle: Jet_ptErr -> Jet_phi -> Jet_ptErr"):
        bounds({"Jet_pt": "sigma 1 Jet_phi", "Jet_phi": "sigma 1 Jet_ptErr",
                "Jet_ptErr": "sigma 1 Jet_phi"})  # fmt: skip


def test_a_policy_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('dither = true\n[bounds]\n"*" = "rel 2^-11"\n"*_phi" = "range 1e-3"\n')
    policy = Policy.load(path)
    assert policy == Policy((("*", Relative(2.0**-11)), ("*_phi", Range(1e-3))), dither=True)
    assert Policy.load(str(path)) == policy
    path.write_text("")
    assert Policy.load(path) == Policy()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"bounds = 3", "'bounds' must be a table"),
        (b"dither = 1", "'dither' must be true or false, got 1"),
        (b"[bound]", "unknown key 'bound'; expected 'bounds' and 'dither'"),
        (b'[bounds]\n"*" = 3', r"the bound of '\*' must be a string like 'rel 2\^-11', got 3"),
        (b'[bounds]\n"*" = "rel"', r"cannot read bound 'rel'; expected .*\nfor columns '\*'"),
        (b'[bounds]\n"a" = "abs 0"', "must be positive"),
        (b"[bounds", "is not valid TOML"),
        (b'"a" = 1\n"a" = 2', "is not valid TOML"),
        (b"\xff\xfe\x00", "is not valid TOML"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_name(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "wrong.toml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=f"(?s){message}") as caught:
        Policy.load(path)
    assert "wrong.toml" in str(caught.value)
    assert isinstance(caught.value, BalerError)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(UsageError, match="cannot read policy") as caught:
            Policy.load(path)
        assert str(path) in str(caught.value)


def test_options_are_read() -> None:
    policy = Policy.from_options(["*=rel 2^-11", "Jet_pt = abs 1", "a=sigma 0.1 b=c"])
    assert policy.rules[:2] == (("*", Relative(2.0**-11)), ("Jet_pt", Absolute(1.0)))
    assert policy.rules[2] == ("a", Sigma(0.1, "b=c"))
    for option in ("abs 1", "=abs 1", ""):
        with pytest.raises(BadBound, match="expected 'GLOB=SPEC'"):
            Policy.from_options([option])
    with pytest.raises(BadBound, match=r"cannot read bound 'nonsense'.*\nfor columns 'a'"):
        Policy.from_options(["a=nonsense"])


def test_one_policy_after_another() -> None:
    first, second = Policy.of({"*": "abs 1"}), Policy.of({"Jet_pt": "abs 2"}, dither=True)
    both = first.then(second)
    assert both.dither
    found = dict(zip((c.name for c in SCHEMA.columns), both.bounds(SCHEMA), strict=True))
    assert (found["Jet_pt"], found["Jet_phi"]) == (Absolute(2.0), Absolute(1.0))
