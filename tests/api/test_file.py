"""A compressed file as a mapping, and the functions that make, check and undo it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import given
from hypothesis import strategies as st

import baler
from baler.api import CompressedFile
from baler.api.jobs import ahead, threads
from baler.errors import UnknownColumn, UsageError

ENTRIES = 1000
BOUNDS = {"*_pt": "rel 2^-11", "MET": "abs 0.5", "Jet_d0": "sigma 0.1 Jet_d0Err"}


def make(path: Path) -> dict[str, ak.Array]:
    rng = np.random.default_rng(1)
    counts = rng.poisson(2, ENTRIES)

    def jagged(scale: float) -> ak.Array:
        return ak.unflatten(rng.exponential(scale, counts.sum()).astype("f4"), counts)

    arrays = {
        "event": np.arange(ENTRIES, dtype="u8"),
        "MET": rng.exponential(20, ENTRIES),
        "word": ak.Array([f"w{i % 7}" for i in range(ENTRIES)]),
        "Jet_pt": jagged(40),
        "Jet_d0": jagged(0.01),
        "Jet_d0Err": jagged(0.002),
    }
    with uproot.recreate(path) as file:
        types = {
            "event": "uint64", "MET": "float64", "word": "string", "Jet_pt": "var * float32",
            "Jet_d0": "var * float32", "Jet_d0Err": "var * float32",
        }  # fmt: skip
        file.mktree("Events", types, counter_name=lambda name: "nJet").extend(arrays)
    return arrays


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("api") / "events.root"
    make(path)
    return path


@pytest.fixture(scope="module")
def compressed(original: Path) -> Path:
    path = original.with_suffix(".baler")
    baler.compress(original, path, bounds=BOUNDS, chunk_size="8 kB")
    return path


@pytest.fixture
def events(compressed: Path) -> Iterator[CompressedFile]:
    with baler.open(compressed, jobs=1) as file:
        yield file


def same(a: Any, b: Any) -> bool:
    return bool(ak.array_equal(a, b, equal_nan=True, dtype_exact=True))


def test_a_file_is_a_mapping_of_fields(events: CompressedFile, original: Path) -> None:
    with uproot.open(original) as file:
        assert list(events) == file["Events"].keys()
    assert "Jet_pt" in events
    assert len(events) == 7
    assert str(events["Jet_pt"].bound) == "rel 2^-11"
    assert str(events["event"].bound) == "exact"
    assert str(events["Jet_pt"].type) == "var * float32"
    assert len(events.reader.chunks) > 4  # what follows crosses chunks


def test_exact_fields_equal_the_original(events: CompressedFile, original: Path) -> None:
    with uproot.open(original) as file:
        for name in ("event", "word", "nJet", "Jet_d0Err"):
            assert same(events[name].array(), file["Events"][name].array()), name


edges = st.none() | st.integers(-ENTRIES - 5, ENTRIES + 5)


@given(edges, edges)
def test_entries_count_as_in_a_slice(compressed: Path, start: int | None, stop: int | None) -> None:
    with baler.open(compressed, jobs=1) as events:
        whole = events.arrays(["Jet_pt", "word"])
        some = events.arrays(["Jet_pt", "word"], entry_start=start, entry_stop=stop)
        first, last, _ = slice(start, stop).indices(ENTRIES)
        assert same(some, whole[first : max(first, last)])


@pytest.mark.parametrize("step", [1000, 333, 1, "1 kB", "20 kB", "1 GB"])
def test_steps_add_up_to_the_whole(events: CompressedFile, step: int | str) -> None:
    stop = 20 if step == 1 else None
    steps = list(events.iterate(["Jet_pt", "event"], step_size=step, entry_stop=stop))
    assert same(ak.concatenate(steps), events.arrays(["Jet_pt", "event"], entry_stop=stop))


def test_amounts_of_memory_bound_a_step(events: CompressedFile) -> None:
    sizes = [batch.nbytes for batch in events.iterate(["event"], step_size="1 kB")]
    assert max(sizes) <= 1000
    assert len(sizes) == 8


def test_numpy_arrays(events: CompressedFile) -> None:
    arrays = events.arrays(filter_name=["Jet_p*", "event"], entry_stop=5, library="np")
    assert arrays["event"].tolist() == [0, 1, 2, 3, 4]
    assert arrays["Jet_pt"].dtype == object
    assert arrays["Jet_pt"][1].dtype == np.float32
    assert events["word"].array(entry_stop=2, library="np").tolist() == ["w0", "w1"]


def test_only_what_is_asked_for_is_decoded(
    events: CompressedFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, list[str]]] = []
    read = events.reader.read

    def spy(number: int, names: list[str]) -> Any:
        asked.append((number, names))
        return read(number, names)

    monkeypatch.setattr(events.reader, "read", spy)
    events["Jet_pt"].array(entry_stop=3)
    events.arrays(["Jet_pt", "nJet"], entry_stop=2)
    assert asked == [(0, ["nJet", "Jet_pt"])]  # the second call finds both already decoded


def test_faulty_calls_are_explained(events: CompressedFile) -> None:
    with pytest.raises(KeyError, match="no field 'Jet_pT'; near names: 'Jet_pt'"):
        events["Jet_pT"]
    with pytest.raises(UnknownColumn, match="no field 'jets'"):
        events.arrays(["jets"])
    with pytest.raises(UsageError, match="unknown library 'pd'"):
        events.arrays(library="pd")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="steps of 0 entries"):
        list(events.iterate(step_size=0))
    with pytest.raises(UsageError, match="cannot read 'much' as an amount"):
        list(events.iterate(step_size="much"))


@pytest.mark.parametrize("jobs", [1, 2])
def test_the_way_there_and_back(original: Path, tmp_path: Path, jobs: int) -> None:
    target, back = tmp_path / "events.baler", tmp_path / "back.root"
    done = baler.compress(original, target, bounds=BOUNDS, chunk_size="16 kB", jobs=jobs)
    assert (done.entries, done.file_bytes) == (ENTRIES, target.stat().st_size)
    assert 0.9 < done.worst <= 1
    verdict = baler.verify(original, target, jobs=jobs)
    assert verdict.ok
    lossy = {c.name for c in verdict.columns if not c.exact}
    assert lossy == {"MET", "Jet_pt", "Jet_d0"}
    found = baler.inspect(target)
    assert sum(column.bytes for column in found.columns) + found.index_bytes == found.file_bytes
    assert found.raw_bytes == done.raw_bytes
    baler.decompress(target, back, jobs=jobs)
    with uproot.open(back) as ours, baler.open(target) as file:
        for name in file:
            assert ak.array_equal(ours["Events"][name].array(), file[name].array()), name


def test_other_data_are_found_out(original: Path, tmp_path: Path) -> None:
    target = tmp_path / "events.baler"
    baler.compress(original, target, bounds={"Jet_pt": "rel 0.1"})
    other = tmp_path / "other.root"
    with uproot.open(original) as file, uproot.recreate(other) as copy:
        arrays = file["Events"].arrays(["event", "MET", "word"])
        arrays["MET"] = np.where(
            arrays["event"] == 77, np.nextafter(arrays["MET"], 0), arrays["MET"]
        )
        copy.mktree("Events", {"event": "uint64", "MET": "float64", "word": "string"}).extend(
            {name: arrays[name] for name in arrays.fields}
        )
    verdict = baler.verify(other, target)
    assert not verdict.ok
    broken = {c.name: c.violations for c in verdict.columns if c.violations}
    assert broken == {"MET": 1}
    assert {c["name"]: c["worst_error_over_bound"] for c in verdict.to_json()["columns"]}[
        "MET"
    ] is None


def test_the_next_item_is_made_meanwhile() -> None:
    assert list(ahead(iter(range(5)), 1)) == list(ahead(iter(range(5)), 2)) == [0, 1, 2, 3, 4]

    def failing() -> Iterator[int]:
        yield 1
        raise ValueError("late")

    items = ahead(failing(), 2)
    assert next(items) == 1
    with pytest.raises(ValueError, match="late"):
        next(items)
    with pytest.raises(UsageError, match="0 jobs"):
        threads(0)
