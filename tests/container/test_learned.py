"""Files with learned columns: written, read in parts, and never worse than without a network."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baler.container import Reader, UsedModel, Writer
from baler.core.bounds import same_bits
from baler.core.chunk import Chunk
from baler.core.recipe import Group, Recipe
from baler.errors import Corrupt, MissingModel, UsageError
from baler.learned.model import Model
from baler.planning import Policy, learned_groups, plan
from tests import fitted_model as fitted

LEARNED = ("Jet_phi", "Jet_d0", "Cand_phi", "MET_pt")
"""Columns that the fitted model codes better than anything else."""
UNLEARNED = ("run", "nCand", "Jet_other")
Learn = Callable[..., bytes]


@pytest.fixture(scope="module")
def model() -> Model:
    """Return the fitted model."""
    return fitted.model()


@pytest.fixture(scope="module")
def chunks() -> list[Chunk]:
    """Return events in chunks, one without any and one without jets."""
    return [
        fitted.events(300, 1),
        fitted.events(0, 2),
        fitted.events(200, 3),
        fitted.events(5, 4, jets=0),
    ]


def recipe_of(model: Model | None, first: Chunk, *, dither: bool = False) -> Recipe:
    """Return the recipe of a file with or without a model."""
    policy = Policy.of(fitted.BOUNDS, dither=dither)
    groups = () if model is None else learned_groups(model, fitted.SCHEMA, policy)[0]
    return plan(fitted.SCHEMA, first, policy, groups)


@pytest.fixture
def learn(tmp_path: Path, model: Model, chunks: list[Chunk]) -> Learn:
    """Return a function that writes a file with a model and returns its bytes."""

    def write(
        model: Model | None = model,
        chunks: list[Chunk] = chunks,
        *,
        embedded: bool = True,
        dither: bool = False,
        recipe: Recipe | None = None,
        statistics: dict[str, Any] | None = None,
        **options: Any,
    ) -> bytes:
        recipe = recipe or recipe_of(model, chunks[0], dither=dither)
        used = None if model is None else UsedModel(model, embedded, "fitted")
        path = tmp_path / "learned.baler"
        options |= {"model": used, "overwrite": True}
        with Writer(path, fitted.SCHEMA, recipe, **options) as writer:
            for chunk in chunks:
                writer.write(chunk)
        if statistics is not None:
            statistics.update(writer.statistics)
        return path.read_bytes()

    return write


def check(reader: Reader, chunks: list[Chunk]) -> None:
    """Require that all values of a file keep their bounds."""
    plans = dict(zip(reader.schema.position, reader.recipe.columns, strict=True))
    for number, chunk in enumerate(chunks):
        found = reader.read(number).columns
        for name, column in plans.items():
            bound, values = column.bound, chunk.columns[name]
            sigma = None if bound.parent is None else found[bound.parent]
            if bound.lossy:
                assert bound.holds(values, found[name], sigma).all(), name
            else:
                assert same_bits(values, found[name]).all(), name


def coded(reader: Reader) -> dict[str, int]:
    """Return in how many chunks each column is coded by a network."""
    return {name: c.codecs.get("learned", 0) for name, c in reader.column_bytes().items()}


def test_a_file_comes_back_from_its_model(learn: Learn, chunks: list[Chunk], model: Model) -> None:
    statistics: dict[str, Any] = {}
    file = learn(statistics=statistics)
    assert struct.unpack("<H", file[8:10]) == (2,)
    with Reader(file) as reader:
        check(reader, chunks)
        found = coded(reader)
        assert [found[name] for name in LEARNED] == [2, 2, 2, 3]  # of chunks with objects
        assert not any(found[name] for name in UNLEARNED)
        assert reader.model.sha256 == model.sha256
        assert reader.stored_model is not None
        assert reader.stored_model.size == len(model.pack())
        stored = {name: column.stored for name, column in reader.column_bytes().items()}
    assert stored == {name: s.stored_bytes for name, s in statistics.items()}
    assert all(0 < statistics[name].worst <= 1 for name in LEARNED)
    assert not any(s.fallbacks for s in statistics.values())
    assert sum(s.saved_bytes for s in statistics.values()) > 500


def test_a_file_with_a_model_is_smaller(learn: Learn, model: Model) -> None:
    assert len(learn()) < 0.98 * len(learn(None))


def test_bytes_do_not_depend_on_threads(learn: Learn, chunks: list[Chunk]) -> None:
    file = learn()
    assert learn(threads=3) == file
    with Reader(file, threads=3) as reader:
        check(reader, chunks)


@pytest.mark.parametrize("column", fitted.COLUMNS, ids=lambda column: column.name)
def test_any_column_is_read_alone(column: Any, learn: Learn) -> None:
    file = learn()
    with Reader(file) as reader, Reader(file) as whole:
        for number in (2, 0):
            found = reader.read(number, [column.name]).columns
            assert list(found) == [column.name]
            assert same_bits(found[column.name], whole.read(number).columns[column.name]).all()


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by a column of each group that a network decodes."""
    from baler.learned import kernel

    done: list[str] = []

    def decode(model: Model, net: Any, task: Any, streams: Any, *ends: Any) -> None:
        done.append(model.axes[net.columns[0].axis].column)
        original(model, net, task, streams, *ends)

    original = kernel.decode
    monkeypatch.setattr(kernel, "decode", decode)
    return done


