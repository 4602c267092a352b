"""What networks learn, in real bits of integer networks on events that they have not seen."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from baler.learned import batch  # noqa: E402
from baler.learned.axis import Axis  # noqa: E402
from baler.learned.inputs import task_of  # noqa: E402
from baler.learned.model import Model  # noqa: E402
from baler.learned.network import Base  # noqa: E402
from baler.learned.subset import model_of  # noqa: E402
from baler.planning import Policy, plan  # noqa: E402
from baler.training.freeze import instead, odds  # noqa: E402
from baler.training.measure import worth_learning  # noqa: E402

from .tables import EVENTS, MANY, QUICK, Trained, crowd, family, pair, table, trained  # noqa: E402

AROUND = {"*_eta": "abs 1e-3", "*_phi": "abs 1e-3", "*_pt": "rel 2^-10"}


@pytest.fixture(scope="module")
def pairs() -> Trained:
    torch.set_num_threads(1)
    return trained(pair(noise=0.05), {"*": "abs 1e-3"})


@pytest.fixture(scope="module")
def families() -> Trained:
    torch.set_num_threads(1)
    return trained(family(), AROUND)


def gauss(sigma: float, step: float = 2e-3) -> float:
    """Return the bits of a normal number in steps, as no coder can do it better."""
    return math.log2(sigma * math.sqrt(2 * math.pi * math.e) / step)


def axis_of(found: Trained, name: str) -> Axis:
    (axis,) = (axis for axis in found.design.axes if axis.column == name)
    return axis


def test_a_column_costs_what_others_do_not_say_of_it(pairs: Trained) -> None:
    assert gauss(0.05) < pairs.column("y")[1] < gauss(0.05) + 0.5
    for name in "xz":
        assert gauss(1) - 0.1 < pairs.column(name)[1] < gauss(1) + 0.2
    assert pairs.column("y")[1] < pairs.column("y")[0] - 3
    assert pairs.learned[0].pays


def test_freezing_costs_less_than_a_percent(pairs: Trained, families: Trained) -> None:
    for part in (*pairs.learned, *families.learned):
        assert abs(part.frozen / part.floating - 1) < 0.01


def test_torch_gives_the_outputs_of_the_integer_network(families: Trained) -> None:
    model = model_of(families.design.axes, [part.net for part in families.learned], odds(), {})

    def product(left: batch.Floats, right: batch.Floats) -> batch.Floats:
        return (torch.from_numpy(left) @ torch.from_numpy(np.ascontiguousarray(right))).numpy()

    for net in model.collections:
        own = {
            j: model.axes[c.axis].split(families.plain.originals[model.axes[c.axis].column])
            for j, c in enumerate(net.columns)
        }
        columns = families.plain.decoded.__getitem__
        task = task_of(model.axes, net, families.plain.entries, columns, own)
        ours, theirs = batch.forward(model, net, task), batch.forward(
            model, net, task, matmul=product
        )  # fmt: skip
        assert all((a == b).all() for a, b in zip(ours, theirs, strict=True))


def test_a_child_is_cheaper_beside_its_parent(families: Trained) -> None:
    orphans = trained(
        {name.replace("jetIdx", "number"): values for name, values in family().items()}, AROUND
    )
    bases = {c.axis: c.base for part in families.learned for c in part.net.columns}
    for name in ("PF_eta", "PF_phi"):
        assert bases[families.design.axes.index(axis_of(families, name))] is Base.PARENT
        assert families.column(name)[1] < orphans.column(name)[1] - 2
        assert families.column(name)[1] < gauss(0.1) + 0.5
    assert [part.net.key for part in families.learned] == ["", "", "nJet"]


def test_angles_are_placed_round_the_turn(families: Trained) -> None:
    phi, eta = axis_of(families, "PF_phi"), axis_of(families, "PF_eta")
    assert abs(phi.period - 2 * math.pi / 2e-3) < 2
    assert not eta.period
    assert abs(families.column("PF_phi")[1] - families.column("PF_eta")[1]) < 0.3


def test_falling_numbers_are_placed_from_those_before(families: Trained) -> None:
    (part,) = (part for part in families.learned if part.name == "PF")
    (column,) = (c for c in part.net.columns if families.design.axes[c.axis].column == "PF_pt")
    assert column.base is Base.PREVIOUS
    marginal, learned = families.column("PF_pt")
    assert learned < 0.9 * marginal


def test_categories_and_decisions_are_learned() -> None:
    random = np.random.default_rng(0)
    kind = random.integers(0, 5, EVENTS)
    slip = random.random(EVENTS) < 0.05
    columns = {
        "kind": kind.astype(np.int8),
        "good": kind > 2,
        "code": np.where(slip, 7, 10 * kind).astype(np.uint16),
    }
    found = trained(columns, settings=replace(QUICK, steps=500))
    assert not any(axis.numeric for axis in found.design.axes)
    slips = -0.05 * math.log2(0.05) - 0.95 * math.log2(0.95)
    total = sum(found.column(name)[1] for name in columns)
    assert total < math.log2(5) + slips + 0.3
    assert found.learned[0].pays


def test_special_values_are_learned_too() -> None:
    random = np.random.default_rng(0)
    columns = {name: values.copy() for name, values in pair().items()}
    lost = random.random(EVENTS) < 0.2
    for name in "xy":
        columns[name][lost] = -999.0
    columns["y"][:3] = np.nan, np.inf, -np.inf
    columns["z"][::7] = np.nan
    found = trained(columns, {"*": "abs 1e-3"})
    given = [found.column(name)[1] for name in "xyz"]
    assert all(math.isfinite(bits) for bits in given)
    assert given[1] < 0.8 * gauss(0.05) + 1  # where x is lost, y is too
    assert given[2] < 6 / 7 * gauss(1) + 0.592 + 0.3
    assert abs(found.learned[0].frozen / found.learned[0].floating - 1) < 0.01


def test_columns_that_are_not_wanted_are_only_looked_at() -> None:
    found = trained(family(), AROUND, {"PF_eta", "PF_phi"})
    (part,) = found.learned
    columns = [found.design.axes[column.axis].column for column in part.net.columns]
    assert set(columns) == {"PF_eta", "PF_phi"}


@pytest.mark.parametrize(("hidden", "units"), [(None, 64), (32, 32)])
def test_networks_of_few_columns_are_narrow(hidden: int | None, units: int) -> None:
    settings = replace(QUICK, steps=3, hidden=hidden)
    found = trained(pair(noise=0.05), {"*": "abs 1e-3"}, settings=settings)
    assert [part.net.bias.shape for part in found.learned] == [(units,)]


def test_columns_that_follow_from_others_have_no_place_in_a_network() -> None:
    random = np.random.default_rng(0)
    kind = random.integers(0, 6, EVENTS)
    columns = {
        "x": random.normal(size=EVENTS).astype(np.float32),
        "kind": kind.astype(np.int32),
        "mass": (0.1 * kind**2).astype(np.float32),
        "same": np.full(EVENTS, 7, np.int16),
    }
    schema, chunk = table(columns)
    recipe = plan(schema, chunk, Policy.of({"x": "abs 1e-3"}))
    assert worth_learning(schema, recipe, chunk, set(columns)) == {"x", "kind"}


def test_a_model_that_is_used_seldom_is_smaller() -> None:
    def size(uses: float) -> int:
        found = trained(pair(), {"*": "abs 1e-2"}, settings=replace(QUICK, uses=uses))
        nets = [part.net for part in found.learned]
        return len(model_of(found.design.axes, nets, odds(), {}).pack())

    assert size(1) < 0.8 * size(MANY)


def test_shapes_that_are_hardly_used_are_given_as_their_nearest() -> None:
    used = np.array([[0, 500, 1, 499, 0], [0, 0, 0, 0, 0], [5, 5, 5, 5, 5]])
    assert instead(used).tolist() == [[1, 1, 1, 3, 3], [0, 0, 0, 0, 0], [0, 1, 2, 3, 4]]


def test_what_is_the_sum_of_others_costs_little() -> None:
    found = trained(crowd(), AROUND, {"Jet_pt", "Jet_eta", "Jet_phi"})
    for name in ("Jet_pt", "Jet_eta", "Jet_phi"):
        marginal, learned = found.column(name)
        assert learned < marginal - 5
    assert found.plain.decoded.keys() >= {"PF_jetIdx", "PF_pt", "PF_eta", "PF_phi"}


def test_a_model_has_only_the_axes_that_it_needs(families: Trained) -> None:
    (jets,) = (part.net for part in families.learned if part.name == "Jet")
    model = model_of(families.design.axes, [jets], odds(), {})
    named = {axis.column for axis in model.axes}
    assert {"Jet_eta", "Jet_phi"} <= named
    assert not {name for name in named if name.startswith("PF_")}
    assert Model.unpack(model.pack()).sha256 == model.sha256
    whole = Model(families.design.axes, tuple(part.net for part in families.learned), odds())
    assert len(model.pack()) < len(whole.pack())


def test_numbers_may_be_far_apart() -> None:
    random = np.random.default_rng(0)
    wide = random.integers(-(1 << 62), 1 << 62, EVENTS)
    columns = {
        "bits": random.normal(size=EVENTS),
        "whole": wide,
        "time": np.sort(wide >> 12),
        "known": random.integers(0, 5, EVENTS),
    }
    found = trained(columns, settings=replace(QUICK, steps=5))
    assert all(math.isfinite(part.frozen) for part in found.learned)
