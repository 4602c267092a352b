"""Codecs that make another array of an array, exactly: byte planes, bits, ranks."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from baler.codecs.base import (
    Array,
    Codec,
    Context,
    Inner,
    decode_payload,
    describe_payload,
    register,
)
from baler.core.bytes import ByteReader, sized, varint
from baler.errors import Corrupt
from baler.transforms import shuffled, unshuffled

MAX_RANKS = 1 << 16
"""The most distinct values that a rank codec lists."""
_U1 = np.dtype(np.uint8)


@register
class Shuffle(Codec):
    """The first bytes of all values, then their second bytes, and so on, as one uint8 array."""

    code: ClassVar[int] = 5
    name: ClassVar[str] = "shuffle"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Put the bytes back in order."""
        octets = decode_payload(body, _U1, size * dtype.itemsize, context, depth)
        if dtype.kind == "b":
            raise Corrupt("booleans have no byte planes")
        return unshuffled(octets, dtype)

    def describe(self, body: ByteReader, dtype: np.dtype[Any], depth: int) -> str:
        """Name what codes the bytes."""
        return f"{self.name}>{describe_payload(body, _U1, depth)}"


@register
class Flags(Codec):
    """Booleans, eight to a byte, the first one in the lowest bit; unused bits are zero."""

    code: ClassVar[int] = 6
    name: ClassVar[str] = "flags"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Unpack the bits."""
        if dtype.kind != "b":
            raise Corrupt(f"values of dtype {dtype} cannot be flags")
        octets = decode_payload(body, _U1, (size + 7) // 8, context, depth)
        if size % 8 and octets[-1] >> (size % 8):
            raise Corrupt("unused bits after flags are not zero")
        return np.unpackbits(octets, count=size, bitorder="little").view(np.bool_)

    def describe(self, body: ByteReader, dtype: np.dtype[Any], depth: int) -> str:
        """Name what codes the bytes."""
        return f"{self.name}>{describe_payload(body, _U1, depth)}"


@register
class Rank(Codec):
    """Positions in a list of the distinct values, which is coded first (as raw bytes order)."""

    code: ClassVar[int] = 7
    name: ClassVar[str] = "rank"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Look the values up."""
        listed = body.varint()
        if not 1 <= listed <= MAX_RANKS:
            raise Corrupt(f"a rank codec lists {listed} values; allowed are 1 to {MAX_RANKS}")
        table = decode_payload(ByteReader(body.sized()), dtype, listed, context, depth)
        ranks = decode_payload(body, rank_dtype(listed), size, context, depth)
        if size and int(ranks.max()) >= listed:
            raise Corrupt(f"rank {int(ranks.max())} in a list of {listed} values")
        return table[ranks]

    def describe(self, body: ByteReader, dtype: np.dtype[Any], depth: int) -> str:
        """Name what codes the ranks."""
        ranks = rank_dtype(body.varint())
        body.sized()
        return f"{self.name}>{describe_payload(body, ranks, depth)}"


def distinct(bits: Array) -> Array:
    """Return the distinct values of an array of unsigned integers, sorted."""
    if bits.dtype.itemsize <= 2:
        return np.flatnonzero(np.bincount(bits)).astype(bits.dtype)
    return np.sort(np.unique(bits))


def rank_dtype(listed: int) -> np.dtype[Any]:
    """Return the dtype of ranks in a list of so many values."""
    return np.dtype(np.uint8 if listed <= 256 else np.uint16)


def encode_shuffle(values: Array, inner: Inner) -> bytes:
    """Return a payload of byte planes."""
    return bytes([Shuffle.code]) + inner(shuffled(values))


def encode_flags(values: Array, inner: Inner) -> bytes:
    """Return a payload of booleans."""
    return bytes([Flags.code]) + inner(np.packbits(values, bitorder="little"))


def encode_rank(values: Array, inner: Inner, listed: Inner | None = None) -> bytes | None:
    """Return a payload of ranks; None if there are too many distinct values.

    ``inner`` encodes the ranks, and the list of values too unless there is ``listed`` for that.
    """
    bits = values.view(f"u{values.dtype.itemsize}")
    table = distinct(bits)
    if not 1 <= table.size <= MAX_RANKS:
        return None
    # in the order of the values, as far as they have one
    order = np.argsort(table.view(values.dtype), kind="stable")
    if bits.dtype.itemsize <= 2:
        place = np.zeros(1 << 16, rank_dtype(table.size))
        place[table[order]] = np.arange(table.size)
        ranks = place[bits]
    else:
        ranks = np.argsort(order)[np.searchsorted(table, bits)]
    table = table[order]
    head = (
        bytes([Rank.code]) + varint(table.size) + sized((listed or inner)(table.view(values.dtype)))
    )
    return head + inner(ranks.astype(rank_dtype(table.size)))
