"""One block: the payloads of a group's columns in one chunk, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from baler.container.layout import MAX_SOLID_BYTES
from baler.core.bytes import ByteReader, varint
from baler.entropy.lz import lzma_compress, lzma_decompress
from baler.errors import Corrupt


@dataclass(frozen=True, slots=True)
class Block:
    """The bytes of a block as stored, and how many more they become when decompressed."""

    stored: bytes
    saved: int  # 0: stored as it is; otherwise LZMA


def pack_block(payloads: Sequence[bytes], solid: bool) -> Block:
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
