"""All families on small data, and what bad data do to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baler.errors import UsageError
from baler.latent.model import LatentModel
from baler.training.families import families, family, train_family

TABLES = [info.name for info in families().values() if info.kind != "grid"]
GRIDS = [info.name for info in families().values() if info.kind == "grid"]


def relative(values: Any, back: Any) -> Any:
    """Root mean square error of each column over its deviation."""
    found = {}
    for name, x in values.items():
        apart = back[name].astype(float) - x
        if name == "Jet_phi":
            apart = np.remainder(apart + np.pi, 2 * np.pi) - np.pi
        found[name] = float(np.sqrt((apart**2).mean()) / (x.std() or 1))
    return found


@pytest.mark.parametrize("name", TABLES)
def test_every_family_of_rows_learns_and_comes_back_from_its_bytes(name: str, jets: Any) -> None:
    columns, counts = jets
    trained = train_family(name, columns, latent=5, counts=counts, steps=160)
    latents = trained.encode(columns, counts)
    back = trained.decode(latents, counts)
    assert {n: b.dtype for n, b in back.items()} == {n: x.dtype for n, x in columns.items()}
    errors = relative(columns, back)
    assert errors["Jet_pt"] < 0.9
    assert np.mean(list(errors.values())) < 0.75
    assert errors["Jet_one"] < 0.2
    assert 0 < trained.rate(latents) < 8 * sum(x.size for x in latents)
    model = LatentModel.unpack(trained.model.pack_all())
    again, _ = model.decode(latents, model.layout(columns["Jet_pt"].size, counts), 0)
    assert all((a == back[n]).all() for n, a in zip(model.columns, again, strict=True))


def test_the_same_seed_gives_the_same_model(jets: Any) -> None:
    columns, _ = jets
    first, second = (train_family("dense", columns, latent=2, steps=20, seed=3) for _ in range(2))
    assert first.model.sha256 == second.model.sha256


def test_rows_may_be_an_array(jets: Any) -> None:
    columns, _ = jets
    rows = np.stack([columns["Jet_pt"], columns["Jet_eta"]], 1)
    trained = train_family("dense", rows, latent=2, steps=100)
    latents = trained.encode(rows)
    assert set(trained.decode(latents)) == {"0", "1"}
    with pytest.raises(UsageError, match="not rows of 2 columns"):
        trained.encode(rows[:, :1])


def test_coarser_latents_take_as_many_bits_as_asked(jets: Any) -> None:
    columns, _ = jets
    trained = train_family("dense", columns, latent=3, steps=100)
    for bits in (6, 4):
        there = trained.at(bits, columns)
        latents = there.encode(columns)
        assert 0.6 * bits < 8 * there.rate(latents) / latents[0].size <= bits


def test_values_that_are_not_finite_are_counted_and_poison_nothing(jets: Any) -> None:
    columns, _ = jets
    bad = {name: x.copy() for name, x in columns.items()}
    bad["Jet_eta"][::7] = np.nan
    bad["Jet_mass"][5] = np.inf
    trained = train_family("dense", bad, latent=4, steps=250)
    assert trained.unseen == len(range(0, bad["Jet_eta"].size, 7)) + 1
    back = trained.decode(trained.encode(columns))
    assert relative(columns, back)["Jet_pt"] < 0.8


def test_a_column_of_nothing_but_nan_is_left_alone(jets: Any) -> None:
    columns, _ = jets
    columns = {**columns, "Jet_none": np.full(columns["Jet_pt"].size, np.nan, "<f4")}
    trained = train_family("dense", columns, latent=4, steps=50)
    assert np.isfinite(trained.decode(trained.encode(columns))["Jet_none"]).all()


def test_ranges_are_those_of_the_training(jets: Any) -> None:
    columns, _ = jets
    trained = train_family("dense", columns, latent=4, steps=100)
    whole = trained.decode(trained.encode(columns))
    some = {name: x[:40] for name, x in columns.items()}
    part = trained.decode(trained.encode(some))
    assert all((part[name] == whole[name][:40]).all() for name in columns)


def test_data_that_do_not_fit_are_refused(jets: Any) -> None:
    columns, counts = jets
    trained = train_family("dense", columns, latent=2, steps=5)
    with pytest.raises(UsageError, match="no column 'Jet_mass'"):
        trained.encode({n: x for n, x in columns.items() if n != "Jet_mass"})
    with pytest.raises(UsageError, match="dtypes than float64"):
        trained.encode({**columns, "Jet_pt": columns["Jet_pt"].astype("<f8")})
    with pytest.raises(UsageError, match="no family 'dens'; near names: 'dense'"):
        family("dens")
    with pytest.raises(UsageError, match="not on grids"):
        train_family("dense", {"u": np.zeros((4, 6, 6))}, latent=2, steps=5)
    assert counts.sum() == columns["Jet_pt"].size


def test_families_are_described_in_one_line_each() -> None:
    guide = (Path(__file__).parents[3] / "docs/guide/autoencoders.md").read_text()
    for name, info in families().items():
        assert info.name == name
        assert f"`{name}`" in guide
        assert info.kind in ("table", "events", "grid")
        assert 10 < len(info.line) < 80


@pytest.fixture(scope="module")
def waves() -> Any:
    """Frames of 13 by 10 cells of two fields that wander."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:13, 0:10] / 10
    phase = np.cumsum(random.normal(0, 0.2, 60))[:, None, None]
    u = np.sin(3 * x + 2 * y + phase) + 0.02 * random.normal(size=(60, 13, 10))
    return {"u": u.astype("<f4"), "v": (0.5 * u + 0.01 * random.normal(size=u.shape))}


