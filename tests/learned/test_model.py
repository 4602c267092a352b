"""Models: bytes and back, a name, and refusal of whatever could overflow or does not fit."""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.core.bytes import sized, varint
from baler.errors import Corrupt, FormatError, NotABalerFile, TooNew, Truncated, UnknownColumn
from baler.learned.axis import Axis
from baler.learned.model import Model
from baler.learned.network import (
    NODES,
    ODDS,
    TOP,
    Base,
    CollectionNet,
    ColumnNet,
    ObjectSource,
    Source,
)
from baler.learned.stored import MAGIC, VERSION, pack_model
from baler.quantise.lattice import Integers, Scaled, Uniform
from tests.learned.models import CHILDREN, EVENTS, PARENTS, make_axis, random_model, single

HEAD = len(MAGIC) + 5


def equal(found: Any, expected: Any) -> bool:
    """Compare models, networks and all that is in them."""
    if isinstance(expected, np.ndarray):
        return found.dtype == expected.dtype and np.array_equal(found, expected)
    if isinstance(expected, tuple):
        return len(found) == len(expected) and all(map(equal, found, expected))
    if isinstance(expected, Model | CollectionNet | ColumnNet | Axis | Scaled):
        names = [item.name for item in fields(expected)]
        return all(equal(getattr(found, name), getattr(expected, name)) for name in names)
    return bool(found == expected)


def repaired(data: bytes) -> bytes:
    """Return a model whose checksum is right."""
    body = data[HEAD:]
    return data[: HEAD - 4] + zlib.crc32(body).to_bytes(4, "little") + body


@settings(max_examples=10)
@given(st.integers(0, 1 << 32), st.sampled_from([0, 1, 30, 900]))
def test_models_come_back(seed: int, strength: int) -> None:
    rng = np.random.default_rng(seed)
    model = random_model(rng, width=32 * int(rng.integers(1, 3)), strength=strength)
    packed = model.pack()
    found = Model.unpack(packed)
    assert equal(found, model)
    assert found.pack() == packed
    again = replace(found)  # forgets the bytes
    assert again.pack() == packed
    assert found.sha256 == model.sha256 == hashlib.sha256(packed).hexdigest()


def test_models_without_networks_come_back() -> None:
    model = Model((), (), np.full(ODDS, 7, np.uint16), {"why": "none"})
    assert equal(Model.unpack(model.pack()), model)


def test_the_order_of_notes_does_not_matter() -> None:
    odds = np.full(ODDS, 7, np.uint16)
    packed = {Model((), (), odds, notes).pack() for notes in ({"a": 1, "b": 2}, {"b": 2, "a": 1})}
    assert len(packed) == 1


def test_notes_that_are_not_json_are_refused() -> None:
    for wrong in ({"x": float("nan")}, {"x": {1, 2}}):
        with pytest.raises((ValueError, TypeError)):
            Model((), (), np.full(ODDS, 7, np.uint16), wrong).pack()


def test_models_are_small() -> None:
    """Weights cost about their entropy, smooth tables next to nothing."""
    rng = np.random.default_rng(0)
    model = random_model(rng, width=128, strength=20)
    smooth = np.clip(np.arange(NODES) * 200 - 16_000, 0, TOP).astype(np.uint16)
    smooth[-2:] = TOP
    weights = 0
    nets = []
    for net in model.collections:
        columns = tuple(
            replace(column, tables=np.repeat(smooth[None], len(column.tables), 0))
            for column in net.columns
        )
        nets.append(replace(net, columns=columns))
        parts: tuple[ColumnNet | CollectionNet, ...] = (*columns, net)
        for part in parts:
            arrays = [getattr(part, item.name) for item in fields(part)]
            weights += sum(
                a.size for a in arrays if isinstance(a, np.ndarray) and a.dtype == np.int16
            )
    size = len(replace(model, collections=tuple(nets)).pack())
    assert size < 1.1 * weights * np.log2(41) / 8 + 2500


def test_a_column_is_found_by_name() -> None:
    model = random_model(np.random.default_rng(0))
    assert model.axis_of("Jet_pt") is model.axes[3]
    with pytest.raises(UnknownColumn, match="no column 'Jet_pz'; near names: 'Jet_pt'"):
        model.axis_of("Jet_pz")


