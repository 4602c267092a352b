"""Projects of Baler 1, as its programs wrote them, become models of ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import baler
from baler.errors import SourceError, TargetExists, UsageError
from baler.latent.model import LatentModel
from baler.training.families.migrate import migrate, settings_of

CONFIG = """
import os
raise SystemExit("a configuration is never run")

def set_config(c):
    c.input_path          = "workspaces/w/data/jets.npz"
    c.data_dimension      = 1
    c.compression_ratio   = 1.6
    c.model_name          = "{model}"
    c.epochs              = 25
    c.lr                  = 0.001
    c.type_list           = ["float64", "int"]
    c.output_path         = os.system("true")
"""


class Net(nn.Module):
    """A dense network with the published names of layers."""

    def __init__(self, features: Any, latents: Any) -> None:
        super().__init__()
        widths = (features, 30, 20, latents, 20, 30, features)
        names = ("en1", "en2", "en3", "de1", "de2", "de3")
        for name, a, b in zip(names, widths, widths[1:], strict=False):
            setattr(self, name, nn.Linear(a, b, dtype=torch.float64))

    def run(self, x: Any, names: Any) -> Any:
        for name in names[:-1]:
            x = nn.functional.leaky_relu(getattr(self, name)(x))
        return getattr(self, names[-1])(x)


@pytest.fixture
def project(tmp_path: Path) -> Any:
    """Return a project of a table, with everything a training leaves."""
    torch.manual_seed(0)
    folder = tmp_path / "workspaces" / "w" / "p"
    for name in ("config", "output/compressed_output", "output/training"):
        (folder / name).mkdir(parents=True)
    (folder / "config/p_config.py").write_text(CONFIG.format(model="AE"))
    net = Net(5, 3)
    torch.save(net.state_dict(), folder / "output/compressed_output/model.pt")
    random = np.random.default_rng(0)
    data = random.normal(size=(400, 5)) * [1, 10, 100, 1, 0] + [0, 5, 0, 0, 7]
    low, width = data.min(0), data.max(0) - data.min(0)
    np.save(folder / "output/training/normalization_features.npy", np.array([low, width]))
    scaled = (data - low) / np.where(width > 0, width, 1)
    with torch.no_grad():
        latents = net.run(torch.from_numpy(scaled), ("en1", "en2", "en3"))
        back = net.run(latents, ("de1", "de2", "de3")).numpy() * np.where(width > 0, width, 1) + low
    names = np.array([f"jet_{i}" for i in range(5)])
    np.savez(folder / "output/compressed_output/compressed.npz", data=latents.numpy(), names=names,
             normalization_features=np.array([low, width]))  # fmt: skip
    (folder.parent / "data").mkdir()
    np.savez(folder.parent / "data/jets.npz", data=data, names=names)
    return folder, data, back, width


def test_a_dense_model_computes_what_it_did(project: Any, tmp_path: Path) -> None:
    folder, data, back, width = project
    done = migrate(folder, tmp_path / "old.balermodel")
    assert (done.model, done.family, done.columns, done.latents) == ("AE", "dense", 5, 3)
    assert done.settings["epochs"] == 25
    assert "output_path" not in done.settings
    assert any("computed: output_path" in note for note in done.notes)
    assert done.to_json()["model"] == "AE"
    model = LatentModel.unpack((tmp_path / "old.balermodel").read_bytes())
    columns = [np.ascontiguousarray(x) for x in data.T]
    layout = model.layout(len(data), None)
    found, _ = model.decode(model.encode(columns, layout, 1), layout, len(data), 1)
    apart = np.abs(np.stack(found, 1) - back) / np.where(width > 0, width, 1)
    assert apart.max() < 5e-3


def test_what_was_migrated_compresses(project: Any, tmp_path: Path) -> None:
    folder, data, _, _ = project
    migrate(folder, tmp_path / "old.balermodel")
    original, packed = folder.parent / "data/jets.npz", tmp_path / "a.baler"
    baler.compress(original, packed, model=tmp_path / "old.balermodel", latent_bits=6)
    assert baler.verify(original, packed).ok
    with baler.open(packed) as file:
        assert file["jet_0"].array(library="np").shape == (len(data),)


def test_a_field_is_one_column_of_frames(tmp_path: Path) -> None:
    folder = tmp_path / "p"
    folder.mkdir()
    (folder / "p_config.py").write_text(CONFIG.format(model="CFD_dense_AE"))
    torch.save(Net(36, 4).float().state_dict(), folder / "model.pt")
    done = migrate(folder, tmp_path / "old.balermodel")
    assert done.family == "dense-field"
    model = LatentModel.unpack((tmp_path / "old.balermodel").read_bytes())
    assert model.blocks is not None
    assert model.blocks.frame == (6, 6)
    assert any("no ranges" in note for note in done.notes)
    np.savez(tmp_path / "field.npz", data=np.zeros((3, 4, 9)), names=np.empty(0))
    done = migrate(folder, tmp_path / "again.balermodel", data=tmp_path / "field.npz")
    model = LatentModel.unpack((tmp_path / "again.balermodel").read_bytes())
    assert model.blocks is not None
    assert model.blocks.frame == (4, 9)


def test_of_other_models_one_learns_which_family_to_train(project: Any, tmp_path: Path) -> None:
    folder, *_ = project
    (folder / "config/p_config.py").write_text(CONFIG.format(model="Conv_AE"))
    torch.save({"q_z_conv.0.weight": torch.zeros(8, 1, 2, 5)}, folder / "output/model.pt")
    (folder / "output/compressed_output/model.pt").unlink()
    done = migrate(folder, tmp_path / "old.balermodel")
    assert not done.target
    assert any("--family conv" in note for note in done.notes)
    assert not (tmp_path / "old.balermodel").exists()


class Evil:
    """What a pickle can do."""

    def __reduce__(self) -> Any:
        return (pytest.fail, ("a pickle was executed",))


def test_nothing_of_a_project_is_executed(project: Any, tmp_path: Path) -> None:
    folder, *_ = project
    torch.save({"en1.weight": Evil()}, folder / "output/compressed_output/model.pt")
    with pytest.raises(SourceError, match="more than weights"):
        migrate(folder, tmp_path / "old.balermodel")
    np.save(folder / "output/training/normalization_features.npy", np.array([Evil()], object))
    (folder / "output/compressed_output/compressed.npz").unlink()
    torch.save(Net(5, 3).state_dict(), folder / "output/compressed_output/model.pt")
    with pytest.raises(SourceError, match="cannot be read"):
        migrate(folder, tmp_path / "old.balermodel")


def test_projects_that_are_none_are_refused(project: Any, tmp_path: Path) -> None:
    folder, *_ = project
    with pytest.raises(UsageError, match="no project"):
        migrate(tmp_path / "nothing", tmp_path / "old.balermodel")
    (tmp_path / "taken").write_text("")
    with pytest.raises(TargetExists):
        migrate(folder, tmp_path / "taken")
    with pytest.raises(UsageError, match="no file"):
        migrate(folder, tmp_path / "old.balermodel", data=tmp_path / "nothing.npz")
    (folder / "other_config.py").write_text("")
    with pytest.raises(UsageError, match="has 2 configurations"):
        settings_of(folder)
    (folder / "other_config.py").unlink()
    (folder / "config/p_config.py").write_text("def set_config(c:")
    with pytest.raises(SourceError, match="not a configuration in Python"):
        settings_of(folder)
