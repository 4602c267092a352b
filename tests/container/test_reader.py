"""The reader fetches what it needs and no more, from wherever the file is."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from baler import codecs
from baler.container import Reader
from baler.container.layout import HEADER_SIZE, SPECULATIVE_SIZE, TAIL_SIZE
from baler.core.bounds import Exact
from baler.core.chunk import Array, Chunk
from baler.core.recipe import ColumnRecipe, Group, Recipe
from baler.core.schema import Column, Field, Leaf, Schema
from baler.errors import Corrupt, UnknownColumn, UsageError


class Recording(io.BytesIO):
    """A file that remembers the ranges that were read."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.ranges: list[tuple[int, int]] = []

    def read(self, size: int | None = -1, /) -> bytes:
        """Read and remember."""
        start = self.tell()
        data = super().read(size)
        self.ranges.append((start, len(data)))
        return data


@pytest.fixture
def large(write: Callable[..., bytes], make_chunk: Callable[[int, int], Chunk]) -> bytes:
    """Return the data set with blocks that reach beyond the end that is read at once."""
    return write(chunks=[make_chunk(3000, seed) for seed in range(3)])


def test_opening_takes_one_read_of_a_small_file(small: bytes) -> None:
    file = Recording(small)
    Reader(file).close()
    assert file.ranges == [(0, len(small))]
    assert not file.closed


def test_opening_takes_two_reads_of_a_large_file(large: bytes) -> None:
    assert len(large) > 2 * SPECULATIVE_SIZE
    file = Recording(large)
    Reader(file)
    assert file.ranges == [(len(large) - SPECULATIVE_SIZE, SPECULATIVE_SIZE), (0, HEADER_SIZE)]


def test_a_large_index_takes_one_more_read(write: Callable[..., bytes]) -> None:
    rng = random.Random(1)
    names = [rng.randbytes(40).hex() for _ in range(2000)]
    columns = tuple(Column(name, np.dtype("|u1")) for name in names)
    schema = Schema(columns, tuple(Field(name, Leaf(name)) for name in names))
    plans = tuple(ColumnRecipe(Exact()) for _ in names)
    data = write(schema, Recipe(plans, (Group(tuple(range(2000))),)), chunks=[])
    file = Recording(data)
    assert Reader(file).schema == schema
    assert file.ranges[2:] == [(HEADER_SIZE, len(data) - HEADER_SIZE - TAIL_SIZE)]


def reads(reader: Reader, file: Recording, chunk: int, names: list[str]) -> list[tuple[int, int]]:
    """Return the ranges that reading these columns takes."""
    file.ranges.clear()
    reader.read(chunk, names)
    return file.ranges


def test_only_blocks_that_are_needed_are_read(large: bytes) -> None:
    file = Recording(large)
    reader = Reader(file)
    sizes = reader._index.sizes[1].tolist()  # of groups 0 to 4
    offsets = reader._index.offsets[1].tolist()
    assert reads(reader, file, 1, []) == []
    assert reads(reader, file, 1, ["run"]) == [(offsets[0], sizes[0])]
    # needs nJet and Jet_nHits, which are in the group before
    assert reads(reader, file, 1, ["Jet_hits"]) == [(offsets[1], sizes[1] + sizes[2])]
    # needs a parent in group 0, another in group 1; blocks side by side are read at once
    assert reads(reader, file, 0, ["Jet_mass"]) == [
        (HEADER_SIZE, int(reader._index.sizes[0, :2].sum()))
    ]
    # needs its counts, not in the group next to it
    ranges = reads(reader, file, 1, ["run", "name"])
    assert ranges == [(offsets[0], sizes[0]), (offsets[3], sizes[3] + sizes[4])]


def test_decompressed_blocks_are_kept_for_one_chunk(large: bytes) -> None:
    file = Recording(large)
    reader = Reader(file)
    assert reader._index.saved[:, 5].all()
    first = reader.read(1, ["word"]).columns["word"]
    assert reads(reader, file, 1, ["again"]) == []
    assert (reader.read(1, ["again"]).columns["again"] == first).all()
    reader.read(0, ["word"])
    assert len(reads(reader, file, 1, ["word"])) == 1


