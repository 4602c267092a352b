"""Files of each version of the format decode to what they held when they were written, for ever."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from baler.container import Reader
from baler.core.chunk import Array, join_chunks
from baler.entropy.lz import ZSTD_MAGIC
from tests.golden.make_files import digest
from tests.golden.make_words import SCHEMA
from tests.reference_decoder import decode

FILES = sorted((Path(__file__).parent / "golden").glob("v*/*.baler"))


def expected(path: Path) -> dict[str, str]:
    manifest: dict[str, dict[str, str]] = json.loads((path.parent / "manifest.json").read_text())
    return manifest[path.name]


@cache
def decoded(path: Path) -> tuple[dict[str, Array], Counter[str]]:
    with np.errstate(all="ignore"):
        columns, decoder = decode(path.read_bytes())
    return columns, decoder.met


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_package_reads_what_was_written(path: Path) -> None:
    with Reader(path) as reader:
        chunk = join_chunks([reader.read(k) for k in range(len(reader.chunks) - 1)])
    assert {name: digest(values) for name, values in chunk.columns.items()} == expected(path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_the_page_reads_what_was_written(path: Path) -> None:
    columns, _ = decoded(path)
    assert {name: digest(values) for name, values in columns.items()} == expected(path)


def met_in(version: str) -> dict[str, Counter[str]]:
    files = [path for path in FILES if path.parent.name == version]
    return {path.stem: decoded(path)[1] for path in files}


def test_files_of_version_1_use_all_of_it() -> None:
    met = met_in("v1")
    assert set(met) == {"bounded", "exact", "words"}
    for used in (met["bounded"], met["exact"]):
        assert all(used[f"codec {code}"] for code in range(11))
        assert used["predicted"]
        assert used["compressed block"]
    lattices = [met["bounded"][f"lattice {code}"] for code in range(6)]
    assert all([*lattices, met["bounded"]["dithered"], met["bounded"]["escapes"]])


def test_a_file_of_version_1_needs_the_vocabulary() -> None:
    words = Path(__file__).parent / "golden/v1/words.baler"
    assert words.read_bytes().count(ZSTD_MAGIC) == 2
    with Reader(words) as reader:
        assert reader.schema == SCHEMA


def test_files_of_version_2_have_learned_columns() -> None:
    met = met_in("v2")
    assert set(met) == {"fitted", "trained"}
    assert all(used["learned"] for used in met.values())


def test_files_are_small() -> None:
    assert all(path.stat().st_size < 60_000 for path in FILES)
