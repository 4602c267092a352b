"""Files to a model of a family, by call and by command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from click.testing import CliRunner

import baler
from baler.cli.commands import cli
from baler.errors import TooNew, UnknownColumn, UsageError
from baler.latent.model import Kind, LatentModel
from baler.training import train_autoencoder


@pytest.fixture(scope="module")
def events(tmp_path_factory: Any, jets: Any) -> Path:
    """Return a ROOT file of events with jets and a missing energy."""
    columns, counts = jets
    path = tmp_path_factory.mktemp("families") / "events.root"
    jet = ak.zip({n.removeprefix("Jet_"): ak.unflatten(x, counts) for n, x in columns.items()})
    met = np.random.default_rng(0).normal(size=counts.size).astype("f4")
    with uproot.recreate(path) as file:
        tree = file.mktree("Events", {"Jet": jet.type, "MET": met.dtype})
        tree.extend({"Jet": jet, "MET": met})
    return path


@pytest.fixture(scope="module")
def fields(tmp_path_factory: Any) -> Path:
    """Return an npz file of one field."""
    path = tmp_path_factory.mktemp("families") / "fields.npz"
    y, x = np.mgrid[0:9, 0:12] / 9
    phase = np.linspace(0, 9, 220)[:, None, None]
    np.savez(path, u=np.sin(3 * x + y + phase))
    return path


def test_one_model_for_many_files(events: Path, tmp_path: Path) -> None:
    target = tmp_path / "jets.balermodel"
    bounds = {"Jet_pt": "rel 2^-8", "Jet_mass": "rel 2^-8", "Jet_eta": "abs 1e-3"}
    done = train_autoencoder(
        "lattice", events, target, columns="Jet_*", latent=3, steps=300,
        policy=baler.Policy.of(bounds),
    )  # fmt: skip
    assert 60 < done.held_out < 120
    assert {column.name for column in done.columns} >= {"Jet_pt", "Jet_n"}
    assert done.to_json()["family"] == "lattice"
    model = LatentModel.unpack(target.read_bytes())
    assert model.kind is Kind.EVENTS
    assert model.sha256 == done.sha256
    packed = tmp_path / "events.baler"
    baler.compress(events, packed, bounds=bounds, model=target, reference_model=True)
    assert baler.verify(events, packed, model=target).ok
    baler.compress(events, packed, bounds=bounds, model=target, ratio=8, overwrite=True)
    verdict = baler.verify(events, packed)
    assert verdict.ok
    assert {c.name: c.bound for c in verdict.columns}["Jet_phi"] == "model"


def test_columns_of_different_lengths_are_not_one_model(events: Path, tmp_path: Path) -> None:
    target = tmp_path / "m.balermodel"
    with pytest.raises(UsageError, match="columns of one collection, but"):
        train_autoencoder("dense", events, target, steps=1)
    with pytest.raises(UsageError, match="no fields of a grid"):
        train_autoencoder("conv", events, target, steps=1)
    with pytest.raises(UnknownColumn):
        train_autoencoder("dense", events, target, columns="Muon_*", steps=1)
    with pytest.raises(UsageError, match="no family 'denser'"):
        train_autoencoder("denser", events, target, steps=1)
    assert not target.exists()


def test_a_field_by_command(fields: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    target, packed = str(tmp_path / "u.balermodel"), str(tmp_path / "u.baler")
    train = ["train", str(fields), "-o", target, "--family", "conv", "--latent", "6",
             "--steps", "150", "--block", "1,9,12", "-q"]  # fmt: skip
    done = run(cli, train)
    assert done.exit_code == 0, done.output
    assert "u  " in done.output
    assert "conv, " in done.output
    assert run(cli, [*train, "--force", "--json"]).exit_code == 0
    done = run(cli, ["compress", str(fields), packed, "--model", target, "--latent-bits", "6"])
    assert done.exit_code == 0, done.output
    done = run(cli, ["verify", str(fields), packed])
    assert done.exit_code == 0
    assert "1 column without a promise" in done.output
    assert "nothing was promised" in done.output


def test_families_are_listed() -> None:
    done = CliRunner().invoke(cli, ["families"])
    assert done.exit_code == 0
    assert "sliced-wasserstein" in done.output
    assert '"published": true' in CliRunner().invoke(cli, ["families", "--json"]).output


def test_options_of_families_are_for_families(events: Path, tmp_path: Path) -> None:
    target = str(tmp_path / "m.balermodel")
    for more in (["--latent", "3"], ["--block", "1,2"]):
        done = CliRunner().invoke(cli, ["train", str(events), "-o", target, *more])
        assert done.exit_code == 2
        assert "--family" in done.output
    done = CliRunner().invoke(
        cli, ["train", str(events), "-o", target, "--family", "conv", "--block", "a,b"]
    )
    assert done.exit_code == 2


def test_a_project_is_migrated_by_command(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["migrate", str(tmp_path / "no"), "-o", str(tmp_path / "m")])
    assert done.exit_code == 2
    assert "no project" in done.output


def test_a_field_of_few_frames_is_enough(tmp_path: Path) -> None:
    x = np.add.outer(
        np.linspace(0, 9, 20), np.add.outer(np.linspace(0, 3, 8), np.linspace(0, 2, 7))
    )
    for frames, held in ((20, 3), (3, 0), (1, 0)):
        source, target = tmp_path / f"{frames}.npz", tmp_path / f"{frames}.balermodel"
        np.savez(source, u=np.sin(x[:frames]))
        for family in ("conv-3d", "conv-rated"):
            done = train_autoencoder(
                family, source, target, latent=2, steps=4, overwrite=True, block=(6, 8, 5)
            )
            assert done.held_out == held
            assert ("errors are those of the training" in str(done.notes)) == (not held)
            assert np.isfinite(done.columns[0].error)
        packed = tmp_path / f"{frames}.baler"
        baler.compress(source, packed, model=target, latent_bits=6)
        assert baler.verify(source, packed).ok


def test_a_model_of_another_version_or_of_other_columns_is_told_by_name(
    events: Path, fields: Path, tmp_path: Path
) -> None:
    target, packed = tmp_path / "m.balermodel", tmp_path / "e.baler"
    train_autoencoder("small", events, target, columns="Jet_pt,Jet_eta", latent=1, steps=2)
    with pytest.raises(UsageError, match="made for other columns: there is no 'Jet_pt'"):
        baler.compress(fields, packed, model=target)
    with pytest.raises(UsageError, match="does not have the columns of"):
        train_autoencoder("small", [events, fields], tmp_path / "n.balermodel", steps=2)
    data = bytearray(target.read_bytes())
    data[8] = 9
    target.write_bytes(data)
    with pytest.raises(TooNew, match=r"version 9; this reader knows up to 1\nin .*m\.balermodel"):
        baler.compress(events, packed, model=target)
    assert not packed.exists()
