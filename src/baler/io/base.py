"""What every foreign file is to the rest: a source of chunks, or a sink for them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from baler.core.chunk import Chunk
from baler.core.schema import Schema
from baler.errors import UsageError
from baler.io.location import Location


class Source(Protocol):
    """A foreign file that is open for reading; a context manager."""

    @property
    def name(self) -> str:
        """Where the data are from, such as ``events.root:Events``."""
        ...

    @property
    def schema(self) -> Schema:
        """All columns and fields; the same for every chunk."""
        ...

    @property
    def entries(self) -> int:
        """How many entries there are."""
        ...

    @property
    def disk_bytes(self) -> int:
        """How many bytes the data take in the file, compressed as they are there."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that say what of the original a round trip will not restore."""
        ...

    def chunks(self, target_bytes: int) -> Iterator[Chunk]:
        """Yield all entries in equal runs of about ``target_bytes`` of column data each.

        Never more than the current chunk, and what the file forces to be read with it, is in
        memory. A source without entries yields nothing.
        """
        ...

    def __enter__(self) -> Self:
        """Return the source itself."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        ...


class Sink(Protocol):
    """A foreign file that is being written; a context manager.

    The target appears, or is replaced, when the context ends without an exception, and not before.
    """

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that say what of the original the file will not hold."""
        ...

    def write(self, chunk: Chunk) -> None:
        """Append the entries of a chunk."""
        ...

    def __enter__(self) -> Self:
        """Return the sink itself."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Put the target in place, or remove what was written if there was an exception."""
        ...


def open_source(
    path: str | os.PathLike[str], *, tree: str | None = None, skip_unreadable: bool = False
) -> Source:
    """Open a foreign file for reading; its suffix says how.

    ``tree``, or ``file.root:tree``, names one of several trees of a ROOT file. Branches that
    cannot be read are an error that lists them all, or a note with ``skip_unreadable``.
    """
    location = Location.parse(path)
    if tree is not None and location.tree not in (None, tree):
        raise UsageError(f"two trees are named for {location.path}: {location.tree!r} and {tree!r}")
    tree = tree or location.tree
    if location.format != ".root" and tree is not None:
        raise UsageError(f"{location.path} is not a ROOT file; it has no tree {tree!r}")
    if location.remote and location.format != ".root":
        raise UsageError(f"only ROOT files can be read from URLs, not {location.path!r}")
    location.check_exists()
    match location.format:
        case ".root":
            from baler.io.root import open_root

            return open_root(location.path, tree, skip_unreadable=skip_unreadable)
        case ".parquet":
            _need_pyarrow(location.path)
            from baler.io.parquet import ParquetSource

            return ParquetSource(Path(location.path), skip_unreadable=skip_unreadable)
        case _:
            from baler.io.npz import NpzSource

            return NpzSource(Path(location.path), skip_unreadable=skip_unreadable)


def create_sink(
    path: str | os.PathLike[str],
    schema: Schema,
    *,
    form: str | None = None,
    overwrite: bool = False,
) -> Sink:
    """Create a foreign file from the chunks of a schema; its suffix says how.

    ``form`` makes a ROOT file hold a "ttree" or an "rntuple"; without it, what the schema was
    read from, if that can hold everything.
    """
    location = Location.parse(path)
    if location.remote or location.tree is not None:
        raise UsageError(f"{os.fspath(path)!r} is not the path of a local file")
    if form is not None and location.format != ".root":
        raise UsageError(f"{location.path} is not a ROOT file; it cannot hold a {form!r}")
    target = Path(location.path)
    match location.format:
        case ".root":
            from baler.io.root_write import create_root

            return create_root(target, schema, form=form, overwrite=overwrite)
        case ".parquet":
            _need_pyarrow(location.path)
            from baler.io.parquet_write import ParquetSink

            return ParquetSink(target, schema, overwrite=overwrite)
        case _:
            from baler.io.npz_write import NpzSink

            return NpzSink(target, schema, overwrite=overwrite)


def _need_pyarrow(path: str) -> None:
    if importlib.util.find_spec("pyarrow") is None:
        raise UsageError(f"{path}: Parquet files need pyarrow; install baler[parquet]")
