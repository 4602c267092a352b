"""Lossless coders: bytes through zstd and LZMA, numbers through pcodec and OpenZL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from baler.core.chunk import Array
from baler.entropy.lz import lzma_compress, lzma_decompress, zstd_compress, zstd_decompress
from baler.entropy.pco import pco_compress, pco_decompress
from baler.evaluate.peers.base import load


def shuffle(values: Array) -> bytes:
    """Return the first bytes of all values, then the second, and so on."""
    return values.view(np.uint8).reshape(values.size, values.dtype.itemsize).T.tobytes()


def unshuffle(data: bytes, dtype: np.dtype[Any]) -> Array:
    """Invert `shuffle`."""
    planes = np.frombuffer(data, np.uint8).reshape(dtype.itemsize, -1)
    return np.ascontiguousarray(planes.T).reshape(-1).view(dtype)


@dataclass(frozen=True, slots=True)
class Zstd:
    """Bytes through zstd."""

    level: int
    packages: ClassVar[tuple[str, ...]] = ("zstandard",)

    def pack(self, data: bytes) -> bytes:
        """Return data as one frame; nothing for nothing."""
        return zstd_compress(data, self.level) if data else b""

    def unpack(self, data: bytes, size: int) -> bytes:
        """Invert `pack`."""
        return zstd_decompress(data, size) if size else b""


@dataclass(frozen=True, slots=True)
class Xz:
    """Bytes through LZMA2 with the settings of ``xz -9``, without the frame around the stream."""

    packages: ClassVar[tuple[str, ...]] = ()

    def pack(self, data: bytes) -> bytes:
        """Return data as one stream."""
        return lzma_compress(data)

    def unpack(self, data: bytes, size: int) -> bytes:
        """Invert `pack`."""
        return lzma_decompress(data, size)


@dataclass(frozen=True, slots=True)
class Plain:
    """The bytes of the values in their order."""

    bytewise: Zstd | Xz

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of the coder of bytes."""
        return self.bytewise.packages

    def encode(self, values: Array) -> bytes:
        """Return the packed bytes."""
        return self.bytewise.pack(values.tobytes())

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int) -> Array:
        """Invert `encode`."""
        return np.frombuffer(self.bytewise.unpack(payload, size * dtype.itemsize), dtype)


@dataclass(frozen=True, slots=True)
class Shuffled:
    """The bytes of the values, equal places side by side."""

    bytewise: Zstd | Xz

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of the coder of bytes."""
        return self.bytewise.packages

    def encode(self, values: Array) -> bytes:
        """Return the packed planes."""
        return self.bytewise.pack(shuffle(values))

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int) -> Array:
        """Invert `encode`."""
        return unshuffle(self.bytewise.unpack(payload, size * dtype.itemsize), dtype)


@dataclass(frozen=True, slots=True)
class Smaller:
    """`Plain` or `Shuffled`, whichever is smaller; the time of both is spent."""

    bytewise: Zstd | Xz

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of the coder of bytes."""
        return self.bytewise.packages

    def encode(self, values: Array) -> bytes:
        """Return a byte that tells which, and the smaller result."""
        plain = Plain(self.bytewise).encode(values)
        if values.dtype.itemsize == 1:
            return b"\0" + plain
        shuffled = Shuffled(self.bytewise).encode(values)
        return b"\0" + plain if len(plain) <= len(shuffled) else b"\1" + shuffled

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int) -> Array:
        """Invert `encode`."""
        coder = Shuffled(self.bytewise) if payload[0] else Plain(self.bytewise)
        return coder.decode(payload[1:], dtype, size)


@dataclass(frozen=True, slots=True)
class Pcodec:
    """Numbers through pcodec in its wrapped form; booleans as bytes."""

    level: int
    packages: ClassVar[tuple[str, ...]] = ("pcodec",)

    def encode(self, values: Array) -> bytes:
        """Return a pcodec stream."""
        return pco_compress(values.view(_numeric(values.dtype)), self.level)

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int) -> Array:
        """Invert `encode`."""
        return pco_decompress(payload, _numeric(dtype), size).view(dtype)


def _numeric(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype


@dataclass(frozen=True, slots=True)
class OpenZL:
    """Numbers, as unsigned integers, through OpenZL's generic graph."""

    level: int
    packages: ClassVar[tuple[str, ...]] = ("openzl",)

    def encode(self, values: Array) -> bytes:
        """Return one frame."""
        if not values.size:
            return b""
        zl = load("openzl.ext")
        compressor = zl.Compressor()
        compressor.select_starting_graph(zl.graphs.Compress()(compressor))
        context = zl.CCtx()
        context.ref_compressor(compressor)
        context.set_parameter(zl.CParam.FormatVersion, zl.MAX_FORMAT_VERSION)
        context.set_parameter(zl.CParam.CompressionLevel, self.level)
        # An Input does not own its buffer: `bits` has to live until the frame is made.
        bits = np.ascontiguousarray(values).view(f"u{values.dtype.itemsize}")
        column = zl.Input(zl.Type.Numeric, bits)
        return bytes(context.compress([column]))

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int) -> Array:
        """Invert `encode`."""
        if not size:
            return np.empty(0, dtype)
        outputs = load("openzl.ext").DCtx().decompress(payload)
        bits: Array = outputs[0].content.as_nparray()
        return bits.copy().view(dtype)
