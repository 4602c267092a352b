"""Files whose columns a latent model predicts."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from baler import codecs
from baler.codecs.predicted import encode_split
from baler.codecs.search import Search
from baler.container import Reader, UsedModel, Writer
from baler.container.blocks import Contents
from baler.container.latent import Latent, decode_predicted
from baler.container.layout import LATENT
from baler.container.predicting import PredictedEncoder
from baler.core.bounds import Free, parse, same_bits
from baler.core.chunk import Chunk
from baler.core.recipe import Group, Recipe
from baler.core.schema import Schema
from baler.errors import Corrupt, FormatError, MissingModel, UsageError
from baler.latent.model import Kind, LatentModel
from baler.planning import Policy, freed, latent_group, plan
from tests import fitted_model
from tests.latent import fitted

Write = Callable[..., bytes]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a file and returns its bytes."""

    def write(
        model: LatentModel | None,
        chunks: list[Chunk],
        schema: Schema = fitted.SCHEMA,
        bounds: dict[str, str] | None = None,
        *,
        free: bool = False,
        embedded: bool = True,
    ) -> bytes:
        policy = Policy.of(fitted.BOUNDS if bounds is None else bounds)
        if model is not None and free:
            policy = freed(model, policy)
        groups = () if model is None else (latent_group(model, schema, policy),)
        recipe = plan(schema, chunks[0], policy, groups)
        used = None if model is None else UsedModel(model, embedded=embedded)
        path = tmp_path / "latent.baler"
        with Writer(path, schema, recipe, model=used, overwrite=True) as writer:
            for chunk in chunks:
                writer.write(chunk)
        return path.read_bytes()

    return write


def check(
    data: bytes, chunks: list[Chunk], model: LatentModel | None = None
) -> dict[str, set[str]]:
    """Check all promises; return the codecs of each column."""
    with Reader(data, model=model) as reader:
        for number, chunk in enumerate(chunks):
            found = reader.read(number)
            for column, recipe in zip(reader.schema.columns, reader.recipe.columns, strict=True):
                original, decoded = chunk.columns[column.name], found.columns[column.name]
                sigma = recipe.bound.parent and found.columns[recipe.bound.parent]
                if recipe.bound.lossy:
                    assert recipe.bound.holds(original, decoded, sigma).all(), column.name
                else:
                    assert same_bits(original, decoded).all(), column.name
        return {name: set(column.codecs) for name, column in reader.column_bytes().items()}


CHUNKS = [fitted.events(800, 1), fitted.events(0, 2), fitted.events(50, 3), fitted.events(9, 4, 1)]


@pytest.mark.parametrize("classes", [False, True])
@pytest.mark.parametrize("kind", [Kind.TABLE, Kind.EVENTS])
def test_bounds_hold_and_prediction_makes_a_file_smaller(
    write: Write, kind: Kind, classes: bool
) -> None:
    model = fitted.model(kind=kind, classes=classes)
    data = write(model, CHUNKS, embedded=False)
    found = check(data, CHUNKS, model)
    assert any(name.startswith("predicted>") for name in found["Jet_c"])
    assert not any(name.startswith("predicted") for name in found["met"])
    assert len(data) < 0.98 * len(write(None, CHUNKS))
    assert data[8] == LATENT


def test_the_file_holds_what_decoding_needs_and_no_more(write: Write) -> None:
    model = fitted.model()
    data = write(model, CHUNKS)
    check(data, CHUNKS)
    with Reader(data) as reader:
        assert isinstance(reader.model, LatentModel)
        assert reader.model.encoder is None
        assert reader.stored_model is not None
        assert reader.stored_model.size == len(model.pack())


def test_columns_without_a_bound_come_back_as_predicted_and_not_finite_ones_exactly(
    write: Write,
) -> None:
    model = fitted.model()
    data = write(model, CHUNKS, bounds={"Jet_b": "rel 2^-11"}, free=True)
    found = check(data, CHUNKS)
    assert found["Jet_d"] <= {"predicted>copy", "predicted>bits~same>pco", "raw"}
    with Reader(data) as reader:
        bounds = {c.name: str(r.bound) for c, r in zip(
            reader.schema.columns, reader.recipe.columns, strict=True)}  # fmt: skip
        assert bounds["Jet_a"] == bounds["Jet_d"] == "model"
        assert bounds["Jet_b"] == "rel 2^-11"
        assert bounds["Jet_n"] == bounds["met"] == "exact"
        back, original = reader.read(0).columns["Jet_d"], CHUNKS[0].columns["Jet_d"]
        assert 0 < np.abs(back - original).mean() < 0.1
    assert len(data) < 0.7 * len(write(None, CHUNKS))


