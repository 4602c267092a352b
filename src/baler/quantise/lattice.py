"""Lattices: the sets of values that integers can stand for.

A lattice turns values into integers (the encoder's freedom) and integers into values (the
decoder's rule, which is normative: docs/format.md). The decoder's side uses integer arithmetic
and the IEEE 754 operations ``+ - * /`` in float64, each rounded once, then one rounding to the
dtype of the column; every machine gives the same values.
"""

from __future__ import annotations

import abc
import functools
import math
import struct
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from baler.core.bytes import varint
from baler.quantise.logarithm import ONE, progression

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

LIMIT = 1 << 62
"""Integers of a lattice lie strictly between -LIMIT and LIMIT."""
FARTHEST = 1 << 50
"""Larger numbers of a logarithmic lattice stand for infinity, as this one does."""
LOWEST = 1 << 40
"""Bias of the first bin of a logarithmic lattice in its parameters."""
MAX_BINS = 1 << 17
"""The finest logarithmic lattice: about rel 2^-18.5."""


class Lattice(abc.ABC):
    """A set of values numbered by integers. Final subclasses are frozen values."""

    __slots__ = ()

    code: ClassVar[int]
    name: ClassVar[str]

    @property
    def is_table(self) -> bool:
        """Whether equal numbers stand for equal values, wherever they are in a column."""
        return True

    @abc.abstractmethod
    def nearest(self, values: Array) -> Ints:
        """Return the number of a lattice value near each value; any for values out of reach."""

    @abc.abstractmethod
    def values(self, numbers: Ints, dtype: np.dtype[Any]) -> Array:
        """Return the lattice values with these numbers (normative)."""

    def parameters(self) -> bytes:
        """Return what the decoder needs to know."""
        return b""


@dataclass(frozen=True, slots=True)
class Integers(Lattice):
    """The integers themselves, for columns of integers; arithmetic wraps around at 64 bits."""

    code: ClassVar[int] = 0
    name: ClassVar[str] = "int"

    def nearest(self, values: Array) -> Ints:
        """Return the values as int64."""
        return values.astype(np.int64)

    def values(self, numbers: Ints, dtype: np.dtype[Any]) -> Array:
        """Return the numbers in the column's dtype."""
        return numbers.astype(dtype)


@dataclass(frozen=True, slots=True)
class Bits(Lattice):
    """Floats whose last ``shift`` bits are zero, in order; all floats for shift 0.

    The nearest ones are mantissas rounded half up, in magnitude.
    """

    shift: int
    code: ClassVar[int] = 1
    name: ClassVar[str] = "bits"

    def nearest(self, values: Array) -> Ints:
        """Return the rounded magnitude bits without the last ``shift``, ordered."""
        magnitude = values.view(f"<i{values.dtype.itemsize}").astype(np.int64)
        sign = magnitude < 0
        magnitude &= (1 << (8 * values.dtype.itemsize - 1)) - 1
        half = 1 << self.shift >> 1
        magnitude = (magnitude >> self.shift) + (magnitude & half != 0)
        return np.asarray(np.where(sign, ~magnitude, magnitude))

    def values(self, numbers: Ints, dtype: np.dtype[Any]) -> Array:
        """Return the floats with these ordered bits."""
        sign = numbers < 0
        with np.errstate(over="ignore"):
            magnitude = np.where(sign, ~numbers, numbers) << self.shift
        width = 8 * dtype.itemsize
        pattern = (magnitude & ((1 << (width - 1)) - 1)).astype(f"<u{dtype.itemsize}")
        pattern[sign] |= pattern.dtype.type(1 << (width - 1))
        return pattern.view(dtype)

    def parameters(self) -> bytes:
        """Return the shift as one byte."""
        return bytes([self.shift])


@dataclass(frozen=True, slots=True)
class Decimal(Lattice):
    """Numbers with ``digits`` decimal digits after the point: number / 10**digits."""

    digits: int
    code: ClassVar[int] = 2
    most: ClassVar[int] = 18
    name: ClassVar[str] = "decimal"

    def nearest(self, values: Array) -> Ints:
        """Return the nearest multiple of the last digit."""
        with np.errstate(invalid="ignore", over="ignore"):
            return _round(values.astype(np.float64) * float(10**self.digits))

    def values(self, numbers: Ints, dtype: np.dtype[Any]) -> Array:
        """Return the quotients, computed in float64."""
        with np.errstate(over="ignore"):
            return (numbers.astype(np.float64) / float(10**self.digits)).astype(dtype)

    def parameters(self) -> bytes:
        """Return the digits as one byte."""
        return bytes([self.digits])