def test_columns_of_one_group_are_decoded_once(learn: Learn, decodings: list[str]) -> None:
    file = learn()
    decodings.clear()
    with Reader(file) as reader:
        for name in ("Jet_phi", "Jet_pt", "MET_pt", "Cand_phi", "Jet_d0", "Cand_charge"):
            reader.read(0, [name])
        assert sorted(decodings) == ["Cand_jetIdx", "Jet_pt", "nJet"]
        reader.read(2, ["nJet"])
        reader.read(0, ["Jet_d0"])
        assert len(decodings) == 4
    with Reader(file) as reader:
        reader.read(0, ["run", "nCand"])
        assert len(decodings) == 4


def test_what_a_network_decoded_is_not_kept_for_ever(
    learn: Learn, decodings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = learn()
    decodings.clear()
    monkeypatch.setattr("baler.container.reader.LEARNED_BYTES", 2000)
    with Reader(file) as reader:
        for _ in range(2):
            reader.read(0, ["nJet"])
            reader.read(2, ["nJet"])
        assert len(decodings) == 4  # events of both chunks do not fit


# --------------------------------------------------------------------- models kept elsewhere


def test_a_model_kept_elsewhere_has_to_be_given(
    learn: Learn, model: Model, chunks: list[Chunk]
) -> None:
    file = learn(embedded=False)
    assert len(file) < len(learn()) - len(model.pack()) + 10
    with Reader(file) as reader:
        assert reader.stored_model is not None
        assert (reader.stored_model.size, reader.stored_model.name) == (0, "fitted")
        found = reader.read(0, ["run", "nCand"]).columns
        assert same_bits(found["run"], chunks[0].columns["run"]).all()
        assert reader.totals(0) == {
            name: int(chunks[0].columns[name].sum()) for name in ("nJet", "nCand")
        }
        assert coded(reader)["Jet_phi"] == 2
        assert reader.read(1).entries == 0  # nothing in there is learned
        with pytest.raises(MissingModel, match=f"needs the model {model.sha256} .fitted.") as e:
            reader.read(0, ["Jet_phi"])
        assert isinstance(e.value, UsageError)
        with pytest.raises(MissingModel):
            reader.read(0, ["Jet_other"])  # nJet is learned
    with Reader(file, model=model) as reader:
        check(reader, chunks)


@pytest.mark.parametrize("embedded", [True, False])
def test_another_model_is_refused(learn: Learn, model: Model, embedded: bool) -> None:
    other = fitted.model(note="another")
    file = learn(embedded=embedded)
    with pytest.raises(MissingModel, match=f"{model.sha256}.*{other.sha256}"):
        Reader(file, model=other)


def test_files_without_a_model_need_none(learn: Learn, model: Model, chunks: list[Chunk]) -> None:
    file = learn(None)
    assert struct.unpack("<H", file[8:10]) == (1,)
    with Reader(file, model=model) as reader:
        check(reader, chunks)
        assert reader.stored_model is None
    with Reader(file) as reader, pytest.raises(UsageError, match="has no model, and needs none"):
        _ = reader.model


# --------------------------------------------------------------------- whatever is smaller


def test_chunks_that_drifted_cost_the_choice_at_most(learn: Learn, model: Model) -> None:
    chunks = [fitted.events(300, 1), fitted.events(300, 2, drifted=True)]
    with Reader(learn(chunks=chunks)) as reader:
        check(reader, chunks)
        assert coded(reader)["Jet_pt"] == 1
        assert coded(reader)["Cand_phi"] == 2


def bad(model: Model) -> Model:
    """Return a model whose tables are nowhere near the values."""

    def far(net: Any) -> Any:
        columns = []
        for column in net.columns:
            offsets = -column.offsets
            columns.append(replace(column, offsets=offsets, level=-300))
        return replace(net, columns=tuple(columns))

    return Model(model.axes, tuple(map(far, model.collections)), model.odds)


def test_a_bad_model_costs_next_to_nothing(learn: Learn, model: Model, chunks: list[Chunk]) -> None:
    chunks = [fitted.events(3000, 1)]
    plain = learn(None, chunks)
    worst = learn(bad(model), chunks, embedded=False)
    with Reader(worst) as reader:
        assert not any(coded(reader).values())
        check(reader, chunks)  # without the model
    assert len(worst) < 1.01 * len(plain) + 300


def test_a_network_that_does_not_give_back_what_it_got(
    learn: Learn, chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    from baler.learned import kernel

    def decode(model: Model, net: Any, task: Any, streams: Any, *ends: Any) -> None:
        original(model, net, task, streams, *ends)
        task.numbers[1, 0] += net.counts == "nCand"
        if net.counts == "":
            raise Corrupt("a stream is damaged")

    original = kernel.decode
    statistics: dict[str, Any] = {}
    with monkeypatch.context() as patch:
        patch.setenv(kernel.CHECK, "full")
        patch.setattr(kernel, "decode", decode)
        file = learn(statistics=statistics)
    with Reader(file) as reader:
        check(reader, chunks)
        found = coded(reader)
        assert (found["MET_pt"], found["Cand_phi"], found["Jet_phi"]) == (0, 0, 2)
    assert [statistics[name].fallbacks for name in ("MET_pt", "Cand_phi", "Jet_phi")] == [3, 2, 0]


def test_streams_that_do_not_give_back_their_symbols(
    learn: Learn, chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    from baler.learned import kernel

    def encode(model: Model, net: Any, *task: Any) -> Any:
        if net.counts == "nCand":
            raise Corrupt("stream 0 does not begin or end as an encoder leaves it")
        return original(model, net, *task)

    original = kernel.encode
    statistics: dict[str, Any] = {}
    with monkeypatch.context() as patch:
        patch.setattr(kernel, "encode", encode)
        file = learn(statistics=statistics)
    with Reader(file) as reader:
        check(reader, chunks)
    assert [statistics[name].fallbacks for name in ("MET_pt", "Cand_phi")] == [0, 2]


def test_what_is_written_does_not_depend_on_how_it_is_checked(
    learn: Learn, monkeypatch: pytest.MonkeyPatch, decodings: list[str]
) -> None:
    from baler.learned import kernel

    file = learn()
    found = len(decodings)
    monkeypatch.setenv(kernel.CHECK, "full")
    assert learn() == file
    assert len(decodings) > found
    monkeypatch.setenv(kernel.CHECK, "none")
    with pytest.raises(UsageError, match="BALER_CHECK is 'none'; it may be 'full'"):
        learn()


def test_dithered_columns_are_not_learned(learn: Learn, chunks: list[Chunk]) -> None:
    with Reader(learn(dither=True)) as reader:
        check(reader, chunks)
        found = coded(reader)
        assert not any(found[name] for name in fitted.BOUNDS if name in found)
        assert found["Cand_charge"]


def test_uncertainties_are_given_to_columns_that_are(
    learn: Learn, chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a dithered ``Jet_d0``, and if all else is learned at any price."""
    monkeypatch.setattr("baler.container.choosing.CLEAR", float("inf"))
    monkeypatch.setattr("baler.container.choosing.SURE", float("inf"))
    with Reader(learn()) as reader:
        assert coded(reader)["Jet_ptErr"] == 2
        check(reader, chunks)
    plain = recipe_of(fitted.model(), chunks[0])
    at = fitted.SCHEMA.position["Jet_d0"]
    plans = list(plain.columns)
    plans[at] = replace(plans[at], dither=True)
    with Reader(learn(recipe=replace(plain, columns=tuple(plans)))) as reader:
        assert coded(reader)["Jet_phi"] == 2
        assert (coded(reader)["Jet_d0"], coded(reader)["Jet_ptErr"]) == (0, 0)
        check(reader, chunks)


def test_values_that_the_axis_does_not_have_are_verbatim(
    learn: Learn, chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler.container.choosing.CLEAR", float("inf"))
    monkeypatch.setattr("baler.container.choosing.SURE", float("inf"))
    columns = dict(chunks[0].columns)
    strange = columns["Jet_phi"].copy()
    strange[5:8] = np.nan, -np.inf, 3e38
    columns["Jet_phi"] = strange
    with Reader(learn(chunks=[Chunk(300, columns)])) as reader:
        check(reader, [Chunk(300, columns)])
        assert coded(reader)["Jet_phi"] == 1
    strange[: strange.size // 10] = np.nan
    columns["Jet_phi"] = strange
    with Reader(learn(chunks=[Chunk(300, columns)])) as reader:
        check(reader, [Chunk(300, columns)])
        assert coded(reader)["Jet_phi"] == 0


def test_large_chunks_are_tried_on_some_of_their_events(
    learn: Learn, chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("baler.container.choosing.TRIAL", 50)
    monkeypatch.setattr("baler.container.choosing.LANE", 20)
    with Reader(learn()) as reader:
        check(reader, chunks)
        assert coded(reader)["Cand_phi"] == 2


def test_networks_have_a_limit(
    learn: Learn, chunks: list[Chunk], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = learn()
    monkeypatch.setattr("baler.container.joint.MAX_JOINT_VALUES", 2500)
    with Reader(file) as reader:
        assert reader.read(0, ["nJet"]).entries == 300
        with pytest.raises(Corrupt, match="values to look at, more than 2500"):
            reader.read(0, ["Jet_phi"])
    monkeypatch.setattr("baler.container.choosing.MAX_JOINT_VALUES", 2500)
    with Reader(learn()) as reader:
        check(reader, chunks)
        assert coded(reader)["Jet_phi"] == 1


# --------------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"network": 3}, "there is no network 3 in a model of 3"),
        ({"network": 0}, "codes other columns than"),
        ({"columns": (6, 5, 7, 8, 9)}, "codes other columns than"),
        ({"parents": (3,)}, "a network looks at 'nJet', which is no parent"),
    ],
)
def test_groups_that_do_not_fit_their_network(
    change: dict[str, Any], message: str, learn: Learn, chunks: list[Chunk], model: Model
) -> None:
    recipe = recipe_of(model, chunks[0])
    groups = [replace(g, **change) if g.network == 1 else g for g in recipe.groups]
    if "parents" in change:  # counts need not be parents
        groups = [replace(g, parents=(3,)) if g.network == 2 else g for g in groups]
        message = "a network looks at 'Jet_phi', which is no parent"
    with pytest.raises(Corrupt, match=message):
        learn(recipe=Recipe(recipe.columns, tuple(groups)))


def test_a_model_is_there_if_groups_are_learned(
    learn: Learn, chunks: list[Chunk], model: Model
) -> None:
    for used, recipe in ((None, recipe_of(model, chunks[0])), (model, recipe_of(None, chunks[0]))):
        with pytest.raises(Corrupt, match="has a model if, and only if, one of its groups is"):
            learn(used, recipe=recipe)


def test_learned_groups_are_not_solid(learn: Learn, chunks: list[Chunk], model: Model) -> None:
    recipe = recipe_of(model, chunks[0])
    groups = tuple(replace(g, solid=g.solid or g.learned) for g in recipe.groups)
    with pytest.raises(Corrupt, match="both learned and solid"):
        learn(recipe=Recipe(recipe.columns, groups))


@pytest.mark.parametrize(
    ("group", "message"),
    [
        (Group((1, 5), network=0), "is learned, but its columns do not have one value"),
        (Group((1, 3), network=0, parents=(5, 5)), "same parent twice"),
        (Group((1, 3), network=0, parents=(3,)), "one of its own columns as a parent"),
        (Group((1, 3), network=0, parents=(99,)), "a parent outside 0 to 13"),
        (Group((1, 3), network=0, parents=(5,)), "depends on itself"),
    ],
)
def test_learned_groups_that_cannot_be(group: Group, message: str, learn: Learn) -> None:
    rest = tuple(at for at in range(len(fitted.COLUMNS)) if at not in group.columns)
    plans = recipe_of(None, fitted.events(50)).columns
    with pytest.raises(Corrupt, match=message):
        learn(recipe=Recipe(plans, (group, Group(rest))))
