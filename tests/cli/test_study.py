"""``baler study``, and what events of a study go through."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baler.cli.treatments import Learnt, treatments
from baler.core.bounds import Absolute, Free, Relative
from baler.errors import UsageError
from baler.physics.events import Events, read_events
from baler.physics.treatment import Treated
from baler.planning import Policy

from .conftest import Baler, as_json

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")

EXAMPLE = Path(__file__).parents[2] / "examples" / "events.root"
QUICK = ("-b", "*_pt=rel 2^-8", "--columns", "Jet_*", "--rows", "300", "--replicas", "8",
         "--codecs", "baler,zstd-3")  # fmt: skip


@pytest.fixture(scope="module")
def events() -> Events:
    return read_events(EXAMPLE, fields=["Jet_pt", "Jet_eta", "Jet_genJetIdx"], entries=60)


@pytest.fixture
def no_drawing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "baler.physics.study.report.write_report", lambda *_, **__: tmp_path / "page"
    )


def test_a_table_a_result_and_a_page(
    tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    from baler.physics.study.report import write

    monkeypatch.setattr(write, "DRAWINGS", write.DRAWINGS[:2])
    folder = tmp_path / "out"
    result = baler("study", "masses", EXAMPLE, *QUICK, "-o", folder)
    head, _, *rows = [line for line in result.stdout.splitlines() if line]
    assert head.split()[:2] == ["treatment", "verified"]
    assert [row.strip().split("  ")[0] for row in rows] == ["baler, bounds", "zstd-3"]
    assert all(" yes " in row for row in rows)
    assert result.stderr.splitlines()[-1] == str(folder / "report.html")
    assert {path.name for path in folder.iterdir()} == {"result.json", "report.html", "figures"}
    assert (folder / "figures" / "shifts.pdf").exists()
    assert (folder / "report.html").read_text("utf-8").count("<img") == 2


@pytest.mark.usefixtures("no_drawing")
def test_json_is_the_result_and_can_be_gone_on_with(tmp_path: Path, baler: Baler) -> None:
    folder = tmp_path / "out"
    found = as_json(baler("study", "masses", EXAMPLE, *QUICK, "-o", folder, "--json", "-q"))
    assert found == json.loads((folder / "result.json").read_text("utf-8"))
    assert str(tmp_path) not in json.dumps(found)
    exact = next(effect for effect in found["effects"] if effect["codec"] == "zstd-3")
    assert all(one["shift"] in (0, None) for one in exact["shifts"])
    more = baler("study", "masses", EXAMPLE, *QUICK[:-1], "baler,zstd-3,pcodec 8", "-o", folder,
                 "--json", "-q")  # fmt: skip
    effects = as_json(more)["effects"]
    assert effects[:2] == found["effects"]
    assert effects[2]["codec"] == "pcodec 8"
    again = baler("study", "--from", folder / "result.json", "-o", tmp_path, "--json", "-q")
    assert as_json(again)["effects"] == effects
    refused = baler("study", "masses", EXAMPLE, *QUICK, "--cut", "tagged=0.7", "-o", folder, code=2)
    assert "asked for otherwise: cuts" in refused.output


def test_what_cannot_be_studied_is_said(tmp_path: Path, baler: Baler) -> None:
    def refused(*arguments: str | Path) -> str:
        return baler("study", *arguments, "-o", tmp_path / "none", code=2).output

    listed = refused("mases", EXAMPLE)
    assert "there is no analysis 'mases'" in listed
    assert "dijet      dijet resonance search" in listed
    assert "there is no analysis 'mases'" in refused("mases")
    assert "give either ANALYSIS and SOURCE, or --from" in refused("masses")
    assert "dijet needs --signal FILE" in refused("dijet", EXAMPLE)
    assert "looks for no signal" in refused("masses", EXAMPLE, "--signal", EXAMPLE)
    assert "'pt' is no cut like pt=40" in refused("masses", EXAMPLE, "--cut", "pt")
    assert "no cut 'foo'" in refused("masses", EXAMPLE, "--cut", "foo=1")
    assert "no codec matches 'zip'" in refused("masses", EXAMPLE, "--codecs", "zip")
    assert "give --train FILE" in refused("masses", EXAMPLE, "--codecs", "dense")
    assert "no column matches 'x*'" in refused("masses", EXAMPLE, "-b", "x*=abs 1")
    twice = refused(
        "masses", EXAMPLE, "-p", f"{EXAMPLE.parent}/nano.toml,{EXAMPLE.parent}/nano.toml"
    )
    assert "policies need names of their own, not nano, nano" in twice
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("no_drawing")
def test_numbers_that_cannot_be_measured_are_listed_with_the_events_needed(
    tmp_path: Path, baler: Baler
) -> None:
    few = ("--rows", "40", "--replicas", "8", "--columns", "Muon_pt", "--codecs", "zstd-3,pcodec 8")
    told = baler("study", "dimuon", EXAMPLE, *few, "-o", tmp_path / "out").stderr
    assert told.count("note: Z mass: before: too few Z pairs in 70-110 GeV") == 1
    assert "needed: 100" in told


def test_missing_columns_are_all_named(tmp_path: Path, baler: Baler) -> None:
    np.savez(tmp_path / "table.npz", Jet_pt=np.ones(20, np.float32))
    result = baler("study", "masses", tmp_path / "table.npz", "-o", tmp_path / "none", code=2)
    assert "'Jet_eta', 'Jet_phi', 'Jet_mass', 'Jet_btag'" in result.output


@pytest.mark.usefixtures("no_drawing")
def test_a_broken_bound_of_ours_ends_in_3(
    tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    import baler.evaluate.candidates as candidates

    honest = candidates.through_a_file

    def off(*arguments: Any, **named: Any) -> Any:
        coded = honest(*arguments, **named)
        columns = {**coded.columns, "Jet_pt": coded.columns["Jet_pt"] * np.float32(1.5)}
        return replace(coded, columns=columns)

    monkeypatch.setattr(candidates, "through_a_file", off)
    result = baler("study", "masses", EXAMPLE, *QUICK, "-o", tmp_path / "out", code=3)
    assert "BROKEN" in result.stdout


def test_a_treatment_for_each_codec_policy_and_scale(events: Events) -> None:
    policies = [
        ("fine", Policy.of({"*_pt": "rel 2^-11"})),
        ("wide", Policy.of({"*": "range 0.01"})),
    ]
    found = treatments(events, "baler,SZ3,zstd-3", policies, (1, 4))
    names = [one.name for one in found]
    assert names == [
        *(f"{codec}, {policy}" for codec in ("baler", "SZ3")
          for policy in ("fine", "fine x 4", "wide", "wide x 4")),
        "zstd-3",
    ]  # fmt: skip
    assert found[names.index("baler, fine x 4")].bounds == {"Jet_pt": Relative(2**-9)}
    wide = found[names.index("baler, wide")].bounds
    pt = events.chunk.columns["Jet_pt"]
    low, high = np.quantile(pt, (0.05, 0.95))
    assert isinstance(wide["Jet_pt"], Absolute)
    assert wide["Jet_pt"].epsilon == pytest.approx(0.01 * (high - low), rel=1e-3)
    assert [one.name for one in treatments(events, "baler,SZ3", [])] == ["baler", "SZ3"]


def test_treatments_keep_their_bounds_and_take_bytes(events: Events) -> None:
    policy = Policy.of({"Jet_pt": "rel 2^-6"})
    exact: dict[str, Treated] = {}
    for one in treatments(events, "baler,baler + dither,TTree zstd-5*,zstd-3", [("p", policy)]):
        treated = one.apply(events)
        assert 0 < treated.size < 50_000
        assert treated.bytes_per_event == treated.size / 60
        for name, original in events.chunk.columns.items():
            decoded = treated.events.chunk.columns[name]
            if name in one.bounds:
                assert bool(one.bounds[name].holds(original, decoded).all())
            else:
                np.testing.assert_array_equal(original, decoded)
        exact[one.name] = treated
    assert exact["baler + dither, p"].size == pytest.approx(exact["baler, p"].size, rel=0.1)
    ours, dithered = (exact[f"{name}, p"].events.chunk.columns["Jet_pt"]
                      for name in ("baler", "baler + dither"))  # fmt: skip
    assert len(np.unique(dithered)) > len(np.unique(ours))


def test_a_policy_can_ask_for_dither(events: Events) -> None:
    policy = Policy.of({"Jet_pt": "rel 2^-6"}, dither=True)
    plain, dithered = treatments(events, "baler,baler + dither", [("p", policy)])
    one, other = (t.apply(events).events.chunk.columns["Jet_pt"] for t in (plain, dithered))
    np.testing.assert_array_equal(one, other)


def test_samples_of_other_columns_are_refused(events: Events) -> None:
    (one,) = treatments(events, "zstd-3", [])
    other = read_events(EXAMPLE, fields=["Jet_pt"], entries=5)
    with pytest.raises(UsageError, match="does not have the columns of the first sample"):
        one.apply(other)
    with pytest.raises(UsageError, match="does not have the columns of"):
        treatments(events, "baler + learned model", [], learnt=Learnt(events=other))


def test_an_autoencoder_without_bounds_promises_none(events: Events) -> None:
    pytest.importorskip("torch")
    (one,) = treatments(events, "dense", [], latents=(2,), learnt=Learnt(events=events))
    assert one.name == "dense, 2 latents"
    assert set(map(type, one.bounds.values())) == {Free}


@pytest.mark.usefixtures("no_drawing")
def test_an_interrupted_study_keeps_what_it_has(
    tmp_path: Path, baler: Baler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    quick = (*QUICK[:-1], "zstd-3,baler")
    with monkeypatch.context() as patched:
        patched.setattr("baler.evaluate.candidates.through_a_file", stop)
        result = baler("study", "masses", EXAMPLE, *quick, "-o", tmp_path / "out", code=130)
    assert f"goes on from {tmp_path / 'out' / 'result.json'}" in result.stderr
    kept = json.loads((tmp_path / "out" / "result.json").read_text("utf-8"))["effects"]
    assert [effect["codec"] for effect in kept] == ["zstd-3"]
    again = as_json(baler("study", "masses", EXAMPLE, *quick, "-o", tmp_path / "out", "--json"))
    assert again["effects"][0] == kept[0]
    assert [effect["codec"] for effect in again["effects"]] == ["zstd-3", "baler"]
