"""One block: the payloads of a group's columns in one chunk, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from baler.codecs import accounted, is_learned, is_predicted
from baler.container.layout import MAX_LANES, MAX_SOLID_BYTES
from baler.core.bytes import ByteReader, varint
from baler.entropy.lz import lzma_compress, lzma_decompress
from baler.errors import Corrupt


@dataclass(frozen=True, slots=True)
class Block:
    """The bytes of a block as stored, and how many more they become when decompressed."""

    stored: bytes
    saved: int  # 0: stored as it is; otherwise LZMA


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a block."""

    payloads: Sequence[bytes | memoryview]  # of the columns of the group
    totals: Sequence[int] = ()  # of a learned group: sums of its columns that are counts of others
    streams: Sequence[bytes | memoryview] = ()  # of a learned group


def pack_block(payloads: Sequence[bytes | memoryview], solid: bool) -> Block:
    """Return the block of these payloads; a solid one is compressed if that makes it smaller."""
    directory = b"".join(varint(len(payload)) for payload in payloads[:-1])
    plain = directory + b"".join(payloads)
    if solid and len(plain) <= MAX_SOLID_BYTES:
        packed = lzma_compress(plain)
        if len(packed) < len(plain):
            return Block(packed, len(plain) - len(packed))
    return Block(plain, 0)


def unpack_block(stored: memoryview, saved: int, columns: int) -> list[memoryview]:
    """Return the payloads in a block of which the checksum was checked."""
    size = len(stored) + saved
    if saved and size > MAX_SOLID_BYTES:
        raise Corrupt(f"a compressed block has {size} bytes, more than {MAX_SOLID_BYTES}")
    reader = ByteReader(lzma_decompress(stored, size) if saved else stored)
    sizes = [reader.varint() for _ in range(columns - 1)]
    payloads = [reader.take(size) for size in sizes]
    return [*payloads, reader.rest()]


def pack_learned(contents: Contents) -> Block:
    """Return the block of a learned group."""
    sizes = [*map(len, contents.payloads), *contents.totals]
    lanes = [len(contents.streams), *map(len, contents.streams[:-1])]
    parts = (*map(varint, sizes), *contents.payloads, *map(varint, lanes), *contents.streams)
    return Block(b"".join(parts), 0)


def unpack_learned(stored: memoryview, columns: int, counted: int) -> Contents:
    """Invert `pack_learned`, for a group of which so many columns are counts of others."""
    reader = ByteReader(stored)
    sizes = [reader.varint() for _ in range(columns)]
    totals = [reader.varint() for _ in range(counted)]
    payloads = [reader.take(size) for size in sizes]
    lanes = reader.varint()
    if (lanes > 0) != any(map(has_share, payloads)) or lanes > MAX_LANES:
        raise Corrupt(f"a block of a learned group has {lanes} streams")
    lengths = [reader.varint() for _ in range(lanes - 1)]
    streams = [reader.take(length) for length in lengths]
    streams += [reader.rest()] if lanes else []
    reader.end()
    return Contents(payloads, totals, streams)


def has_share(payload: bytes | memoryview) -> bool:
    """Tell whether a network codes or predicts the column, so that it answers for streams."""
    return is_learned(payload) or is_predicted(payload)


def weights(payloads: Sequence[bytes | memoryview]) -> list[int]:
    """Return how many bytes of a block each payload answers for, its part of streams included."""
    return [len(p) + (accounted(p)[0] if has_share(p) else 0) for p in payloads]


def apportion(total: int, sizes: Sequence[int]) -> list[int]:
    """Return how many of a block's ``total`` bytes each payload answers for; they sum to it."""
    whole = sum(sizes)
    weights = sizes if whole else [1] * len(sizes)
    whole = whole or len(sizes)
    shares, before, seen = [], 0, 0
    for weight in weights:
        seen += weight
        until = total * seen // whole
        shares.append(until - before)
        before = until
    return shares
