"""SZ3, SPERR and ZFP: compressors for fields on grids, with an absolute tolerance.

They promise nothing about zeros, NaN and infinities; what becomes of those is measured. Columns are
series to them, unless they are told the ``shape`` of an entry: then these are a field, if there are
so many values.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from baler.core.chunk import Array
from baler.evaluate.peers.base import load

_SPERR_RANGE = 2.0**52
"""Beyond 2^64 tolerances SPERR fails, beyond 2^53 float64 has no tolerances to count."""

SZ3_ALGORITHMS = ("NOPRED", "INTERP_LORENZO")
"""Without prediction, which suits tables best, and SZ3's default."""


@dataclass(frozen=True, slots=True)
class Sz3:
    """SZ3, the smallest of several of its algorithms; the time of all of them is spent."""

    algorithms: tuple[str, ...] = SZ3_ALGORITHMS
    shape: tuple[int, ...] = ()
    packages: ClassVar[tuple[str, ...]] = ("pysz",)

    def encode(self, values: Array, tolerance: float) -> bytes:
        """Return the smallest stream; a stream tells its algorithm itself."""
        return min((self._encode(values, tolerance, a) for a in self.algorithms), key=len)

    def _encode(self, values: Array, tolerance: float, algorithm: str) -> bytes:
        pysz = load("pysz")
        settings = pysz.szConfig()
        settings.errorBoundMode = pysz.szErrorBoundMode.ABS
        settings.absErrorBound = tolerance
        settings.cmprAlgo = getattr(pysz.szAlgorithm, algorithm)
        field = np.ascontiguousarray(values.reshape(_on_grid(values.size, self.shape)))
        stream, _ = pysz.sz.compress(field, settings)
        return bytes(stream.tobytes())

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int) -> Array:
        """Return the values of a stream."""
        stream = np.frombuffer(payload, np.uint8)
        shape = _on_grid(size, self.shape)
        values: Array = load("pysz").sz.decompress(stream, dtype.type, shape)[0]
        return values.reshape(-1)


@dataclass(frozen=True, slots=True)
class Zfp:
    """ZFP in its mode of fixed accuracy."""

    shape: tuple[int, ...] = ()
    packages: ClassVar[tuple[str, ...]] = ("zfpy",)

    def encode(self, values: Array, tolerance: float) -> bytes:
        """Return a stream with its header."""
        field = np.ascontiguousarray(values.reshape(_on_grid(values.size, self.shape)))
        return bytes(load("zfpy").compress_numpy(field, tolerance=tolerance))

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int) -> Array:
        """Return the values of a stream."""
        values: Array = load("zfpy").decompress_numpy(payload)
        return values.reshape(-1)


@dataclass(frozen=True, slots=True)
class Sperr:
    """SPERR with a point-wise tolerance, as an HDF5 filter on one chunk.

    A series is folded into a nearly square image, as a wavelet in one dimension is not offered; the
    last row is filled up with the last value. The bytes are those of the chunk and the parameters
    of the filter; nothing else of the HDF5 file is counted.
    """

    shape: tuple[int, ...] = ()
    packages: ClassVar[tuple[str, ...]] = ("hdf5plugin", "h5py")

    def encode(self, values: Array, tolerance: float) -> bytes | None:
        """Return the parameters of the filter and the chunk.

        None for NaN, infinities and values too large for the tolerance: the filter fails on them,
        and leaves HDF5 in a state that can crash the process later.
        """
        if not bool(np.all(np.abs(values) < tolerance * _SPERR_RANGE)):
            return None
        shape = self._image(values.size)
        image = np.full(math.prod(shape), values[-1], values.dtype)
        image[: values.size] = values
        options = load("hdf5plugin").Sperr(absolute=tolerance)
        with _memory_file() as file:
            dataset = file.create_dataset("x", data=image.reshape(shape), chunks=shape, **options)
            file.flush()
            skipped, chunk = dataset.id.read_direct_chunk((0,) * len(shape))
        if skipped:
            return None
        parameters = np.array(options["compression_opts"], np.uint32)
        return bytes([parameters.size]) + parameters.tobytes() + bytes(chunk)

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int) -> Array:
        """Return the values of a chunk."""
        shape, end = self._image(size), 1 + 4 * payload[0]
        parameters = tuple(np.frombuffer(payload[1:end], np.uint32).tolist())
        filters = load("hdf5plugin")
        options = {"compression": filters.SPERR_ID, "compression_opts": parameters}
        with _memory_file() as file:
            dataset = file.create_dataset("x", shape=shape, dtype=dtype, chunks=shape, **options)
            dataset.id.write_direct_chunk((0,) * len(shape), payload[end:])
            values: Array = dataset[...].reshape(-1)[:size]
        return values

    def _image(self, size: int) -> tuple[int, ...]:
        shape = _on_grid(size, self.shape)
        return shape if len(shape) in (2, 3) and min(shape) > 1 else _fold(size)


def _on_grid(size: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape of so many values: entries on a grid, or a series."""
    width = math.prod(shape)
    return (size // width, *shape) if shape and size % width == 0 else (size,)


def _fold(size: int) -> tuple[int, int]:
    width = max(2, math.isqrt(size - 1) + 1)
    return max(2, -(-size // width)), width


def _memory_file() -> AbstractContextManager[Any]:
    file: AbstractContextManager[Any] = load("h5py").File(
        "peer.h5", "w", driver="core", backing_store=False
    )
    return file
