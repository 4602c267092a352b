"""Ranged reads from whatever holds a file: a path, a URL, bytes or an open file."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path
from typing import BinaryIO

from baler.errors import Truncated

Place = str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO


class Storage:
    """Bytes of known number that can be read from anywhere, by one thread at a time."""

    def __init__(self, place: Place) -> None:
        """Open the place; an open file given by the caller stays the caller's to close."""
        self._lock = threading.Lock()
        self._own = True
        if isinstance(place, (bytes, bytearray, memoryview)):
            self.name = f"{len(place)} bytes"
            self._file: BinaryIO = io.BytesIO(place)
        elif isinstance(place, (str, os.PathLike)):
            self.name = os.fspath(place)
            self._file = _open_url(self.name) if is_url(self.name) else _open_path(self.name)
        else:
            self.name = str(getattr(place, "name", "a file object"))
            self._file, self._own = place, False
        self.size = self._file.seek(0, os.SEEK_END)

    def read(self, offset: int, size: int) -> memoryview:
        """Return ``size`` bytes that begin at ``offset``; raises Truncated if there are fewer."""
        with self._lock:
            self._file.seek(offset)
            data = self._file.read(size)
        if len(data) != size:
            raise Truncated(f"only {len(data)} of {size} bytes could be read at {offset}")
        return memoryview(data)

    def close(self) -> None:
        """Close what was opened here."""
        if self._own:
            self._file.close()


def is_url(place: str) -> bool:
    """Tell whether a place is a URL, chained or not, rather than a local path."""
    return "://" in place or "::" in place


def _open_path(path: str) -> BinaryIO:
    return Path(path).open("rb")


def _open_url(url: str) -> BinaryIO:
    """Return a remote file that fetches the ranges that are read and no more."""
    import fsspec  # type: ignore[import-untyped]

    target = fsspec.open(url, "rb")
    file: BinaryIO = target.fs.open(target.path, "rb", cache_type="none")
    return file
