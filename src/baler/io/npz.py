"""Reading ``.npz`` files: arrays whose first dimensions are equal, as fields of fixed size.

A file with the keys ``data`` and ``names`` only is Baler's own form: ``names`` are those of the
columns of ``data``, which become a field each; or of ``data`` itself. Arrays are read as streams,
whatever their size, and pickles never.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import numpy as np
import numpy.typing as npt

from baler.core.chunk import Chunk
from baler.core.schema import DTYPES, Column, Field, Fixed, Leaf, Node, Schema
from baler.errors import SourceError, Unreadable
from baler.io.runs import equal_runs
from baler.io.unreadable import left_out, unreadable

Array = npt.NDArray[Any]

_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


@dataclass(frozen=True, slots=True)
class Member:
    """An array of the file: its key, shape and dtype, and whether it is stored by columns."""

    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool = False

    @property
    def row_bytes(self) -> int:
        """Bytes of one entry."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize


class NpzSource:
    """An ``.npz`` file that is open for reading."""

    def __init__(self, path: Path, *, skip_unreadable: bool) -> None:
        """Find out which arrays there are and how they are shaped."""
        self.name = path.name
        self._path = path
        try:
            with zipfile.ZipFile(path) as archive:
                keys = [key for key in archive.namelist() if key.endswith(".npy")]
                self._compressed = any(info.compress_type for info in archive.infolist())
                members = {key[:-4]: _member(archive, key) for key in keys}
                names = _names(archive, members)
        except (zipfile.BadZipFile, OSError) as error:
            raise SourceError(f"{path} cannot be opened as an .npz file: {error}") from error
        if not members:
            raise SourceError(f"{path} holds no arrays")
        if names is not None:
            del members["names"]
        faults = {name: fault for name, member in members.items() if (fault := _fault(member))}
        if faults and not skip_unreadable:
            raise Unreadable(unreadable(faults, self.name))
        self._members = {name: m for name, m in members.items() if name not in faults}
        self.entries = _common_length(self._members, self.name)
        self.notes = tuple(left_out(faults)) + tuple(
            f"array {name!r} is stored by columns (Fortran order); it will be stored by rows"
            for name, member in self._members.items()
            if member.by_columns
        )
        self.disk_bytes = path.stat().st_size
        self._by_name = names is not None and members["data"].shape[1:] == names.shape
        self.schema = self._described(names)

    def __enter__(self) -> Self:
        """Return the source itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Do nothing: the file is only open while chunks are read."""

    def chunks(self, target_bytes: int) -> Iterator[Chunk]:
        """Yield all entries in equal runs of about ``target_bytes`` of column data each."""
        if self.entries == 0:
            return
        size = self.entries * sum(member.row_bytes for member in self._members.values())
        wanted = -(-size // max(target_bytes, 1))
        with ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(self._path))
            streams = {
                name: stack.enter_context(_Rows(archive, member))
                for name, member in self._members.items()
            }
            for start, stop in equal_runs(self.entries, min(max(wanted, 1), self.entries)):
                arrays = {name: rows.read(stop - start) for name, rows in streams.items()}
                yield Chunk(stop - start, self._columns(arrays))

    def _columns(self, arrays: dict[str, Array]) -> dict[str, Array]:
        values = arrays["data"].T if self._by_name else arrays.values()
        return {
            name: np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1)
            for name, array in zip(self.schema.by_name, values, strict=True)
        }

    def _described(self, names: Array | None) -> Schema:
        dtypes = {name: member.dtype.str for name, member in self._members.items()}
        source: dict[str, Any] = {"kind": "npz", "dtypes": dtypes, "compressed": self._compressed}
        if names is None:
            shapes = {name: (m.dtype, m.shape[1:]) for name, m in self._members.items()}
        else:
            data = self._members["data"]
            source["baler"] = {
                "names": names.tolist(),
                "names_dtype": names.dtype.str,
                "shape": list(data.shape[1:]),
            }
            if self._by_name:
                shapes = dict.fromkeys(_unique(names.tolist()), (data.dtype, ()))
            else:
                name = str(names[0]) if names.size == 1 else "data"
                shapes = {name: (data.dtype, data.shape[1:])}
        return Schema(
            tuple(
                Column(name, dtype.newbyteorder("<"), None, math.prod(shape))
                for name, (dtype, shape) in shapes.items()
            ),
            tuple(Field(name, _node(name, shape)) for name, (_, shape) in shapes.items()),
            source,
        )


class _Rows:
    """A stream of the rows of an array."""

    def __init__(self, archive: zipfile.ZipFile, member: Member) -> None:
        self._member = member
        self._stream = archive.open(member.key)
        _header(self._stream, member.key)
        self._whole: Array | None = None
        self._at = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def read(self, rows: int) -> Array:
        """Return the next rows."""
        member = self._member
        if member.by_columns:
            if self._whole is None:
                self._whole = self._take(member.shape[0]).reshape(member.shape[::-1]).T
            self._at += rows
            return self._whole[self._at - rows : self._at]
        return self._take(rows).reshape(rows, *member.shape[1:])

    def _take(self, rows: int) -> Array:
        size = rows * self._member.row_bytes
        data = self._stream.read(size)
        if len(data) != size:
            raise SourceError(f"array {self._member.key!r} ends {size - len(data)} bytes too early")
        return np.frombuffer(data, self._member.dtype)


def _member(archive: zipfile.ZipFile, key: str) -> Member:
    with archive.open(key) as stream:
        shape, by_columns, dtype = _header(stream, key)
    return Member(key, shape, dtype, by_columns and len(shape) > 1)


def _header(stream: IO[bytes], key: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = np.lib.format.read_magic(stream)
        shape, by_columns, dtype = _HEADERS[version](stream)
    except (ValueError, KeyError) as error:
        raise SourceError(f"{key!r} is not an array in the format of NumPy: {error}") from error
    return shape, by_columns, dtype


def _names(archive: zipfile.ZipFile, members: dict[str, Member]) -> Array | None:
    """Return the names of ``data`` or its columns, if this is Baler's own form."""
    if members.keys() != {"data", "names"}:
        return None
    names = members["names"]
    if names.dtype.hasobject:
        raise SourceError("'names' is a pickled array of objects; pickles are never loaded")
    if len(names.shape) != 1 or (names.dtype.kind != "U" and names.shape != (0,)):
        return None
    with archive.open(names.key) as stream:
        return np.asarray(np.lib.format.read_array(stream, allow_pickle=False))


def _unique(names: list[str]) -> list[str]:
    unique: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in unique:
            number += 1
            candidate = f"{name}#{number}"
        unique.append(candidate)
    return unique


def _node(name: str, shape: tuple[int, ...]) -> Node:
    node: Node = Leaf(name)
    for size in reversed(shape):
        node = Fixed(size, node)
    return node


def _fault(member: Member) -> str:
    if member.dtype.hasobject:
        return "it is a pickled array of objects; pickles are never loaded"
    if not member.shape:
        return "it is a single number without entries"
    if member.dtype.newbyteorder("<").str not in DTYPES:
        return f"it has values of type {member.dtype}, which columns cannot hold"
    return ""


def _common_length(members: dict[str, Member], name: str) -> int:
    lengths = {member.shape[0] for member in members.values()}
    if len(lengths) > 1:
        shapes = ", ".join(f"{key} {member.shape}" for key, member in members.items())
        raise SourceError(f"the arrays of {name} have different numbers of entries: {shapes}")
    return lengths.pop() if lengths else 0
