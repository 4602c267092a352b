"""What all sinks have in common: a temporary file that becomes the target at the end."""

from __future__ import annotations

import abc
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from baler.core.chunk import Chunk
from baler.core.replacing import check_target, replacing
from baler.core.schema import Schema


class FileSink(abc.ABC):
    """A sink for one local file. Nothing is written before the context is entered."""

    def __init__(self, target: Path, schema: Schema, *, overwrite: bool) -> None:
        """Check that the target can be written."""
        check_target(target, overwrite=overwrite)
        self._replacing = replacing(target, overwrite=overwrite)
        self._schema = schema
        self._stack = ExitStack()
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that say what of the original the file will not hold."""
        return tuple(self._notes)

    def add_note(self, note: str) -> None:
        """Add a sentence to the notes."""
        self._notes.append(note)

    @abc.abstractmethod
    def write(self, chunk: Chunk) -> None:
        """Append the entries of a chunk."""

    @abc.abstractmethod
    def _open(self, path: Path) -> None:
        """Create a file."""

    @abc.abstractmethod
    def _close(self, *, complete: bool) -> None:
        """Close the file; if ``complete``, after everything that it still needs."""

    def __enter__(self) -> Self:
        """Create the temporary file."""
        path = self._stack.enter_context(self._replacing)
        try:
            self._open(path)
        except BaseException as error:
            self._stack.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the target in place, or remove what was written if there was an exception."""
        try:
            self._close(complete=error is None)
        except BaseException as late:
            self._stack.__exit__(type(late), late, late.__traceback__)
            raise
        self._stack.__exit__(kind, error, trace)
