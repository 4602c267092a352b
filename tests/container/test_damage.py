"""Whatever happens to the bytes of a file, only a FormatError says so."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pytest

from baler.container import Reader
from baler.container.layout import (
    HEADER_SIZE,
    MAGIC,
    TAIL_SIZE,
    pack_header,
    pack_tail,
    unpack_tail,
)
from baler.container.parts import pack_part, unpack_part
from baler.core.bounds import Exact
from baler.core.bytes import ByteReader, varint
from baler.core.chunk import Chunk
from baler.core.recipe import ColumnRecipe, Group, Recipe
from baler.core.schema import Column, Schema
from baler.entropy.lz import lzma_compress
from baler.errors import Corrupt, FormatError, NotABalerFile, TooNew, Truncated


def read_all(file: bytes) -> None:
    """Read and describe every column of every chunk."""
    with Reader(file) as reader:
        for number in range(len(reader.chunks) - 1):
            reader.read(number)
        reader.column_bytes()


def parts(file: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return a file's blocks, and its index: core, checksums and metadata (decompressed)."""
    tail = unpack_tail(file, len(file))
    index = ByteReader(file[tail.index_offset : -TAIL_SIZE])
    core = bytes(unpack_part(index))
    rest = index.rest()
    with Reader(file) as reader:
        size = 4 * (len(reader.chunks) - 1) * len(reader.recipe.groups)
    metadata = bytes(unpack_part(ByteReader(rest[size:])))
    return file[HEADER_SIZE : tail.index_offset], core, bytes(rest[:size]), metadata


def part(plain: bytes) -> bytes:
    """Return a part of the index of a large file."""
    return pack_part(plain, 1 << 40)


def seal(blocks: bytes, *index: bytes) -> bytes:
    """Return a file of which every checksum of header and index is right."""
    whole = b"".join(index)
    offset = HEADER_SIZE + len(blocks)
    return pack_header() + blocks + whole + pack_tail(pack_header(), whole, offset)


def test_the_tools_of_these_tests(small: bytes) -> None:
    blocks, core, checksums, metadata = parts(small)
    core, metadata = (pack_part(plain, len(blocks)) for plain in (core, metadata))
    assert seal(blocks, core, checksums, metadata) == small
    read_all(small)


def test_every_truncation_is_refused(small: bytes) -> None:
    for size in range(len(small)):
        with pytest.raises(FormatError):
            read_all(small[:size])


def test_every_flipped_bit_is_noticed(write: Callable[..., bytes], chunks: list[Chunk]) -> None:
    small = write(chunks=chunks[1:2], metadata={"by": "test"})
    for at in range(8 * len(small)):
        damaged = bytearray(small)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises(FormatError):
            read_all(bytes(damaged))


def test_bytes_after_the_end_are_noticed(small: bytes) -> None:
    for extra in (b"\0", b"\n", small[:9], small):
        with pytest.raises(FormatError):
            read_all(small + extra)


@pytest.mark.parametrize(
    ("file", "error", "message"),
    [
        (b"", Truncated, "the file is empty"),
        (MAGIC[:5], Truncated, "the file has 5 bytes, a header has 12"),
        (pack_header(), Truncated, "the file has 12 bytes; none is shorter than 36"),
        (b"root\0\0\xf6\x5a", NotABalerFile, "it begins with 72 6f 6f 74 00 00 f6 5a, expected 89"),
        (b"\x89BLR\n\x1a\n" + bytes(99), NotABalerFile, "by a transfer in text mode"),
        (MAGIC + b"\4\0\0\0", TooNew, "format version 4; this reader knows up to 3"),
        (MAGIC + b"\0\0\0\0", Corrupt, "format version 0, expected 1 to 3"),
        (MAGIC + b"\1\0\0\1", Corrupt, "reserved bytes of the header are 256, expected 0"),
        (pack_header() + bytes(24), Truncated, "the file ends with 00 00 00 00 00 00 00 00, exp"),
        (pack_header() + bytes(16) + MAGIC, Corrupt, "0 bytes at 0; that does not fit a file of"),
        (seal(b"abc", b""), Truncated, "payload ends 1 bytes too early"),
        (seal(b"", b"\2\3abc"), Corrupt, "a part of the index has 2 bytes, stored in 3"),
        (seal(b"", varint(1 << 40) + b"\1x"), Corrupt, "has 1099511627776 bytes, stored in 1"),
        (seal(b"", b"\3\2ab"), Corrupt, "an LZMA stream"),
    ],
)
def test_messages(file: bytes, error: type[FormatError], message: str) -> None:
    with pytest.raises(error) as caught:
        Reader(file)
    assert type(caught.value) is error
    assert message in str(caught.value)
    assert str(caught.value).endswith(f"in {len(file)} bytes")


