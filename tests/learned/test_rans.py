"""The reference coder: a stack, as small as its symbols allow, that notices wrong bytes."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from baler.errors import Corrupt, FormatError, Truncated
from baler.learned.rans import LOW, PIECE, Decoder, Encoder

SLOTS = 1 << 16


@st.composite
def symbols(draw: st.DrawFn) -> tuple[bool, int, int]:
    """Return a symbol (start, frequency), or raw bits (bits, width)."""
    if draw(st.booleans()):
        frequency = draw(st.integers(1, SLOTS - 1) | st.sampled_from([1, SLOTS - 1]))
        return False, draw(st.integers(0, SLOTS - frequency)), frequency
    width = draw(st.integers(0, PIECE))
    return True, draw(st.integers(0, (1 << width) - 1)), width


def encoded(found: list[tuple[bool, int, int]]) -> bytes:
    encoder = Encoder()
    for is_raw, what, size in reversed(found):
        (encoder.push_raw if is_raw else encoder.push)(what, size)
    return encoder.stream()


def read(stream: bytes, expected: list[tuple[bool, int, int]]) -> None:
    decoder = Decoder(stream)
    for is_raw, what, size in expected:
        if is_raw:
            assert decoder.pop_raw(size) == what
        else:
            assert what <= decoder.slot() < what + size
            decoder.pop(what, size)
    decoder.end()


@given(st.lists(symbols(), max_size=60))
def test_what_was_pushed_last_is_popped_first(found: list[tuple[bool, int, int]]) -> None:
    stream = encoded(found)
    read(stream, found)
    ideal = sum(size if is_raw else math.log2(SLOTS / size) for is_raw, _, size in found)
    assert len(stream) % 4 == 0
    assert 8 * len(stream) <= ideal + 64 + 1e-3 * (len(found) + 1)


def test_nothing_is_eight_bytes() -> None:
    assert Encoder().stream() == struct.pack("<Q", LOW)
    Decoder(Encoder().stream()).end()


def test_a_worked_example() -> None:
    """Backwards, the state is 2^31, 2^47 + 7, 2^48 + 0x8007 (a word goes), 2^32 + 0xABCD."""
    found = [(False, 0, 1 << 14), (True, 0xABCD, 16), (False, 1 << 15, 1 << 15), (False, 7, 1)]
    assert encoded(found).hex(" ", 4) == "cd2b0200 04000000 07800000"
    read(encoded(found), found)


def test_many_symbols_cost_their_bits() -> None:
    rng = np.random.default_rng(0)
    found = [(False, 0, int(f)) for f in rng.integers(1, SLOTS, 20_000)]
    ideal = sum(math.log2(SLOTS / size) for _, _, size in found)
    assert ideal < 8 * len(encoded(found)) < 1.0001 * ideal + 64


@pytest.mark.parametrize("state", [0, 1, LOW - 1, 1 << 63, (1 << 64) - 1])
def test_a_state_out_of_range_is_refused(state: int) -> None:
    with pytest.raises(Corrupt, match="out of range"):
        Decoder(struct.pack("<Q", state))


@pytest.mark.parametrize("size", range(8))
def test_a_stream_without_a_state_is_refused(size: int) -> None:
    with pytest.raises(Truncated, match=f"has {size} bytes"):
        Decoder(bytes(size))


@pytest.mark.parametrize("size", [9, 10, 11, 13])
def test_a_stream_is_whole_words(size: int) -> None:
    with pytest.raises(Corrupt, match="words"):
        Decoder(bytes(size))


def test_a_missing_word_is_noticed() -> None:
    found = [(True, 0x1234, 16)] * 10
    with pytest.raises(Truncated, match="before its last symbol"):
        read(encoded(found)[:-4], found)


def test_a_word_too_many_is_noticed() -> None:
    found = [(True, 0x1234, 16)] * 10
    with pytest.raises(Corrupt, match="1 words left"):
        read(encoded(found) + bytes(4), found)


def test_another_end_state_is_noticed() -> None:
    decoder = Decoder(struct.pack("<Q", LOW + 1))
    with pytest.raises(Corrupt, match="state 0x80000001 and 0 words"):
        decoder.end()


@given(st.binary(max_size=40), st.integers(0, 30))
def test_any_bytes_end(stream: bytes, pops: int) -> None:
    try:
        decoder = Decoder(stream)
        for k in range(pops):
            slot = decoder.slot()
            assert 0 <= slot < SLOTS
            decoder.pop(slot, 1) if k % 2 else decoder.pop_raw(k % 17)
        decoder.end()
    except FormatError:
        pass
