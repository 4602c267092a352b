"""One part of the index: as it is, in LZMA, or in terms of the vocabulary."""

from __future__ import annotations

import hashlib
import lzma
from functools import cache
from importlib.resources import files

from baler.container.layout import MAX_INDEX_BYTES
from baler.core.bytes import ByteReader, varint
from baler.entropy.lz import (
    ZSTD_MAGIC,
    lzma_compress,
    lzma_decompress,
    zstd_compress,
    zstd_decompress,
)
from baler.errors import BalerError, Corrupt

VOCABULARY_SHA256 = "7696316bc901a91cade412cde8a5dddd004280b50059689b0aadf9978aa27b86"

_WORTH = 100
"""The vocabulary is used where it saves more than one part in so many of the whole file.

A file that does without can be read with the page on the format alone.
"""


@cache
def vocabulary() -> bytes:
    """Return names and titles of common event formats, as they would be in an index.

    Raises BalerError if the package is damaged: other bytes would give other names.
    """
    try:
        plain = lzma.decompress(files(__package__).joinpath("vocabulary.xz").read_bytes())
    except (OSError, EOFError, lzma.LZMAError):
        plain = b""
    if hashlib.sha256(plain).hexdigest() != VOCABULARY_SHA256:
        raise BalerError("the vocabulary in this copy of baler is damaged; install it again")
    return plain


def pack_part(plain: bytes, others: int) -> bytes:
    """Return a part of the index after its size and stored size.

    ``others`` is how many bytes the rest of the file has.
    """
    if len(plain) > MAX_INDEX_BYTES:
        raise Corrupt(f"a part of the index has {len(plain)} bytes, more than {MAX_INDEX_BYTES}")
    stored = min(plain, lzma_compress(plain), key=len)
    if _WORTH * len(stored) > len(stored) + others:
        told = zstd_compress(plain, 22, vocabulary())
        if _WORTH * (len(stored) - len(told)) > len(stored) + others:
            stored = told
    return varint(len(plain)) + varint(len(stored)) + stored


def unpack_part(reader: ByteReader) -> bytes | memoryview:
    """Invert `pack_part`; raises Corrupt for what it does not write."""
    size, stored = reader.varint(), reader.varint()
    if not stored <= size <= MAX_INDEX_BYTES:
        raise Corrupt(f"a part of the index has {size} bytes, stored in {stored}")
    body = reader.take(stored)
    if stored == size:
        return body
    if body[: len(ZSTD_MAGIC)] == ZSTD_MAGIC:
        return zstd_decompress(body, size, vocabulary())
    return lzma_decompress(body, size)
