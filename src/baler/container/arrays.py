"""Arrays of integers and of strings, as the index stores them.

Integers are stored in *planes*: first the lowest bytes of all of them, then their second bytes, and
so on. After compression this is as compact as variable-length integers, and NumPy reads millions of
them at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from baler.core.bytes import ByteReader, sized
from baler.errors import Corrupt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_NUL = b"\xc0\x80"  # U+0000 inside a string, as in modified UTF-8


def pack_words(values: npt.ArrayLike) -> bytes:
    """Return non-negative integers below 2**64 as one byte with their width, then their planes."""
    words = np.ascontiguousarray(values, "<u8").reshape(-1)
    width = (int(words.max()).bit_length() + 7) // 8 if words.size else 0
    planes = words.view(np.uint8).reshape(-1, 8)[:, :width].T
    return bytes([width]) + planes.tobytes()


def unpack_words(reader: ByteReader, size: int) -> Words:
    """Invert `pack_words`; the caller has checked that ``size`` is reasonable."""
    width = reader.byte()
    if width > 8 or (width and not size):
        raise Corrupt(f"{size} integers in the index have {width} bytes each")
    planes = np.frombuffer(reader.take(width * size), np.uint8).reshape(width, size)
    if width and not planes[-1].any():
        raise Corrupt("integers in the index have more bytes than they need")
    out = np.zeros((size, 8), np.uint8)
    out[:, :width] = planes.T
    return out.view("<u8").reshape(size).astype(np.uint64)


def pack_signed(values: npt.ArrayLike) -> bytes:
    """Return signed integers, mapped to unsigned ones (0, -1, 1, -2, ...), in planes."""
    signed = np.asarray(values, np.int64)
    return pack_words(((signed << 1) ^ (signed >> 63)).view(np.uint64))


def unpack_signed(reader: ByteReader, size: int) -> Ints:
    """Invert `pack_signed`."""
    words = unpack_words(reader, size)
    return ((words >> np.uint64(1)) ^ (np.uint64(0) - (words & np.uint64(1)))).view(np.int64)


def pack_steps(values: npt.ArrayLike, ramp: int = 0) -> bytes:
    """Return the differences of rows, less ``ramp``, as signed integers; before the first is 0."""
    rows = np.asarray(values, np.int64)
    return pack_signed(np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1])) - ramp)


def unpack_steps(reader: ByteReader, size: int, ramp: int = 0, columns: int | None = None) -> Ints:
    """Invert `pack_steps`, for ``size`` integers or ``size`` rows of ``columns`` integers."""
    shape = (size,) if columns is None else (size, columns)
    steps = unpack_signed(reader, size * (1 if columns is None else columns)).reshape(shape)
    return np.cumsum(steps + ramp, axis=0, dtype=np.int64)


def pack_strings(strings: Iterable[str]) -> bytes:
    """Return strings in UTF-8, each ended by a zero byte, with the size of all before them."""
    encoded = (text.encode("utf-8", "surrogatepass").replace(b"\0", _NUL) for text in strings)
    return sized(b"".join(text + b"\0" for text in encoded))


def unpack_strings(reader: ByteReader, size: int | None = None) -> Sequence[str]:
    """Invert `pack_strings`; raises Corrupt unless there are ``size`` strings."""
    body = bytes(reader.sized())
    if body and body[-1]:
        raise Corrupt("the last string of a list in the index has no end")
    pieces = body.split(b"\0")[:-1]
    if size is not None and len(pieces) != size:
        raise Corrupt(f"a list in the index has {len(pieces)} strings, expected {size}")
    try:
        return [piece.replace(_NUL, b"\0").decode("utf-8", "surrogatepass") for piece in pieces]
    except UnicodeDecodeError as error:
        raise Corrupt(f"a string in the index is not UTF-8: {error}") from None
