"""Latent models that are fitted in no time: principal components instead of training."""

from __future__ import annotations

from typing import Any

import numpy as np

from baler.core.chunk import Chunk
from baler.core.schema import Column, Field, Fixed, Leaf, List, Schema
from baler.latent.blocks import Blocks
from baler.latent.model import Kind, LatentModel
from baler.latent.network import Network
from baler.latent.nodes import Add, Dense, Input, Pool, Reshape, Spread
from baler.latent.rows import Level
from baler.latent.views import Scale, View

F4, F8, I4, U1 = (np.dtype(name) for name in ("<f4", "<f8", "<i4", "|u1"))
NAMES = ("Jet_a", "Jet_b", "Jet_c", "Jet_d", "Jet_n")

SCHEMA = Schema(
    (
        Column("run", I4),
        Column("nJet", I4),
        *(Column(name, F4, "nJet") for name in NAMES[:3]),
        Column("Jet_d", F8, "nJet"),
        Column("Jet_n", U1, "nJet"),
        Column("Jet_aErr", F4, "nJet"),
        Column("met", F4),
    ),
    (
        Field("run", Leaf("run")),
        *(Field(name, List("nJet", Leaf(name))) for name in (*NAMES, "Jet_aErr")),
        Field("met", Leaf("met")),
    ),
)
BOUNDS = {"Jet_a": "abs 1e-3", "Jet_b": "rel 2^-11", "Jet_c": "sigma 0.1 Jet_aErr"}


def events(size: int, seed: int, most: int = 6) -> Chunk:
    """Return events whose jets have columns that are all about two numbers."""
    random = np.random.default_rng(seed)
    counts = random.integers(0, most, size).astype(I4)
    jets = int(counts.sum())
    two = random.normal(size=(jets, 2))
    noise = 0.01 * random.normal(size=(jets, 4))
    columns = {
        "run": np.full(size, 7, I4),
        "nJet": counts,
        "Jet_a": (two[:, 0] + noise[:, 0]).astype(F4),
        "Jet_b": np.exp(two[:, 1] + 0.3 * two[:, 0] + noise[:, 1]).astype(F4),
        "Jet_c": (two[:, 0] - two[:, 1] + noise[:, 2]).astype(F4),
        "Jet_d": two[:, 1] + noise[:, 3],
        "Jet_n": np.clip(np.rint(40 + 10 * two[:, 0]), 0, 255).astype(U1),
        "Jet_aErr": np.full(jets, 0.05, F4) + random.integers(0, 3, jets).astype(F4),
        "met": random.normal(size=size).astype(F4),
    }
    if jets > 3:
        columns["Jet_a"][:3] = np.nan, -np.inf, 0.0
        columns["Jet_d"][1] = -0.0
    return Chunk(size, columns)


VIEWS = (
    View("Jet_a", F4, Scale.LINEAR, 0.0, 1.0),
    View("Jet_b", F4, Scale.LOG, 0.0, 1.0),
    View("Jet_c", F4, Scale.LINEAR, 0.0, 1.4),
    View("Jet_d", F8, Scale.LINEAR, 0.0, 1.0),
    View("Jet_n", U1, Scale.LINEAR, 40.0, 10.0),
)


def _matrix(weights: Any, inputs: int) -> Dense:
    whole = np.clip(np.rint(np.asarray(weights) * 4096), -32767, 32767).astype(np.int16)
    return Dense((inputs,), whole, np.zeros(len(whole), np.int64), 12)


def model(*, kind: Kind = Kind.EVENTS, classes: bool = False, step: int = 160) -> LatentModel:
    """Return a model of two latents; of events, another one holds what an event has in common."""
    chunk = events(500, 99)
    x = np.concatenate([view.real(chunk.columns[view.column])[0] for view in VIEWS], 1)
    basis = np.linalg.svd(x, full_matrices=False)[2][:2]  # (2, columns)
    channels = len(VIEWS)
    there = [Input((), Level.OBJECT, (channels,)), _matrix(basis, 0)]
    back: list[Any] = [Input((), Level.OBJECT, (2,)), _matrix(basis.T, 0)]
    steps = [np.full(2, step, np.int64)]
    outputs, ends = (1,), (1,)
    if kind is Kind.EVENTS:
        there += [Pool((0,)), _matrix(np.full((1, channels), 0.2), 2)]
        outputs = (1, 3)
        back += [Input((), Level.EVENT, (1,)), _matrix(np.zeros((channels, 1)), 2), Spread((3,))]
        back += [Add((1, 4))]
        ends = (5,)
        steps.append(np.full(1, 4096, np.int64))
    if classes:
        back.append(_matrix(np.ones((channels, 2)), 0))
        ends = (*ends, len(back) - 1)
    return LatentModel(
        kind, "nJet", VIEWS, Network(tuple(back), ends), tuple(steps), None,
        Network(tuple(there), outputs), {"family": "principal components"},
    )  # fmt: skip


FRAME = (6, 8)
GRID = Schema(
    (Column("u", F4, None, 48), Column("v", F4, None, 48), Column("t", F8)),
    (
        Field("u", Fixed(6, Fixed(8, Leaf("u")))),
        Field("v", Fixed(6, Fixed(8, Leaf("v")))),
        Field("t", Leaf("t")),
    ),
)


def frames(entries: int, seed: int) -> Chunk:
    """Return frames of two fields that say the same but for their sign and a little noise.

    Both are sums of two tiles of 3 by 4 cells that repeat, and that have nothing smooth in them.
    """
    random = np.random.default_rng(seed)
    tiles = np.random.default_rng(0).uniform(-1, 1, (2, 3, 4))
    y, x = np.mgrid[0:6, 0:8]
    wave = np.tensordot(random.uniform(-1, 1, (entries, 2)), tiles[:, y % 3, x % 4], 1)
    noise = 0.001 * random.normal(size=(2, entries, *FRAME))
    u, v = (wave + noise[0]).astype(F4), (-wave + noise[1]).astype(F4)
    return Chunk(entries, {"u": u.reshape(-1), "v": v.reshape(-1), "t": np.arange(entries) / 10})


def grid_model() -> LatentModel:
    """Return a model of blocks of 3 by 4 cells of two frames, which are four latents."""
    views = tuple(View(name, F4, Scale.LINEAR, 0.0, 0.7) for name in "uv")
    blocks = Blocks(FRAME, (2, 3, 4))
    channels = [view.real(frames(40, 9).columns[view.column])[0] for view in views]
    x = blocks.cut(np.concatenate(channels, 1)).reshape(-1, 48)
    basis = np.linalg.svd(x, full_matrices=False)[2][:4]
    there = (Input((), Level.OBJECT, (2, 3, 4, 2)), Reshape((0,), (48,)), _matrix(basis, 1))
    back = (Input((), Level.OBJECT, (4,)), _matrix(basis.T, 0), Reshape((1,), (2, 3, 4, 2)))
    steps = (np.full(4, 200, np.int64),)
    networks = Network(back, (2,)), Network(there, (2,))
    return LatentModel(Kind.GRID, "", views, networks[0], steps, blocks, networks[1])