def test_kept_blocks_are_bounded(large: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baler.container.reader.CACHE_BYTES", 100)
    file = Recording(large)
    reader = Reader(file)
    reader.read(1, ["word"])
    assert len(reads(reader, file, 1, ["again"])) == 1


def test_every_column_is_decoded_once(large: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    original = codecs.decode

    def decode(payload: memoryview, dtype: np.dtype, size: int, context: codecs.Context) -> Array:
        decoded.append(size)
        return original(payload, dtype, size, context)

    monkeypatch.setattr("baler.codecs.decode", decode)
    reader = Reader(large)
    reader.read(0, ["Jet_mass", "Jet_pt"])
    assert len(decoded) == 5  # with nJet, Jet_ptErr and run
    reader.read(0)
    assert len(decoded) == 5 + len(reader.schema.columns)


def test_a_chunk_decodes_alone(large: bytes) -> None:
    whole = Reader(large)
    offsets = [*whole._index.offsets[:, 0].tolist(), int(whole._index.sizes.sum()) + HEADER_SIZE]
    for number in range(3):
        start, stop = offsets[number], offsets[number + 1]
        alone = bytearray(large)
        alone[HEADER_SIZE:start] = bytes(start - HEADER_SIZE)
        alone[stop : offsets[-1]] = bytes(offsets[-1] - stop)
        for name, values in Reader(bytes(alone)).read(number).columns.items():
            assert values.tobytes() == whole.read(number).columns[name].tobytes()


def test_column_bytes_sum_to_the_blocks(large: bytes) -> None:
    reader = Reader(large)
    found = reader.column_bytes()
    assert list(found) == [column.name for column in reader.schema.columns]
    assert sum(column.stored for column in found.values()) == int(reader._index.sizes.sum())
    assert all(sum(column.codecs.values()) == 3 for column in found.values())
    assert found["Jet_hits"].stored > found["mask"].stored > 0


def test_a_payload_cannot_look_at_undeclared_columns(
    small: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(payload: memoryview, dtype: np.dtype, size: int, context: codecs.Context) -> Array:
        return context(7)

    monkeypatch.setattr("baler.codecs.decode", decode)
    with pytest.raises(
        Corrupt, match=r"'run' looks at column 7, but its parents are \[\]"
    ) as caught:
        Reader(small).read(0, ["run"])
    assert "in column 'run', chunk 0 of" in str(caught.value)


@pytest.mark.parametrize("chunk", [-1, 3])
def test_chunks_that_do_not_exist(small: bytes, chunk: int) -> None:
    with pytest.raises(UsageError, match=f"there is no chunk {chunk}; the file has 3"):
        Reader(small).read(chunk)


def test_columns_that_do_not_exist(small: bytes) -> None:
    with pytest.raises(UnknownColumn, match="there is no column 'Jet_p'; near names: 'Jet_pt'"):
        Reader(small).read(0, ["run", "Jet_p"])


def test_threads_must_be_positive(small: bytes) -> None:
    with pytest.raises(UsageError, match="cannot work with 0 threads"):
        Reader(small, threads=0)


def test_paths_are_closed_and_named(tmp_path: Path, small: bytes) -> None:
    path = tmp_path / "a.baler"
    path.write_bytes(small)
    with Reader(path) as reader:
        assert reader.size == len(small)
    with pytest.raises(ValueError, match="closed"):
        reader.read(0)
    path.write_bytes(small[:-1])
    with pytest.raises(ValueError, match="its end is missing") as caught:
        Reader(str(path))
    assert str(caught.value).endswith(f"in {path}")


def assert_same(url: str, small: bytes) -> None:
    """Assert that the file at a URL reads like its bytes."""
    with Reader(url) as remote, Reader(small) as local:
        for name, values in local.read(2).columns.items():
            assert values.tobytes() == remote.read(2, [name]).columns[name].tobytes()


def test_fsspec_urls(small: bytes, tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    (tmp_path / "a.baler").write_bytes(small)
    fsspec.filesystem("memory").pipe_file("/folder/a.baler", small)
    assert_same("memory://folder/a.baler", small)
    assert_same(f"file://{tmp_path}/a.baler", small)
    assert_same("simplecache::memory://folder/a.baler", small)


class RangeHandler(BaseHTTPRequestHandler):
    """Serves one file, in ranges."""

    body: bytes
    sent: list[int]

    def do_HEAD(self) -> None:
        """Say how large the file is."""
        self.send_response(200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()

    def do_GET(self) -> None:
        """Send a range."""
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        piece = self.body[int(first) : int(last) + 1]
        self.sent.append(len(piece))
        self.send_response(206)
        self.send_header("Content-Length", str(len(piece)))
        stop = int(first) + len(piece) - 1
        self.send_header("Content-Range", f"bytes {first}-{stop}/{len(self.body)}")
        self.end_headers()
        self.wfile.write(piece)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(large: bytes) -> Iterator[tuple[str, list[int]]]:
    """Serve the large file on this machine; yield its URL and the sizes of pieces sent."""
    RangeHandler.body, RangeHandler.sent = large, []
    with ThreadingHTTPServer(("127.0.0.1", 0), RangeHandler) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}/large.baler", RangeHandler.sent
        http.shutdown()


def test_only_ranges_travel_over_http(server: tuple[str, list[int]], large: bytes) -> None:
    pytest.importorskip("aiohttp")
    url, sent = server
    with Reader(url) as remote, Reader(large) as local:
        assert sent == [SPECULATIVE_SIZE, HEADER_SIZE]
        values = remote.read(0, ["run"]).columns["run"]
        assert values.tobytes() == local.read(0, ["run"]).columns["run"].tobytes()
        assert sent[2:] == [int(local._index.sizes[0, 0])]
