"""Small random models and tasks that have everything in them, for the tests of every kernel.

``random_model(rng)`` has three collections: events, parents ("nJet"), and their children
("nCand"), whose first column is a key. Between them they have every kind of base, feature, class
and lattice; weights are large enough that tables are placed everywhere, at every scale.
``random_task(rng, model, net)`` makes objects for one of its networks: events without any, more
objects than there are ranks, keys that point nowhere, numbers near and far, up to +-2**53, and
verbatim values.

Everything is drawn with ``rng.integers``, so that a seed means the same on every machine. The law
of each kernel is that it decodes what it encodes, and makes the streams of
`baler.learned.reference`:

    model = random_model(rng)
    for net in model.collections:
        task = random_task(rng, model, net)
        encoded = reference.encode(model, net, task, lanes=3)
        found = blank(task)
        kernel.decode(model, net, found, encoded.streams)
        assert same(found, task)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.learned.axis import MAX_NUMBER, Axis, Feature, Kind
from baler.learned.model import Model
from baler.learned.network import (
    LEVELS,
    NODES,
    ODDS,
    TOP,
    Base,
    CollectionNet,
    ColumnNet,
    ObjectSource,
    Source,
    collection_shapes,
    column_shapes,
    object_width,
    source_width,
)
from baler.learned.task import NO_BASE, Task
from baler.quantise.lattice import Bits, Decimal, Integers, Lattice, Logarithmic, Scaled, Uniform

Array = npt.NDArray[Any]
Rng = np.random.Generator
EVENTS, PARENTS, CHILDREN = 0, 1, 2
"""Positions of the collections of a random model."""

_PLAIN = Feature(Kind.CLAMP, 3, 40_000, 9)
_FEATURES = (
    _PLAIN,
    Feature(Kind.MAGNITUDE, -20, -90_000, 12),
    Feature(Kind.WAVE, 0, 1024 * 256, 12),
    Feature(Kind.CLAMP, 0, (1 << 20) - 1, 10, relative=True),
    Feature(Kind.MAGNITUDE, -1, 777, 3, relative=True),
    Feature(Kind.WAVE, 5, 12_345, 62, relative=True),
)


def make_axis(
    column: str,
    counts: str,
    dtype: str,
    lattice: Lattice,
    *,
    atoms: Sequence[float] = (),
    numeric: bool = True,
    signed: bool = False,
    period: int = 0,
    center: int = 0,
    features: tuple[Feature, ...] = (_PLAIN,),
    bound: str = "exact",
) -> Axis:
    return Axis(
        column=column,
        dtype=np.dtype(dtype),
        counts=counts,
        bound=bound,
        lattice=lattice,
        atoms=tuple(np.array(atom, dtype).tobytes() for atom in atoms),
        numeric=numeric,
        signed=signed,
        period=period,
        center=center,
        features=features,
    )


def axes() -> tuple[Axis, ...]:
    """Return the axes of a random model: every kind of them."""
    relative = Logarithmic(1000, 1, 1 << 59, -150_000)
    return (
        make_axis("met", "", "<f4", relative, atoms=[0.0], center=100_000, bound="rel 0.001"),
        make_axis("run", "", "<i8", Integers(), center=1 - MAX_NUMBER, features=()),
        make_axis(
            "trigger", "", "|b1", Integers(), atoms=[False, True], numeric=False, features=()
        ),
        make_axis("Jet_pt", "nJet", "<f8", Bits(3), atoms=[np.inf, np.nan], features=_FEATURES),
        make_axis("Jet_phi", "nJet", "<f4", Uniform(0.01), period=629, features=_FEATURES[1:4]),
        make_axis("Jet_id", "nJet", "|u1", Integers(), atoms=range(9), numeric=False, features=()),
        make_axis(
            "Cand_jetIdx", "nCand", "<i2", Integers(), atoms=[-1, 0, 77], features=_FEATURES[:2]
        ),
        make_axis("Cand_pt", "nCand", "<f4", relative, center=90_000, features=_FEATURES),
        make_axis(
            "Cand_dz", "nCand", "<f4", relative, atoms=[0.0], signed=True, features=_FEATURES[2:]
        ),
        make_axis("Cand_phi", "nCand", "<f2", Uniform(0.5), period=2, features=_FEATURES[3:]),
        make_axis("Cand_err", "nCand", "<f4", Decimal(3), atoms=[-1.0], center=-7),
        make_axis("Cand_dxy", "nCand", "<f4", Scaled(0.25, np.empty(0), 10), features=()),
        make_axis("Cand_charge", "nCand", "<i4", Integers(), numeric=False, features=_FEATURES[:1]),
        make_axis("Cand_big", "nCand", "<u8", Integers(), period=1 << 53, features=_FEATURES[3:5]),
        make_axis("Cand_eta", "nCand", "<f4", Uniform(0.01), atoms=[9.0], features=_FEATURES),
        make_axis("Cand_deta", "nCand", "<f8", Uniform(0.01), period=101, features=_FEATURES[2:]),
    )


_BASES = {
    "Jet_pt": Base.PREVIOUS,
    "Jet_phi": Base.OBJECT,
    "Cand_jetIdx": Base.PREVIOUS,
    "Cand_pt": Base.PEER,
    "Cand_dz": Base.PARENT,
    "Cand_phi": Base.PARENT,
    "Cand_err": Base.CENTROID,
    "Cand_dxy": Base.PEER,
    "Cand_big": Base.CENTROID,
    "Cand_eta": Base.OBJECT,
    "Cand_deta": Base.CENTROID,
}
_DERIVED = {
    "nJet": (ObjectSource(0, 3, (0,), -2), ObjectSource(255, 4, (1, 0), 7)),
    "nCand": (ObjectSource(14, 14, (3, 4, 5, 0), 1), ObjectSource(3, 8, (), 1 - MAX_NUMBER)),
}


def random_model(rng: Rng, *, width: int = 32, ranks: int = 10, strength: int = 200) -> Model:
    """Return a valid model with everything in it; ``strength`` is how large weights get."""
    known = axes()
    places = {axis.column: at for at, axis in enumerate(known)}

    def net(
        counts: str, key: str, events: Sequence[Source], parents: Sequence[Source]
    ) -> CollectionNet:
        own = [at for at, axis in enumerate(known) if axis.counts == counts]
        derived = _DERIVED.get(counts, ())
        weight = random_weight(rng, known, own) if key else {}
        shapes = collection_shapes(
            width,
            ranks,
            sum(source_width(known[source.axis]) for source in events),
            sum(source_width(known[source.axis]) for source in parents),
            sum(len(known[at].features) for at in own),
            has_key=bool(key),
            objects=object_width(known, derived),
            has_weight=bool(weight),
            slots=weight.get("slots", 0),
        )
        return CollectionNet(
            counts=counts,
            key=key,
            rectified=int(rng.integers(0, width + 1)),
            columns=tuple(
                random_column(
                    rng,
                    known[at],
                    at,
                    _BASES.get(known[at].column, Base.CENTER),
                    base_axis(known[at].column, places, derived),
                    width,
                    strength,
                )
                for at in own
            ),
            event_sources=tuple(events),
            parent_sources=tuple(parents),
            object_sources=derived,
            **weight,
            **{name: _weights(rng, shape, strength) for name, shape in shapes.items()},
        )

    met, trigger = Source(places["met"]), Source(places["trigger"])
    jet_pt, jet_id = places["Jet_pt"], places["Jet_id"]
    odds = np.sort(rng.integers(1, 1 << 16, ODDS)).astype(np.uint16)
    odds[0], odds[-1] = 1, (1 << 16) - 1
    return Model(
        axes=known,
        collections=(
            net("", "", (), ()),
            net("nJet", "", (met, trigger), ()),
            net("nCand", "nJet", (met, Source(jet_pt, 1)), (Source(jet_pt), Source(jet_id))),
        ),
        odds=odds,
        notes={"data": "random", "width": width, "ünïcode": [1, None, 0.1]},
    )


def base_axis(column: str, places: Mapping[str, int], derived: Sequence[ObjectSource]) -> int:
    """Return what the base of a column is taken from."""
    match _BASES.get(column):
        case Base.PARENT:
            return places["Jet_pt"]
        case Base.OBJECT:
            return [source.axis for source in derived].index(places[column])
    return 0


def random_weight(rng: Rng, known: Sequence[Axis], own: Sequence[int]) -> dict[str, Any]:
    """Return what says which weights a network has."""
    at = [known[i].column for i in own].index("Cand_pt")
    count = int(rng.choice([1, 2, 50, 5000]))
    return {
        "weight": at,
        "weight_first": known[own[at]].center - int(rng.integers(0, count)),
        "weight_count": count,
        "weight_unit": float(rng.choice([1e-300, 0.03, 1.0, 1e5])),
        "slots": int(rng.choice([0, 1, 3, 16])),
    }


def random_column(
    rng: Rng, axis: Axis, at: int, base: Base, base_axis: int, width: int, strength: int
) -> ColumnNet:
    """Return the part of a column in a network."""
    tables = random_tables(rng, int(rng.integers(1, 6)) if axis.numeric else 0)
    shapes = column_shapes(axis, width, len(tables))
    arrays = {
        name: _weights(rng, shape, strength)
        for name, shape in shapes.items()
        if name not in ("offsets", "tables")
    }
    decisions = len(axis.atoms) + axis.signed
    arrays["heads"][:decisions] //= 8
    return ColumnNet(
        axis=at,
        base=base,
        base_axis=base_axis,
        unit=int(rng.integers(0, 1 << int(rng.integers(1, 39)))),
        level=int(rng.choice([0, 32, 60, 90, 250, LEVELS - 1])),
        offsets=rng.integers(-(1 << 22), 1 << 22, shapes["offsets"]).astype(np.int32),
        tables=tables,
        **arrays,
    )


def random_tables(rng: Rng, number: int) -> npt.NDArray[np.uint16]:
    """Return tables that are wide, narrow, a single step, or of a few steps."""
    tables = np.empty((number, NODES), np.uint16)
    for k in range(number):
        steps = rng.integers(0, TOP + 1, NODES)
        if k % 4 == 1:
            steps = np.where(np.arange(NODES) < rng.integers(1, NODES - 2), 0, TOP)
        if k % 4 == 2:
            steps = steps // 9000 * 9000
        if k % 4 == 3:
            steps = np.clip(np.arange(NODES) * 4000 - 250 * 4000, 0, TOP)
        tables[k] = np.sort(steps)
        tables[k, 0], tables[k, -2:] = 0, TOP
    return tables


def _weights(rng: Rng, shape: tuple[int, ...], strength: int) -> npt.NDArray[np.int16]:
    return rng.integers(-strength, strength + 1, shape).astype(np.int16)


def random_task(
    rng: Rng,
    model: Model,
    net: CollectionNet,
    *,
    events: int = 12,
    most: int = 6,
    given: Sequence[int] = (),
) -> Task:
    """Return objects for a network.

    There are up to ``most`` in each event, thrice that in a few; ``given`` columns are given.
    """
    own = [model.axes[column.axis] for column in net.columns]
    counts = rng.integers(0, most + 1, events) * (rng.integers(0, 4, events) > 0)
    counts *= rng.choice([1, 3], events, p=[0.9, 0.1])
    parent_counts = rng.integers(0, 4, events) * bool(net.key)
    objects, parents = int(counts.sum()), int(parent_counts.sum())
    classes = np.empty((len(own), objects), np.uint8)
    numbers = np.empty((len(own), objects), np.int64)
    for j, axis in enumerate(own):
        classes[j], numbers[j] = random_column_values(rng, axis, objects, bool(net.key) and j == 0)
    bases, of_objects = {}, {}
    for j, column in enumerate(net.columns):
        if column.base is Base.PARENT:
            some = rng.integers(0, objects, parents) if objects else np.zeros(0, np.int64)
            near = _near(rng, numbers[j][some])
            bases[j] = near if objects else np.full(parents, NO_BASE)
    for j, column in enumerate(net.columns):
        if column.base is Base.OBJECT:
            of_objects[j] = _near(rng, numbers[j])
    first = own[0]
    keys = np.full(len(first.atoms), -1, np.int64)
    if first.dtype.kind in "iu":
        keys[:] = [int(np.frombuffer(atom, first.dtype)[0]) for atom in first.atoms]
    return Task(
        counts=counts.astype(np.int64),
        parent_counts=parent_counts.astype(np.int64),
        event_features=_features(rng, (events, net.event.shape[1])),
        parent_features=_features(rng, (parents, net.parent.shape[1])),
        parent_bases=bases,
        object_features=_features(rng, (objects, net.object.shape[1])),
        object_bases=of_objects,
        weights=rng.integers(1, rng.choice([2, 1000, (1 << 20) + 1]), net.weight_count),
        given=np.isin(np.arange(len(own)), given),
        classes=classes,
        numbers=numbers,
        keys=keys,
    )


def random_column_values(
    rng: Rng, axis: Axis, size: int, is_key: bool
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return classes and numbers: mostly near the centre or each other, some very far."""
    reach = rng.choice([2, 50, 10_000, 1 << 30, 1 << 52], size, p=[0.5, 0.25, 0.15, 0.05, 0.05])
    near = axis.center + rng.integers(-reach, reach + 1)
    close = np.cumsum(rng.integers(-2, 3, size)) + axis.center
    numbers = np.where(rng.integers(0, 2, size) > 0, near, close)
    edge = rng.choice([1 - MAX_NUMBER, MAX_NUMBER - 1, 0, -1], size)
    numbers = np.where(rng.integers(0, 12, size) > 0, numbers, edge)
    numbers = np.clip(numbers, 1 - MAX_NUMBER, MAX_NUMBER - 1)
    if is_key:
        numbers = np.where(rng.integers(0, 8, size) > 0, rng.integers(-1, 4, size), numbers)
    if axis.period:
        turned = axis.wrap(numbers)
        numbers = np.where(rng.integers(0, 8, size) > 0, turned, numbers)
    classes = np.full(size, axis.on_lattice)
    if axis.signed:
        negative = rng.integers(0, 2, size) > 0
        numbers = np.where(negative, np.maximum(1, np.abs(numbers)), np.abs(numbers))
        classes += negative
    if axis.atoms:
        share = 3 if axis.numeric else 10
        atom = rng.integers(0, len(axis.atoms), size)
        classes = np.where(rng.integers(0, 12, size) < share, atom, classes)
    classes = np.where(rng.integers(0, 20, size) > 0, classes, axis.verbatim)
    off = (classes < axis.on_lattice) | (classes == axis.verbatim)
    return classes.astype(np.uint8), np.where(off, axis.center, numbers).astype(np.int64)


