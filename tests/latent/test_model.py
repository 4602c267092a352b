"""Latent models, their bytes, and how columns and grids pass through them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.errors import BalerError, Corrupt, NotABalerFile, TooNew
from baler.latent.arithmetic import LIMIT, ONE
from baler.latent.blocks import Blocks
from baler.latent.latents import pack_latents, unpack_latents
from baler.latent.model import Kind, LatentModel
from baler.latent.network import Network
from baler.latent.nodes import Dense, Input
from baler.latent.rows import Layout, Level
from baler.latent.views import Scale, View

from . import networks

PT = View("Jet_pt", np.dtype("<f4"), Scale.LOG, 4.0, 0.5)
PHI = View("Jet_phi", np.dtype("<f4"), Scale.ANGLE, 0.0, 1.0, 2 * math.pi)
N = View("Jet_n", np.dtype("|u1"), Scale.LINEAR, 20.0, 10.0)
DXY = View("Jet_dxy", np.dtype("<f8"), Scale.ASINH, 0.0, 2.0, 1e-3)


def identity(channels: Any) -> Any:
    weights = (np.eye(channels) * (1 << 12)).astype(np.int16)
    made = (
        Input((), Level.OBJECT, (channels,)),
        Dense((0,), weights, np.zeros(channels, np.int64), 12),
    )
    return Network(made, (1,))


def model(
    views: Any = (PT, PHI, N), kind: Any = Kind.TABLE, step: Any = 16, encoder: Any = True
) -> Any:
    channels = sum(view.channels for view in views)
    network = identity(channels)
    steps = (np.full(channels, step, np.int64),)
    return LatentModel(
        kind, "nJet", tuple(views), network, steps, None, network if encoder else None,
        {"family": "identity"},
    )  # fmt: skip


def columns(random: Any, size: Any = 500) -> Any:
    return [
        random.lognormal(4, 0.5, size).astype("<f4"),
        random.uniform(-math.pi, math.pi, size).astype("<f4"),
        random.integers(0, 60, size).astype("|u1"),
    ]


def test_what_an_identity_encodes_comes_back_as_finely_as_its_steps() -> None:
    values = columns(np.random.default_rng(0))
    made, layout = model(), Layout.table(500)
    latents = made.encode(values, layout)
    back, classes = made.decode(latents, layout, 500)
    assert classes is None
    assert [b.dtype for b in back] == [v.dtype for v in values]
    assert np.abs(np.log(back[0] / values[0])).max() < 0.5 * 9 / ONE
    assert np.abs(back[1] - values[1]).max() < 2e-3
    assert (back[2] == values[2]).all()


def test_coarser_latents_are_fewer_and_worse() -> None:
    values, made, layout = columns(np.random.default_rng(0)), model(), Layout.table(500)
    sizes, errors = [], []
    for coarse in (256, 1024, 8192):
        latents = made.encode(values, layout, coarse)
        back, _ = made.decode(latents, layout, 500, coarse)
        sizes.append(len(pack_latents(latents, coarse)))
        errors.append(float(np.abs(back[0] - values[0]).max()))
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)


def test_values_that_a_network_cannot_see_do_no_harm_to_others() -> None:
    values = columns(np.random.default_rng(0))
    made, layout = model(), Layout.table(500)
    clean, _ = made.decode(made.encode(values, layout), layout, 500)
    values[0][:3] = np.nan, np.inf, -5.0
    dirty, _ = made.decode(made.encode(values, layout), layout, 500)
    assert np.isfinite(dirty[0]).all()
    assert all((a[3:] == b[3:]).all() for a, b in zip(clean, dirty, strict=True))


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from([PT, PHI, N, DXY]),
    st.lists(st.tuples(st.integers(-LIMIT, LIMIT), st.integers(-LIMIT, LIMIT)), max_size=20),
)
def test_every_number_is_a_finite_value(view: Any, numbers: Any) -> None:
    array = np.array(numbers, float).reshape(-1, 2)[:, : view.channels]
    values = view.values(array)
    assert values.dtype == view.dtype
    assert values.shape == (len(numbers),)
    assert np.isfinite(values.astype(float)).all()


def test_numbers_beyond_a_dtype_become_its_ends() -> None:
    wide = View("x", np.dtype("<f4"), Scale.LOG, 80.0, 10.0)
    assert wide.values(np.array([[float(LIMIT)]]))[0] == np.finfo(np.float32).max
    assert N.values(np.array([[float(LIMIT)], [-float(LIMIT)]])).tolist() == [255, 0]


def test_a_model_comes_back_from_its_bytes_with_and_without_its_encoder() -> None:
    made = model()
    back = LatentModel.unpack(made.pack_all())
    assert back.pack() == made.pack()
    assert back.sha256 == made.sha256
    assert back.views == made.views
    assert back.notes == {"family": "identity"}
    assert back.encoder is not None
    bare = LatentModel.unpack(made.pack())
    assert bare.encoder is None
    assert bare.sha256 == made.sha256


def test_damaged_models_end_in_errors_of_ours() -> None:
    data = model().pack_all()
    size = len(model().pack())
    for end in range(len(data)):
        if end == size:
            continue  # a model without its encoder
        with pytest.raises(BalerError):
            LatentModel.unpack(data[:end])
    for at in range(8 * len(data)):
        bad = bytearray(data)
        bad[at // 8] ^= 1 << at % 8
        with pytest.raises(BalerError):
            LatentModel.unpack(bytes(bad))
    with pytest.raises(BalerError):
        LatentModel.unpack(data + b"\0")


def test_models_say_what_is_wrong_with_their_head() -> None:
    data = bytearray(model().pack_all())
    with pytest.raises(NotABalerFile, match="not a model"):
        LatentModel.unpack(b"PK" + data[2:])
    data[8] = 2
    with pytest.raises(TooNew, match="version 2; this reader knows up to 1"):
        LatentModel.unpack(bytes(data))
    data[8] = 0
    with pytest.raises(Corrupt, match="version 0"):
        LatentModel.unpack(bytes(data))


def test_parts_that_do_not_fit_each_other_are_no_model() -> None:
    three = identity(3)
    steps = (np.full(4, 16),)
    with pytest.raises(Corrupt, match="numbers of shape"):
        LatentModel(Kind.TABLE, "", (PT, PHI, N), three, (np.full(3, 16),))
    with pytest.raises(Corrupt, match="steps in their range"):
        LatentModel(Kind.TABLE, "", (PT, PHI, N), identity(4), (np.zeros(4, np.int64),))
    with pytest.raises(Corrupt, match="a step for each latent"):
        LatentModel(Kind.TABLE, "", (PT, PHI, N), identity(4), (np.full(3, 16),))
    with pytest.raises(Corrupt, match="distinct columns"):
        LatentModel(Kind.TABLE, "", (PT, PHI, PT), identity(4), steps)
    with pytest.raises(Corrupt, match="blocks for grids only"):
        LatentModel(Kind.GRID, "", (PT, PHI, N), identity(4), steps)
    with pytest.raises(Corrupt, match="an encoder"):
        LatentModel(Kind.TABLE, "", (PT, PHI, N), identity(4), steps, None, three)
    network = networks.events(np.random.default_rng(0))
    views = tuple(View(str(i), np.dtype("<f4"), Scale.LINEAR, 0.0, 1.0) for i in range(4))
    with pytest.raises(Corrupt, match="no events in a table"):
        LatentModel(Kind.TABLE, "", views, network, (np.full(4, 1), np.full(2, 1)))
    with pytest.raises(Corrupt, match="bad parameters"):
        View("x", np.dtype("<f4"), Scale.LINEAR, 0.0, 0.0)
    with pytest.raises(Corrupt, match="coarseness"):
        model().units(0)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(1, 7), min_size=1, max_size=3),
    st.data(),
    st.integers(0, 9),
    st.integers(1, 3),
)
def test_a_grid_comes_back_from_its_blocks(
    frame: Any, data: Any, entries: Any, channels: Any
) -> None:
    block = data.draw(st.tuples(*[st.integers(1, 8)] * (len(frame) + 1)))
    blocks = Blocks(tuple(frame), block)
    values = np.arange(entries * blocks.width * channels).reshape(-1, channels)
    cut = blocks.cut(values)
    assert cut.shape == (blocks.rows(entries), *blocks.shape, channels)
    assert (blocks.join(cut, entries) == values).all()


def test_blocks_are_refused_that_do_not_fit_their_frame() -> None:
    with pytest.raises(Corrupt, match="cannot be cut"):
        Blocks((4, 4), (2, 2))
    with pytest.raises(Corrupt, match="blocks of"):
        Blocks((4, 4), (0, 2, 2))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 30), st.integers(1, 4), st.integers(1, 1 << 20), st.integers(0, 2**32))
def test_latents_come_back(rows: Any, channels: Any, coarse: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    latents = [
        random.integers(-LIMIT, LIMIT, (rows, channels)).astype(np.int32),
        random.integers(-3, 3, (rows, 2, channels)).astype(np.int32),
    ]
    data = pack_latents(latents, coarse)
    back, found = unpack_latents(data, [x.shape for x in latents])
    assert found == coarse
    assert all((a == b).all() for a, b in zip(latents, back, strict=True))
    for end in range(0, len(data), 7):
        with pytest.raises(BalerError):
            unpack_latents(data[:end], [x.shape for x in latents])
