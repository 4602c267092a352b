"""``.npz`` files, read and written back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from baler.core.schema import Column, Field, Fixed, Leaf, List, Schema
from baler.errors import SourceError, Unreadable, UsageError
from baler.io import create_sink, open_source

savez: Any = np.savez  # its stubs take every array for allow_pickle
rng = np.random.default_rng(5)

FILES: dict[str, dict[str, npt.NDArray[Any]]] = {
    "plain": {
        "x": rng.normal(size=(100, 3)).astype(">f4"),
        "n": np.arange(100, dtype="<u2"),
        "flag": np.arange(100) % 2 == 0,
        "cube": rng.normal(size=(100, 2, 3, 4)),
        "empty": np.zeros((100, 0)),
    },
    "table": {"data": rng.normal(size=(100, 3)), "names": np.array(["pt", "eta", "a long name"])},
    "one": {"data": rng.normal(size=(50, 1)).astype("f4"), "names": np.array(["pt"])},
    "line": {"data": rng.normal(size=50), "names": np.array(["pt"])},
    "grid": {"data": rng.normal(size=(20, 9, 8)), "names": np.zeros(0)},
    "same": {"data": rng.integers(0, 9, (7, 2)), "names": np.array(["x", "x"])},
    "bare": {"data": rng.normal(size=(20, 9))},
    "none": {"x": np.zeros((0, 4), "f4"), "y": np.zeros(0)},
}


@pytest.mark.parametrize("target_bytes", [300, 10**9])
@pytest.mark.parametrize("name", FILES)
def test_arrays_come_back(tmp_path: Path, copy: Any, name: str, target_bytes: int) -> None:
    savez(tmp_path / "a.npz", **FILES[name])
    copy(tmp_path / "a.npz", tmp_path / "b.npz", target_bytes)
    with np.load(tmp_path / "b.npz", allow_pickle=False) as back:
        assert list(back) == list(FILES[name])
        for key, array in FILES[name].items():
            assert back[key].dtype == array.dtype
            assert back[key].shape == array.shape
            assert back[key].tobytes() == array.tobytes()


def test_names_become_those_of_columns(tmp_path: Path) -> None:
    savez(tmp_path / "a.npz", **FILES["table"])
    with open_source(tmp_path / "a.npz") as source:
        f8 = np.dtype("<f8")
        assert source.schema.columns == tuple(Column(n, f8) for n in ("pt", "eta", "a long name"))
        (chunk,) = source.chunks(10**9)
    assert np.array_equal(chunk.columns["eta"], FILES["table"]["data"][:, 1])


def test_names_name_what_they_fit(tmp_path: Path) -> None:
    expected = {"one": ["pt"], "line": ["pt"], "grid": ["data"], "same": ["x", "x#2"]}
    for name, columns in expected.items():
        savez(tmp_path / "a.npz", **FILES[name])
        with open_source(tmp_path / "a.npz") as source:
            assert list(source.schema.by_name) == columns


def test_grids_are_blocks_of_fixed_size(tmp_path: Path) -> None:
    savez(tmp_path / "a.npz", **FILES["grid"])
    with open_source(tmp_path / "a.npz") as source:
        assert source.entries == 20
        assert source.schema.fields == (Field("data", Fixed(9, Fixed(8, Leaf("data")))),)


def test_order_by_columns_is_not_kept(tmp_path: Path, copy: Any) -> None:
    array = np.asfortranarray(rng.normal(size=(30, 4)))
    np.savez_compressed(tmp_path / "a.npz", data=array)
    copy(tmp_path / "a.npz", tmp_path / "b.npz", 100)
    with open_source(tmp_path / "a.npz") as source:
        assert source.notes == (
            "array 'data' is stored by columns (Fortran order); it will be stored by rows",
        )
    with np.load(tmp_path / "b.npz") as back:
        assert np.array_equal(back["data"], array)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    text = np.array(["a", "b"], object)
    savez(tmp_path / "a.npz", data=np.zeros((3, 2)), names=text)
    with pytest.raises(SourceError, match="'names' is a pickled array of objects"):
        open_source(tmp_path / "a.npz")
    savez(tmp_path / "b.npz", x=np.zeros(2), y=text)
    with pytest.raises(Unreadable, match="y: it is a pickled array of objects; pickles are never"):
        open_source(tmp_path / "b.npz")
    with open_source(tmp_path / "b.npz", skip_unreadable=True) as source:
        assert list(source.schema.by_name) == ["x"]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (
            {"x": np.zeros(3), "y": np.zeros((4, 2))},
            r"the arrays of a.npz have different numbers of entries: x \(3,\), y \(4, 2\)",
        ),
        ({"z": np.zeros(2, complex)}, "z: it has values of type complex128"),
        ({"s": np.float64(3)}, "s: it is a single number without entries"),
        ({}, "holds no arrays"),
    ],
)
def test_what_has_no_entries_is_refused(
    tmp_path: Path, arrays: dict[str, npt.NDArray[Any]], message: str
) -> None:
    savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(SourceError, match=message):
        open_source(tmp_path / "a.npz")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK, but no archive")
    with pytest.raises(SourceError, match=r"cannot be opened as an \.npz file"):
        open_source(tmp_path / "a.npz")


def test_lists_do_not_fit(tmp_path: Path) -> None:
    columns = (Column("n", np.dtype("<u4")), Column("x", np.dtype("<f4"), "n"))
    schema = Schema(columns, (Field("n", Leaf("n")), Field("x", List("n", Leaf("x")))))
    with pytest.raises(
        UsageError, match="arrays of fixed shape only, which these fields have not: x"
    ):
        create_sink(tmp_path / "a.npz", schema)


def test_an_interrupted_sink_leaves_nothing(tmp_path: Path) -> None:
    savez(tmp_path / "a.npz", **FILES["plain"])

    def interrupted() -> None:
        with (
            open_source(tmp_path / "a.npz") as source,
            create_sink(tmp_path / "b.npz", source.schema) as sink,
        ):
            sink.write(next(source.chunks(1000)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]
