"""Bins and an entropy coder, column by column: the best that is possible without a model.

Uniform bins for ``abs`` and ``sigma``, logarithmic bins for ``rel``; what the bins cannot serve is
kept verbatim beside them, so that the bound holds for every value. This is a peer, written for
sizes: its decoder uses ``exp`` and so is not one that decodes everywhere.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.core.bounds import Absolute, Bound, Relative, Sigma
from baler.core.bytes import ByteReader, sized, unzigzag, varint, zigzag
from baler.core.chunk import Array
from baler.evaluate.peers.base import Lossless

_LARGEST = 2.0**53
"""Numbers of bins beyond this are not exact in float64."""

_SIGMA_MARGIN = 1 - 2.0**-10
"""Uncertainties vary, and so does the room that the last rounding needs: 0.0014 bits for it."""


@dataclass(frozen=True, slots=True)
class Uniform:
    """Bins of ``step``, or of ``step * sigma``; zero is the middle of one."""

    step: float

    def number(self, values: Array, sigma: Array | None) -> Array:
        """Return the numbers of the bins, as floats that may lie anywhere."""
        return np.asarray(np.rint(values.astype(np.float64) / self._width(sigma)))

    def value(self, numbers: Array, sigma: Array | None) -> Array:
        """Return the middles of the bins."""
        return np.asarray(numbers * self._width(sigma))

    def _width(self, sigma: Array | None) -> float | Array:
        return self.step if sigma is None else self.step * sigma.astype(np.float64)


@dataclass(frozen=True, slots=True)
class Logarithmic:
    """Bins of equal ratio for either sign, counted from ``lowest``; number 0 is zero itself.

    Bin k holds [r^k, r^(k+1)) for r = (1 + f) / (1 - f), and decodes to (1 + f) r^k.
    """

    fraction: float
    lowest: int = 0

    @property
    def _width(self) -> float:
        return float(np.log1p(self.fraction) - np.log1p(-self.fraction))

    def raw(self, values: Array) -> Array:
        """Return the numbers of the bins before they are counted from the lowest."""
        return np.floor(np.log(np.abs(values.astype(np.float64))) / self._width)

    def number(self, values: Array, sigma: Array | None) -> Array:
        """Return the numbers of the bins, as floats; 0 for zero."""
        numbers = np.copysign(self.raw(values) - self.lowest + 1, values.astype(np.float64))
        return np.where(values == 0, 0.0, numbers)

    def value(self, numbers: Array, sigma: Array | None) -> Array:
        """Return the values that the bins decode to."""
        size = np.exp((np.abs(numbers) - 1 + self.lowest) * self._width) * (1 + self.fraction)
        return np.where(numbers == 0, 0.0, np.copysign(size, numbers))


@dataclass(frozen=True, slots=True)
class Bins:
    """Bins through a lossless coder."""

    coder: Lossless

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of the coder."""
        return self.coder.packages

    def encode(self, values: Array, bound: Bound, sigma: Array | None) -> bytes | None:
        """Return parameters, numbers of bins and patches; None if the dtype is too coarse."""
        with np.errstate(all="ignore"):  # NaN, infinities and zeros are found by the check below
            bins = _bins(values, bound)
            if bins is None:
                return None
            numbers = bins.number(values, sigma)
            inside = np.abs(numbers) < _LARGEST  # false for NaN
            codes = _narrow(np.where(inside, numbers, 0.0).astype(np.int64))
            decoded = bins.value(codes.astype(np.float64), sigma).astype(values.dtype)
        (index,) = np.nonzero(~(inside & bound.holds(values, decoded, sigma)))
        body = self.coder.encode(codes)
        head = [_write(bins), bytes([codes.dtype.itemsize]), varint(index.size)]
        if index.size:
            steps = np.diff(index, prepend=0).astype(np.uint32)
            bits = np.ascontiguousarray(values[index]).view(f"u{values.dtype.itemsize}")
            head += [sized(self.coder.encode(steps)), sized(self.coder.encode(bits))]
        return b"".join([*head, body])

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int, sigma: Array | None) -> Array:
        """Return the values of the bins, patched."""
        reader = ByteReader(payload)
        bins = _read(reader)
        code_dtype = np.dtype(f"i{reader.take(1)[0]}")
        count = reader.varint()
        index, bits = np.empty(0, np.int64), np.empty(0, f"u{dtype.itemsize}")
        if count:
            steps = self.coder.decode(bytes(reader.sized()), np.dtype(np.uint32), count)
            index = np.cumsum(steps, dtype=np.int64)
            bits = self.coder.decode(bytes(reader.sized()), bits.dtype, count)
        codes = self.coder.decode(bytes(reader.rest()), code_dtype, size)
        with np.errstate(all="ignore"):
            values = bins.value(codes.astype(np.float64), sigma).astype(dtype)
        values[index] = bits.view(dtype)
        return values


def _bins(values: Array, bound: Bound) -> Uniform | Logarithmic | None:
    """Return the widest bins that leave room for the rounding to the dtype of the column."""
    match bound:
        case Absolute(epsilon):
            finite = np.abs(values[np.isfinite(values)])
            typical = np.quantile(finite, 0.99) if finite.size else np.zeros(1, values.dtype)[0]
            room = float(np.spacing(values.dtype.type(typical))) / 2
            return Uniform(2 * (epsilon - room if room < epsilon / 2 else epsilon))
        case Sigma(fraction):
            return Uniform(2 * fraction * _SIGMA_MARGIN)
        case Relative(fraction):
            left = fraction - float(np.finfo(values.dtype).eps) / 2
            if left < fraction / 4:
                return None
            numbers = Logarithmic(left).raw(values[values != 0])
            finite = numbers[np.isfinite(numbers)]
            return Logarithmic(left, int(finite.min()) if finite.size else 0)
    return None


def _write(bins: Uniform | Logarithmic) -> bytes:
    if isinstance(bins, Uniform):
        return struct.pack("<Bd", 0, bins.step)
    return struct.pack("<Bd", 1, bins.fraction) + varint(zigzag(bins.lowest))


def _read(reader: ByteReader) -> Uniform | Logarithmic:
    logarithmic, number = struct.unpack("<Bd", reader.take(9))
    if not logarithmic:
        return Uniform(number)
    return Logarithmic(number, unzigzag(reader.varint()))


def _narrow(codes: npt.NDArray[np.int64]) -> Array:
    """Return the codes in the narrowest signed dtype of at least 16 bits that holds them."""
    low, high = (int(codes.min()), int(codes.max())) if codes.size else (0, 0)
    for dtype in (np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return codes.astype(dtype)
    return codes
