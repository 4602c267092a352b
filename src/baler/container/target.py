"""A file that appears under its name only when it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from baler.container.storage import is_url
from baler.core.replacing import check_target, replacing
from baler.errors import UsageError


class Target:
    """A new file, written beside its final place under a temporary name.

    Leaving the context without an exception moves it there; any exception removes it and leaves
    whatever was there before as it was.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Check that the target may be written; nothing is created yet."""
        if is_url(os.fspath(path)):
            raise UsageError(f"can only write to a local path, not to {os.fspath(path)!r}")
        self.path = Path(path)
        self.size = 0
        check_target(self.path, overwrite=overwrite)
        self._replacing = replacing(self.path, overwrite=overwrite)

    def __enter__(self) -> Target:
        """Create the temporary file."""
        temporary = self._replacing.__enter__()
        try:
            self._file = temporary.open("xb")
        except BaseException as error:
            self._replacing.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def write(self, data: bytes) -> None:
        """Append bytes."""
        with self._explaining():
            self._file.write(data)
        self.size += len(data)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Move the complete file to its place, or remove an incomplete one."""
        try:
            if error is None:
                with self._explaining():
                    self._file.flush()
                    os.fsync(self._file.fileno())
                    self._file.close()
        except OSError as late:
            self._leave(type(late), late, late.__traceback__)
            raise
        self._leave(kind, error, traceback)

    def _leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):  # closing flushes, which may fail again on a full disk
            self._file.close()
        self._replacing.__exit__(kind, error, traceback)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            error.add_note(
                f"while writing {str(self.path)!r}, after {self.size} bytes; "
                "the incomplete file was removed, what was there before is untouched"
            )
            raise
