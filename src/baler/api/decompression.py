"""A ``.baler`` file to a foreign file."""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from baler.api.jobs import Progress, threads
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
    write_seconds: float  # of them, spent in writing the target
    notes: tuple[str, ...]  # what of the original is not restored

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {**asdict(self), "notes": list(self.notes)}


def decompress(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    form: str | None = None,
    jobs: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Decompression:
    """Write all of a ``.baler`` file to a ROOT, Parquet or npz file, by the target's suffix.

    ``form`` ("ttree" or "rntuple") overrules the kind of the original for ROOT files. The target
    appears when it is complete.

    Raises FormatError (damaged file), UsageError (target exists, cannot hold the data), OSError.
    """
    start = time.perf_counter()
    raw, writing = 0, 0.0
    with Reader(source, threads=threads(jobs)) as reader:
        schema, edges = reader.schema, reader.chunks
        with create_sink(target, schema, form=form, overwrite=overwrite) as sink:
            for number in range(max(len(edges) - 1, 1)):
                chunk = reader.read(number) if len(edges) > 1 else empty_chunk(schema)
                waiting = time.perf_counter()
                sink.write(chunk)
                writing += time.perf_counter() - waiting
                raw += chunk.nbytes
                if progress is not None:
                    progress((number + 1) / max(len(edges) - 1, 1), raw)
            waiting = time.perf_counter()
        writing += time.perf_counter() - waiting
        notes = dict.fromkeys([*reader.metadata.get("notes", ()), *sink.notes])
        return Decompression(
            source=os.fspath(source),
            target=os.fspath(target),
            entries=reader.entries,
            raw_bytes=raw,
            target_bytes=Path(target).stat().st_size,
            seconds=time.perf_counter() - start,
            write_seconds=writing,
            notes=tuple(notes),
        )
