"""What the two kinds of trees in ROOT files have in common as sources."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any, Self

import awkward as ak

from baler.core.chunk import Chunk
from baler.core.schema import Field, Schema
from baler.errors import Unreadable
from baler.io.awkward import disassemble
from baler.io.runs import equal_chunks
from baler.io.unreadable import reason, unreadable

Read = Callable[[Sequence[str]], Mapping[str, ak.Array]]


class RootSource(abc.ABC):
    """An open tree of a ROOT file; its makers set ``schema``, ``notes`` and ``disk_bytes``."""

    schema: Schema
    notes: tuple[str, ...]
    disk_bytes: int

    def __init__(self, file: Any, path: str, tree: str, entries: int) -> None:
        """Take over an open file."""
        self._file = file
        self.name = f"{PurePosixPath(path.replace(chr(92), '/')).name}:{tree}"
        self.entries = entries

    def __enter__(self) -> Self:
        """Return the source itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self._file.close()

    def chunks(self, target_bytes: int) -> Iterator[Chunk]:
        """Yield all entries in equal runs of about ``target_bytes`` of column data each."""
        return equal_chunks(self.entries, target_bytes, self._chunk)

    def _chunk(self, start: int, stop: int) -> Chunk:
        fields = self._to_read()
        arrays, faults = read_most(
            [field.name for field in fields], lambda names: self._arrays(names, start, stop)
        )
        if faults:
            raise Unreadable(unreadable(faults, f"{self.name}, entries {start} to {stop},"))
        columns = disassemble(((f, arrays[f.name]) for f in fields), self.schema.by_name)
        return Chunk(stop - start, columns)

    @abc.abstractmethod
    def _to_read(self) -> Sequence[Field]:
        """Return fields that together hold all columns."""

    @abc.abstractmethod
    def _arrays(self, names: Sequence[str], start: int, stop: int) -> Mapping[str, ak.Array]:
        """Read fields for a run of entries; any exception means that one of them is at fault."""


def read_most(names: Sequence[str], read: Read) -> tuple[dict[str, ak.Array], dict[str, str]]:
    """Read as many fields as possible, many at once; return arrays, and faults of the rest."""
    if not names:
        return {}, {}
    try:
        return dict(read(names)), {}
    except Exception as error:  # whatever the reader of a broken branch runs into
        if len(names) == 1:
            return {}, {names[0]: reason(error)}
    half = len(names) // 2
    arrays, faults = read_most(names[:half], read)
    more_arrays, more_faults = read_most(names[half:], read)
    return arrays | more_arrays, faults | more_faults
