"""Make the files in v2, which have learned columns, and the manifest of what they hold.

Run once for a version of the format, never again: what the files decode to is to stay for ever.
``fitted`` has a model made by hand and several chunks; ``trained`` has one of jets and of what they
are made of, trained for a moment, with most of what a network can look at.

    python -m tests.golden.make_learned
"""

from __future__ import annotations

import json
from pathlib import Path

from baler.container import UsedModel, Writer
from baler.core.chunk import Chunk, slice_chunk
from baler.core.schema import Field, Leaf, List, Schema
from baler.io import open_source
from baler.learned.model import Model
from baler.planning import Policy, learned_groups, plan
from baler.training.design import design
from baler.training.learning import learn, made_of
from baler.training.measure import columns_read, without_model
from baler.training.sample import Sample
from baler.training.settings import Settings
from tests import fitted_model as fitted
from tests.golden.make_files import digests

HERE = Path(__file__).parent / "v2"
EVENTS = Path(__file__).parents[2] / "examples" / "events.root"
JETS = [f"Jet_{name}" for name in ("pt", "eta", "phi", "mass", "nConstituents", "charge", "chHEF")]
PARTS = [f"PF_{name}" for name in ("jetIdx", "pt", "eta", "phi", "pdgId", "d0", "d0Err")]
KEPT = ("nJet", "nPF", *JETS, *PARTS, "MET_pt", "PV_npvs", "genWeight")
BOUNDS = {"*": "rel 2^-7", "*_eta": "abs 0.01", "*_phi": "abs 0.01"}
EVENTS_KEPT = 60


def jets() -> tuple[Schema, Chunk]:
    """Return some events of the example, and what their jets are made of."""
    with open_source(EVENTS) as source:
        chunk = next(source.chunks(1 << 30))
        columns = [column for column in source.schema.columns if column.name in KEPT]
    counts = {column.counts for column in columns}
    fields = [
        Field(c.name, Leaf(c.name) if c.counts is None else List(c.counts, Leaf(c.name)))
        for c in columns if c.name not in counts
    ]  # fmt: skip
    schema = Schema(tuple(columns), tuple(fields))
    return schema, Chunk(chunk.entries, {c.name: chunk.columns[c.name] for c in columns})


def trained(schema: Schema, chunk: Chunk) -> Model:
    """Return a model that was trained for a moment; none of its networks is left out."""
    policy = Policy.of(BOUNDS)
    sample = Sample.of(schema, [chunk], chunk.entries)
    plain = design(schema, sample.trained, policy)
    recipe = plan(schema, sample.trained, policy)
    marginal = without_model(schema, recipe, sample.held_out, columns_read(plain))
    settings = Settings(steps=400, hidden=32, shapes=3, device="cpu")
    learned = learn(sample, plain, marginal, settings)
    return made_of(plain.axes, learned, [True] * len(learned), {})


def write(
    path: Path, schema: Schema, chunk: Chunk, bounds: dict[str, str], model: Model, runs: list[int]
) -> None:
    """Write a file of several chunks that holds its model."""
    policy = Policy.of(bounds)
    groups, _ = learned_groups(model, schema, policy)
    recipe = plan(schema, chunk, policy, groups)
    at = 0
    with Writer(path, schema, recipe, model=UsedModel(model), overwrite=True) as writer:
        for size in runs:
            writer.write(slice_chunk(schema, chunk, at, at + size))
            at += size


def main() -> None:
    """Write both files and the manifest."""
    HERE.mkdir(exist_ok=True)
    made_up = fitted.events(400, seed=3)
    write(
        HERE / "fitted.baler", fitted.SCHEMA, made_up, fitted.BOUNDS, fitted.model(), [300, 0, 100]
    )
    schema, chunk = jets()
    model = trained(schema, chunk)
    write(HERE / "trained.baler", schema, chunk, BOUNDS, model, [EVENTS_KEPT])
    manifest = {path.name: digests(path) for path in sorted(HERE.glob("*.baler"))}
    text = json.dumps(manifest, indent=1)
    (HERE / "manifest.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
