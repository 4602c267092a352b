"""How fast the kernels of learned columns are, beside zstd and xz on the same values.

Model and values are made up, of the size of a real case: jets in events, 12 columns that depend on
each other, on the event and on parents. Weights are random and small: they cost what trained ones
cost, but predict nothing. Speeds are MB (1e6 bytes) of column data, 4 bytes per value, per second
of one core; the best of several repetitions, which are interleaved.
"""

from __future__ import annotations

import lzma
import math
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
import record
import zstandard

from baler.learned import native, reference
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
)
from baler.learned.task import Task
from baler.quantise.lattice import Integers

Array = npt.NDArray[Any]
Rng = np.random.Generator

RANKS = 8
SHAPES = 8
OUTSIDE = 40
"""Features of an event, and of a parent."""
STRENGTH = 16
"""How large weights are."""


@dataclass
class Made:
    """A column that is made up, in thousandths of its unit."""

    name: str
    values: Array
    base: Base = Base.CENTER
    atoms: tuple[int, ...] = ()
    signed: bool = False
    period: int = 0


@dataclass
class Case:
    """Something to time."""

    name: str
    step: str
    size: int
    run: Callable[[], object]
    times: list[float] = field(default_factory=list)

    def once(self) -> None:
        """Run and take the time."""
        start = time.process_time()
        self.run()
        self.times.append(time.process_time() - start)

    def row(self, values: int) -> dict[str, Any]:
        """Return speeds for a number of values."""
        mb = 4e-6 * values
        return {
            "name": self.name,
            "step": self.step,
            "bytes": self.size,
            "ratio": 4 * values / self.size,
            "cpu_best": mb / min(self.times),
            "cpu_median": mb / statistics.median(self.times),
            "ns_per_value": 1e9 * min(self.times) / values,
        }


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--events", type=click.IntRange(min=20), default=20_000, show_default=True)
@click.option("--width", type=click.IntRange(min=32), default=128, show_default=True)
@click.option("--lanes", type=click.IntRange(1, 64), default=8, show_default=True)
@click.option("--repeats", type=click.IntRange(min=1), default=7, show_default=True)
@click.option("--level", "levels", multiple=True, help="Of native.LEVELS; all if not given.")
@click.option("--out", type=click.Path(path_type=Path), help="Result file, if not the usual one.")
def main(
    events: int, width: int, lanes: int, repeats: int, levels: Sequence[str], out: Path | None
) -> None:
    """Time the kernels on made-up jets."""
    load = os.getloadavg()[0]
    rng = np.random.default_rng(1)
    counts, parent_counts = rng.poisson(6, events), rng.poisson(4, events)
    columns, bases = made_up(rng, counts, parent_counts)
    model = made_up_model(rng, columns, width)
    net = model.collections[0]
    task = task_of(rng, model, columns, bases, counts, parent_counts)
    few = task_of(rng, model, *first_events(columns, bases, counts, parent_counts, 20))
    expected = reference.encode(model, net, few, 2)
    for level in native.LEVELS:
        assert native.encode(model, net, few, 2, level=level).streams == expected.streams

    encoded = native.encode(model, net, task, lanes)
    empty = replace(task, classes=0 * task.classes, numbers=0 * task.numbers)
    size = sum(map(len, encoded.streams))
    cases = []
    for level in levels or native.LEVELS:
        encode = partial(native.encode, model, net, task, lanes, level=level)
        decode = partial(native.decode, model, net, empty, encoded.streams, level=level)
        cases.append(Case(f"learned, {level}", "encode", size, encode))
        cases.append(Case(f"learned, {level}", "decode", size, decode))
    floats = np.stack([column.values for column in columns]).astype(np.float32) / np.float32(1000)
    zstd, xz = zstandard.compress(floats.tobytes(), 19), lzma.compress(floats.tobytes())
    cases.append(Case("zstd -19", "decode", len(zstd), partial(zstandard.decompress, zstd)))
    cases.append(Case("xz -6", "decode", len(xz), partial(lzma.decompress, xz)))
    for _ in range(repeats):
        for case in cases:
            case.once()
    assert np.array_equal(empty.numbers, task.numbers)
    rows = [case.row(floats.size) for case in cases]
    for row in rows:
        click.echo(
            f"{row['name']:18} {row['step']} {row['cpu_best']:7.1f} MB/s (median "
            f"{row['cpu_median']:.1f}), {row['ns_per_value']:6.1f} ns per value, "
            f"ratio {row['ratio']:.2f}"
        )
    click.echo(f"{encoded.bits.sum() / floats.size:.2f} bits per value")
    if out or not levels:
        record.save(
            "kernel",
            rows,
            [],
            out=out,
            values=floats.size,
            width=width,
            lanes=lanes,
            load_before=load,
        )


