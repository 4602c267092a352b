"""What a task has of columns that were decoded before: derived quantities, weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from baler.errors import Corrupt
from baler.learned import derived
from baler.learned.axis import Axis, Feature, Kind
from baler.learned.checks import check_task
from baler.learned.derived import Derived
from baler.learned.inputs import external_columns, parent_base, task_of
from baler.learned.model import Model
from baler.learned.network import (
    Base,
    CollectionNet,
    ObjectSource,
    collection_shapes,
    object_width,
)
from baler.learned.task import NO_BASE, Task
from baler.quantise.lattice import Integers, Uniform
from tests.learned.models import make_axis, single

Array = npt.NDArray[Any]

FEATURES = (Feature(Kind.CLAMP, 0, 1 << 10, 10), Feature(Kind.CLAMP, 0, 1 << 10, 8, relative=True))
JET_PT, JET_ID, KEY, CHILD_PT, CHILD_ID, SMALL, FLAG = range(7)
AXES = (
    make_axis("Jet_pt", "nJet", "<f4", Uniform(0.5), atoms=[7.5], features=FEATURES),
    make_axis("Jet_id", "nJet", "<i2", Integers(), center=3, features=FEATURES),
    make_axis("Child_jetIdx", "nChild", "<i4", Integers(), features=()),
    make_axis("Child_pt", "nChild", "<f4", Uniform(0.5), features=()),
    make_axis("Child_id", "nChild", "<f8", Uniform(0.5), features=()),
    make_axis("Small", "nJet", "|u1", Integers(), atoms=[200], features=FEATURES),
    make_axis("Flag", "nJet", "|b1", Integers(), atoms=[1], features=FEATURES[:1]),
)
COLUMNS: dict[str, Array] = {
    "nJet": np.array([2, 0, 2], np.int32),
    "nChild": np.array([4, 1, 2], np.int32),
    "Child_jetIdx": np.array([0, 1, 0, -1, 0, 1, 5], np.int32),
    "Child_pt": np.array([1.5, 7.5, 9.0, 2.0, 2.5, 3.5, np.nan], np.float32),
    "Child_id": np.array([2.5, -1.0, 11.0, 5.0, 1.0, np.inf, 0.0]),
}
NAN = np.float32(np.nan).tobytes()
POINTED = ObjectSource(Derived.POINTING, JET_PT, (KEY, CHILD_PT), 0)


@pytest.fixture(autouse=True, params=[1, 4, derived.MANY])
def in_runs(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is derived does not depend on how many events are looked at together."""
    monkeypatch.setattr(derived, "MANY", request.param)


def jets(axes: tuple[Axis, ...], *sources: ObjectSource, base: int | None = None) -> Model:
    """Return a model of jets: one column, placed from a source if ``base`` says from which."""
    at = JET_PT if base is None else sources[base].axis
    one = single(axes[at]).collections[0]
    place = {} if base is None else {"base": Base.OBJECT, "base_axis": base}
    shapes = collection_shapes(
        32, 1, 0, 0, len(axes[at].features), has_key=False, objects=object_width(axes, sources)
    )
    net = replace(
        one,
        columns=(replace(one.columns[0], axis=at, **place),),
        object_sources=sources,
        object=np.ones(shapes["object"], np.int16),
    )
    return Model(axes, (net,), single(axes[at]).odds)


def task(model: Model, **columns: Array) -> Task:
    net = model.collections[0]
    made = task_of(model.axes, net, 3, {**COLUMNS, **columns}.__getitem__, {})
    check_task(model.axes, net, made, 1, made.given)
    return made


def bases(found: Task) -> list[int]:
    """Return the bases of the only column."""
    (numbers,) = found.object_bases.values()
    return numbers.tolist()


def test_what_is_derived_has_features_and_a_base() -> None:
    found = task(jets(AXES, POINTED, base=0))
    # 1.5 is number 3; 7.5 is an atom; the third jet has nothing; 3.5 is number 7
    assert bases(found) == [3, NO_BASE, NO_BASE, 7]
    assert found.object_features.tolist() == [[3, 0], [0, 64], [0, 0], [7, 0]]
    assert not found.weights.size
    none = task(jets(AXES, POINTED))
    assert none.object_bases == {}
    assert np.array_equal(none.object_features, found.object_features)


def test_sources_are_one_after_the_other() -> None:
    count = ObjectSource(Derived.COUNT, JET_ID, (KEY,) + (CHILD_PT,) * 5, -2)
    found = task(jets(AXES, POINTED, count, base=1))
    assert bases(found) == [2, 1, 0, 1]
    assert found.object_features[:, 2].tolist() == [2, 1, 0, 1]
    assert np.array_equal(found.object_features[:, :2], task(jets(AXES, POINTED)).object_features)


