"""A ``.baler`` file to a foreign file."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from baler.api.jobs import Progress, ahead, threads
from baler.api.models import GivenModel, load
from baler.container import Reader
from baler.core.chunk import empty_chunk
from baler.io import create_sink


@dataclass(frozen=True, slots=True)
class Decompression:
    """What came of a decompression."""

    source: str
    target: str
    entries: int
    raw_bytes: int
    target_bytes: int
    seconds: float
    notes: tuple[str, ...]  # what of the original is not restored

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {**asdict(self), "notes": list(self.notes)}


def decompress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    form: str | None = None,
    model: GivenModel = None,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Decompression:
    """Write all of a ``.baler`` file to a ROOT, Parquet or npz file, by the target's suffix.

    ``form`` ("ttree" or "rntuple") overrules the kind of the original for ROOT files. ``model`` is
    needed by files that refer to a model kept elsewhere. The target appears when it is complete.

    Raises FormatError (damaged file), UsageError (target exists, cannot hold the data; the model is
    missing), OSError.
    """
    start = time.perf_counter()
    workers = threads(jobs)
    raw = 0
    with Reader(source, model=load(model), threads=workers) as reader:
        schema, chunks = reader.schema, len(reader.chunks) - 1
        decoded = ahead(map(reader.read, range(chunks)), workers)
        with create_sink(target, schema, form=form, overwrite=overwrite) as sink:
            for number, chunk in enumerate(decoded if chunks else [empty_chunk(schema)], start=1):
                sink.write(chunk)
                raw += chunk.nbytes
                if progress is not None:
                    progress(number / max(chunks, 1), raw)
        notes = dict.fromkeys([*reader.metadata.get("notes", ()), *sink.notes])
        return Decompression(
            source=os.fspath(source),
            target=os.fspath(target),
            entries=reader.entries,
            raw_bytes=raw,
            target_bytes=Path(target).stat().st_size,
            seconds=time.perf_counter() - start,
            notes=tuple(notes),
        )