def made_up(rng: Rng, counts: Array, parent_counts: Array) -> tuple[list[Made], dict[str, Array]]:
    """Return columns, and what parents give to some of them."""
    size, parents = int(counts.sum()), int(parent_counts.sum())
    event = np.repeat(np.arange(counts.size), counts)
    hardness = rng.exponential(1, size)
    hardness = hardness[np.lexsort((-hardness, event))]  # falls within each event
    key = rng.integers(0, 5, size)
    has_parent = key < parent_counts[event]
    key = np.where(has_parent, key, -1)
    parent = np.where(has_parent, (np.cumsum(parent_counts) - parent_counts)[event] + key, 0)
    eta, phi = (rng.integers(-top, top, max(parents, 1)) for top in (2500, 3141))

    def near(theirs: Array) -> Array:
        return np.where(has_parent, theirs[parent], 0) + rng.normal(0, 40, size)

    def sometimes(probability: float, values: Array, other: int) -> Array:
        return np.where(rng.random(size) < probability, values, other)

    share = rng.beta(2, 2, size) * 1000
    columns = [
        Made("idx", key, atoms=(-1,)),
        Made("pt", 1500 * np.log1p(hardness) + 8000, Base.PREVIOUS),
        Made("eta", near(eta), Base.PARENT),
        Made("phi", (near(phi) + 3141) % 6283 - 3141, Base.PARENT, period=6283),
        Made("mass", 1500 * np.log1p(hardness) + rng.normal(2000, 300, size)),
        Made("area", rng.normal(500, 12, size), Base.PREVIOUS),
        Made("btag", sometimes(0.9, 1000 * rng.beta(0.5, 2, size), -1000), atoms=(-1000,)),
        Made("chf", share, atoms=(0,)),
        Made("nef", sometimes(0.7, 1000 - share, 0), atoms=(0, 1000)),
        Made("muf", sometimes(0.1, rng.exponential(100, size), 0), atoms=(0,)),
        Made("dxy", rng.normal(0, 90, size) * rng.exponential(1, size), signed=True),
        Made("n", rng.poisson(12 + 8 * hardness), Base.PEER),
    ]
    for column in columns:
        column.values = np.rint(column.values).astype(np.int32)
    return columns, {"eta": eta[:parents], "phi": phi[:parents]}


def first_events(
    columns: list[Made],
    bases: dict[str, Array],
    counts: Array,
    parent_counts: Array,
    events: int,
) -> tuple[list[Made], dict[str, Array], Array, Array]:
    """Return the same of the first events only."""
    size, parents = counts[:events].sum(), parent_counts[:events].sum()
    return (
        [replace(column, values=column.values[:size]) for column in columns],
        {name: numbers[:parents] for name, numbers in bases.items()},
        counts[:events],
        parent_counts[:events],
    )


def task_of(
    rng: Rng,
    model: Model,
    columns: list[Made],
    bases: dict[str, Array],
    counts: Array,
    parent_counts: Array,
) -> Task:
    """Return the task of made-up columns."""
    split = [axis.split(column.values) for axis, column in zip(model.axes, columns, strict=False)]
    return Task(
        counts=counts,
        parent_counts=parent_counts,
        event_features=_sparse(rng, counts.size),
        parent_features=_sparse(rng, int(parent_counts.sum())),
        parent_bases={j: bases[c.name] for j, c in enumerate(columns) if c.name in bases},
        object_features=np.zeros((columns[0].values.size, 0), np.int16),
        object_bases={},
        weights=np.zeros(0, np.int64),
        given=np.zeros(len(columns), np.bool_),
        classes=np.stack([classes for classes, _ in split]),
        numbers=np.stack([numbers for _, numbers in split]),
        keys=np.array([-1]),
    )


