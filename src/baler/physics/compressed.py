"""Events there and back, through a real ``.baler`` file."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from baler.container import Reader, Writer
from baler.core.bounds import Bound
from baler.core.chunk import join_chunks
from baler.physics.events import Events
from baler.planning import Policy, plan


@dataclass(frozen=True, slots=True, eq=False)
class Compressed:
    """Events there and back."""

    events: Events
    size: int  # bytes of the file
    columns: Mapping[str, int]  # bytes of each column
    compress_seconds: float  # CPU
    decompress_seconds: float


def compressed(events: Events, bounds: Mapping[str, Bound], *, dither: bool = False) -> Compressed:
    """Write events, all in one chunk, and read them again; columns without a bound are exact."""
    schema = events.schema
    start = time.process_time()
    recipe = plan(schema, events.chunk, Policy.of_columns(bounds, dither=dither))
    with tempfile.TemporaryDirectory(prefix="baler-") as folder:
        path = Path(folder) / "events.baler"
        with Writer(path, schema, recipe) as writer:
            writer.write(events.chunk)
        middle = time.process_time()
        with Reader(path) as reader:
            back = join_chunks([reader.read(n) for n in range(len(reader.chunks) - 1)])
        end = time.process_time()
        sizes = {name: found.stored_bytes for name, found in writer.statistics.items()}
        return Compressed(
            events.with_columns(back.columns), path.stat().st_size, sizes, middle - start,
            end - middle,
        )  # fmt: skip
