"""Files of each version of the format decode to what they held when they were written, for ever."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from baler.container import Reader
from baler.core.chunk import join_chunks
from tests.golden.make_files import digest
from tests.reference_decoder import decode

FILES = sorted((Path(__file__).parent / "golden").glob("v*/*.baler"))


def expected(path: Path) -> dict[str, str]:
    manifest: dict[str, dict[str, str]] = json.loads((path.parent / "manifest.json").read_text())
    return manifest[path.name]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_package_reads_what_was_written(path: Path) -> None:
    with Reader(path) as reader:
        chunk = join_chunks([reader.read(k) for k in range(len(reader.chunks) - 1)])
    assert {name: digest(values) for name, values in chunk.columns.items()} == expected(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_page_reads_what_was_written(path: Path) -> None:
    with np.errstate(all="ignore"):
        columns, _ = decode(path.read_bytes())
    assert {name: digest(values) for name, values in columns.items()} == expected(path)


def test_files_of_version_1_use_all_of_it() -> None:
    met: dict[str, Counter[str]] = {p.stem: decode(p.read_bytes())[1].met for p in FILES}
    assert set(met) == {"bounded", "exact"}
    for used in met.values():
        assert all(used[f"codec {code}"] for code in range(11))
        assert used["predicted"]
        assert used["compressed block"]
    lattices = [met["bounded"][f"lattice {code}"] for code in range(6)]
    assert all([*lattices, met["bounded"]["dithered"], met["bounded"]["escapes"]])


def test_files_are_small() -> None:
    assert all(path.stat().st_size < 60_000 for path in FILES)