# Damage


def small() -> bytes:
    axis = make_axis("x", "", "<f4", Uniform(0.5), atoms=[1.0], center=3)
    return replace(single(axis), notes={"a": "b"}).pack()


def test_every_truncation_and_flip_is_refused() -> None:
    data = small()
    Model.unpack(data)
    for size in range(len(data)):
        with pytest.raises(FormatError):
            Model.unpack(data[:size])
    for bit in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(FormatError):
            Model.unpack(bytes(damaged))
    with pytest.raises(FormatError):
        Model.unpack(data + b"\0")
    assert not attempt(data + b"\0")


def attempt(data: bytes) -> bool:
    try:
        model = Model.unpack(repaired(data))
    except FormatError:
        return False
    assert model.pack() == repaired(data)
    return True


def test_every_flip_behind_a_right_checksum_ends() -> None:
    data = small()
    assert attempt(data)
    for size in range(HEAD, len(data)):
        assert not attempt(data[:size])
    for bit in range(8 * HEAD, 8 * len(data)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        attempt(bytes(damaged))


def test_some_flips_of_a_large_model_end() -> None:
    rng = np.random.default_rng(0)
    data = random_model(rng).pack()
    for bit in rng.integers(8 * HEAD, 8 * len(data), 200):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        attempt(bytes(damaged))


@given(st.binary(max_size=60))
def test_noise_is_refused(noise: bytes) -> None:
    with contextlib.suppress(FormatError):
        Model.unpack(noise)
    assert not attempt(MAGIC + bytes([VERSION]) + bytes(4) + noise)


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (b"", Truncated, "0 bytes"),
        (MAGIC[:5], Truncated, "5 bytes"),
        (b"PK", NotABalerFile, "begins with 50 4b"),
        (MAGIC + bytes([VERSION + 1]) + bytes(40), TooNew, f"version {VERSION + 1}"),
        (MAGIC + bytes(40), Corrupt, "version 0"),
        (MAGIC + bytes([VERSION]) + bytes(40), Corrupt, "checksum"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, error: type[FormatError], message: str) -> None:
    with pytest.raises(error, match=message):
        Model.unpack(data)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slots": 17}, "17 slots"),
        ({"object_sources": (ObjectSource(0, 16, (), 0),)}, "uses axis 16 of 16"),
        ({"object_sources": (ObjectSource(0, 3, (0,) * 17, 0),)}, "17 inputs"),
        ({"object_sources": (ObjectSource(0, 3, (), 0),) * 4097}, "4097 sources"),
    ],
)
def test_structures_are_checked_before_they_are_used(change: Any, message: str) -> None:
    model = random_model(np.random.default_rng(0))
    net = replace(model.collections[CHILDREN], **change)
    data = pack_model(model.axes, (net,), model.odds, {})
    with pytest.raises(Corrupt, match=message):
        Model.unpack(data)


@pytest.mark.parametrize("size", [1 << 24, 1 << 40, (1 << 64) - 2])
def test_sizes_are_limited_before_anything_is_allocated(size: int) -> None:
    data = MAGIC + bytes([VERSION]) + bytes(4) + varint(size + 1) + b"\x02\x01\x00"
    with pytest.raises(FormatError, match=f"{size + 1} bytes"):
        Model.unpack(repaired(data))


X = b"\1x" + b"\0" + b"\0"  # a column's name, counts and bound
CRAFTED = {
    "axes": (varint((1 << 14) + 1), "16385 axes; allowed are 16384"),
    "dtype": (b"\1" + X + b"\x0c", "unknown dtype 12"),
    "lattice": (b"\1" + X + b"\4\x06", "lattice 6 does not hold"),
    "atoms": (b"\1" + X + b"\4\0" + varint(65), "65 atoms; allowed are 64"),
    "flags": (b"\1" + X + b"\4\0" + b"\0\4", "unknown flags 4"),
    "features": (b"\1" + X + b"\4\0" + b"\0\1\0\0" + varint(65), "65 features of a column"),
    "kind": (b"\1" + X + b"\4\0" + b"\0\1\0\0\1\3\0", "unknown kind 3"),
    "networks": (b"\0" + varint(1025), "1025 networks; allowed are 1024"),
    "text": (b"\1\1\xff", "not UTF-8"),
}


