"""Make the files in v3, which have predicted columns, and the manifest of what they hold.

Run once for a version of the format, never again: what the files decode to is to stay for ever.

    python -m tests.golden.make_latent
"""

from __future__ import annotations

import json
from pathlib import Path

from baler.container import UsedModel, Writer
from baler.core.chunk import Chunk
from baler.core.schema import Schema
from baler.latent.model import LatentModel
from baler.planning import Policy, freed, latent_group, plan
from tests.golden.make_files import digests
from tests.latent import fitted

HERE = Path(__file__).parent / "v3"


def write(
    name: str, model: LatentModel, schema: Schema, policy: Policy, chunks: list[Chunk]
) -> None:
    """Write a file that holds its model."""
    recipe = plan(schema, chunks[0], policy, (latent_group(model, schema, policy),))
    path = HERE / f"{name}.baler"
    with Writer(path, schema, recipe, model=UsedModel(model), overwrite=True) as writer:
        for chunk in chunks:
            writer.write(chunk)


def main() -> None:
    """Write all files and the manifest."""
    HERE.mkdir(exist_ok=True)
    model, policy = fitted.model(classes=True), Policy.of(fitted.BOUNDS)
    events = [fitted.events(400, 1), fitted.events(0, 2), fitted.events(30, 3)]
    write("bounded", model, fitted.SCHEMA, policy, events)
    model = fitted.model()
    write("free", model, fitted.SCHEMA, freed(model, Policy()), events[:2])
    grid, bounds = fitted.grid_model(), Policy.of({"u": "abs 1e-3", "v": "abs 1e-3"})
    write("grid", grid, fitted.GRID, bounds, [fitted.frames(41, 1), fitted.frames(2, 2)])
    manifest = {path.name: digests(path) for path in sorted(HERE.glob("*.baler"))}
    text = json.dumps(manifest, indent=1)
    (HERE / "manifest.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
