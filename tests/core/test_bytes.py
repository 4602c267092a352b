"""Bytes: one spelling for each number, and no step past the end."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler.core.bytes import ByteReader, sized, unzigzag, varint, zigzag
from baler.errors import Corrupt, FormatError, Truncated

EDGES = [0, 1, 127, 128, 16383, 16384, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]


@given(st.integers(0, (1 << 64) - 1) | st.sampled_from(EDGES))
def test_varints_come_back(value: int) -> None:
    body = varint(value)
    reader = ByteReader(body)
    assert reader.varint() == value
    reader.end()
    assert len(body) == max(1, -(-value.bit_length() // 7))


@given(st.binary(max_size=12))
def test_a_varint_has_one_spelling(data: bytes) -> None:
    reader = ByteReader(data)
    try:
        value = reader.varint()
    except FormatError:
        return
    assert value < 1 << 64
    assert data[: len(data) - len(reader)] == varint(value)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", Truncated),
        (b"\x80", Truncated),
        (b"\xff" * 9, Truncated),
        (b"\x80\x00", Corrupt),  # zero in two bytes
        (b"\xff\x80\x00", Corrupt),
        (b"\xff" * 9 + b"\x02", Corrupt),  # 2**64 and more
        (b"\x80" * 10, Corrupt),
        (b"\xff" * 10 + b"\x01", Corrupt),
        (b"\x80" * 1000, Corrupt),
    ],
)
def test_other_spellings_are_refused(data: bytes, error: type[FormatError]) -> None:
    with pytest.raises(error):
        ByteReader(data).varint()


def test_a_negative_varint_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="negative"):
        varint(-1)


@given(st.integers(-(1 << 63), (1 << 63) - 1))
def test_zigzag_comes_back(value: int) -> None:
    assert unzigzag(zigzag(value)) == value
    assert 0 <= zigzag(value) < 1 << 64


def test_zigzag_counts_both_ways() -> None:
    assert [zigzag(n) for n in (0, -1, 1, -2, 2, -(1 << 63))] == [0, 1, 2, 3, 4, (1 << 64) - 1]
    assert [unzigzag(n) for n in range(5)] == [0, -1, 1, -2, 2]


@given(st.lists(st.binary(max_size=200), max_size=5), st.floats(allow_nan=False))
def test_what_is_written_is_read_in_order(parts: list[bytes], number: float) -> None:
    data = b"".join(map(sized, parts)) + b"\x07" + struct.pack("<d", number) + b"rest"
    reader = ByteReader(memoryview(data))
    assert [bytes(reader.sized()) for _ in parts] == parts
    assert reader.byte() == 7
    assert reader.float64() == number
    with pytest.raises(Corrupt, match="4 bytes are left over"):
        reader.end()
    assert bytes(reader.rest()) == b"rest"
    reader.end()
    assert len(reader) == 0


def test_nothing_is_read_past_the_end() -> None:
    for read in (
        ByteReader(b"abc").float64,
        ByteReader(b"").byte,
        ByteReader(b"\x05abcd").sized,
        ByteReader(varint((1 << 64) - 1)).sized,
    ):
        with pytest.raises(Truncated, match="too early"):
            read()
    reader = ByteReader(b"abc")
    with pytest.raises(Truncated, match="payload ends 1 bytes too early"):
        reader.take(4)
    assert bytes(reader.take(3)) == b"abc"