@pytest.mark.parametrize("block", [None, (1, 7, 5), (4, 13, 3), (1, 16, 11)])
@pytest.mark.parametrize("name", GRIDS)
def test_every_family_of_grids_takes_blocks_of_any_shape(name: str, block: Any, waves: Any) -> None:
    trained = train_family(name, waves, latent=4, steps=100, block=block)
    latents = trained.encode(waves)
    back = trained.decode(latents)
    assert back["u"].dtype == np.float32
    assert back["v"].size >= waves["v"].size
    assert trained.decode(latents, entries=60)["v"].size == waves["v"].size
    apart = back["u"][: waves["u"].size] - waves["u"].reshape(-1)
    assert np.sqrt((apart**2).mean()) < 0.9 * waves["u"].std()
    model = LatentModel.unpack(trained.model.pack_all())
    again, _ = model.decode(latents, model.layout(60, None), 60)
    assert (again[0] == back["u"][: waves["u"].size]).all()


@pytest.mark.parametrize("name", GRIDS)
def test_blocks_may_be_a_cell_and_frames_a_line_or_a_cube(name: str, waves: Any) -> None:
    line, cube = waves["v"][:, 0, :], waves["v"][:48].reshape(-1, 4, 13, 10)
    given = ((line, None), (line, (3, 4)), (cube, None), (cube, (1, 1, 1, 5)), (line, (1, 1)),
             (line, (70, 2)))  # fmt: skip
    for field, block in given:
        trained = train_family(name, {"v": field}, latent=2, steps=2, block=block)
        latents = trained.encode({"v": field})
        assert trained.decode(latents, entries=len(field))["v"].size == field.size
        assert trained.model.notes["steps"] == 2


