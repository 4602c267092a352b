"""The worked example of ``docs/format.md`` is a file, and says what the page says it does."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from baler.container import Reader, layout
from baler.core.bounds import Absolute
from baler.core.chunk import MAX_COLUMN_BYTES
from baler.core.recipe import Group
from baler.core.schema import DTYPES

PAGE = Path(__file__).parents[2] / "docs" / "format.md"
LINE = re.compile(r"([0-9a-f]{4})  ((?:[0-9a-f]{2} )+) *\S.*")


@pytest.fixture(scope="module")
def page() -> str:
    """Return the text of the page."""
    return PAGE.read_text("utf-8")


@pytest.fixture
def example(page: str) -> bytes:
    """Return the bytes of the hex dump; every line begins where the one before ended."""
    (dump,) = re.findall(r"```hexdump\n(.*?)\n```", page, re.DOTALL)
    data = b""
    for line in dump.splitlines():
        match = LINE.fullmatch(line)
        assert match is not None, line
        assert int(match[1], 16) == len(data), line
        data += bytes.fromhex(match[2])
    return data


def test_the_example_decodes_to_what_the_page_says(example: bytes, page: str) -> None:
    table = re.findall(r"\| `(\w)` \| ([^|]+) \| ([^|]+) \|", page)
    with Reader(example) as reader:
        assert [name for name, *_ in table] == [column.name for column in reader.schema.columns]
        for name, *chunks in table:
            for number, text in enumerate(chunks):
                values = reader.read(number, [name]).columns[name]
                assert values.tolist() == [float(value) for value in text.split(",")]
        assert reader.recipe.columns[1].bound == Absolute(0.5)
        assert reader.recipe.columns[2].parents == (0,)
        assert reader.recipe.groups == (Group((0, 1)), Group((2,), solid=True))
        assert [field.title for field in reader.schema.fields] == ["", "m", ""]
        assert reader.schema.source == {"tree": "T"}


def test_the_page_lists_the_dtypes(page: str) -> None:
    names = {"bool, one byte, 0 or 1": "b1"} | {
        f"{kind}int{8 * size}": f"{'u' * (kind == 'u') or 'i'}{size}"
        for kind in ("", "u")
        for size in (1, 2, 4, 8)
    }
    names |= {f"IEEE binary{8 * size}": f"f{size}" for size in (2, 4, 8)}
    (section,) = re.findall(r"### 5\.2 Columns\n(.*?)\n###", page, re.DOTALL)
    cells = dict(re.findall(r"\| (\d+) \| ([^|]+?) (?=\|)", section))
    assert {int(code): np.dtype(names[text]) for code, text in cells.items()} == {
        code: np.dtype(name) for code, name in enumerate(DTYPES)
    }


def test_the_page_lists_the_limits(page: str) -> None:
    (section,) = re.findall(r"## 8\. Limits\n(.*?)\n## 9", page, re.DOTALL)
    found = re.findall(r"\| (?:2\^)?(\d+)[^|]*\|$", section, re.MULTILINE)
    assert [int(number) for number in found] == [
        layout.MAX_ITEMS.bit_length() - 1,
        layout.MAX_DEPTH,
        MAX_COLUMN_BYTES.bit_length() - 1,
        layout.MAX_ENTRIES.bit_length() - 1,
        layout.MAX_INDEX_BYTES.bit_length() - 1,
        layout.MAX_SOLID_BYTES.bit_length() - 1,
        MAX_COLUMN_BYTES.bit_length() - 1,
        layout.MAX_ITEMS.bit_length() - 1,
        layout.MAX_MODEL_BYTES.bit_length() - 1,
        layout.MAX_JOINT_VALUES.bit_length() - 1,
    ]
    assert f"number of streams, at most {layout.MAX_LANES}" in page
