"""Files compressed with latent models, from path to path."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import baler
from baler.api.latents import Rate, first_that
from baler.errors import MissingModel, UsageError
from baler.latent.model import FINEST, Kind, LatentModel
from tests.latent import fitted


@pytest.fixture
def field(tmp_path: Path) -> Path:
    """Return a file of frames of two fields."""
    path = tmp_path / "field.npz"
    columns = fitted.frames(50, 1).columns
    np.savez(path, u=columns["u"].reshape(50, 6, 8), v=columns["v"].reshape(50, 6, 8))
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return the file of a model of such fields."""
    path = tmp_path / "field.balermodel"
    path.write_bytes(fitted.grid_model().pack_all())
    return path


def test_a_rate_sets_what_latents_take(field: Path, model: Path, tmp_path: Path) -> None:
    sizes = []
    for ratio in (20, 60):
        packed = tmp_path / "a.baler"
        done = baler.compress(
            field, packed, model=model, ratio=ratio, reference_model=True, overwrite=True
        )
        sizes.append(done.file_bytes)
        found = baler.verify(field, packed, model=model)
        assert found.ok
        assert [column.bound for column in found.columns] == ["model", "model"]
        assert 0 < found.columns[0].mean_error < found.columns[0].largest_error
    assert sizes[1] < sizes[0]
    bits = baler.compress(field, packed, model=model, latent_bits=3, overwrite=True)
    assert bits.model_bytes == len(fitted.grid_model().pack())


def test_bounds_are_kept_with_a_rate_too(field: Path, model: Path, tmp_path: Path) -> None:
    packed = tmp_path / "a.baler"
    baler.compress(field, packed, model=model, ratio=20, bounds={"u": "abs 1e-3"})
    with baler.open(packed) as file:
        u = file["u"].array(library="np")
    assert np.abs(u - np.load(field)["u"]).max() <= 1e-3


def test_a_model_that_does_not_pay_for_itself_is_left_out(
    field: Path, model: Path, tmp_path: Path
) -> None:
    with np.load(field) as arrays:
        np.savez(tmp_path / "few.npz", **{name: x[:4] for name, x in arrays.items()})
    done = baler.compress(
        tmp_path / "few.npz", tmp_path / "a.baler", model=model, bounds={"*": "abs 1e-3"}
    )
    assert not done.model
    assert "left out" in done.notes[0]
    by_reference = baler.compress(
        field, tmp_path / "b.baler", model=model, bounds={"*": "abs 1e-3"}, reference_model=True
    )
    assert by_reference.model == fitted.grid_model().sha256
    with pytest.raises(MissingModel):
        baler.decompress(tmp_path / "b.baler", tmp_path / "back.npz")
    baler.decompress(tmp_path / "b.baler", tmp_path / "back.npz", model=model)
    inspection = baler.inspect(tmp_path / "b.baler")
    assert inspection.columns[0].learned_chunks == 1


def test_rates_that_make_no_sense_are_refused(field: Path, model: Path, tmp_path: Path) -> None:
    target = tmp_path / "a.baler"
    with pytest.raises(UsageError, match="not both"):
        baler.compress(field, target, model=model, ratio=20, latent_bits=3)
    with pytest.raises(UsageError, match="positive"):
        baler.compress(field, target, model=model, ratio=-1)
    with pytest.raises(UsageError, match="only a latent model"):
        baler.compress(field, target, ratio=20)
    with pytest.raises(UsageError, match="every column of the model has a bound"):
        baler.compress(field, target, model=model, ratio=20, bounds={"*": "abs 1e-3"})
    bare = LatentModel.unpack(fitted.grid_model().pack())
    with pytest.raises(UsageError, match="only decodes"):
        baler.compress(field, target, model=bare, ratio=20)
    with pytest.raises(UsageError, match="made for other columns: there is no 'Jet_a'"):
        baler.compress(field, target, model=fitted.model(kind=Kind.TABLE), ratio=20)
    assert not target.exists()


def test_the_finest_latents_that_fit_are_found() -> None:
    assert first_that(lambda coarse: coarse >= FINEST) == FINEST
    assert first_that(lambda _: True) == 1
    assert first_that(lambda _: False) > 1 << 19
    assert not Rate().fixed
