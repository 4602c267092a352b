"""``baler inspect``, ``baler verify`` and ``baler bench``: what they print and how they end."""

from __future__ import annotations

from pathlib import Path

import pytest

from baler.cli.inspect import TOP

from .conftest import Baler, as_json, write_events


def test_inspect_prints_the_promised_json(packed: Path, baler: Baler) -> None:
    found = as_json(baler("inspect", packed, "--json"))
    assert {"file_bytes", "raw_bytes", "ratio", "entries", "columns"} <= found.keys()
    assert found["file_bytes"] == packed.stat().st_size
    jets = next(column for column in found["columns"] if column["name"] == "Jet_pt")
    assert jets["dtype"] == "float32"
    assert jets["bound"] == "rel 2^-9"
    assert jets["codec"]
    values = jets["raw_bytes"] // 4
    assert jets["bits_per_value"] == pytest.approx(8 * jets["bytes"] / values)


def test_inspect_lists_the_largest_columns_first(packed: Path, baler: Baler) -> None:
    lines = baler("inspect", packed).stdout.splitlines()
    assert "200 events, 5 columns, 1 chunk" in lines[0]
    assert "ratio" in lines[1]
    sizes = [int(line.split()[-3].replace(",", "")) for line in lines[5:10]]
    assert sizes == sorted(sizes, reverse=True)
    assert {line.split()[0] for line in lines[5:10]} == {
        "run",
        "MET_pt",
        "nJet",
        "Jet_pt",
        "Jet_phi",
    }


def test_long_tables_are_cut_unless_all_is_wanted(tmp_path: Path, baler: Baler) -> None:
    import numpy as np

    source, file = tmp_path / "wide.npz", tmp_path / "wide.baler"
    columns = {f"column_{i:02}": np.random.default_rng(i).normal(size=50) for i in range(TOP + 5)}
    np.savez(source, **columns)  # type: ignore[arg-type]
    baler("compress", source, file, "-b", "*=rel 2^-9")
    for command in (["inspect", file], ["verify", source, file]):
        short = baler(*command).stdout
        assert short.count("column_") == TOP
        assert "and 5 more columns" in short
        long = baler(*command, "--all").stdout
        assert all(long.count(name) == 1 for name in columns)
        assert "more column" not in long


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_foreign_and_missing_files_are_refused(
    command: str, events: Path, tmp_path: Path, baler: Baler
) -> None:
    before = [events] if command == "verify" else []
    assert "not a .baler file" in baler(command, *before, events, code=1).stderr
    missing = baler(command, *before, tmp_path / "missing.baler", code=2)
    assert "missing.baler: No such file" in missing.stderr
    empty = tmp_path / "empty.baler"
    empty.touch()
    baler(command, *before, empty, code=1)


def test_verify_prints_the_promised_json(events: Path, packed: Path, baler: Baler) -> None:
    found = as_json(baler("verify", events, packed, "--json"))
    assert found["ok"] is True
    columns = {column["name"]: column for column in found["columns"]}
    assert columns["run"] == {
        "name": "run", "bound": "exact", "values": 200,
        "worst_error_over_bound": 0.0, "violations": 0, "exact": True,
        "largest_error": 0.0, "mean_error": 0.0,
    }  # fmt: skip
    assert 0.5 < columns["Jet_pt"]["worst_error_over_bound"] <= 1
    assert columns["Jet_pt"]["exact"] is False


def test_verify_says_what_is_kept(events: Path, packed: Path, baler: Baler) -> None:
    text = baler("verify", events, packed).stdout
    assert "Jet_phi" in text
    assert "MET_pt" not in text
    assert "3 columns bit for bit, 2 columns within their bounds" in text


def test_verify_ends_with_3_and_shows_what_is_broken_first(
    packed: Path, tmp_path: Path, baler: Baler
) -> None:
    other = write_events(tmp_path / "other.root", seed=2)
    result = baler("verify", other, packed, code=3)
    rows = [line for line in result.stdout.splitlines() if "BROKEN" in line]
    assert [row.split()[0] for row in rows] == ["MET_pt", "Jet_pt", "Jet_phi"]
    assert "NOT kept" in result.stdout
    found = as_json(baler("verify", other, packed, "--json", code=3))
    assert found["ok"] is False
    assert found["columns"][1]["violations"] == 200
    assert found["columns"][1]["worst_error_over_bound"] is None


def test_verify_ends_with_3_when_events_are_missing(
    packed: Path, tmp_path: Path, baler: Baler
) -> None:
    longer = write_events(tmp_path / "longer.root", entries=201)
    assert "fault: " in baler("verify", longer, packed, code=3).stdout


def test_bench_compares_our_files_with_peers(events: Path, baler: Baler) -> None:
    options = (events, "-b", "*=rel 2^-9", "--peers", "zstd-3,bins + pcodec 8,TTree zstd*")
    found = as_json(baler("bench", *options, "--json"))
    rows = {row["peer"]: row for row in found["peers"]}
    assert list(rows) == [
        "baler, exact", "baler, bounded", "zstd-3", "bins + pcodec 8",
        "TTree zstd-5, exact", "TTree zstd-5, rounded",
    ]  # fmt: skip
    assert all(row["verified"] for row in rows.values())
    assert rows["baler, bounded"]["compressed"] < rows["baler, exact"]["compressed"]
    table = baler("bench", *options).stdout
    assert [line.split("  ")[0].strip() for line in table.splitlines() if "exact  " in line]
    assert "BROKEN" not in table


def test_bench_without_bounds_has_exact_rows_only(events: Path, baler: Baler) -> None:
    found = as_json(baler("bench", events, "--peers", "*", "--rows", "50", "--json"))
    assert {row["kind"] for row in found["peers"]} == {"exact"}
    assert found["peers"][0]["columns"][0]["values"] == 50


@pytest.mark.parametrize("rows", [1, 40, 200, 999])
def test_bench_takes_the_first_events_of_all_chunks(rows: int, events: Path, baler: Baler) -> None:
    options = ("--peers", "zstd-3", "--rows", str(rows), "--chunk-size", "1 kB", "--json")
    found = as_json(baler("bench", events, *options))
    assert found["peers"][0]["columns"][0]["values"] == min(rows, 200)
    assert found["peers"][0]["verified"]


def test_bench_knows_its_peers(events: Path, baler: Baler) -> None:
    assert (
        "no peer matches 'gzip'; near names"
        in baler("bench", events, "--peers", "gzip", code=2).stderr
    )
