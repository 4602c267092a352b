"""Writing a file so that its place is taken only when it is complete."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from baler.errors import TargetExists, UsageError


def check_target(target: Path, *, overwrite: bool) -> None:
    """Raise TargetExists, or UsageError if there is no folder for the target."""
    if target.exists() and not overwrite:
        raise TargetExists(f"{str(target)!r} exists; it is only overwritten on request")
    if target.is_dir():
        raise UsageError(f"{str(target)!r} is a folder")
    if not target.parent.is_dir():
        raise UsageError(f"folder {str(target.parent)!r} does not exist")


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give the name of a temporary file that becomes the target when the context ends well.

    After any exception the temporary file is removed, and the target is what it was before.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        os.replace(temporary, target)  # noqa: PTH105 (says what it does)
    finally:
        temporary.unlink(missing_ok=True)
