"""Codecs that need nothing but the array: raw bytes, a constant, pcodec, zstd, LZMA."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from baler.codecs.base import Array, Codec, Context, register
from baler.core.bytes import ByteReader
from baler.entropy.lz import lzma_compress, lzma_decompress, zstd_compress, zstd_decompress
from baler.entropy.pco import pco_compress, pco_decompress
from baler.errors import Corrupt


@register
class Raw(Codec):
    """The values in little-endian order."""

    code: ClassVar[int] = 0
    name: ClassVar[str] = "raw"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Copy the bytes."""
        return from_bytes(body.take(size * dtype.itemsize), dtype)


@register
class Constant(Codec):
    """One value, as often as needed."""

    code: ClassVar[int] = 1
    name: ClassVar[str] = "constant"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Repeat the value."""
        return np.repeat(from_bytes(body.take(dtype.itemsize), dtype), size)


@register
class Pco(Codec):
    """Numbers binned and delta-coded by pcodec."""

    code: ClassVar[int] = 2
    name: ClassVar[str] = "pco"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Decode with pcodec; booleans travel as uint8."""
        number = np.dtype(np.uint8) if dtype.kind == "b" else dtype
        return as_dtype(pco_decompress(body.rest(), number, size), dtype)


@register
class Zstd(Codec):
    """Raw bytes through zstd, for values that repeat in runs or patterns."""

    code: ClassVar[int] = 3
    name: ClassVar[str] = "zstd"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Decompress the bytes."""
        return from_bytes(zstd_decompress(body.rest(), size * dtype.itemsize), dtype)


@register
class Lzma(Codec):
    """Raw bytes through LZMA: smaller than zstd and slower to decode, for small arrays."""

    code: ClassVar[int] = 4
    name: ClassVar[str] = "lzma"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Decompress the bytes."""
        return from_bytes(lzma_decompress(body.rest(), size * dtype.itemsize), dtype)


def encode_raw(values: Array) -> bytes:
    """Return a raw payload."""
    return bytes([Raw.code]) + values.tobytes()


def encode_constant(value: Array) -> bytes:
    """Return a payload for any number of values like the first one of an array."""
    return bytes([Constant.code]) + value[:1].tobytes()


def encode_pco(values: Array, level: int) -> bytes:
    """Return a pcodec payload."""
    number = values.view(np.uint8) if values.dtype.kind == "b" else values
    return bytes([Pco.code]) + pco_compress(number, level)


def encode_zstd(values: Array, level: int) -> bytes:
    """Return a zstd payload."""
    return bytes([Zstd.code]) + zstd_compress(values.tobytes(), level)


def encode_lzma(values: Array) -> bytes:
    """Return an LZMA payload."""
    return bytes([Lzma.code]) + lzma_compress(values.tobytes())


def from_bytes(data: bytes | memoryview, dtype: np.dtype[Any]) -> Array:
    """Return a new array over little-endian bytes; booleans must be 0 or 1."""
    number = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    return as_dtype(np.frombuffer(data, number).copy(), dtype)


def as_dtype(values: Array, dtype: np.dtype[Any]) -> Array:
    """Return uint8 values as booleans if that is what is asked for."""
    if dtype.kind != "b":
        return values
    if values.size and int(values.max()) > 1:
        raise Corrupt(f"a boolean has the value {int(values.max())}")
    return values.view(dtype)
