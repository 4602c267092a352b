"""A file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from baler.container.storage import is_url
from baler.errors import TargetExists, UsageError


class Target:
    """A new file, written beside its final place under a temporary name.

    Leaving the context without an exception moves it there; any exception, KeyboardInterrupt
    included, removes it and leaves whatever was there before as it was.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Check that the target may be written; nothing is created yet."""
        if is_url(os.fspath(path)):
            raise UsageError(f"can only write to a local path, not to {os.fspath(path)!r}")
        self.path = Path(path)
        self.size = 0
        self._overwrite = overwrite
        self._check()
        self._temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}.part")

    def _check(self) -> None:
        if self.path.is_dir():
            raise TargetExists(f"{str(self.path)!r} is a directory")
        if not self._overwrite and os.path.lexists(self.path):
            raise TargetExists(f"{str(self.path)!r} exists; overwriting was not asked for")

    def __enter__(self) -> Target:
        """Create the temporary file."""
        self._file = self._temporary.open("xb")
        return self

    def write(self, data: bytes) -> None:
        """Append bytes."""
        try:
            self._file.write(data)
        except OSError as error:
            self._explain(error)
            raise
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
                self._commit()
        finally:
            self._discard()

    def _commit(self) -> None:
        self._check()
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._temporary.replace(self.path)
        except OSError as error:
            self._explain(error)
            raise
        _sync_directory(self.path.parent)

    def _discard(self) -> None:
        with suppress(OSError):  # closing flushes, which may fail again on a full disk
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _explain(self, error: OSError) -> None:
        error.add_note(
            f"while writing {str(self.path)!r}, after {self.size} bytes; "
            "the incomplete file was removed, what was there before is untouched"
        )


def _sync_directory(directory: Path) -> None:
    """Make the new name last through a power failure, where the system can do that."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
