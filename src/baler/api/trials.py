"""Trials: what a model saves of the first events of a file, before the file is begun."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from baler.container import UsedModel, Writer
from baler.core.chunk import Chunk
from baler.core.recipe import Recipe
from baler.core.schema import Schema
from baler.core.size import format_size


def saved_in_trial(
    schema: Schema, recipe: Recipe, used: UsedModel, trial: Chunk
) -> Mapping[str, int]:
    """Return about how many bytes a model saves of each column, by name; its own do not count."""
    with (
        tempfile.TemporaryDirectory(prefix="baler-") as folder,
        Writer(Path(folder) / "trial.baler", schema, recipe, model=used) as writer,
    ):
        writer.write(trial)
    return {name: found.saved_bytes for name, found in writer.statistics.items()}


def left_out(takes: int, saves: float) -> str:
    """Return the note on a model that would take more bytes than it saves."""
    size, less = format_size(takes), format_size(max(0, round(saves)))
    return f"the model would take {size} and save about {less}; it is left out"