def _sparse(rng: Rng, size: int) -> npt.NDArray[np.int16]:
    """Return features, most of them indicators of what is not there."""
    features = rng.integers(-512, 512, (size, OUTSIDE)) * (rng.random((size, OUTSIDE)) < 0.4)
    return features.astype(np.int16)


def made_up_model(rng: Rng, columns: list[Made], width: int) -> Model:
    """Return a model of made-up columns, an event and parents."""
    axes = [_axis(column, "nJet") for column in columns]
    outside = (Feature(Kind.CLAMP, 0, 1, 0),) * OUTSIDE
    for name, counts in (("event", ""), ("parent", "nGen")):
        axes.append(replace(_axis(Made(name, np.zeros(1)), counts), features=outside))
    own = sum(len(axis.features) for axis in axes[: len(columns)])
    shapes = collection_shapes(width, RANKS, OUTSIDE, OUTSIDE, own, has_key=True)
    net = CollectionNet(
        counts="nJet",
        key="nGen",
        rectified=width // 2,
        columns=tuple(_column(rng, axes[j], columns[j], j, width) for j in range(len(columns))),
        event_sources=(Source(len(columns)),),
        parent_sources=(Source(len(columns) + 1),),
        **{name: _weights(rng, shape) for name, shape in shapes.items()},
    )
    odds = 65536 / (1 + np.exp(-(np.arange(ODDS) - ODDS / 2) / 16))
    return Model(tuple(axes), (net,), np.clip(odds, 1, 65535).astype(np.uint16))


def _axis(column: Made, counts: str) -> Axis:
    typical = np.median(np.abs(column.values) if column.signed else column.values)
    center = 0 if column.base is Base.PARENT else int(typical)  # orphans are there
    scale = max(1, int((1 << 14) / max(1.0, float(np.std(column.values)))))
    return Axis(
        column=column.name,
        dtype=np.dtype(np.int32),
        counts=counts,
        bound="exact",
        lattice=Integers(),
        atoms=tuple(np.int32(atom).tobytes() for atom in column.atoms),
        numeric=True,
        signed=column.signed,
        period=column.period,
        center=center,
        features=(
            Feature(Kind.CLAMP, center, scale, 7),
            Feature(Kind.CLAMP, center, scale, 4),
            Feature(Kind.WAVE if column.period else Kind.MAGNITUDE, center, scale, 6),
            Feature(Kind.CLAMP, 0, scale, 3, relative=column.base is not Base.CENTER),
        ),
    )


def _column(rng: Rng, axis: Axis, column: Made, at: int, width: int) -> ColumnNet:
    shapes = column_shapes(axis, width, SHAPES)
    spread = np.std(np.diff(column.values)) if column.base is Base.PREVIOUS else 40.0
    if column.base in (Base.CENTER, Base.PEER):
        spread = np.std(column.values)
    arrays = {
        name: _weights(rng, shape) for name, shape in shapes.items() if name not in _NO_WEIGHTS
    }
    chances = [float(np.mean(column.values == atom)) for atom in column.atoms] + [0.5] * axis.signed
    logits = [math.log(chance / (1 - chance)) for chance in np.clip(chances, 0.01, 0.99)]
    return ColumnNet(
        axis=at,
        base=column.base,
        base_axis=13 if column.base is Base.PARENT else 0,
        unit=int(16 * spread),
        level=round(8 * (math.log2(max(spread, 0.2)) + 4)),
        offsets=np.array([*(logit * (1 << 18) for logit in logits), 0, 0, 1 << 20], np.int32),
        tables=_tables(),
        **arrays,
    )


_NO_WEIGHTS = ("offsets", "tables")


def _tables() -> npt.NDArray[np.uint16]:
    """Return logistic distributions, narrow to wide."""
    z = (np.arange(NODES) - NODES // 2 + 1) / 16
    tables = np.stack([TOP / (1 + np.exp(-z * 1.7 / k)) for k in np.linspace(0.6, 1.4, SHAPES)])
    tables[:, 0], tables[:, -2:] = 0, TOP
    return np.rint(tables).astype(np.uint16)


def _weights(rng: Rng, shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
    return rng.integers(-STRENGTH, STRENGTH + 1, shape).astype(np.int16)


if __name__ == "__main__":
    main()
