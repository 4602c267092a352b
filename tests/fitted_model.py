"""Events, and a model that was fitted to them by hand: no weights, tables where the values are.

``events(entries, seed)`` has everything that files with learned columns can have: columns of events
with the counts among them, a collection with uncertainties, its children that point at it, columns
that no network knows, and copies. The model is good enough to win against other codecs on a few
hundred events, so that a reference kernel does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.core.chunk import Chunk
from baler.core.schema import Column, Field, Leaf, List, Schema
from baler.learned.axis import Axis, Feature, Kind
from baler.learned.model import Model
from baler.learned.network import (
    NODES,
    ODDS,
    TOP,
    Base,
    CollectionNet,
    ColumnNet,
    Source,
    collection_shapes,
    column_shapes,
    source_width,
)
from baler.quantise.lattice import Integers, Lattice, Scaled, Uniform, logarithmic

Array = npt.NDArray[Any]

F4, I4, U1, U4, I2 = (np.dtype(name) for name in ("<f4", "<i4", "|u1", "<u4", "<i2"))
COLUMNS = (
    Column("run", U4),
    Column("nJet", I4),
    Column("nCand", I4),
    Column("MET_pt", F4),
    Column("MET_copy", F4),
    Column("Jet_pt", F4, "nJet"),
    Column("Jet_ptErr", F4, "nJet"),
    Column("Jet_phi", F4, "nJet"),
    Column("Jet_id", U1, "nJet"),
    Column("Jet_d0", F4, "nJet"),
    Column("Jet_other", F4, "nJet"),
    Column("Cand_jetIdx", I2, "nCand"),
    Column("Cand_phi", F4, "nCand"),
    Column("Cand_charge", np.dtype("|i1"), "nCand"),
)
SCHEMA = Schema(
    COLUMNS,
    tuple(
        Field(c.name, Leaf(c.name) if c.counts is None else List(c.counts, Leaf(c.name)))
        for c in COLUMNS
    ),
)
BOUNDS = {
    "MET_*": "rel 2^-8",
    "Jet_pt": "rel 2^-8",
    "Jet_ptErr": "rel 0.05",
    "Jet_phi": "abs 0.001",
    "Jet_d0": "sigma 0.1 Jet_ptErr",
    "Cand_phi": "abs 0.001",
}
WIDTH = 32


def events(entries: int, seed: int = 0, *, jets: float = 2, drifted: bool = False) -> Chunk:
    """Return events with so many jets; drifted ones have other momenta."""
    rng = np.random.default_rng(seed)
    n_jet = rng.poisson(jets, entries).astype(I4)
    cands = (rng.poisson(3, entries) * (n_jet > 0)).astype(I4)
    n, m = int(n_jet.sum()), int(cands.sum())
    first = np.repeat(np.cumsum(n_jet) - n_jet, cands)
    index = (rng.integers(0, 255, m) % np.maximum(np.repeat(n_jet, cands), 1)).astype(I2)
    phi = rng.uniform(-3, 3, n)
    met = rng.lognormal(3, 0.5, entries).astype(F4)
    met[::9] = 0
    err = rng.lognormal(-1, 0.2, n).astype(F4)
    spread = 40.0 if drifted else 0.3
    pt = np.exp(rng.logistic(3.5, spread / 4, n))
    return Chunk(
        entries,
        {
            "run": np.repeat(np.arange(7, dtype=U4), -(-entries // 7))[:entries],
            "nJet": n_jet,
            "nCand": cands,
            "MET_pt": met,
            "MET_copy": met.copy(),
            "Jet_pt": np.clip(pt, 1e-30, 1e30).astype(F4),
            "Jet_ptErr": err,
            "Jet_phi": phi.astype(F4),
            "Jet_id": rng.choice([1, 2, 7], n, p=[0.9, 0.06, 0.04]).astype(U1),
            "Jet_d0": (err * rng.normal(0, 1, n)).astype(F4),
            "Jet_other": rng.exponential(1, n).astype(F4),
            "Cand_jetIdx": index,
            "Cand_phi": (phi[first + index] + rng.logistic(0, 0.004, m)).astype(F4),
            "Cand_charge": rng.choice([-1, 0, 1], m, p=[0.45, 0.1, 0.45]).astype("|i1"),
        },
    )


def _relative(fraction: float) -> Lattice:
    lattice = logarithmic(fraction, F4, dithered=False)
    assert lattice is not None
    return replace(lattice, lowest=-(1 << 16))  # far below the least value


LATTICES: dict[str, Lattice] = {
    "nJet": Integers(),
    "MET_pt": _relative(2.0**-8),
    "Jet_pt": _relative(2.0**-8),
    "Jet_ptErr": _relative(0.05),
    "Jet_phi": Uniform(0.00199),
    "Jet_id": Integers(),
    "Jet_d0": Scaled(0.199, np.empty(0), 3),
    "Cand_jetIdx": Integers(),
    "Cand_phi": Uniform(0.00199),
    "Cand_charge": Integers(),
}
"""Of the columns that the model knows; the parent of a scaled one is an axis."""
FEATURE = Feature(Kind.CLAMP, 0, 1 << 10, 8)


def model(sample: Chunk | None = None, **notes: Any) -> Model:
    """Return a model whose tables are placed where the values of a sample are."""
    values = (sample or events(400, seed=99)).columns
    axes = tuple(_axis(name, values) for name in LATTICES)
    places = {axis.column: at for at, axis in enumerate(axes)}
    met, jets = Source(places["MET_pt"]), places["Jet_phi"]
    return Model(
        axes,
        (
            _net(axes, "", "", (), (), values),
            _net(axes, "nJet", "", (met, Source(places["nJet"])), (), values),
            _net(axes, "nCand", "nJet", (met, Source(jets, 1)), (Source(jets),), values),
        ),
        _odds(),
        notes,
    )


def _axis(name: str, values: Mapping[str, Array]) -> Axis:
    column = next(column for column in COLUMNS if column.name == name)
    lattice = LATTICES[name]
    if isinstance(lattice, Scaled):
        lattice = Scaled(lattice.scale, values["Jet_ptErr"], lattice.parent)
    bits, counts = np.unique(values[name].view(f"u{column.dtype.itemsize}"), return_counts=True)
    frequent = bits[counts > values[name].size / 12][:9]
    if name == "Cand_jetIdx":
        frequent = np.array([-1], I2)
    axis = Axis(
        column=name,
        dtype=column.dtype,
        counts=column.counts or "",
        bound="",
        lattice=lattice,
        atoms=tuple(atom.tobytes() for atom in frequent),
        numeric=column.dtype != U1,
        signed=False,
        period=0,
        center=0,
        features=(FEATURE,),
    )
    classes, numbers = axis.split(values[name])
    on = numbers[classes == axis.on_lattice]
    stored = LATTICES[name]
    center = int(np.median(on)) if on.size else 0
    return replace(axis, lattice=stored, center=center)


def _net(
    axes: tuple[Axis, ...],
    counts: str,
    key: str,
    event_sources: tuple[Source, ...],
    parent_sources: tuple[Source, ...],
    values: Mapping[str, Array],
) -> CollectionNet:
    own = [at for at, axis in enumerate(axes) if axis.counts == counts]
    widths = (
        sum(source_width(axes[source.axis]) for source in sources)
        for sources in (event_sources, parent_sources)
    )
    shapes = collection_shapes(WIDTH, 1, *widths, len(own), has_key=bool(key))
    return CollectionNet(
        counts=counts,
        key=key,
        rectified=WIDTH,
        columns=tuple(_column(axes, at, values) for at in own),
        event_sources=event_sources,
        parent_sources=parent_sources,
        **{name: np.zeros(shape, np.int16) for name, shape in shapes.items()},
    )


def _column(axes: tuple[Axis, ...], at: int, values: Mapping[str, Array]) -> ColumnNet:
    axis = axes[at]
    seen = axis
    if isinstance(axis.lattice, Scaled):
        lattice = Scaled(axis.lattice.scale, values["Jet_ptErr"], axis.lattice.parent)
        seen = replace(axis, lattice=lattice)
    classes, numbers = seen.split(values[axis.column])
    from_parent = axis.column == "Cand_phi"
    on = numbers[classes == axis.on_lattice]
    spread = 2.2 if from_parent else max(0.3, float(np.std(on))) if on.size else 1.0
    scale = spread * math.sqrt(3) / math.pi
    left, offsets = classes.size, []
    for k in range(len(axis.atoms)):
        hits = int((classes == k).sum())
        offsets.append(round((math.log(hits + 0.5) - math.log(left - hits + 0.5)) * (1 << 18)))
        left -= hits
    if axis.numeric:
        offsets += [0, 0, 0]
    shapes = column_shapes(axis, WIDTH, int(axis.numeric))
    arrays = {name: np.zeros(shape, np.int16) for name, shape in shapes.items()}
    arrays["offsets"] = np.array(offsets, np.int32)
    arrays["tables"] = _tables()[: int(axis.numeric)]
    return ColumnNet(
        axis=at,
        base=Base.PARENT if from_parent else Base.CENTER,
        base_axis=[a.column for a in axes].index("Jet_phi") if from_parent else 0,
        unit=64,
        level=round(8 * (math.log2(scale) + 4)),
        **arrays,
    )


def _odds() -> npt.NDArray[np.uint16]:
    """Return frequencies of yes, for log odds in sixteenths."""
    chances = 1 / (1 + np.exp(-(np.arange(ODDS) - ODDS // 2) / 16))
    return np.clip(np.round(65536 * chances), 1, 65535).astype(np.uint16)


def _tables() -> npt.NDArray[np.uint16]:
    """Return a logistic distribution, in sixteenths of its scale."""
    shape = 1 / (1 + np.exp(-(np.arange(NODES) - 256) / 16))
    table = np.round(TOP * shape).astype(np.uint16)
    table[0], table[-2:] = 0, TOP
    return table[None]