def _near(rng: Rng, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return bases near numbers, and some that are none."""
    near = np.clip(numbers + rng.integers(-3, 4, numbers.size), 1 - MAX_NUMBER, MAX_NUMBER - 1)
    return np.where(rng.integers(0, 5, numbers.size) > 0, near, NO_BASE)


def _features(rng: Rng, shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
    return rng.integers(-512, 513, shape).astype(np.int16)


def blank(task: Task) -> Task:
    """Return a task for a decoder: garbage wherever a column is not given."""
    known = task.given[:, None]
    return replace(
        task,
        classes=np.where(known, task.classes, 201).astype(np.uint8),
        numbers=np.where(known, task.numbers, -12_345_678_901).astype(np.int64),
    )


def same(found: Task, task: Task) -> bool:
    """Tell whether two tasks have the same classes and numbers."""
    return np.array_equal(found.classes, task.classes) and np.array_equal(
        found.numbers, task.numbers
    )


def single(
    axis: Axis, *, location: int = 0, level: int = 0, unit: int = 1 << 18, **net: Any
) -> Model:
    """Return a model of one column of events that places its only table at a fixed place.

    It lies ``location`` / 64 numbers from the centre (if ``unit`` is left as it is). All odds are
    even.
    """
    width = 32
    shapes = column_shapes(axis, width, int(axis.numeric))
    arrays: dict[str, Any] = {name: np.zeros(shape, np.int16) for name, shape in shapes.items()}
    arrays["offsets"] = np.zeros(shapes["offsets"], np.int32)
    if axis.numeric:
        arrays["offsets"][-3] = location
    arrays["tables"] = np.zeros(shapes["tables"], np.uint16)
    arrays["tables"][:] = np.clip(np.arange(NODES) * 128 - 144, 0, TOP)
    arrays["tables"][:, -2:] = TOP
    column = ColumnNet(axis=0, base=Base.CENTER, base_axis=0, unit=unit, level=level, **arrays)
    shapes = collection_shapes(width, 1, 0, 0, len(axis.features), has_key=False)
    zeros = {name: np.zeros(shape, np.int16) for name, shape in shapes.items()}
    fields: dict[str, Any] = {
        "counts": axis.counts,
        "key": "",
        "rectified": 0,
        "columns": (column,),
        "event_sources": (),
        "parent_sources": (),
        **zeros,
        **net,
    }
    odds = np.full(ODDS, 1 << 15, np.uint16)
    return Model((axis,), (CollectionNet(**fields),), odds)


def single_task(classes: Sequence[int], numbers: Sequence[int], atoms: int = 0) -> Task:
    """Return a task for the network of a `single` model: one event with these values."""
    return Task(
        counts=np.array([len(numbers)]),
        parent_counts=np.zeros(1, np.int64),
        event_features=np.zeros((1, 0), np.int16),
        parent_features=np.zeros((0, 0), np.int16),
        parent_bases={},
        object_features=np.zeros((len(numbers), 0), np.int16),
        object_bases={},
        weights=np.zeros(0, np.int64),
        given=np.zeros(1, np.bool_),
        classes=np.array([classes], np.uint8),
        numbers=np.array([numbers], np.int64),
        keys=np.full(atoms, -1, np.int64),
    )
