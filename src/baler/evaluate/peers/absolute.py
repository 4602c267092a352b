"""Other bounds as absolute ones, for compressors that know no others.

``rel`` becomes an absolute bound on log2 |x|, with signs and zeros beside it (Liang et al. 2018,
"An efficient transformation scheme for lossy data compression with point-wise relative error
bounds", https://doi.org/10.1109/CLUSTER.2018.00036). ``sigma`` becomes an absolute bound on
x / sigma. Nothing is checked or patched here: what the compressor breaks stays broken, and is
counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from baler.core.bounds import Absolute, Bound, Relative, Sigma
from baler.core.bytes import ByteReader, sized
from baler.core.chunk import Array
from baler.entropy.lz import zstd_compress, zstd_decompress

_ABSOLUTE, _RELATIVE, _SIGMA = range(3)
_POSITIVE, _NEGATIVE, _ZERO = range(3)


class AbsoluteCoder(Protocol):
    """A coder of float32 and float64 arrays that are not empty, with an absolute tolerance."""

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that the coder needs."""

    def encode(self, values: Array, tolerance: float) -> bytes | None:
        """Return everything that decoding needs; None for values that it cannot take at all."""

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int) -> Array:
        """Return values that should be within the tolerance."""


@dataclass(frozen=True, slots=True)
class ByAbsolute:
    """A coder for absolute bounds, given others too."""

    coder: AbsoluteCoder

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of the coder."""
        return self.coder.packages

    def encode(self, values: Array, bound: Bound, sigma: Array | None) -> bytes | None:
        """Return what the coder makes of the values, or of their logarithms or pulls.

        None for half precision, for a bound that the dtype is too coarse for, and for uncertainties
        that are not all positive and finite.
        """
        if values.dtype.itemsize < 4:
            return None
        match bound:
            case Absolute(epsilon):
                return self._tagged(_ABSOLUTE, self.coder.encode(values, epsilon))
            case Relative(fraction):
                return self._encode_logarithms(values, fraction)
            case Sigma(fraction) if sigma is not None and bool(np.all(_usable(sigma))):
                with np.errstate(all="ignore"):
                    pulls = values.astype(np.float64) / sigma.astype(np.float64)
                return self._tagged(_SIGMA, self.coder.encode(pulls, fraction * (1 - 2.0**-10)))
        return None

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int, sigma: Array | None) -> Array:
        """Invert `encode`, as far as the coder does."""
        form, body = payload[0], payload[1:]
        if form == _ABSOLUTE:
            return self.coder.decode(body, dtype, size)
        if form == _RELATIVE:
            return self._decode_logarithms(body, dtype, size)
        if sigma is None:
            raise ValueError("a payload in units of an uncertainty needs the uncertainties")
        pulls = self.coder.decode(body, np.dtype(np.float64), size)
        with np.errstate(all="ignore"):
            return np.asarray(pulls * sigma.astype(np.float64)).astype(dtype)

    def _tagged(self, form: int, body: bytes | None) -> bytes | None:
        return None if body is None else bytes([form]) + body

    def _encode_logarithms(self, values: Array, fraction: float) -> bytes | None:
        left = fraction - float(np.finfo(values.dtype).eps) / 2  # for the rounding of the result
        if left < fraction / 4:
            return None
        kinds = np.where(values == 0, _ZERO, np.where(values < 0, _NEGATIVE, _POSITIVE))
        side = zstd_compress(kinds.astype(np.uint8).tobytes(), 3)
        with np.errstate(all="ignore"):
            logarithms = np.log2(np.abs(values[kinds != _ZERO]).astype(np.float64))
        body: bytes | None = b""
        if logarithms.size:
            body = self.coder.encode(logarithms, float(np.log2(1 + left)) * (1 - 2.0**-20))
        return None if body is None else bytes([_RELATIVE]) + sized(side) + body

    def _decode_logarithms(self, body: bytes, dtype: np.dtype[Any], size: int) -> Array:
        reader = ByteReader(body)
        kinds = np.frombuffer(zstd_decompress(reader.sized(), size), np.uint8)
        values = np.zeros(size, np.float64)
        there = kinds != _ZERO
        count = int(there.sum())
        if count:
            logarithms = self.coder.decode(bytes(reader.rest()), np.dtype(np.float64), count)
            with np.errstate(all="ignore"):
                values[there] = np.exp2(logarithms)
        with np.errstate(all="ignore"):
            return np.where(kinds == _NEGATIVE, -values, values).astype(dtype)


def _usable(sigma: Array) -> Array:
    return np.asarray(np.isfinite(sigma) & (sigma > 0))