@dataclass(frozen=True, slots=True)
class Uniform(Lattice):
    """Multiples of a step, optionally shifted by part of a step for each value (dither)."""

    step: float
    shifts: Floats | None = None
    code: ClassVar[int] = 3
    name: ClassVar[str] = "abs"

    @property
    def is_table(self) -> bool:
        """Unless the lattice is dithered."""
        return self.shifts is None

    def nearest(self, values: Array) -> Ints:
        """Return the nearest multiple."""
        with np.errstate(invalid="ignore", over="ignore"):
            ratio = values.astype(np.float64) / self.step
        return _round(ratio if self.shifts is None else ratio - self.shifts)

    def values(self, numbers: Ints, dtype: np.dtype[Any]) -> Array:
        """Return (number + shift) * step, computed in float64."""
        exact = numbers.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            exact = (exact if self.shifts is None else exact + self.shifts) * self.step
            return exact.astype(dtype)

    def parameters(self) -> bytes:
        """Return the step as a float64."""
        return struct.pack("<d", self.step)

    def centred(self, guess: Floats) -> Uniform:
        """Return the lattice shifted for each value so that the guess is one of its points."""
        with np.errstate(over="ignore"):
            return replace(self, shifts=_beside(guess / self.step))


@dataclass(frozen=True, slots=True)
class Scaled(Lattice):
    """Multiples of a step of each value's own: ``scale`` times its uncertainty."""

    scale: float
    sigma: Array
    parent: int
    shifts: Floats | None = None
    code: ClassVar[int] = 4
    name: ClassVar[str] = "sigma"

    @property
    def is_table(self) -> bool:
        """Each value has its own step."""
        return False

    def nearest(self, values: Array) -> Ints:
        """Return the nearest multiple."""
        with np.errstate(all="ignore"):
            ratio = values.astype(np.float64) / self.steps()
        return _round(ratio if self.shifts is None else ratio - self.shifts)

    def values(self, numbers: Ints, dtype: np.dtype[Any]) -> Array:
        """Return (number + shift) * step, computed in float64."""
        exact = numbers.astype(np.float64)
        with np.errstate(all="ignore"):
            exact = exact if self.shifts is None else exact + self.shifts
            return (exact * self.steps()).astype(dtype)

    def steps(self) -> Floats:
        """Return scale * sigma, 0 where not finite: the bits of NaN depend on the machine."""
        steps = self.scale * self.sigma.astype(np.float64)
        return np.where(np.isfinite(steps), steps, 0.0)

    def centred(self, guess: Floats) -> Scaled:
        """Return the lattice shifted for each value so that the guess is one of its points."""
        with np.errstate(all="ignore"):
            return replace(self, shifts=_beside(guess / self.steps()))

    def parameters(self) -> bytes:
        """Return the scale as a float64 and the position of the column of uncertainties."""
        return struct.pack("<d", self.scale) + varint(self.parent)


@dataclass(frozen=True, slots=True)
class Logarithmic(Lattice):
    """Values in geometric progression, ``bins`` in each ``octaves``, mirrored for negative values.

    Number 0 stands for 0.0; number ``q > 0`` for 2**(k * octaves / bins + phase) with
    k = q - 1 + lowest. With dither a value is multiplied by ``1 + spread * shift``, on a centred
    lattice by a factor of its own.
    """

    bins: int
    octaves: int  # a power of two
    phase: int  # Q61
    lowest: int
    spread: float = 0.0
    shifts: Floats | None = None
    factors: Floats | None = None
    code: ClassVar[int] = 5
    name: ClassVar[str] = "rel"

    @property
    def is_table(self) -> bool:
        """Unless the lattice is dithered or centred."""
        return self.shifts is None and self.factors is None

    def nearest(self, values: Array) -> Ints:
        """Return the number of the bin that holds each value; 0 for zero and what is not finite."""
        exact = self._undithered(values)
        k, inside = self.bin(exact)
        return self._numbers(exact, k, inside)

    def fitted(self, values: Array) -> tuple[Logarithmic, Ints]:
        """Return the lattice with its first bin at the smallest value, and the values' numbers."""
        exact = self._undithered(values)
        k, inside = self.bin(exact)
        lowest = int(k.min(where=inside, initial=LOWEST))
        lattice = replace(self, lowest=0 if lowest == LOWEST else lowest)
        return lattice, lattice._numbers(exact, k, inside)

    def _undithered(self, values: Array) -> Floats:
        with np.errstate(invalid="ignore", over="ignore"):
            exact = values.astype(np.float64)
            if self.factors is not None:
                return exact / self.factors
            return exact if self.shifts is None else exact / (1.0 + self.spread * self.shifts)

    def _numbers(self, exact: Floats, k: Ints, inside: npt.NDArray[np.bool_]) -> Ints:
        number = np.maximum(k - (self.lowest - 1), 1)
        np.negative(number, out=number, where=np.signbit(exact))
        number[~inside] = 0
        return number

    def bin(self, exact: Floats) -> tuple[Ints, npt.NDArray[np.bool_]]:
        """Return floor(log2|x| * bins / octaves), and where it is defined (normal, not zero)."""
        edges, start, shift = first_guesses(self.bins, self.octaves)
        key = (exact.view(np.int64) & ((1 << 63) - 1)) - (1023 << 52)  # exponent and mantissa
        period = key >> (51 + self.octaves.bit_length())
        key &= (self.octaves << 52) - 1
        k = start[key >> shift]
        k = k + (key >= edges[k + 1])
        magnitude = np.abs(exact)
        inside = (magnitude >= np.finfo(np.float64).tiny) & (magnitude < np.inf)
        return period * self.bins + k, inside

    def values(self, numbers: Ints, dtype: np.dtype[Any]) -> Array:
        """Return the values, computed in float64 from a table of one period."""
        k = np.abs(np.clip(numbers, -FARTHEST, FARTHEST)) - 1 + self.lowest
        with np.errstate(over="ignore", under="ignore"):
            exact = np.where(numbers == 0, 0.0, np.copysign(self._magnitudes(k), numbers))
            if self.factors is not None:
                exact = exact * self.factors
            elif self.shifts is not None:
                exact = exact * (1.0 + self.spread * self.shifts)
            return exact.astype(dtype)

    def _magnitudes(self, k: Ints) -> Floats:
        """Return 2**(k * octaves / bins + phase)."""
        period = k // self.bins
        table = progression(self.bins, self.octaves, self.phase)
        exponent = np.clip(period * self.octaves, -1200, 1200).astype(np.int32)
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.ldexp(table[k - period * self.bins], exponent))

    def centred(self, guess: Floats) -> Logarithmic:
        """Return the lattice stretched for each value so that the guess is one of its points.

        A guess of zero, or of next to it, stretches nothing.
        """
        k, inside = self.bin(guess)
        with np.errstate(all="ignore"):
            factors = np.abs(guess) / self._magnitudes(np.where(inside, k, 0))
        usual = inside & (factors > 0.25) & (factors < 4.0)
        return replace(self, factors=np.where(usual, factors, 1.0))

    def parameters(self) -> bytes:
        """Return bins, log2 of octaves, phase, lowest (biased by 2**40) and spread."""
        head = varint(self.bins) + bytes([self.octaves.bit_length() - 1]) + varint(self.phase)
        return head + varint(self.lowest + LOWEST) + struct.pack("<d", self.spread)


