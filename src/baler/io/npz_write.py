"""Writing ``.npz`` files: arrays of fixed shape, or ``data`` and ``names`` as they were read."""

from __future__ import annotations

import math
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from baler.core.chunk import Chunk
from baler.core.schema import Fixed, Leaf, Node, Schema
from baler.errors import UsageError, some
from baler.io.sink import FileSink


@dataclass(frozen=True, slots=True)
class _Array:
    """An array to be written: its key, the shape of one entry, and the columns side by side."""

    key: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    columns: tuple[str, ...]


class NpzSink(FileSink):
    """Writes an ``.npz`` file; values wait in one file per array until all are known."""

    def __init__(self, target: Path, schema: Schema, *, overwrite: bool) -> None:
        """Check that the fields have fixed shapes."""
        super().__init__(target, schema, overwrite=overwrite)
        if not schema.fields:
            raise UsageError(f"there are no fields to write to {str(target)!r}")
        arrays = _arrays(schema)
        original = schema.source.get("baler", {})
        self._names: np.ndarray[Any, Any] | None = None
        if original and sum(math.prod(a.shape) for a in arrays) == math.prod(original["shape"]):
            self._names = np.array(original["names"], original["names_dtype"])
            columns = tuple(column for array in arrays for column in array.columns)
            dtype = np.dtype(schema.source["dtypes"]["data"])
            arrays = [_Array("data", tuple(original["shape"]), dtype, columns)]
        self._arrays = arrays
        self._compression = (
            zipfile.ZIP_DEFLATED if schema.source.get("compressed", True) else zipfile.ZIP_STORED
        )
        self._entries = 0
        self._path = target
        self._waiting: TemporaryDirectory[str] | None = None

    def _open(self, path: Path) -> None:
        self._path = path
        self._waiting = TemporaryDirectory(prefix=f"{path.name}.", dir=path.parent)

    def write(self, chunk: Chunk) -> None:
        """Append the entries of a chunk."""
        for i, array in enumerate(self._arrays):
            values = np.stack([chunk.columns[name] for name in array.columns], axis=1)
            with self._waiting_file(i).open("ab") as file:
                file.write(np.ascontiguousarray(values, array.dtype).data)
        self._entries += chunk.entries

    def _close(self, *, complete: bool) -> None:
        if self._waiting is None:
            return
        with self._waiting:
            if not complete:
                return
            with zipfile.ZipFile(self._path, "w", self._compression) as archive:
                for i, array in enumerate(self._arrays):
                    self._add(archive, array, self._waiting_file(i))
                if self._names is not None:
                    with archive.open("names.npy", "w") as stream:
                        np.lib.format.write_array(stream, self._names, allow_pickle=False)

    def _add(self, archive: zipfile.ZipFile, array: _Array, waiting: Path) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(array.dtype),
            "fortran_order": False,
            "shape": (self._entries, *array.shape),
        }
        with archive.open(f"{array.key}.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            if waiting.exists():
                with waiting.open("rb") as values:
                    shutil.copyfileobj(values, stream)

    def _waiting_file(self, i: int) -> Path:
        if self._waiting is None:
            raise UsageError("a sink must be entered before it is written to")
        return Path(self._waiting.name) / str(i)


def _arrays(schema: Schema) -> list[_Array]:
    """Return an array for every field, in the dtype of the original if that was ``.npz`` too."""
    stored = schema.source.get("dtypes", {}) if schema.source.get("kind") == "npz" else {}
    arrays, misfits = [], []
    for field in schema.fields:
        shape, column = _shape(field.node)
        if column is None:
            misfits.append(field.name)
            continue
        dtype = np.dtype(stored.get(field.name, schema.by_name[column].dtype))
        arrays.append(_Array(field.name, shape, dtype, (column,)))
    if misfits:
        raise UsageError(
            "an .npz file holds arrays of fixed shape only, "
            f"which these fields have not: {some(misfits)}"
        )
    return arrays


def _shape(node: Node) -> tuple[tuple[int, ...], str | None]:
    shape = []
    while isinstance(node, Fixed):
        shape.append(node.size)
        node = node.content
    return tuple(shape), node.column if isinstance(node, Leaf) else None
