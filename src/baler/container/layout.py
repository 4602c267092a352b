"""Constants and fixed-size records of the file format, in the order of ``docs/format.md``."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from baler.errors import Corrupt, NotABalerFile, TooNew, Truncated

MAGIC = b"\x89BLR\r\n\x1a\n"
"""The first and the last eight bytes of every file."""

PLAIN, LEARNED, LATENT = 1, 2, 3
"""Versions of the format: of files without a model, with a learned one, with a latent one."""

VERSION = LATENT
"""The last version that this package knows."""

_HEADER = struct.Struct("<8sHH")  # magic, version, reserved
_TAIL = struct.Struct("<QI")  # offset and size of the index; then CRC-32 and magic
_CHECKSUM = struct.Struct("<I")

HEADER_SIZE = _HEADER.size
TAIL_SIZE = _TAIL.size + _CHECKSUM.size + len(MAGIC)

SPECULATIVE_SIZE = 1 << 16
"""How much of the end of a file is read at once, in the hope that the index is in it."""

MAX_ITEMS = 1 << 20
"""Limit on the number of columns, of parents, of fields, of nodes, and of chunks."""

MAX_DEPTH = 64
"""Limit on the number of nodes on the way from a field to any of its leaves, both counted."""

MAX_SHARED = 255
"""Limit on the number of characters that a column's name takes over from the name before."""

MAX_ENTRIES = 1 << 40
"""Limit on the entries of a chunk."""

MAX_INDEX_BYTES = 1 << 28
"""Limit on the size of each part of the index after decompression."""

MAX_SOLID_BYTES = 1 << 26
"""Limit on the size of a compressed block after decompression; larger ones are stored plain."""

MAX_MODEL_BYTES = 1 << 26
"""Limit on the size of a model."""

MAX_LANES = 64
"""Limit on the number of streams in a block of a learned group."""

MAX_JOINT_VALUES = 1 << 28
"""Limit on the values of all columns together that a network codes in one chunk."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Where the index lies, and the checksum over header, index and these two numbers."""

    index_offset: int
    index_size: int
    checksum: int


def pack_header(version: int = PLAIN) -> bytes:
    """Return the first bytes of a file of a version."""
    return _HEADER.pack(MAGIC, version, 0)


def check_header(data: bytes | memoryview) -> int:
    """Return the version; raises a FormatError unless data begin like a file we know."""
    start = bytes(data[:HEADER_SIZE])
    if not start:
        raise Truncated("the file is empty")
    if not start.startswith(MAGIC[: len(start)]):
        raise NotABalerFile(_unlike(start))
    if len(start) < HEADER_SIZE:
        raise Truncated(f"the file has {len(start)} bytes, a header has {HEADER_SIZE}")
    _, version, reserved = _HEADER.unpack(start)
    if version > VERSION:
        raise TooNew(f"the file has format version {version}; this reader knows up to {VERSION}")
    if version < 1:
        raise Corrupt(f"the file has format version {version}, expected 1 to {VERSION}")
    if reserved:
        raise Corrupt(f"the reserved bytes of the header are {reserved}, expected 0")
    return int(version)


def _unlike(start: bytes) -> str:
    if start[1:4] == MAGIC[1:4]:
        return "the first bytes of the file are damaged, perhaps by a transfer in text mode"
    return f"not a .baler file: it begins with {start[:8].hex(' ')}, expected {MAGIC.hex(' ')}"


def pack_tail(header: bytes, index: bytes, index_offset: int) -> bytes:
    """Return the last bytes of a file."""
    place = _TAIL.pack(index_offset, len(index))
    return place + _CHECKSUM.pack(checksum(header, index, place)) + MAGIC


def unpack_tail(data: bytes | memoryview, file_size: int) -> Tail:
    """Return what the last bytes of a file of this size say; the checksum is not yet checked."""
    if file_size < HEADER_SIZE + TAIL_SIZE or len(data) < TAIL_SIZE:
        raise Truncated(
            f"the file has {file_size} bytes; none is shorter than {HEADER_SIZE + TAIL_SIZE}"
        )
    end = bytes(data[-TAIL_SIZE:])
    if end[-len(MAGIC) :] != MAGIC:
        raise Truncated(
            f"the file ends with {end[-len(MAGIC) :].hex(' ')}, expected {MAGIC.hex(' ')}: "
            "its end is missing or damaged"
        )
    offset, size = _TAIL.unpack_from(end)
    if offset < HEADER_SIZE or offset + size + TAIL_SIZE != file_size:
        raise Corrupt(
            f"the index is said to have {size} bytes at {offset}; "
            f"that does not fit a file of {file_size} bytes"
        )
    return Tail(offset, size, _CHECKSUM.unpack_from(end, _TAIL.size)[0])


def check_index(tail: Tail, header: bytes | memoryview, index: bytes | memoryview) -> None:
    """Raise Corrupt unless header, index and tail match the checksum in the tail."""
    found = checksum(header, index, _TAIL.pack(tail.index_offset, tail.index_size))
    if found != tail.checksum:
        raise Corrupt(
            f"header and index have the checksum {found:08x}, expected {tail.checksum:08x}"
        )


def checksum(*pieces: bytes | memoryview) -> int:
    """Return the CRC-32 (of zlib, PNG and Ethernet) of all pieces, one after the other."""
    value = 0
    for piece in pieces:
        value = zlib.crc32(piece, value)
    return value
