"""Small tables whose columns and objects say something about each other, and their networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.core.chunk import Chunk
from baler.core.schema import Column, Field, Leaf, List, Schema
from baler.planning import Policy, plan
from baler.training.design import Design, design
from baler.training.learning import Learned, columns_of, learn
from baler.training.measure import Plain, columns_read, without_model
from baler.training.sample import Sample
from baler.training.settings import Settings

Array = npt.NDArray[Any]
Columns = Mapping[str, Array]

EVENTS = 2000
MANY = 1e6
"""Times that a model is used: its size does not matter."""
QUICK = Settings(uses=MANY, steps=250, hidden=32, shapes=2, device="cpu")


def table(columns: Columns) -> tuple[Schema, Chunk]:
    """Return a table; columns named like ``Jet_pt`` have counts ``nJet`` if these are there."""

    def counted(name: str) -> str | None:
        of = "n" + name.split("_")[0]
        return of if of in columns and "_" in name else None

    known = tuple(Column(name, array.dtype, counted(name)) for name, array in columns.items())
    fields = tuple(
        Field(c.name, Leaf(c.name) if c.counts is None else List(c.counts, Leaf(c.name)))
        for c in known
    )
    (entries,) = {columns[column.name].size for column in known if column.counts is None}
    return Schema(known, fields), Chunk(entries, dict(columns))


def pair(seed: int = 0, size: int = EVENTS, noise: float = 0.05) -> Columns:
    """Return two columns that nearly say the same, and a third that says nothing."""
    random = np.random.default_rng(seed)
    x = random.normal(size=size)
    return {
        "x": x.astype(np.float32),
        "y": (x + noise * random.normal(size=size)).astype(np.float32),
        "z": random.normal(size=size).astype(np.float32),
    }


def family(seed: int = 0, size: int = 700, children: tuple[int, int] = (1, 4)) -> Columns:
    """Return jets, and their constituents around them; pt falls."""
    random = np.random.default_rng(seed)
    jets = random.integers(1, 4, size).astype(np.int32)
    eta, phi = random.normal(0, 2, jets.sum()), random.uniform(-np.pi, np.pi, jets.sum())
    per_jet = random.integers(*children, jets.sum())
    jet_of = np.repeat(np.arange(jets.sum()), per_jet)
    first = np.repeat(np.cumsum(jets) - jets, jets)
    constituents = np.bincount(np.repeat(np.arange(size), jets), per_jet, size).astype(np.int32)
    turned = phi[jet_of] + random.normal(0, 0.1, jet_of.size)
    pt = random.exponential(20, jet_of.size)
    pt = pt[np.lexsort((-pt, np.repeat(np.arange(size), constituents)))]
    return {
        "nJet": jets,
        "nPF": constituents,
        "Jet_eta": eta.astype(np.float32),
        "Jet_phi": phi.astype(np.float32),
        "PF_jetIdx": (jet_of - first[jet_of]).astype(np.int16),
        "PF_eta": (eta[jet_of] + random.normal(0, 0.1, jet_of.size)).astype(np.float32),
        "PF_phi": ((turned + np.pi) % (2 * np.pi) - np.pi).astype(np.float32),
        "PF_pt": pt.astype(np.float32),
    }


def crowd() -> Columns:
    """Return jets that are the sums of many constituents."""
    columns = dict(family(size=400, children=(6, 9)))
    first = np.cumsum(columns["nJet"]) - columns["nJet"]
    jet = np.repeat(first, columns["nPF"]) + columns["PF_jetIdx"]
    pt, eta, phi = (columns[f"PF_{name}"].astype(np.float64) for name in ("pt", "eta", "phi"))
    x, y, z = (np.bincount(jet, pt * part) for part in (np.cos(phi), np.sin(phi), np.sinh(eta)))
    columns["Jet_pt"] = np.hypot(x, y).astype(np.float32)
    columns["Jet_eta"] = np.arcsinh(z / np.hypot(x, y)).astype(np.float32)
    columns["Jet_phi"] = np.arctan2(y, x).astype(np.float32)
    return columns


@dataclass(frozen=True, slots=True)
class Trained:
    """Networks, and all that they were made of."""

    sample: Sample
    design: Design
    plain: Plain
    learned: list[Learned]

    def column(self, name: str) -> tuple[float, float]:
        """Return bits per object of a column: without a model, and with it."""
        for part, found in zip(self.design.collections, self.learned, strict=True):
            names = columns_of(self.design, part)
            if name in names:
                j = names.index(name)
                return float(found.marginal[j]), float(found.coded[j])
        raise KeyError(name)


def trained(
    columns: Columns,
    bounds: Mapping[str, str] | None = None,
    wanted: set[str] | None = None,
    settings: Settings = QUICK,
) -> Trained:
    """Return networks that were trained on a table."""
    schema, chunk = table(columns)
    policy = Policy.of(bounds or {})
    sample = Sample.of(schema, [chunk], chunk.entries)
    made = design(schema, sample.trained, policy, wanted)
    recipe = plan(schema, sample.held_out, policy)
    plain = without_model(schema, recipe, sample.held_out, columns_read(made))
    return Trained(sample, made, plain, learn(sample, made, plain, settings))
