"""The slow, clear entropy coder that defines the truth (docs/learned.md, section 5).

A stack: what is pushed last is popped first, hence encoders push symbols from last to first.
"""

from __future__ import annotations

import struct

from baler.errors import Corrupt, Truncated

SLOT_BITS = 16
"""Frequencies of all symbols sum to 2**SLOT_BITS."""
PIECE = 16
"""Raw bits are coded in pieces of at most so many."""
LOW = 1 << 31
"""A coder's state lies between LOW and LOW << 32."""
_SLOTS = 1 << SLOT_BITS
_WORD_BITS = 32
_WORD = 1 << _WORD_BITS


class Encoder:
    """Turns symbols, given from last to first, into a stream."""

    def __init__(self) -> None:
        """Start with the state in which decoding ends."""
        self._state = LOW
        self._words: list[int] = []

    def push(self, start: int, frequency: int) -> None:
        """Put a symbol on the stack that has ``frequency`` slots, from ``start`` on."""
        self._make_room(frequency << (_WORD_BITS + 31 - SLOT_BITS))
        whole, part = divmod(self._state, frequency)
        self._state = (whole << SLOT_BITS) + part + start

    def push_raw(self, bits: int, width: int) -> None:
        """Put the lowest ``width`` bits (at most PIECE) on the stack as they are."""
        self._make_room(1 << (_WORD_BITS + 31 - width))
        self._state = self._state << width | bits

    def stream(self) -> bytes:
        """Return the state, then the words in the order of decoding."""
        return struct.pack(f"<Q{len(self._words)}I", self._state, *reversed(self._words))

    def _make_room(self, limit: int) -> None:
        if self._state >= limit:
            self._words.append(self._state % _WORD)
            self._state >>= _WORD_BITS


class Decoder:
    """Reads the symbols of a stream, from first to last."""

    def __init__(self, stream: bytes | memoryview) -> None:
        """Read the state from the first eight bytes."""
        if len(stream) < 8:
            raise Truncated(f"a stream has {len(stream)} bytes; its state alone has 8")
        if len(stream) % 4:
            raise Corrupt(f"a stream has {len(stream)} bytes, not a whole number of words")
        state, *words = struct.unpack(f"<Q{len(stream) // 4 - 2}I", stream)
        self._state = int(state)
        if not LOW <= self._state < LOW * _WORD:
            raise Corrupt(f"a stream begins with the state {self._state:#x}, which is out of range")
        self._words = iter(words)

    def slot(self) -> int:
        """Return a number below 2**SLOT_BITS that lies in the slots of the next symbol."""
        return self._state % _SLOTS

    def pop(self, start: int, frequency: int) -> None:
        """Take the symbol off the stack that has these slots."""
        self._state = frequency * (self._state >> SLOT_BITS) + self.slot() - start
        self._refill()

    def pop_raw(self, width: int) -> int:
        """Return the next ``width`` raw bits."""
        bits = self._state % (1 << width)
        self._state >>= width
        self._refill()
        return bits

    def end(self) -> None:
        """Raise Corrupt unless this is where an encoder began."""
        left = sum(1 for _ in self._words)
        if left or self._state != LOW:
            raise Corrupt(f"a stream ends with the state {self._state:#x} and {left} words left")

    def _refill(self) -> None:
        if self._state < LOW:
            word = next(self._words, None)
            if word is None:
                raise Truncated("a stream ends before its last symbol")
            self._state = self._state << _WORD_BITS | word
