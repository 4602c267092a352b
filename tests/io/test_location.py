"""Paths, URLs and the trees named after them."""

from __future__ import annotations

from pathlib import Path

import pytest

from baler.errors import UsageError
from baler.io import open_source
from baler.io.location import Location


@pytest.mark.parametrize(
    ("text", "path", "tree"),
    [
        ("a.root", "a.root", None),
        ("a.root:Events", "a.root", "Events"),
        ("a.root:dir/Events;2", "a.root", "dir/Events;2"),
        ("b.root.d/a.ROOT:t", "b.root.d/a.ROOT", "t"),
        (r"C:\data\a.root", r"C:\data\a.root", None),
        (r"C:\data\a.root:t", r"C:\data\a.root", "t"),
        ("root://host:1094//store/a.root:t", "root://host:1094//store/a.root", "t"),
        ("https://host:8443/a.root", "https://host:8443/a.root", None),
        ("https://host/a.root?token=x.y:t", "https://host/a.root?token=x.y", "t"),
    ],
)
def test_a_tree_is_named_after_the_suffix(text: str, path: str, tree: str | None) -> None:
    assert Location.parse(text) == Location(path, ".root", tree)


def test_files_of_that_very_name_come_first(tmp_path: Path) -> None:
    odd = tmp_path / "a.root:b.npz"
    odd.touch()
    assert Location.parse(str(odd)) == Location(str(odd), ".npz")
    assert Location.parse(tmp_path / "c.root:d.parquet").tree is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a.hdf5", r"'a.hdf5' has suffix '.hdf5'; known are .root, .parquet, .npz"),
        ("a", r"'a' has no suffix; known are"),
        ("a.npz:t", r"a.npz is not a ROOT file; it has no tree 't'"),
        ("nowhere/a.root", r"'nowhere/a.root' does not exist"),
        ("https://host/a.npz", "only ROOT files can be read from URLs"),
    ],
)
def test_what_cannot_be_opened_is_explained(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        open_source(text)


def test_folders_are_not_files(tmp_path: Path) -> None:
    (tmp_path / "a.root").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        open_source(tmp_path / "a.root")


def test_parquet_without_pyarrow_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"Parquet files need pyarrow; install baler\[parquet\]"):
        open_source(tmp_path / "x.parquet")
