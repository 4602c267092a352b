"""Both decoders get the same out of predicted columns, of which the second knows the pages only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from baler.codecs.predicted import Split
from baler.codecs.search import Search
from baler.container import Reader, UsedModel, Writer
from baler.core.bounds import same_bits
from baler.core.chunk import Chunk, join_chunks
from baler.core.schema import Schema
from baler.latent.model import Kind, LatentModel
from baler.planning import Policy, freed, latent_group, plan
from tests.latent import fitted
from tests.reference_decoder import Refused, decode

CASES = {
    "table": (fitted.model(kind=Kind.TABLE), fitted.SCHEMA, fitted.BOUNDS, False),
    "events": (fitted.model(), fitted.SCHEMA, fitted.BOUNDS, False),
    "classes": (fitted.model(classes=True), fitted.SCHEMA, fitted.BOUNDS, False),
    "free": (fitted.model(), fitted.SCHEMA, {"Jet_b": "rel 2^-9"}, True),
    "grid": (fitted.grid_model(), fitted.GRID, {"u": "abs 1e-3", "v": "abs 1e-3"}, False),
    "free grid": (fitted.grid_model(), fitted.GRID, {}, True),
}


def chunks_of(schema: Schema) -> list[Chunk]:
    """Return two chunks of a schema."""
    if schema is fitted.GRID:
        return [fitted.frames(41, 1), fitted.frames(2, 2)]
    return [fitted.events(400, 1), fitted.events(0, 2), fitted.events(20, 3)]


def written(
    path: Path, model: LatentModel, schema: Schema, policy: Policy, embedded: bool
) -> bytes:
    """Return a file of these chunks."""
    chunks = chunks_of(schema)
    recipe = plan(schema, chunks[0], policy, (latent_group(model, schema, policy),))
    used = UsedModel(model, embedded=embedded, coarse=200)
    with Writer(path, schema, recipe, model=used, overwrite=True) as writer:
        for chunk in chunks:
            writer.write(chunk)
    return path.read_bytes()


@pytest.mark.parametrize("embedded", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_both_decoders_agree(
    case: str, embedded: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if case == "classes":  # whatever it costs
        monkeypatch.setattr(Search, "cost", lambda _, payload: -payload.count(Split.code))
    model, schema, bounds, free = CASES[case]
    policy = Policy.of(bounds)
    policy = freed(model, policy) if free else policy
    data = written(tmp_path / "a.baler", model, schema, policy, embedded)
    columns, description = decode(data, None if embedded else model.pack())
    assert description.met["looked"]
    if case == "classes":
        assert description.met["codec 13"]
    with Reader(data, model=None if embedded else model) as reader:
        whole = join_chunks([reader.read(k) for k in range(len(reader.chunks) - 1)])
    for name, values in whole.columns.items():
        assert same_bits(values, np.ascontiguousarray(columns[name])).all(), name


def test_the_page_knows_which_model_it_needs(tmp_path: Path) -> None:
    model, schema, bounds, _ = CASES["grid"]
    data = written(tmp_path / "a.baler", model, schema, Policy.of(bounds), embedded=False)
    with pytest.raises(Refused, match="model is missing"):
        decode(data)
    with pytest.raises(Refused, match="another model"):
        decode(data, CASES["table"][0].pack())