def test_integers_are_the_nearest_if_they_fit() -> None:
    pointed = [ObjectSource(Derived.POINTING, at, (KEY, CHILD_ID), 0) for at in (JET_ID, SMALL)]
    found = task(jets(AXES, *pointed, base=0))
    assert bases(found) == [2, -1, NO_BASE, NO_BASE]  # 2.5, -1, none, infinite
    assert found.object_features.tolist() == [[2, 2, 0], [-1, 0, 0], [0, 0, 0], [0, 0, 0]]
    far = np.array([40_000, 200, 0, 0, 0, -32_768.4, 0])
    found = task(jets(AXES, *pointed, base=0), Child_id=far)
    assert bases(found) == [NO_BASE, 200, NO_BASE, -32768]
    assert found.object_features[:, 1:].tolist() == [[0, 0], [0, 64], [0, 0], [0, 0]]


def test_parents_give_what_fits_the_column() -> None:
    floats = np.array([2.5, np.nan, -1.5, 4e4, -np.inf], np.float32)
    assert parent_base(AXES[JET_ID], floats).tolist() == [2, NO_BASE, -2, NO_BASE, NO_BASE]
    integers = np.array([5, 65536 + 7, -1])
    assert parent_base(AXES[JET_ID], integers).tolist() == [5, 7, -1]
    assert parent_base(AXES[CHILD_PT], integers).tolist() == [10, 2 * 65543, -2]
    wide = np.array([1e300, 3.0])
    assert parent_base(AXES[CHILD_PT], wide).tolist() == [NO_BASE, 6]
    signed = make_axis("x", "", "<i2", Integers(), signed=True)
    assert parent_base(signed, integers).tolist() == [5, 7, 1]


def test_flags_are_zero_or_one() -> None:
    flag = ObjectSource(Derived.POINTING, FLAG, (KEY, CHILD_ID), 0)
    ids = np.array([1.0, 0.0, 0, 0, 0, 2.0, 0])
    found = task(jets(AXES, flag), Child_id=ids)
    assert found.object_features.tolist() == [[0, 64], [0, 0], [0, 0], [0, 0]]


def test_what_is_read_is_named() -> None:
    net = jets(AXES, POINTED).collections[0]
    assert external_columns(AXES, net) == ("Child_jetIdx", "Child_pt", "nChild", "nJet")


def test_quantities_that_do_not_exist_are_refused() -> None:
    for wrong in (replace(POINTED, kind=200), replace(POINTED, inputs=(KEY,))):
        with pytest.raises(Corrupt, match="no derived quantity"):
            task(jets(AXES, wrong))


def test_what_is_not_a_number_has_the_same_bits_everywhere() -> None:
    for bits in (0x7FC00000, 0xFFC00000, 0x7F800001, 0xFFFFFFFF):
        pt = COLUMNS["Child_pt"].copy()
        pt[:1].view(np.uint32)[:] = bits
        with np.errstate(invalid="ignore"):
            found = task(jets((replace(AXES[0], atoms=(NAN,)), *AXES[1:]), POINTED), Child_pt=pt)
        assert found.object_features[:, 1].tolist() == [64, 0, 64, 0]  # the atom


def test_children_of_other_events_are_refused() -> None:
    with pytest.raises(Corrupt, match="other events"):
        task(jets(AXES, POINTED), nChild=np.array([4, 3], np.int32))


def test_weights_come_with_the_task() -> None:
    """Make jets the parents of children whose momenta are weights."""
    names = {"rectified": 0, "event_sources": (), "parent_sources": ()}
    columns = [
        replace(single(AXES[at]).collections[0].columns[0], axis=at) for at in (KEY, CHILD_PT)
    ]
    shapes = collection_shapes(32, 1, 0, 0, 0, has_key=True, has_weight=True, slots=2)
    net = CollectionNet(
        counts="nChild",
        key="nJet",
        columns=tuple(columns),
        weight=1,
        weight_first=2,
        weight_count=4,
        weight_unit=0.25,
        slots=2,
        **names,  # type: ignore[arg-type]
        **{name: np.zeros(shape, np.int16) for name, shape in shapes.items()},  # type: ignore[arg-type]
    )
    model = Model(AXES, (net,), single(AXES[0]).odds)
    assert task(model).weights.tolist() == [4, 6, 8, 10]
    packed = Model.unpack(model.pack()).collections[0]
    assert (packed.weight_unit, packed.slots, packed.weight_first) == (0.25, 2, 2)
