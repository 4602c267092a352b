"""Learned models on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from baler.core.chunk import join_chunks
from tests import fitted_model as fitted
from tests.api.test_learned import write_root

from .conftest import Baler, as_json

BOUNDS = [part for glob, spec in fitted.BOUNDS.items() for part in ("-b", f"{glob}={spec}")]
NAME = fitted.model().sha256


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ROOT file of events, the last of which drifted."""
    path = tmp_path_factory.mktemp("models") / "events.root"
    return write_root(path, join_chunks([fitted.events(300, k, drifted=k == 2) for k in (1, 2)]))


@pytest.fixture(scope="module")
def model(original: Path) -> Path:
    """Return the file of a model."""
    path = original.with_name("jets.model")
    path.write_bytes(fitted.model().pack())
    return path


@pytest.fixture
def referring(original: Path, model: Path, tmp_path: Path, baler: Baler) -> Path:
    """Return a file that refers to its model."""
    path = tmp_path / "referring.baler"
    options = [*BOUNDS, "--model", model, "--reference-model", "--chunk-size", "23 kB", "-q"]
    baler("compress", original, path, *options)
    return path


def test_a_file_with_a_model(original: Path, model: Path, tmp_path: Path, baler: Baler) -> None:
    path = tmp_path / "events.baler"
    done = baler("compress", original, path, *BOUNDS, "--model", model, "--json")
    name, size = as_json(done)["model"], as_json(done)["model_bytes"]
    assert 0 < size <= model.stat().st_size
    assert f"{size} B of it are the model" in done.stderr
    assert "All" in baler("verify", original, path).stdout
    shown = baler("inspect", path).stdout
    assert f"{size} B of it are the model {name} (jets.model), which" in shown
    plain = tmp_path / "plain.baler"
    baler("compress", original, plain, *BOUNDS, "--model", "none", "-q")
    assert plain.stat().st_size > path.stat().st_size
    assert "are the model" not in baler("inspect", plain).stdout


def test_drift_is_shown(referring: Path, baler: Baler) -> None:
    shown = baler("inspect", referring, "--all").stdout
    assert f"kept elsewhere: the model {NAME} (jets.model), which codes" in shown
    assert "drift: 1 column with chunks that the model could not code" in shown
    rows = {line.split()[0]: line for line in shown.splitlines() if line}
    assert rows["Jet_pt"].endswith("1 of 3 chunks") or rows["Jet_pt"].endswith("2 of 3 chunks")
    assert not rows["Cand_phi"].endswith("chunks")
    found = as_json(baler("inspect", referring, "--json"))
    assert found["model"] == {"sha256": NAME, "name": "jets.model", "bytes": 0}


def test_a_missing_model_is_the_callers_fault(
    original: Path, model: Path, referring: Path, tmp_path: Path, baler: Baler
) -> None:
    back = tmp_path / "back.root"
    for command in (["verify", original, referring], ["decompress", referring, back]):
        said = baler(*command, code=2).stderr
        assert f"needs the model {NAME} (jets.model), which is kept elsewhere" in said
        assert "--model FILE" in said
        other = tmp_path / "other.model"
        other.write_bytes(fitted.model(another=1).pack())
        said = baler(*command, "--model", other, code=2).stderr
        assert f"the file needs the model {NAME}, the one given is " in said
        assert baler(*command, "--model", original, code=1).stderr.startswith("Error: not a model")
        baler(*command, "--model", model, "-q")
    assert back.exists()


def test_a_reference_needs_a_model(original: Path, tmp_path: Path, baler: Baler) -> None:
    target = tmp_path / "x.baler"
    said = baler("compress", original, target, "--reference-model", "--model", "none", code=2)
    assert "there is no model to refer to" in said.stderr
    said = baler("compress", original, target, "--model", tmp_path / "gone.model", code=2)
    assert "gone.model: No such file" in said.stderr
