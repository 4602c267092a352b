"""What the tests of foreign files share: real files, and a comparison bit by bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest

from baler.core.chunk import Chunk, check_chunk
from baler.core.schema import Schema
from baler.io import Source, create_sink, open_source

DATA = Path(__file__).parents[2].parent / "shared/data/hep"

Compare = Callable[[ak.Array, ak.Array], str]


@pytest.fixture(scope="session")
def data() -> Callable[[str], Path]:
    """Give the path of a real file, or skip the test where it is not at hand."""

    def find(name: str) -> Path:
        path = DATA / name
        if not path.exists():
            pytest.skip(f"{name} is not at hand")
        return path

    return find


@pytest.fixture(scope="session")
def difference() -> Compare:
    """Give a function that says how two arrays differ, bit by bit; class names may be lost."""

    def compare(a: ak.Array, b: ak.Array) -> str:
        first, second = list(_flat(a.layout)), list(_flat(b.layout))
        if [what for what, _ in first] != [what for what, _ in second]:
            return f"{[what for what, _ in first]} became {[what for what, _ in second]}"
        for (what, x), (_, y) in zip(first, second, strict=True):
            if x.shape != y.shape or x.tobytes() != y.tobytes():
                return f"other values in {what}"
        return ""

    return compare


@pytest.fixture(scope="session")
def copy() -> Callable[..., tuple[Schema, tuple[str, ...]]]:
    """Give a function that copies a file chunk by chunk; it returns its schema and the notes."""

    def through(path: Any, target: Path, target_bytes: int = 1_000_000, **options: Any) -> Any:
        skip = options.pop("skip_unreadable", False)
        with (
            open_source(path, skip_unreadable=skip) as source,
            create_sink(target, source.schema, **options) as sink,
        ):
            for chunk in _checked(source, target_bytes):
                sink.write(chunk)
            return source.schema, sink.notes

    return through


def _checked(source: Source, target_bytes: int) -> list[Chunk]:
    chunks = list(source.chunks(target_bytes))
    for chunk in chunks:
        check_chunk(source.schema, chunk)
    assert sum(chunk.entries for chunk in chunks) == source.entries
    return chunks


@pytest.fixture(scope="session")
def checked() -> Callable[[Source, int], list[Chunk]]:
    """Give a function that returns all chunks of a source, each checked against the schema."""
    return _checked


def _flat(layout: ak.contents.Content, path: str = "") -> Any:
    """Yield all buffers of an array, with what they are, whatever layout it has in memory."""
    if layout.is_option:
        yield path + "?", np.asarray(ak.is_none(ak.Array(layout)))
        yield from _flat(layout.project(), path + "?")
    elif layout.is_indexed:
        yield from _flat(layout.project(), path)
    elif layout.is_record:
        yield path + str(layout.is_tuple), np.zeros(0)
        for name, content in zip(layout.fields, layout.contents, strict=True):
            yield from _flat(content[: layout.length], f"{path}.{name}")
    elif layout.is_numpy and layout.purelist_depth == 1:
        values = np.asarray(layout.data)
        yield (
            path + str(values.dtype),
            values.view(np.uint8) != 0 if values.dtype == bool else values,
        )
    elif layout.is_numpy:
        yield from _flat(layout.to_RegularArray(), path)
    elif layout.is_regular:
        inner = layout.content[: layout.length * layout.size]
        yield from _flat(inner, f"{path}[{layout.size}]")
    elif layout.is_list:
        lists = layout.to_ListOffsetArray64(True)
        offsets = np.asarray(lists.offsets)
        yield f"{path}*{layout.parameters.get('__array__')}", offsets
        yield from _flat(lists.content[: offsets[-1]], path + "*")
    else:
        yield path + "unknown", np.zeros(0)
