"""Reading and writing little-endian bytes, every length checked before it is used."""

from __future__ import annotations

import struct

from baler.errors import Corrupt, Truncated


def varint(value: int) -> bytes:
    """Return an unsigned integer in base 128, least significant group first (LEB128)."""
    if value < 0:
        raise ValueError(f"varint of a negative number, {value}")
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> int:
    """Map signed integers to unsigned ones: 0, -1, 1, -2, ... become 0, 1, 2, 3, ..."""
    return value << 1 if value >= 0 else (-value << 1) - 1


def unzigzag(value: int) -> int:
    """Invert `zigzag`."""
    return value >> 1 if not value & 1 else -((value + 1) >> 1)


def sized(body: bytes) -> bytes:
    """Return bytes with their length before them, for a ByteReader's ``sized``."""
    return varint(len(body)) + body


def sized_text(string: str) -> bytes:
    """Return a string in UTF-8 with its length before it, for a ByteReader's ``text``."""
    return sized(string.encode("utf-8", "surrogatepass"))


class ByteReader:
    """A cursor over bytes that raises Truncated instead of reading past the end."""

    def __init__(self, data: bytes | memoryview) -> None:
        """Start at the first byte."""
        self._data = memoryview(data)
        self._at = 0

    def __len__(self) -> int:
        """Return how many bytes are left."""
        return len(self._data) - self._at

    def take(self, size: int) -> memoryview:
        """Return the next ``size`` bytes."""
        if size > len(self):
            raise Truncated(f"payload ends {size - len(self)} bytes too early")
        self._at += size
        return self._data[self._at - size : self._at]

    def rest(self) -> memoryview:
        """Return all bytes that are left."""
        return self.take(len(self))

    def sized(self) -> memoryview:
        """Return bytes that have their length before them."""
        return self.take(self.varint())

    def text(self, what: str = "a string") -> str:
        """Return a string that has its length before it; Corrupt, of what it is, if it is none."""
        try:
            return bytes(self.sized()).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Corrupt(f"{what} is not UTF-8: {error}") from None

    def byte(self) -> int:
        """Return the next byte as a number."""
        return self.take(1)[0]

    def varint(self) -> int:
        """Return the next varint, which must be below 2**64 and in its shortest form."""
        value = shift = 0
        while True:
            group = self.byte()
            value |= (group & 0x7F) << shift
            if group < 0x80:
                break
            shift += 7
            if shift > 63:
                raise Corrupt("a varint has more than ten bytes")
        if value >> 64 or (group == 0 and shift):
            raise Corrupt("a varint is too large or not in its shortest form")
        return value

    def float64(self) -> float:
        """Return the next eight bytes as a float."""
        (value,) = struct.unpack("<d", self.take(8))
        return float(value)

    def end(self) -> None:
        """Raise Corrupt if bytes are left over."""
        if len(self):
            raise Corrupt(f"{len(self)} bytes are left over at the end of a payload")