def test_blocks_that_a_family_cannot_take_are_refused(waves: Any) -> None:
    def refused(what: str, block: Any = None, name: str = "conv", data: Any = waves) -> None:
        with pytest.raises(UsageError, match=what):
            train_family(name, data, latent=2, steps=1, block=block)

    refused("cannot be cut into", (13, 10))
    refused("a grid has frames of .* and blocks of", (1, 2, 0))
    refused("the family 'conv' cannot take these data: .* channels", (1, 512, 512))
    refused("cannot take these data: .* 1 to 3 axes", (2,) * 4, data={"u": np.zeros((9, 4, 4, 4))})
    refused("'v' has the shape", data={**waves, "v": waves["v"].reshape(60, 10, 13)})
    refused("'v' has 650 values", data={**waves, "v": waves["v"][:5]})
    refused("the data have no values", data={"u": np.zeros((0, 4, 4))})
    trained = train_family("dense-field", waves, latent=2, steps=1)
    with pytest.raises(UsageError, match=r"'u' has the shape \(60, 10, 13\), not frames of"):
        trained.encode({name: x.reshape(60, 10, 13) for name, x in waves.items()})


@pytest.mark.parametrize("name", GRIDS)
def test_cells_that_are_not_finite_are_left_out_of_a_grid(name: str, waves: Any) -> None:
    u = waves["u"].copy()
    u[:, 2:4, 5] = np.nan
    u[3, 0, 0] = np.inf
    trained = train_family(name, {"u": u}, latent=3, steps=30)
    assert trained.unseen == 121
    back = trained.decode(trained.encode({"u": u}), entries=60)["u"]
    assert np.isfinite(back).all()
    apart = (back - waves["u"].reshape(-1))[np.isfinite(u.reshape(-1))]
    assert np.sqrt((apart**2).mean()) < 1.1 * waves["u"].std()


def test_more_latents_are_not_worse_at_a_rate(waves: Any) -> None:
    errors = []
    for latent in (1, 8):
        trained = train_family("conv-rated", waves, latent=latent, steps=150, block=(1, 13, 10))
        back = trained.decode(trained.encode(waves))
        apart = back["u"] - waves["u"].reshape(-1)
        errors.append(np.sqrt((apart**2).mean()) / waves["u"].std())
    assert errors[1] < errors[0] < 0.5


@pytest.mark.parametrize("name", ["variational", "events", "graph", "lattice", "dropout"])
def test_bad_values_poison_no_family(name: str, jets: Any) -> None:
    columns, counts = jets
    bad = {n: x.copy() for n, x in columns.items()}
    bad["Jet_phi"][::5] = np.nan
    bad["Jet_mass"][1::5] = -np.inf
    bad["Jet_mass"][0] = 0.0
    trained = train_family(name, bad, latent=4, counts=counts, steps=60)
    assert trained.unseen >= (bad["Jet_pt"].size // 5) * 2
    back = trained.decode(trained.encode(bad, counts), counts)
    assert all(np.isfinite(x).all() for x in back.values())
    assert relative(columns, back)["Jet_eta"] < 1


@pytest.mark.parametrize("name", ["events", "graph", "lattice"])
def test_events_may_have_more_objects_than_any_in_the_training(name: str, jets: Any) -> None:
    columns, counts = jets
    trained = train_family(name, columns, latent=3, counts=counts, steps=20)
    size = columns["Jet_pt"].size
    many = np.array([0, size - 1, 1, 0])
    latents = trained.encode(columns, many)
    back = trained.decode(latents, many)
    assert all(x.size == size and np.isfinite(x).all() for x in back.values())
    huge = {n: np.resize(x, 5000) for n, x in columns.items()}
    for counts in (np.array([5000]), np.array([2, 3])):
        with pytest.raises(UsageError, match=r"an event has 5000 objects|counts sum to 5"):
            trained.encode(huge, counts)
        with pytest.raises(UsageError, match=r"an event has 5000 objects|counts sum to 5"):
            train_family(name, huge, latent=3, counts=counts, steps=1)


def test_an_autoencoder_has_latents(jets: Any) -> None:
    with pytest.raises(UsageError, match="at least one latent"):
        train_family("dense", jets[0], latent=0, steps=1)


def test_training_is_kept_where_prices_rise_and_losses_with_them(jets: Any) -> None:
    columns, _ = jets
    trained = train_family("variational", columns, latent=3, steps=400)
    back = trained.decode(trained.encode(columns))
    assert np.mean(list(relative(columns, back).values())) < 0.1