def test_threads_do_not_change_the_bytes(write: Write, tmp_path: Path) -> None:
    model = fitted.model()
    data = write(model, CHUNKS)
    policy = Policy.of(fitted.BOUNDS)
    recipe = plan(fitted.SCHEMA, CHUNKS[0], policy, (latent_group(model, fitted.SCHEMA, policy),))
    path = tmp_path / "threads.baler"
    with Writer(path, fitted.SCHEMA, recipe, model=UsedModel(model), threads=3) as writer:
        for chunk in CHUNKS:
            writer.write(chunk)
    assert path.read_bytes() == data


def test_without_its_model_a_file_reads_what_is_not_predicted(write: Write) -> None:
    model = fitted.model()
    data = write(model, CHUNKS, embedded=False)
    with Reader(data) as reader:
        assert reader.read(0, ["met", "nJet"]).columns["met"].size == 800
        with pytest.raises(MissingModel, match=model.sha256):
            reader.read(0, ["Jet_a"])
    with pytest.raises(MissingModel, match="the one given is"):
        Reader(data, model=fitted.model(step=161))
    with pytest.raises(MissingModel):
        Reader(data, model=fitted_model.model())


def test_an_event_with_more_objects_than_a_network_takes_is_coded_without_it(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise Corrupt("an event has too many objects")

    model = fitted.model()
    monkeypatch.setattr(LatentModel, "encode", refuse)
    data = write(model, CHUNKS, free=True)
    found = check(data, CHUNKS)
    assert not any(name.startswith("predicted") for names in found.values() for name in names)


def test_more_objects_than_in_training_are_no_matter(write: Write) -> None:
    chunks = [fitted.events(30, 5, most=60)]
    check(write(fitted.model(), chunks), chunks)


@pytest.mark.parametrize("entries", [1, 2, 7, 60])
def test_grids_are_predicted_in_blocks(write: Write, entries: int) -> None:
    chunks = [fitted.frames(entries, 1), fitted.frames(3, 2)]
    bounds = {"u": "abs 1e-3", "v": "abs 1e-3"}
    data = write(fitted.grid_model(), chunks, fitted.GRID, bounds, embedded=False)
    found = check(data, chunks, fitted.grid_model())
    if entries == 60:
        assert any(name.startswith("predicted>") for name in found["v"])
        assert len(data) < len(write(None, chunks, fitted.GRID, bounds))
    free = write(fitted.grid_model(), chunks, fitted.GRID, {}, free=True, embedded=False)
    assert check(free, chunks, fitted.grid_model())["u"] == {"predicted>copy"}


def test_dither_and_prediction_get_along(tmp_path: Path) -> None:
    policy = Policy.of(fitted.BOUNDS, dither=True)
    model, path = fitted.model(classes=True), tmp_path / "dithered.baler"
    recipe = plan(fitted.SCHEMA, CHUNKS[0], policy, (latent_group(model, fitted.SCHEMA, policy),))
    with Writer(path, fitted.SCHEMA, recipe, model=UsedModel(model)) as writer:
        for chunk in CHUNKS:
            writer.write(chunk)
    check(path.read_bytes(), CHUNKS)


def test_a_model_of_other_columns_is_refused_with_what_is_missing() -> None:
    model, policy = fitted.model(), Policy()
    columns = tuple(
        replace(c, dtype=np.dtype("<f8")) if c.name == "Jet_a" else c
        for c in fitted.SCHEMA.columns if c.name != "Jet_n"
    )  # fmt: skip
    schema = Schema(columns, ())
    with pytest.raises(UsageError, match="'Jet_a' is float64, not float32, there is no 'Jet_n'"):
        latent_group(model, schema, policy)
    columns = tuple(replace(c, counts=None) if c.name == "Jet_b" else c for c in columns)
    with pytest.raises(UsageError, match="'Jet_b' has another length"):
        latent_group(model, Schema(columns, ()), policy)


def test_a_group_that_does_not_fit_its_model_is_refused() -> None:
    model = fitted.model()
    group = latent_group(model, fitted.SCHEMA, Policy())
    with pytest.raises(Corrupt, match="other columns"):
        Latent.of(model, fitted.SCHEMA, replace(group, columns=group.columns[::-1]))
    with pytest.raises(Corrupt, match="one network"):
        Latent.of(model, fitted.SCHEMA, replace(group, network=1))
    with pytest.raises(Corrupt, match="one network"):
        Latent.of(model, fitted.SCHEMA, replace(group, parents=(0,)))


def test_a_model_without_an_encoder_cannot_encode(write: Write) -> None:
    bare = LatentModel.unpack(fitted.model().pack())
    with pytest.raises(UsageError, match="no encoder"):
        write(bare, CHUNKS)


def test_the_bound_of_a_model_needs_a_model() -> None:
    with pytest.raises(UsageError, match="'met' has the bound 'model', but no model"):
        plan(fitted.SCHEMA, CHUNKS[0], Policy.of({"met": "model"}))
    assert parse("model") == Free()


def test_free_values_stay_finite_and_others_stay_themselves() -> None:
    original = np.array([1.0, np.nan, np.inf, 0.0])
    decoded = np.array([5.0, 1.0, -np.inf, 0.1])
    assert Free().holds(original, decoded).tolist() == [True, False, False, True]
    assert Free().holds(original, original).all()
    assert not Free().holds(np.array([1.0]), np.array([np.nan])).any()


def test_symbols_are_split_by_classes() -> None:
    random_ = np.random.default_rng(0)
    classes = random_.integers(0, 4, 2000).astype(np.uint8)
    values = random_.integers(0, 2, 2000).astype(np.uint8) << (2 * classes)
    payload = encode_split(values, classes, Search().symbols)

    def context(position: int) -> np.ndarray:  # type: ignore[type-arg]
        assert position == codecs.CLASSES
        return classes

    assert (codecs.decode(payload, values.dtype, 2000, context) == values).all()
    assert codecs.describe(payload, values.dtype).startswith("split>")
    bad = bytes([payload[0], 3]) + payload[2:]
    with pytest.raises(Corrupt, match="too many or too few"):
        codecs.decode(bad, values.dtype, 2000, context)


def test_damage_ends_in_errors_of_ours(write: Write) -> None:
    chunks = [fitted.events(40, 1)]
    data = write(fitted.model(classes=True), chunks, free=True)
    check(data, chunks)
    source = random.Random(0)
    for _ in range(150):
        bad = bytearray(data)
        bad[source.randrange(len(bad))] ^= 1 << source.randrange(8)
        with pytest.raises(FormatError), Reader(bytes(bad)) as reader:
            reader.read(0)


def test_payloads_and_latents_of_any_bytes_decode_or_end_in_errors_of_ours() -> None:
    model, chunk = fitted.model(classes=True), fitted.events(40, 1)
    policy = Policy.of(fitted.BOUNDS)
    group = latent_group(model, fitted.SCHEMA, policy)
    recipe = plan(fitted.SCHEMA, chunk, policy, (group,))
    known = {i: chunk.columns[c.name] for i, c in enumerate(fitted.SCHEMA.columns)}
    latent, size = Latent.of(model, fitted.SCHEMA, group), chunk.columns["Jet_a"].size
    encoder = PredictedEncoder(
        latent, recipe, group.columns, 40, {at: known[at] for at in group.columns}, known,
        lambda at: at, map,
    )  # fmt: skip
    contents = encoder.predicted().contents
    assert contents.streams
    source = random.Random(1)
    for _ in range(400):
        parts = [bytearray(part) for part in (*contents.payloads, *contents.streams)]
        for _ in range(source.randrange(1, 4)):
            part = source.choice(parts)
            part[source.randrange(len(part))] = source.randrange(256)
        bad = Contents([bytes(p) for p in parts[:-1]], (), [bytes(parts[-1])])
        with suppress(FormatError):
            found = decode_predicted(
                lambda: latent, fitted.SCHEMA, recipe, group, group.columns, bad, 40, size, known
            )
            assert all(values.size == size for values in found.values())


def test_a_predicted_payload_stands_nowhere_else() -> None:
    payload = codecs.encode_predicted(1, 2, bytes([8, 0]))

    def context(position: int) -> np.ndarray:  # type: ignore[type-arg]
        raise Corrupt(f"looks at column {position}")

    with pytest.raises(Corrupt, match="looks at column 0"):
        codecs.decode(payload, np.dtype("<f4"), 3, context)
    group = Group((0,), network=0)
    assert Recipe((), (group,)).groups[0].learned