@pytest.mark.parametrize("name", CRAFTED)
def test_structures_out_of_range_are_refused(name: str) -> None:
    structure, message = CRAFTED[name]
    body = b"".join(varint(len(t)) + sized(b"\0" + t) for t in (structure, b"{}"))
    with pytest.raises(Corrupt, match=message):
        Model.unpack(repaired(MAGIC + bytes([VERSION]) + bytes(4) + body))


@pytest.mark.parametrize("notes", [b"[]", b"{", b"\xff", b"[" * 100_000])
def test_notes_are_a_mapping_in_json(notes: bytes) -> None:
    body = b"".join(varint(len(t)) + sized(b"\0" + t) for t in (b"\0\0", notes))
    with pytest.raises(Corrupt, match="the notes of a model"):
        Model.unpack(repaired(MAGIC + bytes([VERSION]) + bytes(4) + body))


# What must hold


def changed(which: int, column: int | None, **change: Any) -> Callable[[], Model]:
    """Return what makes a model with another network, or another column in it."""

    def make() -> Model:
        model = random_model(np.random.default_rng(0))
        nets = list(model.collections)
        net = nets[which]
        if column is None:
            nets[which] = replace(net, **change)
        else:
            columns = list(net.columns)
            columns[column] = replace(columns[column], **change)
            nets[which] = replace(net, columns=tuple(columns))
        return replace(model, collections=tuple(nets))

    return make


def with_axes(change: Mapping[int, dict[str, Any]]) -> Callable[[], Model]:
    def make() -> Model:
        model = random_model(np.random.default_rng(0))
        axes = list(model.axes)
        for at, values in change.items():
            axes[at] = replace(axes[at], **values)
        return replace(model, axes=tuple(axes))

    return make


def derived(**change: Any) -> Callable[[], Model]:
    """Return what makes a model with another derived quantity of children."""
    source = replace(ObjectSource(0, 8, (0, 3), 1), **change)
    return changed(CHILDREN, None, object_sources=(ObjectSource(0, 14, (3,), 0), source))


def without_weight() -> Callable[[], Model]:
    """Return what makes a model whose children have centroids and no weights."""
    none = {"weight": -1, "weight_first": 0, "weight_count": 0, "weight_unit": 0.0, "slots": 0}
    return changed(CHILDREN, None, **none, tally=rows(32, 0), slot=rows(32, 0))


def rows(*shape: int, dtype: str = "i2", fill: int = 0) -> Any:
    return np.full(shape, fill, dtype)


def table(**places: int) -> Any:
    """Return five tables, with some nodes of the first changed."""
    tables = np.zeros((5, NODES), np.uint16)
    tables[:, -2:] = TOP
    for place, value in places.items():
        tables[0, int(place[1:])] = value
    return tables