def logarithmic(fraction: float, dtype: np.dtype[Any], dithered: bool) -> Logarithmic | None:
    """Return the coarsest logarithmic lattice for ``rel fraction`` (lowest is left at 0).

    A bin [a, b) and its value v keep the bound if b (1 - r) <= v <= a (1 + r), hence
    b / a <= (1 + r) / (1 - r). Half a unit in the last place of the dtype is left for the final
    rounding. None if the dtype is too coarse or the bound too fine for this lattice.
    """
    r = fraction - 1.01 * float(np.finfo(dtype).eps) / 2
    if r <= fraction / 2 or r >= 1:
        return None
    if dithered:
        r *= 1 - r  # value and edges move together; leave room for the curvature
    widest = math.log2((1 + r) / (1 - r))
    octaves = 1 if widest < 1 / 64 else 16
    bins = math.ceil(octaves / widest)
    if bins > MAX_BINS:
        return None
    phase = math.log2(1 + r) - (widest - octaves / bins) / 2
    spread = 2.0 ** (octaves / bins) - 1 if dithered else 0.0
    return Logarithmic(bins, octaves, max(0, int(phase * ONE)), 0, spread)


def rounded(fraction: float, dtype: np.dtype[Any]) -> Bits | None:
    """Return floats with the shortest mantissa that keeps ``rel fraction``; None if that is all.

    Rounding off the last s of m mantissa bits makes a relative error of at most 2**(s - 1 - m).
    """
    spare = math.floor(math.log2(fraction)) + int(np.finfo(dtype).nmant) + 1
    return Bits(spare) if spare > 0 else None


@functools.lru_cache(maxsize=64)
def first_guesses(bins: int, octaves: int) -> tuple[Ints, Ints, int]:
    """Return keys (exponent and mantissa) where bins begin, and a first guess by their top bits."""
    edges = progression(bins, octaves, 0).view(np.int64) - (1023 << 52)
    width = max(4, bins.bit_length() + 2)
    shift = 51 + octaves.bit_length() - width
    cells = np.arange(1 << width, dtype=np.int64) << shift
    start = np.searchsorted(edges, cells, side="right") - 1
    return np.append(edges, np.int64(1) << 62), start, shift


def _beside(ratio: Floats) -> Floats:
    """Return how far ratios are from the nearest integers; 0 where those are not exact."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(ratio) < 2.0**52, ratio - np.rint(ratio), 0.0)


def _round(ratio: Floats) -> Ints:
    """Return the nearest integers; 0 where there is none below LIMIT."""
    with np.errstate(invalid="ignore"):
        rounded = np.rint(ratio)
        return np.where(np.abs(rounded) < LIMIT, rounded, 0.0).astype(np.int64)