def test_a_damaged_block_is_named(small: bytes) -> None:
    damaged = bytearray(small)
    damaged[HEADER_SIZE] ^= 1
    with Reader(bytes(damaged)) as reader:
        with pytest.raises(Corrupt, match="a block has the checksum") as caught:
            reader.read(0)
        assert f"in block 0, chunk 0 of {len(small)} bytes" in str(caught.value)
        reader.read(0, ["name"])  # another block
        reader.read(1)


def test_bytes_left_over_in_the_index_are_noticed(small: bytes) -> None:
    blocks, core, checksums, metadata = parts(small)
    for index in (
        (part(core + b"\0"), checksums, part(metadata)),
        (part(core), checksums, part(metadata + b"\0")),
        (part(core), checksums, part(metadata), b"\0"),
    ):
        with pytest.raises(Corrupt, match="1 bytes are left over"):
            Reader(seal(blocks, *index))


def test_compressed_blocks_have_a_limit(small: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baler.container.blocks.MAX_SOLID_BYTES", 20)
    with pytest.raises(Corrupt, match=r"a compressed block has .* more than 20"):
        Reader(small).read(0, ["word"])


def test_more_groups_than_columns(write: Callable[..., bytes]) -> None:
    blocks, core, _, _ = parts(write(Schema((), ()), Recipe((), ()), []))
    assert core[-7:] == b"\0\0\0\0\0\0\0"  # groups, their sizes, columns; the table of chunks
    hostile = core[:-7] + varint(1 << 40) + core[-6:]
    with pytest.raises(Corrupt, match="1099511627776 groups for 0 columns"):
        Reader(seal(blocks, part(hostile), b"\0\0"))


def test_metadata_can_be_stripped(small: bytes, schema: Schema) -> None:
    blocks, core, checksums, _ = parts(small)
    with (
        Reader(small) as reader,
        Reader(seal(blocks, part(core), checksums, b"\0\0")) as bare,
    ):
        assert reader.metadata == {"by": "test"}
        assert (bare.metadata, bare.schema.source) == ({}, {})
        assert {field.title for field in bare.schema.fields} == {""}
        assert bare.schema.columns == schema.columns
        for name, values in reader.read(2).columns.items():
            assert values.tobytes() == bare.read(2).columns[name].tobytes()


@pytest.mark.parametrize("document", ["[]", "{", '{"a": NaN}', "[" * 100_000, "1" * 10_000])
def test_damaged_metadata(small: bytes, document: str) -> None:
    blocks, core, checksums, metadata = parts(small)
    strings = bytes(ByteReader(metadata).sized()).split(b"\0")[:-1]
    body = b"".join(text + b"\0" for text in [*strings[:-1], document.encode()])
    with pytest.raises(Corrupt, match="metadata"):
        Reader(seal(blocks, part(core), checksums, part(varint(len(body)) + body)))


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make columns of more than a mebibyte too large, so that hostile counts cost little time."""
    monkeypatch.setattr("baler.core.chunk.MAX_COLUMN_BYTES", 1 << 20)


def mutations(rng: random.Random, data: bytes, number: int) -> Iterator[bytes]:
    """Yield data with bytes changed, cut out, put in or moved."""
    for _ in range(number):
        out = bytearray(data)
        for _ in range(rng.choice([1, 1, 2, 5])):
            at, size = rng.randrange(len(out)), rng.choice([0, 1, 1, 2, 8, 30])
            piece = rng.choice([rng.randbytes(size), data[at : at + size], b"\xff" * size, b""])
            here = rng.randrange(len(out))
            out[here : here + rng.choice([size, len(piece)])] = piece
            out = out or bytearray(b"\0")
        yield bytes(out)


def test_spliced_files(small: bytes) -> None:
    for damaged in mutations(random.Random(1), small, 1500):
        if damaged != small:
            with pytest.raises(FormatError):
                read_all(damaged)


@pytest.mark.usefixtures("narrow")
def test_hostile_indexes_with_right_checksums(small: bytes) -> None:
    blocks, core, checksums, metadata = parts(small)
    for damaged in mutations(random.Random(2), core, 3000):
        with suppress(FormatError):
            read_all(seal(blocks, part(damaged), checksums, part(metadata)))
    for damaged in mutations(random.Random(3), metadata, 300):
        with suppress(FormatError):
            read_all(seal(blocks, part(core), checksums, part(damaged)))


@pytest.mark.usefixtures("narrow")
def test_hostile_blocks_with_right_checksums(small: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("baler.container.reader.checksum", lambda stored: Anything())
    blocks = parts(small)[0]
    size, end = len(blocks), small[HEADER_SIZE + len(blocks) :]
    for damaged in mutations(random.Random(4), blocks, 1500):
        with suppress(FormatError):
            read_all(small[:HEADER_SIZE] + damaged[:size].ljust(size, b"\0") + end)


class Anything(int):
    """A checksum that equals every other."""

    def __eq__(self, other: object) -> bool:
        """Agree."""
        return True

    def __ne__(self, other: object) -> bool:
        """Agree."""
        return False

    __hash__ = int.__hash__


NAMES = varint(2) + b"x\0" + b"\0"  # one column "x" that shares nothing with a name before it


@pytest.mark.parametrize(
    ("core", "message"),
    [
        (varint(2) + b"xy" + b"\0", "the last string of a list in the index has no end"),
        (varint(2) + b"\xff\0" + b"\0", "a string in the index is not UTF-8"),
        (varint(2) + b"x\0" + b"\1\1", "a name shares 1 characters with ''"),
        (varint(2) + b"x\0" + b"\1\0", "integers in the index have more bytes than they need"),
        (varint(2) + b"x\0" + b"\x09", "1 integers in the index have 9 bytes each"),
        (varint(4) + b"x\0x\0" + b"\0", "two columns are named 'x'"),
        (NAMES + b"\1\x0c", "a column of unknown dtype 12"),
        (NAMES + b"\0" + b"\1\4", "counts are columns outside 0 to 0"),
        (NAMES + b"\0" + b"\1\2" + b"\1\1", "do not come before it"),
        (NAMES + b"\0\0\0" + varint(1 << 60) + b"\0", "fields of"),
        (NAMES + b"\0\0\0" + b"\1\1" + b"\1\x0a", "a node of unknown kind 10"),
    ],
)
def test_hostile_columns_and_fields(core: bytes, message: str) -> None:
    core += b"\0" * 40
    with pytest.raises(FormatError) as caught:
        Reader(seal(b"", part(core), b"", b"\0\0"))
    assert message in str(caught.value)


def test_small_files_cannot_take_much_memory() -> None:
    huge, zeros = varint(1 << 40), lzma_compress(bytes(1 << 24))
    tracemalloc.start()
    for file in (
        seal(b"", huge + varint(9) + bytes(9)),
        seal(b"", varint(1 << 24) + varint(len(zeros)) + zeros, b"\0\0"),
        seal(b"", part(bytes(4) + huge + bytes(20))),
        seal(b"", part(bytes(4) + b"\1" + huge + bytes(20))),
        seal(b"", part(bytes(23) + huge + bytes(20))),
    ):
        with pytest.raises(FormatError):
            Reader(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 27


def test_entries_that_would_fill_the_memory(write: Callable[..., bytes]) -> None:
    schema = Schema((Column("x", np.dtype("<f8")),), ())
    recipe = Recipe((ColumnRecipe(Exact()),), (Group((0,)),))
    file = write(schema, recipe, [Chunk(3, {"x": np.ones(3)})])
    blocks, core, checksums, _ = parts(file)
    at = core.rindex(b"\1\1\6")  # one chunk; one byte wide; 3 entries, doubled
    hostile = core[:at] + b"\1\5" + b"\0\0\0\0\2" + core[at + 3 :]
    with Reader(seal(blocks, part(hostile), checksums, b"\0\0")) as reader:
        assert reader.entries == 1 << 32
        with pytest.raises(Corrupt, match="more than 1073741824 bytes") as caught:
            reader.read(0)
        assert "in column 'x', chunk 0 of" in str(caught.value)