WRONG: dict[str, tuple[Callable[[], Model], str]] = {
    "units": (changed(EVENTS, None, bias=rows(33)), "33 units, not a multiple of 32"),
    "no units": (changed(EVENTS, None, bias=rows(0)), "0 units"),
    "many units": (changed(EVENTS, None, bias=rows(1056)), "1056 units"),
    "rectified": (changed(EVENTS, None, rectified=33), "33 of 32 units"),
    "no columns": (changed(EVENTS, None, columns=()), "0 columns"),
    "ranks": (changed(EVENTS, None, rank_rows=rows(0, 32)), "rows for 0 ranks"),
    "left": (changed(EVENTS, None, left_rows=rows(2, 32)), r"left_rows .* shape \(10, 32\)"),
    "dtype": (changed(EVENTS, None, first_row=rows(32, dtype="i4")), "first_row .* int32"),
    "order": (
        changed(EVENTS, None, rank_rows=np.asfortranarray(rows(10, 32))),
        "rank_rows .* not contiguous",
    ),
    "event": (changed(PARENTS, None, event=rows(32, 5)), r"event .* expected int16 .*\(32, 4\)"),
    "peer": (changed(PARENTS, None, peer=rows(32, 9)), "peer of"),
    "twice": (changed(PARENTS, None, counts="nCand"), "same counts"),
    "key": (changed(CHILDREN, None, key="nCand"), "decoded too late"),
    "no key": (changed(CHILDREN, None, key=""), "not a column of the parents"),
    "source": (changed(PARENTS, None, event_sources=(Source(3),)), "'Jet_pt' is decoded too late"),
    "later": (changed(PARENTS, None, event_sources=(Source(7),)), "'Cand_pt' is decoded too late"),
    "own": (changed(PARENTS, None, event_sources=(Source(4),)), "'Jet_phi' is decoded too late"),
    "of events": (changed(EVENTS, None, event_sources=(Source(0),)), "events has a key or sources"),
    "scaled": (changed(CHILDREN, None, parent_sources=(Source(11),)), "'Cand_dxy' is a multiple"),
    "nowhere": (changed(PARENTS, None, event_sources=(Source(99),)), "axis 99 of 16"),
    "rank": (changed(PARENTS, None, event_sources=(Source(0, 1),)), "rank 1, not 0 to 0"),
    "stranger": (changed(CHILDREN, None, parent_sources=(Source(0),)), "'met' is not a column of"),
    "axis": (with_axes({1: {"counts": "nJet"}}), "axis 1, not one of its own"),
    "no axis": (changed(EVENTS, 0, axis=-1), "axis -1"),
    "same": (changed(EVENTS, 0, axis=1), "same column"),
    "base": (changed(PARENTS, 0, base=Base.PEER), "no PEER"),
    "base of key": (changed(CHILDREN, 0, base=Base.PARENT, base_axis=3), "no PARENT"),
    "base axis": (changed(CHILDREN, 2, base_axis=0), "axis 0 is not a column of the parents"),
    "unused": (changed(CHILDREN, 1, base_axis=3), "axis 3 is given as a base"),
    "source of objects": (changed(CHILDREN, 8, base_axis=1), "source 1 of objects is not one"),
    "no source": (changed(CHILDREN, 8, base_axis=2), "source 2 of objects is not one"),
    "no centroid": (changed(CHILDREN, 0, base=Base.CENTROID), "no CENTROID"),
    "nor there": (changed(PARENTS, 1, base=Base.CENTROID, base_axis=0), "no CENTROID"),
    "unused too": (changed(CHILDREN, 9, base_axis=1), "axis 1 is given as a base"),
    "unweighted": (without_weight(), "no CENTROID"),
    "scaled from a parent": (
        changed(CHILDREN, 5, base=Base.PARENT, base_axis=3),
        "'Cand_dxy' is a multiple",
    ),
    "kind": (derived(kind=256), "out of range: ObjectSource"),
    "negative": (derived(kind=-1), "out of range: ObjectSource"),
    "constant": (derived(constant=1 << 53), "out of range: ObjectSource"),
    "inputs": (derived(inputs=(0,) * 17), "made of 17 columns"),
    "input": (derived(inputs=(0, 16)), "axis 16 of 16"),
    "seen": (derived(axis=-1), "axis -1 of 16"),
    "seen through": (derived(axis=11), "'Cand_dxy' is a multiple of uncertainties"),
    "late input": (derived(inputs=(6,)), "the input 'Cand_jetIdx' is decoded too late"),
    "object": (
        changed(CHILDREN, None, object=rows(32, 3)),
        r"object .* expected int16 .*\(32, 7\)",
    ),
    "for events": (
        changed(EVENTS, None, object_sources=(ObjectSource(0, 0, (), 0),)),
        "derived for events",
    ),
    "weight": (changed(CHILDREN, None, weight=0), "column 0 of a network, with key 'nJet', has no"),
    "no weight": (changed(CHILDREN, None, weight=10), "column 10 of a network"),
    "keyless": (
        changed(PARENTS, None, weight=1, weight_count=1, weight_unit=1.0),
        "column 1 of a network, with key '', has no",
    ),
    "signed": (changed(CHILDREN, None, weight=2), "'Cand_dz' has no weights"),
    "turning": (changed(CHILDREN, None, weight=3), "'Cand_phi' has no weights"),
    "uncertain": (changed(CHILDREN, None, weight=5), "'Cand_dxy' is a multiple"),
    "countless": (changed(CHILDREN, None, weight=6), "'Cand_charge' has no weights"),
    "slots left": (changed(PARENTS, None, slots=1), "something of weights"),
    "first left": (changed(PARENTS, None, weight_first=1), "something of weights"),
    "count left": (changed(PARENTS, None, weight_count=1), "something of weights"),
    "unit left": (changed(PARENTS, None, weight_unit=float("nan")), "something of weights"),
    "odd weight": (changed(PARENTS, None, weight=-2), "something of weights"),
    "weights": (changed(CHILDREN, None, weight_count=0), "0 weights, not 1"),
    "many weights": (changed(CHILDREN, None, weight_count=(1 << 17) + 1), "131073 weights"),
    "first weight": (changed(CHILDREN, None, weight_first=-(1 << 53)), "first weight is that of"),
    "heavy": (changed(CHILDREN, None, weight_unit=float("inf")), "unit of weights is inf"),
    "weightless": (changed(CHILDREN, None, weight_unit=0.0), "unit of weights is 0.0"),
    "lightest": (changed(CHILDREN, None, weight_unit=-1.0), "unit of weights is -1.0"),
    "unknown": (changed(CHILDREN, None, weight_unit=float("nan")), "unit of weights is nan"),
    "slots": (changed(CHILDREN, None, slots=17), "17 slots, not 0 to 16"),
    "slot": (changed(CHILDREN, None, slot=rows(32, 17)), "slot of"),
    "tally": (changed(CHILDREN, None, tally=rows(32, 0)), r"tally .*\(32, 1\)"),
    "unit": (changed(EVENTS, 0, unit=1 << 38), "unit of location is 274877906944"),
    "less": (changed(EVENTS, 0, unit=-1), "unit of location is -1"),
    "level": (changed(EVENTS, 0, level=353), "level of scale is 353"),
    "heads": (changed(EVENTS, 0, heads=rows(3, 32)), r"heads .*\(4, 32\)"),
    "offsets": (changed(EVENTS, 0, offsets=rows(4)), "offsets .* expected int32"),
    "no table": (changed(EVENTS, 0, tables=rows(0, NODES, dtype="u2")), "0 tables; numeric: True"),
    "a table": (changed(EVENTS, 2, tables=table()), "5 tables; numeric: False"),
    "start": (changed(EVENTS, 0, tables=table(_0=1)), "begin with 0"),
    "end": (changed(EVENTS, 0, tables=table(_512=TOP - 1)), "end with 65248 twice"),
    "top": (changed(EVENTS, 0, tables=table(_513=TOP + 1)), "end with 65248 twice"),
    "falls": (changed(EVENTS, 0, tables=table(_99=2)), "table falls"),
    "float key": (with_axes({6: {"dtype": np.dtype("<f4"), "atoms": ()}}), "key has dtype"),
    "turning key": (with_axes({6: {"period": 9}}), "key has dtype int16 and period 9"),
    "dithered": (with_axes({4: {"lattice": Uniform(1.0, np.zeros(3))}}), "'Jet_phi' is dithered"),
    "sigma": (
        with_axes({10: {"lattice": Scaled(1.0, np.empty(0), 11)}}),
        "depend on themselves",
    ),
    "far sigma": (
        with_axes({10: {"lattice": Scaled(1.0, np.empty(0), 3)}}),
        "are no axis of its collection",
    ),
    "names": (with_axes({0: {"column": "run"}}), "same column"),
    "features": (
        with_axes(
            {0: {"features": (random_model(np.random.default_rng(0)).axes[0].features * 65)}}
        ),
        "'met' has 65 features",
    ),
    "odds": (
        lambda: replace(random_model(np.random.default_rng(0)), odds=rows(ODDS, dtype="u2")),
        "odds of a model contain 0",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_models_that_do_not_fit_are_refused(name: str) -> None:
    make, message = WRONG[name]
    with pytest.raises(Corrupt, match=message):
        make()


WIDE = 32


def test_states_stay_below_the_limit() -> None:
    """Fill all of one unit to just below 2**31, then add the least that there is to add."""
    feature = make_axis("x", "", "<i8", Integers()).features[0]
    axis = make_axis("x", "", "<i8", Integers(), features=(feature,) * 64)
    column = single(axis).collections[0].columns[0]
    weights = rows(WIDE, 64, fill=32767)
    own = replace(column, own=weights)
    filled = 512 * 64 * 32767 * 2  # own and previous
    assert (1 << 31) - filled == 65536
    net = replace(single(axis).collections[0], columns=(own,), previous=weights)
    odds = single(axis).odds

    def top(**change: Any) -> Model:
        return Model((axis,), (replace(net, **change),), odds)

    below = rows(WIDE, fill=65536 // 64 - 1)
    top(bias=below)
    top(bias=-below, first_row=rows(WIDE, fill=32767))  # instead of the previous one
    with pytest.raises(Corrupt, match="unit can reach 2147483648"):
        top(bias=below + np.int16(1))
    for name, shape in {"rank_rows": (1, WIDE), "left_rows": (1, WIDE)}.items():
        with pytest.raises(Corrupt, match="unit can reach 2147483648"):
            top(bias=below, **{name: rows(*shape, fill=-1)})
    for name in ("own_rows", "prev_rows", "bias"):
        fuller = replace(own, **{name: np.negative(getattr(own, name) + np.int16(1))})
        with pytest.raises(Corrupt, match="unit can reach 2147483648"):
            top(bias=below, columns=(fuller,))
    one = np.zeros(WIDE, np.int16)
    one[5] = 1024
    with pytest.raises(Corrupt, match="unit can reach 2147483648"):
        top(bias=one)


@pytest.mark.parametrize("name", ["object", "tally", "slot"])
def test_objects_and_tallies_count_for_the_limit(name: str) -> None:
    """Fill one unit to just below 2**31, then add a weight of 1."""
    model = random_model(np.random.default_rng(0))
    children = model.collections[CHILDREN]

    def cleared(part: Any) -> dict[str, Any]:
        arrays = {item.name: getattr(part, item.name) for item in fields(part)}
        arrays.pop("tables", None)
        return {key: 0 * array for key, array in arrays.items() if isinstance(array, np.ndarray)}

    columns = tuple(replace(column, **cleared(column)) for column in children.columns)
    arrays = {**cleared(children), "slot": np.zeros((32, 16), np.int16)}
    net = replace(children, columns=columns, slots=16, **arrays)
    rest = [column.own for column in columns] + [net.previous, net.peer, net.event, net.parent]
    room = (1 << 31) - 1
    for array in (net.object[:, :-1], net.slot[:, :-1], *rest):
        for at in range(array.shape[1]):
            array[7, at] = min(32767, room // 512)
            room -= 512 * int(array[7, at])
    for rows in (net.rank_rows, net.left_rows, net.key_rank_rows):
        rows[3, 7] = min(32767, room // 64)
        room -= 64 * int(rows[3, 7])
    assert 0 <= room < 512, "random models do not have features enough for this test"
    replace(model, collections=(*model.collections[:-1], net))
    getattr(net, name)[7, -1] = -1
    with pytest.raises(Corrupt, match="state of a unit can reach"):
        replace(model, collections=(*model.collections[:-1], net))


def test_outputs_stay_below_the_limit() -> None:
    axis = make_axis("x", "", "<i8", Integers())
    column = single(axis).collections[0].columns[0]
    heads = np.zeros((3, WIDE), np.int16)
    heads[1, :7] = -32767
    room = (1 << 31) - (1 << 17) - 8192 * 7 * 32767

    def with_offset(offset: int) -> Model:
        offsets = np.array([0, offset, 0], np.int32)
        base = single(axis)
        new = replace(column, heads=heads, offsets=offsets)
        return replace(base, collections=(replace(base.collections[0], columns=(new,)),))

    for sign in (-1, 1):
        with_offset(sign * (room - 1))
        with pytest.raises(Corrupt, match="output can reach"):
            with_offset(sign * room)
