"""``baler compress`` and ``baler decompress``: there and back, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import uproot

from .conftest import Baler, as_json, write_events


def test_there_and_back_is_exact_without_a_bound(
    events: Path, tmp_path: Path, baler: Baler
) -> None:
    baler("compress", events, tmp_path / "events.baler")
    baler("decompress", tmp_path / "events.baler", tmp_path / "back.root")
    with uproot.open(events) as before, uproot.open(tmp_path / "back.root") as after:
        assert before["Events"].arrays().to_list() == after["Events"].arrays().to_list()


def test_the_summary_goes_to_standard_error_and_json_to_standard_output(
    events: Path, tmp_path: Path, baler: Baler
) -> None:
    result = baler("compress", events, tmp_path / "a.baler")
    assert result.stdout == ""
    assert "200 events, 5 columns" in result.stderr
    result = baler("compress", events, tmp_path / "b.baler", "--json", "--quiet")
    assert result.stderr == ""
    found = as_json(result)
    assert found["entries"] == 200
    assert found["file_bytes"] == (tmp_path / "b.baler").stat().st_size
    assert found["ratio"] == found["raw_bytes"] / found["file_bytes"]
    result = baler("decompress", tmp_path / "a.baler", tmp_path / "a.root", "--json")
    assert as_json(result)["entries"] == 200
    assert "a.root: 200 events" in result.stderr


def test_the_last_bound_wins_and_options_come_after_the_policy(
    events: Path, tmp_path: Path, baler: Baler
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[bounds]\n"*" = "rel 2^-5"\nMET_pt = "abs 0.5"\n')
    target = tmp_path / "events.baler"
    baler(
        "compress", events, target, "-p", policy,
        "-b", "Jet_pt=rel 2^-3", "-b", "Jet_*=rel 2^-7", "-b", "Jet_pt=rel 2^-9",
    )  # fmt: skip
    columns = as_json(baler("inspect", target, "--json"))["columns"]
    bounds = {column["name"]: column["bound"] for column in columns}
    assert bounds == {
        "run": "exact", "MET_pt": "abs 0.5", "nJet": "exact",
        "Jet_pt": "rel 2^-9", "Jet_phi": "rel 2^-7",
    }  # fmt: skip


def test_jobs_chunks_and_dither_reach_the_file(events: Path, tmp_path: Path, baler: Baler) -> None:
    options = ("-b", "Jet_pt=abs 1", "--chunk-size", "2 kB")
    files = [tmp_path / f"{name}.baler" for name in ("one", "two", "dithered")]
    baler("compress", events, files[0], *options, "--jobs", "1")
    baler("compress", events, files[1], *options, "--jobs", "2")
    baler("compress", events, files[2], *options, "--dither")
    assert files[0].read_bytes() == files[1].read_bytes() != files[2].read_bytes()
    assert as_json(baler("inspect", files[0], "--json"))["chunks"] > 1
    assert as_json(baler("verify", events, files[2], "--json"))["ok"]


def test_an_rntuple_is_written_on_demand(packed: Path, tmp_path: Path, baler: Baler) -> None:
    baler("decompress", packed, tmp_path / "back.root", "--as", "rntuple")
    with uproot.open(tmp_path / "back.root") as file:
        assert file["Events"].classname == "ROOT::RNTuple"


def test_other_formats_are_written_by_their_suffix(
    packed: Path, tmp_path: Path, baler: Baler
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    baler("decompress", packed, tmp_path / "back.parquet")
    assert parquet.read_table(tmp_path / "back.parquet").num_rows == 200
    refused = baler("decompress", packed, tmp_path / "back.npz", code=2)
    assert "arrays of fixed shape only" in refused.stderr


def test_nothing_is_replaced_unless_it_is_forced(
    events: Path, packed: Path, tmp_path: Path, baler: Baler
) -> None:
    before = packed.read_bytes()
    assert "exists; --force replaces it" in baler("compress", events, packed, code=2).stderr
    assert packed.read_bytes() == before
    baler("compress", events, packed, "--force")
    assert packed.read_bytes() != before

    back = tmp_path / "back.root"
    back.write_text("mine")
    assert "exists; --force replaces it" in baler("decompress", packed, back, code=2).stderr
    assert back.read_text() == "mine"
    baler("decompress", packed, back, "--force")
    assert back.read_bytes()[:4] == b"root"


def test_the_target_of_compress_is_never_a_foreign_file(
    events: Path, tmp_path: Path, baler: Baler
) -> None:
    result = baler("compress", tmp_path / "new.baler", events, "--force", code=2)
    assert "SOURCE comes before TARGET" in result.stderr
    with uproot.open(events) as file:
        assert file["Events"].num_entries == 200


@pytest.mark.parametrize("target", ["-", "/dev/null", "."])
@pytest.mark.parametrize("command", ["compress", "decompress"])
def test_only_files_are_written(command: str, target: str, events: Path, baler: Baler) -> None:
    assert "Invalid value for 'TARGET'" in baler(command, events, target, "-f", code=2).stderr


@pytest.mark.parametrize(
    ("bound", "message"),
    [
        ("Jet_ptt=rel 2^-9", "no column matches 'Jet_ptt'; near names: 'Jet_pt'"),
        ("Jet_pt=rel 10%", "cannot read '10%' in bound"),
        ("Jet_pt=large", "cannot read bound 'large'; expected 'exact', 'abs 1e-3'"),
        ("Jet_pt", "expected 'GLOB=SPEC'"),
        ("run=abs 1", "not floating-point"),
        ("Jet_pt=sigma 0.1 Jet_ptErr", "names no column; near names: 'Jet_pt'"),
    ],
)
def test_a_faulty_bound_is_explained(
    bound: str, message: str, events: Path, tmp_path: Path, baler: Baler
) -> None:
    result = baler("compress", events, tmp_path / "events.baler", "--bound", bound, code=2)
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["events.root"]


def test_faulty_policies_are_named(events: Path, tmp_path: Path, baler: Baler) -> None:
    policy, target = tmp_path / "policy.toml", tmp_path / "events.baler"
    assert "policy.toml" in baler("compress", events, target, "-p", policy, code=2).stderr
    policy.write_text("[bounds")
    assert "not valid TOML" in baler("compress", events, target, "-p", policy, code=2).stderr


def test_a_tree_has_to_be_named_where_there_are_several(
    events: Path, tmp_path: Path, baler: Baler
) -> None:
    target = tmp_path / "runs.baler"
    missing = baler("compress", f"{events}:Event", target, code=2)
    assert "holds no tree 'Event'; near names: 'Events'" in missing.stderr
    write_events(events, tree="Runs", entries=3)
    assert (
        "name one of them: events.root:Events" in baler("compress", events, target, code=2).stderr
    )
    assert as_json(baler("compress", f"{events}:Runs", target, "--json"))["entries"] == 3
    assert (
        as_json(baler("compress", events, target, "-f", "--json", "--tree", "Runs"))["entries"] == 3
    )


def test_sources_that_are_not_there_or_not_what_they_seem(tmp_path: Path, baler: Baler) -> None:
    source, target = tmp_path / "events.root", tmp_path / "events.baler"
    assert "does not exist" in baler("compress", source, target, code=2).stderr
    source.write_text("not a ROOT file")
    assert "cannot be opened as a ROOT file" in baler("compress", source, target, code=1).stderr
    assert (
        "known are .root, .parquet, .npz" in baler("compress", "events.h5", target, code=2).stderr
    )
    assert not target.exists()


def test_a_damaged_file_is_not_decompressed(packed: Path, tmp_path: Path, baler: Baler) -> None:
    back, whole = tmp_path / "back.root", packed.read_bytes()
    packed.write_bytes(whole[:-10])
    baler("decompress", packed, back, code=1)
    packed.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])
    baler("decompress", packed, back, code=1)
    assert not back.exists()
