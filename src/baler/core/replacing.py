"""Writing a file so that its place is taken only when it is complete."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from baler.errors import TargetExists, UsageError


def check_target(target: Path, *, overwrite: bool) -> None:
    """Raise TargetExists, or UsageError if there is no folder for the target."""
    if target.is_dir():
        raise TargetExists(f"{str(target)!r} is a directory")
    if not overwrite and os.path.lexists(target):
        raise TargetExists(f"{str(target)!r} exists; overwriting was not asked for")
    if not target.parent.is_dir():
        raise UsageError(f"folder {str(target.parent)!r} does not exist")


@contextmanager
def replacing(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give the name of a temporary file that becomes the target when the context ends well.

    After any exception, KeyboardInterrupt included, the temporary file is removed, and the target
    is what it was before.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        check_target(target, overwrite=overwrite)  # it may have appeared meanwhile
        temporary.replace(target)
        _sync_directory(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    """Make the new name last through a power failure, where the system can do that."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
