"""Learned models from outside: given to those that write and, if need be, to those that read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot

import baler
from baler.api import Inspection, models
from baler.core.chunk import Chunk, join_chunks
from baler.errors import FormatError, MissingModel, NotABalerFile, UsageError
from baler.learned.model import Model
from tests import fitted_model as fitted

ENTRIES = 900


def write_root(path: Path, chunk: Chunk, without: tuple[str, ...] = ()) -> Path:
    """Write events as a tree."""
    counts = {c.counts for c in fitted.COLUMNS if c.counts}
    shown = [c for c in fitted.COLUMNS if c.name not in (*counts, *without)]
    with uproot.recreate(path) as file:
        types = {c.name: f"{'var * ' * bool(c.counts)}{c.dtype.name}" for c in shown}
        file.mktree("Events", types, counter_name=lambda name: "n" + name.partition("_")[0]).extend(
            {
                c.name: chunk.columns[c.name]
                if c.counts is None
                else ak.unflatten(chunk.columns[c.name], chunk.columns[c.counts])
                for c in shown
            }
            | {name: chunk.columns[name] for name in counts}
        )
    return path


@pytest.fixture(scope="module")
def chunk() -> Chunk:
    """Return the events of the original: the middle ones have drifted."""
    return join_chunks([fitted.events(300, seed, drifted=seed == 2) for seed in (1, 2, 3)])


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, chunk: Chunk) -> Path:
    """Return a ROOT file of events."""
    return write_root(tmp_path_factory.mktemp("learned") / "events.root", chunk)


@pytest.fixture(scope="module")
def model(original: Path) -> Path:
    """Return the file of a model."""
    path = original.with_name("jets.model")
    path.write_bytes(fitted.model().pack())
    return path


def compress(original: Path, target: Path, **options: Any) -> Any:
    """Compress with the bounds of the model, in three chunks."""
    return baler.compress(
        original, target, bounds=fitted.BOUNDS, chunk_size="23 kB", jobs=1, **options
    )


@pytest.fixture(scope="module")
def embedded(original: Path, model: Path) -> Path:
    """Return a file that holds its model."""
    path = original.with_name("embedded.baler")
    compress(original, path, model=model)
    return path


@pytest.fixture(scope="module")
def referring(original: Path, model: Path) -> Path:
    """Return a file that refers to its model."""
    path = original.with_name("referring.baler")
    compress(original, path, model=model, reference_model=True)
    return path


def test_a_file_with_a_model_needs_nothing_else(
    original: Path, embedded: Path, chunk: Chunk
) -> None:
    assert baler.verify(original, embedded).ok
    with baler.open(embedded) as events:
        jets = events["Jet_phi"].array()
        assert ak.all(ak.num(jets) == chunk.columns["nJet"])
        error = ak.to_numpy(ak.flatten(jets)) - chunk.columns["Jet_phi"]
        assert np.abs(error).max() < 0.0011
        for start, stop in ((0, 5), (250, 350), (899, 900), (400, 400)):
            part = events["Jet_phi"].array(entry_start=start, entry_stop=stop)
            assert part.to_list() == jets[start:stop].to_list()
        batches = list(events.iterate(["Cand_phi", "Jet_phi"], step_size=170))
        assert ak.concatenate([b["Jet_phi"] for b in batches]).to_list() == jets.to_list()


@pytest.mark.parametrize("jobs", [2, None])
def test_jobs_change_nothing(
    jobs: int | None, original: Path, embedded: Path, model: Path, tmp_path: Path
) -> None:
    again = tmp_path / "again.baler"
    baler.compress(
        original, again, bounds=fitted.BOUNDS, chunk_size="23 kB", jobs=jobs, model=model
    )
    assert again.read_bytes() == embedded.read_bytes()
    assert baler.verify(original, again, jobs=jobs).ok


def test_what_compress_says_of_a_model(original: Path, model: Path, tmp_path: Path) -> None:
    size, name = model.stat().st_size, fitted.model().sha256
    held = compress(original, tmp_path / "a.baler", model=model)
    kept = compress(original, tmp_path / "b.baler", model=str(model), reference_model=True)
    none = compress(original, tmp_path / "c.baler", model="none")
    plain = compress(original, tmp_path / "d.baler")
    assert [r.model for r in (held, kept, none, plain)] == [name, name, "", ""]
    assert [r.model_bytes for r in (held, kept, none, plain)] == [size, 0, 0, 0]
    assert held.file_bytes - size - 8 < kept.file_bytes < held.file_bytes - size + 8
    assert none.file_bytes == plain.file_bytes > held.file_bytes
    assert held.model_saved_bytes == kept.model_saved_bytes > size
    assert held.to_json()["model_bytes"] == size
    assert held.notes == kept.notes == plain.notes


def test_of_a_model_what_is_not_worth_its_bytes_is_left_out(tmp_path: Path, model: Path) -> None:
    original = write_root(tmp_path / "few.root", fitted.events(20, 1))
    done = compress(original, tmp_path / "few.baler", model=model)
    assert done.notes[0].startswith("left out are the networks of Jet, Cand: they take ")
    assert done.model_bytes < model.stat().st_size
    assert done.notes[1].startswith(f"the model takes {done.model_bytes} B and saves ")
    done = compress(original, tmp_path / "b.baler", model=model, reference_model=True)
    assert done.notes == ()


def test_a_model_that_saves_nothing_is_left_out(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = write_root(tmp_path / "few.root", fitted.events(20, 1))
    monkeypatch.setattr(models, "paying", lambda saved, size: [False] * len(saved))
    done = compress(original, tmp_path / "few.baler", model=model)
    (note,) = done.notes
    assert note.startswith(f"the model would take {model.stat().st_size} B and save about ")
    assert (done.model, done.model_bytes) == ("", 0)
    assert baler.verify(original, tmp_path / "few.baler").ok


def test_a_model_of_other_columns(tmp_path: Path, model: Path, chunk: Chunk) -> None:
    partly = write_root(tmp_path / "partly.root", chunk, without=("Jet_id",))
    done = compress(partly, tmp_path / "partly.baler", model=model)
    (note,) = done.notes
    assert note == "the model cannot code the columns counted by 'nJet': there is no 'Jet_id'"
    other = tmp_path / "other.npz"
    np.savez(other, x=np.arange(9.0))
    with pytest.raises(UsageError, match="the model was made for other columns") as caught:
        baler.compress(other, tmp_path / "other.baler", model=model)
    assert "there is no 'nJet', there is no 'MET_pt'" in str(caught.value)
    assert not (tmp_path / "other.baler").exists()


def test_a_file_that_refers_to_its_model(
    original: Path, referring: Path, model: Path, tmp_path: Path
) -> None:
    with baler.open(referring) as events:
        assert "Jet_phi" in events.keys()  # noqa: SIM118 (what one would write)
        assert events.num_entries == ENTRIES
        assert str(events["Jet_phi"].bound) == "abs 0.001"
        assert events["run"].array().to_list()[-1] == 6
        with pytest.raises(MissingModel, match=r"needs the model [0-9a-f]{64} \(jets.model\)"):
            events["Jet_phi"].array()
    with pytest.raises(MissingModel):
        baler.verify(original, referring)
    target = tmp_path / "back.npz"
    with pytest.raises(MissingModel):
        baler.decompress(referring, target.with_suffix(".root"))
    assert not list(tmp_path.iterdir())
    for given in (model, str(model), fitted.model(), Model.unpack(model.read_bytes())):
        assert baler.verify(original, referring, model=given).ok
    with baler.open(referring, model=model) as events:
        assert len(events["Jet_phi"].array()) == ENTRIES
    baler.decompress(referring, tmp_path / "back.root", model=model)
    with uproot.open(tmp_path / "back.root") as file:
        assert file["Events"].num_entries == ENTRIES


def test_another_model_is_named_with_the_one_that_is_needed(referring: Path) -> None:
    other = fitted.model(other=1)
    with pytest.raises(MissingModel) as caught:
        baler.open(referring, model=other)
    assert other.sha256 in str(caught.value)
    assert fitted.model().sha256 in str(caught.value)


def test_models_that_are_none(referring: Path, original: Path, tmp_path: Path) -> None:
    for content in (b"", b"PK\3\4" + bytes(100), fitted.model().pack()[:-1]):
        bad = tmp_path / "bad.model"
        bad.write_bytes(content)
        with pytest.raises(FormatError, match=r"bad\.model"):
            baler.open(referring, model=bad)
        with pytest.raises(FormatError, match=r"bad\.model"):
            compress(original, tmp_path / "x.baler", model=bad)
    with pytest.raises(NotABalerFile, match="not a model"):
        baler.open(referring, model=original)
    with pytest.raises(FileNotFoundError):
        baler.open(referring, model=tmp_path / "gone.model")
    with pytest.raises(UsageError, match="there is no model to refer to"):
        compress(original, tmp_path / "x.baler", reference_model=True)
    assert not (tmp_path / "x.baler").exists()


def test_what_is_inspected(embedded: Path, referring: Path, model: Path) -> None:
    held, kept = baler.inspect(embedded), baler.inspect(referring)
    for found, size in ((held, model.stat().st_size), (kept, 0)):
        assert found.model is not None
        assert found.model.sha256 == fitted.model().sha256
        assert (found.model.name, found.model.bytes) == ("jets.model", size)
        columns = sum(column.bytes for column in found.columns)
        assert columns + found.index_bytes + size == found.file_bytes
        check_columns(found)
    assert held.columns == kept.columns
    assert held.to_json()["model"]["bytes"] == model.stat().st_size


def check_columns(found: Inspection) -> None:
    """Require what is known of the columns of the original."""
    columns = {column.name: column for column in found.columns}
    phi, pt, run = (columns[name] for name in ("Cand_phi", "Jet_pt", "run"))
    assert (phi.codec, phi.drift) == ("learned", 0)
    assert phi.learned_chunks == phi.chunks > 2
    assert phi.bytes == phi.learned_bytes < 0.6 * phi.otherwise_bytes
    assert pt.codec == "learned"
    assert 0 < pt.drift == pt.chunks - pt.learned_chunks < pt.chunks
    assert pt.learned_bytes < pt.bytes
    assert (run.has_network, run.learned_bytes, run.otherwise_bytes, run.drift) == (False, 0, 0, 0)
    assert pt.has_network
    assert pt.to_json()["drift"] == pt.drift


def test_values_are_counted_without_the_model(
    referring: Path, chunk: Chunk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler.learned.kernel.decode", None)
    found = baler.inspect(referring)
    assert found.raw_bytes == chunk.nbytes
    values = {column.name: column.values for column in found.columns}
    assert values == {name: array.size for name, array in chunk.columns.items()}


def test_a_function_may_make_the_model(original: Path, tmp_path: Path) -> None:
    seen = []

    def make(schema: Any, recipe: Any, first: Any, entries: int) -> Any:
        seen.append((len(schema.columns), len(recipe.columns), first.entries, entries))
        return (fitted.model(first), ("trained",)) if wanted else (None, ("too small",))

    wanted = False
    done = compress(original, tmp_path / "a.baler", model=make)
    assert (done.model, done.notes) == ("", ("too small",))
    wanted = True
    done = compress(original, tmp_path / "b.baler", model=make)
    assert done.model_bytes > 0
    assert done.notes[0] == "trained"
    assert [s[0] == s[1] == len(fitted.COLUMNS) and s[2] < s[3] == ENTRIES for s in seen] == [
        True
    ] * 2
    assert baler.verify(original, tmp_path / "b.baler").ok
