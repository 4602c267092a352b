"""Writing ``.npz`` files: arrays of fixed shape, or a table as ``data`` and ``names``."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from baler.core.chunk import Chunk
from baler.core.schema import Field, Fixed, Leaf, Node, Schema
from baler.errors import UsageError
from baler.io.sink import FileSink


class NpzSink(FileSink):
    """Writes an ``.npz`` file; values wait in one file per array until all are known."""

    def __init__(self, target: Path, schema: Schema, *, overwrite: bool) -> None:
        """Check that the fields have fixed shapes."""
        super().__init__(target, schema, overwrite=overwrite)
        misfits = [field.name for field in schema.fields if _leaf(field.node) is None]
        if misfits:
            raise UsageError(
                "an .npz file holds arrays of fixed shape only, "
                f"which these fields have not: {', '.join(misfits)}"
            )
        if not schema.fields:
            raise UsageError(f"there are no fields to write to {str(target)!r}")
        self._table = _is_table(schema)
        self._dtypes: dict[str, str] = (
            schema.source.get("dtypes", {}) if schema.source.get("kind") == "npz" else {}
        )
        self._keys = ["data"] if self._table else [field.name for field in schema.fields]
        self._entries = 0
        self._path = target
        self._waiting: TemporaryDirectory[str] | None = None

    def _open(self, path: Path) -> None:
        self._path = path
        self._waiting = TemporaryDirectory(prefix=f"{path.name}.", dir=path.parent)

    def write(self, chunk: Chunk) -> None:
        """Append the entries of a chunk."""
        if self._table:
            arrays = [np.stack([chunk.columns[name] for name in self._schema.by_name], axis=1)]
        else:
            arrays = [chunk.columns[_column(field)] for field in self._schema.fields]
        for i, (key, array) in enumerate(zip(self._keys, arrays, strict=True)):
            with self._waiting_file(i).open("ab") as file:
                file.write(np.ascontiguousarray(array, self._dtype(key)).data)
        self._entries += chunk.entries

    def _close(self, *, complete: bool) -> None:
        if self._waiting is None:
            return
        with self._waiting:
            if not complete:
                return
            compressed = self._schema.source.get("compressed", True)
            how = zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED
            with zipfile.ZipFile(self._path, "w", how, allowZip64=True) as archive:
                for i, key in enumerate(self._keys):
                    self._add(archive, key, self._waiting_file(i), self._shape(i))
                if self._table:
                    with archive.open("names.npy", "w") as stream:
                        names = np.array(self._schema.source["table"], np.str_)
                        np.lib.format.write_array(stream, names, allow_pickle=False)

    def _add(
        self, archive: zipfile.ZipFile, key: str, waiting: Path, shape: tuple[int, ...]
    ) -> None:
        header = {
            "descr": np.lib.format.dtype_to_descr(self._dtype(key)),
            "fortran_order": False,
            "shape": (self._entries, *shape),
        }
        with archive.open(f"{key}.npy", "w", force_zip64=True) as stream:
            np.lib.format.write_array_header_1_0(stream, header)
            if waiting.exists():
                with waiting.open("rb") as values:
                    shutil.copyfileobj(values, stream)

    def _waiting_file(self, i: int) -> Path:
        if self._waiting is None:
            raise UsageError("the sink has not been entered")
        return Path(self._waiting.name) / str(i)

    def _dtype(self, key: str) -> np.dtype[Any]:
        if key in self._dtypes:
            return np.dtype(self._dtypes[key])
        field = self._schema.fields[self._keys.index(key)]
        dtype: np.dtype[Any] = self._schema.by_name[_column(field)].dtype
        return dtype

    def _shape(self, i: int) -> tuple[int, ...]:
        if self._table:
            return (len(self._schema.fields),)
        shape, node = [], self._schema.fields[i].node
        while isinstance(node, Fixed):
            shape.append(node.size)
            node = node.content
        return tuple(shape)


def _leaf(node: Node) -> str | None:
    while isinstance(node, Fixed):
        node = node.content
    return node.column if isinstance(node, Leaf) else None


def _column(field: Field) -> str:
    column = _leaf(field.node)
    if column is None:
        raise UsageError(f"field {field.name!r} has no fixed shape")
    return column


def _is_table(schema: Schema) -> bool:
    """Tell whether the columns were those of one array, and all of them are still there."""
    names = schema.source.get("table", []) if schema.source.get("kind") == "npz" else []
    return 0 < len(names) == len(schema.columns) == len(schema.fields)
